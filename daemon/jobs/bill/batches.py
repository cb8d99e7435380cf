"""Batches: some hundred periods at a time, read with their customers, numbered, and written together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Protocol

from daemon.clock import Entropy
from daemon.errors import InvalidInput, StoreError
from daemon.jobs.bill import items
from daemon.jobs.bill.items import Item, Terms
from daemon.model.dunning import ServiceStatus
from daemon.providers import provider_class
from daemon.store import audit, billing, customers, integrations, invoices, plans, records, subscriptions
from daemon.store.billing import Numbers
from daemon.store.recurring import Plan, Subscription

BATCH = 200
"""Invoices of one transaction."""


@dataclass(frozen=True, slots=True)
class Held:
    """A subscription that is not billed, and why."""

    subscription: Subscription
    code: str
    text: str


@dataclass(slots=True)
class Batch:
    """What was drawn: an item for each subscription that is billed, those that are not, and the reference
    behind which to go on (None: there is nothing more of this day)."""

    items: list[Item] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    after: str | None = None


class Backlog(Protocol):
    """Where due periods are read from, in the order in which they came due."""

    def next_start(self, plan: Plan, until: date, after: date) -> date | None: ...

    def starting(self, plan: Plan, start: date, after: str, limit: int) -> list[Subscription]: ...


class Stored:
    """The database: who is billed has moved on there."""

    def next_start(self, plan: Plan, until: date, after: date) -> date | None:
        return subscriptions.next_start(plan, until, after=after)

    def starting(self, plan: Plan, start: date, after: str, limit: int) -> list[Subscription]:
        return subscriptions.starting(plan, start, after=after, limit=limit)


class Imagined(Stored):
    """The database, and those who would have moved on by now and are due again: of a dry run."""

    def __init__(self) -> None:
        self._moved: dict[tuple[str, date], list[Subscription]] = {}

    def move(self, item: Item) -> None:
        row, next_on = item.subscription, item.period.end
        if row.ends_on is None or next_on <= row.ends_on:
            self._moved.setdefault((item.plan.id, next_on), []).append(replace(row, next_on=next_on))

    def next_start(self, plan: Plan, until: date, after: date) -> date | None:
        days = [day for plan_id, day in self._moved if plan_id == plan.id and after < day <= until]
        stored = super().next_start(plan, until, after)
        return min([*days, stored] if stored else days, default=None)

    def starting(self, plan: Plan, start: date, after: str, limit: int) -> list[Subscription]:
        moved = [row for row in self._moved.get((plan.id, start), ()) if row.reference > after]
        stored = super().starting(plan, start, after, limit)
        return sorted([*stored, *moved], key=lambda row: row.reference)[:limit]

    def forget(self, plan: Plan, start: date) -> None:
        self._moved.pop((plan.id, start), None)


def rounds(backlog: Backlog, tenant: records.Tenant, on: date) -> Iterator[tuple[Plan, date]]:
    """Each plan and first day that is due, in the order in which they came due: so that what an outage (or a
    restore) left is numbered as it would have been day by day."""
    known = plans.listing(tenant.id)
    done = dict.fromkeys((plan.id for plan in known), date.min)
    while True:
        due: list[tuple[date, Plan, date]] = []
        for plan in known:
            ahead = timedelta(days=plan.ahead_days)
            start = backlog.next_start(plan, on + ahead, done[plan.id])
            if start is not None:
                due.append((start - ahead, plan, start))
        if not due:
            return
        day = min(came_due for came_due, _plan, _start in due)
        for came_due, plan, start in due:
            if came_due == day:
                done[plan.id] = start
                yield plan, start


class Drawer:
    """Draws batches of one plan, from what is there now; `numbers` are given out in order."""

    def __init__(
        self, backlog: Backlog, tenant: records.Tenant, plan: Plan, terms: Terms, numbers: Numbers
    ) -> None:
        self._backlog, self._tenant, self._plan = backlog, tenant, plan
        self._terms, self._numbers = terms, numbers
        self._integrations = integrations.listing(tenant.id)

    def draw(self, start: date, after: str) -> Batch:
        """The next batch of those whose period begins on `start`, from behind the reference `after`."""
        rows = self._backlog.starting(self._plan, start, after, BATCH)
        people = customers.by_ids({row.customer_id for row in rows})
        references = [items.reference_of(row, start) for row in rows]
        taken = billing.taken_references(self._tenant.id, references)
        batch = Batch(after=rows[-1].reference if len(rows) == BATCH else None)
        for row in rows:
            try:
                batch.items.append(self._item(row, people[row.customer_id], taken))
            except InvalidInput as error:
                batch.held.append(Held(row, error.code, error.message))
        return batch

    def _item(self, row: Subscription, person: records.Customer, taken: set[str]) -> Item:
        """With its number. Raises InvalidInput where it cannot be billed; no number is used up then."""
        if person.service_status == ServiceStatus.CLOSED and row.ends_on is None:
            raise InvalidInput("WB-BILL-CLOSED", "its customer's service is closed, and it has no end")
        period = items.due_period(self._plan, row, self._terms)
        item = items.make(self._tenant, self._plan, row, person, period, self._terms)
        if item.invoice is None:
            return item
        if item.invoice.reference in taken:
            raise InvalidInput(
                "WB-INVOICE-TAKEN", f"there is an invoice of the reference {item.invoice.reference!r} already"
            )
        number = self._numbers.next(self._terms.on)
        self._check_number(number, person)
        self._numbers.use(self._terms.on)
        return item.numbered(number)

    def _check_number(self, number: str, person: records.Customer) -> None:
        integration = integrations.serving_among(self._integrations, person.id)
        if integration is None:
            return
        kind = provider_class(integration.provider)
        most = kind.can.max_number_length
        if len(number) > most:
            raise InvalidInput(
                "WB-BILL-NUMBER", f"{kind.label} takes numbers of at most {most} characters, not {number}"
            )


def write(batch: Batch, numbers: Numbers, *, actor: str, now: datetime, entropy: Entropy) -> None:
    """Inside a transaction, in the tenant's turn: all of it. Raises StoreError where a subscription was
    changed meanwhile, by somebody who did not wait for a turn."""
    audited = []
    for item in batch.items:
        invoice_id = _enter(item, now, entropy)
        billing.note_period(item.tenant.id, item.subscription.id, item.period, invoice_id, now=now)
        if invoice_id is not None and item.invoice is not None:
            data = invoices.audited(item.invoice) | item.source
            audited.append((invoices.GENERATED, invoice_id, data))
        if not subscriptions.advance(item.subscription, item.period.end):
            raise StoreError("WB-DB-LOCKED", f"{item.key} was changed in the same moment; nothing was billed")
    for held in batch.held:
        subscriptions.note_fault(held.subscription, held.code, held.text, now=now)
    numbers.write()
    if audited:
        audit.append_all(batch.items[0].tenant.id, audited, actor=actor, now=now)


def _enter(item: Item, now: datetime, entropy: Entropy) -> str | None:
    if item.invoice is None:
        return None
    return invoices.insert(item.invoice, now=now, entropy=entropy, event=invoices.GENERATED, told=item.told)
