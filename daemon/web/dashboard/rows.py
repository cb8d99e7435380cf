"""Invoices as the office sees them: the three states, whose they are, where they are, and the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from daemon.jobs.intake import today_of
from daemon.model import DueState, PaymentStatus, SyncState, due_state
from daemon.money import Money
from daemon.office.proof import proof
from daemon.providers import provider_class
from daemon.store import customers, integrations, links, records, views
from daemon.web.dashboard import words
from daemon.web.dashboard.within import Desk
from daemon.web.dashboard.words import Chip


@dataclass(frozen=True, slots=True)
class InvoiceRow:
    """`proof` is None where nothing was read yet, or where it was not asked for."""

    invoice: records.Invoice
    link: records.Link
    person: records.Customer
    provider: str | None
    due_state: DueState
    overdue_days: int
    proof: str | None

    @property
    def total(self) -> Money:
        return Money(self.invoice.total_minor, self.invoice.currency)

    @property
    def paid(self) -> Money:
        return Money(self.invoice.paid_minor, self.invoice.currency)

    @property
    def due(self) -> Money:
        return Money(self.invoice.due_minor, self.invoice.currency)

    @property
    def refunded(self) -> Money:
        return Money(self.invoice.refunded_minor, self.invoice.currency)

    @property
    def view_url(self) -> str | None:
        """Where the provider shows it. What it calls an address and is none is not led to."""
        url = self.link.view_url
        return url if url and url.startswith(("https://", "http://")) else None

    @property
    def status(self) -> PaymentStatus:
        return PaymentStatus(self.invoice.payment_status)

    @property
    def payment(self) -> Chip:
        return words.payment(self.status, self.due_state, self.overdue_days)

    @property
    def sync(self) -> Chip:
        """Where it is, by name."""
        word, kind = words.SYNC[SyncState(self.link.state)]
        there = self.link.state == SyncState.SYNCED and self.provider
        return (f"in {self.provider}" if there else word), kind


def rows_of(desk: Desk, found: Sequence[records.Invoice], *, proven: bool = False) -> list[InvoiceRow]:
    """In the order given; `proven`: with the proof of each."""
    today = today_of(desk.tenant, desk.now)
    ids = [row.id for row in found]
    at = links.of_invoices(ids)
    people = customers.by_ids({row.customer_id for row in found})
    names = {
        x.id: provider_class(x.provider).label for x in integrations.listing(desk.tenant.id, removed=True)
    }
    money = views.payments_of(ids) if proven else {}
    shown = []
    for row in found:
        link = at[row.id]
        provider = names.get(link.integration_id or "")
        shown.append(
            InvoiceRow(
                invoice=row,
                link=link,
                person=people[row.customer_id],
                provider=provider,
                due_state=due_state(row.due_on, today),
                overdue_days=max(0, (today - row.due_on).days),
                proof=proof(link, money[row.id], provider) if proven else None,
            )
        )
    return shown


def answer(desk: Desk, row: InvoiceRow) -> str:
    """Has it been paid? In one sentence, in the reader's own numbers."""
    say, day = desk.visit.reader.money, desk.visit.reader.day
    due_on = day(row.invoice.due_on)
    late = f", {row.overdue_days} day{'' if row.overdue_days == 1 else 's'} ago" if row.overdue_days else ""
    how = f" by {row.invoice.payment_method}" if row.invoice.payment_method else ""
    on = f" on {day(desk.visit.reader.today(row.invoice.paid_at))}" if row.invoice.paid_at else ""
    sentences = {
        PaymentStatus.PAID: f"Yes: {say(row.paid)} was paid{how}{on}.",
        PaymentStatus.OVERPAID: f"Yes, and more: {say(row.paid)} of {say(row.total)} was paid{how}{on}.",
        PaymentStatus.PARTIALLY_PAID: f"In part: {say(row.paid)} of {say(row.total)}; "
        f"{say(row.due)} is to be paid by {due_on}{late}.",
        PaymentStatus.IN_FLIGHT: f"It is on its way: {say(row.total)} was sent and has not arrived yet.",
        PaymentStatus.REFUNDED: f"It was paid, and {say(row.refunded)} was given back; nothing is owed.",
        PaymentStatus.DISPUTED: f"It was paid{how}{on}, and the payment is disputed.",
        PaymentStatus.VOID: "It is void: nothing is owed.",
        PaymentStatus.UNCOLLECTIBLE: "It is written off: nothing is asked for any more.",
        PaymentStatus.UNKNOWN: "We do not know: the provider says nothing that we understand.",
    }
    return sentences.get(row.status, f"No: {say(row.due)} is to be paid by {due_on}{late}.")
