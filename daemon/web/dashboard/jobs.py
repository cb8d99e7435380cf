"""Jobs: what runs when, how its last run ended, and when the next one is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from daemon.settings import Settings
from daemon.store import integrations, records, runs
from daemon.web.dashboard.roles import READERS
from daemon.web.dashboard.within import Desk, Spot
from daemon.web.pages import Answer


@dataclass(frozen=True, slots=True)
class Job:
    """`when` in words; `next_at` where that is known; `run` its last one that left a row."""

    name: str
    what: str
    when: str
    on: bool
    next_at: datetime | None
    run: records.Run | None


def listed(desk: Desk) -> Answer:
    newest = {row.job: row for row in runs.newest_of_each(desk.tenant.id)}
    due = [row.next_poll_at for row in integrations.listing(desk.tenant.id) if row.next_poll_at is not None]
    found = _jobs(desk.house.settings, newest, min(due, default=None), desk.now)
    known = {one.name for one in found}
    return desk.view(
        "jobs",
        "Jobs",
        jobs=found,
        others=[row for name, row in newest.items() if name not in known],
        failing=desk.house.failing,
        paused=desk.house.pushes_paused,
    )


def _jobs(
    settings: Settings, newest: Mapping[str, records.Run], next_poll: datetime | None, now: datetime
) -> list[Job]:
    hour = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    digest = _next(settings.alerts.digest_at, ZoneInfo(settings.alerts.digest_zone), now)
    s = settings
    rows = (
        ("push", "sends what is to be sent", _span(s.push.every), s.push.enabled, None),
        ("pull", "reads what changed", "as each billing system allows", s.pull.enabled, next_poll),
        ("sweep", "compares everything", "every night", s.sweep.enabled, _next(s.sweep.at, UTC, now)),
        ("bill", "makes invoices from plans", "every hour", s.bill.enabled, hour),
        ("enforce", "lets service follow the money", "every hour, and at once", s.enforce.enabled, hour),
        ("keepalive", "keeps consents, tests connections", _span(s.keepalive.every), True, None),
        ("alerts.digest", "sends the daily digest", "every day", s.alerts.digest, digest),
        ("tidy.backup", "keeps a verified copy", "every night", True, _next(s.tidy.at, UTC, now)),
    )
    return [
        Job(name, what, when, on, next_at if on else None, newest.get(name))
        for name, what, when, on, next_at in rows
    ]


def _next(at: time, zone: tzinfo, now: datetime) -> datetime:
    """When it is this time of day there the next time."""
    there = now.astimezone(zone)
    today = datetime.combine(there.date(), at, zone)
    return today if today > there else datetime.combine(there.date() + timedelta(days=1), at, zone)


def _span(seconds: float) -> str:
    return f"every {round(seconds / 60)} minutes" if seconds >= 120 else f"every {seconds:g} seconds"


SPOTS = (Spot("GET", "jobs", listed, READERS),)
