"""PayPal's REST over our wire: a bearer token from the keeper, its errors as the house's.

A token lasts for hours and the same one is given again; one for each request would be rate limited. A 401
did nothing, so that the call is made once more with a renewed token. Addresses in answers are never
followed: they may name other hosts.  https://developer.paypal.com/api/rest/
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

from pydantic import SecretStr

from daemon.errors import Garbled, OutcomeUnknown, RemoteError, Unauthorised, Unreachable
from daemon.model import Document
from daemon.providers.oauth import TokenKeeper, TokenSet
from daemon.providers.paypal.money import PARTY
from daemon.wire import Reply, Wire, raise_for
from daemon.wire.departure import departure, leaving_by

_REFUSALS = frozenset([400, 403, 404, 409, 415, 422])
"""Final only in PayPal's own words: what is cut off, or a proxy's page, refuses nothing."""


PAUSE_S = 30.0
"""Where a 429 names no time, which PayPal does not promise: as its own samples wait."""


class Answer(NamedTuple):
    """A decoded answer (empty where PayPal answers without a body) and its headers, in lower case."""

    document: Document
    headers: Mapping[str, str]


class Api:
    """PayPal's resources, by path."""

    def __init__(self, wire: Wire, tokens: TokenKeeper | None, base_url: str) -> None:
        self._wire, self._tokens = wire, tokens
        self._base = base_url.rstrip("/")

    def get(self, *path: str, **params: str) -> Document:
        return self.ask("GET", path, params=params, scope="read").document

    def post(self, *path: str, body: Document, key: str = "", whole: bool = False) -> Document:
        """`key` goes along in case that PayPal heeds it; nothing leans on it. `whole` asks for the object."""
        more = {"Prefer": "return=representation"} if whole else {}
        return self.ask("POST", path, body=body, headers=_keyed(key) | more, scope="write").document

    def put(self, *path: str, body: Document, key: str, **params: str) -> Document:
        answer = self.ask("PUT", path, body=body, params=params, headers=_keyed(key), scope="write")
        return answer.document

    def delete(self, *path: str, key: str = "") -> None:
        self.ask("DELETE", path, headers=_keyed(key), scope="write")

    def ask(
        self,
        method: str,
        path: tuple[str, ...],
        *,
        body: Document | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        scope: str,
    ) -> Answer:
        """Raises RemoteError as the wire and PayPal's answer say."""
        if self._tokens is None:
            raise Unauthorised("nobody keeps PayPal's token", party=PARTY)
        url = f"{self._base}/" + "/".join(quote(part, safe="") for part in path)
        sent = {"Accept": "application/json", **(headers or {})}
        if body is not None:
            sent["Content-Type"] = "application/json"
        content = None if body is None else json.dumps(body).encode()

        def call(token: SecretStr) -> Reply:
            sent["Authorization"] = f"Bearer {token.get_secret_value()}"
            return self._wire.request(method, url, headers=sent, params=params, body=content, scope=scope)

        token, latest = self._tokens.access(), departure()
        reply = call(token)
        if reply.status_code == 401:
            fresh = self._tokens.renewed(token)
            with leaving_by(latest):
                reply = call(fresh)
        raise_for_paypal(reply)
        return Answer(_document(reply), reply.headers)


def _keyed(key: str) -> dict[str, str]:
    return {"PayPal-Request-Id": key} if key else {}


def mint(wire: Wire, base_url: str, client_id: str, secret: SecretStr) -> TokenSet:
    """A token for the app. Raises Unauthorised where PayPal refuses the pair; silence and 5xx are
    Unreachable, since nothing but a token was asked for."""
    pair = base64.b64encode(f"{client_id}:{secret.get_secret_value()}".encode()).decode()
    try:
        reply = wire.request(
            "POST",
            f"{base_url.rstrip('/')}/v1/oauth2/token",
            headers={
                "Authorization": f"Basic {pair}",
                "Accept": "application/json",
                "Content-Type": "application/x-www-form-urlencoded",
            },
            body=b"grant_type=client_credentials",
            scope="token",
        )
        raise_for_paypal(reply)
    except Unauthorised as error:
        error.message += "; live and sandbox apps look alike: does the mode fit?"
        error.args = (error.message,)
        raise
    except OutcomeUnknown as error:
        raise Unreachable(f"PayPal gave no token: {error.message}", party=PARTY) from error
    return _token_set(_document(reply))


def raise_for_paypal(reply: Reply) -> None:
    """Return on 2xx; else raise the house's error. 409 is a conflict with another change: nothing done."""
    if 200 <= reply.status_code < 300:
        return
    fault = _fault(reply)
    page = reply.status_code == 401 and bool(reply.body.strip())
    if not fault and (page or reply.status_code in _REFUSALS):
        raise Garbled(f"{PARTY} answered {reply.status_code} without saying why", party=PARTY)
    detail = _first_detail(fault)
    code = detail.get("issue") or fault.get("name") or fault.get("error")
    field = detail.get("field")
    debug_id = fault.get("debug_id") or reply.headers.get("paypal-debug-id")
    status = 429 if reply.status_code == 409 else reply.status_code
    try:
        raise_for(
            Reply(status, reply.headers, b""),
            PARTY,
            message=_message(reply, fault, detail),
            provider_code=code if isinstance(code, str) else None,
            ref=debug_id if isinstance(debug_id, str) else None,
            param=field if isinstance(field, str) else None,
        )
    except RemoteError as error:
        error.status_code = reply.status_code
        if reply.status_code == 429 and error.retry_after is None:
            error.retry_after = PAUSE_S
        raise


def _message(reply: Reply, fault: Document, detail: Document) -> str:
    parts = [fault.get("name") or fault.get("error"), detail.get("issue")]
    parts.append(detail.get("description") or fault.get("message") or fault.get("error_description"))
    text = ": ".join(dict.fromkeys(part for part in parts if isinstance(part, str) and part))
    return (text or f"answered {reply.status_code}")[:500]


def _fault(reply: Reply) -> Document:
    """PayPal's envelope, or the token endpoint's; empty where it is neither."""
    try:
        document = json.loads(reply.body)
    except (ValueError, RecursionError):
        return {}
    known = isinstance(document, dict) and isinstance(document.get("name") or document.get("error"), str)
    return document if known else {}


def _first_detail(fault: Document) -> Document:
    details = fault.get("details")
    first = details[0] if isinstance(details, list) and details else None
    return first if isinstance(first, dict) else {}


def _document(reply: Reply) -> Document:
    """A JSON object, whatever type it is said to be; empty where 202 and 204 come without a body. Numbers
    with a fraction stay text, so that no amount is ever a float."""
    if not reply.body.strip() and reply.status_code in (202, 204):
        return {}
    try:
        document = json.loads(reply.body, parse_float=str, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Garbled("PayPal's answer is not JSON", party=PARTY, status_code=reply.status_code) from error
    if not isinstance(document, dict):
        raise Garbled("PayPal's answer is not an object", party=PARTY, status_code=reply.status_code)
    return document


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _token_set(document: Document) -> TokenSet:
    token, life, scope = (document.get(name) for name in ("access_token", "expires_in", "scope"))
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or " " in token:
        raise Garbled("PayPal's token is not one", party=PARTY)
    if not isinstance(life, int) or isinstance(life, bool) or life < 0:
        raise Garbled("PayPal's token has no life", party=PARTY)
    return TokenSet(SecretStr(token), life, scopes=tuple(scope.split()) if isinstance(scope, str) else ())
