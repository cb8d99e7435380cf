"""Days: a moment belongs to the calendar of its zone, a bare day to itself everywhere."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.model.days import bare, begins_at, day_of

ZONES = [
    "UTC",
    "America/Chicago",
    "Pacific/Auckland",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "Asia/Kolkata",
]


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.sampled_from(ZONES))
def test_a_bare_day_is_that_day_in_every_zone(day: date, zone: str) -> None:
    assert day_of(bare(day), ZoneInfo(zone)) == day


@pytest.mark.parametrize(
    ("moment", "zone", "day"),
    [
        ("2026-03-01T05:59:59+00:00", "America/Chicago", "2026-02-28"),
        ("2026-03-01T06:00:00+00:00", "America/Chicago", "2026-03-01"),
        ("2026-02-28T11:00:00+00:00", "Pacific/Auckland", "2026-03-01"),
        ("2026-02-28T10:59:59+00:00", "Pacific/Auckland", "2026-02-28"),
    ],
)
def test_a_moment_is_the_day_of_the_zone_s_calendar(moment: str, zone: str, day: str) -> None:
    assert day_of(datetime.fromisoformat(moment), ZoneInfo(zone)) == date.fromisoformat(day)


@given(
    st.dates(date(2000, 1, 1), date(2100, 1, 1)),
    st.sampled_from([*ZONES, "America/Havana", "Africa/Cairo", "America/Asuncion", "Europe/Berlin"]),
)
def test_a_day_begins_with_its_first_moment(day: date, zone: str) -> None:
    begins, place = begins_at(day, ZoneInfo(zone)), ZoneInfo(zone)
    before = begins - timedelta(microseconds=1)
    assert begins.tzinfo is UTC
    assert begins.astimezone(place).date() == day
    assert before.astimezone(place).date() == day - timedelta(days=1)
