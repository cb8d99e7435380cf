"""Days and months in the tenant's zone, and the moments at which they begin.

A month is a calendar month of the tenant's zone. An invoice belongs to the month of its date, which is a day
and no moment; money belongs to the month in which the provider says that it moved; money without a date to
the month in which it was first seen here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from daemon.errors import InvalidInput
from daemon.model.days import begins_at

_MONTH = re.compile(r"(\d{4})-(\d{2})", re.ASCII)
FIRST_YEAR, LAST_YEAR = 2000, 2200


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month; `str` gives 2026-03."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str, name: str = "month") -> Month:
        """Raises InvalidInput."""
        found = _MONTH.fullmatch(text.strip())
        if not found or not 1 <= int(found[2]) <= 12 or not FIRST_YEAR <= int(found[1]) <= LAST_YEAR:
            raise InvalidInput("WB-INPUT", f"{name}: a month is written like 2026-03", field=name)
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of(cls, day: date) -> Month:
        return cls(day.year, day.month)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"

    @property
    def first(self) -> date:
        return date(self.year, self.number, 1)

    @property
    def last(self) -> date:
        return (self + 1).first - timedelta(days=1)

    @property
    def words(self) -> str:
        return f"{self.first:%B %Y}"

    def __add__(self, months: int) -> Month:
        years, month = divmod(self.year * 12 + self.number - 1 + months, 12)
        return Month(years, month + 1)

    def since(self, zone: ZoneInfo) -> datetime:
        """Its first moment, in UTC."""
        return begins_at(self.first, zone)

    def until(self, zone: ZoneInfo) -> datetime:
        """The first moment after it."""
        return begins_at((self + 1).first, zone)


def months(first: Month, last: Month) -> Iterator[Month]:
    """From the first to the last, both with them."""
    one = first
    while one <= last:
        yield one
        one += 1


def offset_of(zone: ZoneInfo, now: datetime) -> int:
    """Microseconds that the zone is ahead of UTC: near enough to find the noon of a day in it."""
    return (now.astimezone(zone).utcoffset() or timedelta()) // timedelta(microseconds=1)
