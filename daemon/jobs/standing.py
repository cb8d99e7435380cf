"""What people say about a customer's service, and how it stands: the same for every face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from daemon.dunning import what_next
from daemon.errors import InvalidInput
from daemon.house import House
from daemon.jobs import enforce
from daemon.jobs.intake import today_of
from daemon.model.dunning import ServiceStatus, StandingKind
from daemon.store import records, service, standings
from daemon.store.standings import Standing

LONGEST = 200
"""Characters of a reason."""

FARTHEST = timedelta(days=3653)
"""What lasts longer is said without an end."""


@dataclass(frozen=True, slots=True)
class ServiceNow:
    """How the service stands, why and since when. `next` is a sentence for everybody, `next_at` its moment;
    `ignored` are invoices that the service does not follow, each with the reason."""

    status: ServiceStatus
    why: str | None
    since: datetime | None
    next: str
    next_status: ServiceStatus | None
    next_at: datetime | None
    said: Sequence[Standing]
    ignored: Sequence[str]


def say(
    house: House,
    tenant: records.Tenant,
    customer: records.Customer,
    kind: StandingKind,
    reason: str,
    *,
    until_on: date | None,
    actor: str,
) -> None:
    """Note it; it counts at once. Raises InvalidInput where the reason is no plain line, the day is over
    or more than ten years off, or a promise names none."""
    if kind is StandingKind.PROMISE and until_on is None:
        raise InvalidInput("WB-INPUT", "until: a promise names the day", field="until")
    if until_on is not None and until_on < today_of(tenant, house.clock.now()):
        raise InvalidInput("WB-INPUT", "until: the day is over already", field="until")
    if until_on is not None and until_on - today_of(tenant, house.clock.now()) > FARTHEST:
        raise InvalidInput("WB-INPUT", "until: a day within ten years is needed", field="until")
    said = reason.strip().rstrip(".")
    if not said or len(said) > LONGEST or not said.isprintable():
        text = f"reason: 1 to {LONGEST} printable characters are needed"
        raise InvalidInput("WB-INPUT", text, field="reason")
    house.store.write(
        "standing.say",
        lambda: standings.say(customer, kind, said, until_on=until_on, actor=actor, now=house.clock.now()),
    )
    enforce.enforce_some(house, tenant, [customer.id], actor=actor)


def release(house: House, tenant: records.Tenant, customer: records.Customer, *, actor: str) -> None:
    """Take back all that was said; it counts at once. Raises InvalidInput where there is nothing."""
    count = house.store.write(
        "standing.release", lambda: standings.release(customer, actor=actor, now=house.clock.now())
    )
    if not count:
        text = f"nothing was said about {customer.reference} that could be taken back"
        raise InvalidInput("WB-INPUT", text)
    enforce.enforce_some(house, tenant, [customer.id], actor=actor)


def service_of(house: House, tenant: records.Tenant, customer_id: str) -> ServiceNow:
    """As it stands now; raises NotFound."""
    ground, verdict = enforce.look_up(house, tenant, customer_id)
    outlook = what_next(verdict.person, ground.rules, ground.moment)
    moves = service.moves_of(customer_id, limit=1)
    at = outlook.at.replace(tzinfo=ZoneInfo(tenant.zone)).astimezone(UTC) if outlook.at else None
    return ServiceNow(
        status=verdict.person.status,
        why=moves[0].reason if moves else None,
        since=moves[0].at if moves else None,
        next=outlook.sentence,
        next_status=outlook.status,
        next_at=at,
        said=standings.of([customer_id]).get(customer_id, []),
        ignored=[f"{debt.number}: {debt.ignored}" for debt in verdict.person.debts if debt.ignored],
    )
