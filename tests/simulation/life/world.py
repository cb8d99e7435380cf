"""One life: a house, six tenants at as many providers, their customers, and a clock that jumps from one
thing to the next."""

from __future__ import annotations

import heapq
import itertools
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import structlog

from daemon.errors import InvalidInput, RemoteError, Stopping
from daemon.house import House
from daemon.jobs import subscribing
from daemon.jobs.enforce import release_brake
from daemon.model.dunning import StandingKind
from daemon.money import Money
from daemon.sandbox.faults import Fault, FaultKind, LostAnswer
from daemon.sandbox.transport import SandboxTransport
from daemon.settings import Settings
from daemon.store import customers, endpoints, plans, records, standings, subscriptions, tenants
from daemon.vault import MasterKeys
from daemon.wire.signing import new_secret
from tests.platform import WELL, Platform, Reply, Told
from tests.simulation.chance import START, Chance, HouseClock, TrueTime
from tests.simulation.life import mishaps
from tests.simulation.life.books import Bill
from tests.simulation.life.eye import Eye
from tests.simulation.life.machine import Machine
from tests.simulation.life.mishaps import Mishap, Wear
from tests.simulation.life.people import Habits, Person, habits_for
from tests.simulation.life.places import PLACES, Place
from tests.simulation.life.promises import Promises
from tests.simulation.points import Blow, Broken, Plan
from tests.simulation.template import RAM

DAY_S = 86400.0
DUE_DAYS = 14
CALM_DAYS = 9.0
STEP_S = 1.0
"""So long after it was due something is done, at least."""

TERMS: dict[str, tuple[int, str]] = {
    "monthly": (1, "months"),
    "quarterly": (3, "months"),
    "yearly": (1, "years"),
}


@dataclass(frozen=True, slots=True)
class Size:
    """How large a life is, and how hard."""

    customers: int = 200
    days: float = 365
    pace: str = "daily"
    sweep_every: int = 1
    tidy_every: int = 14
    check_every: int = 14
    blow_every_s: float = 2 * DAY_S
    wear: Wear = field(default_factory=Wear)
    surely: tuple[str, ...] = ()
    """Points at which it crashes, the third time that it comes there."""


@dataclass(slots=True)
class Outcome:
    """What a life came to: `broken` says which promise was not kept, None where all were."""

    seed: int
    broken: str | None = None
    lines: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    plan: Plan = field(default_factory=Plan)


