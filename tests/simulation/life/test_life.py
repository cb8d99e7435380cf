"""Months of six providers' customers, with everything that goes wrong: nobody who owes nothing is cut off,
everybody who paid is served again, and every cent is accounted for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.simulation.life.mishaps import Wear
from tests.simulation.life.planted import BUGS, CROWDS, SURELY, planted
from tests.simulation.life.world import Size, live

SHORT = Size(customers=20, days=92, sweep_every=7, check_every=30)
BAD = Wear(hooks=0.12)
PLANTED = Size(customers=36, days=60, sweep_every=7, check_every=30, wear=BAD)
SEEDS = range(6)


def test_three_months_of_twenty_customers_keep_every_promise() -> None:
    outcome = live(1, SHORT)

    assert outcome.broken is None
    assert outcome.counts["invoices"] > 40
    assert outcome.counts["suspended"] > 0


@pytest.mark.long
@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(bug: str) -> None:
    size = replace(PLANTED, surely=SURELY.get(bug, ()), customers=CROWDS.get(bug, PLANTED.customers))
    with planted(bug):
        found = next((one.broken for one in (live(seed, size) for seed in SEEDS) if one.broken), None)

    assert found is not None, f"{bug} lived through {len(SEEDS)} lives"
