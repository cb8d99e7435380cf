"""Service that follows the money: what `jobs/enforce` looks at and writes, and what wakes it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import peewee as pw

from daemon.clock import to_micros
from daemon.model import PaymentStatus
from daemon.model.dunning import ServiceStatus
from daemon.store import audit, events, plain, records, tables
from daemon.store.tables import (
    Customer,
    Event,
    HeldCutoff,
    Hint,
    Invoice,
    Link,
    ServiceBrake,
    ServiceCheck,
    ServiceMove,
)

UNSETTLED = tuple(
    status.value
    for status in (
        PaymentStatus.OPEN,
        PaymentStatus.PARTIALLY_PAID,
        PaymentStatus.IN_FLIGHT,
        PaymentStatus.UNKNOWN,
    )
)
AFFECTED = tuple(s.value for s in (ServiceStatus.WARNED, ServiceStatus.THROTTLED, ServiceStatus.SUSPENDED))


@dataclass(frozen=True, slots=True)
class Debt(records.Record):
    table = tables.Debt
    invoice_id: str
    customer_id: str
    episode: int
    since_on: date
    opened_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Step(records.Record):
    table = tables.DunningStep
    invoice_id: str
    episode: int
    step: str
    status: str
    done_on: date


@dataclass(frozen=True, slots=True)
class Held(records.Record):
    """A cut-off that is not made, and why."""

    table = tables.HeldCutoff
    customer_id: str
    tenant_id: str
    invoice_id: str
    status: str
    code: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Move(records.Record):
    table = tables.ServiceMove
    id: int
    tenant_id: str
    customer_id: str
    was: str
    became: str
    reason: str
    cut: bool
    invoices: list[str]
    event_id: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Brake(records.Record):
    table = tables.ServiceBrake
    tenant_id: str
    at: datetime
    count: int
    customers: int
    released_at: datetime | None


# --- what wakes it ------------------------------------------------------------------------------------


def note(tenant_id: str, customer_ids: Iterable[str], now: datetime) -> None:
    """Inside the transaction of a change: these customers are looked at now, a look that was put off too.
    The row is written in any case: a look that takes it away meanwhile has to wait for this transaction, and
    then sees the change (PostgreSQL; with DO NOTHING it would see neither, and nobody would look again)."""
    for customer_id in customer_ids:
        plain.execute(
            "INSERT INTO service_check (customer_id, tenant_id, at) VALUES (?, ?, ?) "
            "ON CONFLICT (customer_id) DO UPDATE SET at = "
            "CASE WHEN excluded.at < service_check.at THEN excluded.at ELSE service_check.at END",
            customer_id,
            tenant_id,
            to_micros(now),
        )


def told(sure: Sequence[str], unsure: Sequence[str], asked_at: datetime) -> int:
    """Inside the transaction of a read: these links were asked about then, and the provider said something
    definite about them, or nothing that counts; what happened since it was asked, nobody told. Whose cut-off
    is held is looked at now; returns how many."""
    for link_ids, at in ((sure, asked_at), (unsure, None)):
        if link_ids:
            Link.update(told_at=at).where(Link.id.in_(list(link_ids))).execute()
    if not sure:
        return 0
    invoices = Link.select(Link.invoice_id).where(Link.id.in_(list(sure)))
    waiting = HeldCutoff.select().where(HeldCutoff.invoice_id.in_(invoices))
    found = [(row.tenant_id, row.customer_id) for row in waiting]
    for tenant_id, customer_id in found:
        note(tenant_id, [customer_id], asked_at)
    return len(found)


def postpone(customer_id: str, until: datetime) -> None:
    """Inside a transaction: a look that failed is tried again then."""
    ServiceCheck.update(at=until).where(ServiceCheck.customer_id == customer_id).execute()


def waiting(now: datetime, limit: int) -> list[tuple[str, str]]:
    """(tenant id, customer id) of those to be looked at now, the oldest first."""
    query = ServiceCheck.select(ServiceCheck.tenant_id, ServiceCheck.customer_id)
    query = query.where(ServiceCheck.at <= now)
    rows: Any = query.order_by(ServiceCheck.at, ServiceCheck.customer_id).limit(limit).tuples()
    return list(rows)


def looked_at(customer_ids: Sequence[str]) -> None:
    """Inside a transaction, before the facts are read: what changes from now on is another look's."""
    ServiceCheck.delete().where(ServiceCheck.customer_id.in_(list(customer_ids))).execute()


def take_turns(tenant_id: str) -> None:
    """Inside a transaction: until its end nobody else decides for this tenant. SQLite has one writer anyway;
    PostgreSQL makes the second one wait for the row."""
    plain.execute("UPDATE tenant SET name = name WHERE id = ?", tenant_id)


