"""Batches: some hundred periods at a time, read with their customers, numbered, and written together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from daemon.clock import Entropy
from daemon.errors import InvalidInput
from daemon.jobs.bill import items
from daemon.jobs.bill.items import Item, Terms
from daemon.providers import provider_class
from daemon.store import audit, billing, customers, integrations, invoices, records, subscriptions
from daemon.store.billing import Numbers
from daemon.store.recurring import Plan, Subscription

BATCH = 200
"""Invoices of one transaction, give or take one subscription's."""

LARGEST = 400
"""Periods of one subscription in one run; the others come with the next."""


@dataclass(frozen=True, slots=True)
class Held:
    """A subscription that is not billed, and why."""

    subscription: Subscription
    code: str
    text: str


@dataclass(slots=True)
class Batch:
    """What was drawn: `items` in order, `next_on` of each subscription that has some, and where to go on
    (None: nothing more is due)."""

    items: list[Item] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    moves: dict[str, tuple[Subscription, date]] = field(default_factory=dict)
    after: str | None = None


class Drawer:
    """Draws batches of one plan, from what the database holds now; `numbers` are given out in order."""

    def __init__(self, tenant: records.Tenant, plan: Plan, terms: Terms, numbers: Numbers) -> None:
        self._tenant, self._plan, self._terms, self._numbers = tenant, plan, terms, numbers
        self._integrations = integrations.listing(tenant.id)

    def draw(self, after: str) -> Batch:
        """The next batch, from behind the subscription `after`."""
        rows = subscriptions.due(self._plan, self._terms.on, after=after, limit=BATCH)
        people = customers.by_ids({row.customer_id for row in rows})
        batch = Batch()
        for row in rows:
            batch.after = row.id
            self._take(row, people[row.customer_id], batch)
            if len(batch.items) >= BATCH:
                return batch
        if len(rows) < BATCH:
            batch.after = None
        return batch

    def _take(self, row: Subscription, person: records.Customer, batch: Batch) -> None:
        """Its periods up to the first that cannot be billed."""
        drawn: list[Item] = []
        try:
            for period in items.due_periods(self._plan, row, self._terms):
                drawn.append(items.make(self._tenant, self._plan, row, person, period, self._terms))
                if len(drawn) == LARGEST:
                    break
        except InvalidInput as error:
            batch.held.append(Held(row, error.code, error.message))
        drawn = self._numbered(drawn, row, batch)
        if drawn:
            batch.items += drawn
            batch.moves[row.id] = (row, drawn[-1].period.end)

    def _numbered(self, drawn: list[Item], row: Subscription, batch: Batch) -> list[Item]:
        """Each with its number. Where a number or the reference cannot be, none is used up for it."""
        references = [item.invoice.reference for item in drawn if item.invoice]
        taken = billing.taken_references(self._tenant.id, references)
        done: list[Item] = []
        for item in drawn:
            if item.invoice is None:
                done.append(item)
                continue
            number = self._numbers.next(self._terms.on)
            flaw = self._flaw(item, number, taken)
            if flaw is not None:
                batch.held.append(Held(row, *flaw))
                break
            self._numbers.use(self._terms.on)
            done.append(item.numbered(number))
        return done

    def _flaw(self, item: Item, number: str, taken: set[str]) -> tuple[str, str] | None:
        assert item.invoice is not None  # noqa: S101 - asked of an invoice
        if item.invoice.reference in taken:
            text = f"there is an invoice of the reference {item.invoice.reference!r} already"
            return "WB-INVOICE-TAKEN", text
        integration = integrations.serving_among(self._integrations, item.customer.id)
        if integration is None:
            return None
        kind = provider_class(integration.provider)
        if len(number) > kind.can.max_number_length:
            most = kind.can.max_number_length
            return "WB-BILL-NUMBER", f"{kind.label} takes numbers of at most {most} characters, not {number}"
        return None


def write(batch: Batch, numbers: Numbers, *, actor: str, now: datetime, entropy: Entropy) -> None:
    """Inside a transaction, in the tenant's turn: all of it. Raises Moved where a subscription was changed
    meanwhile; nothing is written then."""
    audited = []
    for item in batch.items:
        invoice_id = _enter(item, now, entropy)
        billing.note_period(item.tenant.id, item.subscription.id, item.period, invoice_id, now=now)
        if invoice_id is not None and item.invoice is not None:
            data = invoices.audited(item.invoice) | item.source
            audited.append((invoices.GENERATED, invoice_id, data))
    for row, next_on in batch.moves.values():
        if not subscriptions.advance(row, next_on):
            raise Moved
    for held in batch.held:
        subscriptions.note_fault(_as_it_stands(held.subscription, batch.moves), held.code, held.text, now=now)
    numbers.write()
    if audited:
        audit.append_all(batch.items[0].tenant.id, audited, actor=actor, now=now)


class Moved(Exception):
    """Somebody changed a subscription in the same moment (only PostgreSQL lets two write at once)."""


def _enter(item: Item, now: datetime, entropy: Entropy) -> str | None:
    if item.invoice is None:
        return None
    return invoices.insert(item.invoice, now=now, entropy=entropy, event=invoices.GENERATED, told=item.told)


def _as_it_stands(row: Subscription, moves: Mapping[str, object]) -> Subscription:
    """Who was billed a part has no fault any more."""
    return replace(row, fault_code=None, fault_text=None) if row.id in moves else row
