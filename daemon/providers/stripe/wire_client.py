"""Stripe's SDK over our wire: its encoding, versions and headers; our bounds, pace, keys and errors.

The SDK's own retries are off, its keys are taken out (each key that leaves is one of ours), and what it
would raise is raised here, as the house's errors, before it sees the answer.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple, cast
from urllib.parse import quote

import stripe
from pydantic import SecretStr

from daemon.errors import Garbled, OutcomeUnknown, RemoteError
from daemon.model import Document
from daemon.model.ids import is_our_key
from daemon.providers.stripe.money import PARTY
from daemon.providers.stripe.words import API_VERSION, scope_of
from daemon.wire import Reply, Wire, raise_for

_KEYS = re.compile(r"\b(sk|rk|pk|whsec)_\S+")
_THROTTLED = frozenset(["rate_limit", "lock_timeout", "idempotency_key_in_use"])
_REFUSALS = frozenset([400, 402, 404, 422])
"""Final only in Stripe's own words: what is cut off, or a proxy's page, refuses nothing."""
_REMEMBERED = 256
PAGE = 100


class Answer(NamedTuple):
    """A decoded answer and its headers, whose names are lower-case."""

    document: Document
    headers: Mapping[str, str]


class Api:
    """Stripe's /v1, by path.

    The SDK's typed calls cost 1.7 ms an invoice (objects, then back to plain values), its `raw_request`
    0.1 ms; ten thousand invoices a night make that 17 s or 1 s.
    """

    def __init__(self, key: SecretStr, wire: Wire, base_url: str) -> None:
        stripe.enable_telemetry = False
        base = base_url.rstrip("/")
        self._sdk = stripe.StripeClient(
            key.get_secret_value(),
            stripe_version=API_VERSION,
            base_addresses={"api": base, "connect": base, "files": base, "meter_events": base},
            max_network_retries=0,
            http_client=WireClient(wire),
        )

    def get(self, *path: str, **params: Any) -> Document:
        return self.ask("get", path, params).document

    def post(self, *path: str, key: str | None, **params: Any) -> Document:
        """`key` is the idempotency key; None sends none."""
        return self.ask("post", path, {**params, "idempotency_key": key}).document

    def delete(self, *path: str) -> Document:
        return self.ask("delete", path, {}).document

    def pages(self, *path: str, **params: Any) -> Iterator[list[Document]]:
        """The pages of a list, newest first; a page token that repeats ends it."""
        after: str | None = None
        while True:
            more = {} if after is None else {"starting_after": after}
            page = self.get(*path, limit=PAGE, **params, **more)
            rows = rows_of(page)
            yield rows
            if not page.get("has_more") or not rows or rows[-1]["id"] == after:
                return
            after = rows[-1]["id"]

    def all(self, *path: str, **params: Any) -> Iterator[Document]:
        for page in self.pages(*path, **params):
            yield from page

    def ask(self, method: str, path: tuple[str, ...], params: Mapping[str, Any]) -> Answer:
        """Raises RemoteError as the wire and Stripe's answer say, StepStuck where a key was used before
        with other parameters."""
        url = "/v1/" + "/".join(quote(part, safe="") for part in path)
        try:
            answer = cast(Any, self._sdk).raw_request(method, url, **params)
        except stripe.StripeError as error:
            raise Garbled("Stripe's answer is not JSON", party=PARTY) from error
        if not isinstance(answer.data, dict):
            raise Garbled("Stripe's answer is not an object", party=PARTY)
        return Answer(answer.data, answer.headers)


def rows_of(page: Document) -> list[Document]:
    """The rows of a list envelope; raises Garbled where it is none."""
    rows = page.get("data")
    if not isinstance(rows, list) or not all(isinstance(row, dict) and row.get("id") for row in rows):
        raise Garbled("Stripe's list is not a list", party=PARTY)
    return rows


class WireClient(stripe.HTTPClient):
    """The SDK's transport; thread-safe."""

    name: ClassVar[str] = "wispbill"

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire
        self._failures = _Failures()

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        sent = dict(headers or {})
        key = sent.get("Idempotency-Key")
        if not is_our_key(key):
            sent.pop("Idempotency-Key", None)
            key = None
        verb = method.upper()
        body = str(post_data or "").encode() if verb == "POST" else None
        reply = self._wire.request(verb, url, headers=sent, body=body, scope=scope_of(verb, url))
        replayed = reply.headers.get("idempotent-replayed") == "true" or self._failures.again(key, reply)
        raise_for_stripe(reply, replayed=replayed)
        try:
            return reply.body.decode(), reply.status_code, reply.headers
        except UnicodeDecodeError as error:
            raise Garbled("Stripe's answer is not UTF-8", party=PARTY) from error

    def close(self) -> None:
        """The wire is closed by the adapter."""


class _Failures:
    """Stripe stores even a 500 under its key and replays it: the same failure again under the same key
    says so where the header Idempotent-Replayed does not (that header is not documented for all)."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def again(self, key: str | None, reply: Reply) -> bool:
        if key is None or reply.status_code < 500:
            return False
        what = hashlib.sha256(str(reply.status_code).encode() + reply.body).digest()
        with self._lock:
            again = self._seen.get(key) == what
            self._seen[key] = what
            if len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
        return again


def raise_for_stripe(reply: Reply, *, replayed: bool) -> None:
    """Return on 2xx; else raise the house's error for https://docs.stripe.com/api/errors ."""
    if reply.status_code < 300:
        return
    fault = _fault(reply)
    if not fault and reply.status_code in _REFUSALS:
        raise Garbled(f"{PARTY} answered {reply.status_code} without saying why", party=PARTY)
    code, param = fault.get("code"), fault.get("param")
    message = _KEYS.sub(r"\1_…", str(fault.get("message") or f"answered {reply.status_code}"))[:500]
    if fault.get("type") == "idempotency_error" and code != "idempotency_key_in_use":
        # A send that a restore forgot: what it left is looked for, and only then a new key is used.
        raise OutcomeUnknown(
            f"Stripe saw this key before with other content: {message}",
            party=PARTY,
            status_code=reply.status_code,
            provider_code="idempotency_error",
            ref=reply.headers.get("request-id"),
            replayed=True,
        )
    try:
        raise_for(
            Reply(_meaning(reply.status_code, code), reply.headers, b""),
            PARTY,
            message=message,
            provider_code=code if isinstance(code, str) else None,
            ref=reply.headers.get("request-id"),
            param=param if isinstance(param, str) else None,
            replayed=replayed,
        )
    except RemoteError as error:
        error.status_code = reply.status_code
        raise


def _meaning(status: int, code: object) -> int:
    """The status that other APIs would give: 409 is a conflict with a request still running, 424 a fault
    on Stripe's side, 400 with `rate_limit` the old form of 429, an expired key not always a 401."""
    if code in _THROTTLED or status == 409:
        return 429
    if code in ("api_key_expired", "platform_api_key_expired", "secret_key_required"):
        return 401
    return 503 if status == 424 else status


def _fault(reply: Reply) -> Document:
    try:
        document = reply.json()
    except Garbled:
        return {}
    fault = document.get("error") if isinstance(document, dict) else None
    return fault if isinstance(fault, dict) else {}
