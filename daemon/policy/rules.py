"""When to try again, when to stop, when to hold: pure functions over rows, the same for all processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from daemon.clock import from_micros, to_micros
from daemon.errors import NotYet, RemoteError
from daemon.model import Document, StepState

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


# --- brake --------------------------------------------------------------------------------------------


def brake_holds(alarming: int, asked: int, *, share: float, at_least: int) -> bool:
    """Whether so much bad news at once is held for a person."""
    return alarming >= at_least and alarming > share * asked


# --- pace ---------------------------------------------------------------------------------------------

PACES_S = {"realtime": 0.0, "hourly": 3600.0, "daily": 86400.0}


def poll_interval_s(pace: str, floor_s: float) -> float:
    """How often an integration is polled: its pace, never faster than the provider's floor."""
    return max(PACES_S[pace], floor_s)
