"""What becomes of a customer's service now: one decision over all debts, made anew each time.

Better is immediate. Worse needs a step that is due, an hour at which it may happen, nobody who said
otherwise, and, where it takes service away, the guard.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from daemon.dunning.calendar import may_act, next_step, since_when
from daemon.dunning.facts import Debt, Done, Held, Moment, Opened, Person, Taken, Verdict
from daemon.dunning.guard import obstacle
from daemon.model import PaymentStatus
from daemon.model.dunning import DunningRules, DunningStep, ServiceStatus, StandingKind

ACTIVE = ServiceStatus.ACTIVE


@dataclass(frozen=True, slots=True)
class _Weight:
    """What one debt asks for: `keeps` needs no leave, `wants` was granted, `held` was not."""

    debt: Debt
    keeps: ServiceStatus
    wants: ServiceStatus
    taken: Taken | None = None
    held: Held | None = None


def decide(person: Person, rules: DunningRules, moment: Moment) -> Verdict:
    """The verdict of this moment. It holds for these facts alone: whoever acts on it decides again inside
    the transaction that acts."""
    closed = person.saying(moment.today, StandingKind.CLOSED)
    if closed is not None:
        return Verdict(person, ServiceStatus.CLOSED, f"Closed: {closed.reason}.")
    ended = tuple(debt for debt in person.debts if debt.is_open and _has_ended(debt, moment))
    opened, owing = _owing(person, moment)
    weights = [_weigh(debt, person, rules, moment) for debt in owing]
    target = max((w.wants for w in weights), key=lambda status: status.rank, default=ACTIVE)
    if person.saying(moment.today, StandingKind.PROMISE, StandingKind.EXEMPT):
        target = ACTIVE
    taken = tuple(w.taken for w in weights if w.taken is not None)
    held = max((w.held for w in weights if w.held), key=lambda h: h.status.rank, default=None)
    worse = target.rank > _rank(person.status)
    return Verdict(
        person,
        target,
        _why(person, target, weights, moment),
        opened=opened,
        closed=ended,
        taken=taken,
        held=held if held and held.status.rank > target.rank else None,
        asks=tuple(w.held.debt for w in weights if w.held and w.held.ask),
        cuts=(worse and target.cuts) or any(one.step.status.cuts for one in taken),
    )


def _rank(status: ServiceStatus) -> int:
    """Who was closed and is no more has service."""
    return ACTIVE.rank if status is ServiceStatus.CLOSED else status.rank


def _has_ended(debt: Debt, moment: Moment) -> bool:
    moved = debt.is_owed and moment.today <= debt.due_on
    return debt.is_settled or moved


def _owing(person: Person, moment: Moment) -> tuple[tuple[Opened, ...], list[Debt]]:
    """Debts that count today, each in its episode as it is from now on."""
    opened: list[Opened] = []
    owing: list[Debt] = []
    for debt in person.debts:
        if debt.ignored or debt.is_settled or moment.today <= debt.due_on:
            continue
        fresh = _opening(debt, moment)
        if fresh is not None:
            if not debt.is_owed:
                continue
            opened.append(fresh)
            debt = replace(debt, episode=fresh.episode, since_on=fresh.since_on, done=(), is_open=True)  # noqa: PLW2901
        owing.append(debt)
    return tuple(opened), owing


def _opening(debt: Debt, moment: Moment) -> Opened | None:
    """What is owed anew is dunned anew, from today on. Days on which nobody looked, or nothing was owed, do
    not count: else a first start would warn everybody together, and cut off at once who paid in time and
    whose payment bounced months later."""
    if debt.episode == 0:
        return Opened(debt, 1, since_when(debt, moment.today))
    if debt.reopened or not debt.is_open:
        return Opened(debt, debt.episode + 1, moment.today)
    return None


def _weigh(debt: Debt, person: Person, rules: DunningRules, moment: Moment) -> _Weight:
    now = ServiceStatus(person.status) if person.status is not ServiceStatus.CLOSED else ACTIVE
    keeps = min(debt.level, now, key=lambda status: status.rank)
    if debt.status is PaymentStatus.IN_FLIGHT or debt.covered:
        keeps = ACTIVE
    step = _ripe(debt, person, rules, moment)
    wants = max(debt.level, step.status if step else ACTIVE, key=lambda status: status.rank)
    if step is None and (wants.rank <= keeps.rank or not _may_worsen(person, rules, moment)):
        return _Weight(debt, keeps, keeps)
    granted = Taken(debt, debt.episode, step) if step else None
    if not wants.cuts:
        return _Weight(debt, keeps, wants, granted) if debt.is_owed else _Weight(debt, keeps, keeps)
    found = obstacle(debt, moment)
    if found is None:
        return _Weight(debt, keeps, wants, granted)
    return _Weight(debt, keeps, keeps, held=Held(debt, wants, found.code, found.reason, found.ask))


def _ripe(debt: Debt, person: Person, rules: DunningRules, moment: Moment) -> DunningStep | None:
    """The step that may be taken now, but for the guard."""
    following = next_step(rules, debt.since_on or debt.due_on, debt.done)
    if following is None or not _may_worsen(person, rules, moment):
        return None
    step, on = following
    due = moment.today >= on and may_act(rules, step, moment.local)
    return step if due and step.is_worth(debt.due) else None


def _may_worsen(person: Person, rules: DunningRules, moment: Moment) -> bool:
    forbidden = person.saying(moment.today, StandingKind.PROMISE, StandingKind.HOLD, StandingKind.EXEMPT)
    return forbidden is None and may_act(rules, None, moment.local)


def _why(person: Person, target: ServiceStatus, weights: list[_Weight], moment: Moment) -> str:
    promise = person.saying(moment.today, StandingKind.PROMISE)
    exempt = person.saying(moment.today, StandingKind.EXEMPT)
    if exempt:
        return f"Exempt: {exempt.reason}."
    if promise:
        return f"A promise to pay by {promise.until_on}: {promise.reason}."
    if target is ACTIVE:
        return "Nothing is overdue." if not weights else "No dunning step is due yet."
    told = [w.debt for w in weights if w.wants is target]
    numbers = ", ".join(f"{debt.number} ({debt.due}, due {debt.due_on})" for debt in told)
    return f"Overdue: {numbers}."


def evolve(verdict: Verdict, moment: Moment) -> Person:
    """The customer as the verdict leaves them: what the store holds afterwards, and what a preview of
    later days begins with."""
    opened = {one.debt.invoice_id: one for one in verdict.opened}
    closed = {debt.invoice_id for debt in verdict.closed}
    taken = {one.debt.invoice_id: one for one in verdict.taken}
    debts: list[Debt] = []
    for debt in verdict.person.debts:
        one = opened.get(debt.invoice_id)
        if one is not None:
            debt = replace(  # noqa: PLW2901
                debt, episode=one.episode, since_on=one.since_on, is_open=True, reopened=False, done=()
            )
        elif debt.invoice_id in closed:
            debt = replace(debt, is_open=False)  # noqa: PLW2901
        step = taken.get(debt.invoice_id)
        if step is not None:
            done = Done(step.step.key, step.step.status, moment.today)
            debt = replace(debt, done=(*debt.done, done))  # noqa: PLW2901
        debts.append(debt)
    return replace(verdict.person, status=verdict.target, debts=tuple(debts))
