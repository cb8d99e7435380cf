"""When to try again, when to stop, when to hold: pure functions over rows, the same for all processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from daemon.clock import from_micros, to_micros
from daemon.errors import NotYet, RemoteError
from daemon.model import Document, Limit, StepState

# --- one durable step (reliability: push protocol) ---------------------------------------------------


class Move(Enum):
    """What a step does next."""

    ANSWER = "answer"
    SEND = "send"
    REPEAT = "repeat"
    LOOK = "look"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class StepView:
    """What the next move depends on. Times are those of our own clock at the mark."""

    state: StepState
    send_no: int = 0
    key_first_sent_at: datetime | None = None
    last_sent_at: datetime | None = None
    replayed: bool = False
    ambiguous: bool = False


@dataclass(frozen=True, slots=True)
class StepRules:
    """From the provider's capabilities; `look_first` in recovery mode, and where a step asks for it."""

    key_window_s: float
    lookup_lag_s: float
    settle_s: float
    look_first: bool = False


def next_move(step: StepView, rules: StepRules, now: datetime) -> Move:
    """A new step is sent, an answered one answers; a marked one is repeated inside the window of its
    key, counted from the FIRST send under it, and looked for outside."""
    if step.state is StepState.DONE:
        return Move.ANSWER
    if step.state in (StepState.STUCK, StepState.REJECTED):
        return Move.STOP
    if step.state is StepState.NEW:
        return Move.LOOK if rules.look_first else Move.SEND
    first = step.key_first_sent_at
    if first is None or step.replayed or rules.key_window_s <= 0:
        return Move.LOOK
    age_s = (now - first).total_seconds()
    return Move.REPEAT if 0 <= age_s < rules.key_window_s else Move.LOOK


def wait_before_sending_anew(step: StepView, rules: StepRules, now: datetime) -> float:
    """Seconds until what was not found may be sent again; measured from the LAST send."""
    if step.last_sent_at is None:
        return 0.0
    quiet_s = rules.lookup_lag_s + rules.settle_s
    elapsed_s = (now - step.last_sent_at).total_seconds()
    return max(0.0, quiet_s - elapsed_s) if elapsed_s >= 0 else quiet_s


# --- backoff ------------------------------------------------------------------------------------------

BACKOFF_CAP_S = 3600.0


def retry_at(error: Exception, attempts: int, now: datetime, fraction: float) -> datetime:
    """The next try: full jitter up to min(1 h, 2 s * 2^n); what the provider asks for comes first.

    `fraction` is a random number in [0, 1), `attempts` counts the tries so far.
    """
    asked = error.retry_after if isinstance(error, NotYet | RemoteError) else None
    ceiling_s = min(BACKOFF_CAP_S, 2.0 * 2 ** min(attempts, 20))
    pause_s = fraction * ceiling_s
    if asked is not None:
        pause_s = min(max(asked, 0.0), BACKOFF_CAP_S) + fraction * min(ceiling_s, 2.0)
    return now + timedelta(seconds=pause_s)


# --- breaker ------------------------------------------------------------------------------------------

STRAIGHT_FAILURES = 10
FAILURE_SHARE = 0.7
WINDOW_S = 300
WINDOW_CALLS = 10
OPEN_S = 60
OPEN_CAP_S = 1800


