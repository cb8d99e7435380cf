"""How dunning is written in the configuration: steps, hours, holidays, and what differs for one tenant.

As in `units`, each reader raises ValueError with what would be right.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any

from pydantic import BeforeValidator

from daemon.model.dunning import DunningStep, ServiceStatus
from daemon.settings.units import as_written, time_of_day

STEP = '{ days = 10, status = "throttled" }, with `at` and `minimum` if wanted'
_HOURS = re.compile(r"(\d\d:\d\d)-(\d\d:\d\d)", re.ASCII)
_AMOUNT = re.compile(r"\d{1,12}(\.\d{1,3})?", re.ASCII)
_STATUSES = [ServiceStatus.WARNED.value, ServiceStatus.THROTTLED.value, ServiceStatus.SUSPENDED.value]


@dataclass(frozen=True, slots=True)
class TenantDunning:
    """What differs for the tenant of this reference; None: as for all."""

    tenant: str
    steps: tuple[DunningStep, ...] | None = None
    hours: tuple[time, time] | None = None
    weekends: bool | None = None
    holidays: frozenset[date] | None = None


def steps(value: object) -> tuple[DunningStep, ...]:
    """A list of tables, by rising days, never from bad to better; raises ValueError."""
    value = as_written(value)
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ValueError(f"must be a list of steps, like [{STEP}]")
    found = tuple(one if isinstance(one, DunningStep) else _step(one) for one in value)
    for before, after in pairwise(found):
        if before.days >= after.days or before.status.rank > after.status.rank:
            raise ValueError("must go on by rising days, and never from a worse status to a better one")
    return found


def _step(value: object) -> DunningStep:
    if not isinstance(value, Mapping) or not {"days", "status"} <= value.keys() <= {*_STEP_KEYS}:
        raise ValueError(f"must have steps like {STEP}")
    days, status = value["days"], value["status"]
    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= 365:
        raise ValueError("days: must be a whole number of days overdue, from 1 to 365")
    if status not in _STATUSES:
        raise ValueError(f"status: must be one of {', '.join(_STATUSES)}")
    at = _clock(value["at"]) if "at" in value else None
    minimum = value.get("minimum", "0")
    if not isinstance(minimum, str) or not _AMOUNT.fullmatch(minimum):
        raise ValueError('minimum: must be an amount in quotes, like "5.00"')
    return DunningStep(days, ServiceStatus(status), at, Decimal(minimum))


_STEP_KEYS = ("days", "status", "at", "minimum")


def _clock(value: object) -> time:
    try:
        return time_of_day(value)
    except ValueError:
        raise ValueError('must be a time of day in the tenant\'s zone, like "09:00"') from None


def hours(value: object) -> tuple[time, time]:
    """`"09:00-17:00"`, of one day; raises ValueError."""
    if isinstance(value, tuple):
        return value
    match = _HOURS.fullmatch(value) if isinstance(value, str) else None
    right = 'must be at least one hour of one day in the tenant\'s zone, like "09:00-17:00"'
    if match is None:
        raise ValueError(right)
    try:
        opens, closes = time_of_day(match[1]), time_of_day(match[2])
    except ValueError:
        raise ValueError(right) from None
    if _minutes(opens) + 60 > _minutes(closes):
        raise ValueError(right)
    return opens, closes


def _minutes(at: time) -> int:
    return at.hour * 60 + at.minute


def check_reachable(plan: Sequence[DunningStep], within: tuple[time, time]) -> None:
    """Everybody is looked at once an hour: raises ValueError where the hour of a step could be missed."""
    opens, closes = (_minutes(at) for at in within)
    for step in plan:
        if step.at is not None and not opens <= _minutes(step.at) <= closes - 60:
            raise ValueError(
                f"steps: at {step.at:%H:%M} must lie within the hours, and leave one before they end"
            )


def holidays(value: object) -> frozenset[date]:
    """A list of dates, as text or as TOML's own; raises ValueError."""
    value = as_written(value)
    right = 'must be a list of dates, like ["2026-12-25"]'
    if not isinstance(value, Sequence | frozenset) or isinstance(value, str):
        raise ValueError(right)
    try:
        return frozenset(_day(one) for one in value)
    except ValueError:
        raise ValueError(right) from None


def _day(value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise ValueError
    return date.fromisoformat(value)


_READERS: dict[str, Any] = {"steps": steps, "hours": hours, "holidays": holidays}


def tenants(value: object) -> tuple[TenantDunning, ...]:
    """A list of tables, each with `tenant` and what differs for it; raises ValueError."""
    value = as_written(value)
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ValueError("must be tables of their own, each written [[dunning.tenants]]")
    found = tuple(one if isinstance(one, TenantDunning) else _tenant(one) for one in value)
    if len({one.tenant for one in found}) < len(found):
        raise ValueError("must name each tenant once")
    return found


def _tenant(value: object) -> TenantDunning:
    known = ("tenant", "weekends", *_READERS)
    if not isinstance(value, Mapping) or "tenant" not in value or not value.keys() <= {*known}:
        raise ValueError(f"must have the keys {', '.join(known)}, and name the tenant's reference")
    if not isinstance(value["tenant"], str) or not isinstance(value.get("weekends", False), bool):
        raise ValueError("tenant must be text, and weekends true or false")
    given = {name: _named(name, value[name]) for name in _READERS if name in value}
    return TenantDunning(value["tenant"], weekends=value.get("weekends"), **given)


def _named(name: str, value: object) -> Any:
    try:
        return _READERS[name](value)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None


Steps = Annotated[tuple[DunningStep, ...], BeforeValidator(steps)]
Hours = Annotated[tuple[time, time], BeforeValidator(hours)]
Holidays = Annotated[frozenset[date], BeforeValidator(holidays)]
Tenants = Annotated[tuple[TenantDunning, ...], BeforeValidator(tenants)]
