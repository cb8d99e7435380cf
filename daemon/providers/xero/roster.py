"""The contacts that an organisation holds, up to 1000 a page, archived ones among them; of one that was
merged Xero tells into which."""

from __future__ import annotations

from collections.abc import Iterable

from daemon.errors import Garbled
from daemon.model import Document, PayerPage, PayerSeen, PayerState
from daemon.providers.xero.api import Api, Oversized, rows
from daemon.providers.xero.words import PARTY, is_guid

PAGE = 500
"""1000 are allowed; what people write in addresses must stay below the wire's bound."""
SMALLEST = 20
_ADDRESS = {
    "line1": "AddressLine1",
    "line2": "AddressLine2",
    "city": "City",
    "state": "Region",
    "postal_code": "PostalCode",
    "country": "Country",
}
_NOBODY = "00000000-0000-0000-0000-000000000000"


def page(api: Api, cursor: str | None) -> PayerPage:
    """`cursor` is the number and the size of the page."""
    number, size = (int(part) for part in (cursor or f"1:{PAGE}").split(":"))
    while True:
        try:
            answer = api.get(
                "Contacts",
                order="Name ASC",
                page=str(number),
                pageSize=str(size),
                includeArchived="true",
            )
            break
        except Oversized:
            if size <= SMALLEST:
                raise
            number, size = (number - 1) * 5 + 1, size // 5  # the same place, in smaller pages
    found = rows(answer, "Contacts")
    more = None if _is_last(answer, number, found) else f"{number + 1}:{size}"
    return PayerPage(tuple(_seen_in(found)), more)


def one(api: Api, ref: str) -> PayerSeen:
    if not is_guid(ref):
        return PayerSeen.gone(ref)
    answer = api.find("Contacts", ref)
    if answer is None:
        return PayerSeen.gone(ref)
    for seen in _seen_in(rows(answer, "Contacts")):
        if seen.ref == ref.lower():
            return seen
    raise Garbled("Xero answered with another contact", party=PARTY)


def _is_last(answer: Document, number: int, found: list[Document]) -> bool:
    """By the count of pages, which is told; else by an empty page."""
    told = answer.get("pagination")
    count = told.get("pageCount") if isinstance(told, dict) else None
    return not found or (isinstance(count, int) and number >= count)


def _seen_in(found: Iterable[Document]) -> Iterable[PayerSeen]:
    for row in found:
        ref = row.get("ContactID")
        if isinstance(ref, str) and is_guid(ref):
            yield _seen(row, ref.lower())


def _seen(row: Document, ref: str) -> PayerSeen:
    merged = row.get("MergedToContactID")
    into = merged.lower() if isinstance(merged, str) and is_guid(merged) and merged != _NOBODY else None
    return PayerSeen(
        ref=ref,
        state=_state(row, into),
        name=_text(row, "Name") or "",
        email=_text(row, "EmailAddress"),
        phone=_phone(row),
        address=_address(row),
        references=tuple(text for name in ("ContactNumber", "AccountNumber") if (text := _text(row, name))),
        merged_into=into,
    )


def _state(row: Document, into: str | None) -> PayerState:
    """A status that is new to us can still be billed, or Xero will say that it cannot."""
    if into is not None:
        return PayerState.MERGED
    archived = row.get("ContactStatus") in ("ARCHIVED", "GDPRREQUEST")
    return PayerState.INACTIVE if archived else PayerState.ACTIVE


def _phone(row: Document) -> str | None:
    """The first that has a number: area and country code stand beside it."""
    for phone in _parts(row, "Phones"):
        number = _text(phone, "PhoneNumber")
        if number:
            country, area = _text(phone, "PhoneCountryCode"), _text(phone, "PhoneAreaCode")
            return " ".join(
                part for part in (f"+{country.lstrip('+')}" if country else "", area, number) if part
            )
    return None


def _address(row: Document) -> dict[str, str]:
    """The one for post, else the first that says anything."""
    told = sorted(_parts(row, "Addresses"), key=lambda one: one.get("AddressType") != "POBOX")
    found = ({ours: text for ours, name in _ADDRESS.items() if (text := _text(one, name))} for one in told)
    return next((address for address in found if address), {})


def _parts(row: Document, name: str) -> list[Document]:
    value = row.get(name)
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def _text(row: Document, name: str) -> str | None:
    value = row.get(name)
    return value.strip() or None if isinstance(value, str) else None
