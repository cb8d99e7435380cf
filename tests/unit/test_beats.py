"""Beats: a thread that promised to beat and did not is late; one that only passes by never is."""

from __future__ import annotations

import threading

from daemon.beats import Beats
from tests.fakes import FrozenClock


def test_who_does_not_beat_in_time_is_late_until_it_does() -> None:
    clock = FrozenClock()
    beats = Beats(clock)
    beats.beat(30, name="writer")
    beats.beat(90, name="worker")

    clock.move(31)
    assert beats.late() == ["writer"]

    beats.beat(30, name="writer")
    assert beats.late() == []


def test_who_rests_is_not_waited_for() -> None:
    clock = FrozenClock()
    beats = Beats(clock)
    beats.beat()
    beats.rest()

    clock.move(days=1)
    assert beats.late() == []


def test_keeping_a_promise_makes_none() -> None:
    clock = FrozenClock()
    beats = Beats(clock)
    passer_by = threading.Thread(target=beats.keep, args=(30,))
    passer_by.start()
    passer_by.join()
    beats.beat(30)
    beats.keep(600)

    clock.move(599)
    assert beats.late() == []
    clock.move(2)
    assert beats.late() == [threading.current_thread().name]
