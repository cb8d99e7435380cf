"""The customers that an account holds, 100 a page, newest first, those that were deleted left out
(https://docs.stripe.com/api/customers/list)."""

from __future__ import annotations

from daemon.errors import Garbled, Missing
from daemon.model import Document, PayerPage, PayerSeen
from daemon.providers.stripe.money import PARTY
from daemon.providers.stripe.wire_client import PAGE, Api, rows_of

_ADDRESS = ("line1", "line2", "city", "state", "postal_code", "country")


def page(api: Api, cursor: str | None) -> PayerPage:
    after = {} if cursor is None else {"starting_after": cursor}
    answer = api.get("customers", limit=PAGE, **after)
    rows = rows_of(answer)
    last = str(rows[-1]["id"]) if rows else None
    if last is not None and last == cursor:
        raise Garbled("Stripe's list of customers has no end", party=PARTY)
    return PayerPage(tuple(seen(row) for row in rows), last if answer.get("has_more") else None)


def one(api: Api, ref: str) -> PayerSeen:
    """Stripe knows no merging; a deleted customer is answered with a stub that says so."""
    try:
        doc = api.get("customers", ref)
    except Missing:
        return PayerSeen.gone(ref)
    if doc.get("id") != ref:
        raise Garbled("Stripe answered with another customer", party=PARTY)
    return PayerSeen.gone(ref) if doc.get("deleted") else seen(doc)


def seen(doc: Document) -> PayerSeen:
    metadata = doc.get("metadata")
    kept = metadata.values() if isinstance(metadata, dict) else ()
    address = doc.get("address")
    there = address if isinstance(address, dict) else {}
    return PayerSeen(
        ref=str(doc["id"]),
        name=_text(doc, "name") or "",
        email=_text(doc, "email"),
        phone=_text(doc, "phone"),
        address={key: text for key in _ADDRESS if (text := _text(there, key))},
        references=tuple(text for text in kept if isinstance(text, str) and text),
    )


def _text(doc: Document, name: str) -> str | None:
    value = doc.get(name)
    return value if isinstance(value, str) and value else None
