"""The gate of an integration: its rate budget and its breaker, asked before every call.

The arithmetic is pure (`policy`) over two columns of the integration's row; whoever holds the lease owns
them, carries them here, and writes them back with the run. In front of it may stand the gate of our app at
the provider (`gate.app`), which all integrations under that app share.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from daemon.clock import Clock
from daemon.errors import Rationed, Stopping, Throttled
from daemon.gate.app import AppGate
from daemon.model import Document, Limit
from daemon.policy import Breaker, Meter, left, others_go, restored, take, told

PATIENCE_S = 20.0
"""A longer wait for the budget gives the worker back and comes again."""

SHORTEST_S = 0.001
"""Rounding may leave a wait that no clock can tell from none."""

CROWDED_S = 0.05
"""How often it is looked whether a call in flight has ended."""

LONG_S = 3600.0
LONGEST_S = 86_400.0
"""A budget that is used up for longer than an hour parks the integration, for a day at most."""


class IntegrationGate:
    """One for each integration and process; safe for the threads of one run."""

    def __init__(
        self,
        *,
        party: str,
        limits: Sequence[Limit],
        clock: Clock,
        stop: threading.Event,
        concurrency: int = 0,
        shared: AppGate | None = None,
    ) -> None:
        """`concurrency`: calls in flight at once, 0 for any number."""
        self._party = party
        self._limits = limits
        self._clock = clock
        self._stop = stop
        self._concurrency = concurrency
        self.shared = shared
        self._lock = threading.Lock()
        self._meters: dict[str, Meter] = {}
        self._breaker = Breaker()
        self._probing = False
        self._urgent = 0
        self._in_flight = 0
        self.calls = 0

    def load(self, budget: Document, breaker: Document) -> None:
        """Take over what the last lease holder left."""
        with self._lock:
            self._meters = {key: restored(kept) for key, kept in budget.items()}
            self._breaker = Breaker.load(breaker)
            self._probing = False
            self.calls = 0

    def dump(self) -> tuple[Document, Document]:
        """Budget and breaker, for the integration's row."""
        with self._lock:
            return {key: meter.dump() for key, meter in self._meters.items()}, self._breaker.dump()

    @property
    def closed(self) -> datetime | None:
        """Until when the breaker lets nothing through; None: it does."""
        with self._lock:
            return self._breaker.closed_at(self._clock.now())

    @property
    def used_up(self) -> datetime | None:
        """Until when nothing at all may be sent, where that is longer than an hour from now."""
        with self._lock:
            now = self._clock.now()
            _, wait_s = take(self._meters, self._limits, "", now, urgent=True)
        return now + timedelta(seconds=min(wait_s, LONGEST_S)) if wait_s > LONG_S else None

    @property
    def straight_failures(self) -> int:
        with self._lock:
            return self._breaker.straight

    @contextmanager
    def urgent(self) -> Iterator[None]:
        """What is sent meanwhile, by any thread of the run, may use the reserve too: pushes with their
        look-ups, and reads that somebody waits for."""
        with self._lock:
            self._urgent += 1
        try:
            yield
        finally:
            with self._lock:
                self._urgent -= 1

    def enter(self, scope: str) -> None:
        waited_s = 0.0
        while True:
            if self._stop.is_set():
                raise Stopping
            pause_s = self._try(scope)
            if pause_s == 0:
                return
            if waited_s + pause_s > PATIENCE_S:
                raise self._refusal(pause_s)
            self._clock.wait(max(pause_s, SHORTEST_S), self._stop)
            waited_s += pause_s

    def leave(self, scope: str, *, ok: bool | None) -> None:
        with self._lock:
            if ok is not None:
                self._breaker = self._breaker.after(ok, self._clock.now())
            self._probing = False
            self._in_flight -= 1

    def told(self, name: str, remaining: float, resets_in_s: float | None = None) -> None:
        now = self._clock.now()
        with self._lock:
            self._meters = told(self._meters, self._limits, name, remaining, resets_in_s, now)
        if self.shared is not None:
            self.shared.told(name, remaining, resets_in_s)

    def left(self, name: str) -> float | None:
        """How many calls are left of the limit of this name; None where there is no such limit."""
        with self._lock:
            now = self._clock.now()
            return min((left(self._meters, x, now) for x in self._limits if x.name == name), default=None)

    def _try(self, scope: str) -> float:
        """Seconds to wait; 0 when the call may go. Raises Throttled while the breaker is open, or half
        open with its one probe under way."""
        with self._lock:
            now = self._clock.now()
            self._refuse_broken(now)
            if self._concurrency and self._in_flight >= self._concurrency:
                return CROWDED_S
            urgent = self._urgent > 0
            meters, pause_s = take(self._meters, self._limits, scope, now, urgent=urgent)
            if pause_s == 0 and self.shared is not None:
                pause_s = self.shared.take(scope, urgent=urgent)
            if pause_s == 0:
                self._meters = meters
                self.calls += 1
                self._in_flight += 1
                self._probing = self._breaker.opened > 0
            return pause_s

    def _refuse_broken(self, now: datetime) -> None:
        closed_at = self._breaker.closed_at(now)
        if closed_at is not None:
            raise Throttled(
                f"{self._party} failed too often; the next try is at {closed_at:%H:%M:%S} UTC",
                party=self._party,
                retry_after=(closed_at - now).total_seconds(),
            )
        if self._probing:
            raise Throttled(f"{self._party} is being probed", party=self._party, retry_after=1.0)

    def _refusal(self, pause_s: float) -> Throttled:
        """Where other calls could still go, it concerns these alone, and parks nothing else."""
        with self._lock:
            others = others_go(self._meters, self._limits, self._clock.now())
        if others and pause_s > CROWDED_S:
            return Rationed(party=self._party, retry_after=pause_s)
        return Throttled("our own rate budget is used up", party=self._party, retry_after=pause_s)
