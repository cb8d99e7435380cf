"""The gate: no call above the budget, none while the breaker is open, one when it is to be tried again."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from daemon.clock import SystemClock
from daemon.errors import Rationed, Stopping, Throttled
from daemon.gate import IntegrationGate
from daemon.model import Limit
from tests.fakes import FrozenClock


def a_gate(clock: FrozenClock, *limits: Limit, stop: threading.Event | None = None) -> IntegrationGate:
    return IntegrationGate(party="memory", limits=limits, clock=clock, stop=stop or threading.Event())


def call(gate: IntegrationGate, *, ok: bool | None = True) -> None:
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


def test_a_probe_of_which_nothing_was_sent_says_nothing_and_leaves_the_next_to_try() -> None:
    clock = FrozenClock()
    gate = a_gate(clock)
    for _ in range(10):
        call(gate, ok=False)
    clock.move(60)

    call(gate, ok=None)

    call(gate, ok=False)
    with pytest.raises(Throttled):
        gate.enter("")


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


# --- reserve, told quotas, concurrency ----------------------------------------------------------------

DAY = Limit("", 10, 86_400, reserve=0.4, spares=("read",), name="day")


def read(gate: IntegrationGate) -> None:
    gate.enter("read")
    gate.leave("read", ok=True)


def test_bulk_reads_leave_the_reserve_to_pushes_and_urgent_reads() -> None:
    gate = a_gate(FrozenClock(), DAY)
    for _ in range(6):
        read(gate)

    with pytest.raises(Rationed):
        read(gate)
    with gate.urgent():
        read(gate)
    call(gate)

    assert gate.left("day") == 2
    assert gate.used_up is None


def test_once_an_urgent_work_is_over_reads_are_spared_again() -> None:
    gate = a_gate(FrozenClock(), DAY)
    gate.told("day", 4)
    with pytest.raises(ZeroDivisionError), gate.urgent():
        raise ZeroDivisionError

    with pytest.raises(Rationed):
        read(gate)


def test_what_the_provider_tells_of_a_day_closes_the_gate_until_then() -> None:
    clock = FrozenClock()
    gate = a_gate(clock, DAY)
    gate.told("day", 0, 20_000)

    with pytest.raises(Throttled) as caught:
        call(gate)

    assert not isinstance(caught.value, Rationed)
    assert caught.value.retry_after == pytest.approx(20_000)
    assert gate.used_up == clock.now() + timedelta(seconds=20_000)
    successor = a_gate(clock, DAY)
    successor.load(*gate.dump())
    assert successor.used_up == gate.used_up


def test_a_minute_that_is_used_up_parks_nothing() -> None:
    gate = a_gate(FrozenClock(), Limit("", 60, 60, name="minute"))
    gate.told("minute", 0, 50)

    with pytest.raises(Throttled):
        call(gate)

    assert gate.used_up is None


def test_no_more_calls_are_in_flight_than_the_account_bears() -> None:
    clock = FrozenClock()
    gate = IntegrationGate(party="memory", limits=(), clock=clock, stop=threading.Event(), concurrency=2)
    gate.enter("")
    gate.enter("")

    with pytest.raises(Throttled):
        gate.enter("")
    gate.leave("", ok=True)
    gate.enter("")

    assert gate.calls == 3


def test_calls_of_many_threads_never_outnumber_the_concurrency() -> None:
    stop = threading.Event()
    gate = IntegrationGate(party="memory", limits=(), clock=SystemClock(), stop=stop, concurrency=2)
    lock, there, most = threading.Lock(), 0, 0

    def work() -> None:
        nonlocal there, most
        for _ in range(20):
            gate.enter("")
            with lock:
                there += 1
                most = max(most, there)
            with lock:
                there -= 1
            gate.leave("", ok=True)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most <= 2
    assert gate.calls == 120
