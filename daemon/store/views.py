"""What faces show beyond single rows: read-only questions over several tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import peewee as pw

from daemon.model import SyncState
from daemon.store import records
from daemon.store.tables import Audit, Hint, Invoice, Link, Payment, Run
from daemon.store.tables import Observation as ObservationRow

CHUNK = 500

UNSENT = tuple(state.value for state in SyncState if state is not SyncState.SYNCED)


@dataclass(frozen=True, slots=True)
class Sum:
    """Of a currency: how many invoices there are, and their minor units."""

    currency: str
    count: int
    total_minor: int
    paid_minor: int
    due_minor: int


@dataclass(frozen=True, slots=True)
class Reading:
    """A document as it was read; `id` names it as evidence."""

    id: int
    read_at: datetime
    doc_status: str
    paid_minor: int | None
    raw: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cause:
    """Why `count` invoices were refused; `invoice_id` is the newest of them."""

    code: str | None
    text: str | None
    count: int
    invoice_id: str


def payments_of(invoice_ids: Sequence[str]) -> dict[str, list[records.Payment]]:
    """The payment facts of each invoice, in the order in which they were seen."""
    found: dict[str, list[records.Payment]] = {invoice_id: [] for invoice_id in invoice_ids}
    for start in range(0, len(invoice_ids), CHUNK):
        chunk = list(invoice_ids[start : start + CHUNK])
        for row in records.Payment.select(Payment.invoice_id.in_(chunk), order=Payment.id):
            found[row.invoice_id].append(row)
    return found


def readings(link_id: str) -> list[Reading]:
    """Every read that said something new, oldest first."""
    rows = ObservationRow.select().where(ObservationRow.link_id == link_id).order_by(ObservationRow.id)
    return [Reading(row.id, row.read_at, row.doc_status, row.paid_minor, row.raw) for row in rows]


def sums(tenant_id: str | None = None) -> list[Sum]:
    query = Invoice.select(
        Invoice.currency,
        pw.fn.COUNT(Invoice.id),
        pw.fn.SUM(Invoice.total_minor),
        pw.fn.SUM(Invoice.paid_minor),
        pw.fn.SUM(Invoice.due_minor),
    ).group_by(Invoice.currency)
    if tenant_id is not None:
        query = query.where(Invoice.tenant_id == tenant_id)
    rows: Any = query.order_by(Invoice.currency).tuples()
    return [Sum(c, n, int(t), int(p), int(d)) for c, n, t, p, d in rows]


def unsent() -> Any:
    """As the index of them says it: a bound value is not recognised (https://sqlite.org/partialindex.html)."""
    return Link.state != pw.SQL("'synced'")


def oldest_unsent(integration_id: str) -> datetime | None:
    """When the invoice was entered that waits longest to be sent, and is not refused."""
    waiting = [state for state in UNSENT if state != SyncState.FAILED.value]
    query = (
        Invoice.select(Invoice.created_at)
        .join(Link, on=(Link.invoice_id == Invoice.id))
        .where((Link.integration_id == integration_id) & unsent() & Link.state.in_(waiting))
        .order_by(Invoice.created_at)
        .limit(1)
    )
    return next((row.created_at for row in query), None)


def next_push_at(integration_ids: Sequence[str]) -> datetime | None:
    """When something is to be sent next at one of these."""
    there = Link.integration_id.in_(list(integration_ids)) & Link.next_push_at.is_null(False)
    query = Link.select(Link.next_push_at).where(there).order_by(Link.next_push_at).limit(1)
    return next((row.next_push_at for row in query), None)


def causes(tenant_id: str | None, *, limit: int) -> list[Cause]:
    """Why invoices were refused, the most invoices first: a person must look at them."""
    newest = pw.fn.MAX(Link.invoice_id)
    count = pw.fn.COUNT(Link.id)
    query = Link.select(Link.fault_code, Link.fault_text, count, newest).where(
        Link.state == SyncState.FAILED.value
    )
    if tenant_id is not None:
        query = query.where(Link.tenant_id == tenant_id)
    rows: Any = query.group_by(Link.fault_code, Link.fault_text).order_by(count.desc(), newest.desc())
    return [Cause(*row) for row in rows.limit(limit).tuples()]


def hints_about(integration_id: str, ref: str, *, limit: int = 200) -> list[records.Hint]:
    """What pointed at this document, oldest first."""
    where = (Hint.integration_id == integration_id) & (Hint.ref == ref)
    return list(records.Hint.select(where, order=Hint.id, limit=limit))


def audit_of(tenant_id: str, subject: str) -> list[records.AuditRow]:
    """Who did what to one thing, oldest first."""
    where = (Audit.tenant_id == tenant_id) & (Audit.object == subject)
    return list(records.AuditRow.select(where, order=Audit.id))


def last_run_id() -> int:
    return int(Run.select(pw.fn.MAX(Run.id)).scalar() or 0)


def runs_since(run_id: int, job: str, integration_ids: Sequence[str]) -> list[records.Run]:
    """Runs of a job at these integrations that were written down after `run_id`."""
    where = (Run.id > run_id) & (Run.job == job) & Run.integration_id.in_(list(integration_ids))
    return list(records.Run.select(where, order=Run.id))
