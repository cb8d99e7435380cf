"""The gate: no call above the budget, none while the breaker is open, one when it is to be tried again."""

from __future__ import annotations

import threading

import pytest

from daemon.errors import Stopping, Throttled
from daemon.gate import IntegrationGate
from daemon.model import Limit
from tests.fakes import FrozenClock


def a_gate(clock: FrozenClock, *limits: Limit, stop: threading.Event | None = None) -> IntegrationGate:
    return IntegrationGate(party="memory", limits=limits, clock=clock, stop=stop or threading.Event())


def call(gate: IntegrationGate, *, ok: bool = True) -> None:
    gate.enter("")
    gate.leave("", ok=ok)


def test_calls_wait_for_the_budget_and_are_counted() -> None:
    clock = FrozenClock()
    gate = a_gate(clock, Limit("", 10, 1))

    for _ in range(30):
        call(gate)

    assert clock.monotonic() == pytest.approx(2.8, abs=0.1)
    assert gate.calls == 30


def test_a_long_wait_gives_the_worker_back() -> None:
    gate = a_gate(FrozenClock(), Limit("", 1, 3600))
    call(gate)

    with pytest.raises(Throttled) as caught:
        call(gate)

    assert caught.value.retry_after == pytest.approx(3600, abs=1)


def test_a_stop_ends_the_wait() -> None:
    stop = threading.Event()
    stop.set()

    with pytest.raises(Stopping):
        a_gate(FrozenClock(), stop=stop).enter("")


def test_while_the_breaker_is_open_nothing_goes_through() -> None:
    clock = FrozenClock()
    gate = a_gate(clock)
    for _ in range(10):
        call(gate, ok=False)

    with pytest.raises(Throttled) as caught:
        gate.enter("")

    assert caught.value.retry_after == 60
    assert gate.closed is not None
    assert gate.calls == 10


def test_after_the_pause_one_probe_goes_first_and_alone() -> None:
    clock = FrozenClock()
    gate = a_gate(clock)
    for _ in range(10):
        call(gate, ok=False)
    clock.move(60)

    gate.enter("")
    with pytest.raises(Throttled):
        gate.enter("")
    gate.leave("", ok=True)

    call(gate)
    assert gate.closed is None


def test_what_a_gate_counted_is_taken_over_by_the_next_holder() -> None:
    clock = FrozenClock()
    gate = a_gate(clock, Limit("", 2, 3600))
    for _ in range(2):
        call(gate, ok=False)

    successor = a_gate(clock, Limit("", 2, 3600))
    successor.load(*gate.dump())

    assert successor.straight_failures == 2
    with pytest.raises(Throttled):
        successor.enter("")
