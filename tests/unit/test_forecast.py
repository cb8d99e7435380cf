"""Whether a quota lasts, as a table: what was called so far, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from daemon.model import Capabilities, Limit
from daemon.policy import Bucket, Meter, take, told
from daemon.policy.forecast import (
    month_ends_at,
    quota_of,
    reads_allowed_per_day,
    reads_per_day,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = Limit("", 4000, 86_400, name="day")


def called(count: int, hours: float) -> dict[str, Meter]:
    """So many calls, evenly over the last hours."""
    meters: dict[str, Meter] = {}
    for n in range(count):
        at = NOW - timedelta(hours=hours) * (count - n) / count
        meters, wait_s = take(meters, [DAY], "", at)
        assert wait_s == 0
    return meters


ENDS = {
    "nothing was called": ({}, 4000, None),
    "a pace that lasts": (called(1000, 8), 3000, None),
    "twice the pace that lasts": (called(2000, 6), 2000, NOW + timedelta(hours=6)),
    "all of a sudden": (called(500, 0.01), 3500, NOW + timedelta(hours=7)),
}


@pytest.mark.parametrize(("meters", "left", "ends_at"), ENDS.values(), ids=ENDS)
def test_when_a_day_s_calls_will_end(meters: dict[str, Meter], left: int, ends_at: datetime | None) -> None:
    quota = quota_of(DAY, meters, NOW)

    assert (quota.name, quota.calls, quota.left, quota.back_at) == ("day", 4000, left, None)
    assert quota.ends_at == (ends_at and pytest.approx(ends_at, abs=timedelta(minutes=1)))


def test_of_a_quota_that_is_used_up_it_is_told_when_it_is_back() -> None:
    quota = quota_of(DAY, told({}, [DAY], "day", 0, 7200, NOW), NOW)

    assert (quota.left, quota.ends_at, quota.back_at) == (0, None, NOW + timedelta(hours=2))


def test_of_a_minute_no_end_is_foretold() -> None:
    minute = Limit("", 60, 60, name="minute")
    meters: dict[str, Meter] = {"/60": Bucket(3.0, int(NOW.timestamp() * 1e6))}

    assert quota_of(minute, meters, NOW).ends_at is None


FEED = Capabilities(change_feed=True, min_poll_s=900, pull_batch=100)
HOLED = replace(FEED, feed_tells_all=False)
NO_FEED = replace(FEED, change_feed=False)
READS = {
    "a feed, and open ones now and then": (FEED, "realtime", 1000, 96 + 4 * 10),
    "a feed that leaves things out": (HOLED, "realtime", 1000, 96 + 96 * 10),
    "no feed": (NO_FEED, "realtime", 1000, 96 * 10),
    "no feed, hourly": (NO_FEED, "hourly", 1001, 24 * 11),
    "daily": (HOLED, "daily", 250, 1 + 3),
    "nothing open": (FEED, "hourly", 0, 24),
}


@pytest.mark.parametrize(("can", "pace", "followed", "reads"), READS.values(), ids=READS)
def test_what_a_pace_reads_in_a_day(can: Capabilities, pace: str, followed: int, reads: int) -> None:
    assert reads_per_day(can, pace, followed, reread_s=21_600) == reads


def test_what_may_be_read_in_a_day_leaves_the_reserve() -> None:
    assert reads_allowed_per_day(replace(DAY, reserve=0.25)) == 3000
    assert reads_allowed_per_day(replace(DAY, reserve=0.25, spares=("bulk",))) == 4000
    assert reads_allowed_per_day(Limit("read", 310, 31 * 86_400)) == 10


MIDDLE = datetime(2026, 4, 16, tzinfo=UTC)  # 15 of 30 days
MONTHS = {
    "nothing yet": (0, 1000, MIDDLE, None),
    "just enough": (500, 1000, MIDDLE, None),
    "too fast": (750, 1000, MIDDLE, MIDDLE + timedelta(days=5)),
    "used up": (1000, 1000, MIDDLE, MIDDLE),
    "in the month's first minute": (2, 1000, datetime(2026, 4, 1, 0, 1, tzinfo=UTC), "later"),
}


@pytest.mark.parametrize(("used", "calls", "now", "ends_at"), MONTHS.values(), ids=MONTHS)
def test_when_a_month_s_calls_will_end(
    used: int, calls: int, now: datetime, ends_at: datetime | str | None
) -> None:
    found = month_ends_at(used, calls, now)

    assert (found is not None and found > now) if ends_at == "later" else found == ends_at
