"""How many there are of what overviews show: counts out of indices, for one tenant and for all."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import peewee as pw

from daemon.model import PaymentStatus, SyncState
from daemon.store import records
from daemon.store.service import UNSETTLED
from daemon.store.tables import Audit, Customer, Hint, Invoice, Link, Run

VISITS = ("push", "pull", "keepalive", "sweep")
"""Jobs that go to integrations."""


def count_open(tenant_id: str) -> int:
    """Invoices that are not settled."""
    where = (Invoice.tenant_id == tenant_id) & Invoice.payment_status.in_(UNSETTLED)
    return int(Invoice.select(pw.fn.COUNT(pw.SQL("1"))).where(where).scalar())


def unassigned(tenant_id: str) -> int:
    """Invoices that wait for an integration."""
    where = (Link.tenant_id == tenant_id) & (Link.state == SyncState.PENDING.value)
    query = Link.select(pw.fn.COUNT(pw.SQL("1"))).where(where & Link.integration_id.is_null())
    return int(query.scalar())


def refused() -> dict[str, int]:
    """By tenant: invoices that a provider refused."""
    return _by_tenant(Link, Link.state == SyncState.FAILED.value)


def disputed() -> dict[str, int]:
    """By tenant: invoices whose payment is disputed."""
    return _by_tenant(Invoice, Invoice.payment_status == PaymentStatus.DISPUTED.value)


def customers() -> dict[str, int]:
    """By tenant."""
    return _by_tenant(Customer, None)


def open_of_all() -> dict[str, int]:
    """By tenant: invoices that are not settled."""
    return _by_tenant(Invoice, Invoice.payment_status.in_(UNSETTLED))


def _by_tenant(table: Any, where: Any) -> dict[str, int]:
    query = table.select(table.tenant_id, pw.fn.COUNT(pw.SQL("1"))).group_by(table.tenant_id)
    rows: Any = (query.where(where) if where is not None else query).tuples()
    return dict(rows)


def count_due(integration_id: str, asked_at: datetime) -> int:
    """Invoices that were due to be sent to it then, and still are."""
    where = (Link.integration_id == integration_id) & (Link.next_push_at <= asked_at)
    return int(Link.select(pw.fn.COUNT(pw.SQL("1"))).where(where).scalar())


def runs_of(integration_id: str, *, limit: int) -> list[records.Run]:
    """What the jobs did there, the latest first."""
    where = (Run.integration_id == integration_id) & Run.job.in_(VISITS)
    return list(records.Run.select(where, order=Run.started_at.desc(), limit=limit))


def hints_of(tenant_id: str, *, before: int = 0, limit: int) -> list[records.Hint]:
    """What came in, the latest first; from before the id `before`."""
    where = Hint.tenant_id == tenant_id
    if before:
        where &= Hint.id < before
    return list(records.Hint.select(where, order=Hint.id.desc(), limit=limit))


def audit_of(tenant_id: str, *, before: int = 0, limit: int) -> list[records.AuditRow]:
    """A tenant's chain, the latest first; from before the number `before`."""
    where = Audit.tenant_id == tenant_id
    if before:
        where &= Audit.seq < before
    return list(records.AuditRow.select(where, order=Audit.seq.desc(), limit=limit))
