"""Bill: what is due is billed on its day in the tenant's zone, at its price, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.errors import InvalidInput, StoreError
from daemon.house import House
from daemon.jobs import bill as bill_package
from daemon.jobs.bill import bill, bill_tenant, items, plan_tenant, running
from daemon.jobs.bill.items import Terms
from daemon.model.ids import our_reference
from daemon.policy.periods import Unit
from daemon.providers.memory import Memory
from daemon.store import audit, events, invoices, plain, records, restore, runs, subscriptions, tables
from daemon.store.recurring import Plan, Subscription
from tests.builders import ACTOR, Builders
from tests.fakes import FrozenClock, Lines, Shop
from tests.recurring import NET, a_plan, billed, change, lines, numbers, subscribe


class Wisp:
    """A tenant with one plan and one subscriber."""

    def __init__(self, house: House, make: Builders, *, zone: str = "Europe/Berlin") -> None:
        self.house, self.store, self.make = house, house.store, make
        self.tenant = make.a_tenant(zone=zone)
        self.customer = make.a_customer(self.tenant)

    def plan(self, **given: object) -> Plan:
        return a_plan(self.store, self.tenant, **given)

    def subscribe(self, plan: Plan, start: str, **given: object) -> Subscription:
        return subscribe(self.store, self.tenant, self.customer, plan, start, **given)

    def bill(self, on: str | None = None, **more: bool) -> list[tuple[str, str, int]]:
        """Every period billed up to now: first and last day, total in minor units."""
        day = date.fromisoformat(on) if on else None
        bill_tenant(self.house, self.tenant, on=day, **more)
        return [row[1:] for row in billed()]

    def changes(self, row: Subscription, **changed: object) -> Subscription:
        return self.store.write(
            "test",
            lambda: subscriptions.change(
                subscriptions.get(self.tenant.id, row.id),
                changed,
                action="subscription.adjusted",
                actor=ACTOR,
                now=self.house.clock.now(),
            ),
        )


@pytest.fixture
def wisp(house: House, make: Builders) -> Wisp:
    return Wisp(house, make)


# --- when ---------------------------------------------------------------------------------------------


def test_a_period_is_billed_when_it_begins_and_not_before(wisp: Wisp) -> None:
    wisp.subscribe(wisp.plan(), "2026-03-10")
    assert wisp.bill("2026-03-09") == []
    assert wisp.bill("2026-03-10") == [("2026-03-10", "2026-04-09", 5950)]
    assert len(wisp.bill("2026-04-09")) == 1
    assert wisp.bill("2026-04-10")[1:] == [("2026-04-10", "2026-05-09", 5950)]


def test_billing_ahead_and_due_dates_count_from_the_day_of_billing(wisp: Wisp) -> None:
    wisp.subscribe(wisp.plan(ahead_days=10, due_days=21), "2026-03-20")
    assert wisp.bill("2026-03-09") == []
    wisp.bill("2026-03-10")
    [row] = invoices.listing(wisp.tenant.id, limit=9)
    assert (row.issued_on, row.due_on) == (date(2026, 3, 10), date(2026, 3, 31))


def test_nothing_is_billed_before_the_start_nor_after_the_end(wisp: Wisp) -> None:
    row = wisp.subscribe(wisp.plan(proration="none"), "2026-03-10", end="2026-05-19")
    found = wisp.bill("2026-06-30")
    assert [period[:2] for period in found] == [
        ("2026-03-10", "2026-04-09"),
        ("2026-04-10", "2026-05-09"),
        ("2026-05-10", "2026-05-19"),
    ]
    assert subscriptions.get(wisp.tenant.id, row.id).is_over
    assert wisp.bill("2026-09-30") == found


def test_the_31st_comes_back_after_short_months_whenever_the_job_runs(wisp: Wisp) -> None:
    wisp.subscribe(wisp.plan(), "2026-01-31")
    for month in range(3, 9):
        wisp.bill(f"2026-{month:02}-05")
    wisp.bill("2026-08-31")
    days = [start for start, _last, _total in wisp.bill("2026-08-31")]
    assert days == [
        *("2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"),
        *("2026-05-31", "2026-06-30", "2026-07-31", "2026-08-31"),
    ]


@pytest.mark.parametrize(
    ("zone", "at", "billed_there"),
    [
        ("Pacific/Auckland", "2026-03-09T11:00", True),
        ("America/Denver", "2026-03-10T05:59", False),
        ("America/Denver", "2026-03-10T06:00", True),
        ("Europe/Berlin", "2026-03-09T22:59", False),
        ("Europe/Berlin", "2026-03-09T23:00", True),
    ],
)
def test_the_tenants_zone_says_which_day_it_is(
    house: House, make: Builders, clock: FrozenClock, zone: str, at: str, billed_there: bool
) -> None:
    wisp = Wisp(house, make, zone=zone)
    wisp.subscribe(wisp.plan(), "2026-03-10")
    clock.move((datetime.fromisoformat(at).replace(tzinfo=UTC) - clock.now()).total_seconds())
    assert bool(wisp.bill()) is billed_there


@pytest.mark.parametrize(
    ("zone", "night"),
    [("Europe/Berlin", "2026-03-28"), ("America/Santiago", "2026-04-04"), ("UTC", "2028-02-28")],
)
def test_hour_by_hour_over_a_change_of_clocks_each_day_is_billed_once(
    house: House, make: Builders, clock: FrozenClock, zone: str, night: str
) -> None:
    """Santiago's clocks change at midnight; a day has 23, 24 or 25 hours."""
    wisp = Wisp(house, make, zone=zone)
    first = date.fromisoformat(night)
    start = datetime(first.year, first.month, first.day, tzinfo=UTC) - timedelta(days=1)
    clock.move((start - clock.now()).total_seconds())
    wisp.subscribe(wisp.plan(unit="days"), night)
    for _hour in range(24 * 5):
        clock.move(hours=1)
        bill(house)
    days = [date.fromisoformat(row[1]) for row in billed()]
    assert days[0] == first
    assert len(days) in (3, 4, 5)
    assert all(after - one == timedelta(days=1) for one, after in pairwise(days))
    assert {row.issued_on for row in invoices.listing(wisp.tenant.id, limit=99)} == set(days)


