"""Waking a job without doing so for every delivery of a burst."""

from __future__ import annotations

import threading

from daemon.house import House

AFTER_S = 0.1


class Nudge:
    """Called any number of times, wakes the verb once, `AFTER_S` after the first of them: so what was
    committed before the last call is seen by that look or by one that is still to come."""

    def __init__(self, house: House, verb: str) -> None:
        self._house = house
        self._verb = verb
        self._lock = threading.Lock()
        self._waits = False

    def __call__(self) -> None:
        with self._lock:
            if self._waits:
                return
            self._waits = True
        timer = threading.Timer(AFTER_S, self._wake)
        timer.daemon = True
        timer.start()

    def _wake(self) -> None:
        with self._lock:
            self._waits = False
        self._house.wake(self._verb)
