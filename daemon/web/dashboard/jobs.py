"""Jobs: what runs when, how its last run ended, and when the next one is."""

from __future__ import annotations

from daemon.office import schedule
from daemon.office.schedule import JobNow
from daemon.store import runs
from daemon.web.dashboard.roles import READERS
from daemon.web.dashboard.within import Desk, Spot
from daemon.web.pages import Answer

TOLD = {
    "bill": ("makes invoices from plans", "every hour"),
    "push": ("sends what is to be sent", ""),
    "pull": ("reads what changed", "as each billing system allows"),
    "sweep": ("compares both books", "every night"),
    "enforce": ("lets service follow the money", "every hour, and at once"),
    "keepalive": ("keeps consents, tests connections", ""),
    "tidy.backup": ("keeps a verified copy", "every night"),
}
"""What each does, and when in words; "" where its pace says it."""


def listed(desk: Desk) -> Answer:
    found = schedule.jobs(desk.house.settings, desk.tenant.id, desk.now)
    known = {one.name for one in found}
    return desk.view(
        "jobs",
        "Jobs",
        jobs=[(one, *_told(one)) for one in found],
        others=[row for row in runs.newest_of_each(desk.tenant.id) if row.job not in known],
        failing=desk.house.failing,
        paused=desk.house.pushes_paused,
    )


def _told(job: JobNow) -> tuple[str, str]:
    what, when = TOLD.get(job.name, ("", ""))
    return what, (when or _span(job.every_s)) if job.enabled else "switched off"


def _span(seconds: float) -> str:
    return f"every {round(seconds / 60)} minutes" if seconds >= 120 else f"every {seconds:g} seconds"


SPOTS = (Spot("GET", "jobs", listed, READERS),)
