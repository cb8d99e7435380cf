"""How generated invoices are numbered, as people see and set it. For every face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from daemon.errors import InvalidInput
from daemon.house import House
from daemon.jobs.intake import today_of
from daemon.policy.numbering import NumberFormat
from daemon.store import billing, records


@dataclass(frozen=True, slots=True)
class NumberingNow:
    """`next` is the number that comes next; `last` the counter given out last, by year (`all`: all years)."""

    format: str
    next: str
    last: Mapping[str, int]


def numbering_of(tenant: records.Tenant, now: datetime) -> NumberingNow:
    return NumberingNow(
        format=billing.number_format(tenant.id).text,
        next=billing.Numbers(tenant.id).next(today_of(tenant, now)),
        last={str(year or "all"): last for year, last in billing.counters(tenant.id).items()},
    )


def set_numbering(
    house: House, tenant: records.Tenant, *, format_: str | None, following: int | None, actor: str
) -> None:
    """Another format, and the counter of the next number. Raises InvalidInput where the format is none, or
    the counter would go back."""
    try:
        made = NumberFormat.parse(format_) if format_ is not None else None
    except ValueError as error:
        raise InvalidInput("WB-INPUT", f"format: {error}", field="format") from None
    now = house.clock.now()
    house.store.write(
        "bill.numbering",
        lambda: billing.set_numbering(
            tenant.id, made, following, today=today_of(tenant, now), actor=actor, now=now
        ),
    )
