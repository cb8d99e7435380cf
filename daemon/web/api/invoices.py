"""Invoices: created, looked at, synced, voided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from daemon.errors import NotFound
from daemon.jobs import intake, wishes
from daemon.jobs.intake import today_of
from daemon.model import PaymentStatus, SyncState, api_status, api_sync_status, due_state
from daemon.money import Money
from daemon.store import changes, customers, events, integrations, invoices, links, records
from daemon.store.tokens import Role
from daemon.web.api import given, roles, shown
from daemon.web.api.routing import Answer, Request, Route

ROOT = "/api/customers/{customerId}/invoices"
ONE = f"{ROOT}/{{invoiceId}}"
NOT_THEIRS: dict[str, Any] = {"fault": None, "view_url": None, "integration_id": None}
"""Of the tenant's account, which is none of the customer's business."""

OURS = frozenset(
    {"invoice.difference", "invoice.void_refused", "cutoff.held"}
    | {f"invoice.sync_{state.value}" for state in SyncState}
)
"""What happened between us and the tenant's provider, which is none of the customer's business either."""


def create(request: Request) -> Answer:
    person = request.customer()
    raw = request.given(given.InvoiceGiven).told() | {"customer": person.id}
    row, is_new = intake.enter(request.house, request.tenant, raw, actor=request.actor)
    return Answer(_whole(request, row), 201 if is_new else 200)


def listed(request: Request) -> Answer:
    asked = request.asked(given.InvoiceQuery)
    rows = invoices.listing(
        request.tenant.id,
        limit=asked.limit + 1,
        after=asked.after,
        customer_id=request.customer().id if "customerId" in request.path else None,
        status=asked.payment_status.value if asked.payment_status else None,
        sync=asked.sync.value if asked.sync else None,
    )
    more = rows[asked.limit - 1].id if len(rows) > asked.limit else None
    found = [shown.InvoiceShown(**fields) for fields in fields_of(request, rows[: asked.limit])]
    return Answer(shown.InvoicePage(invoices=found, next=more))


def one(request: Request) -> Answer:
    return Answer(_whole(request, named(request)))


def sync(request: Request) -> Answer:
    row = named(request)
    request.write(
        "invoices.sync", lambda: wishes.sync(row, actor=request.actor, now=request.now), wake="push"
    )
    request.house.wake("pull")
    return Answer(_whole(request, invoices.get(request.tenant.id, row.id)), 202)


def void(request: Request) -> Answer:
    row = named(request)
    request.write(
        "invoices.void", lambda: wishes.void(row, actor=request.actor, now=request.now), wake="push"
    )
    return Answer(_whole(request, invoices.get(request.tenant.id, row.id)), 202)


def status(request: Request) -> Answer:
    [fields] = fields_of(request, [named(request)])
    names = shown.InvoiceStatus.model_fields
    return Answer(shown.InvoiceStatus(**{name: fields[name] for name in names}))


# --- shared -------------------------------------------------------------------------------------------


def named(request: Request) -> records.Invoice:
    """That of the path, if it is this customer's: `wbi_…`, or `ref:` and the platform's reference."""
    person, name = request.customer(), request.path["invoiceId"]
    row = invoices.find(request.tenant.id, name)
    if row is None or row.customer_id != person.id or name not in (row.id, f"ref:{row.reference}"):
        raise NotFound("invoice", name)
    return row


def _whole(request: Request, row: records.Invoice) -> shown.InvoiceWhole:
    [fields] = fields_of(request, [row])
    return shown.InvoiceWhole(
        **fields,
        lines=[_line(line, row.currency) for line in invoices.lines_of(row.id)],
        payments=[_payment(payment) for payment in changes.payments_of(row.id)],
        sync_history=[
            shown.HistoryShown(at=event.at, type=event.type, sentence=event.data.get("sentence"))
            for event in events.of_invoice(row.id)
            if request.role is not Role.CUSTOMER_OWNER or event.type not in OURS
        ],
    )


def fields_of(request: Request, rows: Sequence[records.Invoice]) -> list[dict[str, Any]]:
    """What `InvoiceShown` shows of each."""
    today = today_of(request.tenant, request.now)
    at = links.of_invoices([row.id for row in rows])
    people = customers.by_ids({row.customer_id for row in rows})
    providers = {x.id: x.provider for x in integrations.listing(request.tenant.id, removed=True)}
    found = [_one(row, at[row.id], people[row.customer_id], today, providers) for row in rows]
    if request.role is Role.CUSTOMER_OWNER:
        return [fields | NOT_THEIRS for fields in found]
    return found


def _one(
    row: records.Invoice,
    link: records.Link,
    person: records.Customer,
    today: date,
    providers: Mapping[str, str],
) -> dict[str, Any]:
    sync, payment = SyncState(link.state), PaymentStatus(row.payment_status)
    due = due_state(row.due_on, today)
    same = ("id", "number", "reference", "customer_id", "currency", "issued_on", "due_on", "memo")
    seen = ("paid_at", "payment_method", "transaction_id", "created_at")
    there = (
        *("integration_id", "external_id", "external_number", "pay_url", "pdf_url", "view_url", "attempts"),
        *("pushed_at", "next_push_at", "last_pulled_at", "next_pull_at", "void_requested_at"),
    )
    return (
        {name: getattr(row, name) for name in (*same, *seen)}
        | {name: getattr(link, name) for name in there}
        | {
            name: Money(getattr(row, f"{name}_minor"), row.currency).text
            for name in ("total", "paid", "due", "refunded")
        }
        | {
            "customer_reference": person.reference,
            "sync_status": api_sync_status(sync, payment, due),
            "status": api_status(payment, due),
            "sync_state": sync.value,
            "payment_state": payment.value,
            "due_state": due.value,
            "overdue_days": max(0, (today - row.due_on).days),
            "provider": providers.get(link.integration_id or ""),
            "fault": shown.fault(link.fault_code, link.fault_text),
        }
    )


def _line(row: records.Line, currency: str) -> shown.LineShown:
    return shown.LineShown(
        description=row.description,
        quantity=row.quantity,
        net=Money(row.net_minor, currency).text,
        tax=Money(row.tax_minor, currency).text,
        tax_rate=row.tax_rate,
    )


def _payment(row: records.Payment) -> shown.PaymentShown:
    return shown.PaymentShown(
        kind=row.kind,
        reverses=row.reverses,
        amount=Money(row.amount_minor, row.currency).text,
        currency=row.currency,
        at=row.at,
        method=row.method,
        external_id=row.external_id,
        transaction_id=row.transaction_id,
        revision=row.revision,
        seen_at=row.seen_at,
    )


ROUTES = (
    Route(
        "POST",
        ROOT,
        create,
        roles.ONLY_OFFICE,
        "Create an invoice; the same again is harmless",
        given=given.InvoiceGiven,
        shown=shown.InvoiceWhole,
        status=201,
    ),
    Route(
        "GET",
        ROOT,
        listed,
        roles.AND_OWNER,
        "List a customer's invoices, newest first",
        asked=given.InvoiceQuery,
        shown=shown.InvoicePage,
    ),
    Route("GET", ONE, one, roles.AND_OWNER, "Show an invoice", shown=shown.InvoiceWhole),
    Route(
        "POST",
        f"{ONE}/sync",
        sync,
        roles.ONLY_OFFICE,
        "Push it (again) and read it, at once",
        given=given.Nothing,
        shown=shown.InvoiceWhole,
        status=202,
    ),
    Route(
        "POST",
        f"{ONE}/void",
        void,
        roles.ONLY_OFFICE,
        "Withdraw it, here and at the provider",
        given=given.Nothing,
        shown=shown.InvoiceWhole,
        status=202,
    ),
    Route(
        "GET",
        f"{ONE}/status",
        status,
        roles.AND_OWNER,
        "Has this been paid?",
        shown=shown.InvoiceStatus,
    ),
    Route(
        "GET",
        "/api/invoices",
        listed,
        roles.ONLY_READERS,
        "List all invoices, newest first",
        asked=given.InvoiceQuery,
        shown=shown.InvoicePage,
    ),
)
