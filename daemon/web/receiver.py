"""The receiver: bounded body, signature, hint stored, pull woken, 200. It cannot change an invoice, and
the daemon is complete without it.

Answers have no body: 200 accepted or known already, 401 the signature does not fit, 404 no such address,
429 too fast (with Retry-After), 503 not stored (the provider sends it again). The limits on size and
slowness are the server's (`web.server`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from daemon.errors import HintNotReady, HintRejected, InvalidInput, NotFound, Stopping, StoreError, VaultError
from daemon.house import House
from daemon.store import certificates
from daemon.web.access import HUSHED, REQUEST_ID, WSGI, Environ, logged
from daemon.web.addresses import Addresses, Found, Key
from daemon.web.doors import Arrived, Told, Unready
from daemon.web.inbox import Inbox
from daemon.web.limits import TOO_MANY, Budget, Refusal, Sparingly, client_of
from daemon.web.nudge import Nudge
from daemon.web.outcomes import Outcomes

ROOT = "/api/webhooks/billing/"
LONGEST = 200
"""Of a path: what is longer is none of ours, and is not remembered."""

FORGED = Refusal("401 Unauthorized", HintRejected.code)
UNKNOWN = Refusal("404 Not Found", "WB-NOT-FOUND")
NOT_POSTED = Refusal("405 Method Not Allowed", "WB-INPUT", more=(("Allow", "POST"),))

Answer = tuple[str, Refusal | None]
"""What became of a delivery, for the count, and how it is refused (None: 200)."""

log = structlog.get_logger()


def receiver_app(house: House, outcomes: Outcomes | None = None) -> WSGI:
    """The three addresses of the design, as one WSGI application; `outcomes` counts for monitoring."""
    receiver = Receiver(house, outcomes or Outcomes())
    return logged(receiver, face="receiver", clock=house.clock, entropy=house.entropy)


def key_of(path: str) -> Key | None:
    """What a path of the receiver names; None for every other path."""
    if not path.startswith(ROOT) or len(path) > LONGEST or not (path.isascii() and path.isprintable()):
        return None
    match path[len(ROOT) :].split("/"):
        case ["integrations", integration_id]:
            return ("integration", integration_id)
        case ["apps", provider, app_id]:
            return ("app", provider, app_id)
        case [customer_id, provider]:
            return ("customer", customer_id, provider)
    return None


class Receiver:
    """A WSGI application, used by all threads of the server. Without a framework: bottle took a third of
    the time of a delivery, for three addresses and answers without a body."""

    def __init__(self, house: House, outcomes: Outcomes) -> None:
        self._house = house
        self._outcomes = outcomes
        self._addresses = Addresses(house)
        self._inbox = Inbox(house)
        self._nudge = Nudge(house, "pull")
        self._fetch = Nudge(house, "keepalive")
        self._told = Sparingly(house.clock)
        # By client and address: a forger uses up its own budget, never the provider's.
        self._forged = Budget(house.settings.receiver.per_minute, house.clock)

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        outcome, refusal = self._answer(environ)
        self._outcomes.add(outcome)
        status, headers = (refusal.status, refusal.headers) if refusal else ("200 OK", [])
        start_response(status, [*headers, ("Content-Length", "0")])
        return [b""]

    def _answer(self, environ: Environ) -> Answer:
        key = key_of(environ.get("PATH_INFO", ""))
        if key is None:
            self._hush(("unknown",), environ)
            return "unknown", UNKNOWN
        if environ["REQUEST_METHOD"] != "POST":
            return "not_posted", NOT_POSTED
        return self._answer_post(key, environ)

    def _answer_post(self, key: Key, environ: Environ) -> Answer:
        forger = (client_of(environ.get("REMOTE_ADDR", "")), key)
        wait_s = self._forged.wait_s(forger)
        if wait_s:
            self._hush(("too_fast", *key), environ)
            return "too_fast", replace(TOO_MANY, retry_after_s=wait_s)
        try:
            with self._house.store.session():
                return self._deliver(key, environ)
        except NotFound:
            self._hush(("unknown",), environ)
            return "unknown", UNKNOWN
        except HintRejected as error:
            self._forged.take(forger)
            count = self._hush(("forged", *key), environ)
            if count:
                log.warning("receiver.rejected", reason=error.message, count=count, **_place(key, environ))
            return "forged", FORGED
        except (HintNotReady, Stopping, StoreError, VaultError, InvalidInput) as error:
            if isinstance(error, HintNotReady):  # nothing proves yet who sent it
                self._forged.take(forger)
            count = self._hush((error.code, *key), environ)
            if count:
                place = _place(key, environ)
                log.error("receiver.not_stored", code=error.code, text=error.message, count=count, **place)
            return "not_stored", Refusal("503 Service Unavailable", error.code, 30)

    def _hush(self, what: Key, environ: Environ) -> int:
        """How many of these were not told yet, once a minute; else 0, and the request's own line is left
        out: a flood must not fill the disk."""
        count = self._told.due(what)
        environ[HUSHED] = not count
        return count

    def _deliver(self, key: Key, environ: Environ) -> Answer:
        told = self._verified(key, environ)
        if told.strangers:
            count = self._told.due(("strangers", *key), told.strangers)
            if count:
                log.info("receiver.unknown_account", count=count, **_place(key, environ))
        if not told.parts:
            return "unknown_account" if told.strangers else "of_no_concern", None
        stored = [self._inbox.take_in(integration, hints) for integration, hints in told.parts]
        wait_s = max(one.retry_after_s for one in stored)
        if wait_s and key[0] != "app":  # there the others were stored; this one is asked for as a whole
            return "too_fast", replace(TOO_MANY, retry_after_s=wait_s)
        if any(one.fresh for one in stored):
            self._nudge()
            return "accepted", None
        return "duplicate" if any(hints for _row, hints in told.parts) else "of_no_concern", None

    def _verified(self, key: Key, environ: Environ) -> Told:
        """What the delivery tells, by the keys that fit it. Raises HintRejected, HintNotReady."""
        found = self._addresses.find(key)
        arrived = _arrived(environ, self._house.clock.now())
        try:
            try:
                return _first_fitting(found, arrived)
            except HintRejected:
                now = self._addresses.again(key, found)
                if now is None:
                    raise
                return _first_fitting(now, arrived)
        except Unready as error:
            self._wish(error)
            raise

    def _wish(self, error: Unready) -> None:
        """Note the certificate that is missing, and have it fetched: the receiver itself calls nobody."""
        integration_id, url = error.integration.id, error.wants
        if url is None or not self._told.due(("wish", integration_id, url)):
            return
        now = self._house.clock.now()
        noted = self._house.store.write("receiver.wish", lambda: certificates.want(integration_id, url, now))
        if noted:
            self._fetch()


def _place(key: Key, environ: Environ) -> dict[str, str]:
    client = environ.get("REMOTE_ADDR", "")
    return {"address": "/".join(key), "client": client, "request_id": environ.get(REQUEST_ID, "")}


def _arrived(environ: Environ, at: datetime) -> Arrived:
    length = environ.get("CONTENT_LENGTH") or "0"
    return Arrived(environ["wsgi.input"].read(int(length)), Headers(environ), at)


class Headers(Mapping[str, str]):
    """The request's headers by lower-case name. A delivery has twenty, an adapter reads one or two."""

    __slots__ = ("_environ",)

    def __init__(self, environ: Environ) -> None:
        self._environ = environ

    def __getitem__(self, name: str) -> str:
        if name == "content-type":
            return str(self._environ["CONTENT_TYPE"])
        value: str = self._environ[f"HTTP_{name.upper().replace('-', '_')}"]
        return value

    def __iter__(self) -> Iterator[str]:
        for name in self._environ:
            if name.startswith("HTTP_"):
                yield name[5:].replace("_", "-").lower()
            elif name == "CONTENT_TYPE":
                yield "content-type"

    def __len__(self) -> int:
        return sum(1 for _name in self)


def _first_fitting(found: Found, arrived: Arrived) -> Told:
    """A customer's address may mean two accounts, while one drains: whose secret fits, is meant. Where one
    cannot tell yet, and no other fits, the delivery is to come again."""
    refused: HintRejected | Unready | None = None
    for door in found.those:
        try:
            return door.read(arrived)
        except Unready as error:
            refused = error
        except HintRejected as error:
            refused = refused or error
    raise refused or HintRejected