class World:
    """`run` lives the seed to its end."""

    def __init__(self, seed: int, size: Size, *, keep_lines: bool = False) -> None:
        self.seed, self.size = seed, size
        self.dice, self.entropy = Chance(seed, "life"), Chance(seed, "house")
        self.time = TrueTime()
        self.clock = HouseClock(self.time)
        self.ends_at = START + timedelta(days=size.days)
        self.folder = Path(tempfile.mkdtemp(prefix="wispbill-life-", dir=RAM if RAM.is_dir() else None))
        self.settings = _settings(self.folder, size)
        self.keys = MasterKeys.generate(Chance(0, "keys"))
        self.plan = Plan()
        self.calm = False
        self.off = False
        self._lines: list[str] | None = [] if keep_lines else None
        self._calendar: list[tuple[float, int, Callable[[], object]]] = []
        self._count = itertools.count()
        self._chores: set[str] = set()
        self.places = [
            kind(self.time, Chance(seed, kind.provider), Chance(seed, f"{kind.provider} net"))
            for kind in PLACES
        ]
        self.platform = Platform()
        self.people: list[Person] = []
        self.tenants: dict[str, records.Tenant] = {}
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        self.machine = Machine(self)
        self.daemons = [self.machine]
        self.habits = Habits(Chance(seed, "people"), self.time.now, self.say)
        self.up_since = START
        self.taken: list[dict[str, Any]] = []
        """What the platform was told and took."""
        self.platform.answer = self._well
        self._seen_bills = 0
        self._braked: set[str] = set()
        self.deeds = 0
        self.slow = self.dice.choice(self.places)
        """Where all are billed on one day, and most pay far too late in one month."""

    # --- the life of a world --------------------------------------------------------------------------

    def run(self) -> Outcome:
        outcome = Outcome(self.seed, plan=self.plan)
        try:
            self._be_born()
            self._live_until(self.ends_at)
            self._calm_down()
            self.promises.at_the_end()
        except Broken as broken:
            outcome.broken = f"{self.time.now():%Y-%m-%d %H:%M} UTC: {broken}"
        finally:
            self.machine.stop()
            self.eye.close()
            shutil.rmtree(self.folder, ignore_errors=True)
        outcome.lines, outcome.counts = self._lines or [], self.promises.counts
        return outcome

    def _be_born(self) -> None:
        house = self.machine.house
        self.eye = Eye(self.folder / "wispbill.db")
        self.promises = Promises(self)
        for place in self.places:
            house.store.write("birth", lambda place=place: self._settle_down(house, place))
            place.hook(house)
        self._people(house)
        for n, day in enumerate(_days(START, self.ends_at + timedelta(days=CALM_DAYS))):
            self._plan_day(n, day)
        for place in self.places:
            place.road.lost = self.size.wear.lost
            place.faults.set_odds(mishaps.odds(self.size.wear, place))
        for one in mishaps.drawn(Chance(self.seed, "mishaps"), self.places, START, self.ends_at):
            self.at(one.at, lambda one=one: self._begin(one))
        self._blows = mishaps.blows(Chance(self.seed, "blows"), self.size.blow_every_s)
        self._arm_next()
        for point in self.size.surely:
            self._arm(point, 3, Blow.CRASH)

    def _live_until(self, end: datetime) -> None:
        while True:
            at = self._next()
            if at > end:
                self._go_to(end)
                return
            self._go_to(at)
            self._step()

    def _step(self) -> None:
        chores: set[str] = set()
        while self._calendar and self._calendar[0][0] <= self.time.elapsed_s:
            heapq.heappop(self._calendar)[2]()
        chores, self._chores = self._chores, set()
        if not self.off:
            self.machine.turn(*sorted(chores))
            self._welcome_bills()
            self._mind_the_brake()
        self.promises.meanwhile()

    def _next(self) -> datetime:
        """The next moment at which something is to be done."""
        calendar = START + timedelta(seconds=self._calendar[0][0]) if self._calendar else self.ends_at
        due = {} if self.off else self.machine.due()
        soon = self.time.now() + timedelta(seconds=STEP_S)
        return min([calendar, *(max(at, soon) for at in due.values())])

    def _go_to(self, at: datetime) -> None:
        self.time.elapsed_s = max(self.time.elapsed_s, (at - START).total_seconds())

    def at(self, moment: datetime, deed: Callable[[], object]) -> None:
        heapq.heappush(self._calendar, ((moment - START).total_seconds(), next(self._count), deed))

    def later(self, seconds: float, deed: Callable[[], object]) -> None:
        self.at(self.time.now() + timedelta(seconds=seconds), deed)

    @staticmethod
    def seconds(count: float) -> timedelta:
        return timedelta(seconds=count)

    # --- birth ----------------------------------------------------------------------------------------

    def _settle_down(self, house: House, place: Place) -> None:
        now, entropy = house.clock.now(), house.entropy
        tenant = tenants.add(
            reference=f"wisp-{place.provider}",
            name=f"WISP {place.provider}",
            zone=place.zone,
            currency=place.currency,
            actor="test",
            now=now,
            entropy=entropy,
        )
        self.tenants[place.provider] = tenant
        place.connect(house, tenant, self.size.pace)
        endpoints.add(
            house.safe,
            tenant_id=tenant.id,
            label="",
            url=f"https://platform.example.com/{place.provider}",
            types=["service.*", "invoice.*"],
            secret=new_secret(entropy),
            after=None,
            actor="test",
            now=now,
            entropy=entropy,
        )

    def _people(self, house: House) -> None:
        chance = Chance(self.seed, "birth")
        for n, habit in enumerate(habits_for(self.size.customers, chance), start=1):
            place = self.places[n % len(self.places)]
            every, unit = TERMS[chance.choice(("monthly",) * 7 + ("quarterly", "quarterly", "yearly"))]
            first = 4 if place is self.slow else chance.whole(1, 28)
            start = (START + timedelta(days=first)).date()
            leaves = start + timedelta(days=chance.whole(20, 300)) if chance.happens(0.1) else None
            price = chance.whole(900, 12_999)
            person = Person(f"sub-{n:04}", place, habit, every, unit, price, start, leaves)
            self.people.append(person)
            house.store.write("birth", lambda person=person: self._subscribe(house, person))
        self.by_reference = {person.reference: person for person in self.people}
        self.by_id = {person.id: person for person in self.people}
        self.bills_of: dict[str, list[Bill]] = {person.reference: [] for person in self.people}

    def _subscribe(self, house: House, person: Person) -> None:
        """Inside a transaction: with a plan of their own, which is what makes sums tell who was billed."""
        tenant, now = self.tenants[person.place.provider], house.clock.now()
        row = customers.add(
            tenant_id=tenant.id,
            reference=person.reference,
            name=f"Subscriber {person.reference[4:]}",
            email=f"subscriber{person.reference[4:]}@example.com",
            actor="test",
            now=now,
            entropy=house.entropy,
        )
        person.id = row.id
        raw: dict[str, Any] = {
            "reference": f"{person.every}{person.unit}",
            "every": person.every,
            "unit": person.unit,
            "due_days": DUE_DAYS,
            "lines": [{"description": "Internet 100/20", "amount": "10.00"}],
        }
        plan, _new = plans.add(
            subscribing.read_plan(tenant, raw), actor="test", now=now, entropy=house.entropy
        )
        given = {
            "customer": row.id,
            "plan": plan.id,
            "start": person.start_on,
            "end": person.ends_on,
            "amount": Money(person.price, tenant.currency).text,
        }
        new = subscribing.read_subscription(tenant, given, now.date())
        subscriptions.add(new, actor="test", now=now, entropy=house.entropy)

    def _plan_day(self, n: int, day: datetime) -> None:
        """The hours of one day at which the daemon looks, and its nightly chores."""
        for place in self.places:
            zone = ZoneInfo(place.zone)
            midnight = _next_hour(datetime.combine(day.date(), time(), zone))
            self.at(midnight, lambda: self._chores.add("bill"))
            for hour in (9, self.dice.whole(6, 18)):
                look = _next_hour(datetime.combine(day.date(), time(hour), zone))
                if day.weekday() < 5 or self.dice.happens(0.3):
                    self.at(look, lambda: self._chores.add("hour"))
        night = day + timedelta(hours=3, minutes=40)
        if n % self.size.sweep_every == 0:
            self.at(night, lambda: self._chores.add("sweep"))
        if n % self.size.tidy_every == 1:
            self.at(night + timedelta(minutes=5), lambda: self._chores.add("tidy"))
        if n % self.size.check_every == 0:
            self.at(night + timedelta(minutes=30), self._check_books)
        self.at(day + timedelta(hours=5), lambda: self._chores.add("keepalive"))
        for hour in range(0, 24, 3):
            self.at(day + timedelta(hours=hour, minutes=7), self._pump)

    def _check_books(self) -> None:
        if not self.off:
            self.promises.of_the_books()

    # --- people ---------------------------------------------------------------------------------------

    def _welcome_bills(self) -> None:
        """Who was sent an invoice learns of it."""
        rows = self.eye.ask(
            """SELECT l.rowid, l.external_id, i.number, c.reference, i.total_minor, i.due_on, n.provider
               FROM link l JOIN invoice i ON i.id = l.invoice_id JOIN customer c ON c.id = i.customer_id
               JOIN integration n ON n.id = l.integration_id
               WHERE l.pushed_at > ? AND l.state = 'synced' ORDER BY l.pushed_at""",
            self._seen_bills,
        )
        if not rows:
            return
        self._seen_bills = self.eye.one("SELECT MAX(pushed_at) FROM link") or 0
        for _rowid, ref, number, customer, total, due_on, provider in rows:
            place = next(place for place in self.places if place.provider == provider)
            if ref in place.bills:
                continue
            person = self.by_reference[customer]
            covered = place.covered(ref)
            due = date.fromisoformat(due_on)
            bill = Bill(ref, number, customer, total, due, self.time.now(), credited=covered)
            place.bills[ref] = bill
            self.bills_of[customer].append(bill)
            self.tell(f"{customer} got {number} over {total}, due {due_on}")
            if self._is_slow_month(place, bill) and person.habit in ("prompt", "late", "twice", "at_counter"):
                self._go_on(person, bill, self._much_too_late(person, bill))
            else:
                self._go_on(person, bill, self.habits.live(person, bill))

    def _is_slow_month(self, place: Place, bill: Bill) -> bool:
        return place is self.slow and 2 <= (bill.born_at - START).days < 25

    def _much_too_late(self, person: Person, bill: Bill) -> Iterator[datetime]:
        yield self.time.now() + timedelta(days=DUE_DAYS + self.dice.between(14, 30))
        person.place.pay(bill)

    def _go_on(self, person: Person, bill: Bill, story: Iterator[datetime]) -> None:
        """The next deed of a story is done at its moment; its webhook comes at once, or some time."""
        if self.calm:
            return
        before = len(bill.states)
        try:
            moment = next(story)
        except StopIteration:
            moment = None
        if len(bill.states) > before:
            self.deeds += 1
            self.tell(f"{person.reference} {person.habit}: {bill.number} owes {bill.owed}")
            self._pump()
            self.later(660, self._pump)
        if moment is not None:
            self.at(moment, lambda: self._go_on(person, bill, story))

    def _pump(self) -> None:
        """The providers' webhooks that are due."""
        for place in self.places:
            for environ, report in place.postings():
                body = environ["wsgi.input"].getvalue()
                ok = not self.off and self.machine.take(place, environ)
                report(ok)
                if ok:
                    self.promises.heard(place, body)

    def say(self, person: Person, kind: StandingKind, until: date | None) -> bool:
        """The office writes down what was agreed with a customer."""
        now = self.time.now()

        def work(house: House) -> bool:
            row = customers.get(self.tenants[person.place.provider].id, person.id)
            saying = lambda: standings.say(row, kind, "as agreed", until_on=until, actor="office", now=now)  # noqa: E731
            house.store.write("office", saying)
            return True

        if self.off or not self.machine.attempt(work):
            return False
        person.standings.append((kind, now, until))
        self.tell(f"{kind.value} of {person.reference} until {until}")
        return True

    def _mind_the_brake(self) -> None:
        """Somebody looks at a brake, and releases it, some hours later."""
        for (tenant_id,) in self.eye.ask("SELECT tenant_id FROM service_brake WHERE released_at IS NULL"):
            if tenant_id not in self._braked:
                self._braked.add(tenant_id)
                self.promises.braked(tenant_id)
                self.later(self.dice.between(2, 30) * 3600, lambda id_=tenant_id: self._release(id_))

    def _release(self, tenant_id: str) -> None:
        if self.off:
            self.later(3600, lambda: self._release(tenant_id))
            return
        tenant = next(one for one in self.tenants.values() if one.id == tenant_id)
        self.machine.attempt(lambda house: release_brake(house, tenant, actor="office"))
        self._braked.discard(tenant_id)
        self.promises.released(tenant_id)
        self.tell(f"brake of {tenant.reference} released")

    # --- mishaps --------------------------------------------------------------------------------------

    def _arm_next(self) -> None:
        wait_s, point, nth, blow = next(self._blows)

        def strike() -> None:
            self._arm(point, nth, blow)
            self._arm_next()

        self.later(wait_s, strike)

    def _arm(self, point: str, nth: int, blow: Blow) -> None:
        if not self.calm:
            self.plan.armed[point] = (self.plan.visits[point] + nth, blow)

    def _begin(self, one: Mishap) -> None:
        self.tell(f"{one.what} at {one.place.provider if one.place else 'our side'} until {one.until}")
        place = one.place
        if place is not None:
            place.bad_until = max(place.bad_until, one.until)
        if one.what == "outage" and place:
            place.road.cut = True
            self.at(one.until, lambda: setattr(place.road, "cut", False))
        elif one.what == "throttled" and place:
            place.faults.set_odds(mishaps.odds(self.size.wear, place) | {FaultKind.THROTTLED: 0.6})
            self.at(one.until, lambda: place.faults.set_odds(mishaps.odds(self.size.wear, place)))
        elif one.what == "hooks off" and place:
            place.faults.set_odds(mishaps.odds(self.size.wear, place) | {FaultKind.HOOK_DROPPED: 0.95})
            self.at(one.until, lambda: place.faults.set_odds(mishaps.odds(self.size.wear, place)))
        elif one.what == "grant lost" and place:
            place.lose_grant()
            self.at(one.until, lambda: self._reconnect(place))
        elif one.what == "platform down":
            self.platform.answer = self._nobody
            self.at(one.until, lambda: setattr(self.platform, "answer", self._well))
        elif one.what == "machine off":
            self.off = True
            self.machine.stop()
            self.up_since = one.until
            self.at(one.until, self._switch_on)

    def _switch_on(self) -> None:
        self.off = False

    def _well(self, told: Told) -> Reply:
        self.taken.append(told.document)
        return WELL

    def _nobody(self, _told: Told) -> Reply:
        if self.dice.happens(0.5):
            return 503, {}, b""
        raise LostAnswer(Fault(FaultKind.TIMEOUT_AFTER), after_commit=True)

    def _reconnect(self, place: Place) -> None:
        """Until it works: the owner is patient."""
        state = self.eye.one("SELECT state FROM integration WHERE id = ?", place.integration_id)
        if state == "active":
            return
        if not self.off and not place.road.cut:
            with suppress(RemoteError, InvalidInput, Stopping, KeyError):
                self.machine.attempt(place.reconnect)
        state = self.eye.one("SELECT state FROM integration WHERE id = ?", place.integration_id)
        if state != "active":
            place.bad_until = max(place.bad_until, self.time.now() + timedelta(hours=1))
            self.later(1800, lambda: self._reconnect(place))

    # --- calm -----------------------------------------------------------------------------------------

    def _calm_down(self) -> None:
        """From now on nobody does anything, and nothing goes wrong: all that was begun comes to its end."""
        self.calm, self.off = True, False
        self.plan.armed.clear()
        self.platform.answer = self._well
        for place in self.places:
            place.road.cut, place.road.lost = False, 0.0
            place.faults.clear()
            place.bad_until = min(place.bad_until, self.time.now())
            self._reconnect(place)
        self.tell("calm")
        self._live_until(self.time.now() + timedelta(days=CALM_DAYS))

    # --- what machine and promises ask of it ----------------------------------------------------------

    def road_to(self, party: str) -> httpx.BaseTransport:
        """By the name of the provider; all that is no provider's is the platform's."""
        for place in self.places:
            if place.provider == party:
                return place.road
        return SandboxTransport(self.platform, self.time)

    def database_fails(self) -> bool:
        return False

    @contextmanager
    def at_the_wheel(self, _daemon: object) -> Iterator[None]:
        yield

    def tell(self, what: str) -> None:
        if self._lines is not None and not what.endswith(("-commit",)):
            self._lines.append(f"{self.time.now():%Y-%m-%d %H:%M:%S} {what}")


