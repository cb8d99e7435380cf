"""A quota that runs out: bulk reads stop first, pushes and what somebody points at go on, nothing spins."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

import pytest

from daemon.errors import Throttled
from daemon.house import House
from daemon.jobs.visit import Visit, visit
from daemon.model import Capabilities, Hint, Limit
from daemon.providers.memory import Memory
from daemon.store import hints, integrations, links, records
from tests.builders import Builders, invoice_of
from tests.fakes import FrozenClock, PacedAccount, Shop
from tests.jobs.running import run_pull, run_push

DAY = Limit("", 100, 86_400, reserve=0.5, spares=("",), name="day")


READS = Limit("reads", 100, 86_400, name="reads")


class OneByOne(Memory):
    can: ClassVar[Capabilities] = replace(Memory.can, pull_batch=1)


@pytest.fixture
def integration(make: Builders, shop: Shop) -> records.Integration:
    shop.limits, shop.kind = (DAY, READS), OneByOne
    return make.an_integration()


@pytest.fixture
def account(shop: Shop, integration: records.Integration) -> PacedAccount:
    return shop.accounts[integration.id]


@pytest.fixture
def pushed(house: House, make: Builders, integration: records.Integration) -> list[records.Link]:
    found = make.links(integration, 3)
    run_push(house, integration)
    run_pull(house, integration)
    return [links.get(link.id) for link in found]


def only_left(
    house: House, shop: Shop, integration: records.Integration, calls: int, *, of: Limit = DAY
) -> None:
    """What the provider tells, as the next visit finds it; everything open is due for a read."""
    gate = shop.gate(integration)
    gate.told(of.name, calls)
    budget, _ = gate.dump()
    now = house.clock.now()

    def work() -> None:
        integrations.update(integration.id, budget=budget, next_poll_at=now)
        links.read_all_open(integration.id, now)

    house.store.write("test", work)


def test_what_a_hint_points_at_is_read_from_the_reserve_and_the_rest_comes_later(
    house: House,
    shop: Shop,
    integration: records.Integration,
    account: PacedAccount,
    pushed: list[records.Link],
) -> None:
    only_left(house, shop, integration, 50)
    hinted, *others = pushed
    account.pays(hinted.external_id or "")
    account.pays(others[0].external_id or "")
    now = house.clock.now()
    hint = Hint("event-1", hinted.external_id)
    house.store.write(
        "test",
        lambda: hints.note(integration.tenant_id, integration.id, [hint], source="webhook", now=now),
    )

    tally = run_pull(house, integration)

    assert [invoice_of(house, link).payment_status for link in pushed] == ["paid", "open", "open"]
    assert tally.counts["rationed"] == 3  # the feed, and two links
    assert tally.fault is None
    after = integrations.get(None, integration.id)
    assert (after.resume_at, after.fault_code) == (None, None)
    assert integrations.due_for_pull(house.clock.now()) == []


def test_pushes_go_on_from_the_reserve(
    house: House, shop: Shop, make: Builders, integration: records.Integration, pushed: list[records.Link]
) -> None:
    only_left(house, shop, integration, 50)
    new = make.a_link(integration)
    run_pull(house, integration)

    assert integrations.due_for_push(house.clock.now()) == [integration.id]
    run_push(house, integration)

    assert links.get(new.id).state == "synced"


def test_what_waited_is_read_when_there_is_room_again(
    house: House,
    shop: Shop,
    clock: FrozenClock,
    integration: records.Integration,
    account: PacedAccount,
    pushed: list[records.Link],
) -> None:
    only_left(house, shop, integration, 50)
    account.pays(pushed[0].external_id or "")
    run_pull(house, integration)
    clock.move(hours=25)

    run_pull(house, integration)

    assert invoice_of(house, pushed[0]).payment_status == "paid"


def test_a_feed_that_is_not_followed_is_not_called_read(
    house: House, shop: Shop, clock: FrozenClock, integration: records.Integration, pushed: list[records.Link]
) -> None:
    before = integrations.get(None, integration.id).polled_at
    clock.move(hours=1)
    only_left(house, shop, integration, 50)

    run_pull(house, integration)

    after = integrations.get(None, integration.id)
    assert after.polled_at == before
    assert after.next_poll_at is not None
    assert after.next_poll_at > clock.now()


def test_where_no_read_at_all_is_left_hints_become_due_when_there_are_some_again(
    house: House,
    shop: Shop,
    clock: FrozenClock,
    integration: records.Integration,
    account: PacedAccount,
    pushed: list[records.Link],
) -> None:
    """Reads have a limit of their own here (QuickBooks meters them by the month), and pushes go on."""
    account.scope = READS.name
    only_left(house, shop, integration, 0, of=READS)
    account.pays(pushed[0].external_id or "")
    now = house.clock.now()
    told = [Hint("event-1", pushed[0].external_id), Hint("event-2", None)]
    house.store.write(
        "test",
        lambda: hints.note(integration.tenant_id, integration.id, told, source="webhook", now=now),
    )

    tally = run_pull(house, integration)

    assert tally.fault is None
    assert hints.count_waiting(integration.id) == 0
    assert integrations.due_for_pull(clock.now()) == []
    clock.move(hours=1, seconds=1)
    assert integrations.due_for_pull(clock.now()) == [integration.id]
    run_pull(house, integration)
    assert invoice_of(house, pushed[0]).payment_status == "paid"


def refused(visit_: Visit) -> None:
    """The provider answers 429 for its day's limit, and says when that is whole again."""
    visit_.gate.enter("")
    visit_.gate.told("day", 0, 40_000)
    visit_.gate.leave("", ok=False)
    raise Throttled("the day is used up", retry_after=3600)


def test_a_day_that_is_used_up_parks_this_integration_until_then_and_no_other(
    house: House, make: Builders, clock: FrozenClock, integration: records.Integration
) -> None:
    other = make.an_integration()
    visit(house, integration.id, "pull", refused)
    refused_at = clock.now()

    after = integrations.get(None, integration.id)
    assert after.resume_at == refused_at + timedelta(seconds=40_000)
    assert after.state == "active"
    assert integrations.due_for_pull(clock.now()) == [other.id]
    clock.move(39_000)
    assert integration.id not in integrations.due_for_pull(clock.now())
    clock.move(1_001)
    assert integration.id in integrations.due_for_pull(clock.now())


def test_a_throttling_of_a_minute_parks_it_for_what_was_asked(
    house: House, clock: FrozenClock, integration: records.Integration
) -> None:
    def slow(_visit: Visit) -> None:
        raise Throttled("slow", retry_after=30)

    visit(house, integration.id, "pull", slow)

    resume_at = integrations.get(None, integration.id).resume_at
    assert resume_at is not None
    assert timedelta(seconds=30) <= resume_at - clock.now() <= timedelta(seconds=32)
