"""Search and lists: behind the books by the index's lag, a page at a time, partial rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from daemon.sandbox.http import Request
from daemon.sandbox.paypal.forms import query
from daemon.sandbox.paypal.ledger import Doc, Ledger
from daemon.sandbox.paypal.render import COLLECTIONS, row

_PAGES = {"page": (1, 1000, 1), "page_size": (1, 100, 20), "total_required": None}


def search(ledger: Ledger, given: Doc, request: Request, stale_s: float) -> Doc:
    """All criteria must fit. Which of them are exact is not documented: numbers and references fit
    where they hold the text, whatever its case."""
    asked = query(request, **_PAGES)
    seen = ledger.as_of(ledger.now - timedelta(seconds=max(ledger.search_lag_s, stale_s)))
    found = [document for document in seen if _fits(document, given)]
    return _page(ledger, found, asked, request, given.get("fields") or ())


def listed(ledger: Ledger, request: Request, stale_s: float) -> Doc:
    asked = query(request, **_PAGES, fields=None)
    seen = ledger.as_of(ledger.now - timedelta(seconds=max(ledger.search_lag_s, stale_s)))
    fields = () if request.param("fields", "all").lower() == "none" else COLLECTIONS
    return _page(ledger, seen, asked, request, fields)


def _page(
    ledger: Ledger, found: Sequence[Doc], asked: dict[str, int], request: Request, fields: Sequence[str]
) -> Doc:
    """`items` is left out where there is nothing."""
    size, start = asked["page_size"], (asked["page"] - 1) * asked["page_size"]
    rows = [row(one, fields, update_time=ledger.shows_update_time) for one in found[start : start + size]]
    page: Doc = {"items": rows} if rows else {}
    if request.param("total_required") == "true":
        page |= {"total_items": len(found), "total_pages": -(-len(found) // size)}
    here = f"{ledger.public_url}{request.path}?page={asked['page']}&page_size={size}"
    return page | {"links": [{"rel": "self", "href": here, "method": request.method}]}


def _fits(document: Doc, given: Doc) -> bool:
    detail = document["detail"]
    texts = (
        ("invoice_number", detail["invoice_number"]),
        ("reference", detail.get("reference", "")),
        ("memo", detail.get("memo", "")),
        ("recipient_email", _email(document)),
    )
    if any(given.get(name, "").lower() not in value.lower() for name, value in texts):
        return False
    if given.get("currency_code", detail["currency_code"]) != detail["currency_code"]:
        return False
    if given.get("status") and document["status"] not in given["status"]:
        return False
    due = (detail.get("payment_term") or {}).get("due_date", "")
    return (
        _within(given.get("invoice_date_range"), [detail["invoice_date"]])
        and _within(given.get("due_date_range"), [due])
        and _between(given.get("creation_date_range"), [detail["metadata"]["create_time"]])
        and _between(given.get("payment_date_range"), _paid_on(document))
    )


def _paid_on(document: Doc) -> list[str]:
    """Payments have the resolution of a day."""
    rows = (document.get("payments") or {}).get("transactions") or ()
    return [f"{one['payment_date']}T00:00:00Z" for one in rows]


def _within(span: Doc | None, days: Sequence[str]) -> bool:
    return span is None or any(span["start"] <= one <= span["end"] for one in days)


def _between(span: Doc | None, moments: Sequence[str]) -> bool:
    if span is None:
        return True
    start, end = _utc(span["start"]), _utc(span["end"])
    return any(start <= _utc(one) <= end for one in moments)


def _utc(text: Any) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _email(document: Doc) -> str:
    recipients = document.get("primary_recipients") or [{}]
    return str((recipients[0].get("billing_info") or {}).get("email_address", ""))