# --- facts --------------------------------------------------------------------------------------------


def concerned(tenant_id: str, today: date) -> list[str]:
    """Ids of customers with an unsettled invoice that is past its date, or without full service."""
    # No DISTINCT: for that SQLite would walk all invoices in the order of their customers.
    overdue = Invoice.select(Invoice.customer_id).where(
        (Invoice.tenant_id == tenant_id) & Invoice.payment_status.in_(UNSETTLED) & (Invoice.due_on < today)
    )
    affected = Customer.select(Customer.id).where(
        (Customer.tenant_id == tenant_id) & Customer.service_status.in_(AFFECTED)
    )
    rows: Any = overdue.tuples()
    others: Any = affected.tuples()
    return sorted({row[0] for row in rows} | {row[0] for row in others})


def unsettled(customer_ids: Sequence[str]) -> list[records.Invoice]:
    """Their invoices that are not settled, the one due first first."""
    where = Invoice.customer_id.in_(list(customer_ids)) & Invoice.payment_status.in_(UNSETTLED)
    return list(records.Invoice.select(where, order=(Invoice.due_on, Invoice.id)))


def overpaid(tenant_id: str, customer_ids: Sequence[str]) -> list[records.Invoice]:
    """Their invoices on which more was paid than was owed, the one due first first."""
    where = (Invoice.tenant_id == tenant_id) & (Invoice.payment_status == PaymentStatus.OVERPAID.value)
    where &= Invoice.customer_id.in_(list(customer_ids))
    return list(records.Invoice.select(where, order=(Invoice.due_on, Invoice.id)))


def debts(customer_ids: Sequence[str]) -> dict[str, Debt]:
    """By invoice id: the episodes under way, and for unsettled invoices those that ended."""
    return {row.invoice_id: row for row in Debt.by("customer_id", customer_ids)}


def steps(invoice_ids: Sequence[str]) -> list[Step]:
    return Step.by("invoice_id", invoice_ids, order="done_at")


def reversed_at(invoice_ids: Sequence[str]) -> dict[str, datetime]:
    """When each was last owed again after it had been settled."""
    if not invoice_ids:
        return {}
    where = Event.invoice_id.in_(list(invoice_ids)) & (Event.type == "payment.reversed")
    rows: Any = Event.select(Event.invoice_id, Event.at).where(where).order_by(Event.at).tuples()
    return dict(iter(rows))


def hints_since(integration_id: str, since: datetime, refs: Sequence[str]) -> list[records.Hint]:
    """Hints at these external ids, or at none in particular, that wait, and those that were used since."""
    here = (Hint.integration_id == integration_id) & (Hint.ref.is_null() | Hint.ref.in_(list(refs)))
    fresh = records.Hint.select(here & (Hint.used_at >= since))
    return [*records.Hint.select(here & Hint.used_at.is_null()), *fresh]


def held_of(customer_ids: Sequence[str]) -> dict[str, Held]:
    return {row.customer_id: row for row in Held.by("customer_id", customer_ids)}


def held(tenant_id: str | None = None) -> list[Held]:
    """Every cut-off that is held, the oldest first."""
    where = () if tenant_id is None else (HeldCutoff.tenant_id == tenant_id,)
    return list(Held.select(*where, order=(HeldCutoff.since, HeldCutoff.customer_id)))


def moves_of(customer_id: str, *, limit: int = 20) -> list[Move]:
    return list(Move.select(ServiceMove.customer_id == customer_id, order=ServiceMove.id.desc(), limit=limit))


def events_about(invoice: records.Invoice) -> list[records.Event]:
    """The changes of service that this invoice had a part in, oldest first."""
    moves = Move.select(ServiceMove.customer_id == invoice.customer_id, order=ServiceMove.id)
    ids = [move.event_id for move in moves if move.event_id and invoice.id in move.invoices]
    found = events.by_ids(ids)
    return [found[event_id] for event_id in ids if event_id in found]


# --- what is written ----------------------------------------------------------------------------------


def open_debt(tenant_id: str, debt: Debt) -> None:
    """Inside a transaction: an episode begins."""
    plain.execute(
        "INSERT INTO debt (invoice_id, tenant_id, customer_id, episode, since_on, opened_at, closed_at) "
        "VALUES (?, ?, ?, ?, ?, ?, NULL) ON CONFLICT (invoice_id) DO UPDATE SET episode = excluded.episode, "
        "since_on = excluded.since_on, opened_at = excluded.opened_at, closed_at = NULL",
        debt.invoice_id,
        tenant_id,
        debt.customer_id,
        debt.episode,
        debt.since_on.isoformat(),
        to_micros(debt.opened_at),
    )


