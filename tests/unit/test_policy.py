"""Policy: when to send, look, wait, stop and hold, as tables of rows and times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from daemon.errors import NotYet, OutcomeUnknown, Throttled
from daemon.model import StepState
from daemon.policy import (
    Breaker,
    Move,
    StepRules,
    StepView,
    brake_holds,
    next_move,
    poll_interval_s,
    retry_at,
    wait_before_sending_anew,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = 3600.0
STRIPE = StepRules(key_window_s=19 * HOUR, lookup_lag_s=60, settle_s=60)
KEYLESS = StepRules(key_window_s=0, lookup_lag_s=60, settle_s=60)
RECOVERING = StepRules(key_window_s=19 * HOUR, lookup_lag_s=60, settle_s=60, look_first=True)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def marked(first_s: float, last_s: float | None = None, *, replayed: bool = False) -> StepView:
    """First and last sent this many seconds ago, and not answered."""
    last = ago(first_s if last_s is None else last_s)
    return StepView(StepState.SENDING, key_first_sent_at=ago(first_s), last_sent_at=last, replayed=replayed)


NEW, DONE = StepView(StepState.NEW), StepView(StepState.DONE)

MOVES = {
    "a new step is sent": (NEW, STRIPE, Move.SEND),
    "a new step looks first in recovery": (NEW, RECOVERING, Move.LOOK),
    "an answered step answers": (DONE, STRIPE, Move.ANSWER),
    "an answered step answers in recovery too": (DONE, RECOVERING, Move.ANSWER),
    "a refused step stops": (StepView(StepState.REJECTED), STRIPE, Move.STOP),
    "a stuck step stops": (StepView(StepState.STUCK), RECOVERING, Move.STOP),
    "inside the window it is repeated": (marked(18 * HOUR), STRIPE, Move.REPEAT),
    "at the window's end it is looked for": (marked(19 * HOUR), STRIPE, Move.LOOK),
    "the window counts from the first send": (marked(20 * HOUR, 10), STRIPE, Move.LOOK),
    "after a stored error it is looked for": (marked(10, replayed=True), STRIPE, Move.LOOK),
    "without keys it is looked for": (marked(10), KEYLESS, Move.LOOK),
    "a clock set back makes the age unknown": (marked(-10), STRIPE, Move.LOOK),
    "a mark without a time is looked for": (StepView(StepState.SENDING), STRIPE, Move.LOOK),
}


@pytest.mark.parametrize(("step", "rules", "move"), MOVES.values(), ids=MOVES)
def test_the_next_move_of_a_step(step: StepView, rules: StepRules, move: Move) -> None:
    assert next_move(step, rules, NOW) is move


WAITS = {
    "never sent": (NEW, 0.0),
    "just sent": (marked(0), 120.0),
    "counted from the last send, not the first": (marked(20 * HOUR, 30), 90.0),
    "quiet for long enough": (marked(120), 0.0),
    "sent in the future, by a clock set back since": (marked(-500), 120.0),
}


@pytest.mark.parametrize(("step", "wait_s"), WAITS.values(), ids=WAITS)
def test_the_wait_before_sending_anew(step: StepView, wait_s: float) -> None:
    assert wait_before_sending_anew(step, STRIPE, NOW) == wait_s


# --- backoff ------------------------------------------------------------------------------------------

PAUSES = {
    "the first try comes again within 2 s": (OutcomeUnknown(), 0, 0.5, 1.0),
    "each try doubles the pause": (OutcomeUnknown(), 3, 0.5, 8.0),
    "an hour is the ceiling": (OutcomeUnknown(), 29, 0.5, 1800.0),
    "any number of tries": (OutcomeUnknown(), 10_000, 0.5, 1800.0),
    "what the provider asks for is kept": (Throttled(retry_after=90), 0, 0.5, 91.0),
    "up to an hour": (Throttled(retry_after=86_400), 20, 0.0, 3600.0),
    "never before now": (Throttled(retry_after=-5), 0, 0.0, 0.0),
    "a wait of our own is kept": (NotYet(75), 5, 0.0, 75.0),
    "throttled without a time": (Throttled(), 1, 0.5, 2.0),
    "an error of any other kind": (RuntimeError(), 1, 0.25, 1.0),
}


@pytest.mark.parametrize(("error", "attempts", "fraction", "pause_s"), PAUSES.values(), ids=PAUSES)
def test_the_next_try(error: Exception, attempts: int, fraction: float, pause_s: float) -> None:
    assert retry_at(error, attempts, NOW, fraction) == NOW + timedelta(seconds=pause_s)


# --- breaker ------------------------------------------------------------------------------------------


def after(breaker: Breaker, *answers: bool, at: datetime = NOW) -> Breaker:
    for ok in answers:
        breaker = breaker.after(ok, at)
    return breaker


def open_for(breaker: Breaker, at: datetime) -> float:
    until = breaker.closed_at(at)
    return (until - at).total_seconds() if until else 0.0


def test_ten_failures_in_a_row_open_it_for_a_minute() -> None:
    assert after(Breaker(), *[False] * 9).closed_at(NOW) is None
    assert open_for(after(Breaker(), *[False] * 10), NOW) == 60


def test_one_success_breaks_the_row() -> None:
    assert after(Breaker(), *[True] * 9, *[False] * 9, True, *[False] * 9).closed_at(NOW) is None


@pytest.mark.parametrize(
    ("answers", "is_open"),
    [
        ([False, False, True] * 3 + [False], True),
        ([False, True] * 5 + [False], False),
        ([False] * 6 + [True] * 3 + [False], True),
        ([False] * 6 + [True] * 4 + [False], False),
        ([True, False, False], False),
    ],
)
def test_seventy_percent_of_at_least_ten_calls_open_it(answers: list[bool], is_open: bool) -> None:
    assert (after(Breaker(), *answers).closed_at(NOW) is not None) is is_open


def test_failures_older_than_five_minutes_do_not_count() -> None:
    old = after(Breaker(), *[False] * 6, True, True, True)

    later = after(old, False, at=NOW + timedelta(seconds=301))

    assert later.closed_at(NOW + timedelta(seconds=301)) is None


def test_each_failed_probe_doubles_the_pause_up_to_half_an_hour() -> None:
    breaker, at, pauses = after(Breaker(), *[False] * 10), NOW, []
    for _ in range(7):
        pauses.append(open_for(breaker, at))
        at += timedelta(seconds=pauses[-1])
        assert breaker.closed_at(at) is None
        breaker = after(breaker, False, at=at)

    assert pauses == [60, 120, 240, 480, 960, 1800, 1800]


def test_one_good_probe_closes_it_and_the_past_is_forgotten() -> None:
    opened = after(Breaker(), *[False] * 10)
    at = NOW + timedelta(seconds=60)

    assert after(opened, True, *[False] * 8, at=at).closed_at(at) is None


def test_answers_to_calls_under_way_when_it_opened_change_nothing() -> None:
    opened = after(Breaker(), *[False] * 10)

    assert after(opened, False, False, True, False) == opened


def test_a_breaker_survives_being_stored() -> None:
    opened = after(Breaker(), *[False] * 10)

    assert Breaker.load(opened.dump()) == opened
    assert Breaker.load({}) == Breaker()


# --- brake and pace -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alarming", "asked", "holds"),
    [(9, 10, False), (10, 49, True), (10, 50, False), (11, 50, True), (0, 0, False), (10, 10, True)],
)
def test_the_brake_holds_a_share_and_a_number(alarming: int, asked: int, holds: bool) -> None:
    assert brake_holds(alarming, asked, share=0.2, at_least=10) is holds


@pytest.mark.parametrize(
    ("pace", "floor_s", "every_s"),
    [("realtime", 60, 60), ("hourly", 60, 3600), ("daily", 60, 86_400), ("hourly", 7200, 7200)],
)
def test_an_integration_is_polled_at_its_pace_never_below_the_floor(
    pace: str, floor_s: float, every_s: float
) -> None:
    assert poll_interval_s(pace, floor_s) == every_s
