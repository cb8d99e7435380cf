"""Periods: no gap, no overlap, the anchored day kept; a part of one costs its share to the cent."""

from __future__ import annotations

import calendar
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from daemon.money import Money
from daemon.policy.numbering import DEFAULT, NumberFormat
from daemon.policy.periods import LONGEST, Period, Schedule, Unit
from daemon.policy.proration import share

DAYS = st.dates(date(1999, 1, 1), date(2120, 12, 31))


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    unit = draw(st.sampled_from(Unit))
    every = draw(st.integers(1, min(40, LONGEST[unit])))
    return Schedule(every, unit, draw(DAYS), draw(st.sampled_from(unit.anchors)))


def walk(schedule: Schedule, start: date, count: int, ends_on: date | None = None) -> list[Period]:
    """Period after period, each from where the one before ended."""
    found: list[Period] = []
    while len(found) < count and (ends_on is None or start <= ends_on):
        found.append(schedule.period_at(start, ends_on))
        start = found[-1].end
    return found


@given(schedules(), DAYS)
def test_periods_follow_one_another_without_gap_or_overlap(schedule: Schedule, start: date) -> None:
    periods = walk(schedule, start, 30)
    assert periods[0].start == start
    for one, after in pairwise(periods):
        assert one.start < one.end == after.start
        assert after.is_whole, "only the first can be a part"


@given(schedules(), DAYS)
def test_a_period_lies_in_one_whole_period_whose_ends_are_boundaries_side_by_side(
    schedule: Schedule, day: date
) -> None:
    period = schedule.period_at(day)
    assert period.whole_start <= period.start < period.end == period.whole_end
    k = schedule._index(day)
    assert (schedule.boundary(k), schedule.boundary(k + 1)) == (period.whole_start, period.whole_end)
    assert schedule.boundary(0) >= schedule.anchored_on > schedule.boundary(-1) or schedule.unit is Unit.DAYS


@given(schedules(), DAYS)
def test_every_boundary_is_the_anchor_day_or_the_last_day_of_a_month_without_it(
    schedule: Schedule, start: date
) -> None:
    for period in walk(schedule, start, 40):
        edge = period.end
        if schedule.unit is Unit.WEEKS:
            assert edge.isoweekday() == schedule.anchor_day
        elif schedule.unit.is_calendar:
            assert edge.day == min(schedule.anchor_day, calendar.monthrange(edge.year, edge.month)[1])
        else:
            assert (edge - schedule.anchored_on).days % schedule.every == 0


@given(schedules(), DAYS)
def test_whole_periods_are_as_long_as_the_interval_says(schedule: Schedule, start: date) -> None:
    period = walk(schedule, start, 2)[1]
    if schedule.unit.is_calendar:
        months = (period.end.year - period.start.year) * 12 + period.end.month - period.start.month
        assert months == schedule.every * (12 if schedule.unit is Unit.YEARS else 1)
    else:
        days = schedule.every * (7 if schedule.unit is Unit.WEEKS else 1)
        assert period.whole_days == days


@given(schedules(), DAYS, st.integers(0, 900))
def test_the_last_period_ends_with_the_subscription_and_nothing_follows(
    schedule: Schedule, start: date, days: int
) -> None:
    ends_on = start + timedelta(days=days)
    periods = walk(schedule, start, 2000, ends_on)
    assert periods[-1].last == ends_on
    assert sum((period.end - period.start).days for period in periods) == days + 1
    with pytest.raises(ValueError):
        schedule.period_at(ends_on + timedelta(days=1), ends_on)


