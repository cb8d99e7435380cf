"""Scheduler: it only wakes; nobody waits for another account, and a stop loses nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from daemon import scheduler as scheduler_module
from daemon.beats import Beats
from daemon.clock import SystemClock
from daemon.errors import StoreError
from daemon.house import House
from daemon.jobs import push as push_module
from daemon.jobs.bill import bill
from daemon.model import SyncState
from daemon.model.dunning import ServiceStatus
from daemon.scheduler import Scheduler
from daemon.settings import Settings
from daemon.store import (
    customers,
    events,
    integrations,
    invoices,
    links,
    records,
    runs,
    service,
    sweeps,
    tenants,
)
from tests.builders import Builders
from tests.fakes import Lines, Shop
from tests.recurring import a_plan, subscribe


class JumpingClock(SystemClock):
    """The system's clock, whose wall time can be set wrong; waits are short."""

    def __init__(self) -> None:
        self.off = timedelta()

    def now(self) -> datetime:
        return super().now() + self.off

    def wait(self, seconds: float, stop: threading.Event | None = None) -> bool:
        return super().wait(min(seconds, 0.01), stop)


@pytest.fixture
def wall(house: House, monkeypatch: pytest.MonkeyPatch) -> JumpingClock:
    """The house lives in real time: the ticks do."""
    clock = JumpingClock()
    house.clock = house.store.clock = clock
    for verb in ("tidy", "bill"):
        monkeypatch.setattr(scheduler_module, verb, lambda _house: None)
    return clock


@pytest.fixture
def scheduler(house: House, wall: JumpingClock) -> Iterator[Scheduler]:
    found = Scheduler(house, Beats(wall))
    house.wake = found.wake
    yield found
    assert found.stop(10)


def eventually(holds: Callable[[], bool], within_s: float = 20) -> None:
    clock, pause = SystemClock(), threading.Event()
    until = clock.monotonic() + within_s
    while not holds():
        assert clock.monotonic() < until, "it did not come to pass"
        pause.wait(0.01)


def seen(house: House, integration: records.Integration, holds: Callable[[], bool]) -> None:
    """Poll until it holds: a poll that is just under way sets its own next time."""

    def polled() -> bool:
        house.store.write("test", lambda: integrations.update(integration.id, next_poll_at=house.clock.now()))
        house.wake("pull")
        return holds()

    eventually(polled)


def is_synced(link: records.Link) -> bool:
    return links.get(link.id).state == SyncState.SYNCED


def test_what_is_due_is_pushed_and_what_was_paid_is_seen(
    house: House, make: Builders, shop: Shop, scheduler: Scheduler
) -> None:
    integration = make.an_integration()
    invoice = make.an_invoice(make.a_customer(tenant_of(integration)))
    link = links.of_invoice(invoice.id)
    scheduler.start()
    eventually(lambda: is_synced(link))

    account = shop.accounts[integration.id]
    eventually(lambda: integrations.get(None, integration.id).cursor is not None)
    account.pays(links.get(link.id).external_id or "")

    seen(house, integration, lambda: invoices.get(None, invoice.id).payment_status == "paid")


def test_who_pays_is_restored_by_the_wake_of_the_pull_that_sees_it(
    house: House, make: Builders, shop: Shop, wall: JumpingClock
) -> None:
    """The schedule itself would come an hour later."""
    house.settings = Settings(
        daemon={"state_dir": str(house.settings.daemon.state_dir)}, enforce={"every": "1h"}
    )
    scheduler = Scheduler(house, Beats(wall))
    house.wake = scheduler.wake
    integration = make.an_integration()
    link = make.a_link(integration, make.a_customer(tenant_of(integration)))
    scheduler.start()
    try:
        eventually(lambda: is_synced(link) and runs.last("enforce") is not None)
        eventually(lambda: integrations.get(None, integration.id).cursor is not None)
        person = customers.get(link.tenant_id, link.customer_id)
        cut = partial(service.move, person, ServiceStatus.SUSPENDED, "Overdue.", cut=True, actor="test")
        house.store.write("test", lambda: cut(at=house.clock.now()))

        shop.accounts[integration.id].pays(links.get(link.id).external_id or "")

        seen(
            house,
            integration,
            lambda: customers.get(link.tenant_id, person.id).service_status == "active",
        )
        assert len(events.latest(types=["service.restored"])) == 1
    finally:
        assert scheduler.stop(10)


