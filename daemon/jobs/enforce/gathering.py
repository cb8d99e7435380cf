"""What is known of customers, as the decisions about their service want it: a fixed number of questions for
a batch, however many invoices were ever billed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from daemon.dunning import Debt, Done, Moment, Person, Said, View
from daemon.house import House
from daemon.model import DocStatus, IntegrationState, PaymentStatus, SyncState
from daemon.model.dunning import DunningRules, ServiceStatus, StandingKind
from daemon.money import Money
from daemon.reconcile import fold
from daemon.store import (
    changes,
    customers,
    integrations,
    invoices,
    links,
    meta,
    receipts,
    records,
    service,
    standings,
)
from daemon.store.records import Customer, Integration, Invoice, Link, Tenant
from daemon.store.service import Step

ASKED_BY = "enforce"
"""The source of the hints by which a read is asked for."""

NOWHERE = "it is not at a provider yet"


@dataclass(frozen=True, slots=True)
class Ground:
    """A tenant, its plan, and the moment at which it is looked at."""

    tenant: Tenant
    rules: DunningRules
    moment: Moment


@dataclass(frozen=True, slots=True)
class Gathered:
    """A batch: the customers' rows, what is decided over, where their invoices are, whose cut-off is held."""

    rows: Mapping[str, Customer]
    people: Sequence[Person]
    links: Mapping[str, Link]
    held: Mapping[str, service.Held]
    asked: frozenset[tuple[str, str]]


def ground_of(house: House, tenant: Tenant, *, at: datetime | None = None, trusting: bool = False) -> Ground:
    now = at or house.clock.now()
    local = now.astimezone(ZoneInfo(tenant.zone))
    within = timedelta(seconds=house.settings.enforce.read_within)
    rules = house.settings.dunning.rules_of(tenant.reference)
    paused = None if trusting else _paused(house, tenant, now)
    return Ground(tenant, rules, Moment(now, local, within, paused, trusting))


def braked(tenant: Tenant) -> tuple[str, str]:
    """Why nobody is cut off while the brake is on."""
    command = f"wispbill enforce --release-brake --tenant {tenant.reference}"
    return "brake", f"too many customers would be cut off in a day: {command}"


def _paused(house: House, tenant: Tenant, now: datetime) -> tuple[str, str] | None:
    """Why nobody of this tenant is cut off now."""
    if house.pushes_paused:
        return "clock", house.pushes_paused
    if meta.get(meta.RECOVERY):
        return "recovery", "the database was restored, and is not known to be complete"
    if not house.settings.pull.enabled:
        return "pull", "nothing is read from providers (pull.enabled is false)"
    brake = service.brake(tenant.id)
    if brake and brake.released_at is None:
        return braked(tenant)
    return None


def gather(ground: Ground, customer_ids: Sequence[str]) -> Gathered:
    """Inside the transaction that acts on it, or for a look alone."""
    rows = customers.by_ids(set(customer_ids))
    known = service.debts(customer_ids)
    found = {row.id: row for row in service.unsettled(customer_ids)}
    ended = [
        debt.invoice_id for debt in known.values() if not debt.closed_at and debt.invoice_id not in found
    ]
    found |= invoices.by_ids(ended)
    at = links.of_invoices(list(found))
    reader = _Reader(ground, known, at)
    reader.read_beside(list(found))
    said = standings.of(customer_ids)
    mine: dict[str, list[Debt]] = {}
    for invoice in found.values():
        mine.setdefault(invoice.customer_id, []).append(reader.debt(invoice))
    for customer_id, credits_ in _credits(ground.tenant.id, list(mine)).items():
        mine[customer_id] = list(_set_off(mine[customer_id], credits_))
    people = [
        Person(
            row.id,
            ServiceStatus(row.service_status),
            tuple(mine.get(row.id, ())),
            tuple(Said(StandingKind(x.kind), x.reason, x.until_on) for x in said.get(row.id, ())),
        )
        for row in rows.values()
    ]
    asked = frozenset(reader.asked)
    return Gathered(rows, people, at, service.held_of(customer_ids), asked)


def _credits(tenant_id: str, customer_ids: Sequence[str]) -> dict[str, dict[str, list[tuple[str, Money]]]]:
    """By customer and currency: on which invoice (its number) how much too much was paid."""
    rows = service.overpaid(tenant_id, customer_ids)
    facts = changes.facts_of([row.id for row in rows])
    found: dict[str, dict[str, list[tuple[str, Money]]]] = {}
    for row in rows:
        over = fold(Money(row.total_minor, row.currency), facts.get(row.id, ()), None).excess
        found.setdefault(row.customer_id, {}).setdefault(row.currency, []).append((row.number, over))
    return found


def _set_off(debts: Sequence[Debt], credits_: Mapping[str, list[tuple[str, Money]]]) -> Iterator[Debt]:
    """The oldest debts first, as far as what was paid too much covers them whole."""
    left = {name: Money.total((over for _number, over in them), name) for name, them in credits_.items()}
    for debt in debts:
        name = debt.due.currency
        if name in left and debt.is_owed and debt.ignored is None and debt.due <= left[name]:
            left[name] -= debt.due
            numbers = ", ".join(number for number, _over in credits_[name])
            yield replace(debt, covered=f"as much was paid too much on {numbers}: set it off at the provider")
        else:
            yield debt


