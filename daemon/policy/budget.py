"""The rate budget of an account: what may be sent now, under the limits that its provider publishes.

A window of up to a minute is kept by a token bucket. A longer one (a day, a month) is counted: calls are
summed in spans of a 24th of the window, and each span counts until its last call is as old as the window is
long, so that no window, wherever it begins, sees more calls than the limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, Self

from daemon.clock import to_micros
from daemon.model import Document, Limit

MINUTE_S = 60.0
SPANS = 24
LONGEST_RESET_S = 3600.0
"""Of a short window, as a provider may tell it; a longer window is whole again after its own length."""

UNTOLD_RESET_S = 3600.0
"""How long it counts that a provider has seen more calls than we, where it does not say until when: its
window may end at any moment, and the next answer tells anew."""


class Meter(Protocol):
    """What is left of one limit, as stored."""

    def left(self, limit: Limit, now: datetime) -> float: ...

    def wait_s(self, limit: Limit, now: datetime, keep: float) -> float:
        """Seconds until a call may go that leaves `keep` behind; 0: now."""
        ...

    def taken(self, limit: Limit, now: datetime) -> Self: ...

    def told(self, limit: Limit, remaining: float, resets_in_s: float | None, now: datetime) -> Self: ...

    def dump(self) -> Document: ...


@dataclass(frozen=True, slots=True)
class Bucket:
    """Tokens left at a moment. It holds a quarter of its limit: at a share of 80 % of what is published, a
    full bucket and a window's refill together are just what is published."""

    tokens: float
    at: int

    @classmethod
    def full(cls, limit: Limit, now: datetime) -> Bucket:
        return cls(_holds(limit), to_micros(now))

    def left(self, limit: Limit, now: datetime) -> float:
        return self._refilled(limit, now).tokens

    def wait_s(self, limit: Limit, now: datetime, keep: float) -> float:
        lacking = 1 + keep - self._refilled(limit, now).tokens
        return max(0.0, lacking * limit.per_s / limit.calls)

    def taken(self, limit: Limit, now: datetime) -> Bucket:
        refilled = self._refilled(limit, now)
        return replace(refilled, tokens=refilled.tokens - 1)

    def told(self, limit: Limit, remaining: float, resets_in_s: float | None, now: datetime) -> Bucket:
        """Where nothing is left until a reset, tokens go below zero, so that the next one comes then."""
        refilled = self._refilled(limit, now)
        most = max(0.0, remaining)
        if most < 1 and resets_in_s is not None:
            most = min(most, 1 - min(max(resets_in_s, 0.0), LONGEST_RESET_S) * limit.calls / limit.per_s)
        return replace(refilled, tokens=min(refilled.tokens, most))

    def dump(self) -> Document:
        return {"tokens": round(self.tokens, 3), "at": self.at}

    def _refilled(self, limit: Limit, now: datetime) -> Bucket:
        elapsed_s = max(0, to_micros(now) - self.at) / 1e6
        tokens = min(_holds(limit), self.tokens + elapsed_s * limit.calls / limit.per_s)
        return Bucket(tokens, to_micros(now))


def _holds(limit: Limit) -> float:
    return max(1.0, limit.calls / 4)


Span = tuple[int, int, float]
"""When it began, when its calls no longer count (microseconds), how many they are."""


@dataclass(frozen=True, slots=True)
class Window:
    """The calls of the last `per_s` seconds, and what the provider counted beyond them."""

    spans: tuple[Span, ...] = ()

    def left(self, limit: Limit, now: datetime) -> float:
        return limit.calls - sum(calls for _began, _until, calls in self.counting(limit, now))

    def wait_s(self, limit: Limit, now: datetime, keep: float) -> float:
        lacking = 1 + keep - self.left(limit, now)
        wait_s = 0.0
        for _began, until, calls in sorted(self.counting(limit, now), key=lambda span: span[1]):
            if lacking <= 0:
                break
            lacking -= calls
            wait_s = (until - to_micros(now)) / 1e6
        return wait_s

    def taken(self, limit: Limit, now: datetime) -> Window:
        return self._with(limit, now, 1, limit.per_s)

    def told(self, limit: Limit, remaining: float, resets_in_s: float | None, now: datetime) -> Window:
        more = self.left(limit, now) - max(0.0, remaining)
        if more <= 0:
            return self
        lasts_s = min(max(UNTOLD_RESET_S if resets_in_s is None else resets_in_s, 0.0), limit.per_s)
        return self._with(limit, now, more, lasts_s)

    def dump(self) -> Document:
        return {"spans": [list(span) for span in self.spans]}

    def _with(self, limit: Limit, now: datetime, calls: float, lasts_s: float) -> Window:
        at = to_micros(now)
        until, grain = at + round(lasts_s * 1e6), limit.per_s * 1e6 / SPANS
        spans = list(self.counting(limit, now))
        for place, (began, known, count) in enumerate(spans):
            if 0 <= at - began < grain and abs(until - known) <= grain:
                spans[place] = (began, max(known, until), count + calls)
                return Window(tuple(spans))
        return Window((*spans, (at, until, calls)))

    def counting(self, limit: Limit, now: datetime) -> tuple[Span, ...]:
        """Those that still count. One that began later than a window from now was written by a clock that
        was wrong."""
        at, length = to_micros(now), limit.per_s * 1e6
        return tuple(span for span in self.spans if span[1] > at and span[0] <= at + length)


