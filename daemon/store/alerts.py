"""Open alerts: one row for each cause, so that a restart neither repeats nor forgets one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import peewee as pw

from daemon.model import PaymentStatus, SyncState
from daemon.money import Money
from daemon.store import records, tables
from daemon.store.records import Record
from daemon.store.tables import Alert as Table
from daemon.store.tables import Difference, Event, Integration, Invoice, Link, Subscription, Tenant

OWED = tuple(x.value for x in (PaymentStatus.OPEN, PaymentStatus.PARTIALLY_PAID, PaymentStatus.IN_FLIGHT))
RECENT = 20_000
"""Only so many of the newest events are looked through."""


@dataclass(frozen=True, slots=True)
class Concern:
    """Whom it concerns: how many customers, and what they owe, decimal strings by currency."""

    customers: int = 0
    money: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cause:
    """What is wrong now. `lasting` ones end with a word that they are over; others were one moment's.
    `grace_s`: told only once it has lasted so long."""

    key: str
    tenant_id: str
    cause: str
    title: str
    text: str
    count: int = 1
    concern: Concern = Concern()
    lasting: bool = True
    grace_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Alert(Record):
    table = tables.Alert
    id: int
    key: str
    tenant_id: str
    cause: str
    title: str
    text: str
    count: int
    customers: int
    money: dict[str, str]
    first_at: datetime
    last_at: datetime
    told_at: datetime | None
    gone_at: datetime | None
    closed_at: datetime | None


def open_() -> list[Alert]:
    """The oldest first."""
    return list(Alert.select(Table.closed_at.is_null(), order=Table.id))


def latest(limit: int) -> list[Alert]:
    return list(Alert.select(order=Table.id.desc(), limit=limit))


def of_tenant(tenant_id: str | None, *, over: bool, limit: int) -> list[Alert]:
    """The newest first, of a tenant or of all; `over`: those that are closed, too."""
    where = [] if tenant_id is None else [Table.tenant_id == tenant_id]
    where += [] if over else [Table.closed_at.is_null()]
    return list(Alert.select(*where, order=Table.id.desc(), limit=limit))


def closed_since(since: datetime) -> set[str]:
    """Keys of what was told, and closed since then."""
    where = (Table.closed_at >= since) & Table.told_at.is_null(False)
    return {row.key for row in Table.select(Table.key).where(where)}


def note(found: Iterable[Cause], now: datetime) -> None:
    """Inside a transaction: what is wrong now opens an alert or goes on with it; what is no more is
    remembered as gone, and comes back as the same alert."""
    known = {row.key: row for row in open_()}
    there = {cause.key: cause for cause in found}
    for key, cause in there.items():
        values = {
            "title": cause.title,
            "text": cause.text,
            "count": cause.count,
            "customers": cause.concern.customers,
            "money": cause.concern.money,
            "last_at": now,
        }
        if key in known:
            Table.update(values | {"gone_at": None}).where(Table.id == known[key].id).execute()
        else:
            place = {"key": key, "tenant_id": cause.tenant_id, "cause": cause.cause, "first_at": now}
            Table.insert(place | values).execute()
    gone = [row.id for key, row in known.items() if key not in there and row.gone_at is None]
    Table.update(gone_at=now).where(Table.id.in_(gone)).execute()


def told(ids: Sequence[int], now: datetime) -> None:
    """Inside a transaction: somebody was told of these."""
    Table.update(told_at=now).where(Table.id.in_(list(ids))).execute()


def close(ids: Sequence[int], now: datetime) -> None:
    """Inside a transaction: it is over, and that was told where it had to be."""
    Table.update(closed_at=now).where(Table.id.in_(list(ids))).execute()


# --- whom it concerns ---------------------------------------------------------------------------------


def concerned(*where: Any) -> Concern:
    """The customers and the open amounts of the links that these conditions name."""
    query = (
        Invoice.select(Invoice.currency, pw.fn.SUM(Invoice.due_minor))
        .join(Link, on=(Link.invoice_id == Invoice.id))
        .where(Invoice.payment_status.in_(OWED), *where)
        .group_by(Invoice.currency)
    )
    rows: Any = query.order_by(Invoice.currency).tuples()
    people = Link.select(pw.fn.COUNT(pw.fn.DISTINCT(Link.customer_id))).where(*where).scalar()
    return Concern(int(people or 0), {c: Money(int(due), c).text for c, due in rows})


def at_integration(integration_id: str) -> Concern:
    return concerned(Link.integration_id == integration_id)


def refused(tenant_id: str, code: str | None) -> Concern:
    """What was refused for this reason."""
    why = Link.fault_code.is_null() if code is None else Link.fault_code == code
    return concerned(Link.tenant_id == tenant_id, Link.state == SyncState.FAILED.value, why)


def differing() -> dict[str, tuple[int, Concern]]:
    """By tenant: how many differences wait for a person, at integrations that are there, with whom and how
    much they concern."""
    columns = (Difference.tenant_id, Difference.currency, Invoice.customer_id, Difference.amount_minor)
    query = _differing(*columns).join(Invoice, pw.JOIN.LEFT_OUTER, on=(Invoice.id == Difference.invoice_id))
    counts: dict[str, int] = {}
    people: dict[str, set[str]] = {}
    sums: dict[str, dict[str, int]] = {}
    rows: Any = query.tuples()
    for tenant_id, currency, customer_id, minor in rows:
        counts[tenant_id] = counts.get(tenant_id, 0) + 1
        if customer_id:
            people.setdefault(tenant_id, set()).add(customer_id)
        if currency:
            money = sums.setdefault(tenant_id, {})
            money[currency] = money.get(currency, 0) + (minor or 0)
    return {
        tenant_id: (
            count,
            Concern(
                len(people.get(tenant_id, ())),
                {name: Money(minor, name).text for name, minor in sums.get(tenant_id, {}).items()},
            ),
        )
        for tenant_id, count in counts.items()
    }


def where_books_differ() -> set[str]:
    """Ids of integrations at which a difference waits for a person."""
    return {row.integration_id for row in _differing(Difference.integration_id).distinct()}


def _differing(*columns: Any) -> Any:
    """By tenant, for whom there is an index of what waits: what was settled is kept for years."""
    there = Integration.select(pw.SQL("1")).where(
        (Integration.id == Difference.integration_id) & Integration.removed_at.is_null()
    )
    waits = Difference.settled_at.is_null() & Difference.tenant_id.in_(Tenant.select(Tenant.id))
    return Difference.select(*columns).where(waits & pw.fn.EXISTS(there))


def oldest_unsent() -> dict[str, datetime]:
    """When the invoice was entered that waits longest at each integration: to be sent, or for the
    integration to be back. Not what was refused or withdrawn, nor what waits for somebody to ask for it."""
    waiting = [x.value for x in SyncState if x not in (SyncState.SYNCED, SyncState.FAILED)]
    is_to_be_sent = Link.next_push_at.is_null(False) | (Link.state == SyncState.PARKED.value)
    is_to_be_sent &= Invoice.payment_status != PaymentStatus.VOID.value
    oldest = pw.fn.MIN(Invoice.created_at)
    query = (
        Link.select(Link.integration_id, oldest.converter(Invoice.created_at.python_value))
        .join(Invoice, on=(Invoice.id == Link.invoice_id))
        .where(Link.state.in_(waiting) & Link.integration_id.is_null(False) & is_to_be_sent)
        .group_by(Link.integration_id)
    )
    rows: Any = query.tuples()
    return dict(rows)


def with_refused() -> set[str]:
    """Ids of tenants that have refused invoices."""
    refused_ones = Link.select(pw.SQL("1")).where(
        (Link.tenant_id == Tenant.id) & (Link.state == SyncState.FAILED.value)
    )
    return {row.id for row in Tenant.select(Tenant.id).where(pw.fn.EXISTS(refused_ones))}


def unbilled() -> dict[str, tuple[int, int]]:
    """By tenant: how many subscriptions are held, of how many customers."""
    held = Subscription.fault_code.is_null(False)
    counts = (pw.fn.COUNT(Subscription.id), pw.fn.COUNT(pw.fn.DISTINCT(Subscription.customer_id)))
    query = Subscription.select(Subscription.tenant_id, *counts).where(held)
    rows: Any = query.group_by(Subscription.tenant_id).tuples()
    return {tenant_id: (int(count), int(people)) for tenant_id, count, people in rows}


def happened(types: Sequence[str], since: datetime) -> list[records.Event]:
    """Events of these types since then, of the newest `RECENT`."""
    newest = int(Event.select(pw.fn.MAX(Event.id)).scalar() or 0)
    where = (Event.id > newest - RECENT) & Event.type.in_(list(types)) & (Event.at >= since)
    return list(records.Event.select(where, order=Event.id, limit=RECENT))


def paid_since(since: datetime) -> int:
    """How many invoices were seen to be paid since then."""
    return len({event.invoice_id for event in happened(["invoice.paid", "invoice.overpaid"], since)})