def close_debt(invoice_id: str, now: datetime) -> None:
    """Inside a transaction."""
    plain.update(tables.Debt, "invoice_id", invoice_id, {"closed_at": now})


def note_step(step: Step, now: datetime) -> bool:
    """Inside a transaction: False where it was taken already."""
    return bool(
        plain.execute(
            "INSERT INTO dunning_step (invoice_id, episode, step, status, done_on, done_at) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            step.invoice_id,
            step.episode,
            step.step,
            step.status,
            step.done_on.isoformat(),
            to_micros(now),
        )
    )


def move(
    row: records.Customer,
    to: ServiceStatus,
    reason: str,
    *,
    cut: bool,
    actor: str,
    at: datetime,
    invoices: Sequence[str] = (),
) -> None:
    """Inside a transaction: another service status, with its event and audit row. `invoices`: the ids of
    those that it was about."""
    plain.update(Customer, "id", row.id, {"service_status": to.value})
    better = to.rank < ServiceStatus(row.service_status).rank
    type_ = "service.restored" if better else f"service.{to.value}"
    data = {"from": row.service_status, "to": to.value}
    sentence = f"Service is now {to.value}, it was {row.service_status}. {reason}"
    told = data | {"sentence": sentence, "reason": reason, "invoices": list(invoices)}
    event_id = events.append(row.tenant_id, type_, now=at, customer_id=row.id, data=told)
    audit.append(row.tenant_id, actor=actor, action=type_, subject=row.id, data=data, now=at)
    values = {
        "tenant_id": row.tenant_id,
        "customer_id": row.id,
        "was": row.service_status,
        "became": to.value,
        "reason": reason,
        "cut": cut,
        "invoices": list(invoices),
        "event_id": event_id,
        "at": at,
    }
    plain.insert(ServiceMove, values)


def hold_cutoff(tenant_id: str, row: Held) -> None:
    """Inside a transaction: `since` stays where it was held before."""
    plain.execute(
        "INSERT INTO held_cutoff (customer_id, tenant_id, invoice_id, status, code, reason, since) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (customer_id) DO UPDATE SET "
        "invoice_id = excluded.invoice_id, status = excluded.status, code = excluded.code, "
        "reason = excluded.reason",
        row.customer_id,
        tenant_id,
        row.invoice_id,
        row.status,
        row.code,
        row.reason,
        to_micros(row.since),
    )


def no_longer_held(customer_ids: Sequence[str]) -> None:
    """Inside a transaction."""
    if customer_ids:
        HeldCutoff.delete().where(HeldCutoff.customer_id.in_(list(customer_ids))).execute()


# --- the brake ----------------------------------------------------------------------------------------


def brake(tenant_id: str) -> Brake | None:
    return Brake.first(ServiceBrake.tenant_id == tenant_id)


def brakes(tenant_id: str | None = None) -> list[Brake]:
    where = () if tenant_id is None else (ServiceBrake.tenant_id == tenant_id,)
    return list(Brake.select(*where, order=ServiceBrake.tenant_id))


def cut_since(tenant_id: str, since: datetime) -> set[str]:
    """Ids of the customers whose service was cut since."""
    where = (ServiceMove.tenant_id == tenant_id) & (ServiceMove.at > since) & ServiceMove.cut
    return {row.customer_id for row in ServiceMove.select(ServiceMove.customer_id).where(where)}


def customers_of(tenant_id: str) -> int:
    """How many customers are served."""
    served = Customer.service_status != ServiceStatus.CLOSED.value
    return int(
        Customer.select(pw.fn.COUNT(Customer.id)).where((Customer.tenant_id == tenant_id) & served).scalar()
    )


def apply_brake(tenant_id: str, count: int, customers: int, now: datetime) -> None:
    """Inside a transaction."""
    drop_brake(tenant_id)
    row = {"tenant_id": tenant_id, "at": now, "count": count, "customers": customers, "released_at": None}
    ServiceBrake.insert(row).execute()


def release_brake(tenant_id: str, now: datetime) -> bool:
    """Inside a transaction: False where nothing is held."""
    where = (ServiceBrake.tenant_id == tenant_id) & ServiceBrake.released_at.is_null()
    return bool(ServiceBrake.update(released_at=now).where(where).execute())


def drop_brake(tenant_id: str) -> None:
    """Inside a transaction."""
    ServiceBrake.delete().where(ServiceBrake.tenant_id == tenant_id).execute()


DAY = timedelta(days=1)
"""Over which cut-offs are counted, and a release lasts."""
