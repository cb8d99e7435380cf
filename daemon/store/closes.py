"""Closed months: one that counts for each tenant and month; reopening leaves the old one where it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from daemon.clock import Entropy
from daemon.errors import InvalidInput
from daemon.model import Document
from daemon.model.ids import CLOSE, new_id
from daemon.store import audit, plain, tables
from daemon.store.records import Record
from daemon.store.tables import MonthClose


@dataclass(frozen=True, slots=True)
class Closed(Record):
    """`sums` are the figures of the month, in minor units, as `reports.close` wrote them down."""

    table = tables.MonthClose
    id: str
    tenant_id: str
    month: str
    sums: list[Document]
    verdict: str
    note: str | None
    closed_by: str
    closed_at: datetime
    reopened_by: str | None
    reopened_at: datetime | None
    reason: str | None


def of(tenant_id: str, month: str) -> Closed | None:
    """The closing of a month that counts."""
    same = (MonthClose.tenant_id == tenant_id) & (MonthClose.month == month)
    return Closed.first(same & MonthClose.reopened_at.is_null())


def history(tenant_id: str, month: str) -> list[Closed]:
    """Every closing of a month, oldest first."""
    same = (MonthClose.tenant_id == tenant_id) & (MonthClose.month == month)
    return list(Closed.select(same, order=MonthClose.closed_at))


def record(
    tenant_id: str,
    month: str,
    sums: list[Document],
    *,
    verdict: str,
    note: str | None,
    actor: str,
    now: datetime,
    entropy: Entropy,
) -> Closed:
    """Inside a transaction. Raises InvalidInput where the month is closed already."""
    there = of(tenant_id, month)
    if there is not None:
        raise InvalidInput("WB-CLOSE-STATE", f"{month} was closed already, by {there.closed_by}")
    row = Closed(
        id=new_id(CLOSE, now, entropy),
        tenant_id=tenant_id,
        month=month,
        sums=sums,
        verdict=verdict,
        note=note,
        closed_by=actor,
        closed_at=now,
        reopened_by=None,
        reopened_at=None,
        reason=None,
    )
    plain.insert(MonthClose, asdict(row))
    data = {"id": row.id, "verdict": verdict, "note": note, "sums": sums}
    audit.append(tenant_id, actor=actor, action="month.closed", subject=month, data=data, now=now)
    return row


def reopen(tenant_id: str, month: str, *, reason: str, actor: str, now: datetime) -> Closed:
    """Inside a transaction. Raises InvalidInput where the month is not closed."""
    there = of(tenant_id, month)
    if there is None:
        raise InvalidInput("WB-CLOSE-STATE", f"{month} is not closed")
    values = {"reopened_by": actor, "reopened_at": now, "reason": reason}
    plain.update(MonthClose, "id", there.id, values)
    data = {"id": there.id, "reason": reason}
    audit.append(tenant_id, actor=actor, action="month.reopened", subject=month, data=data, now=now)
    return there
