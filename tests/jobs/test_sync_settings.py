"""Sync settings mean what they say, at once: what is created, what is read, and how often."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from daemon.connect import accounts
from daemon.house import House
from daemon.jobs import wishes
from daemon.jobs.sweep import due_for_sweep
from daemon.model import Hint, SyncState
from daemon.store import hints, integrations, invoices, links, records, sweeps
from tests.builders import Builders
from tests.dunning import Wisp
from tests.fakes import FrozenClock, Shop
from tests.jobs.running import push_all_due, run_pull, run_push


def change(house: House, row: records.Integration, **changes: Any) -> records.Integration:
    return accounts.change(house, row, changes, actor="test")


# --- create automatically -----------------------------------------------------------------------------


def test_off_an_invoice_waits_until_somebody_syncs_it(house: House, make: Builders) -> None:
    integration = change(house, make.an_integration(), create_automatically=False)
    link = make.a_link(integration)

    assert push_all_due(house) == []
    invoice = invoices.get(None, link.invoice_id)
    house.store.write("test", lambda: wishes.sync(invoice, actor="test", now=house.clock.now()))
    push_all_due(house)

    assert links.get(link.id).state == SyncState.SYNCED


def test_switched_off_it_holds_back_what_is_due_but_not_what_was_begun(
    house: House, make: Builders, shop: Shop, clock: FrozenClock
) -> None:
    integration = make.an_integration()
    begun = make.a_link(integration)
    shop.accounts[integration.id].lands_but_times_out(after=1)
    run_push(house, integration)
    due = make.a_link(integration)

    change(house, integration, create_automatically=False)
    clock.move(hours=2)
    push_all_due(house)

    assert [links.get(x.id).state for x in (begun, due)] == [SyncState.SYNCED, SyncState.PENDING]
    assert len(shop.accounts[integration.id].papers) == 1


def test_off_an_invoice_is_voided_all_the_same(house: House, make: Builders) -> None:
    integration = make.an_integration()
    link = make.a_link(integration)
    house.store.write("test", lambda: links.request_void(link, now=house.clock.now()))

    change(house, integration, create_automatically=False)
    push_all_due(house)

    assert invoices.get(None, link.invoice_id).payment_status == "void"


def test_switched_off_while_it_is_down_it_sends_nothing_when_it_is_back(
    house: House, make: Builders, shop: Shop, clock: FrozenClock
) -> None:
    integration = make.an_integration()
    link = make.a_link(integration)
    shop.accounts[integration.id].revokes_access()
    run_push(house, integration)
    assert links.get(link.id).state == SyncState.PARKED
    change(house, integration, create_automatically=False)

    shop.accounts[integration.id].recovers()
    account = shop(integration).check()
    now, row = clock.now(), integrations.get(None, integration.id)
    house.store.write("test", lambda: integrations.tested(row, account, now=now, actor="test"))
    clock.move(hours=1)
    push_all_due(house)

    assert links.get(link.id).state == SyncState.PENDING
    assert shop.accounts[integration.id].papers == {}


# --- pull status --------------------------------------------------------------------------------------


def test_off_nothing_is_read_or_compared_whatever_points_at_it(
    house: House, make: Builders, clock: FrozenClock
) -> None:
    integration = make.an_integration()
    link = make.a_link(integration)
    run_push(house, integration)
    change(house, integration, pull_status=False)
    found = [Hint("evt_1", links.get(link.id).external_id, clock.now())]
    house.store.write(
        "test",
        lambda: hints.note(integration.tenant_id, integration.id, found, source="webhook", now=clock.now()),
    )

    clock.move(days=2)

    assert integrations.due_for_pull(clock.now()) == []
    assert sweeps.free_ones(clock.now()) == []
    assert due_for_sweep(house) == []


def test_on_again_what_was_paid_meanwhile_is_read_at_once(
    house: House, make: Builders, shop: Shop, clock: FrozenClock
) -> None:
    integration = make.an_integration()
    link = make.a_link(integration)
    run_push(house, integration)
    run_pull(house, integration)
    integration = change(house, integration, pull_status=False)
    shop.accounts[integration.id].pays(links.get(link.id).external_id or "")
    clock.move(days=40)  # the change feed reaches back 25

    change(house, integration, pull_status=True)
    assert integrations.due_for_pull(clock.now()) == [integration.id]
    run_pull(house, integrations.get(None, integration.id))

    assert invoices.get(None, link.invoice_id).payment_status == "paid"


def test_on_again_what_was_paid_before_is_read_too(
    house: House, make: Builders, shop: Shop, clock: FrozenClock
) -> None:
    """It may have been given back, or have bounced; and not everybody has a list of what changed."""
    integration = make.an_integration()
    link = make.a_link(integration)
    run_push(house, integration)
    shop.accounts[integration.id].pays(links.get(link.id).external_id or "")
    clock.move(minutes=5)
    run_pull(house, integration)
    assert links.get(link.id).next_pull_at is None

    change(house, integration, pull_status=False)
    change(house, integration, pull_status=True)

    assert links.get(link.id).next_pull_at == clock.now()


def test_off_nobody_is_warned_or_cut_off(house: House, make: Builders, shop: Shop) -> None:
    wisp = Wisp(house, make, shop)
    link = wisp.an_invoice()
    change(house, wisp.integration, pull_status=False)

    wisp.days("2026-03-10", "2026-04-20")

    assert wisp.status(link) == "active"


# --- pace ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("was", "becomes", "latest"),
    [
        ("daily", "realtime", timedelta(0)),
        ("daily", "hourly", timedelta(hours=1)),
        ("hourly", "realtime", timedelta(0)),
    ],
)
def test_a_quicker_pace_counts_from_now(
    house: House, make: Builders, clock: FrozenClock, was: str, becomes: str, latest: timedelta
) -> None:
    integration = make.an_integration(pace=was)
    make.a_link(integration)
    run_push(house, integration)
    run_pull(house, integration)
    clock.move(minutes=1)
    assert integrations.due_for_pull(clock.now()) == []

    changed = change(house, integrations.get(None, integration.id), pace=becomes)

    assert changed.next_poll_at is not None
    assert changed.next_poll_at <= clock.now() + latest


def test_a_slower_pace_counts_from_the_next_read(house: House, make: Builders, clock: FrozenClock) -> None:
    integration = make.an_integration(pace="realtime")
    make.a_link(integration)
    run_push(house, integration)
    integration = change(house, integration, pace="daily")
    run_pull(house, integration)

    clock.move(hours=23)
    assert integrations.due_for_pull(clock.now()) == []
    clock.move(hours=6)
    assert integrations.due_for_pull(clock.now()) == [integration.id]


def test_a_change_of_settings_is_in_the_audit(house: House, make: Builders) -> None:
    from daemon.store import audit

    change(house, make.an_integration(), pull_status=False, pace="daily")

    row = audit.latest(limit=1)[0]
    assert (row.action, row.data["fields"]) == ("integration.changed", ["pace", "pull_status"])
