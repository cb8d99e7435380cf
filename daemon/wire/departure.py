"""When a marked send must leave.

How long an unanswered call may still land is counted from its mark. Between the mark and the first byte
stand our own rate budget and, at times, a token's refresh: a send that was held up for too long is not let
go, and is marked anew when its time comes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

LEAVES_WITHIN_S = 30.0
"""Longer than the patience with our own rate budget; what may land is waited for so much longer."""


class _Departure(threading.local):
    latest: float | None = None


_DEPARTURE = _Departure()


def departure() -> float | None:
    """When the next request of this thread leaves at the latest: what repeats it must do so, too
    (`leaving_by`), since the mark was made for both. None: whenever it likes."""
    return _DEPARTURE.latest


@contextmanager
def leaving_by(latest: float | None) -> Iterator[None]:
    """The first request of this thread inside leaves before `latest` (monotonic seconds), or not at all."""
    before, _DEPARTURE.latest = _DEPARTURE.latest, latest
    try:
        yield
    finally:
        _DEPARTURE.latest = before


@contextmanager
def aside() -> Iterator[None]:
    """Around requests that are not the send's own: a token that must be fetched first."""
    before, _DEPARTURE.latest = _DEPARTURE.latest, None
    try:
        yield
    finally:
        _DEPARTURE.latest = before


def depart(now: float) -> bool:
    """Whether a request may leave at this monotonic moment; those after it are not asked."""
    latest, _DEPARTURE.latest = _DEPARTURE.latest, None
    return latest is None or now <= latest
