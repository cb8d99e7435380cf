"""Job runs: each leaves a row; a period runs once (UNIQUE(job, period))."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import peewee as pw

from daemon.model import Document
from daemon.store import records
from daemon.store.tables import Integration, Run


def start(
    job: str, now: datetime, *, integration_id: str | None = None, period: str | None = None
) -> int | None:
    """Inside a transaction: open a run; None where the period has run already."""
    if period is not None and Run.select().where((Run.job == job) & (Run.period == period)).exists():
        return None
    return int(
        Run.insert(job=job, integration_id=integration_id, period=period, started_at=now, counts={}).execute()
    )


def is_done(job: str, period: str) -> bool:
    """Whether the run of this period came to its end, well or not."""
    ended = Run.finished_at.is_null(False)
    return Run.select().where((Run.job == job) & (Run.period == period) & ended).exists()


def take_over(job: str, period: str, now: datetime, *, older_than: datetime) -> int | None:
    """Inside a transaction: a run of this period that began before `older_than` and never finished, begun
    anew; None where there is none, or somebody else was faster."""
    left = (Run.job == job) & (Run.period == period) & Run.finished_at.is_null()
    row = Run.get_or_none(left & (Run.started_at < older_than))
    if row is None:
        return None
    same = (Run.id == row.id) & Run.finished_at.is_null() & (Run.started_at == row.started_at)
    return row.id if Run.update(started_at=now).where(same).execute() else None


def finish(
    run_id: int,
    now: datetime,
    counts: Document,
    *,
    fault_code: str | None = None,
    fault_text: str | None = None,
) -> None:
    """Inside a transaction."""
    Run.update(finished_at=now, counts=counts, fault_code=fault_code, fault_text=fault_text).where(
        Run.id == run_id
    ).execute()


def record(
    job: str,
    *,
    started_at: datetime,
    finished_at: datetime,
    counts: Document,
    integration_id: str | None = None,
    fault_code: str | None = None,
    fault_text: str | None = None,
) -> None:
    """Inside a transaction: a whole run in one row."""
    Run.insert(
        job=job,
        integration_id=integration_id,
        started_at=started_at,
        finished_at=finished_at,
        counts=counts,
        fault_code=fault_code,
        fault_text=fault_text,
    ).execute()


def last(job: str) -> records.Run | None:
    return next(iter(records.Run.select(Run.job == job, order=Run.id.desc(), limit=1)), None)


def last_ended(job: str) -> records.Run | None:
    """The last one that came to its end, well or not."""
    ended = (Run.job == job) & Run.finished_at.is_null(False)
    return next(iter(records.Run.select(ended, order=Run.id.desc(), limit=1)), None)


def newest_of_each(tenant_id: str | None = None) -> list[records.Run]:
    """The last run of each job, for status pages. Of a tenant: at its integrations, or everybody's."""
    newest = Run.select(pw.fn.MAX(Run.id)).group_by(Run.job)
    if tenant_id is not None:
        mine = Integration.select(Integration.id).where(Integration.tenant_id == tenant_id)
        newest = newest.where(Run.integration_id.is_null() | Run.integration_id.in_(mine))
    return list(records.Run.select(Run.id.in_(newest), order=Run.job))


RECENT = 20_000


def count_since(since: datetime) -> dict[tuple[str, str], int]:
    """Runs that ended since then, by job and fault code (empty: none); of the `RECENT` newest at most."""
    newest = int(Run.select(pw.fn.MAX(Run.id)).scalar() or 0)
    rows: Any = (
        Run.select(Run.job, Run.fault_code, pw.fn.COUNT(Run.id))
        .where((Run.id > newest - RECENT) & (Run.finished_at >= since))
        .group_by(Run.job, Run.fault_code)
        .tuples()
    )
    return {(job, fault or ""): count for job, fault, count in rows}