@dataclass(frozen=True, slots=True)
class Breaker:
    """Of one integration: open after 10 straight failures, or 70 % of at least 10 calls in 5 minutes;
    60 s, doubling to 30 min, one probe in between."""

    straight: int = 0
    window_from: int = 0
    calls: int = 0
    failures: int = 0
    opened: int = 0
    open_until: int = 0

    @classmethod
    def load(cls, row: Mapping[str, int]) -> Breaker:
        return cls(**{name: row[name] for name in cls.__slots__ if name in row})

    def dump(self) -> Document:
        return {name: getattr(self, name) for name in self.__slots__}

    def closed_at(self, now: datetime) -> datetime | None:
        """When the next call (a probe, where it was open) may go; None: now."""
        left = self.open_until - to_micros(now)
        # A pause longer than any was written by a clock that was wrong.
        return from_micros(self.open_until) if 0 < left <= OPEN_CAP_S * 1_000_000 else None

    def after(self, ok: bool, now: datetime) -> Breaker:
        """The breaker after a call. While half open, one success closes it and one failure opens it
        for twice as long; while open, the answers to calls that were under way change nothing."""
        at = to_micros(now)
        if self.closed_at(now) is not None:
            return self
        if ok and self.opened:
            return Breaker(window_from=at, calls=1)
        fresh = at - self.window_from > WINDOW_S * 1_000_000
        calls = 1 if fresh else self.calls + 1
        failures = (0 if fresh else self.failures) + (not ok)
        straight = 0 if ok else self.straight + 1
        start = at if fresh else self.window_from
        trips = not ok and (
            self.opened > 0
            or straight >= STRAIGHT_FAILURES
            or (calls >= WINDOW_CALLS and failures >= FAILURE_SHARE * calls)
        )
        if not trips:
            return Breaker(straight, start, calls, failures, self.opened, self.open_until)
        pause_s = min(OPEN_CAP_S, OPEN_S * 2 ** min(self.opened, 10))
        return Breaker(straight, start, calls, failures, self.opened + 1, at + pause_s * 1_000_000)


# --- rate budget --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bucket:
    """A token bucket as stored: tokens left at a moment. Long windows (a day, a month) survive restarts.

    For a window of up to a minute it holds a quarter of its limit: at a share of 80 % of what is published,
    a full bucket and a window's refill together are just what is published.
    """

    tokens: float
    at: int

    @classmethod
    def full(cls, limit: Limit, now: datetime) -> Bucket:
        return cls(_holds(limit), to_micros(now))

    def refilled(self, limit: Limit, now: datetime) -> Bucket:
        elapsed_s = max(0, to_micros(now) - self.at) / 1e6
        tokens = min(_holds(limit), self.tokens + elapsed_s * limit.calls / limit.per_s)
        return Bucket(tokens, to_micros(now))


def _holds(limit: Limit) -> float:
    return max(1.0, limit.calls / 4) if limit.per_s <= 60 else float(limit.calls)


def take(
    buckets: Mapping[str, Bucket], limits: Sequence[Limit], scope: str, now: datetime
) -> tuple[dict[str, Bucket], float]:
    """Take one call of `scope` from every limit that it falls under. Returns the new buckets and 0, or
    the old ones and the seconds to wait."""
    taken = dict(buckets)
    wait_s = 0.0
    for limit in limits:
        if limit.scope and limit.scope not in (scope, "*"):
            continue
        name = f"{f'*{scope}' if limit.scope == '*' else limit.scope}/{limit.per_s:g}"
        bucket = taken.get(name, Bucket.full(limit, now)).refilled(limit, now)
        if bucket.tokens < 1:
            wait_s = max(wait_s, (1 - bucket.tokens) * limit.per_s / limit.calls)
        taken[name] = Bucket(bucket.tokens - 1, bucket.at)
    return (dict(buckets), wait_s) if wait_s > 0 else (taken, 0.0)


def share_of(limits: Sequence[Limit], share: float, calls_per_second: float = 0) -> tuple[Limit, ...]:
    """The limits as we keep them: `share` of what is published, or the operator's own rate."""
    if calls_per_second > 0:
        return (Limit("", max(1, round(calls_per_second)), 1.0),)
    return tuple(Limit(x.scope, max(1, int(x.calls * share)), x.per_s) for x in limits)


# --- brake --------------------------------------------------------------------------------------------


def brake_holds(alarming: int, asked: int, *, share: float, at_least: int) -> bool:
    """Whether so much bad news at once is held for a person."""
    return alarming >= at_least and alarming > share * asked


# --- pace ---------------------------------------------------------------------------------------------

PACES_S = {"realtime": 0.0, "hourly": 3600.0, "daily": 86400.0}


def poll_interval_s(pace: str, floor_s: float) -> float:
    """How often an integration is polled: its pace, never faster than the provider's floor."""
    return max(PACES_S[pace], floor_s)
