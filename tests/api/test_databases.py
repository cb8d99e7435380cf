"""On both databases: the whole road, and many who ask for the same at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.store import audit, customers, invoices
from tests.api import test_flow, test_nouns
from tests.api.asking import Got, Office, build_office
from tests.api.test_flow import INVOICE, INVOICES
from tests.store.conftest import postgres_store, postgres_url

__all__ = ["postgres_store", "postgres_url"]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def office(request: pytest.FixtureRequest, tmp_path: Path, empty_database: Path) -> Iterator[Office]:
    more: dict[str, Any] = {}
    if request.param == "postgres":
        request.getfixturevalue("postgres_store")
        more["database__url"] = request.getfixturevalue("postgres_url")
    built = build_office(tmp_path, empty_database, **more)
    yield built
    built.house.close()


def at_once(office: Office, asks: list[Callable[[], Got]]) -> list[Got]:
    found: list[Got] = []
    gate = threading.Barrier(len(asks))

    def run(ask: Callable[[], Got]) -> None:
        gate.wait()
        found.append(ask())
        if not office.house.store.is_sqlite:
            return
        office.house.store.db.close()

    threads = [threading.Thread(target=run, args=(ask,)) for ask in asks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_the_whole_road(office: Office) -> None:
    test_flow.test_an_invoice_goes_out_is_paid_and_says_so(office)


def test_the_feed_and_the_plans(office: Office) -> None:
    test_nouns.test_the_feed_goes_on_behind_what_was_read_and_shows_each_event_once(office)
    test_nouns.test_a_customer_is_subscribed_paused_resumed_and_leaves(office)


def test_one_key_at_once_is_done_once(office: Office) -> None:
    """Who comes while the first is at work is told to come again, and then gets its answer."""
    ask = [lambda: office.ask("POST", INVOICES, INVOICE, idempotency_key="one")] * 6
    found = at_once(office, ask)
    assert {got.status for got in found} <= {201, 429}
    assert {got.body for got in found if got.status == 201} == {ask[0]().body}
    assert len(invoices.listing(office.tenant.id, limit=10)) == 1


def test_one_customer_and_one_invoice_at_once_are_made_once(office: Office) -> None:
    body = {"reference": "C-9"}
    found = at_once(office, [lambda: office.ask("POST", "/api/customers", body)] * 6)
    assert {got.status for got in found} <= {200, 201}
    assert len({got.json["id"] for got in found}) == 1
    assert len(customers.listing(office.tenant.id, limit=10)) == 3

    found = at_once(office, [lambda: office.ask("POST", INVOICES, INVOICE)] * 6)
    assert {got.status for got in found} <= {200, 201}
    assert len({got.json["id"] for got in found}) == 1
    assert audit.verify()[1] == []


def test_of_changes_under_one_version_one_is_made(office: Office) -> None:
    version = office.ask("GET", "/api/customers/ref:C-1").headers["etag"]
    asks = [
        lambda n=n: office.ask("PATCH", "/api/customers/ref:C-1", {"name": f"Name {n}"}, if_match=version)
        for n in range(6)
    ]
    found = sorted(got.status for got in at_once(office, asks))
    assert found == [200, 412, 412, 412, 412, 412]


def test_a_token_that_is_revoked_by_many_at_once_is_revoked_once_and_counts_no_more(office: Office) -> None:
    made = office.post("/api/tokens", {"role": "read_only", "label": "x"})
    asks = [lambda: office.ask("DELETE", f"/api/tokens/{made['id']}")] * 4
    assert {got.json["revokedAt"] for got in at_once(office, asks)} == {
        office.clock.now().isoformat().replace("+00:00", "Z")
    }
    rows = [row for row in audit.latest(tenant_id=office.tenant.id) if row.object == made["id"]]
    assert [row.action for row in rows] == ["token.revoked", "token.added"]
    assert office.ask("GET", "/api/customers", token=made["token"]).status == 401
