"""What a report costs: as many questions for many invoices as for few, and no table read from end to end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from daemon.house import House
from daemon.reports import REPORTS, make
from daemon.store import records
from daemon.store.reporting import ageing, asking, close, collections, paying, syncing
from daemon.store.tables import Table
from tests.builders import Builders

ASKING = (ageing, close, collections, paying, syncing)


TABLES = r"SCAN [pilrnge]( USING .*)?"
"""What the questions call payment, invoice, link, run, integration and event."""


class Questions:
    """Every statement that goes to the database."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        database: Any = Table._meta.database
        inner = database.obj.execute_sql

        def execute(sql: str, params: object = None) -> Any:
            self.count += 1
            return inner(sql, params)

        monkeypatch.setattr(database.obj, "execute_sql", execute)

    def asked_by(self, house: House, tenant: records.Tenant, name: str) -> int:
        before = self.count
        make(house, tenant, name)
        return self.count - before


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_asks_no_more_of_many_invoices_than_of_few(
    house: House, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    builders = Builders(house.store)
    tenant = builders.a_tenant()
    at = builders.an_integration(tenant)
    builders.links(at, 2)
    questions = Questions(monkeypatch)
    few = questions.asked_by(house, tenant, name)
    builders.links(at, 30)
    assert questions.asked_by(house, tenant, name) <= few


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The query plans of what the reports ask, on SQLite."""
    found: list[str] = []
    inner = asking.ask

    def ask(sql: str, **values: Any) -> Iterator[tuple[Any, ...]]:
        found.extend(str(row[3]) for row in inner(f"EXPLAIN QUERY PLAN {sql}", **values))
        return inner(sql, **values)

    for module in ASKING:
        monkeypatch.setattr(module, "ask", ask)
    yield found


def test_no_report_reads_a_table_from_end_to_end(house: House, plans: list[str]) -> None:
    """Of 300 tenants on a machine, one is asked about."""
    builders = Builders(house.store)
    tenant = builders.a_tenant()
    builders.links(builders.an_integration(tenant), 3)
    for name in REPORTS:
        make(house, tenant, name)
    assert any("payment_tenant_id" in line for line in plans)
    assert [line for line in plans if re.fullmatch(TABLES, line)] == []
