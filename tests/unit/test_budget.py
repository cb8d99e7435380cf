"""The rate budget: no window sees more calls than its provider publishes, and the reserve stays for what
is urgent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.clock import to_micros
from daemon.model import Limit
from daemon.policy import Bucket, Meter, Window, left, restored, share_of, take, told

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
PER_SECOND, PER_DAY = Limit("", 5, 1), Limit("", 100, 86_400, name="day")
DAY_S = 86_400.0


def spend(
    limits: list[Limit],
    pauses: list[float],
    scope: str = "",
    *,
    urgent: bool = False,
    meters: dict[str, Meter] | None = None,
) -> list[datetime]:
    """When calls went, tried after each of these pauses."""
    meters, at, calls = dict(meters or {}), NOW, []
    for pause_s in pauses:
        at += timedelta(seconds=pause_s)
        meters, wait_s = take(meters, limits, scope, at, urgent=urgent)
        calls += [] if wait_s else [at]
    return calls


def most_in(window_s: float, calls: list[datetime]) -> int:
    return max(
        (sum(1 for call in calls if 0 <= (call - first).total_seconds() < window_s) for first in calls),
        default=0,
    )


def used_up(limit: Limit, at: datetime = NOW) -> dict[str, Meter]:
    return told({}, [limit], limit.name, 0, DAY_S, at)


# --- short windows ------------------------------------------------------------------------------------


def test_a_full_bucket_gives_a_quarter_at_once_and_then_says_how_long_to_wait() -> None:
    limit = Limit("", 20, 1)
    meters: dict[str, Meter] = {}
    for _ in range(5):
        meters, wait_s = take(meters, [limit], "", NOW)
        assert wait_s == 0

    unchanged, wait_s = take(meters, [limit], "", NOW)

    assert wait_s == pytest.approx(0.05)
    assert unchanged == meters


@given(st.lists(st.floats(0, 0.2), max_size=80))
def test_no_second_sees_more_than_the_provider_publishes(pauses: list[float]) -> None:
    published = Limit("", 25, 1)

    calls = spend(list(share_of([published], 0.8)), pauses)

    assert most_in(1, calls) <= published.calls


@given(st.lists(st.floats(0, 0.7), max_size=80))
def test_from_empty_no_window_sees_more_than_the_share(pauses: list[float]) -> None:
    """The empty bucket's next window, cut into any pauses."""
    calls = spend([PER_SECOND], pauses, meters={"/1": Bucket(0.0, to_micros(NOW))})

    assert sum(1 for call in calls if call <= NOW + timedelta(seconds=1)) <= PER_SECOND.calls


def test_a_clock_set_back_refills_nothing() -> None:
    spent: dict[str, Meter] = {"/1": Bucket(0.0, to_micros(NOW))}

    assert take(spent, [PER_SECOND], "", NOW - timedelta(days=1))[1] > 0


# --- long windows -------------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 9_000), max_size=150))
def test_no_day_wherever_it_begins_sees_more_than_the_limit(pauses: list[float]) -> None:
    limit = Limit("", 20, DAY_S)

    assert most_in(DAY_S, spend([limit], pauses)) <= limit.calls


@given(st.lists(st.floats(0, 9_000), max_size=60), st.sampled_from([0.0, 0.2, 1.0]))
def test_after_the_wait_that_was_named_the_call_goes(pauses: list[float], reserve: float) -> None:
    limit = Limit("", 8, DAY_S, reserve=reserve)
    meters: dict[str, Meter] = {}
    at = NOW
    for pause_s in pauses:
        at += timedelta(seconds=pause_s)
        meters, wait_s = take(meters, [limit], "read", at)
        then = at + timedelta(seconds=wait_s + 0.001)
        assert wait_s == 0 or take(meters, [limit], "read", then)[1] == 0


def test_a_whole_day_s_calls_may_go_at_once_and_the_next_one_a_day_later() -> None:
    calls = spend([PER_DAY], [0.0] * 101)

    assert len(calls) == 100
    assert take(used_up(PER_DAY), [PER_DAY], "", NOW)[1] == DAY_S


def test_a_day_s_budget_is_not_forgotten_overnight() -> None:
    spent = used_up(PER_DAY)

    kept = {key: restored(meter.dump()) for key, meter in spent.items()}

    assert kept == spent
    assert take(kept, [PER_DAY], "", NOW + timedelta(hours=12))[1] == DAY_S / 2


def test_what_a_clock_that_was_wrong_wrote_holds_nobody_up() -> None:
    written = used_up(PER_DAY, NOW + timedelta(days=400))

    assert take(written, [PER_DAY], "", NOW)[1] == 0


@given(st.lists(st.tuples(st.floats(0, 5_000), st.integers(0, 30)), max_size=200))
def test_a_window_s_record_stays_small(steps: list[tuple[float, int]]) -> None:
    meters: dict[str, Meter] = {}
    at = NOW
    for pause_s, remaining in steps:
        at += timedelta(seconds=pause_s)
        meters, _ = take(meters, [PER_DAY], "", at)
        meters = told(meters, [PER_DAY], "day", remaining, 40_000, at)

    assert all(len(meter.spans) <= 60 for meter in meters.values() if isinstance(meter, Window))


# --- several limits, scopes, the reserve --------------------------------------------------------------


