"""QuickBooks' Accounting API over our wire: one company, JSON, a token that is renewed once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import SecretStr

from daemon.errors import Garbled, Unauthorised
from daemon.model import Document
from daemon.providers.oauth import TokenKeeper
from daemon.providers.quickbooks.faults import Fault, fault_in, fault_in_xml, raise_for_quickbooks
from daemon.providers.quickbooks.numbers import dumps, loads
from daemon.providers.quickbooks.words import (
    BATCH,
    IDS,
    MINOR_VERSION,
    PARTY,
    READ,
    READ_S,
    ROWS,
    TOO_LARGE,
    WRITE,
    WRITE_S,
)
from daemon.wire import Reply, Wire
from daemon.wire.departure import departure, leaving_by

_LONG = 1500
"""Characters of a query; longer ones are posted, since addresses have an end somewhere."""
_JSON = {"accept": "application/json"}
T = TypeVar("T")


class Api:
    """The company `realm`. `tokens` may be None where nothing was consented to yet."""

    def __init__(self, wire: Wire, base_url: str, realm: str, tokens: TokenKeeper | None) -> None:
        self._wire, self._tokens = wire, tokens
        self._base = f"{base_url.rstrip('/')}/v3/company/{quote(realm, safe='')}"

    def read(self, path: str, **params: str) -> Document:
        """Raises Missing and the other RemoteErrors."""
        return self._document(self._ask("GET", path, params, scope=READ))

    def entity(self, name: str, ref: str, **params: str) -> Document:
        """One object by its id; raises Missing where it is gone, Garbled where another one comes."""
        document = self.read(f"{name.lower()}/{quote(ref, safe='')}", **params)
        return entity_in(document, name, ref)

    def write(self, path: str, body: Document, key: str | None, **params: str) -> Document:
        """`key` is the `requestid`: the stored answer comes back while QuickBooks keeps it."""
        named = {**params, "requestid": key} if key else params
        content = dumps(body).encode()
        return self._document(self._ask("POST", path, named, content=content, scope=WRITE))

    def send(self, ref: str) -> Document:
        """Mail the invoice to its BillEmail: once for each call."""
        kind = {"content-type": "application/octet-stream"}
        path = f"invoice/{quote(ref, safe='')}/send"
        return self._document(self._ask("POST", path, {}, content=b"", headers=kind, scope=WRITE))

    def batch(self, items: Sequence[Document], key: str) -> list[Document | None]:
        """The answers to up to 30 items, in their order whatever the answer's; None where one is missing."""
        numbered = [{"bId": str(place), **item} for place, item in enumerate(items)]
        content = dumps({"BatchItemRequest": numbered}).encode()
        reply = self._ask("POST", "batch", {"requestid": key}, content=content, scope=BATCH)
        rows = self._document(reply).get("BatchItemResponse")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise Garbled("QuickBooks' answer to a batch is not a list", party=PARTY)
        by_id = {str(row.get("bId")): row for row in rows}
        return [by_id.get(str(place)) for place in range(len(items))]

    def query(self, entity: str, where: str, *, most: int = ROWS) -> list[Document]:
        """The rows of one page; raises Garbled where they are none."""
        text = f"select * from {entity} {where} maxresults {most}"
        if len(text) > _LONG:
            kind = {"content-type": "application/text"}
            reply = self._ask("POST", "query", {}, content=text.encode(), headers=kind, scope=READ)
        else:
            reply = self._ask("GET", "query", {"query": text}, scope=READ)
        return rows_in(self._document(reply).get("QueryResponse"), entity)

    def where_in(
        self, entity: str, field: str, values: Iterable[str], size: int = IDS
    ) -> Iterator[list[Document]]:
        """The objects with one of these values, `size` of them in a call; fewer where their lines make the
        answer larger than the wire takes in."""
        for some in chunks(sorted(set(values)), size):
            try:
                yield self.query(entity, f"where {field} in ({quoted(some)})")
            except Garbled as error:
                if TOO_LARGE not in error.message or len(some) == 1:
                    raise
                yield from self.where_in(entity, field, some, -(-len(some) // 2))

    def by_ids(self, entity: str, refs: Iterable[str]) -> Iterator[list[Document]]:
        """The objects of these ids that are there; raises Garbled where another one comes."""
        wanted = set(refs)
        for rows in self.where_in(entity, "Id", wanted):
            if not {row["Id"] for row in rows} <= wanted:
                raise Garbled(f"QuickBooks gave a {entity} that was not asked for", party=PARTY)
            yield rows

    def pdf(self, ref: str) -> bytes:
        accept = {"accept": "application/pdf"}
        return self._ask("GET", f"invoice/{quote(ref, safe='')}/pdf", {}, headers=accept, scope=READ).body

    # --- within ---------------------------------------------------------------------------------------

    def _ask(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        scope: str,
    ) -> Reply:
        """A good answer. A refused token is renewed once: the refused call did nothing."""
        if self._tokens is None:
            raise Unauthorised("the company has not consented to our app yet", party=PARTY)
        kind = {} if content is None else {"content-type": "application/json"}
        sent = {**_JSON, **kind, **(headers or {})}

        def once(token: SecretStr) -> tuple[Reply, Fault | None]:
            reply = self._wire.request(
                method,
                f"{self._base}/{path}",
                headers={**sent, "authorization": f"Bearer {token.get_secret_value()}"},
                params={**params, "minorversion": MINOR_VERSION},
                body=content,
                deadline_s=WRITE_S if method == "POST" and scope != READ else READ_S,
                scope=scope,
            )
            return reply, _fault(reply)

        token, latest = self._tokens.access(), departure()
        reply, fault = once(token)
        if _token_refused(reply, fault):
            token = self._tokens.renewed(token)
            with leaving_by(latest):
                reply, fault = once(token)
        raise_for_quickbooks(reply, fault)
        return reply

    def _document(self, reply: Reply) -> Document:
        document = loads(reply.body)
        if not isinstance(document, dict):
            raise Garbled("QuickBooks' answer is not an object", party=PARTY)
        return document


def _fault(reply: Reply) -> Fault | None:
    """Of any answer, a 200 too."""
    start = reply.body[:200].lstrip()
    if start.startswith(b"<"):
        return fault_in_xml(reply.body)
    if not start.startswith(b"{") or not (b'"Fault"' in reply.body or b'"fault"' in reply.body):
        return None
    try:
        return fault_in(loads(reply.body))
    except Garbled:
        return None


def _token_refused(reply: Reply, fault: Fault | None) -> bool:
    return reply.status_code == 401 or (fault is not None and fault.code == "3200")


def entity_in(document: Document, name: str, ref: str | None = None) -> Document:
    """The object of an answer; raises Garbled where there is none, or another one."""
    found = document.get(name)
    if not isinstance(found, dict) or not isinstance(found.get("Id"), str) or not found["Id"]:
        raise Garbled(f"QuickBooks' answer holds no {name}", party=PARTY)
    if ref is not None and found["Id"] != ref:
        raise Garbled(f"QuickBooks answered with another {name}", party=PARTY)
    return found


def rows_in(response: Any, entity: str) -> list[Document]:
    """The rows of a QueryResponse: without its key where there are none."""
    rows = response.get(entity, []) if isinstance(response, dict) else None
    if not isinstance(rows, list):
        raise Garbled("QuickBooks' answer to a query holds no rows", party=PARTY)
    if not all(isinstance(row, dict) and isinstance(row.get("Id"), str) for row in rows):
        raise Garbled("QuickBooks' rows are none", party=PARTY)
    return rows


def quoted(values: Iterable[str]) -> str:
    """Values of a query's `in`; a backslash or a quote cannot end one."""
    return ",".join("'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'" for value in values)


def chunks(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
