"""The customers that a company holds, up to 1000 a query, active or not: none is ever deleted, and one that
was merged into another is inactive from then on. Which one it was merged into, its invoices tell."""

from __future__ import annotations

import re

from daemon.errors import Garbled, Missing
from daemon.model import Document, PayerPage, PayerSeen, PayerState
from daemon.providers.quickbooks.api import Api
from daemon.providers.quickbooks.shapes import text
from daemon.providers.quickbooks.words import ROWS, TOO_LARGE

DELETED = " (deleted)"
"""QuickBooks adds it to the names of what was made inactive."""
_OURS = re.compile(r"\bWB-[A-Z2-7]{16}\b")
_REFERENCE = 60
"""Longer notes are sentences, and name nobody."""
_ADDRESS = {
    "line1": "Line1",
    "line2": "Line2",
    "city": "City",
    "state": "CountrySubDivisionCode",
    "postal_code": "PostalCode",
    "country": "Country",
}


def page(api: Api, cursor: str | None) -> PayerPage:
    """`cursor` is the position and the size of the page."""
    start, size = (int(part) for part in (cursor or f"1:{ROWS}").split(":"))
    while True:
        where = f"where Active in (true, false) orderby Id startposition {start}"
        try:
            rows = api.query("Customer", where, most=size)
            break
        except Garbled as error:
            if TOO_LARGE not in error.message or size == 1:
                raise
            size = -(-size // 4)
    more = f"{start + len(rows)}:{size}" if len(rows) >= size else None
    return PayerPage(tuple(seen(row) for row in rows), more)


def one(api: Api, ref: str) -> PayerSeen:
    try:
        return seen(api.entity("Customer", ref))
    except Missing:
        return PayerSeen.gone(ref)


def seen(doc: Document) -> PayerSeen:
    inactive = doc.get("Active") is False
    address = _within(doc, "BillAddr")
    return PayerSeen(
        ref=str(doc["Id"]),
        state=PayerState.INACTIVE if inactive else PayerState.ACTIVE,
        name=(text(doc, "DisplayName") or "").removesuffix(DELETED),
        email=text(_within(doc, "PrimaryEmailAddr"), "Address"),
        phone=text(_within(doc, "PrimaryPhone"), "FreeFormNumber")
        or text(_within(doc, "Mobile"), "FreeFormNumber"),
        address={ours: found for ours, theirs in _ADDRESS.items() if (found := text(address, theirs))},
        references=_references(text(doc, "Notes") or ""),
    )


def _references(notes: str) -> tuple[str, ...]:
    """Ours, whatever people wrote around it; else all of a short note."""
    ours = tuple(_OURS.findall(notes))
    plain = notes.strip()
    return ours or ((plain,) if 0 < len(plain) <= _REFERENCE else ())


def _within(doc: Document, name: str) -> Document:
    """An object within; what is none tells nothing here, where all is evidence and nothing a fact."""
    value = doc.get(name)
    return value if isinstance(value, dict) else {}
