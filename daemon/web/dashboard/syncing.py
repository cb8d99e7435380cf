"""Sync now: one integration or all of them, with how far it is.

What is asked for are wishes for push and pull, in the database; how far they are is read from there, too, so
that the page may be left and looked at again, and shows the truth whoever did the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from daemon.clock import from_micros, to_micros
from daemon.errors import InvalidInput
from daemon.model import RUNNING
from daemon.office.health import name_of
from daemon.store import integrations, links, overviews, records
from daemon.web.dashboard.roles import OFFICE, READERS
from daemon.web.dashboard.within import Desk, Spot
from daemon.web.pages import Answer, Go


@dataclass(frozen=True, slots=True)
class Progress:
    """`left` invoices were due when it was asked for, and are not sent yet; `read` whether it was read since;
    `held_until`: it waits, for its quota or after a fault."""

    row: records.Integration
    name: str
    left: int
    read: bool
    held_until: datetime | None

    @property
    def is_done(self) -> bool:
        return (self.left == 0 and self.read) or self.held_until is not None


def ask(desk: Desk) -> Answer:
    """All that runs, or the one that the form names."""
    name = desk.visit.form.get("integration")
    rows = _running(desk, name)
    if not rows:
        raise InvalidInput("WB-INTEGRATION-STATE", "nothing that could be synced runs")

    def work() -> None:
        links.assign(desk.now)
        if not name:
            links.ask_all(desk.tenant.id, desk.now)
        for row in rows:
            integrations.update(row.id, next_poll_at=desk.now)
        subject = name or desk.tenant.id
        desk.audit("sync.requested", subject, {"integrations": len(rows)})

    desk.write("sync", work, wake="push")
    desk.house.wake("pull")
    chosen = f"&integration={name}" if name else ""
    return Go(desk.path(f"sync?since={to_micros(desk.now)}{chosen}"))


def progress(desk: Desk) -> Answer:
    query = desk.visit.query
    name, since = query.get("integration"), _since(query.get("since"), desk.now)
    rows = [_progress(row, since, desk.now) for row in _running(desk, name)]
    done = sum(1 for one in rows if one.is_done)
    return desk.view(
        "sync",
        "Sync",
        part="progress",
        rows=rows,
        done=done,
        since=to_micros(since),
        asked_at=since,
        integration=name,
        finished=done == len(rows),
    )


def _running(desk: Desk, name: str) -> Sequence[records.Integration]:
    """Raises NotFound for another tenant's."""
    rows = [integrations.get(desk.tenant.id, name)] if name else integrations.listing(desk.tenant.id)
    return [row for row in rows if row.state in RUNNING]


def _progress(row: records.Integration, since: datetime, now: datetime) -> Progress:
    waits = row.resume_at is not None and row.resume_at > now
    read = not row.pull_status or (row.polled_at is not None and row.polled_at >= since)
    left = overviews.count_due(row.id, since)
    return Progress(row, name_of(row), left, read, row.resume_at if waits else None)


def _since(text: str, now: datetime) -> datetime:
    """Raises InvalidInput."""
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        raise InvalidInput("WB-INPUT", "since: it is missing", field="since")
    return min(from_micros(int(text)), now)


SPOTS = (
    Spot("POST", "sync", ask, OFFICE),
    Spot("GET", "sync", progress, READERS),
)
