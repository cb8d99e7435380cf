"""What happens next to a customer's service, and when: one sentence, the same for office and subscriber."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from daemon.dunning.calendar import first_moment, next_step, since_when
from daemon.dunning.deciding import decide, evolve
from daemon.dunning.facts import Debt, Moment, Person
from daemon.model import PaymentStatus
from daemon.model.dunning import DunningRules, ServiceStatus, StandingKind

_WORSE = {
    ServiceStatus.WARNED: "a reminder is due",
    ServiceStatus.THROTTLED: "the service is slowed down",
    ServiceStatus.SUSPENDED: "the service is suspended",
}


@dataclass(frozen=True, slots=True)
class Outlook:
    """`at` is naive, in the tenant's zone; None where nothing happens by the calendar."""

    sentence: str
    status: ServiceStatus | None = None
    at: datetime | None = None


def what_next(person: Person, rules: DunningRules, moment: Moment) -> Outlook:
    """What happens next and when, if nothing is paid and nobody says anything else."""
    said = _said(person, moment.today)
    if said is not None:
        return said
    coming = min(_coming(person, rules, moment), key=lambda one: one[0], default=None)
    if coming is None:
        return Outlook(_rest(person, moment))
    at, status, debt = coming
    promise = person.saying(moment.today, StandingKind.PROMISE)
    until = f"A promise to pay by {promise.until_on} is noted. " if promise else ""
    verdict = decide(person, rules, moment)
    if verdict.held is not None and not promise:
        reason = verdict.held.reason
        sentence = f"Invoice {verdict.held.debt.number} is overdue, and nothing is cut off now: {reason}."
        return Outlook(sentence, verdict.held.status, at)
    when = "now" if at <= moment.local.replace(tzinfo=None) else f"on {at:%Y-%m-%d at %H:%M}"
    unless = f"unless {debt.due} for invoice {debt.number} (due {debt.due_on}) is paid before"
    return Outlook(f"{until}{_begin(_WORSE[status])} {when}, {unless}.", status, at)


def _begin(words: str) -> str:
    return words[0].upper() + words[1:]


def _said(person: Person, today: date) -> Outlook | None:
    """Without an end in sight nothing comes."""
    closed = person.saying(today, StandingKind.CLOSED)
    if closed:
        return Outlook(f"The service is closed: {closed.reason}.")
    resting = person.saying(today, StandingKind.EXEMPT, StandingKind.HOLD)
    if resting is None:
        return None
    until = f"until {resting.until_on}" if resting.until_on else "until somebody releases it"
    kept = "The service goes on" if resting.kind is StandingKind.EXEMPT else "Nothing gets worse"
    return Outlook(f"{kept} {until}: {resting.reason}.")


def _coming(
    person: Person, rules: DunningRules, moment: Moment
) -> Iterator[tuple[datetime, ServiceStatus, Debt]]:
    """For each debt the next thing by the calendar."""
    promise = person.saying(moment.today, StandingKind.PROMISE)
    free = promise.until_on + timedelta(days=1) if promise and promise.until_on else moment.today
    for debt in person.debts:
        if debt.ignored or debt.is_settled or debt.status is PaymentStatus.IN_FLIGHT:
            continue
        anew = debt.reopened or not debt.is_open
        done = () if anew else debt.done
        following = next_step(rules, _since(debt, moment, anew=anew), done)
        if not anew and debt.level.rank > person.status.rank:
            again = first_moment(rules, None, max(free, debt.due_on + timedelta(days=1)), moment.local)
            if again is not None:
                yield again, debt.level, debt
        if following is not None and following[0].is_worth(debt.due):
            step, on = following
            at = first_moment(rules, step, max(on, free, debt.due_on + timedelta(days=1)), moment.local)
            if at is not None:
                yield at, step.status, debt


def _since(debt: Debt, moment: Moment, *, anew: bool) -> date:
    if debt.episode == 0:
        return since_when(debt, moment.today)
    return max(debt.due_on, moment.today) if anew else debt.since_on or debt.due_on


def _rest(person: Person, moment: Moment) -> str:
    """Where the calendar has nothing more."""
    if person.status in (ServiceStatus.ACTIVE, ServiceStatus.CLOSED):
        if any(debt.status is PaymentStatus.IN_FLIGHT for debt in person.debts):
            return "A payment is on its way from the bank; nothing is cut off meanwhile."
        return "Nothing: no invoice that the service follows is open."
    numbers = ", ".join(debt.number for debt in person.debts if not debt.ignored and not debt.is_settled)
    return f"The service is restored as soon as {numbers or 'what is overdue'} is paid."


def forecast(person: Person, rules: DunningRules, moments: Iterator[Moment]) -> Iterator[tuple[date, Person]]:
    """The customer after each of these moments, if every read confirms that nothing was paid."""
    for moment in moments:
        person = evolve(decide(person, rules, moment), moment)
        yield moment.today, person