def restored(document: Document) -> Meter:
    """A meter as `dump` gave it."""
    if "spans" in document:
        return Window(tuple((int(b), int(u), float(c)) for b, u, c in document["spans"]))
    return Bucket(float(document["tokens"]), int(document["at"]))


def key_of(limit: Limit, scope: str) -> str:
    """Under which the meter of a limit is kept; one with scope "*" has one for each scope."""
    return f"{f'*{scope}' if limit.scope == '*' else limit.scope}/{limit.per_s:g}"


def take(
    meters: Mapping[str, Meter], limits: Sequence[Limit], scope: str, now: datetime, *, urgent: bool = False
) -> tuple[dict[str, Meter], float]:
    """Take one call of `scope` from every limit that it falls under; one that is not urgent leaves the
    reserve alone where the limit spares its scope. Returns the new meters and 0, or the old ones and the
    seconds to wait."""
    taken = dict(meters)
    wait_s = 0.0
    for limit in limits:
        if limit.scope and limit.scope not in (scope, "*"):
            continue
        key = key_of(limit, scope)
        meter = _meter(taken, key, limit, now)
        keep = 0.0 if urgent or scope not in limit.spares else _reserve(limit)
        wait_s = max(wait_s, meter.wait_s(limit, now, keep))
        taken[key] = meter.taken(limit, now)
    return (dict(meters), wait_s) if wait_s > 0 else (taken, 0.0)


def others_go(meters: Mapping[str, Meter], limits: Sequence[Limit], now: datetime) -> bool:
    """Whether calls of no scope of their own could still go: a refusal then concerned one kind of call."""
    return take(meters, limits, "", now, urgent=True)[1] == 0


def told(
    meters: Mapping[str, Meter],
    limits: Sequence[Limit],
    name: str,
    remaining: float,
    resets_in_s: float | None,
    now: datetime,
) -> dict[str, Meter]:
    """The meters, with those of this name corrected downward to what the provider says is left."""
    corrected = dict(meters)
    for limit in limits:
        if name and limit.name == name and limit.scope != "*":
            key = key_of(limit, limit.scope)
            corrected[key] = _meter(meters, key, limit, now).told(limit, remaining, resets_in_s, now)
    return corrected


def left(meters: Mapping[str, Meter], limit: Limit, now: datetime) -> float:
    """How many calls are left of a limit."""
    return max(0.0, _meter(meters, key_of(limit, limit.scope), limit, now).left(limit, now))


def share_of(limits: Sequence[Limit], share: float, calls_per_second: float = 0) -> tuple[Limit, ...]:
    """The limits as we keep them: `share` of what is published. The operator's own rate takes the place of
    those up to a minute; a day's or a month's stays."""
    kept = tuple(replace(x, calls=max(1, int(x.calls * share))) for x in limits)
    if calls_per_second > 0:
        own = Limit("", max(1, round(calls_per_second)), 1.0)
        return (own, *(x for x in kept if x.per_s > MINUTE_S))
    return kept


def _meter(meters: Mapping[str, Meter], key: str, limit: Limit, now: datetime) -> Meter:
    """The stored one, if it is of the kind that this window is kept by."""
    found = meters.get(key)
    if limit.per_s > MINUTE_S:
        return found if isinstance(found, Window) else Window()
    return found if isinstance(found, Bucket) else Bucket.full(limit, now)


def _reserve(limit: Limit) -> float:
    """Calls that are left alone; of a bucket, a share of what it holds. One call at least may go."""
    whole = float(limit.calls) if limit.per_s > MINUTE_S else _holds(limit)
    return min(limit.reserve * whole, whole - 1)
