"""The reads: lists with pages and filters, single documents, the organisation's settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from daemon.sandbox.http import Answer, Request
from daemon.sandbox.xero import contacts, fields, payments, render
from daemon.sandbox.xero.errors import as_json, bad_request, not_found
from daemon.sandbox.xero.records import Books, Doc, Invoice, Payment
from daemon.sandbox.xero.where import where

PDF = b"%PDF-1.4\n% an invoice\n%%EOF\n"
DEFAULT_PAGE, MOST_PER_PAGE = 100, 1000
ACTIONS = ("CreateDraftInvoice", "CreateApprovedInvoice", "CreateInvoicePayment", "UseMulticurrency")
_INVOICE_QUERY = [
    "where",
    "order",
    "IDs",
    "InvoiceNumbers",
    "ContactIDs",
    "Statuses",
    "page",
    "pageSize",
    "includeArchived",
    "createdByMyApp",
    "unitdp",
    "summaryOnly",
]
_COLUMNS = {
    "Reference": lambda row: row.reference,
    "InvoiceNumber": lambda row: row.number,
    "Type": lambda row: row.type,
    "Status": lambda row: row.status,
}


def answer(
    books: Books,
    app: str,
    handler: str,
    args: tuple[str, ...],
    request: Request,
    asof: datetime,
    now: datetime,
) -> Answer:
    """Raises Refused. A list tells nothing that changed after `asof`."""
    lists: dict[str, Callable[[], Answer]] = {
        "invoices": lambda: _invoices(books, app, request, asof, now),
        "invoice": lambda: _invoice(books, args[0], request, now),
        "online_invoice": lambda: _online(books, args[0], now),
        "contacts": lambda: _contacts(books, request, asof, now),
        "contact": lambda: wrapped("Contacts", [render.contact(contacts.one(books, args[0]))], now),
        "payments": lambda: _payments(books, request, asof, now),
        "payment": lambda: _payment(books, args[0], now),
        "credit_notes": lambda: _credit_notes(books, request, asof, now),
    }
    return lists[handler]() if handler in lists else _settings(books, handler, request, now)


def _contacts(books: Books, request: Request, asof: datetime, now: datetime) -> Answer:
    found = [row for row in contacts.listed(books, request) if row.updated <= asof]
    return _paged("Contacts", found, render.contact, request, now)


def _payments(books: Books, request: Request, asof: datetime, now: datetime) -> Answer:
    rows = [row for row in _since(payments.listed(books, request), request) if row.updated <= asof]

    def shown(row: Payment) -> Doc:
        return render.payment(row, books.invoices[row.invoice_id])

    return _paged("Payments", rows, shown, request, now)


def _credit_notes(books: Books, request: Request, asof: datetime, now: datetime) -> Answer:
    notes = sorted(books.credit_notes.values(), key=lambda row: (row.updated, row.id))
    rows = [row for row in _since(notes, request) if row.updated <= asof]
    return _paged("CreditNotes", rows, render.credit_note, request, now)


def wrapped(name: str, rows: Sequence[Doc], now: datetime, **more: Any) -> Answer:
    moment = render.moment(now).replace("+0000", "")
    envelope = {"Id": render.NOBODY, "Status": "OK", "ProviderName": "wispbill", "DateTimeUTC": moment}
    return as_json({**envelope, **more, name: list(rows)})


def _settings(books: Books, handler: str, request: Request, now: datetime) -> Answer:
    fields.only(request, ["where", "order"])
    match handler:
        case "organisation":
            return wrapped("Organisations", [render.organisation(books)], now)
        case "actions":
            return wrapped("Actions", _actions(books), now)
        case "accounts":
            columns = {"Status": lambda row: row.status, "Code": lambda row: row.code}
            fits = where(request.param("where"), columns, ors=False)
            rows = [render.account(row) for row in books.accounts.values() if fits(row)]
            return wrapped("Accounts", rows, now)
        case "tax_rates":
            return wrapped("TaxRates", render.tax_rates(books), now)
        case "currencies":
            return wrapped("Currencies", [{"Code": c, "Description": c} for c in books.currencies], now)
    themes = [{"BrandingThemeID": ref, "Name": name} for ref, name in books.themes.items()]
    return wrapped("BrandingThemes", themes, now)


def _actions(books: Books) -> list[Doc]:
    return [
        {"Name": name, "Status": "NOT-ALLOWED" if name in books.forbidden_actions else "ALLOWED"}
        for name in ACTIONS
    ]


# --- invoices -----------------------------------------------------------------------------------------


def _invoices(books: Books, app: str, request: Request, asof: datetime, now: datetime) -> Answer:
    fields.only(request, _INVOICE_QUERY)
    fits = where(request.param("where"), _COLUMNS, ors=books.or_filters)
    ids = fields.guids(request, "IDs")
    numbers, statuses = _words(request, "InvoiceNumbers"), _words(request, "Statuses")
    rows = [
        row
        for row in _since(sorted(books.invoices.values(), key=lambda one: (one.updated, one.id)), request)
        if fits(row)
        and row.updated <= asof
        and (ids is None or row.id in ids)
        and (numbers is None or row.number in numbers)
        and (statuses is None or row.status in statuses)
        and (not fields.flag(request, "createdByMyApp") or row.created_by == app)
    ]
    if request.param("order", "UpdatedDateUTC ASC") != "UpdatedDateUTC ASC":
        raise bad_request("Order is not supported")
    summary, paged = fields.flag(request, "summaryOnly"), bool(request.param("page"))

    def shown(row: Invoice) -> Doc:
        return render.invoice(row, lines=paged and not summary, payments=paged and not summary)

    return _paged("Invoices", rows, shown, request, now, always=summary)


def _words(request: Request, name: str) -> set[str] | None:
    given = request.param(name)
    if not given:
        return None
    words = given.split(",")
    if len(words) > fields.MOST_ELEMENTS:
        raise bad_request(f"{name} has more than {fields.MOST_ELEMENTS} entries")
    return set(words)


def _invoice(books: Books, ref: str, request: Request, now: datetime) -> Answer:
    row = books.invoices.get(ref)
    if row is None:
        raise not_found()
    if "application/pdf" in request.headers.get("accept", ""):
        return Answer(200, PDF, content_type="application/pdf")
    return wrapped("Invoices", [render.invoice(row)], now)


def _online(books: Books, ref: str, now: datetime) -> Answer:
    row = books.invoices.get(ref)
    if row is None:
        raise not_found()
    if row.status not in ("AUTHORISED", "PAID"):
        raise bad_request("Invoice is a draft", 10, "ValidationException")
    return wrapped("OnlineInvoices", [{"OnlineInvoiceUrl": f"https://in.xero.com/{row.id[:8]}"}], now)


def _payment(books: Books, ref: str, now: datetime) -> Answer:
    row = books.payments.get(ref)
    if row is None:
        raise not_found()
    return wrapped("Payments", [render.payment(row, books.invoices[row.invoice_id])], now)


# --- lists --------------------------------------------------------------------------------------------


def _since(rows: Sequence[Any], request: Request) -> list[Any]:
    """If-Modified-Since: UTC without a zone, whole seconds; what is newer than that second."""
    given = request.headers.get("if-modified-since", "")
    if not given:
        return list(rows)
    try:
        since = datetime.strptime(given, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    except ValueError as error:
        raise bad_request("If-Modified-Since is not like 2026-11-22T11:55:00") from error
    return [row for row in rows if row.updated > since]


def _paged(
    name: str,
    rows: Sequence[Any],
    shown: Callable[[Any], Doc],
    request: Request,
    now: datetime,
    *,
    always: bool = False,
) -> Answer:
    """A page where one is asked for; sizes out of range are snapped. Without `page` everything comes."""
    if not request.param("page") and not always:
        return wrapped(name, [shown(row) for row in rows], now)
    page, size = _whole(request, "page", 1), _whole(request, "pageSize", DEFAULT_PAGE)
    page, size = max(1, page), min(max(1, size), MOST_PER_PAGE)
    part = rows[(page - 1) * size : page * size]
    count = -(-len(rows) // size)
    told = {"page": page, "pageSize": size, "pageCount": count, "itemCount": len(rows)}
    return wrapped(name, [shown(row) for row in part], now, pagination=told)


def _whole(request: Request, name: str, default: int) -> int:
    text = request.param(name, str(default))
    if not text.lstrip("-").isdigit():
        raise bad_request(f"{name} is not a number")
    return int(text)
