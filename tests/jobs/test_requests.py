"""Requests: no more than a provider's batching makes possible, pushed and polled by the jobs themselves."""

from __future__ import annotations

import pytest

from bench.providers import FEWEST, polls, pushes
from bench.seated import world

COUNT = 60


@pytest.mark.parametrize("provider", FEWEST)
def test_a_month_is_pushed_and_polled_in_as_few_requests_as_there_can_be(provider: str) -> None:
    with world(provider, fast=True) as at:
        figures = [
            *pushes(at, provider, FEWEST[provider], COUNT),
            *polls(at, provider, FEWEST[provider], COUNT),
        ]
    assert [(figure.what, figure.ours, figure.aim) for figure in figures if not figure.met] == []


def test_the_second_month_at_xero_takes_two_calls_for_fifty_and_leaves_the_reserve_alone() -> None:
    with world("xero", fast=True) as at:
        at.enter(100)
        at.push()
        at.enter(100)
        at.mark()
        at.push()
        limit, left = at.budget("day")
    assert at.spent()[0] == 4
    assert left == limit.calls - 6 - 4 > limit.reserve * limit.calls
