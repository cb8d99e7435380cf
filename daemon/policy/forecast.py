"""Whether a quota lasts: plain arithmetic over what was called, and over what a pace will call."""

from __future__ import annotations

import calendar
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from daemon.clock import from_micros
from daemon.model import Capabilities, Limit
from daemon.policy.budget import SPANS, Meter, Window, key_of, left, take
from daemon.policy.rules import poll_interval_s

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Quota:
    """One named limit: how many calls of how many are left; `ends_at` is when they will be used up at the
    pace so far (None: they last), `back_at` when there are calls again, where there are none."""

    name: str
    calls: int
    left: int
    per_s: float
    ends_at: datetime | None = None
    back_at: datetime | None = None


def quota_of(limit: Limit, meters: Mapping[str, Meter], now: datetime) -> Quota:
    """What is left of a limit, and how long it lasts."""
    remaining = int(left(meters, limit, now))
    quota = Quota(limit.name, limit.calls, remaining, limit.per_s)
    if remaining < 1:
        _, wait_s = take(meters, [limit], limit.scope, now, urgent=True)
        return Quota(limit.name, limit.calls, 0, limit.per_s, back_at=now + timedelta(seconds=wait_s))
    found = meters.get(key_of(limit, limit.scope))
    per_s = _pace(found, limit, now) if isinstance(found, Window) else 0.0
    if per_s * limit.per_s <= limit.calls:
        return quota
    ends_at = now + timedelta(seconds=remaining / per_s)
    return Quota(limit.name, limit.calls, remaining, limit.per_s, ends_at=ends_at)


def _pace(window: Window, limit: Limit, now: datetime) -> float:
    """Calls in a second since the first that counts; what was called in a moment is spread over a span."""
    used = limit.calls - window.left(limit, now)
    began = min((span[0] for span in window.counting(limit, now)), default=None)
    if began is None:
        return 0.0
    return used / max((now - from_micros(began)).total_seconds(), limit.per_s / SPANS)


def reads_per_day(can: Capabilities, pace: str, followed: int, reread_s: float) -> int:
    """What polling costs at this pace while `followed` invoices are open. `reread_s` is how often an open
    invoice is read beside a feed that tells all."""
    every_s = poll_interval_s(pace, can.min_poll_s)
    polls = DAY_S / every_s if can.change_feed else 0.0
    rounds = DAY_S / (reread_s if can.change_feed and can.feed_tells_all else every_s)
    return math.ceil(polls + rounds * math.ceil(followed / can.pull_batch))


def reads_allowed_per_day(limit: Limit) -> float:
    """Of a limit of a day or longer, without what is kept for pushes and urgent reads."""
    share = 1 - limit.reserve if "read" in limit.spares else 1.0
    return limit.calls * share * DAY_S / limit.per_s


def month_ends_at(used: int, calls: int, now: datetime) -> datetime | None:
    """When a calendar month's quota will be used up at this month's pace; None: it lasts."""
    start = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    elapsed_s = max((now - start).total_seconds(), 3600.0)
    month_s = calendar.monthrange(now.year, now.month)[1] * DAY_S
    if used >= calls:
        return now
    if used * month_s / elapsed_s <= calls:
        return None
    return now + timedelta(seconds=(calls - used) * elapsed_s / used)
