"""Search and its pages: the only way to read many invoices at once, and to find one by our reference.

Rows are partial, may lag behind, and shift while invoices change state; no order is documented.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

from daemon.errors import Garbled
from daemon.model import Document
from daemon.providers.paypal.client import Api
from daemon.providers.paypal.money import PARTY

PAGE = 100
LAST_PAGE = 1000
FIELDS = ["payments", "refunds"]
_PATH = ("v2", "invoicing", "search-invoices")


@dataclass(frozen=True, slots=True)
class Page:
    """`pages` there are in all, now; `now` is PayPal's clock."""

    rows: list[Document]
    pages: int
    now: datetime | None


def search(api: Api, body: Document, page: int = 1, size: int = PAGE) -> Page:
    """Raises Garbled where the answer is not a page: nothing found must be said, not left out."""
    params = {"page": str(page), "page_size": str(size), "total_required": "true"}
    answer = api.ask("POST", _PATH, body=body, params=params, scope="search")
    document = answer.document
    count, pages = document.get("total_items"), document.get("total_pages")
    rows = document.get("items", [] if count == 0 or _is_beyond(page, pages) else None)
    if not isinstance(rows, list) or not all(_is_row(row) for row in rows):
        raise Garbled("PayPal's search did not answer with invoices", party=PARTY)
    there = pages if isinstance(pages, int) else page + (len(rows) == size)
    return Page(rows, min(there, LAST_PAGE), _date(answer.headers.get("date", "")))


def span(start: datetime, end: datetime) -> Document:
    return {"start": moment(start), "end": moment(end)}


def moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def candidates(api: Api, number: str, reference: str) -> list[str]:
    """The ids of invoices with this number or this reference. How the filters compare is not documented, so
    that what they find is compared here."""
    found: dict[str, None] = {}
    for filters in ({"invoice_number": number}, {"reference": reference}):
        page = 1
        while True:
            seen = search(api, dict(filters), page)
            found |= dict.fromkeys(row["id"] for row in seen.rows if _fits(row, number, reference))
            if page >= seen.pages or not seen.rows:
                break
            page += 1
    return list(found)


def _fits(row: Document, number: str, reference: str) -> bool:
    detail = row.get("detail")
    if not isinstance(detail, dict):
        return True  # it must be read to know
    return detail.get("invoice_number") == number or detail.get("reference") == reference


def wanted_states(states: Sequence[str], created: Document | None) -> Document:
    body: Document = {"status": list(states), "fields": FIELDS}
    return {**body, "creation_date_range": created} if created else body


def _is_beyond(page: int, pages: object) -> bool:
    return isinstance(pages, int) and page > max(pages, 1)


def _is_row(row: object) -> bool:
    return isinstance(row, dict) and isinstance(row.get("id"), str) and bool(row["id"])


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return found if found.tzinfo is not None else None