@pytest.mark.parametrize(
    ("unit", "every", "anchored_on", "day", "expected"),
    [
        ("months", 1, "2026-01-31", 31, ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]),
        ("months", 1, "2028-01-30", 30, ["2028-02-29", "2028-03-30", "2028-04-30", "2028-05-30"]),
        ("months", 3, "2025-11-30", 30, ["2026-02-28", "2026-05-30", "2026-08-30", "2026-11-30"]),
        ("years", 1, "2024-02-29", 29, ["2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]),
        ("years", 1, "2096-02-29", 29, ["2097-02-28", "2098-02-28", "2099-02-28", "2100-02-28"]),
        ("weeks", 2, "2026-03-02", 1, ["2026-03-16", "2026-03-30", "2026-04-13", "2026-04-27"]),
        ("days", 30, "2026-03-02", 0, ["2026-04-01", "2026-05-01", "2026-05-31", "2026-06-30"]),
        ("months", 1, "2026-02-28", 31, ["2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30"]),
    ],
)
def test_boundaries_people_know(
    unit: str, every: int, anchored_on: str, day: int, expected: list[str]
) -> None:
    schedule = Schedule(every, Unit(unit), date.fromisoformat(anchored_on), day)
    assert [schedule.boundary(k).isoformat() for k in (1, 2, 3, 4)] == expected


def test_a_start_before_the_anchor_day_makes_a_part_of_the_whole_before_it() -> None:
    period = Schedule(3, Unit.MONTHS, date(2026, 2, 10), 1).period_at(date(2026, 2, 10))
    assert str(period) == "2026-02-10 to 2026-02-28"
    assert (period.whole_start, period.whole_end) == (date(2025, 12, 1), date(2026, 3, 1))


# --- what a part costs --------------------------------------------------------------------------------


@given(schedules(), DAYS, st.integers(-(10**9), 10**9), st.data())
def test_parts_that_make_up_a_whole_period_cost_what_it_costs(
    schedule: Schedule, day: date, minor: int, data: st.DataObject
) -> None:
    whole = schedule.period_at(schedule.period_at(day).whole_start)
    cuts = data.draw(st.lists(st.integers(0, whole.whole_days), max_size=5))
    edges = [whole.start + timedelta(days=n) for n in sorted({0, *cuts, whole.whole_days})]
    amount = Money(minor, "EUR")
    parts = [share(amount, Period(a, b, whole.start, whole.end)) for a, b in pairwise(edges)]
    assert Money.total(parts, "EUR") == amount
    assert share(amount, whole) == amount


@given(st.integers(0, 10**9), st.integers(0, 30), st.integers(1, 31))
def test_a_part_is_never_negative_and_within_a_cent_of_its_days(minor: int, first: int, days: int) -> None:
    start = date(2026, 1, 1)
    assume(first + days <= 31)
    begin, end = start + timedelta(days=first), start + timedelta(days=first + days)
    part = share(Money(minor, "EUR"), Period(begin, end, start, date(2026, 2, 1))).minor
    assert 0 <= part <= minor
    assert abs(part - minor * days / 31) <= 1


# --- numbers ------------------------------------------------------------------------------------------


@given(st.integers(1990, 2200), st.integers(1, 10**7), st.integers(1990, 2200), st.integers(1, 10**7))
@pytest.mark.parametrize("text", [DEFAULT, "WB{counter}", "{year}{counter:02d}", "{counter}/{year}"])
def test_two_numbers_of_one_format_differ(text: str, year: int, count: int, other: int, last: int) -> None:
    made = NumberFormat.parse(text)
    same = (made.year(year), count) == (made.year(other), last)
    assert (made.number(year, count) == made.number(other, last)) == same


def test_a_number_looks_as_its_format_says() -> None:
    assert NumberFormat.parse(DEFAULT).number(2026, 42) == "2026-00042"
    assert NumberFormat.parse("R{counter}").number(2026, 42) == "R42"


@pytest.mark.parametrize(
    "text",
    [
        *("", "{year}", "{counter}{counter}", "{counter:5d}", "{month}{counter}", "{counter", " {counter}"),
        *("a\n{counter}", "{counter:099d}", "{{counter}}", "x" * 40 + "{counter}", "{year}{year}{counter}"),
    ],
)
def test_a_format_that_could_repeat_or_surprise_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        NumberFormat.parse(text)
