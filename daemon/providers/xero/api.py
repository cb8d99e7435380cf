"""Xero's Accounting API over our wire: addresses, tokens, keys, limits, and what an answer means."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from urllib.parse import quote, urlencode

from pydantic import SecretStr

from daemon.errors import Garbled, OutcomeUnknown, Rejected, RemoteError, Unauthorised
from daemon.model import Document
from daemon.providers.oauth import TokenKeeper
from daemon.providers.xero.numbers import decoded, encoded
from daemon.providers.xero.words import PARTY, READ, WRITE
from daemon.wire import Reply, Wire, raise_for, retry_after_s
from daemon.wire.departure import departure, leaving_by

ROOT = "/api.xro/2.0"
Outcome = Document | Exception
"""What became of one element: what is to be remembered, or why there is nothing."""
DAY_S = 86_400.0
_LIMITS = {
    "x-daylimit-remaining": "day",
    "x-minlimit-remaining": "minute",
    "x-appminlimit-remaining": "appminute",
}
_PROBLEMS = {"day": "day", "min": "minute", "app": "appminute", "con": "concurrent"}


class Oversized(Garbled):
    """The answer could not be taken in: too large, most likely."""


class Api:
    """`tenant` may be empty for a custom connection, which belongs to one organisation anyway."""

    def __init__(self, wire: Wire, base_url: str, tokens: TokenKeeper | None, tenant: str) -> None:
        self._wire, self._tokens, self._tenant = wire, tokens, tenant
        self._base = base_url.rstrip("/")
        self._lacking: SecretStr | None = None

    # --- verbs ----------------------------------------------------------------------------------------

    def get(self, *path: str, **params: str) -> Document:
        """A document; raises RemoteError as the wire and Xero's answer say."""
        return _document(self._ask("GET", _address(path, params)))

    def modified(self, name: str, since: datetime, **params: str) -> Document:
        """A list of what changed since: UTC, in whole seconds. Raises Oversized, too."""
        headers = {"if-modified-since": since.strftime("%Y-%m-%dT%H:%M:%S")}
        reply = self._ask("GET", _address([name], params), headers=headers)
        if reply.status_code == 304:  # old pages of the documentation promise this for "nothing changed"
            return {}
        return _document(reply)

    def find(self, *path: str) -> Document | None:
        """One object by its name; None where Xero knows none: its 404 is not JSON."""
        reply = self._ask("GET", _address(path, {}), absent=True)
        return None if reply.status_code == 404 else _document(reply)

    def pdf(self, *path: str) -> bytes:
        reply = self._ask("GET", _address(path, {}), headers={"accept": "application/pdf"})
        if not reply.body.startswith(b"%PDF"):
            raise Garbled("Xero's PDF is not a PDF", party=PARTY)
        return reply.body

    def write(self, method: str, *path: str, body: Document, key: str, **params: str) -> Document:
        """A write's answer. What is unreadable after a 2xx, and any 5xx, may have landed."""
        return _document(self._send(method, path, body, key, params))

    def order(self, *path: str, key: str) -> None:
        """A write that is answered with nothing: 204."""
        reply = self._send("POST", path, {}, key, {})
        if reply.status_code != 204 and reply.body:
            raise Garbled("Xero answered something where nothing is promised", party=PARTY)

    def connections(self) -> list[Document]:
        """The organisations that this token reaches; this address is outside the Accounting API."""
        rows = decoded(self._ask("GET", "/connections").body)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise Garbled("Xero's connections are not a list", party=PARTY)
        return rows

    # --- one request ----------------------------------------------------------------------------------

    def _send(
        self, method: str, path: Sequence[str], body: Document, key: str, params: Mapping[str, str]
    ) -> Reply:
        return self._ask(method, _address(path, params), body=encoded(body), key=key)

    def _ask(
        self,
        method: str,
        address: str,
        *,
        headers: Mapping[str, str] = {},
        body: bytes | None = None,
        key: str = "",
        absent: bool = False,
    ) -> Reply:
        """With a token, and once more with a new one where it is refused; one that is refused as soon as it
        was renewed lacks a right, which no renewal brings. `absent`: a 404 is an answer."""
        token, latest = self._token(), departure()
        reply = self._once(method, address, token, headers, body, key)
        if reply.status_code == 401 and self._tokens is not None and token != self._lacking:
            token = self._tokens.renewed(token)
            # Not under the same key: errors are kept under it, too.
            with leaving_by(latest):
                reply = self._once(method, address, token, headers, body, key and f"{key}|renewed")
            self._lacking = token if reply.status_code == 401 else self._lacking
        if not (absent and reply.status_code == 404):
            _raise_for(reply, wrote=body is not None)
        return reply

    def _token(self) -> SecretStr:
        if self._tokens is None:
            raise Unauthorised("this integration has no consent, and no client of its own", party=PARTY)
        return self._tokens.access()

    def _once(
        self,
        method: str,
        address: str,
        token: SecretStr,
        headers: Mapping[str, str],
        body: bytes | None,
        key: str,
    ) -> Reply:
        sent = {
            "authorization": f"Bearer {token.get_secret_value()}",
            "accept": "application/json",
            **headers,
        }
        if self._tenant:
            sent["xero-tenant-id"] = self._tenant
        if body is not None:
            sent["content-type"] = "application/json"
        if key:
            sent["idempotency-key"] = _key(key, body or b"")
        scope = READ if method == "GET" else WRITE
        try:
            reply = self._wire.request(method, self._base + address, headers=sent, body=body, scope=scope)
        except Garbled as error:
            raise Oversized(error.message, party=PARTY, status_code=error.status_code) from error
        self._tell(reply)
        return reply

    def _tell(self, reply: Reply) -> None:
        for header, name in _LIMITS.items():
            left = reply.headers.get(header, "")
            if left.isascii() and left.isdigit():
                self._wire.told(name, float(left))
        if reply.status_code == 429:
            self._wire.told(_problem(reply), 0, retry_after_s(reply.headers, DAY_S))


