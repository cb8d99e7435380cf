"""The close of a month: it ties to the cent or names the invoice that does not; what is closed stays told."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise

from hypothesis import HealthCheck, given, settings

from daemon.money import Money
from daemon.reports import ageing, close, collected
from daemon.reports.asking import Asked, Wish
from daemon.reports.close.reckoning import FIGURES
from daemon.reports.shape import Report
from daemon.store.database import Store
from tests.builders import Builders
from tests.reports.test_sums import NOW, worlds
from tests.reports.world import Books

MONTHS = ("2025-11", "2025-12", "2026-01", "2026-02")

some = settings(
    max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def closing(books: Books, month: str) -> Report:
    return close.report(Asked(books.tenant, Wish(month=month), NOW))


def figures(made: Report) -> dict[tuple[str | None, str], Counter[str]]:
    return {
        (row["integration_id"], str(row["currency"])): Counter(  # type: ignore[misc]
            {name: _minor(row[name]) for name in (*FIGURES, "apart")}
        )
        for row in made.rows
    }


def _minor(value: object) -> int:
    return value.minor if isinstance(value, Money) else int(str(value))


@some
@given(**worlds)
def test_every_figure_is_what_the_invoices_say_one_by_one(
    make: Builders, store: Store, seed: int, zone: str
) -> None:
    books = Books(make, random.Random(seed), zone=zone, invoices=14)
    for month in MONTHS:
        found, wanted = figures(closing(books, month)), books.close(month)
        for key, sums in wanted.items():
            told = found.get(key, Counter())
            names = ("invoices", "billed", "withdrawn", "pushed", "ledger", "opening", "closing")
            for name in (*names, "payments", "taken_back", "refunded"):
                assert told[name] == sums[name], (month, key, name)


@some
@given(**worlds)
def test_the_receivables_roll_from_month_to_month_and_are_those_of_the_ageing(
    make: Builders, store: Store, seed: int, zone: str
) -> None:
    books = Books(make, random.Random(seed), zone=zone, invoices=14)
    made = [figures(closing(books, month)) for month in MONTHS]
    for one in (sums for found in made for sums in found.values()):
        rolled = one["opening"] + one["billed"] - one["payments"] + one["taken_back"]
        rolled += one["ahead"] - one["credited"] - one["written_off"] - one["voided"]
        assert rolled == one["closing"]
    for before, after in pairwise(made):
        keys = {*before, *after}
        ends = {key: before.get(key, Counter())["closing"] for key in keys}
        assert ends == {key: after.get(key, Counter())["opening"] for key in keys}
    owed = ageing.report(Asked(books.tenant, Wish(as_of="2026-02-28"), NOW))
    total = {str(row["currency"]): _minor(row["owed"]) for row in owed.totals}
    assert total == {
        currency: minor for currency, minor in _by_currency(made[-1], "closing").items() if minor
    }


@some
@given(**worlds)
def test_the_payments_of_a_close_are_the_collections_of_its_month(
    make: Builders, store: Store, seed: int, zone: str
) -> None:
    books = Books(make, random.Random(seed), zone=zone, invoices=14)
    for month in MONTHS:
        made = figures(closing(books, month))
        money = collected.report(Asked(books.tenant, Wish(since=month, until=month), NOW))
        for figure, name in (("payments", "paid"), ("taken_back", "reversed"), ("refunded", "refunded")):
            sums = {str(row["currency"]): _minor(row[name]) for row in money.totals}
            told = _by_currency(made, figure)
            assert {c: m for c, m in told.items() if m} == {c: m for c, m in sums.items() if m}


@some
@given(**worlds)
def test_a_month_ties_where_nothing_differs_and_every_cent_apart_is_named(
    make: Builders, store: Store, seed: int, zone: str
) -> None:
    books = Books(make, random.Random(seed), zone=zone, invoices=14)
    for month in MONTHS:
        made = closing(books, month)
        (named,) = (part for part in made.parts if part.name == "differences")
        wrong = {
            paper.invoice.number: (paper.ledger or 0) - paper.total.minor
            for paper in books.papers
            if f"{paper.invoice.issued_on:%Y-%m}" == month
            and not (not paper.sent and paper.status == "void")
            and (not paper.sent or paper.ledger != paper.total.minor)
        }
        assert {row["number"] for row in named.rows} == wrong.keys()
        assert all(row["command"] and row["sentence"] for row in named.rows)
        assert made.well == (not wrong)
        apart = sum(_minor(row["apart"]) for row in made.rows)
        assert apart == sum(wrong.values())
        if not wrong:
            assert str(made.verdict).endswith("ties to the cent.")


def _by_currency(found: dict[tuple[str | None, str], Counter[str]], figure: str) -> Counter[str]:
    sums: Counter[str] = Counter()
    for (_at, currency), one in found.items():
        sums[currency] += one[figure]
    return sums
