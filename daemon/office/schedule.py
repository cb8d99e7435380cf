"""The jobs: when each ran last, what came of it, and when it has something to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from daemon.model import RUNNING
from daemon.settings import Settings
from daemon.store import integrations, records, runs, views


@dataclass(frozen=True, slots=True)
class JobNow:
    """`next_at` in the past: it is due, and looks within `every_s` seconds. None: nothing waits for it."""

    name: str
    enabled: bool
    every_s: float
    next_at: datetime | None
    last: records.Run | None


def jobs(settings: Settings, tenant_id: str | None, now: datetime) -> list[JobNow]:
    """In the order in which an invoice meets them. Of a tenant: the runs at its integrations, and those that
    are everybody's."""
    rows = [row for row in integrations.listing(tenant_id) if row.state in RUNNING]
    last = {run.job: run for run in runs.newest_of_each(tenant_id)}
    night = _next(now, settings.sweep.at)
    hour = (now + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
    plan = (
        ("bill", settings.bill.enabled, 60.0, hour),
        ("push", settings.push.enabled, settings.push.every, views.next_push_at([row.id for row in rows])),
        ("pull", settings.pull.enabled, settings.pull.every, _next_poll(rows)),
        ("sweep", settings.sweep.enabled, 60.0, night if rows else None),
        ("enforce", settings.enforce.enabled, settings.enforce.every, hour),
        ("keepalive", settings.keepalive.enabled, settings.keepalive.every, _next_test(rows, settings)),
        ("tidy.backup", True, 60.0, _next(now, settings.tidy.at)),
    )
    return [
        JobNow(name, enabled, every_s, next_at if enabled else None, last.get(name))
        for name, enabled, every_s, next_at in plan
    ]


def _next(now: datetime, at: time) -> datetime:
    """The next time that it is so late, in UTC."""
    today = datetime.combine(now.astimezone(UTC).date(), at, UTC)
    return today if today > now else today + timedelta(days=1)


def _next_poll(rows: Sequence[records.Integration]) -> datetime | None:
    """Not before what rests at its provider may go on."""
    due = [(row.next_poll_at, row.resume_at) for row in rows if row.pull_status and row.next_poll_at]
    return min((max(at, rest or at) for at, rest in due if at is not None), default=None)


def _next_test(rows: Sequence[records.Integration], settings: Settings) -> datetime | None:
    every = timedelta(seconds=settings.keepalive.test_every)
    return min(((row.tested_at or row.created_at) + every for row in rows), default=None)
