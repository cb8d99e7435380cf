"""The gate of an integration: its rate budget and its breaker, asked before every call.

The arithmetic is pure (`policy`) over two columns of the integration's row; whoever holds the lease owns
them, carries them here, and writes them back with the run.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime

from daemon.clock import Clock
from daemon.errors import Stopping, Throttled
from daemon.model import Document, Limit
from daemon.policy import Breaker, Bucket, take

PATIENCE_S = 20.0
"""A longer wait for the budget gives the worker back and comes again."""

SHORTEST_S = 0.001
"""Rounding may leave a wait that no clock can tell from none."""


class IntegrationGate:
    """One for each integration and process; safe for the threads of one run."""

    def __init__(self, *, party: str, limits: Sequence[Limit], clock: Clock, stop: threading.Event) -> None:
        self._party = party
        self._limits = limits
        self._clock = clock
        self._stop = stop
        self._lock = threading.Lock()
        self._buckets: dict[str, Bucket] = {}
        self._breaker = Breaker()
        self._probing = False
        self.calls = 0

    def load(self, budget: Document, breaker: Document) -> None:
        """Take over what the last lease holder left."""
        with self._lock:
            self._buckets = {name: Bucket(float(b["tokens"]), int(b["at"])) for name, b in budget.items()}
            self._breaker = Breaker.load(breaker)
            self._probing = False
            self.calls = 0

    def dump(self) -> tuple[Document, Document]:
        """Budget and breaker, for the integration's row."""
        with self._lock:
            budget = {name: {"tokens": round(b.tokens, 3), "at": b.at} for name, b in self._buckets.items()}
            return budget, self._breaker.dump()

    @property
    def closed(self) -> datetime | None:
        """Until when the breaker lets nothing through; None: it does."""
        with self._lock:
            return self._breaker.closed_at(self._clock.now())

    @property
    def straight_failures(self) -> int:
        with self._lock:
            return self._breaker.straight

    def enter(self, scope: str) -> None:
        waited_s = 0.0
        while True:
            if self._stop.is_set():
                raise Stopping
            pause_s = self._try(scope)
            if pause_s == 0:
                return
            if waited_s + pause_s > PATIENCE_S:
                raise Throttled("our own rate budget is used up", party=self._party, retry_after=pause_s)
            self._clock.wait(max(pause_s, SHORTEST_S), self._stop)
            waited_s += pause_s

    def leave(self, scope: str, *, ok: bool) -> None:
        with self._lock:
            self._breaker = self._breaker.after(ok, self._clock.now())
            self._probing = False

    def _try(self, scope: str) -> float:
        """Seconds to wait; 0 when the call may go. Raises Throttled while the breaker is open, or half
        open with its one probe under way."""
        with self._lock:
            now = self._clock.now()
            closed_at = self._breaker.closed_at(now)
            if closed_at is not None:
                raise Throttled(
                    f"{self._party} failed too often; the next try is at {closed_at:%H:%M:%S} UTC",
                    party=self._party,
                    retry_after=(closed_at - now).total_seconds(),
                )
            if self._probing:
                raise Throttled(f"{self._party} is being probed", party=self._party, retry_after=1.0)
            self._buckets, pause_s = take(self._buckets, self._limits, scope, now)
            if pause_s == 0:
                self.calls += 1
                self._probing = self._breaker.opened > 0
            return pause_s
