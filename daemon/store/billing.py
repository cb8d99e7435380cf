"""Billing: each period of a subscription once, each number of a tenant once, in one transaction with the
invoice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import TypeVar

import peewee as pw

from daemon.errors import InvalidInput
from daemon.model import Document
from daemon.policy.numbering import DEFAULT, NumberFormat
from daemon.policy.periods import Period
from daemon.store import audit, plain
from daemon.store.database import Store
from daemon.store.recurring import BilledPeriod
from daemon.store.tables import BilledPeriod as Table
from daemon.store.tables import Counter, Invoice, Numbering, Plan, Subscription

T = TypeVar("T")

TRIES = 3


def write_once(store: Store, label: str, work: Callable[[], T]) -> T:
    """As `store.write`; where somebody else wrote the same name in the same moment (only PostgreSQL lets
    two write at once) nothing was written, and the work is done anew over what is there now."""
    for left in reversed(range(TRIES)):
        try:
            return store.write(label, work)
        except pw.IntegrityError:
            if not left:
                raise
    raise AssertionError("unreachable")


def take_turns(tenant_id: str) -> None:
    """Inside a transaction: until its end nobody else bills for this tenant. SQLite has one writer anyway;
    PostgreSQL makes the second one wait for the row."""
    plain.execute(
        "INSERT INTO numbering (tenant_id, format) VALUES (?, ?) ON CONFLICT (tenant_id) DO NOTHING",
        tenant_id,
        DEFAULT,
    )
    plain.execute("UPDATE numbering SET format = format WHERE tenant_id = ?", tenant_id)


# --- periods ------------------------------------------------------------------------------------------


def note_period(
    tenant_id: str, subscription_id: str, period: Period, invoice_id: str | None, *, now: datetime
) -> None:
    """Inside the invoice's transaction; a second row for the same period fails, and with it the invoice."""
    row = {
        "subscription_id": subscription_id,
        "start_on": period.start,
        "last_on": period.last,
        "tenant_id": tenant_id,
        "invoice_id": invoice_id,
        "billed_at": now,
    }
    plain.insert(Table, row)


def source_of(invoice_id: str) -> Document | None:
    """Where a generated invoice comes from: the references of subscription and plan, and the period."""
    row = (
        Table.select(
            Table.start_on,
            Table.last_on,
            Subscription.reference.alias("subscription"),
            Plan.reference.alias("plan"),
        )
        .join(Subscription, on=(Subscription.id == Table.subscription_id))
        .join(Plan, on=(Plan.id == Subscription.plan_id))
        .where(Table.invoice_id == invoice_id)
        .dicts()
        .first()
    )
    return dict(row) if row else None


def periods_of(subscription_id: str) -> list[BilledPeriod]:
    return list(BilledPeriod.select(Table.subscription_id == subscription_id, order=Table.start_on))


# --- numbers ------------------------------------------------------------------------------------------


def number_format(tenant_id: str) -> NumberFormat:
    row = Numbering.get_or_none(Numbering.tenant_id == tenant_id)
    return NumberFormat(row.format if row else DEFAULT)


def counters(tenant_id: str) -> dict[int, int]:
    """The last counter given out, by year (0: of all years)."""
    return {row.year: row.last for row in Counter.select().where(Counter.tenant_id == tenant_id)}


def note_counter(tenant_id: str, year: int, last: int) -> None:
    """Inside a transaction, in the tenant's turn."""
    plain.execute(
        "INSERT INTO counter (tenant_id, year, last) VALUES (?, ?, ?) "
        "ON CONFLICT (tenant_id, year) DO UPDATE SET last = EXCLUDED.last",
        tenant_id,
        year,
        last,
    )


def taken_numbers(tenant_id: str, numbers: Sequence[str]) -> set[str]:
    rows = plain.select(Invoice, ["number"], "number", numbers, within=("tenant_id", tenant_id))
    return {row[0] for row in rows}


def taken_references(tenant_id: str, references: Sequence[str]) -> set[str]:
    rows = plain.select(Invoice, ["reference"], "reference", references, within=("tenant_id", tenant_id))
    return {row[0] for row in rows}


def set_numbering(
    tenant_id: str,
    format_: NumberFormat | None,
    following: int | None,
    *,
    today: date,
    actor: str,
    now: datetime,
) -> None:
    """Inside a transaction: another format, and the counter that the next number has. Raises InvalidInput
    where that would go back."""
    take_turns(tenant_id)
    made = format_ or number_format(tenant_id)
    year = made.year(today.year)
    last = counters(tenant_id).get(year, 0)
    if following is not None and following <= last:
        raise InvalidInput("WB-INPUT", f"next: {last} was given out already", field="next")
    if format_:
        Numbering.update(format=made.text).where(Numbering.tenant_id == tenant_id).execute()
    if following is not None:
        note_counter(tenant_id, year, following - 1)
    data = {"format": made.text, "year": year, "next": following or last + 1, "skipped_from": last + 1}
    audit.append(tenant_id, actor=actor, action="numbering.changed", subject=tenant_id, data=data, now=now)


class Numbers:
    """Gives out a tenant's numbers, one after the other. A number that an invoice has already, because the
    platform gave it, is passed over: the series then has that invoice in this place."""

    def __init__(self, tenant_id: str) -> None:
        self._tenant_id = tenant_id
        self._format = number_format(tenant_id)
        self._last = counters(tenant_id)
        self._asked: set[str] = set()
        self._taken: set[str] = set()
        self._touched: set[int] = set()

    def next(self, issued_on: date) -> str:
        """The number that comes next; `use` it, or it comes again."""
        year = self._format.year(issued_on.year)
        while (number := self._number(issued_on, 1)) in self._known(issued_on):
            self._last[year] = self._last.get(year, 0) + 1
            self._touched.add(year)
        return number

    def use(self, issued_on: date) -> None:
        year = self._format.year(issued_on.year)
        self._last[year] = self._last.get(year, 0) + 1
        self._touched.add(year)

    def write(self) -> None:
        """Inside a transaction, in the tenant's turn."""
        for year in sorted(self._touched):
            note_counter(self._tenant_id, year, self._last[year])

    def _number(self, issued_on: date, further: int) -> str:
        year = self._format.year(issued_on.year)
        return self._format.number(issued_on.year, self._last.get(year, 0) + further)

    def _known(self, issued_on: date) -> set[str]:
        """Numbers that are taken, asked for by the hundred."""
        if self._number(issued_on, 1) not in self._asked:
            ahead = [self._number(issued_on, n) for n in range(1, 257)]
            self._asked = set(ahead)
            self._taken = taken_numbers(self._tenant_id, ahead)
        return self._taken
