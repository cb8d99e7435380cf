"""Customers: what each is like, and what becomes of each of their bills.

A habit is a generator: it yields the moment at which it goes on, and does something then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from daemon.model.dunning import StandingKind
from tests.simulation.chance import Chance
from tests.simulation.life.books import Bill
from tests.simulation.life.places import Place

Life = Iterator[datetime]
Say = Callable[["Person", StandingKind, date | None], bool]


@dataclass(slots=True)
class Person:
    """A customer as themselves. `standings` is what the office said of them, as long as it lasts: kind,
    from when, and until which day (None: for ever)."""

    reference: str
    place: Place
    habit: str
    every: int
    unit: str
    price: int
    start_on: date
    ends_on: date | None = None
    id: str = ""
    standings: list[tuple[StandingKind, datetime, date | None]] = field(default_factory=list)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.place.zone)

    def is_spared(self, at: datetime) -> bool:
        """Whether somebody said that nothing gets worse for them."""
        today = at.astimezone(self.zone).date()
        return any(since <= at and (until is None or today <= until) for _k, since, until in self.standings)


def days(count: float) -> timedelta:
    return timedelta(days=count)


class Habits:
    """What a person of each kind does about a bill."""

    def __init__(self, chance: Chance, now: Callable[[], datetime], say: Say) -> None:
        self._chance = chance
        self._now = now
        self._say = say

    def live(self, person: Person, bill: Bill) -> Life:
        """The story of one bill."""
        habit: Callable[[Person, Bill], Life] = getattr(self, person.habit)
        return habit(person, bill)

    def _after(self, least: float, most: float) -> datetime:
        return self._now() + days(self._chance.between(least, most))

    def _due(self, person: Person, bill: Bill, least: float, most: float) -> datetime:
        noon = datetime.combine(bill.due_on, time(12), person.zone).astimezone(UTC)
        return max(self._now(), noon + days(self._chance.between(least, most)))

    # --- kinds ----------------------------------------------------------------------------------------

    def prompt(self, person: Person, bill: Bill) -> Life:
        yield self._after(0.1, 6)
        person.place.pay(bill)

    def late(self, person: Person, bill: Bill) -> Life:
        yield self._due(person, bill, 2, 36)
        person.place.pay(bill)

    def in_parts(self, person: Person, bill: Bill) -> Life:
        yield self._after(1, 5)
        person.place.pay(bill, bill.total // 2)
        yield self._due(person, bill, -2, 16)
        person.place.pay(bill)

    def twice(self, person: Person, bill: Bill) -> Life:
        yield self._after(0.5, 8)
        if not person.place.overpay(bill, bill.total):
            person.place.pay(bill)

    def by_debit(self, person: Person, bill: Bill) -> Life:
        """Late at that: the money is on its way when the cut-off comes due."""
        yield self._due(person, bill, -3, 12)
        if not person.place.debit(bill):
            person.place.pay(bill)
            return
        yield self._after(3, 6)
        well = self._chance.happens(0.85)
        person.place.settle(bill, well=well)
        if not well:
            yield self._after(3, 25)
            person.place.pay(bill)

    def bounces(self, person: Person, bill: Bill) -> Life:
        yield self._after(1, 12)
        if not (person.place.pay_at_counter(bill) and self._chance.happens(0.6)):
            return
        yield self._after(4, 20)
        if person.place.bounce(bill):
            yield self._after(5, 30)
            person.place.pay(bill)

    def refunded(self, person: Person, bill: Bill) -> Life:
        yield self._due(person, bill, -6, 15)
        person.place.pay(bill)
        yield self._after(5, 40)
        if self._chance.happens(0.5):
            person.place.refund(bill)

    def disputes(self, person: Person, bill: Bill) -> Life:
        yield self._after(1, 10)
        person.place.pay(bill)
        yield self._after(5, 20)
        if not (self._chance.happens(0.4) and person.place.dispute(bill)):
            return
        yield self._after(15, 30)
        won = self._chance.happens(0.5)
        person.place.close_dispute(bill, won=won)
        if not won:
            yield self._after(5, 40)
            person.place.pay(bill)

    def never(self, person: Person, bill: Bill) -> Life:
        """Some day the office gives it up, or takes a part off."""
        yield self._due(person, bill, 60, 200)
        if self._chance.happens(0.5):
            person.place.void(bill)
        else:
            person.place.credit(bill, bill.owed // 2)

    def promises(self, person: Person, bill: Bill) -> Life:
        yield self._due(person, bill, 1, 9)
        until = (self._now() + days(self._chance.whole(3, 12))).astimezone(person.zone).date()
        self._say(person, StandingKind.PROMISE, until)
        kept = self._chance.happens(0.7)
        yield self._after(1, 6) if kept else self._after(20, 40)
        person.place.pay(bill)

    def exempt(self, person: Person, bill: Bill) -> Life:
        """Served whatever they owe."""
        if not person.standings:
            self._say(person, StandingKind.EXEMPT, None)
        yield self._due(person, bill, 20, 80)
        person.place.pay(bill)

    def on_hold(self, person: Person, bill: Bill) -> Life:
        """Nothing gets worse for some weeks, because the office said so."""
        yield self._due(person, bill, -2, 12)
        until = (self._now() + days(self._chance.whole(5, 25))).astimezone(person.zone).date()
        self._say(person, StandingKind.HOLD, until)
        yield self._after(5, 30)
        person.place.pay(bill)

    def at_counter(self, person: Person, bill: Bill) -> Life:
        yield self._due(person, bill, -5, 8)
        person.place.pay_at_counter(bill)

    def forgiven(self, person: Person, bill: Bill) -> Life:
        """The office withdraws every other bill at the provider; a credit takes a part off the others."""
        yield self._due(person, bill, -5, 25)
        if self._chance.happens(0.5) and person.place.void(bill):
            return
        person.place.credit(bill, bill.total // 3)
        yield self._after(1, 10)
        person.place.pay(bill)


HABITS: dict[str, int] = {
    "prompt": 34,
    "late": 15,
    "in_parts": 8,
    "twice": 5,
    "by_debit": 10,
    "bounces": 6,
    "refunded": 5,
    "disputes": 4,
    "never": 4,
    "promises": 5,
    "exempt": 2,
    "on_hold": 3,
    "at_counter": 5,
    "forgiven": 3,
}
"""How many of a hundred are like that; one in ten of all moves away, whatever they are like."""


def habits_for(count: int, chance: Chance) -> list[str]:
    """Each kind at least as often as its share of `count`, shuffled."""
    kinds = [kind for kind, share in HABITS.items() for _ in range(share)]
    mixed = chance.sample(kinds, len(kinds))
    return [mixed[n % len(mixed)] for n in range(count)]
