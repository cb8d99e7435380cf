"""The receiver: bounded body, signature, hint stored, pull woken, 200. It cannot change an invoice, and
the daemon is complete without it.

Answers have no body: 200 accepted or known already, 401 the signature does not fit, 404 no such address,
429 too fast (with Retry-After), 503 not stored (the provider sends it again). The limits on size and
slowness are the server's (`web.server`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog

from daemon.errors import HintNotReady, HintRejected, InvalidInput, NotFound, Stopping, StoreError, VaultError
from daemon.house import House
from daemon.model import Delivery, Hint
from daemon.store.webhook import WebhookKeys
from daemon.web.access import REQUEST_ID, WSGI, Environ, logged
from daemon.web.addresses import Addresses, Found, Key, Registered
from daemon.web.inbox import Inbox
from daemon.web.limits import TOO_MANY, Budget, Refusal, client_of
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
            return "unknown", UNKNOWN
        if environ["REQUEST_METHOD"] != "POST":
            return "not_posted", NOT_POSTED
        return self._answer_post(key, environ)

    def _answer_post(self, key: Key, environ: Environ) -> Answer:
        forger = (client_of(environ.get("REMOTE_ADDR", "")), key)
        wait_s = self._forged.wait_s(forger)
        if wait_s:
            return "too_fast", replace(TOO_MANY, retry_after_s=wait_s)
        try:
            with self._house.store.session():
                return self._deliver(key, environ)
        except NotFound:
            return "unknown", UNKNOWN
        except HintRejected as error:
            self._forged.take(forger)
            log.warning("receiver.rejected", reason=error.message, **_place(key, environ))
            return "forged", FORGED
        except (HintNotReady, Stopping, StoreError, VaultError, InvalidInput) as error:
            log.error("receiver.not_stored", code=error.code, text=error.message, **_place(key, environ))
            return "not_stored", Refusal("503 Service Unavailable", error.code, 30)

    def _deliver(self, key: Key, environ: Environ) -> Answer:
        registered, hints = self._verified(key, environ)
        stored = self._inbox.take_in(registered.integration, hints)
        if stored.retry_after_s:
            return "too_fast", replace(TOO_MANY, retry_after_s=stored.retry_after_s)
        if stored.fresh:
            self._nudge()
            return "accepted", None
        return "duplicate" if hints else "of_no_concern", None

    def _verified(self, key: Key, environ: Environ) -> tuple[Registered, list[Hint]]:
        """The integration whose keys fit, and what the delivery points at. Raises HintRejected."""
        found = self._addresses.find(key)
        arrived = _arrived(environ, self._house.clock.now())
        try:
            return _first_fitting(found, arrived)
        except HintRejected:
            now = self._addresses.again(key, found)
            if now is None:
                raise
            return _first_fitting(now, arrived)


def _place(key: Key, environ: Environ) -> dict[str, str]:
    return {"address": "/".join(key), "request_id": environ.get(REQUEST_ID, "")}


@dataclass(frozen=True, slots=True)
class Arrived:
    """A delivery before it is known whose it is: raw bytes, lower-case header names, when."""

    body: bytes
    headers: Mapping[str, str]
    at: datetime

    def to(self, keys: WebhookKeys) -> Delivery:
        return Delivery(self.body, self.headers, keys.url, keys.secrets, self.at)


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


def _first_fitting(found: Found, arrived: Arrived) -> tuple[Registered, list[Hint]]:
    """A customer's address may mean two accounts, while one drains: whose secret fits, is meant."""
    *others, last = found.those
    for registered in others:
        try:
            return registered, registered.hints(arrived.to(registered.keys))
        except HintRejected:
            continue
    return last, last.hints(arrived.to(last.keys))
