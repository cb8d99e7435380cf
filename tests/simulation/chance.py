"""Time and randomness of a simulated world: nothing here reads a clock."""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class TrueTime:
    """How much time really passed, in seconds since the start. The provider lives by it."""

    def __init__(self) -> None:
        self.elapsed_s = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.elapsed_s)

    def monotonic(self) -> float:
        return self.elapsed_s

    def wait(self, seconds: float, stop: threading.Event | None = None) -> bool:
        self.elapsed_s += max(0.0, seconds)
        return stop is not None and stop.is_set()


class HouseClock:
    """Our machine's clock: its wall time can be set wrong (`off_s`), its monotonic time cannot."""

    def __init__(self, true: TrueTime) -> None:
        self._true = true
        self.off_s = 0.0

    def now(self) -> datetime:
        return self._true.now() + timedelta(seconds=self.off_s)

    def monotonic(self) -> float:
        return self._true.monotonic()

    def wait(self, seconds: float, stop: threading.Event | None = None) -> bool:
        return self._true.wait(seconds, stop)


class Chance:
    """A seeded source, of a name of its own so that one drawing more does not move the others."""

    def __init__(self, seed: int, name: str) -> None:
        self._random = random.Random(f"{seed}/{name}")
        self.bytes = self._random.randbytes
        self.fraction = self._random.random
        self.choice = self._random.choice
        self.between = self._random.uniform
        self.whole = self._random.randint
        self.sample = self._random.sample

    def happens(self, share: float) -> bool:
        return self._random.random() < share
