"""Three customers, one provider, and whatever can be said and done about them, in any order: the cut-off is
never wrong, and what was paid is served."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from daemon.house import House
from daemon.jobs.bill import bill_tenant
from daemon.jobs.enforce import release_brake
from daemon.model import FactKind
from daemon.money import Money
from daemon.store import database, integrations, invariants, leases, links, records
from daemon.store.tables import Customer, Invoice, ServiceMove
from tests.builders import Builders
from tests.dunning import Wisp
from tests.fakes import FrozenClock, SeededEntropy, Shop
from tests.jobs.running import run_push
from tests.recurring import a_plan, subscribe
from tests.simulation.life.books import Bill

ZONE = ZoneInfo("Europe/Berlin")
STEPS = {"warned": 2, "throttled": 5, "suspended": 8}
READ_WITHIN = timedelta(minutes=15)
COUNT = 3
who = st.integers(0, COUNT - 1)
which = st.integers(0, 50)


class Crash(BaseException):
    """The process is gone; nothing catches it."""


class Service(RuleBasedStateMachine):
    """`bills` are what really happened; the rows are only looked at."""

    house: ClassVar[House]
    folder: ClassVar[Path]
    template: ClassVar[Path]
    begun: ClassVar[int] = 0

    @initialize()
    def is_born(self) -> None:
        Service.begun += 1
        house = self.house
        house.store.close()
        path = Path(shutil.copy(self.template, self.folder / f"{Service.begun}.db"))
        clock, entropy = FrozenClock(), SeededEntropy()
        house.clock, house.entropy = clock, entropy
        house.store = database.connect(f"sqlite://{path}", clock=clock, entropy=entropy, fast=True)
        house.store.probe = self._probe
        shop = Shop(clock, house.stop)
        house.providers = shop
        self.fuse, self.working, self.down = 0, False, False
        self.wisp = Wisp(house, Builders(house.store, shop), shop)
        self.wisp.configure(
            dunning={"steps": [{"days": days, "status": name} for name, days in STEPS.items()]},
            enforce={"brake_at_least": 3, "brake_share": 0.9},
        )
        self.people = [self.wisp.make.a_customer(self.wisp.tenant) for _ in range(COUNT)]
        plan = a_plan(house.store, self.wisp.tenant, due_days=3, unit="weeks", every=2)
        for n, person in enumerate(self.people):
            subscribe(house.store, self.wisp.tenant, person, plan, f"2026-03-{3 + n:02}")
        self.bills: dict[str, Bill] = {}
        self.spared: dict[str, list[tuple[Any, Any, str]]] = {person.id: [] for person in self.people}
        self.moves = 0

    # --- what happens ---------------------------------------------------------------------------------

    @rule(person=who, cents=st.integers(100, 9000), days=st.integers(0, 6))
    def is_entered(self, person: int, cents: int, days: int) -> None:
        due = self.wisp.house.clock.now().date() + timedelta(days=days)
        made = self.wisp.make.an_invoice(
            self.people[person], total=f"{Money(cents, 'EUR').text} EUR", due_on=due
        )
        self._assign()
        assert made.total_minor == cents

    @rule(bill=which)
    def pays(self, bill: int) -> None:
        self._do(bill, lambda b: b.owed > 0 and not b.in_flight, self._pay)

    @rule(bill=which)
    def pays_a_part(self, bill: int) -> None:
        self._do(bill, lambda b: b.owed > 50 and not b.in_flight, lambda b: self._pay(b, b.owed // 3))

    @rule(bill=which)
    def pays_by_debit(self, bill: int) -> None:
        def flies(b: Bill) -> None:
            self._account().pays(b.ref, _eur(b.owed), kind=FactKind.IN_FLIGHT)
            b.in_flight = True

        self._do(bill, lambda b: b.owed > 0 and b.paid == 0 and not b.in_flight, flies)

    @rule(bill=which)
    def gets_it_back(self, bill: int) -> None:
        def refund(b: Bill) -> None:
            self._account().refunds(b.ref, _eur(b.paid))
            b.refunded = b.paid

        self._do(bill, lambda b: b.owed == 0 and b.paid > 0 and not (b.refunded or b.reversed), refund)

    @rule(bill=which)
    def bounces(self, bill: int) -> None:
        def back(b: Bill) -> None:
            self._account().takes_back(b.ref)
            b.reversed = b.paid

        self._do(bill, lambda b: b.paid == b.total and not (b.refunded or b.reversed), back)

    @rule(bill=which)
    def is_voided_there(self, bill: int) -> None:
        def void(b: Bill) -> None:
            self._account().voids(b.ref)
            b.void = True

        self._do(bill, lambda b: not (b.paid or b.void or b.in_flight), void)

    @rule(person=who, kind=st.sampled_from(["promise", "hold", "exempt"]), days=st.integers(1, 6))
    def office_says(self, person: int, kind: str, days: int) -> None:
        now = self.house.clock.now()
        until = now.astimezone(ZONE).date() + timedelta(days=days)
        self.wisp.says(self.people[person].id, kind, str(until))
        said = self.spared[self.people[person].id]
        said[:] = [one for one in said if one[2] != kind]
        said.append((now, until, kind))

    @rule(person=who)
    def office_takes_it_back(self, person: int) -> None:
        self.wisp.releases(self.people[person].id)
        self.spared[self.people[person].id].clear()

    @rule()
    def somebody_releases_the_brake(self) -> None:
        release_brake(self.house, self.wisp.tenant, actor="office")

    @rule(hours=st.sampled_from([1, 5, 24]))
    def time_passes(self, hours: int) -> None:
        self._live(hours)

    @rule(days=st.integers(2, 8))
    def days_pass(self, days: int) -> None:
        self._live(24 * days)

    @rule()
    def nobody_pays_for_a_while(self) -> None:
        self._live(24 * 6)

    def _live(self, hours: int) -> None:
        """Hour by hour, as the daemon lives it."""
        for _ in range(hours):
            self.house.clock.wait(3600.0)
            if self.house.clock.now().hour % 6 == 0 or hours == 1:
                self._attempt(self._hour)

    @rule()
    def provider_goes(self) -> None:
        self.down = True
        self._account().is_unreachable()

    @rule()
    def provider_comes_back(self) -> None:
        self.down = False
        self._account().recovers()

    @rule(nth=st.integers(1, 12))
    def will_crash(self, nth: int) -> None:
        self.fuse = nth

    @rule()
    def restarts(self) -> None:
        leases.drop_dead(self.house.store, lambda _owner: False)
        self.wisp.woken.clear()

    @rule()
    def everything_is_looked_at(self) -> None:
        """Then service is as the money is."""
        if self.down:
            return
        self.fuse = 0
        for _ in range(2):
            self.house.clock.wait(3700.0)  # no rest after trouble lasts so long
            self.restarts()
            self._read_all()
            self._hour()
        self._insist_on_truth()

    # --- what must hold -------------------------------------------------------------------------------

    @invariant()
    def nobody_is_cut_off_who_should_not_be(self) -> None:
        if not hasattr(self, "moves"):
            return
        for move in ServiceMove.select().where(ServiceMove.id > self.moves).order_by(ServiceMove.id):
            self.moves = move.id
            if move.cut:
                self._insist_on_debt(move)

    def _insist_on_debt(self, move: Any) -> None:
        local = move.at.astimezone(ZONE)
        assert local.weekday() < 5 and 9 <= local.hour < 17, f"{move.became} at {local}"
        said = self.spared[move.customer_id]
        assert not any(since <= move.at and local.date() <= until for since, until, _kind in said), said
        owed = [b for b in self._of(move.customer_id) if b.was_a_debt(move.at - READ_WITHIN, move.at)]
        days = max((b.overdue_days(move.at, ZONE) for b in owed), default=0)
        assert days >= STEPS[move.became], f"{move.became} after {days} days: {owed}"

    def _insist_on_truth(self) -> None:
        today = self.house.clock.now().astimezone(ZONE).date()
        for row in Invoice.select():
            bill = self.bills[row.id]
            here = (row.paid_minor, row.refunded_minor, row.due_minor)
            assert here == (bill.paid - bill.reversed, bill.refunded, bill.owed), (row.payment_status, bill)
        for row in Customer.select():
            late = [b for b in self._of(row.id) if b.now.is_debt and today > b.due_on]
            assert late or row.service_status == "active", f"{row.service_status}, and owes nothing"

    def teardown(self) -> None:
        if hasattr(self, "moves"):
            assert invariants.check() == []
            counts = [row.number for row in Invoice.select().where(Invoice.reference.startswith("sub:"))]
            assert sorted(counts) == [f"2026-{n:05}" for n in range(1, len(counts) + 1)]

    # --- within ---------------------------------------------------------------------------------------

    def _probe(self, _point: str) -> None:
        if self.fuse and self.working:
            self.fuse -= 1
            if self.fuse == 0:
                raise Crash

    def _attempt(self, work: Callable[[], object]) -> None:
        self.working = True
        try:
            work()
        except Crash:
            self.restarts()
        finally:
            self.working = False

    def _hour(self) -> None:
        bill_tenant(self.house, self.wisp.tenant)
        self._assign()
        if integrations.due_for_push(self.house.clock.now()):
            run_push(self.house, self.wisp.integration)
        self._welcome()
        if integrations.due_for_pull(self.house.clock.now()):
            self.wisp.reads()
        self.wisp.goes_on()

    def _read_all(self) -> None:
        self._assign()
        if integrations.due_for_push(self.house.clock.now()):
            run_push(self.house, self.wisp.integration)
        self._welcome()
        now = self.house.clock.now()
        self.house.store.write("all", lambda: links.read_all_open(self.wisp.integration.id, now))
        self.wisp.reads()

    def _assign(self) -> None:
        self.house.store.write("assign", lambda: links.assign(self.house.clock.now()))

    def _welcome(self) -> None:
        """What was sent is known to who was sent it."""
        for invoice in records.Invoice.select(Invoice.id.not_in(list(self.bills))):
            link = links.of_invoice(invoice.id)
            if link.external_id and link.state == "synced":
                born = self.house.clock.now()
                sent = born.astimezone(ZONE).date()
                self.bills[invoice.id] = Bill(
                    link.external_id,
                    invoice.number,
                    invoice.customer_id,
                    invoice.total_minor,
                    max(invoice.due_on, sent),
                    born,
                )

    def _of(self, customer_id: str) -> list[Bill]:
        return [bill for bill in self.bills.values() if bill.customer == customer_id]

    def _account(self) -> Any:
        self.wisp.account.now = self.house.clock.now()
        return self.wisp.account

    def _pay(self, bill: Bill, amount: int | None = None) -> None:
        given = bill.owed if amount is None else amount
        self._account().pays(bill.ref, _eur(given))
        bill.paid += given

    def _do(self, place: int, where: Callable[[Bill], bool], deed: Callable[[Bill], object]) -> None:
        fitting = [bill for bill in self.bills.values() if not bill.void and where(bill)]
        if fitting:
            bill = fitting[place % len(fitting)]
            deed(bill)
            bill.moved(self.house.clock.now())


def _eur(cents: int) -> Money:
    return Money(cents, "EUR")


def test_whatever_is_said_and_done_in_any_order(house: House, tmp_path: Path, empty_database: Path) -> None:
    kind = type("ServiceHere", (Service,), {"house": house, "folder": tmp_path, "template": empty_database})
    few = settings(
        max_examples=8, stateful_step_count=30, suppress_health_check=list(HealthCheck), deadline=None
    )
    run_state_machine_as_test(kind, settings=few)