def _next_hour(local: datetime) -> datetime:
    """The next tick of an hour in UTC, a little after it."""
    at = local.astimezone(UTC)
    whole = at.replace(minute=0, second=5)
    return whole if at.minute == 0 else whole + timedelta(hours=1)


def _days(first: datetime, last: datetime) -> Iterator[datetime]:
    day = first.replace(hour=0, minute=0)
    while day <= last:
        yield day
        day += timedelta(days=1)


def _settings(folder: Path, size: Size) -> Settings:
    return Settings.model_validate(
        {
            "daemon": {"state_dir": str(folder), "workers": 1, "min_free_disk": "1MiB"},
            "push": {"concurrency": 1},
            "receiver": {"public_url": "https://bills.example.com"},
            "sweep": {"closed_for": "7d"},
            "tidy": {"keep_backups": 2},
            "dunning": {
                "holidays": ["2026-05-01", "2026-12-25", "2027-01-01"],
                "tenants": [
                    {
                        "tenant": "wisp-square",
                        "weekends": True,
                        "hours": "08:00-20:00",
                        "steps": [
                            {"days": 2, "status": "warned"},
                            {"days": 7, "status": "suspended", "at": "10:00"},
                        ],
                    }
                ],
            },
        }
    )


def live(seed: int, size: Size, *, keep_lines: bool = False) -> Outcome:
    """Live one seed."""
    return World(seed, size, keep_lines=keep_lines).run()
