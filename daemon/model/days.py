"""Days: a provider that tells a day and no time means that day wherever the reader is.

It is kept as noon in UTC, and is that day in every zone; any other moment is the day of the zone's calendar.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, tzinfo

NOON = time(12)


def bare(day: date) -> datetime:
    """The moment that stands for a day of which no time is told."""
    return datetime.combine(day, NOON, UTC)


def is_bare(moment: datetime) -> bool:
    return moment.astimezone(UTC).time() == NOON


def day_of(moment: datetime, zone: tzinfo) -> date:
    """The day of a moment by the zone's calendar; of a bare day that day."""
    return moment.astimezone(UTC if is_bare(moment) else zone).date()


def begins_at(day: date, zone: tzinfo) -> datetime:
    """The first moment of a day, in UTC. Where clocks go forward at midnight that is 01:00, where they go
    back the first of two: what Python makes of a time that is not, or is twice (PEP 495)."""
    return datetime.combine(day, time(), zone).astimezone(UTC)
