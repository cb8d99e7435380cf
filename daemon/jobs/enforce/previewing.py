"""A look ahead: what a day will do, if nothing is paid until then and nobody says anything else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from daemon.dunning import Debt, Moment, Person, Verdict, decide, evolve, obstacle
from daemon.errors import InvalidInput
from daemon.house import House
from daemon.jobs.enforce.gathering import Ground, gather, ground_of
from daemon.jobs.intake import today_of
from daemon.model.dunning import ServiceStatus, StandingKind
from daemon.store import records, service

BATCH = 100
FURTHEST = timedelta(days=62)
SPARED = (StandingKind.PROMISE, StandingKind.HOLD, StandingKind.EXEMPT, StandingKind.CLOSED)


@dataclass(frozen=True, slots=True)
class Planned:
    """What the day does to a customer. `spared`: why it does not, where somebody said so, or where the
    money is on its way."""

    customer: records.Customer
    was: ServiceStatus
    becomes: ServiceStatus
    debts: Sequence[Debt]
    spared: str | None


def day_of(house: House, tenant: records.Tenant, wanted: date | None) -> date:
    """The day to look at: tomorrow, where none is named. Raises InvalidInput where it is over, or too far."""
    today = today_of(tenant, house.clock.now())
    day = wanted or today + timedelta(days=1)
    if not today <= day <= today + FURTHEST:
        raise InvalidInput("WB-INPUT", f"date: from {today} to {today + FURTHEST}", field="date")
    return day


def preview(house: House, tenant: records.Tenant, day: date, *, after: str = "") -> Iterator[Planned]:
    """Whose service gets worse on this day of the tenant's zone; the reads that the guard will ask for are
    supposed to say that the money is still owed. By customer id, from behind `after`."""
    ground = ground_of(house, tenant, trusting=True)
    moments = list(_moments(ground, day))
    ids = [one for one in service.concerned(tenant.id, day) if one > after]
    for start in range(0, len(ids), BATCH):
        gathered = gather(ground, ids[start : start + BATCH])
        for person in gathered.people:
            planned = _planned(gathered.rows[person.customer_id], person, ground, moments)
            if planned is not None:
                yield planned


def _moments(ground: Ground, day: date) -> Iterator[Moment]:
    """The last minute of the hours of each day until then; now, where today's are over or not begun."""
    zone, today = ZoneInfo(ground.tenant.zone), ground.moment.today
    while today <= day:
        last = datetime.combine(today, ground.rules.closes, zone) - timedelta(minutes=1)
        local = max(last, ground.moment.local)
        yield replace(ground.moment, at=local.astimezone(UTC), local=local)
        today += timedelta(days=1)


def _planned(
    row: records.Customer, person: Person, ground: Ground, moments: Sequence[Moment]
) -> Planned | None:
    for moment in moments[:-1]:
        person = evolve(decide(person, ground.rules, moment), moment)
    last = moments[-1]
    said = person.saying(last.today, *SPARED)
    free = replace(person, said=()) if said else person
    verdict = decide(free, ground.rules, last)
    spared = f"{said.kind.value}: {said.reason}" if said else None
    held = verdict.held
    if held is not None and held.status.rank > verdict.target.rank:
        found = obstacle(held.debt, last)
        return Planned(row, person.status, held.status, [held.debt], found.reason if found else held.reason)
    worse = verdict.target.rank > person.status.rank
    return Planned(row, person.status, verdict.target, _over(verdict), spared) if worse else None


def _over(verdict: Verdict) -> list[Debt]:
    taken = [one.debt for one in verdict.taken]
    return taken or [debt for debt in verdict.person.debts if debt.is_owed and not debt.ignored]
