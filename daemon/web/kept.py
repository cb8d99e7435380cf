"""An answer that is worked out at most every few seconds, however many ask."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from daemon.clock import Clock

T = TypeVar("T")


class Kept(Generic[T]):
    """One thread works it out while the others wait; what raises is not kept."""

    def __init__(self, work: Callable[[], T], clock: Clock, *, for_s: float) -> None:
        self._work = work
        self._clock = clock
        self._for_s = for_s
        self._lock = threading.Lock()
        self._kept: tuple[float, T] | None = None

    def __call__(self) -> T:
        with self._lock:
            now = self._clock.monotonic()
            if self._kept is None or now - self._kept[0] >= self._for_s:
                self._kept = (now, self._work())
            return self._kept[1]
