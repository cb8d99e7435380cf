"""Months of six providers' customers, with everything that goes wrong: nobody who owes nothing is cut off,
everybody who paid is served again, and every cent is accounted for."""

from __future__ import annotations

from tests.simulation.life.world import Size, live

SHORT = Size(customers=20, days=92, sweep_every=4, check_every=30)


def test_three_months_of_twenty_customers_keep_every_promise() -> None:
    outcome = live(1, SHORT)

    assert outcome.broken is None
    assert outcome.counts["invoices"] > 40
    assert outcome.counts["suspended"] > 0