def test_a_connection_that_was_not_tested_for_a_day_is_tested(
    house: House, make: Builders, scheduler: Scheduler
) -> None:
    integration = make.an_integration()
    before = house.clock.now() - timedelta(days=2)
    house.store.write("test", lambda: integrations.update(integration.id, tested_at=before))

    scheduler.start()

    eventually(lambda: (integrations.get(None, integration.id).tested_at or before) > before)


def tenant_of(integration: records.Integration) -> records.Tenant:
    return tenants.get(integration.tenant_id)


def test_a_wake_up_need_not_wait_for_the_schedule(house: House, make: Builders, scheduler: Scheduler) -> None:
    integration = make.an_integration()
    scheduler.start()
    eventually(lambda: next_run(scheduler, "push") > datetime.now(UTC) + timedelta(seconds=10))

    link = make.a_link(integration)
    scheduler.wake("push")

    eventually(lambda: is_synced(link), within_s=8)


def next_run(scheduler: Scheduler, verb: str) -> datetime:
    moment: datetime = scheduler._ticks.get_job(verb).next_run_time
    return moment


def test_an_unknown_verb_wakes_nobody_and_a_stopped_scheduler_nobody_either(
    house: House, scheduler: Scheduler
) -> None:
    scheduler.start()
    scheduler.wake("dance")
    scheduler.stop(10)

    scheduler.wake("push")


def test_an_account_that_hangs_delays_no_other(
    house: House, make: Builders, shop: Shop, scheduler: Scheduler
) -> None:
    slow, quick = make.an_integration(), make.an_integration()
    waits, goes = make.a_link(slow), make.a_link(quick)
    answer = threading.Event()
    shop.accounts[slow.id].before_each = lambda: _ignore(answer.wait(20))

    scheduler.start()
    eventually(lambda: is_synced(goes))
    assert not is_synced(waits)

    answer.set()
    eventually(lambda: is_synced(waits))


def _ignore(_value: object) -> None:
    pass


def test_while_a_long_queue_goes_out_payments_are_seen(
    house: House, make: Builders, shop: Shop, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push_module, "TURN_S", 0.05)
    integration = make.an_integration()
    account = shop.accounts[integration.id]
    account.before_each = lambda: _ignore(threading.Event().wait(0.01))
    first, *_, last = make.links(integration, 150)
    scheduler.start()
    eventually(lambda: is_synced(first))

    account.pays(links.get(first.id).external_id or "")
    seen(house, integration, lambda: invoices.get(None, first.invoice_id).payment_status == "paid")

    assert not is_synced(last), "the queue was too short to prove anything"
    eventually(lambda: is_synced(last))


def test_a_stop_waits_for_the_call_in_flight_and_begins_no_other(
    house: House, make: Builders, shop: Shop, scheduler: Scheduler
) -> None:
    integration = make.an_integration()
    link = make.a_link(integration)
    inside, answer = threading.Event(), threading.Event()

    def hold() -> None:
        inside.set()
        answer.wait(20)

    account = shop.accounts[integration.id]
    account.before_each = hold
    scheduler.start()
    assert inside.wait(20)

    assert not scheduler.stop(0.05)
    answer.set()
    assert scheduler.stop(10)

    account.before_each = None
    assert links.get(link.id).state in (SyncState.PENDING, SyncState.SENDING, SyncState.UNCONFIRMED)
    assert integrations.get(None, integration.id).lease_owner is None
    again = Scheduler(house, Beats(house.clock))
    house.stop.clear()
    again.start()
    try:
        eventually(lambda: is_synced(link))
    finally:
        assert again.stop(10)
    assert [paper.sent for paper in account.papers.values()] == [1]


