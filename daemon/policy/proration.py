"""Proration: what a part of a period costs, to the cent."""

from __future__ import annotations

from daemon.money import Money
from daemon.policy.periods import Period


def share(amount: Money, period: Period) -> Money:
    """The part of a whole period's amount that falls on the days of `period`. Parts that make up the whole
    period add up to the whole amount: each is what has accrued by its end less what had by its beginning."""
    accrued = [_accrued(amount.minor, days, period.whole_days) for days in (period.first_day, period.end_day)]
    return Money(accrued[1] - accrued[0], amount.currency)


def _accrued(minor: int, days: int, whole_days: int) -> int:
    """To the nearest minor unit, a half upwards; a negative amount (a discount) is its mirror."""
    if minor < 0:
        return -_accrued(-minor, days, whole_days)
    return (2 * minor * days + whole_days) // (2 * whole_days)
