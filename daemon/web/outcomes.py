"""What became of the webhooks, counted for monitoring."""

from __future__ import annotations

import threading
from collections import Counter

KNOWN = (
    "accepted",
    "duplicate",
    "of_no_concern",
    "unknown_account",
    "forged",
    "unknown",
    "not_posted",
    "too_fast",
    "not_stored",
)


class Outcomes:
    """Counts since the start of the process; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter(dict.fromkeys(KNOWN, 0))

    def add(self, outcome: str) -> None:
        with self._lock:
            self._counts[outcome] += 1

    def counts(self) -> dict[str, int]:
        with self._lock:
            return dict(self._counts)
