"""The gate of an app: all accounts under it together stay inside its limits, and a month is counted."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.errors import Rationed, Throttled
from daemon.gate import AppGate, IntegrationGate
from daemon.model import Limit
from tests.fakes import FrozenClock

MONTH = Limit("read", 10, 31 * 86_400, reserve=0.2, spares=("read",), name="month")
MINUTE = Limit("", 40, 60, name="minute")


def an_account(app: AppGate, clock: FrozenClock) -> IntegrationGate:
    return IntegrationGate(party="memory", limits=(), clock=clock, stop=threading.Event(), shared=app)


def call(gate: IntegrationGate, scope: str = "read") -> None:
    gate.enter(scope)
    gate.leave(scope, ok=True)


def test_accounts_share_what_their_app_may_send() -> None:
    clock = FrozenClock()
    app = AppGate("app-1", [MINUTE], clock)
    accounts = [an_account(app, clock) for _ in range(3)]

    for n in range(30):
        call(accounts[n % 3])

    assert clock.monotonic() == pytest.approx(30, abs=1)  # ten at once, then one in 1.5 s


def test_a_call_that_the_app_refuses_costs_the_account_nothing() -> None:
    clock = FrozenClock()
    app = AppGate("app-1", [MINUTE], clock)
    limits = (Limit("", 100, 86_400, name="day"),)
    gate = IntegrationGate(party="m", limits=limits, clock=clock, stop=threading.Event(), shared=app)
    gate.told("minute", 0, 50)

    with pytest.raises(Throttled):
        gate.enter("")

    assert gate.left("day") == 100


def test_a_month_s_reads_end_before_its_reserve_and_writes_go_on() -> None:
    clock = FrozenClock()
    gate = an_account(AppGate("app-1", [MONTH], clock), clock)
    for _ in range(8):
        call(gate)

    with pytest.raises(Rationed):
        call(gate)
    with gate.urgent():
        call(gate)
        call(gate)
        with pytest.raises(Rationed):
            call(gate)
    call(gate, "write")


def test_a_month_begins_anew_on_its_first_day_in_utc() -> None:
    clock = FrozenClock(datetime(2026, 12, 31, 23, 0, tzinfo=UTC))
    app = AppGate("app-1", [MONTH], clock)
    app.told("month", 0, None)

    assert app.take("read", urgent=True) == 3600
    clock.move(hours=1)
    assert app.take("read", urgent=True) == 0


def test_what_others_spent_counts_once_it_is_known() -> None:
    clock = FrozenClock()
    app = AppGate("app-1", [MONTH], clock)
    app.take("read", urgent=True)
    spent = app.unsaved()

    app.saved(spent, {("month", "2026-03"): 10})

    assert spent == {("month", "2026-03"): 1}
    assert app.unsaved() == {}
    assert app.take("read", urgent=True) > 0


@given(st.lists(st.sampled_from(["a", "b", "save-a", "save-b"]), max_size=80))
def test_two_processes_overshoot_by_no_more_than_what_they_had_not_told(steps: list[str]) -> None:
    """Each saves what it spent when it likes; the total is never taken back, and none is counted twice."""
    clock = FrozenClock()
    limit = Limit("", 20, 31 * 86_400, name="month")
    gates = {name: AppGate("app-1", [limit], clock) for name in "ab"}
    total, went, unsaved_most = 0, 0, 0
    for step in steps:
        name = step[-1]
        if step.startswith("save"):
            spent = gates[name].unsaved()
            total += sum(spent.values())
            gates[name].saved(spent, {("month", "2026-03"): total})
        else:
            went += gates[name].take("", urgent=True) == 0
        unsaved = sum(sum(gate.unsaved().values()) for gate in gates.values())
        unsaved_most = max(unsaved_most, unsaved)
        assert total + unsaved == went
    assert went <= limit.calls + unsaved_most