def test_while_pushes_are_paused_nothing_is_sent_and_afterwards_it_is(
    house: House, make: Builders, shop: Shop, scheduler: Scheduler
) -> None:
    integration = make.an_integration()
    link = make.a_link(integration)
    house.pauses["check"] = "the database is being checked"
    scheduler.start()
    eventually(lambda: integrations.get(None, integration.id).cursor is not None)
    assert shop.accounts[integration.id].papers == {}

    house.pauses.clear()
    scheduler.wake("push")

    eventually(lambda: is_synced(link))


def test_a_tick_that_fails_is_told_and_the_next_one_comes(
    house: House, make: Builders, scheduler: Scheduler, log: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = make.a_link(make.an_integration())
    due, broken = integrations.due_for_push, [True]

    def breaks(now: datetime, **more: str) -> list[str]:
        if broken:
            broken.clear()
            raise StoreError("WB-DB-LOCKED", "another process held the database")
        return due(now, **more)

    monkeypatch.setattr(integrations, "due_for_push", breaks)
    scheduler.start()
    eventually(lambda: bool(log.of("scheduler.tick_failed")))
    assert log.of("scheduler.tick_failed")[0]["error"] == "another process held the database"

    scheduler.wake("push")
    eventually(lambda: is_synced(link))


def test_a_clock_that_is_set_back_does_not_stop_the_ticks(
    house: House, make: Builders, scheduler: Scheduler, wall: JumpingClock, log: Lines
) -> None:
    """The ticks were planned an hour ahead of what the clock says now."""
    integration = make.an_integration()
    scheduler.start()
    eventually(lambda: next_run(scheduler, "push") > datetime.now(UTC) + timedelta(seconds=10))
    link = make.a_link(integration)
    scheduler._ticks.get_job("push").modify(next_run_time=datetime.now(UTC) + timedelta(hours=1))
    house.store.write("test", lambda: links.push_at(link.id, house.clock.now() - timedelta(hours=2)))

    wall.off = timedelta(hours=-1)

    eventually(lambda: is_synced(link))
    assert log.of("clock.jumped")[0]["seconds"] == -3600


def test_a_clock_a_day_ahead_pauses_pushes_until_it_is_right(
    house: House, scheduler: Scheduler, wall: JumpingClock, log: Lines
) -> None:
    scheduler.start()
    wall.off = timedelta(days=2)
    eventually(lambda: house.pushes_paused is not None)

    wall.off = timedelta()
    eventually(lambda: house.pushes_paused is None)
    assert [line["code"] for line in log.of("clock.ahead")] == ["WB-CLOCK"]


def test_a_subscriber_is_billed_by_the_daemon_and_the_invoice_goes_out(
    house: House, make: Builders, shop: Shop, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler_module, "bill", bill)
    integration = make.an_integration()
    tenant = tenant_of(integration)
    today = house.clock.now().date().isoformat()
    plan = a_plan(house.store, tenant, lines=[{"description": "Internet", "amount": "50.00"}])
    subscribe(house.store, tenant, make.a_customer(tenant), plan, today)

    scheduler.start()

    eventually(lambda: bool(shop.accounts[integration.id].papers), within_s=40)
    [invoice] = invoices.listing(tenant.id, limit=9)
    eventually(lambda: is_synced(links.of_invoice(invoice.id)))
    eventually(lambda: any(run.job == "bill" and run.finished_at for run in runs.newest_of_each()))
    assert [paper.sent for paper in shop.accounts[integration.id].papers.values()] == [1]


def test_a_comparison_that_somebody_asks_for_is_made_by_the_daemon(
    house: House, make: Builders, shop: Shop, scheduler: Scheduler
) -> None:
    integration = make.an_integration()
    link = make.a_link(integration)
    scheduler.start()
    scheduler.wake("push")
    eventually(lambda: is_synced(link))
    house.store.write("test", lambda: sweeps.ask(integration, house.clock.now()))
    scheduler.wake("sweep")

    def is_proven() -> bool:
        state = sweeps.of(integration.id)
        return state is not None and state.proven_at is not None

    eventually(is_proven)
