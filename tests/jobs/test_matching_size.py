"""Matching at the size of a WISP: 5,000 customers on either side cost pages, not customers."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.jobs.matching import comparing
from daemon.jobs.visit import Visit, visit
from daemon.sandbox.seats import SEATED
from daemon.store import audit, customers, matches
from tests.jobs.sweeping import Office

REQUESTS = {"stripe": (5_000, 50), "square": (1_000, 10), "quickbooks": (1_000, 2), "xero": (1_000, 2)}
"""For so many customers: 100 a page; 1000, and an empty one behind the last; 500."""


@pytest.mark.parametrize("provider", [name for name in SEATED if name in REQUESTS])
def test_many_customers_cost_the_pages_of_one_list(
    provider: str, tmp_path: Path, empty_database: Path
) -> None:
    count, most = REQUESTS[provider]
    office = Office(provider, tmp_path, empty_database)
    house, store = office.house, office.house.store
    for start in range(0, count, 500):
        store.write("test", lambda start=start: _enter(office, range(start, start + 500)))  # type: ignore[misc]
    for n in range(count):
        office.hands.enrol(f"Subscriber {n:05}", email=f"subscriber{n:05}@example.com")
    office.clock.move(minutes=2)
    before = sum(office.seat.double.stats.values())

    tally = visit(house, office.id, "match", _match)

    assert tally is not None and tally.fault is None
    assert sum(office.seat.double.stats.values()) - before <= most
    assert tally.counts == {"listed": count, "certain": 0, "to_decide": count}
    assert len(matches.waiting(office.id)) == count
    house.close()


def _match(at: Visit) -> None:
    comparing.match(at, actor="cli:office")


def _enter(office: Office, numbers: range) -> None:
    store = office.house.store
    for n in numbers:
        customers.insert(
            customers.drawn(
                office.tenant.id,
                f"S-{n:05}",
                f"Subscriber {n:05}",
                f"subscriber{n:05}@example.com",
                now=store.clock.now(),
                entropy=store.entropy,
            )
        )
    audit.append(
        office.tenant.id, actor="test", action="entered", subject="-", data={}, now=store.clock.now()
    )
