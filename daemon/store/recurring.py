"""Plans and subscriptions as values, as the store hands them out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from daemon.model import Document
from daemon.money import Money
from daemon.policy.periods import Schedule, Unit
from daemon.store import tables
from daemon.store.invoices import NewLine
from daemon.store.records import Record


@dataclass(frozen=True, slots=True)
class Plan(Record):
    table = tables.Plan
    id: str
    tenant_id: str
    reference: str
    name: str
    currency: str
    lines: list[Document]
    every: int
    unit: str
    due_days: int
    ahead_days: int
    proration: str
    memo: str | None
    created_at: datetime
    ended_at: datetime | None

    @property
    def priced(self) -> tuple[NewLine, ...]:
        """Its lines, for a whole period and a quantity of one."""
        return tuple(read_line(line, self.currency) for line in self.lines)


@dataclass(frozen=True, slots=True)
class Subscription(Record):
    table = tables.Subscription
    id: str
    tenant_id: str
    customer_id: str
    plan_id: str
    reference: str
    start_on: date
    ends_on: date | None
    anchored_on: date
    anchor_day: int
    quantity: int
    net_minor: int | None
    tax_minor: int | None
    next_on: date
    paused_on: date | None
    fault_code: str | None
    fault_text: str | None
    fault_at: datetime | None
    created_at: datetime

    def schedule(self, plan: Plan) -> Schedule:
        return Schedule(plan.every, Unit(plan.unit), self.anchored_on, self.anchor_day)

    @property
    def is_over(self) -> bool:
        """Every day up to its end is billed."""
        return self.ends_on is not None and self.next_on > self.ends_on


@dataclass(frozen=True, slots=True)
class BilledPeriod(Record):
    table = tables.BilledPeriod
    subscription_id: str
    start_on: date
    last_on: date
    tenant_id: str
    invoice_id: str | None
    billed_at: datetime


def write_line(line: NewLine) -> Document:
    """A plan's line as its row holds it."""
    return {
        "description": line.description,
        "net": line.net.minor,
        "tax": line.tax.minor,
        "tax_rate": line.tax_rate,
    }


def read_line(line: Document, currency: str) -> NewLine:
    return NewLine(
        line["description"], Money(line["net"], currency), Money(line["tax"], currency), line["tax_rate"]
    )