# --- what was missed ----------------------------------------------------------------------------------


def test_what_an_outage_missed_is_caught_up_oldest_first(wisp: Wisp, clock: FrozenClock) -> None:
    wisp.subscribe(wisp.plan(), "2026-03-01")
    clock.move(days=75)
    assert [start for start, _last, _total in wisp.bill()] == ["2026-03-01", "2026-04-01", "2026-05-01"]
    rows = sorted(invoices.listing(wisp.tenant.id, limit=9), key=lambda row: row.number)
    assert {row.issued_on for row in rows} == {date(2026, 5, 16)}
    assert [invoices.lines_of(row.id)[0].description for row in rows] == [
        "Internet 100/20 (2026-03-01 to 2026-03-31)",
        "Internet 100/20 (2026-04-01 to 2026-04-30)",
        "Internet 100/20 (2026-05-01 to 2026-05-31)",
    ]


def test_what_is_long_past_is_held_said_once_and_billed_when_a_person_says_so(
    wisp: Wisp, clock: FrozenClock
) -> None:
    """A start date ten years back is a slip more often than a wish for 120 invoices."""
    row = wisp.subscribe(wisp.plan(), "2016-03-01")
    for _ in range(3):
        assert wisp.bill() == []
        clock.move(days=1)
    held = subscriptions.get(wisp.tenant.id, row.id)
    assert held.fault_code == "WB-BILL-HELD"
    assert [event.type for event in events.latest()].count("subscription.held") == 1

    assert len(wisp.bill(long_past=True)) == 121
    assert subscriptions.get(wisp.tenant.id, row.id).fault_code is None