class _Reader:
    """Makes debts of invoices; asks about each integration once."""

    def __init__(self, ground: Ground, known: Mapping[str, service.Debt], at: Mapping[str, Link]) -> None:
        self._ground, self._known, self._at = ground, known, at
        self._integrations = {x.id: x for x in integrations.listing(ground.tenant.id, removed=True)}
        self._steps: dict[str, list[Step]] = {}
        self._reversed: Mapping[str, datetime] = {}
        self._unsettled: set[str] = set()
        self._hints: dict[str, list[records.Hint]] = {}
        self.asked: set[tuple[str, str]] = set()

    def read_beside(self, invoice_ids: Sequence[str]) -> None:
        with_debt = [invoice_id for invoice_id in invoice_ids if invoice_id in self._known]
        for step in service.steps(with_debt):
            self._steps.setdefault(step.invoice_id, []).append(step)
        self._reversed = service.reversed_at(with_debt)
        self._unsettled = receipts.unsettled(invoice_ids)

    def debt(self, invoice: Invoice) -> Debt:
        link = self._at.get(invoice.id)
        row = self._known.get(invoice.id)
        back = self._reversed.get(invoice.id)
        return Debt(
            invoice_id=invoice.id,
            number=invoice.number,
            status=PaymentStatus(invoice.payment_status),
            due=Money(invoice.due_minor, invoice.currency),
            due_on=self._due_on(invoice, link),
            view=self._view(invoice, link),
            ignored=self._ignored(link),
            episode=row.episode if row else 0,
            since_on=row.since_on if row else None,
            is_open=row is not None and row.closed_at is None,
            reopened=row is not None and back is not None and back > row.opened_at,
            done=self._done(row),
        )

    def _done(self, row: service.Debt | None) -> tuple[Done, ...]:
        if row is None:
            return ()
        taken = (step for step in self._steps.get(row.invoice_id, ()) if step.episode == row.episode)
        return tuple(Done(step.step, ServiceStatus(step.status), step.done_on) for step in taken)

    def _due_on(self, invoice: Invoice, link: Link | None) -> date:
        """The latest of our date, the provider's, and the day on which the provider got the invoice."""
        days = [invoice.due_on]
        if link and link.provider_due_on:
            days.append(link.provider_due_on)
        if link and link.pushed_at:
            days.append(link.pushed_at.astimezone(self._ground.moment.local.tzinfo).date())
        return max(days)

    def _ignored(self, link: Link | None) -> str | None:
        """Why service does not follow this invoice: nobody would see its money."""
        integration = self._integrations.get(link.integration_id or "") if link else None
        if link is None or integration is None or link.external_id is None or link.state != SyncState.SYNCED:
            return NOWHERE
        if integration.state == IntegrationState.REMOVED:
            return "its integration is removed"
        if not integration.approved:
            return "its customer's integration is not approved"
        if not integration.pull_status:
            return "payment status is not pulled (pull status is off)"
        return None

    def _view(self, invoice: Invoice, link: Link | None) -> View:
        integration = self._integrations.get(link.integration_id or "") if link else None
        if link is None or integration is None:
            return View(None, invoice.status_at, IntegrationState.REMOVED)
        now = self._ground.moment.at
        return View(
            told_at=None if _is_due_for_a_read(link, now) else link.told_at,
            moved_at=invoice.status_at,
            state=IntegrationState(integration.state),
            doc_status=DocStatus(link.doc_status) if link.doc_status else None,
            braked=bool(integration.brake) and not (integration.brake or {}).get("released"),
            trouble=_trouble(integration),
            hinted=self._hinted(integration, link),
            void_asked=link.void_requested_at is not None,
            unsettled=invoice.id in self._unsettled,
        )

    def _hinted(self, integration: Integration, link: Link) -> bool:
        """Whether something pointed at it that the last read cannot have seen."""
        moment = self._ground.moment
        if integration.id not in self._hints:
            since = moment.at - moment.read_within
            mine = (x.external_id for x in self._at.values() if x.integration_id == integration.id)
            refs = [ref for ref in mine if ref is not None]
            self._hints[integration.id] = service.hints_since(integration.id, since, refs)
            waiting = (hint for hint in self._hints[integration.id] if hint.used_at is None)
            self.asked |= {(integration.id, hint.ref) for hint in waiting if hint.ref is not None}
        return any(_points_at(hint, integration, link) for hint in self._hints[integration.id])


def _points_at(hint: records.Hint, integration: Integration, link: Link) -> bool:
    if hint.source == ASKED_BY or hint.ref not in (None, link.external_id):
        return False
    if hint.used_at is None:
        return True
    news = link.told_at is None or hint.received_at > link.told_at
    followed = integration.polled_at is not None and integration.polled_at > hint.received_at
    return news and not (hint.ref is None and followed)


def _is_due_for_a_read(link: Link, now: datetime) -> bool:
    return link.next_pull_at is not None and link.next_pull_at <= now


def _trouble(integration: Integration) -> str | None:
    """The fault of its last run; a run that goes well takes it away."""
    return f"{integration.fault_code}: {integration.fault_text}" if integration.fault_code else None
