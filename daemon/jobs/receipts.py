"""Payments made outside (in cash, by cheque, over the counter of a bank): entered here, taken back.

What is entered counts at once: whoever paid is restored in the same run. Where the provider can record it,
`jobs.recording` puts it into its books; from then on it is the provider's word, and never counts twice
(`reconcile`). Where it cannot, it stays here, and a person closes the invoice there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from daemon.errors import InvalidInput
from daemon.house import House
from daemon.jobs.intake import today_of
from daemon.model import Fact, FactKind, PaymentStatus, StepState
from daemon.money import Money
from daemon.providers import provider_class
from daemon.reconcile import entered, paid_there, withdrawn
from daemon.store import (
    audit,
    billing,
    changes,
    integrations,
    invoices,
    links,
    receipts,
    records,
    steps,
    tenants,
)
from daemon.store.changes import Subject
from daemon.store.receipts import Receipt, ReceiptState

METHODS = ("cash", "check", "bank_transfer", "other")
LONGEST_NOTE = 200
CODE = "WB-PAYMENT"


@dataclass(frozen=True, slots=True)
class Given:
    """What somebody says was paid. `amount` is decimal text in the invoice's currency; `paid_on` None is
    today, in the tenant's zone. The same `reference` again is the same payment."""

    amount: str
    method: str = "cash"
    paid_on: date | None = None
    currency: str | None = None
    note: str = ""
    reference: str | None = None


def enter(house: House, invoice: records.Invoice, given: Given, *, actor: str) -> tuple[Receipt, bool]:
    """Write the payment down; returns it and whether it is new. Raises InvalidInput, in plain words, where
    it cannot be: more than is due, no amount, another currency, a day to come, a void invoice."""
    amount = _amount(invoice, given)
    tenant = tenants.get(invoice.tenant_id)

    def work() -> tuple[Receipt, bool]:
        now = house.clock.now()
        links.assign(now)
        link = links.hold(links.of_invoice(invoice.id).id)
        known = receipts.by_reference(invoice.id, given.reference) if given.reference else None
        if known is not None:
            return _the_same(known, amount, given), False
        subject = changes.subjects([link])[link.id]
        paid_on = given.paid_on or today_of(tenant, now)
        _insist(subject, amount, paid_on, today_of(tenant, now))
        made = receipts.add(
            subject.invoice,
            amount,
            method=given.method,
            paid_on=paid_on,
            note=given.note,
            reference=given.reference,
            state=_destined(link),
            actor=actor,
            now=now,
            entropy=house.entropy,
        )
        fact = _fact(subject, made, ZoneInfo(tenant.zone), now)
        changes.enter(subject, entered(subject.known, fact), now=now)
        _note(made, "payment.entered", actor, now)
        return made, True

    made, is_new = billing.write_once(house.store, "receipts.enter", work)
    house.wake("enforce")
    house.wake("push")
    return made, is_new


def _amount(invoice: records.Invoice, given: Given) -> Money:
    if given.currency is not None and given.currency.upper() != invoice.currency:
        raise InvalidInput(
            CODE, f"the invoice is in {invoice.currency}, not in {given.currency.upper()}", field="currency"
        )
    if given.method not in METHODS:
        raise InvalidInput("WB-INPUT", f"method is one of {', '.join(METHODS)}", field="method")
    if len(given.note) > LONGEST_NOTE:
        raise InvalidInput("WB-INPUT", f"a note has at most {LONGEST_NOTE} characters", field="note")
    amount = Money.parse(given.amount, invoice.currency)
    if amount.minor <= 0:
        raise InvalidInput("WB-MONEY-AMOUNT", "a payment is more than nothing", field="amount")
    return amount


def _the_same(known: Receipt, amount: Money, given: Given) -> Receipt:
    told = (known.amount, known.method, known.note)
    if told != (amount, given.method, given.note) or given.paid_on not in (None, known.paid_on):
        raise InvalidInput(
            CODE, f"another payment was entered under the reference {known.reference}", field="reference"
        )
    return known