def test_the_strictest_limit_decides_and_takes_nothing_from_the_others() -> None:
    meters = used_up(PER_DAY)

    after_taking, wait_s = take(meters, [PER_SECOND, PER_DAY], "", NOW)

    assert wait_s == DAY_S
    assert after_taking == meters


def test_a_limit_of_one_scope_binds_no_other() -> None:
    limits = [Limit("search", 1, 1)]
    meters, _ = take({}, limits, "search", NOW)

    assert take(meters, limits, "search", NOW)[1] > 0
    assert take(meters, limits, "invoices", NOW)[1] == 0


def test_a_limit_for_each_scope_is_kept_for_each_and_beside_the_account_s_own() -> None:
    limits = [Limit("*", 4, 1), Limit("", 8, 1)]
    meters, _ = take({}, limits, "", NOW)

    assert take(meters, limits, "", NOW)[1] > 0
    meters, wait_s = take(meters, limits, "search", NOW)
    assert wait_s == 0
    assert take(meters, limits, "invoices", NOW)[1] > 0


@given(st.integers(1, 200), st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0]), st.sampled_from([1.0, 60.0, DAY_S]))
def test_spared_calls_leave_the_reserve_and_others_may_use_it(
    calls: int, reserve: float, window_s: float
) -> None:
    limit = Limit("", calls, window_s, reserve=reserve, spares=("read",))
    whole = left({}, limit, NOW)
    meters: dict[str, Meter] = {}
    for _ in range(calls):
        meters, _ = take(meters, [limit], "read", NOW)

    kept = left(meters, limit, NOW)

    assert kept >= min(reserve * whole, whole - 1) - 1e-6
    for urgent, scope in ((True, "read"), (False, "write")):
        gone = meters
        for _ in range(int(kept)):
            gone, wait_s = take(gone, [limit], scope, NOW, urgent=urgent)
            assert wait_s == 0
        assert left(gone, limit, NOW) < 1


# --- what the provider tells --------------------------------------------------------------------------

TOLD = {
    "less is left than we thought": (30, None, 30),
    "more is left than we thought": (5_000, None, 100),
    "nothing is left": (0, None, 0),
    "less than nothing": (-3, None, 0),
}


@pytest.mark.parametrize(("remaining", "resets_in_s", "after"), TOLD.values(), ids=TOLD)
def test_our_count_is_corrected_downward_never_upward(
    remaining: float, resets_in_s: float | None, after: float
) -> None:
    assert left(told({}, [PER_DAY], "day", remaining, resets_in_s, NOW), PER_DAY, NOW) == after


@given(
    st.sampled_from([Limit("", 60, 60, name="x"), Limit("", 60, DAY_S, name="x")]),
    st.lists(st.tuples(st.floats(0, 600), st.floats(0, 100), st.none() | st.floats(1, 1e6)), max_size=30),
)
def test_what_is_told_never_makes_room(
    limit: Limit, tellings: list[tuple[float, float, float | None]]
) -> None:
    meters: dict[str, Meter] = {}
    at = NOW
    for pause_s, remaining, resets_in_s in tellings:
        at += timedelta(seconds=pause_s)
        before = left(meters, limit, at)
        meters = told(meters, [limit], "x", remaining, resets_in_s, at)
        assert left(meters, limit, at) <= min(before, remaining) + 1e-6


@pytest.mark.parametrize("limit", [Limit("", 60, 60, name="x"), Limit("", 60, DAY_S, name="x")])
def test_a_limit_that_was_refused_is_asked_again_when_it_is_whole(limit: Limit) -> None:
    meters = told({}, [limit], "x", 0, 1_800, NOW)

    assert take(meters, [limit], "", NOW)[1] == pytest.approx(1_800)
    assert take(meters, [limit], "", NOW + timedelta(seconds=1_801))[1] == 0


def test_where_no_reset_is_told_it_is_asked_again_after_an_hour() -> None:
    meters = told({}, [PER_DAY], "day", 0, None, NOW)

    assert take(meters, [PER_DAY], "", NOW)[1] == 3600


def test_a_reset_beyond_the_window_is_not_believed() -> None:
    meters = told({}, [PER_DAY], "day", 0, 1e9, NOW)

    assert take(meters, [PER_DAY], "", NOW)[1] == DAY_S


@pytest.mark.parametrize("name", ["minute", ""])
def test_a_name_that_no_limit_has_changes_nothing(name: str) -> None:
    assert told({}, [PER_DAY, PER_SECOND], name, 0, None, NOW) == {}


# --- our share ----------------------------------------------------------------------------------------


def test_our_share_of_what_is_published_keeps_all_else_of_a_limit() -> None:
    published = [Limit("", 100, 1), Limit("", 1, 60), Limit("", 1000, DAY_S, 0.2, ("read",), "day")]

    assert share_of(published, 0.8) == (
        Limit("", 80, 1),
        Limit("", 1, 60),
        Limit("", 800, DAY_S, 0.2, ("read",), "day"),
    )


def test_the_operator_s_own_rate_does_not_lift_a_day_s_limit() -> None:
    assert share_of([Limit("", 100, 1), PER_DAY], 0.8, calls_per_second=3) == (
        Limit("", 3, 1.0),
        Limit("", 80, DAY_S, name="day"),
    )
