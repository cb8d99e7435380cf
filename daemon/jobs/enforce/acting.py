"""Acting on verdicts: what is written, in the transaction that read the facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from daemon.clock import to_micros
from daemon.dunning import QUIET, Debt, Person, Verdict, decide
from daemon.house import House
from daemon.jobs.enforce import braking
from daemon.jobs.enforce.gathering import ASKED_BY, Gathered, Ground, braked, gather
from daemon.model import Hint
from daemon.model.dunning import ServiceStatus
from daemon.store import events, hints, service

PLANNED = ("planned", "it is counted before it is made")


@dataclass(slots=True)
class Outcome:
    """What a look did: counts, the customers who may be cut off now, and whether reads were asked for."""

    counts: dict[str, int] = field(default_factory=dict)
    ready: list[str] = field(default_factory=list)
    asked: int = 0

    def add(self, name: str, count: int = 1) -> None:
        if count:
            self.counts[name] = self.counts.get(name, 0) + count

    def take(self, other: Outcome) -> None:
        for name, count in other.counts.items():
            self.add(name, count)
        self.ready += other.ready
        self.asked += other.asked


def look(house: House, ground: Ground, customer_ids: Sequence[str], *, actor: str, cutting: bool) -> Outcome:
    """Inside a transaction: decide about these customers and act. Unless `cutting`, nobody is cut off: who
    may be is counted first."""
    service.take_turns(ground.tenant.id)
    service.looked_at(customer_ids)
    gathered = gather(ground, customer_ids)
    if cutting:
        ground = _counted(house, ground, gathered)
    outcome = Outcome()
    asks: list[Debt] = []
    for person in gathered.people:
        verdict = decide(person, ground.rules, ground.moment)
        if verdict.cuts and not cutting:
            outcome.ready.append(person.customer_id)
            verdict = _gently(person, ground)
        else:
            _hold(ground, gathered, verdict, outcome)
            asks += verdict.asks
        _write(ground, gathered, verdict, actor, outcome)
    outcome.asked = _ask(ground, gathered, asks, house.clock.now())
    outcome.add("asked", outcome.asked)
    return outcome


def _counted(house: House, ground: Ground, gathered: Gathered) -> Ground:
    """Counted once more in the transaction that cuts off: another daemon, or a person's run, may have cut
    off others since they were counted first. Where they are too many by now, nobody is."""
    verdicts = (decide(person, ground.rules, ground.moment) for person in gathered.people)
    would = {verdict.person.customer_id for verdict in verdicts if verdict.cuts}
    if not braking.too_many(ground.tenant.id, would, house.settings.enforce, ground.moment.at):
        return ground
    braking.apply(ground.tenant, would, ground.moment.at)
    return replace(ground, moment=replace(ground.moment, paused=braked(ground.tenant)))


def _gently(person: Person, ground: Ground) -> Verdict:
    """What may be done at once: all but the cut."""
    return decide(person, ground.rules, replace(ground.moment, paused=PLANNED))


def _write(ground: Ground, gathered: Gathered, verdict: Verdict, actor: str, outcome: Outcome) -> None:
    if verdict.is_idle:
        return
    now, tenant = ground.moment.at, ground.tenant
    customer_id = verdict.person.customer_id
    for debt in verdict.closed:
        service.close_debt(debt.invoice_id, now)
    for one in verdict.opened:
        row = service.Debt(one.debt.invoice_id, customer_id, one.episode, one.since_on, now, None)
        service.open_debt(tenant.id, row)
        _tell_overdue(tenant.id, customer_id, one.debt, one.episode, now)
        outcome.add("overdue" if one.episode == 1 else "restarted")
    for taken in verdict.taken:
        step = service.Step(
            taken.debt.invoice_id,
            taken.episode,
            taken.step.key,
            taken.step.status.value,
            ground.moment.today,
        )
        if service.note_step(step, now):
            _tell_step(tenant.id, customer_id, taken.debt, taken.step.days, taken.step.status, now)
            outcome.add("steps")
    if verdict.moves:
        _move(gathered, verdict, actor, now, outcome)


def _move(gathered: Gathered, verdict: Verdict, actor: str, now: datetime, outcome: Outcome) -> None:
    person, target = verdict.person, verdict.target
    row = gathered.rows[person.customer_id]
    was = ServiceStatus.ACTIVE if person.status is ServiceStatus.CLOSED else person.status
    worse = target.rank > was.rank
    service.move(
        row,
        target,
        verdict.why,
        cut=worse and target.cuts,
        actor=actor,
        at=now,
        invoices=_concerned(verdict),
    )
    outcome.add(target.value if worse else "restored")


def _concerned(verdict: Verdict) -> list[str]:
    """The debts that stood open, or were opened now."""
    stood = [debt.invoice_id for debt in verdict.person.debts if debt.is_open]
    return sorted({*stood, *(one.debt.invoice_id for one in verdict.opened)})


def _tell_overdue(tenant_id: str, customer_id: str, debt: Debt, episode: int, now: datetime) -> None:
    anew = "" if episode == 1 else " again; dunning begins anew"
    sentence = f"Invoice {debt.number} is overdue{anew}: {debt.due} since {debt.due_on}."
    data = {"number": debt.number, "due": debt.due.text, "currency": debt.due.currency}
    events.append(
        tenant_id,
        "invoice.overdue" if episode == 1 else "dunning.restarted",
        now=now,
        invoice_id=debt.invoice_id,
        customer_id=customer_id,
        data=data | {"due_on": debt.due_on.isoformat(), "sentence": sentence},
    )


def _tell_step(
    tenant_id: str, customer_id: str, debt: Debt, days: int, status: ServiceStatus, now: datetime
) -> None:
    sentence = f"Invoice {debt.number} ({debt.due}): the step of {days} days was taken, {status.value}."
    events.append(
        tenant_id,
        "dunning.step",
        now=now,
        invoice_id=debt.invoice_id,
        customer_id=customer_id,
        data={"days": days, "status": status.value, "due": debt.due.text, "sentence": sentence},
    )


# --- what is held -------------------------------------------------------------------------------------


def _hold(ground: Ground, gathered: Gathered, verdict: Verdict, outcome: Outcome) -> None:
    customer_id, held = verdict.person.customer_id, verdict.held
    before = gathered.held.get(customer_id)
    if held is None:
        if before is not None:
            service.no_longer_held([customer_id])
        return
    outcome.add("held")
    now = ground.moment.at
    row = service.Held(
        customer_id, ground.tenant.id, held.debt.invoice_id, held.status.value, held.code, held.reason, now
    )
    if before is None or replace(before, since=now) != row:
        service.hold_cutoff(ground.tenant.id, row)
    known = before.code if before else None
    if held.code not in QUIET and held.code != known:
        sentence = f"A cut-off over invoice {held.debt.number} is held: {held.reason}."
        data = {"status": held.status.value, "held_by": held.code, "reason": held.reason}
        events.append(
            ground.tenant.id,
            "cutoff.held",
            now=now,
            invoice_id=held.debt.invoice_id,
            customer_id=customer_id,
            data=data | {"sentence": sentence},
        )


def _ask(ground: Ground, gathered: Gathered, debts: Sequence[Debt], now: datetime) -> int:
    """By the ordinary road: a hint, for what nobody asked about yet."""
    wanted: dict[str, list[Hint]] = {}
    for debt in debts:
        link = gathered.links[debt.invoice_id]
        place = (link.integration_id or "", link.external_id or "")
        if place not in gathered.asked:
            name = f"{ASKED_BY}:{link.external_id}:{to_micros(now)}"
            wanted.setdefault(place[0], []).append(Hint(event_id=name, ref=place[1], kind="cut-off"))
    return sum(
        hints.note(ground.tenant.id, integration_id, found, source=ASKED_BY, now=now)
        for integration_id, found in wanted.items()
    )