def test_billed_elsewhere_up_to_a_day_it_goes_on_from_there(wisp: Wisp) -> None:
    wisp.subscribe(wisp.plan(), "2016-03-01", billed_to="2026-02-28")
    assert wisp.bill() == [("2026-03-01", "2026-03-31", 5950)]


def test_a_held_subscription_keeps_nobody_else_back(wisp: Wisp) -> None:
    plan = wisp.plan()
    wisp.subscribe(plan, "2016-03-01")
    other = wisp.make.a_customer(wisp.tenant)
    subscribe(wisp.store, wisp.tenant, other, plan, "2026-03-01")
    tally = bill_tenant(wisp.house, wisp.tenant)
    assert (tally.invoices, tally.held, tally.reasons) == (1, 1, {"WB-BILL-HELD": 1})


# --- at which price -----------------------------------------------------------------------------------


def test_a_part_of_a_period_costs_its_days_in_every_line_and_tax_and_they_add_up(wisp: Wisp) -> None:
    two = [NET, {"description": "Router", "amount": "3.33", "tax": "0.63", "tax_rate": "VAT 19"}]
    wisp.subscribe(wisp.plan(lines=two), "2026-03-10", anchor_day=1, end="2026-04-20")
    found = wisp.bill("2026-04-01")
    assert [row[:2] for row in found] == [("2026-03-10", "2026-03-31"), ("2026-04-01", "2026-04-20")]
    assert {row[1:] for row in lines()} == {(3548, 674), (236, 45), (3333, 633), (222, 42)}
    assert [row[2] for row in found] == [3548 + 674 + 236 + 45, 3333 + 633 + 222 + 42]


def test_without_proration_a_part_costs_the_whole(wisp: Wisp) -> None:
    wisp.subscribe(wisp.plan(proration="none"), "2026-03-10", anchor_day=1)
    assert wisp.bill("2026-03-10") == [("2026-03-10", "2026-03-31", 5950)]


def test_a_part_too_small_to_cost_anything_is_passed_without_an_invoice(wisp: Wisp) -> None:
    cheap = [{"description": "Address", "amount": "0.02"}]
    wisp.subscribe(wisp.plan(lines=cheap), "2026-03-31", anchor_day=1)
    assert wisp.bill("2026-04-01") == [("2026-04-01", "2026-04-30", 2)]
    assert tables.BilledPeriod.select().count() == 2
    assert numbers() == ["2026-00001"]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(Unit),
    st.integers(1, 5),
    st.integers(0, 400),
    st.lists(st.integers(1, 400), max_size=4),
    st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 10**5)), min_size=1, max_size=4),
    st.integers(1, 3),
    st.data(),
)
def test_however_often_it_ends_and_goes_on_whole_periods_cost_what_they_cost(
    unit: Unit,
    every: int,
    offset: int,
    cuts: list[int],
    prices: list[tuple[int, int]],
    quantity: int,
    data: st.DataObject,
) -> None:
    """The parts of a whole period, cut anywhere, add up to it in each line and each tax."""
    start = date(2026, 1, 1) + timedelta(days=offset)
    anchor = data.draw(st.sampled_from(unit.anchors))
    plan, row = a_value(unit, every, prices, start, anchor, quantity)
    terms = Terms(start + timedelta(days=4000), None)
    whole = row.schedule(plan).period_at(start)
    edges = sorted({start, whole.end, *(min(whole.end, start + timedelta(days=n)) for n in cuts)})
    tenant, person = a_tenant_value(), a_customer_value()
    parts = []
    for begin, end in pairwise(edges):
        cut = row_at(row, begin, end - timedelta(days=1))
        period = items.due_period(plan, cut, terms)
        parts.append(items.make(tenant, plan, cut, person, period, terms))
    one = items.make(tenant, plan, row, person, whole, terms)
    assert sum(p.invoice.total.minor if p.invoice else 0 for p in parts) == (
        one.invoice.total.minor if one.invoice else 0
    )


