"""Visit: one worker at one integration, and a row, a line and a state for what became of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daemon.errors import (
    BrakeApplied,
    Garbled,
    InvalidInput,
    OutcomeUnknown,
    Stopping,
    Throttled,
    Unauthorised,
    WispbillError,
)
from daemon.house import House
from daemon.jobs.visit import Tally, Visit, visit
from daemon.model import IntegrationState, Limit
from daemon.store import events, integrations, leases, meta, records, runs
from tests.builders import Builders
from tests.fakes import FrozenClock, Lines, Shop


@pytest.fixture
def integration(make: Builders) -> records.Integration:
    return make.an_integration()


def fails(error: Exception) -> object:
    def work(_visit: Visit) -> None:
        raise error

    return work


def ends_with(house: House, integration: records.Integration, error: Exception) -> records.Integration:
    visit(house, integration.id, "pull", fails(error))  # type: ignore[arg-type]
    return integrations.get(None, integration.id)


def test_a_visit_leaves_a_row_a_line_and_no_lease(
    house: House, integration: records.Integration, log: Lines
) -> None:
    tally = visit(house, integration.id, "pull", lambda v: v.tally.add("read", 3))

    assert tally == Tally(counts={"read": 3}, _lock=tally._lock if tally else None)  # type: ignore[arg-type]
    run = runs.last("pull")
    assert run is not None
    assert (run.counts, run.fault_code, run.finished_at) == ({"read": 3}, None, house.clock.now())
    assert log.of("pull.finished") == [
        {
            "event": "pull.finished",
            "log_level": "info",
            "integration": integration.id,
            "provider": "memory",
            "calls": 0,
            "fault": None,
            "read": 3,
        }
    ]
    assert integrations.get(None, integration.id).lease_owner is None


def test_a_visit_with_nothing_to_tell_is_silent(
    house: House, integration: records.Integration, log: Lines
) -> None:
    visit(house, integration.id, "pull", lambda _visit: None)

    assert runs.last("pull") is None
    assert log.entries == []


def test_where_somebody_works_nobody_else_does(house: House, integration: records.Integration) -> None:
    inner: list[object] = []

    visit(
        house,
        integration.id,
        "push",
        lambda _visit: inner.append(visit(house, integration.id, "pull", lambda _v: None)),
    )

    assert inner == [None]


def test_the_lease_of_a_dead_worker_runs_out(
    house: House, integration: records.Integration, clock: FrozenClock
) -> None:
    leases.claim(house.store, integration.id, "dead:1")
    assert visit(house, integration.id, "pull", lambda _visit: None) is None

    clock.move(leases.LEASE_S + 1)
    assert visit(house, integration.id, "pull", lambda _visit: None) is not None


@pytest.mark.parametrize(
    "state",
    [IntegrationState.PAUSED, IntegrationState.TESTING, IntegrationState.REMOVED, IntegrationState.ERROR],
)
def test_what_does_not_run_is_not_visited(
    house: House, integration: records.Integration, state: IntegrationState
) -> None:
    now = house.clock.now()
    house.store.write("test", lambda: integrations.set_state(integration, state, now=now))

    assert visit(house, integration.id, "push", fails(AssertionError())) is None  # type: ignore[arg-type]
    assert integrations.get(None, integration.id).lease_owner is None


FAULTS = {
    "a lost credential": (Unauthorised("revoked"), "needs_reconnect", "WB-REMOTE-UNAUTHORISED", True),
    "silence": (OutcomeUnknown("silence"), "active", "WB-REMOTE-UNKNOWN", True),
    "nonsense": (Garbled("nonsense"), "active", "WB-REMOTE-GARBLED", True),
    "throttling": (Throttled("slow", retry_after=90), "active", None, True),
    "unusable settings": (
        InvalidInput("WB-CREDENTIALS-FORMAT", "no"),
        "active",
        "WB-CREDENTIALS-FORMAT",
        True,
    ),
    "the brake": (BrakeApplied("held"), "active", None, False),
    "a stop": (Stopping(), "active", None, False),
    "a fault of ours": (WispbillError("odd"), "active", "WB-INTERNAL", True),
}


@pytest.mark.parametrize(("error", "state", "code", "pauses"), FAULTS.values(), ids=FAULTS)
def test_what_a_fault_means_for_the_integration(
    house: House,
    integration: records.Integration,
    error: WispbillError,
    state: str,
    code: str | None,
    pauses: bool,
) -> None:
    after = ends_with(house, integration, error)

    assert (after.state, after.fault_code) == (state, code)
    assert (after.resume_at is not None) is pauses
    run = runs.last("pull")
    assert run is not None
    assert run.fault_code == error.code


def test_what_the_provider_asks_for_is_kept(house: House, integration: records.Integration) -> None:
    after = ends_with(house, integration, Throttled(retry_after=90))

    assert after.resume_at is not None
    assert timedelta(seconds=90) <= after.resume_at - house.clock.now() <= timedelta(seconds=92)


def test_a_good_visit_forgets_the_fault(house: House, integration: records.Integration) -> None:
    ends_with(house, integration, Garbled("nonsense"))

    visit(house, integration.id, "pull", lambda _visit: None)

    after = integrations.get(None, integration.id)
    assert (after.fault_code, after.resume_at) == (None, None)


def test_a_lost_credential_is_told_once(house: House, integration: records.Integration) -> None:
    for _ in range(2):
        ends_with(house, integration, Unauthorised())

    assert len(events.latest(types=["integration.needs_reconnect"])) == 1


def test_budget_and_breaker_are_handed_to_the_next_holder(house: House, make: Builders, shop: Shop) -> None:
    shop.limits = (Limit("", 2, 3600),)
    integration = make.an_integration()

    def calls(v: Visit) -> None:
        for _ in range(2):
            v.gate.enter("")
            v.gate.leave("", ok=False)

    visit(house, integration.id, "pull", calls)
    shop.forget(integration.id)  # another process

    with pytest.raises(AssertionError):
        visit(house, integration.id, "pull", one_more)
    assert integrations.get(None, integration.id).breaker["straight"] == 2


def one_more(v: Visit) -> None:
    assert v.gate.straight_failures == 2
    with pytest.raises(Throttled):
        v.gate.enter("")
    raise AssertionError("reached")


def test_recovery_mode_is_seen_by_every_visit(house: House, integration: records.Integration) -> None:
    seen: list[bool] = []
    visit(house, integration.id, "push", lambda v: seen.append(v.book().look_first))
    house.store.write("test", lambda: meta.put(meta.RECOVERY, {"since": "2026-03-02"}))
    visit(house, integration.id, "push", lambda v: seen.append(v.book().look_first))

    assert seen == [False, True]
