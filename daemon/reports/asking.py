"""What somebody may ask of a report, checked once for the command line and for the API."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from daemon.errors import InvalidInput
from daemon.model.days import begins_at, day_of
from daemon.reports.periods import Month, offset_of
from daemon.store import records

MOST_MONTHS = 120
USUAL_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Wish:
    """As it was typed: a month like 2026-03, days like 2026-03-31. What is None was left out."""

    month: str | None = None
    as_of: str | None = None
    since: str | None = None
    until: str | None = None


OPTIONS = {"month": "month", "as_of": "as-of", "since": "from", "until": "to"}
"""What people call them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A wish of a tenant at a moment: reports read their parameters from it."""

    tenant: records.Tenant
    wish: Wish
    now: datetime

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.tenant.zone)

    @property
    def today(self) -> date:
        return day_of(self.now, self.zone)

    @property
    def offset(self) -> int:
        return offset_of(self.zone, self.now)

    def takes(self, *names: str) -> None:
        """Raises InvalidInput where something was given that this report does not take."""
        for one in fields(self.wish):
            if getattr(self.wish, one.name) is not None and one.name not in names:
                allowed = ", ".join(OPTIONS[name] for name in names) or "no parameter"
                text = f"this report takes {allowed}, not {OPTIONS[one.name]}"
                raise InvalidInput("WB-INPUT", text, field=OPTIONS[one.name].replace("-", "_"))

    def day(self) -> date:
        """`as-of`, else today. Raises InvalidInput on a day that has not come."""
        if self.wish.as_of is None:
            return self.today
        day = _day(self.wish.as_of, "as-of")
        if day > self.today:
            raise InvalidInput("WB-INPUT", "as-of: the day has not come yet", field="as_of")
        return day

    def month(self) -> Month:
        """`month`, else the one before this. Raises InvalidInput on a month that has not begun."""
        month = Month.parse(self.wish.month) if self.wish.month else Month.of(self.today) + -1
        if month.first > self.today:
            raise InvalidInput("WB-INPUT", "month: it has not begun yet", field="month")
        return month

    def months(self) -> tuple[Month, Month]:
        """`from` to `to`, else the last twelve. Raises InvalidInput."""
        last = Month.parse(self.wish.until, "to") if self.wish.until else Month.of(self.today)
        first = Month.parse(self.wish.since, "from") if self.wish.since else last + (1 - USUAL_MONTHS)
        if first > last:
            raise InvalidInput("WB-INPUT", "from: it lies behind to", field="from")
        if first + MOST_MONTHS <= last:
            raise InvalidInput("WB-INPUT", f"at most {MOST_MONTHS} months at once", field="from")
        return first, last

    def days(self, usual: int) -> tuple[date, date]:
        """`from` to `to`, both with them, else the last `usual` days. Raises InvalidInput."""
        last = _day(self.wish.until, "to") if self.wish.until else self.today
        first = _day(self.wish.since, "from") if self.wish.since else last - timedelta(days=usual - 1)
        if first > last:
            raise InvalidInput("WB-INPUT", "from: it lies behind to", field="from")
        return first, last

    def begins(self, day: date) -> datetime:
        """The first moment of a day in the tenant's zone."""
        return begins_at(day, self.zone)


def _day(text: str, name: str) -> date:
    """Raises InvalidInput."""
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        day = None
    if day is None or len(text.strip()) != 10 or not 2000 <= day.year <= 2200:
        text = f"{name}: a day is written like 2026-03-31"
        raise InvalidInput("WB-INPUT", text, field=name.replace("-", "_"))
    return day