def a_tenant_value() -> records.Tenant:
    return records.Tenant("wbt_1", "tenant-1", "Tenant 1", "UTC", "EUR", {}, datetime(2026, 1, 1, tzinfo=UTC))


def a_customer_value() -> records.Customer:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return records.Customer(
        "wbc_1", "wbt_1", "sub-1", "Subscriber 0001", None, None, {}, False, "active", now
    )


def a_value(
    unit: Unit, every: int, prices: list[tuple[int, int]], start: date, anchor: int, quantity: int
) -> tuple[Plan, Subscription]:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    told = [{"description": "x", "net": net, "tax": tax, "tax_rate": "VAT"} for net, tax in prices]
    plan = Plan(
        *("wbf_1", "wbt_1", "basic", "Basic", "EUR", told, every, unit.value, 14, 0, "daily", None, now, None)
    )
    row = Subscription(
        *("wbs_1", "wbt_1", "wbc_1", "wbf_1", "s", start, None, start, anchor, quantity, None, None, start),
        *(None, None, None, None, now),
    )
    return plan, row


def row_at(row: Subscription, next_on: date, ends_on: date) -> Subscription:
    from dataclasses import replace

    return replace(row, next_on=next_on, ends_on=ends_on)


def test_quantity_and_a_price_of_its_own_count_for_what_is_not_billed_yet(wisp: Wisp) -> None:
    row = wisp.subscribe(wisp.plan(), "2026-03-01", quantity=3)
    wisp.bill("2026-03-01")
    wisp.changes(row, quantity=1, net_minor=4000, tax_minor=760)
    assert [total for _start, _last, total in wisp.bill("2026-04-01")] == [3 * 5950, 4760]
    [first, _second] = sorted(invoices.listing(wisp.tenant.id, limit=9), key=lambda one: one.number)
    assert invoices.lines_of(first.id)[0].quantity == "3"


def test_a_changed_plan_counts_for_what_is_not_billed_yet(wisp: Wisp) -> None:
    plan = wisp.plan()
    wisp.subscribe(plan, "2026-03-01")
    wisp.bill("2026-03-01")
    plan = change(wisp.store, wisp.tenant, plan, lines=[NET | {"amount": "60.00", "tax": "11.40"}], every=3)
    assert wisp.bill("2026-04-01") == [("2026-03-01", "2026-03-31", 5950), ("2026-04-01", "2026-06-30", 7140)]


def test_another_interval_follows_without_gap_and_keeps_the_31st(wisp: Wisp) -> None:
    plan = wisp.plan()
    wisp.subscribe(plan, "2026-01-31")
    wisp.bill("2026-02-28")
    change(wisp.store, wisp.tenant, plan, every=1, unit="years")
    assert wisp.bill("2026-03-31")[1:] == [
        ("2026-02-28", "2026-03-30", 5950),
        ("2026-03-31", "2027-03-30", 5950),
    ]


@pytest.mark.parametrize("given", [{"unit": "weeks"}, {"currency": "USD"}])
def test_a_plan_with_subscribers_keeps_its_currency_and_the_way_it_counts(
    wisp: Wisp, given: dict[str, object]
) -> None:
    plan = wisp.plan()
    wisp.subscribe(plan, "2026-03-01")
    with pytest.raises(InvalidInput, match="make another plan"):
        change(wisp.store, wisp.tenant, plan, **given)


def test_while_it_is_paused_nothing_is_billed_and_the_days_between_never_are(wisp: Wisp) -> None:
    row = wisp.subscribe(wisp.plan(), "2026-03-01")
    wisp.bill("2026-03-01")
    wisp.changes(row, paused_on=date(2026, 3, 20))
    assert len(wisp.bill("2026-06-30")) == 1
    wisp.changes(row, paused_on=None, next_on=date(2026, 6, 16))
    assert wisp.bill("2026-07-01")[1:] == [
        ("2026-06-16", "2026-06-30", 2975),
        ("2026-07-01", "2026-07-31", 5950),
    ]


