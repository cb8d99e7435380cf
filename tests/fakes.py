"""Stand-ins for what lies outside: time, randomness, a shop of adapters to accounts in memory."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from daemon.gate import IntegrationGate
from daemon.model import Document, Limit, Mode
from daemon.policy import share_of
from daemon.providers.base import Context, Provider
from daemon.providers.memory import Memory, MemoryAccount, MemoryCredentials
from daemon.store import records
from daemon.wire import Reply

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


class FrozenClock:
    """Time that stands still until it is moved; waiting moves it. `wall_off_s` sets the wall clock wrong."""

    def __init__(self, start: datetime = NOW) -> None:
        self._lock = threading.Lock()
        self._start = start
        self._elapsed = timedelta()
        self.wall_off_s = 0.0

    def now(self) -> datetime:
        return self._start + self._elapsed + timedelta(seconds=self.wall_off_s)

    def monotonic(self) -> float:
        return self._elapsed.total_seconds()

    def wait(self, seconds: float, stop: threading.Event | None = None) -> bool:
        self.move(seconds)
        return stop is not None and stop.is_set()

    def move(self, seconds: float = 0, *, minutes: float = 0, hours: float = 0, days: float = 0) -> datetime:
        with self._lock:
            self._elapsed += timedelta(days=days, hours=hours, minutes=minutes, seconds=max(0.0, seconds))
        return self.now()


class SeededEntropy:
    """The same bytes and fractions in every run."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def bytes(self, count: int) -> bytes:
        with self._lock:
            return self._random.randbytes(count)

    def fraction(self) -> float:
        with self._lock:
            return self._random.random()


class NoWire:
    """The memory provider needs none."""

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        deadline_s: float | None = None,
        scope: str = "",
    ) -> Reply:
        raise AssertionError(f"nothing is sent over a wire here: {method} {url}")

    def told(self, name: str, remaining: float, resets_in_s: float | None = None) -> None:
        pass

    def close(self) -> None:
        pass


@dataclass
class PacedAccount(MemoryAccount):
    """An account behind a gate, that lives by the clock of the house."""

    clock: FrozenClock = field(default_factory=FrozenClock)
    gate: IntegrationGate | None = None
    scope: str = ""
    before_each: Callable[[], None] | None = None
    """Called before each call reaches the account, in the thread that calls."""

    def read(self) -> None:
        if self.gate is None:
            super().read()
            return
        self.gate.enter(self.scope)
        ok = False
        try:
            self.now = self.clock.now()
            if self.before_each is not None:
                self.before_each()
            super().read()
            ok = True
        finally:
            self.gate.leave(self.scope, ok=ok)


class Shop:
    """Hands out the adapter of the account that stands behind an integration."""

    def __init__(self, clock: FrozenClock, stop: threading.Event) -> None:
        self.clock, self.stop = clock, stop
        self.accounts: dict[str, PacedAccount] = {}
        self.limits: tuple[Limit, ...] = ()
        self.kind: type[Memory] = Memory
        self.fault: Exception | None = None
        self._gates: dict[str, IntegrationGate] = {}

    def __call__(self, integration: records.Integration) -> Provider:
        if self.fault is not None:
            raise self.fault
        account = self.accounts[integration.id]
        account.gate = self.gate(integration)
        account.now = self.clock.now()
        context = Context(MemoryCredentials(), Memory.settings(), NoWire(), Mode.SANDBOX)
        return self.kind(context, account)

    def gate(self, integration: records.Integration) -> IntegrationGate:
        if integration.id not in self._gates:
            limits = share_of(self.limits, 1.0)
            self._gates[integration.id] = IntegrationGate(
                party="memory", limits=limits, clock=self.clock, stop=self.stop
            )
        return self._gates[integration.id]

    def forget(self, integration_id: str) -> None:
        self._gates.pop(integration_id, None)


@dataclass
class Lines:
    """What was logged."""

    entries: list[Document]

    @property
    def events(self) -> list[str]:
        return [entry["event"] for entry in self.entries]

    def of(self, event: str) -> list[Document]:
        return [entry for entry in self.entries if entry["event"] == event]

    def __iter__(self) -> Iterator[Document]:
        return iter(self.entries)
