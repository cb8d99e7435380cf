"""Periods: the days that a recurring invoice covers. Dates alone, so that no clock change can move one.

Periods lie between boundaries. Boundaries are counted from a first date, never from one another, so that
the 31st comes back after a short month, and the 29th of February after three years.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from dateutil.relativedelta import relativedelta

LONGEST = {"days": 3660, "weeks": 520, "months": 120, "years": 10}
"""The longest interval, in each unit."""

LAST_DAY = date(9000, 1, 1)
"""No boundary is asked for behind it."""


class Unit(StrEnum):
    DAYS = "days"
    WEEKS = "weeks"
    MONTHS = "months"
    YEARS = "years"

    @property
    def anchors(self) -> range:
        """The anchor days that there are: of the month, of the week (1 is Monday), or none."""
        return {Unit.DAYS: range(1), Unit.WEEKS: range(1, 8)}.get(self, range(1, 32))

    def anchor_of(self, day: date) -> int:
        """The anchor day of what begins on this day."""
        return {Unit.DAYS: 0, Unit.WEEKS: day.isoweekday()}.get(self, day.day)

    @property
    def is_calendar(self) -> bool:
        """Whether its boundaries are days of a month."""
        return self in (Unit.MONTHS, Unit.YEARS)


@dataclass(frozen=True, slots=True)
class Period:
    """The days from `start` to the one before `end`, of a whole period from `whole_start` to the day before
    `whole_end`."""

    start: date
    end: date
    whole_start: date
    whole_end: date

    @property
    def last(self) -> date:
        return self.end - timedelta(days=1)

    @property
    def whole_days(self) -> int:
        return (self.whole_end - self.whole_start).days

    @property
    def first_day(self) -> int:
        """How many days of the whole period come before this one."""
        return (self.start - self.whole_start).days

    @property
    def end_day(self) -> int:
        return (self.end - self.whole_start).days

    @property
    def is_whole(self) -> bool:
        return (self.start, self.end) == (self.whole_start, self.whole_end)

    def __str__(self) -> str:
        return f"{self.start} to {self.last}"


@dataclass(frozen=True, slots=True)
class Schedule:
    """A boundary every so many units: on the first anchor day on or after `anchored_on`, and counted from
    there in both directions. In a month without the anchor day it is that month's last day."""

    every: int
    unit: Unit
    anchored_on: date
    anchor_day: int

    def boundary(self, k: int) -> date:
        """The k-th boundary; the 0-th is the first on or after `anchored_on`."""
        if self.unit.is_calendar:
            months = self.every * (12 if self.unit is Unit.YEARS else 1)
            return self._anchor_of_month(self._first_month() + k * months)
        return self._first_day() + timedelta(days=k * self._days())

    def period_at(self, day: date, ends_on: date | None = None) -> Period:
        """The period that begins on `day` and goes to the next boundary, or to `ends_on` if that comes
        before; the last day is in it. Raises ValueError where `ends_on` lies before `day`."""
        if ends_on is not None and ends_on < day:
            raise ValueError("a period ends before it begins")
        k = self._index(day)
        whole_start, whole_end = self.boundary(k), self.boundary(k + 1)
        end = whole_end if ends_on is None else min(whole_end, ends_on + timedelta(days=1))
        return Period(day, end, whole_start, whole_end)

    def _index(self, day: date) -> int:
        """Of the last boundary on or before `day`."""
        if not self.unit.is_calendar:
            return (day - self._first_day()).days // self._days()
        months = self.every * (12 if self.unit is Unit.YEARS else 1)
        k = (_month(day) - self._first_month()) // months
        return k if self.boundary(k) <= day else k - 1

    def _days(self) -> int:
        return self.every * (7 if self.unit is Unit.WEEKS else 1)

    def _first_day(self) -> date:
        if self.unit is Unit.DAYS:
            return self.anchored_on
        return self.anchored_on + timedelta(days=(self.anchor_day - self.anchored_on.isoweekday()) % 7)

    def _first_month(self) -> int:
        month = _month(self.anchored_on)
        return month if self._anchor_of_month(month) >= self.anchored_on else month + 1

    def _anchor_of_month(self, month: int) -> date:
        """Counted from a January, which has every day that a month can have."""
        year, rest = divmod(month, 12)
        first: date = date(year, 1, self.anchor_day) + relativedelta(months=rest)
        return first


def _month(day: date) -> int:
    """Months since the year 0."""
    return day.year * 12 + day.month - 1