# --- what it leaves behind ----------------------------------------------------------------------------


def test_the_timeline_names_plan_and_period_and_the_audit_who_did_it(wisp: Wisp) -> None:
    wisp.subscribe(wisp.plan(), "2026-03-01")
    wisp.bill()
    [row] = invoices.listing(wisp.tenant.id, limit=9)
    [event] = events.of_invoice(row.id)
    assert event.type == "invoice.generated"
    assert event.data["sentence"] == (
        f"Invoice 2026-00001 over 59.50 EUR was generated from the plan basic (subscription "
        f"{wisp.customer.reference}.basic) for 2026-03-01 to 2026-03-31, due 2026-03-16."
    )
    assert [one.actor for one in audit.latest(limit=99) if one.object == row.id] == ["daemon"]


def test_the_reference_is_computed_so_a_restore_finds_what_was_sent(wisp: Wisp) -> None:
    row = wisp.subscribe(wisp.plan(), "2026-03-01")
    wisp.bill()
    [invoice] = invoices.listing(wisp.tenant.id, limit=9)
    assert invoice.reference == f"sub:{row.reference}:2026-03-01"
    words = {"tenant": wisp.tenant.reference, "account": "acct", "operation": "create"}
    assert our_reference(reference=invoice.reference, **words) == our_reference(
        reference=f"sub:{wisp.customer.reference}.basic:2026-03-01", **words
    )


