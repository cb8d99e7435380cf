"""Leases: one worker at an integration, and no result from one who lost it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from daemon.errors import LeaseLost
from daemon.store import integrations, leases, records
from daemon.store.database import Store
from daemon.store.leases import LEASE_S, Lease
from tests.builders import Builders
from tests.fakes import FrozenClock


@pytest.fixture
def integration(make: Builders) -> records.Integration:
    return make.an_integration()


def claimed(store: Store, integration: records.Integration, owner: str = "a:1") -> Lease:
    lease = leases.claim(store, integration.id, owner)
    assert lease is not None
    return lease


def test_a_second_claim_gets_nothing(store: Store, integration: records.Integration) -> None:
    claimed(store, integration)

    assert leases.claim(store, integration.id, "b:2") is None
    assert integrations.get(None, integration.id).lease_owner == "a:1"


def test_of_many_claims_at_once_one_succeeds(store: Store, integration: records.Integration) -> None:
    def claim(n: int) -> bool:
        with store.session():
            return leases.claim(store, integration.id, f"host:{n}") is not None

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(claim, range(8))) == 1


def test_a_released_lease_is_free_at_once(store: Store, integration: records.Integration) -> None:
    claimed(store, integration).release()

    assert claimed(store, integration, "b:2").fence == 2


def test_a_lease_that_ran_out_is_free(
    store: Store, integration: records.Integration, clock: FrozenClock
) -> None:
    claimed(store, integration)
    clock.move(LEASE_S + 1)

    assert claimed(store, integration, "b:2").owner == "b:2"


def test_who_was_overtaken_writes_nothing_more(
    store: Store, integration: records.Integration, clock: FrozenClock
) -> None:
    first = claimed(store, integration)
    clock.move(LEASE_S + 1)
    claimed(store, integration, "b:2")

    with pytest.raises(LeaseLost):
        store.write("test", first.guard)
    first.release()

    assert integrations.get(None, integration.id).lease_owner == "b:2"


def test_an_overdue_lease_that_nobody_took_is_renewed(
    store: Store, integration: records.Integration, clock: FrozenClock
) -> None:
    lease = claimed(store, integration)
    clock.move(LEASE_S + 1)

    store.write("test", lease.guard)

    assert leases.claim(store, integration.id, "b:2") is None


def test_a_guard_renews_only_when_little_is_left(
    store: Store, integration: records.Integration, clock: FrozenClock
) -> None:
    lease = claimed(store, integration)
    until = lease.until
    clock.move(LEASE_S / 2)

    store.write("test", lease.guard)
    assert lease.until == until

    store.write("test", lambda: lease.guard(need_s=LEASE_S))
    assert (lease.until - clock.now()).total_seconds() == 2 * LEASE_S


def test_the_dead_leave_nothing_behind(store: Store, make: Builders) -> None:
    dead, alive = make.an_integration(), make.an_integration()
    claimed(store, dead, "host:1")
    claimed(store, alive, "host:2")

    assert leases.drop_dead(store, lambda owner: owner == "host:2") == 1

    assert claimed(store, dead, "host:3").owner == "host:3"
    assert leases.claim(store, alive.id, "host:3") is None


def test_a_lease_from_a_clock_that_was_far_ahead_holds_nobody_up(
    store: Store, integration: records.Integration, clock: FrozenClock
) -> None:
    clock.move(hours=3)
    claimed(store, integration)
    clock.move(hours=-3)

    assert claimed(store, integration, "b:2").owner == "b:2"