def _insist(subject: Subject, amount: Money, paid_on: date, today: date) -> None:
    """Raises InvalidInput where this invoice cannot take this payment."""
    invoice, link = subject.invoice, subject.link
    status = PaymentStatus(invoice.payment_status)
    if link.integration_id is None:
        raise InvalidInput(
            CODE, "no integration takes this invoice yet: connect one first, or void it if it is settled"
        )
    if status is PaymentStatus.VOID or link.void_requested_at is not None:
        raise InvalidInput(CODE, "the invoice is void, or about to be: nothing is owed on it")
    if paid_on > today:
        raise InvalidInput(CODE, f"{paid_on} is still to come: today is {today}", field="paid_on")
    owed = Money(invoice.due_minor, invoice.currency)
    if status is PaymentStatus.UNCOLLECTIBLE:  # given up, and paid after all
        owed = Money(invoice.total_minor - invoice.paid_minor, invoice.currency)
    if owed < amount:
        raise InvalidInput(
            CODE,
            f"{amount} is more than the {owed} that is due on it: enter what belongs to this invoice, and "
            "the rest on another one",
            field="amount",
        )


def _destined(link: records.Link) -> ReceiptState:
    """Whether it is to be recorded at the provider, now or once the invoice is there."""
    integration = integrations.get(link.tenant_id, str(link.integration_id))
    can = provider_class(integration.provider).can.record_payment
    gone = integration.removed_at is not None
    return ReceiptState.WAITING if can and not gone else ReceiptState.HERE


def _fact(subject: Subject, made: Receipt, zone: ZoneInfo, now: datetime) -> Fact:
    """At noon of its day, which is no more exact than it was said."""
    at = min(now, datetime.combine(made.paid_on, time(12), zone))
    there = paid_there(subject.known.facts, made.currency)
    return Fact(
        FactKind.PAYMENT, made.external_id, made.amount, at, made.method, made.reference, beside=there
    )


# --- taken back ---------------------------------------------------------------------------------------


def take_back(house: House, made: Receipt, *, actor: str) -> Receipt:
    """A mistake is undone: what was entered counts no more, and is owed again. Raises InvalidInput where the
    provider has it in its books, or may have: there it is taken back, and read from there."""
    invoice = invoices.get(made.tenant_id, made.invoice_id)

    def work() -> None:
        now = house.clock.now()
        link = links.hold(links.of_invoice(made.invoice_id).id)
        current = receipts.get(made.tenant_id, made.id)
        subject = changes.subjects([link])[link.id]
        change = withdrawn(subject.known, current.external_id)
        _insist_on_taking_back(current, link, invoice, counts=change is not None)
        receipts.move(current, ReceiptState.TAKEN_BACK)
        if change is not None:
            changes.enter(subject, change, now=now)
        _note(current, "payment.taken_back", actor, now)

    house.store.write("receipts.take_back", work)
    house.wake("enforce")
    return receipts.get(made.tenant_id, made.id)


def _insist_on_taking_back(
    made: Receipt, link: records.Link, invoice: records.Invoice, *, counts: bool
) -> None:
    if made.state == ReceiptState.TAKEN_BACK:
        raise InvalidInput(CODE, "it is taken back already")
    begun = made.state == ReceiptState.WAITING and _was_sent(made, link, invoice)
    if made.state == ReceiptState.RECORDED or begun or not counts:
        raise InvalidInput(
            CODE,
            "the provider has it in its books, or may have: take it back there; the amount is owed again as "
            "soon as that is read",
        )


def _was_sent(made: Receipt, link: records.Link, invoice: records.Invoice) -> bool:
    subject = receipts.subject(invoice.reference, made.place)
    found = steps.read(str(link.integration_id), [subject])[subject]
    return any(step.state is not StepState.NEW for step in found.values())


def _note(made: Receipt, action: str, actor: str, now: datetime) -> None:
    audit.append(
        made.tenant_id,
        actor=actor,
        action=action,
        subject=made.invoice_id,
        data={"payment": made.id, "amount": str(made.amount), "method": made.method, "on": str(made.paid_on)},
        now=now,
    )
