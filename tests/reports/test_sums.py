"""Ageing and collections: over whatever facts, the same sums as one invoice at a time, on both databases."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, date, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.money import Money
from daemon.reports import ageing, collected
from daemon.reports.asking import Asked, Wish
from daemon.store.database import Store
from tests.builders import Builders
from tests.reports.world import TODAY, Books

ZONES = ("UTC", "America/Chicago", "Pacific/Auckland", "Asia/Kolkata", "Pacific/Pago_Pago")
NOW = datetime(TODAY.year, TODAY.month, TODAY.day, 9, tzinfo=UTC)

many = settings(
    max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
worlds = {"seed": st.integers(0, 2**32), "zone": st.sampled_from(ZONES)}


@many
@given(**worlds)
def test_ageing_is_what_each_invoice_owed_at_the_end_of_the_day(
    make: Builders, store: Store, seed: int, zone: str
) -> None:
    chance = random.Random(seed)
    books = Books(make, chance, zone=zone, invoices=12)
    day = date(2026, chance.choice((1, 2)), chance.choice((1, 28)))

    found = ageing.report(Asked(books.tenant, Wish(as_of=day.isoformat()), NOW))

    assert _owed(found.rows) == books.ageing(day)
    assert sum(int(str(row["invoices"])) for row in found.rows) == sum(
        books.due(paper, day) > 0 for paper in books.papers
    )


@many
@given(**worlds)
def test_collections_are_the_facts_of_the_month_in_the_tenant_s_zone(
    make: Builders, store: Store, seed: int, zone: str
) -> None:
    books = Books(make, random.Random(seed), zone=zone, invoices=12)

    found = collected.report(Asked(books.tenant, Wish(since="2025-09", until="2026-03"), NOW))

    for month in ("2025-12", "2026-01", "2026-02", "2026-03"):
        sums: Counter[tuple[str, str | None, str]] = Counter()
        for row in found.rows:
            if row["month"] == month:
                for name in ("paid", "refunded", "reversed"):
                    sums[str(row["currency"]), row["method"], name] += _minor(row[name])  # type: ignore[index]
        assert Counter({name: minor for name, minor in sums.items() if minor}) == books.collected(month)


def _owed(rows: object) -> Counter[tuple[str, str, int]]:
    owed: Counter[tuple[str, str, int]] = Counter()
    for row in rows:  # type: ignore[attr-defined]
        for bucket, key in enumerate(ageing.BUCKETS):
            if minor := _minor(row[key]):
                owed[row["customer_id"], row["currency"], bucket] += minor
    return owed


def _minor(value: object) -> int:
    assert isinstance(value, Money)
    return value.minor
