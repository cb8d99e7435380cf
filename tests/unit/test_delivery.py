"""Delivery: when an event is tried again, as a table."""

from __future__ import annotations

import pytest

from daemon.policy.delivery import next_try_s, rest_s


@pytest.mark.parametrize(
    ("attempts", "for_ever", "retry_after_s", "fraction", "expected"),
    [
        (1, False, None, 0.5, 5.0),
        (1, False, None, 0.0, 4.5),
        (2, False, None, 0.5, 300.0),
        (9, False, None, 0.5, 86_400.0),
        (10, False, None, 0.5, None),
        (10, True, None, 0.5, 86_400.0),
        (500, True, None, 0.5, 86_400.0),
        (1, False, 7200.0, 0.5, 7200.0),
        (3, False, 60.0, 0.5, 1800.0),
        (1, False, 9e9, 0.5, 86_400.0),
        (10, False, 60.0, 0.5, None),
    ],
)
def test_the_next_try_follows_the_schedule_and_what_was_asked_for(
    attempts: int, for_ever: bool, retry_after_s: float | None, fraction: float, expected: float | None
) -> None:
    given = next_try_s(attempts, for_ever=for_ever, retry_after_s=retry_after_s, fraction=fraction)
    assert given == pytest.approx(expected) if expected is not None else given is None


@pytest.mark.parametrize(
    ("failures", "retry_after_s", "expected"),
    [
        (1, None, 5.0),
        (2, None, 10.0),
        (7, None, 300.0),
        (10_000, None, 300.0),
        (1, 900.0, 900.0),
        (1, 9e9, 86_400.0),
    ],
)
def test_an_endpoint_rests_longer_with_each_failure_and_five_minutes_at_most(
    failures: int, retry_after_s: float | None, expected: float
) -> None:
    assert rest_s(failures, retry_after_s=retry_after_s, fraction=0.5) == pytest.approx(expected)
