"""Billing: whatever crashes and whoever else runs, each period is billed once and no number is left out."""

from __future__ import annotations

import threading

import peewee as pw
import pytest

from daemon.house import House
from daemon.jobs.bill import Tally, batches, bill, bill_tenant
from daemon.policy.numbering import NumberFormat
from daemon.store import audit, billing, records, runs
from daemon.store.database import Store
from daemon.store.tables import BilledPeriod, Counter, Event, Invoice, Link
from tests.builders import ACTOR, Builders
from tests.fakes import FrozenClock, SeededEntropy
from tests.recurring import a_house, a_plan, billed, numbers, subscribe


class Crash(BaseException):
    """The process is gone."""


@pytest.fixture
def house(store: Store, clock: FrozenClock, entropy: SeededEntropy) -> House:
    return a_house(store, clock, entropy)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", 4)


def subscribers(make: Builders, count: int, start: str = "2026-01-15") -> records.Tenant:
    """Each has two periods that are due on the 2nd of March."""
    tenant = make.a_tenant()
    plan = a_plan(make.store, tenant)
    for _ in range(count):
        subscribe(make.store, tenant, make.a_customer(tenant), plan, start)
    return tenant


def whole(tenant: records.Tenant, periods: int) -> None:
    """Each period once, each number once and none left out, each invoice with its link, event and audit."""
    assert numbers() == [f"2026-{n:05d}" for n in range(1, periods + 1)]
    assert len(billed()) == periods == BilledPeriod.select().count() == Link.select().count()
    assert Event.select().where(Event.type == "invoice.generated").count() == periods
    assert {row.year: row.last for row in Counter.select()} == {2026: periods}
    generated = [
        row for row in audit.latest(tenant_id=tenant.id, limit=1000) if row.action.endswith("generated")
    ]
    assert len(generated) == periods
    assert audit.verify()[1] == []


@pytest.mark.usefixtures("small")
def test_a_crash_at_any_commit_leaves_nothing_double_and_nothing_out(house: House, make: Builders) -> None:
    tenant = subscribers(make, 7)
    point, crashes = 0, 0
    while True:
        seen = 0

        def crash(_point: str, at: int = point) -> None:
            nonlocal seen
            seen += 1
            if seen == at + 1:
                raise Crash

        house.store.probe = crash
        try:
            bill_tenant(house, tenant)
        except Crash:
            crashes += 1
            point += 1
            continue
        break
    house.store.probe = lambda _point: None

    assert crashes > 3
    whole(tenant, 14)


@pytest.mark.usefixtures("small")
def test_a_crash_at_any_commit_of_the_hourly_run_is_made_good_by_a_later_one(
    house: House, make: Builders, clock: FrozenClock
) -> None:
    tenant = subscribers(make, 7)
    for point in range(30):
        left = [point]

        def crash(_point: str, left: list[int] = left) -> None:
            if not left[0]:
                raise Crash
            left[0] -= 1

        house.store.probe = crash
        try:
            bill(house)
        except Crash:
            clock.move(minutes=16)
    house.store.probe = lambda _point: None
    bill(house)
    whole(tenant, 14)
    assert [run.finished_at for run in (runs.last("bill"),) if run] != [None]


@pytest.mark.usefixtures("small")
def test_two_daemons_at_once_bill_each_period_once(
    house: House, make: Builders, clock: FrozenClock, entropy: SeededEntropy
) -> None:
    tenant = subscribers(make, 12)
    gate, tallies = threading.Barrier(3), list[Tally]()

    def run(name: str) -> None:
        mine = a_house(house.store, clock, entropy, name)
        gate.wait()
        with house.store.session():
            tallies.append(bill_tenant(mine, tenant))

    threads = [threading.Thread(target=run, args=(f"test:{n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(tallies) == 3
    assert sum(tally.invoices for tally in tallies) == 24
    whole(tenant, 24)


def test_intake_of_the_same_numbers_meanwhile_costs_neither_an_invoice(house: House, make: Builders) -> None:
    """The platform gives the numbers that the counter would give, at the same time."""
    tenant = subscribers(make, 30)
    person = make.a_customer(tenant)
    gate = threading.Barrier(2)
    given: list[str] = []

    def enter() -> None:
        gate.wait()
        with house.store.session():
            for n in range(1, 61, 2):
                new = make.new_invoice(person, number=f"2026-{n:05d}")
                try:
                    make.add(new)
                except Exception:
                    continue
                given.append(new.number)

    thread = threading.Thread(target=enter)
    thread.start()
    gate.wait()
    tally = bill_tenant(house, tenant)
    thread.join(60)

    assert tally.invoices == len(billed()) == 60
    assert len(numbers()) == len(set(numbers())) == 60 + len(given)
    last = Counter.get().last
    assert {f"2026-{n:05d}" for n in range(1, last + 1)} <= set(numbers()), "each number of the series is one"


def test_the_same_period_twice_is_refused_by_the_database_and_takes_its_invoice_along(
    house: House, make: Builders
) -> None:
    tenant = subscribers(make, 1)
    bill_tenant(house, tenant)
    house.store.db.execute_sql("UPDATE subscription SET next_on = '2026-01-15'")
    house.store.db.execute_sql("UPDATE invoice SET reference = reference || 'x'")

    with pytest.raises(pw.IntegrityError):
        bill_tenant(house, tenant)

    whole(tenant, 2)


def test_a_number_that_was_given_is_passed_over_and_the_series_goes_on(house: House, make: Builders) -> None:
    tenant = subscribers(make, 2)
    for number in ("2026-00001", "2026-00003"):
        make.an_invoice(make.a_customer(tenant), number=number)

    bill_tenant(house, tenant)

    assert numbers() == [f"2026-{n:05d}" for n in range(1, 7)]


def test_hundreds_of_given_numbers_in_a_row_are_passed_over(house: House, make: Builders) -> None:
    tenant = subscribers(make, 1)
    person = make.a_customer(tenant)
    for n in range(1, 301):
        make.an_invoice(person, number=f"2026-{n:05d}")
    bill_tenant(house, tenant)
    assert numbers()[-2:] == ["2026-00301", "2026-00302"]


def test_each_year_counts_anew_and_each_tenant_for_itself(
    house: House, make: Builders, clock: FrozenClock
) -> None:
    first, second = subscribers(make, 1, "2026-03-01"), subscribers(make, 1, "2026-03-01")
    assert bill_tenant(house, first).invoices == bill_tenant(house, second).invoices == 1
    clock.move(days=306)
    bill_tenant(house, first, long_past=True)
    mine = [
        row.number for row in Invoice.select().where(Invoice.tenant_id == first.id).order_by(Invoice.number)
    ]
    assert mine[0] == "2026-00001"
    assert mine[1:] == [f"2027-{n:05d}" for n in range(1, 11)]
    assert Invoice.select().where(Invoice.number == "2026-00001").count() == 2


def test_a_format_and_a_beginning_can_be_set_but_never_set_back(house: House, make: Builders) -> None:
    tenant = subscribers(make, 1)
    now = house.clock.now()

    def set_to(text: str | None, following: int | None) -> None:
        made = NumberFormat.parse(text) if text else None
        house.store.write(
            "test",
            lambda: billing.set_numbering(tenant.id, made, following, today=now.date(), actor=ACTOR, now=now),
        )

    set_to("R{counter}", 1501)
    bill_tenant(house, tenant)
    assert numbers() == ["R1501", "R1502"]
    with pytest.raises(Exception, match="given out already"):
        set_to(None, 1502)
    assert [row.action for row in audit.latest(tenant_id=tenant.id)].count("numbering.changed") == 1
