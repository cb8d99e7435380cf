"""The gate of an app of ours at a provider: what all integrations under it may send together.

Limits up to a day live in this process. One of a month (QuickBooks meters reads so, by calendar month) is
counted in the database: who ends a visit adds what was spent since, and learns what all others spent.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from daemon.clock import Clock
from daemon.model import Limit
from daemon.policy import Meter, take, told

MONTH_S = 28 * 86_400.0
"""A limit of this many seconds or more is one of a calendar month."""

Month = tuple[str, str]
"""The limit's name and the month in UTC, `2026-11`."""


class AppGate:
    """One for each app and process; safe for threads."""

    def __init__(self, app_id: str, limits: Sequence[Limit], clock: Clock) -> None:
        self.app_id = app_id
        self._clock = clock
        self._lock = threading.Lock()
        self._short = [limit for limit in limits if limit.per_s < MONTH_S]
        self._monthly = [limit for limit in limits if limit.per_s >= MONTH_S]
        self._meters: dict[str, Meter] = {}
        self._known: dict[Month, int] = {}
        self._unsaved: dict[Month, int] = {}

    def take(self, scope: str, *, urgent: bool) -> float:
        """Take one call; 0, or the seconds to wait, and nothing was taken."""
        with self._lock:
            now = self._clock.now()
            monthly = [x for x in self._monthly if x.scope in ("", "*", scope)]
            if any(self._left(x, now) < 1 + _kept(x, scope, urgent) for x in monthly):
                return (_next_month(now) - now).total_seconds()
            self._meters, wait_s = take(self._meters, self._short, scope, now, urgent=urgent)
            if wait_s == 0:
                for limit in monthly:
                    self._spend(limit, now, 1)
            return wait_s

    def told(self, name: str, remaining: float, resets_in_s: float | None) -> None:
        """As `Wire.told`."""
        with self._lock:
            now = self._clock.now()
            self._meters = told(self._meters, self._short, name, remaining, resets_in_s, now)
            for limit in self._monthly:
                if limit.name == name and self._left(limit, now) > remaining:
                    self._spend(limit, now, int(self._left(limit, now) - max(0.0, remaining)))

    def unsaved(self) -> dict[Month, int]:
        """What was spent and is not in the database yet."""
        with self._lock:
            return dict(self._unsaved)

    def saved(self, spent: Mapping[Month, int], totals: Mapping[Month, int]) -> None:
        """This was added there; `totals` are what it says now."""
        with self._lock:
            for month, count in spent.items():
                self._unsaved[month] -= count
            self._unsaved = {month: count for month, count in self._unsaved.items() if count}
            self._known = {**self._known, **totals}

    def _left(self, limit: Limit, now: datetime) -> float:
        month = (limit.name, month_of(now))
        return limit.calls - self._known.get(month, 0) - self._unsaved.get(month, 0)

    def _spend(self, limit: Limit, now: datetime, calls: int) -> None:
        month = (limit.name, month_of(now))
        self._unsaved[month] = self._unsaved.get(month, 0) + calls


def month_of(now: datetime) -> str:
    return f"{now:%Y-%m}"


def _kept(limit: Limit, scope: str, urgent: bool) -> float:
    return 0.0 if urgent or scope not in limit.spares else min(limit.reserve * limit.calls, limit.calls - 1)


def _next_month(now: datetime) -> datetime:
    years, month = divmod(now.month, 12)
    return datetime(now.year + years, month + 1, 1, tzinfo=UTC)
