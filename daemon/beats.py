"""Heartbeats of the daemon's threads: the watchdog is fed only while none of them is late."""

from __future__ import annotations

import threading

from daemon.clock import Clock

EVERY_S = 30.0


class Beats:
    """Each thread promises how soon it beats again; a thread at rest promises nothing."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._until: dict[str, float] = {}

    def beat(self, within_s: float = EVERY_S, name: str | None = None) -> None:
        """The calling thread (or what `name` stands for, where any thread of a pool may do it) lives, and
        beats again within `within_s` seconds or rests."""
        with self._lock:
            self._until[name or threading.current_thread().name] = self._clock.monotonic() + within_s

    def keep(self, within_s: float) -> None:
        """As beat, for a thread that has promised to: one that only passes by, such as a web request or a
        push side by side with others, would never rest."""
        with self._lock:
            name = threading.current_thread().name
            if name in self._until:
                self._until[name] = self._clock.monotonic() + within_s

    def rest(self) -> None:
        """The calling thread has nothing to do."""
        with self._lock:
            self._until.pop(threading.current_thread().name, None)

    def late(self) -> list[str]:
        """Names of the threads that broke their promise."""
        now = self._clock.monotonic()
        with self._lock:
            return sorted(name for name, until in self._until.items() if until < now)
