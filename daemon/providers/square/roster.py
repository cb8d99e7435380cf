"""The customers that a seller holds, 100 a page. A list shows a new one within a minute, as a rule; one that
was merged into another is in none (https://developer.squareup.com/docs/customers-api/what-it-does)."""

from __future__ import annotations

from daemon.errors import Garbled, Missing
from daemon.model import Document, PayerPage, PayerSeen
from daemon.providers.square.api import Api, part, rows_of
from daemon.providers.square.words import PARTY

PAGE = 100
_ADDRESS = {
    "line1": "address_line_1",
    "line2": "address_line_2",
    "city": "locality",
    "state": "administrative_district_level_1",
    "postal_code": "postal_code",
    "country": "country",
}


def page(api: Api, cursor: str | None) -> PayerPage:
    answer = api.get("v2", "customers", limit=PAGE, cursor=cursor)
    more = answer.get("cursor")
    if more is not None and more == cursor:
        raise Garbled("Square's list of customers has no end", party=PARTY)
    rows = [row for row in rows_of(answer, "customers") if isinstance(row.get("id"), str)]
    return PayerPage(tuple(seen(row) for row in rows), more if isinstance(more, str) and more else None)


def one(api: Api, ref: str) -> PayerSeen:
    """A profile that was merged with another has a new id, which Square tells on its invoices alone."""
    try:
        doc = part(api.get("v2", "customers", ref), "customer")
    except Missing:
        return PayerSeen.gone(ref)
    return seen(doc)


def seen(doc: Document) -> PayerSeen:
    """Given and family name as people say them; a business by its own name where nobody's stands there."""
    person = " ".join(text for name in ("given_name", "family_name") if (text := _text(doc, name)))
    address = doc.get("address")
    there = address if isinstance(address, dict) else {}
    reference = _text(doc, "reference_id")
    return PayerSeen(
        ref=str(doc["id"]),
        name=person or _text(doc, "company_name") or "",
        email=_text(doc, "email_address"),
        phone=_text(doc, "phone_number"),
        address={ours: text for ours, theirs in _ADDRESS.items() if (text := _text(there, theirs))},
        references=(reference,) if reference else (),
    )


def _text(doc: Document, name: str) -> str | None:
    value = doc.get(name)
    return value if isinstance(value, str) and value else None