def test_a_number_too_long_for_the_provider_is_held_and_uses_up_none(
    wisp: Wisp, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    wisp.make.an_integration(wisp.tenant)
    wisp.subscribe(wisp.plan(), "2026-03-01")
    monkeypatch.setattr(Memory, "can", replace(Memory.can, max_number_length=9))
    tally = bill_tenant(wisp.house, wisp.tenant)
    assert tally.reasons == {"WB-BILL-NUMBER": 1}
    monkeypatch.setattr(Memory, "can", replace(Memory.can, max_number_length=10))
    wisp.bill()
    assert numbers() == ["2026-00001"]


def test_who_has_left_is_billed_no_further_than_the_end_that_somebody_named(wisp: Wisp) -> None:
    row = wisp.subscribe(wisp.plan(), "2026-02-15")
    closed = {"service_status": "closed"}
    wisp.store.write("test", lambda: plain.update(tables.Customer, "id", wisp.customer.id, closed))
    assert bill_tenant(wisp.house, wisp.tenant).reasons == {"WB-BILL-CLOSED": 1}
    assert numbers() == []

    wisp.changes(row, ends_on=date(2026, 2, 20))
    assert wisp.bill() == [("2026-02-15", "2026-02-20", 1275)]


def test_a_reference_that_the_platform_gave_is_held_for_a_person(wisp: Wisp) -> None:
    row = wisp.subscribe(wisp.plan(), "2026-03-01")
    wisp.make.an_invoice(wisp.customer, number=f"sub:{row.reference}:2026-03-01")
    assert bill_tenant(wisp.house, wisp.tenant).reasons == {"WB-INVOICE-TAKEN": 1}


# --- every hour ---------------------------------------------------------------------------------------


def test_each_hour_is_run_once_and_leaves_a_row_and_a_line(
    wisp: Wisp, clock: FrozenClock, log: Lines
) -> None:
    wisp.subscribe(wisp.plan(unit="days"), "2026-03-02")
    for _ in range(3):
        bill(wisp.house)
    clock.move(hours=1)
    bill(wisp.house)
    assert len(log.of("bill.finished")) == 2
    first = log.of("bill.finished")[0]
    assert (first["tenants"], first["invoices"], first["held"]) == (1, 1, 0)
    last = runs.last("bill")
    assert last is not None
    assert (last.period, last.fault_code) == ("2026-03-02T10", None)


def test_a_run_that_a_crash_cut_off_is_begun_anew(wisp: Wisp, clock: FrozenClock) -> None:
    wisp.subscribe(wisp.plan(), "2026-03-02")
    wisp.store.write("test", lambda: runs.start("bill", clock.now(), period="2026-03-02T09"))
    bill(wisp.house)
    assert billed() == []
    clock.move(minutes=16)
    bill(wisp.house)
    assert len(billed()) == 1


def test_one_tenant_in_trouble_keeps_no_other_back(
    house: House, make: Builders, log: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Wisp(house, make), Wisp(house, make)
    for wisp in (first, second):
        wisp.subscribe(wisp.plan(), "2026-03-01")
    work = running.bill_tenant

    def breaks(house: House, tenant: records.Tenant) -> running.Tally:
        if tenant.id == first.tenant.id:
            raise StoreError("WB-DB-LOCKED", "another process held the database")
        return work(house, tenant)

    monkeypatch.setattr(running, "bill_tenant", breaks)
    bill(house)
    assert [row.tenant_id for row in tables.Invoice.select()] == [second.tenant.id]
    last = runs.last("bill")
    assert last is not None
    assert last.fault_code == "WB-DB-LOCKED"
    assert log.of("bill.failed")[0]["tenant"] == first.tenant.reference
    assert "bill.failed" in [event.type for event in events.latest()]


def test_what_is_caught_up_gets_the_numbers_that_it_would_have_got_day_by_day(
    house: House, make: Builders, clock: FrozenClock
) -> None:
    """So that after a restore each invoice is found at the provider under its number."""
    first, second = Wisp(house, make), Wisp(house, make)
    for wisp in (first, second):
        plans = [
            wisp.plan(),
            wisp.plan(reference="early", ahead_days=9),
            wisp.plan(reference="w", unit="weeks"),
        ]
        for n in range(9):
            start = date(2026, 2, 20) + timedelta(days=n * 5 % 31)
            wisp.subscribe(plans[n % 3], start.isoformat(), reference=f"s{n}", anchor_day=n % 7 + 1)
    for _day in range(50):
        clock.move(days=1)
        bill_tenant(house, first.tenant)
    bill_tenant(house, second.tenant)

    books: list[dict[str, str]] = [{}, {}]
    for book, wisp in zip(books, (first, second), strict=True):
        for row in invoices.listing(wisp.tenant.id, limit=999):
            book[row.reference] = row.number
    assert books[0] == books[1]
    assert len(books[0]) > 30


def test_in_recovery_mode_only_a_person_bills(wisp: Wisp, clock: FrozenClock, log: Lines) -> None:
    wisp.subscribe(wisp.plan(), "2026-03-01")
    restore.begin(wisp.store, source="backup", actor=ACTOR, now=clock.now())
    bill(wisp.house)
    assert billed() == []
    assert log.of("bill.finished")[0]["skipped"] == "recovery mode"

    assert len(wisp.bill()) == 1


def test_a_clock_that_jumped_ahead_bills_nothing_and_uses_up_no_hour(wisp: Wisp, clock: FrozenClock) -> None:
    wisp.subscribe(wisp.plan(), "2026-04-01")
    wisp.house.pauses["clock"] = "the clock jumped ahead by more than a day"
    clock.wall_off_s = 86400 * 40
    bill(wisp.house)
    clock.wall_off_s = 0
    wisp.house.pauses.clear()
    assert (runs.last("bill"), billed()) == (None, [])


def test_a_stopping_daemon_ends_between_two_batches_and_the_next_one_goes_on(
    wisp: Wisp, monkeypatch: pytest.MonkeyPatch
) -> None:
    from daemon.jobs.bill import batches

    monkeypatch.setattr(batches, "BATCH", 2)
    plan = wisp.plan()
    for _ in range(5):
        subscribe(wisp.store, wisp.tenant, wisp.make.a_customer(wisp.tenant), plan, "2026-03-01")
    bill_tenant(wisp.house, wisp.tenant, told=lambda _count: wisp.house.stop.set())
    assert len(billed()) == 2
    wisp.house.stop.clear()
    wisp.bill()
    assert len(billed()) == 5


# --- the plan of it -----------------------------------------------------------------------------------


def test_a_plan_is_what_is_then_billed_and_making_it_changes_nothing(
    wisp: Wisp, monkeypatch: pytest.MonkeyPatch
) -> None:
    from daemon.jobs.bill import batches

    monkeypatch.setattr(batches, "BATCH", 3)
    plans = [wisp.plan(), wisp.plan(reference="pro", unit="weeks")]
    for n in range(8):
        person = wisp.make.a_customer(wisp.tenant)
        subscribe(wisp.store, wisp.tenant, person, plans[n % 2], "2026-02-20")
    wisp.make.an_invoice(wisp.customer, number="2026-00004")
    before = list(wisp.store.db.execute_sql("SELECT * FROM subscription"))

    planned = [item.invoice for item in plan_tenant(wisp.house, wisp.tenant) if isinstance(item, items.Item)]
    assert list(wisp.store.db.execute_sql("SELECT * FROM subscription")) == before
    assert billed() == []

    wisp.bill()
    rows = {row.number: row for row in tables.Invoice.select()}
    assert len(planned) == 12
    for one in planned:
        assert one is not None
        row = rows[one.number]
        assert (row.reference, row.total_minor, row.due_on) == (one.reference, one.total.minor, one.due_on)


def test_only_what_the_plan_file_says_is_billed(wisp: Wisp, tmp_path: Path) -> None:
    wisp.subscribe(wisp.plan(), "2026-03-01")
    with pytest.raises(InvalidInput) as caught:
        bill_tenant(wisp.house, wisp.tenant, expected={})
    assert caught.value.code == "WB-BILL-CHANGED"
    assert billed() == []


@pytest.fixture
def planned(wisp: Wisp, tmp_path: Path) -> Iterator[Path]:
    wisp.subscribe(wisp.plan(), "2026-03-01")
    path = tmp_path / "bill.jsonl"
    drawn = (one for one in plan_tenant(wisp.house, wisp.tenant) if isinstance(one, items.Item))
    with path.open("w") as file:
        bill_package.write_plan_file(
            file, {wisp.tenant.reference: date(2026, 3, 2)}, long_past=False, items=drawn
        )
    yield path


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"total":"59.50"', '"total":"5.95"'),
        ('"longPast":false', '"longPast":true'),
        ('"kind":"wispbill bill"', '"kind":"wispbill push"'),
        ("2026-03-02", "someday"),
        ("{", "["),
        ("\n", ""),
    ],
)
def test_a_plan_file_that_was_touched_is_refused(planned: Path, old: str, new: str) -> None:
    text = planned.read_text()
    assert bill_package.read_plan_file(planned).invoices
    planned.write_text(text.replace(old, new, 1))
    with pytest.raises(InvalidInput, match="cannot be used"):
        bill_package.read_plan_file(planned)


@pytest.mark.parametrize("keep", [0, 1, 2])
def test_a_plan_file_that_was_cut_off_is_refused(planned: Path, keep: int) -> None:
    planned.write_text("".join(planned.read_text().splitlines(keepends=True)[:keep]))
    with pytest.raises(InvalidInput, match="its end is missing"):
        bill_package.read_plan_file(planned)


def test_differences_name_what_is_new_gone_and_changed(planned: Path) -> None:
    file = bill_package.read_plan_file(planned)
    [(key, shape)] = file.invoices.items()
    other = shape | {"subscription": "else"}
    found = list(bill_package.differences(file, {key: shape | {"total": "60.00"}, "else": other}))
    assert [(one.key, one.what) for one in found] == [
        (key, "total 59.50 is now 60.00"),
        ("else", "invoice 2026-00001 over 59.50 EUR would be billed as well"),
    ]
    assert "would not be billed now" in next(bill_package.differences(file, {})).what
