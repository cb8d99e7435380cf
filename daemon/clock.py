"""The one place that reads a clock, waits, or draws randomness; everything else is handed these."""

from __future__ import annotations

import secrets
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Wall time for what is written down, monotonic seconds for durations."""

    def now(self) -> datetime:
        """The wall time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    def wait(self, seconds: float, stop: threading.Event | None = None) -> bool:
        """Wait up to `seconds`; True when `stop` was set meanwhile."""
        ...


class Entropy(Protocol):
    """Random bytes for nonces and ids, and a fraction for jitter."""

    def bytes(self, count: int) -> bytes: ...

    def fraction(self) -> float:
        """A number in [0, 1)."""
        ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, seconds: float, stop: threading.Event | None = None) -> bool:
        if stop is not None:
            return stop.wait(seconds)
        time.sleep(max(0.0, seconds))
        return False


class SystemEntropy:
    def bytes(self, count: int) -> bytes:
        return secrets.token_bytes(count)

    def fraction(self) -> float:
        return secrets.randbelow(1 << 53) / (1 << 53)


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_micros(moment: datetime) -> int:
    """UTC microseconds since the epoch; a naive moment raises ValueError."""
    if moment.tzinfo is None:
        raise ValueError("a naive datetime has no place here")
    return (moment - EPOCH) // timedelta(microseconds=1)


def from_micros(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)


def from_unix(seconds: int) -> datetime:
    """A provider's unix seconds as aware UTC."""
    return EPOCH + timedelta(seconds=seconds)


def to_unix(moment: datetime) -> int:
    return to_micros(moment) // 1_000_000
