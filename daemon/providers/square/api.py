"""Square's API over our wire: headers, pages, and its answers as the house's errors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

from daemon.errors import Garbled, OutcomeUnknown, RemoteError
from daemon.model import Document
from daemon.providers.square.words import API_VERSION, PARTY, READ, WRITE
from daemon.wire import Reply, Wire, raise_for

_DEAD = frozenset(
    [
        *("UNAUTHORIZED", "ACCESS_TOKEN_EXPIRED", "ACCESS_TOKEN_REVOKED"),
        *("CLIENT_DISABLED", "APPLICATION_DISABLED"),
    ]
)
_DOUBTFUL = frozenset(
    ["INTERNAL_SERVER_ERROR", "SERVICE_UNAVAILABLE", "GATEWAY_TIMEOUT", "BAD_GATEWAY", "TEMPORARY_ERROR"]
)
_MOST_PAGES = 500


class Api:
    """Paths are given in segments. `told_at` is Square's own clock, as its last answer told it."""

    def __init__(self, token: SecretStr, wire: Wire, base_url: str) -> None:
        self._token, self._wire, self._base = token, wire, base_url.rstrip("/")
        self.told_at: datetime | None = None

    def get(self, *path: str, **query: str | int | None) -> Document:
        given = {name: str(value) for name, value in query.items() if value is not None}
        return self._ask("GET", path, READ, params=given)

    def search(self, *path: str, body: Document) -> Document:
        """A read that is a POST."""
        return self._ask("POST", path, READ, body=body)

    def post(self, *path: str, body: Document) -> Document:
        return self._ask("POST", path, WRITE, body=body)

    def put(self, *path: str, body: Document) -> Document:
        return self._ask("PUT", path, WRITE, body=body)

    def delete(self, *path: str, **query: int) -> Document:
        return self._ask("DELETE", path, WRITE, params={name: str(value) for name, value in query.items()})

    def listed(self, name: str, *path: str, **query: str | int | None) -> Iterator[list[Document]]:
        """The pages of a GET list."""
        return _pages(name, lambda cursor: self.get(*path, **query, cursor=cursor))

    def searched(
        self, name: str, *path: str, body: Document, partly: bool = False
    ) -> Iterator[list[Document]]:
        """The pages of a search; `partly` where a part of them will do."""

        def fetch(cursor: str | None) -> Document:
            return self.search(*path, body={**body, "cursor": cursor} if cursor else body)

        return _pages(name, fetch, partly=partly)

    def _ask(
        self,
        method: str,
        path: tuple[str, ...],
        scope: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Document | None = None,
    ) -> Document:
        """Raises RemoteError as the wire and Square's answer say."""
        headers = {
            "authorization": f"Bearer {self._token.get_secret_value()}",
            "square-version": API_VERSION,
            "content-type": "application/json",
            "accept": "application/json",
        }
        url = f"{self._base}/" + "/".join(quote(part, safe=":") for part in path)
        sent = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        reply = self._wire.request(
            method, url, headers=headers, params=params or None, body=sent, scope=scope
        )
        self._note_time(reply)
        self._raise_for_square(reply)
        return _document(reply)

    def _note_time(self, reply: Reply) -> None:
        try:
            self.told_at = parsedate_to_datetime(reply.headers.get("date", ""))
        except (ValueError, TypeError):
            return

    def _raise_for_square(self, reply: Reply) -> None:
        """Return on 2xx; else raise the house's error for what `errors` says."""
        if 200 <= reply.status_code < 300:
            return
        fault, codes = _fault(reply)
        if not fault and (reply.status_code in (400, 404, 409, 422) or _is_refusal_by_page(reply)):
            # Final only in Square's own words: what is cut off, or a proxy's page, refuses nothing, and
            # parks no account until a person comes.
            raise Garbled(f"{PARTY} answered {reply.status_code} without saying why", party=PARTY)
        told = str(fault.get("detail") or fault.get("code") or f"answered {reply.status_code}")
        message = told.replace(self._token.get_secret_value(), "…")[:500]
        request_id = reply.headers.get("x-request-id") or reply.headers.get("squareup-request-id")
        code, param = str(fault.get("code") or ""), fault.get("field")
        if "IDEMPOTENCY_KEY_REUSED" in codes:
            raise _forgotten(message, code, request_id, reply.status_code)
        try:
            raise_for(
                Reply(_meaning(reply.status_code, codes), reply.headers, b""),
                PARTY,
                message=message,
                provider_code=code or None,
                ref=request_id,
                param=param if isinstance(param, str) else None,
            )
        except RemoteError as error:
            error.status_code = reply.status_code
            if "CURRENCY_MISMATCH" in codes or "UNSUPPORTED_CURRENCY" in codes:
                error.code = "WB-PUSH-CURRENCY"
            raise


def _forgotten(message: str, code: str, request_id: str | None, status: int) -> OutcomeUnknown:
    """A send that a restore forgot: what it left is looked for, and only then a new key is used."""
    return OutcomeUnknown(
        f"Square saw this key before with other content: {message}",
        party=PARTY,
        status_code=status,
        provider_code=code,
        ref=request_id,
        replayed=True,
    )


def rows_of(page: Document, name: str) -> list[Document]:
    """The rows of a page, which leaves their name out where there are none. Raises Garbled."""
    rows = page.get(name, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Garbled(f"Square's list of {name} is not a list", party=PARTY)
    return rows


def part(answer: Document, name: str) -> Document:
    """The object that an answer is about; raises Garbled where there is none."""
    found = answer.get(name)
    if not isinstance(found, dict) or not isinstance(found.get("id"), str) or not found["id"]:
        raise Garbled(f"Square's answer has no {name}", party=PARTY)
    return found


def _pages(name: str, fetch: Any, *, partly: bool = False) -> Iterator[list[Document]]:
    """A page without a cursor ends the list (not one without rows). Where the cursor repeats, or there is no
    end, that was not all of it: raises Garbled, since what is not shown would count as gone, or not there."""
    seen: set[str] = set()
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        page = fetch(cursor)
        yield rows_of(page, name)
        cursor = page.get("cursor")
        if not isinstance(cursor, str) or not cursor:
            return
        if cursor in seen:
            break
        seen.add(cursor)
    if not partly:
        raise Garbled(f"Square's list of {name} has no end", party=PARTY)


def _document(reply: Reply) -> Document:
    try:
        document = json.loads(reply.body.decode(), parse_float=Decimal)
    except ValueError as error:
        raise Garbled("Square's answer is not JSON", party=PARTY, status_code=reply.status_code) from error
    if not isinstance(document, dict):
        raise Garbled("Square's answer is not an object", party=PARTY)
    if document.get("errors"):
        raise Garbled("Square answered with data and errors at once", party=PARTY)
    return document


def _is_refusal_by_page(reply: Reply) -> bool:
    return reply.status_code in (401, 403) and bool(reply.body.strip())


def _meaning(status: int, codes: frozenset[str]) -> int:
    """The status that other APIs would give."""
    if status == 429 or "RATE_LIMITED" in codes:
        return 429
    if codes & _DEAD:
        return 401
    if status == 408 or (status < 500 and codes & _DOUBTFUL):
        return 503
    return status


def _fault(reply: Reply) -> tuple[Document, frozenset[str]]:
    """The first error, and the codes of all."""
    try:
        document = reply.json()
    except Garbled:
        return {}, frozenset()
    errors = document.get("errors") if isinstance(document, dict) else None
    rows = [one for one in errors if isinstance(one, dict)] if isinstance(errors, list) else []
    return (rows[0] if rows else {}), frozenset(str(one.get("code")) for one in rows)