def rows(document: Document, name: str) -> list[Document]:
    """The elements of an envelope; raises Garbled where there is none. An empty document has no rows."""
    found = document.get(name, [] if not document else None)
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise Garbled(f"Xero's {name} are not a list", party=PARTY)
    return found


def faults_of(row: Document) -> str:
    """What is wrong with an element, in Xero's words; they stand under Message or Description."""
    listed = row.get("ValidationErrors")
    told = [
        str(one.get("Message") or one.get("Description") or "")
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, dict)
    ]
    return "; ".join(text for text in told if text)


def is_refused(row: Document) -> bool:
    said = row.get("HasErrors") is True or row.get("HasValidationErrors") is True
    return said or row.get("StatusAttributeString") == "ERROR" or bool(row.get("ValidationErrors"))


def looked(
    look: Callable[[Sequence[Document]], list[Outcome | None]], bodies: Sequence[Document]
) -> list[Outcome | None]:
    """A look for what a call refused; what befalls it befalls these, and none of those that went well."""
    try:
        return look(bodies) if bodies else []
    except RemoteError as error:
        return [error] * len(bodies)


def rejected(text: str) -> Rejected:
    """The refusal of one element."""
    error = Rejected(f"{PARTY}: {text[:400] or 'refused without a reason'}", party=PARTY, status_code=400)
    if "currency" in text.lower():
        error.code = "WB-PUSH-CURRENCY"
    return error


def _address(path: Sequence[str], params: Mapping[str, str]) -> str:
    address = ROOT + "".join(f"/{quote(part, safe='')}" for part in path)
    return f"{address}?{urlencode(params, quote_via=quote, safe=',')}" if params else address


def _key(key: str, body: bytes) -> str:
    """Of this key and these bytes: another request never meets it."""
    digest = hashlib.sha256(key.encode() + b"|" + body).digest()
    return base64.b32encode(digest).decode()[:32]


def _document(reply: Reply) -> Document:
    document = decoded(reply.body)
    if not isinstance(document, dict) or not document:
        raise Garbled("Xero's answer is not an object", party=PARTY)
    return document


def _problem(reply: Reply) -> str:
    """Seen: `day`; older pages write Daily, Minute."""
    return _PROBLEMS.get(reply.headers.get("x-rate-limit-problem", "").lower()[:3], "")


def _raise_for(reply: Reply, *, wrote: bool) -> None:
    """Return on 2xx (and 304); else raise what Xero's envelope says."""
    status = reply.status_code
    if status < 300 or status == 304:
        return
    fault = _fault(reply)
    if fault is None and (status in (400, 403, 404) or 300 <= status < 400):
        raise Garbled(f"{PARTY} answered {status} without saying why", party=PARTY, status_code=status)
    ref = reply.headers.get("xero-correlation-id")
    message = _message(fault or {})
    if wrote and status == 400 and "idempotency" in message.lower():
        raise OutcomeUnknown(f"{PARTY}: {message}", party=PARTY, status_code=400, ref=ref, replayed=True)
    try:
        code = _problem(reply) or str((fault or {}).get("type") or "") or None
        # A 5xx is kept under the key: to repeat it brings the same.
        raise_for(
            reply, PARTY, message=message, provider_code=code, ref=ref, replayed=wrote and status >= 500
        )
    except RemoteError as error:
        if isinstance(error, Rejected) and "currency" in message.lower():
            error.code = "WB-PUSH-CURRENCY"
        raise


def _fault(reply: Reply) -> Document | None:
    """The envelope by lower-case names, which vary; None where there is none."""
    try:
        document = decoded(reply.body)
    except Garbled:
        return None
    if not isinstance(document, dict) or not document:
        return None
    return {str(name).lower(): value for name, value in document.items()}


def _message(fault: Document) -> str:
    listed = fault.get("elements")
    told = [faults_of(row) for row in (listed if isinstance(listed, list) else []) if isinstance(row, dict)]
    text = "; ".join(text for text in told if text)
    return (text or str(fault.get("detail") or fault.get("message") or fault.get("title") or ""))[:400]
