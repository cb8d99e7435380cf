"""Payments that were made outside, over the API: entered, listed, taken back, settled."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from daemon.errors import NotFound
from daemon.jobs import receipts as entering
from daemon.jobs.intake import Amount
from daemon.money import Money
from daemon.store import invoices, receipts, records
from daemon.store.receipts import Receipt
from daemon.web.api import given, roles, shown
from daemon.web.api.invoices import ONE, named
from daemon.web.api.routing import Answer, Request, Route

ROOT = f"{ONE}/payments"
PAYMENT = f"{ROOT}/{{paymentId}}"


class PaymentGiven(given.Given):
    """`amount` is in the invoice's currency; `paidOn` is today where it is left out, in the tenant's zone.
    The same `reference` again is the same payment."""

    amount: Amount
    method: Literal["cash", "check", "bank_transfer", "other"] = "cash"
    paid_on: given.Day | None = None
    currency: given.Currency | None = None
    note: Annotated[str, Field(max_length=entering.LONGEST_NOTE, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    reference: given.Name | None = None


class NoteGiven(given.Given):
    note: given.Text


class PaidShown(shown.Shown):
    """`state`: it is waiting to be recorded at the provider, recorded there, stays here alone (somebody
    closes the invoice there), or is taken back."""

    id: str
    invoice_id: str
    amount: str
    currency: str
    method: str
    paid_on: date
    note: str
    reference: str | None
    state: str
    fault: shown.Fault | None
    entered_at: datetime
    settled_at: datetime | None
    payment_state: str
    due: str


class PaidList(shown.Shown):
    payments: list[PaidShown]


def enter(request: Request) -> Answer:
    body, row = request.given(PaymentGiven), named(request)
    wanted = entering.Given(body.amount, body.method, body.paid_on, body.currency, body.note, body.reference)
    made, is_new = entering.enter(request.house, row, wanted, actor=request.actor)
    return Answer(_shown(request, made), 201 if is_new else 200)


def listed(request: Request) -> Answer:
    found = receipts.of_invoice(named(request).id)
    return Answer(PaidList(payments=[_shown(request, one) for one in found]))


def take_back(request: Request) -> Answer:
    made = entering.take_back(request.house, _entered(request), actor=request.actor)
    return Answer(_shown(request, made))


def settle(request: Request) -> Answer:
    made, note = _entered(request), request.given(NoteGiven).note
    request.write(
        "payments.settle", lambda: receipts.settle(made, note=note, actor=request.actor, now=request.now)
    )
    return Answer(_shown(request, receipts.get(request.tenant.id, made.id)))


def _entered(request: Request) -> Receipt:
    """That of the path, if it is of this invoice. Raises NotFound."""
    row, name = named(request), request.path["paymentId"]
    made = receipts.get(request.tenant.id, name)
    if made.invoice_id != row.id or made.id != name:
        raise NotFound("payment", name)
    return made


def _shown(request: Request, made: Receipt) -> PaidShown:
    row: records.Invoice = invoices.get(request.tenant.id, made.invoice_id)
    same = ("id", "invoice_id", "currency", "method", "paid_on", "note", "reference", "state")
    return PaidShown(
        **{name: getattr(made, name) for name in (*same, "entered_at", "settled_at")},
        amount=made.amount.text,
        fault=shown.fault(made.fault_code, made.fault_text),
        payment_state=row.payment_status,
        due=Money(row.due_minor, row.currency).text,
    )


ROUTES = (
    Route(
        "POST",
        ROOT,
        enter,
        roles.ONLY_OFFICE,
        "Enter a payment that was made outside; it counts at once",
        given=PaymentGiven,
        shown=PaidShown,
        status=201,
    ),
    Route("GET", ROOT, listed, roles.ONLY_READERS, "List the payments entered here", shown=PaidList),
    Route("DELETE", PAYMENT, take_back, roles.ONLY_OFFICE, "Take a mistake back", shown=PaidShown),
    Route(
        "POST",
        f"{PAYMENT}/settle",
        settle,
        roles.ONLY_OFFICE,
        "Say that it is settled with the provider",
        given=NoteGiven,
        shown=PaidShown,
    ),
)
