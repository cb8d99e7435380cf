"""When a step may happen, on the calendar and the clock of the tenant's zone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from daemon.dunning.facts import Debt, Done
from daemon.model.dunning import DunningRules, DunningStep

FURTHEST = 400
"""Days that are looked through for one on which something may happen."""


def may_act(rules: DunningRules, step: DunningStep | None, local: datetime) -> bool:
    """Whether anything may get worse at this moment of the tenant's zone."""
    begins = step.at if step and step.at else rules.opens
    return is_working_day(rules, local.date()) and begins <= local.time() < rules.closes


def is_working_day(rules: DunningRules, day: date) -> bool:
    return (rules.weekends or day.weekday() < 5) and day not in rules.holidays


def since_when(debt: Debt, today: date) -> date:
    """The day from which a debt that was never dunned is counted: its due date; or today, where it is seen
    overdue later than on the day after."""
    return today if today > debt.due_on + timedelta(days=1) else debt.due_on


def next_step(rules: DunningRules, since_on: date, done: Sequence[Done]) -> tuple[DunningStep, date] | None:
    """The step that comes next in an episode, and the first day on which it may be taken. Steps keep their
    distance: one that came late puts off those after it, so that nobody is cut off without the warning
    that the plan gives. A step that a changed plan puts before one that was taken is left out."""
    taken = {one.key for one in done}
    reached = max((one.days for one in done), default=0)
    worst = max((one.status.rank for one in done), default=-1)
    last = max(done, key=lambda one: one.on, default=None)
    before = 0
    for step in rules.steps:
        passed = step.status.rank < worst or step.key in taken or step.days < reached
        if not passed:
            on = since_on + timedelta(days=step.days)
            if last is not None:
                on = max(on, last.on + timedelta(days=max(1, step.days - before)))
            return step, on
        before = step.days
    return None


def first_moment(rules: DunningRules, step: DunningStep | None, on: date, local: datetime) -> datetime | None:
    """The first moment from `local` on, not before the day `on`, at which it may happen; naive, in the
    tenant's zone. None where the plan's holidays leave no day."""
    begins = step.at if step and step.at else rules.opens
    day = max(on, local.date())
    for _ in range(FURTHEST):
        over = day == local.date() and local.time() >= rules.closes
        if is_working_day(rules, day) and not over:
            at = datetime.combine(day, begins)
            return max(at, local.replace(tzinfo=None)) if day == local.date() else at
        day += timedelta(days=1)
    return None


def clock(at: time) -> str:
    return f"{at:%H:%M}"
