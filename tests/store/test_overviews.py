"""Overviews: how many there are, on both databases; and the planner is told nothing that misleads it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daemon.model import Hint
from daemon.store import audit, hints, integrations, links, overviews, runs, statistics, tenants
from daemon.store.database import Store
from daemon.store.tables import Invoice, Link
from tests.builders import Builders


def test_what_is_open_refused_and_disputed_is_counted_for_each_tenant(store: Store, make: Builders) -> None:
    first, second = make.a_tenant(), make.a_tenant()
    at = make.an_integration(first)
    rows = [make.a_link(at) for _ in range(3)]
    make.an_invoice(make.a_customer(second))

    def work() -> None:
        Link.update(state="failed", fault_code="WB-X").where(Link.id == rows[0].id).execute()
        Invoice.update(payment_status="disputed").where(Invoice.id == rows[1].invoice_id).execute()

    store.write("test", work)

    assert (overviews.count_open(first.id), overviews.count_open(second.id)) == (2, 1)
    assert overviews.open_of_all() == {first.id: 2, second.id: 1}
    assert overviews.refused() == {first.id: 1}
    assert overviews.disputed() == {first.id: 1}
    assert overviews.customers() == {first.id: 3, second.id: 1}
    assert (overviews.unassigned(first.id), overviews.unassigned(second.id)) == (0, 1)
    assert integrations.count_by_state([at.id]) == {at.id: {"failed": 1, "pending": 2}}
    assert links.count_followed([at.id]) == {at.id: 0}


def test_what_was_due_when_it_was_asked_for_is_counted_until_it_is_sent(store: Store, make: Builders) -> None:
    at = make.an_integration()
    link = make.a_link(at)
    now = store.clock.now()
    assert overviews.count_due(at.id, now) == 1
    assert overviews.count_due(at.id, now - timedelta(days=1)) == 0
    store.write("test", lambda: links.push_at(link.id, now + timedelta(hours=1)))
    assert overviews.count_due(at.id, now) == 0


def test_lists_go_on_behind_the_last_and_show_one_tenant_alone(store: Store, make: Builders) -> None:
    at = make.an_integration()
    tenant, now = tenants.get(at.tenant_id), store.clock.now()
    other = make.an_integration()

    def work() -> None:
        for n in range(5):
            for one in (at, other):
                hint = Hint(f"evt_{n}", f"in_{n}", now, "paid")
                hints.note(one.tenant_id, one.id, [hint], source="webhook", now=now)
                runs.record("pull", started_at=now, finished_at=now, counts={}, integration_id=one.id)
                audit.append(one.tenant_id, actor="test", action=f"done.{n}", subject="x", data={}, now=now)

    store.write("test", work)

    first = overviews.hints_of(tenant.id, limit=3)
    rest = overviews.hints_of(tenant.id, before=first[-1].id, limit=10)
    assert [row.ref for row in [*first, *rest]] == [f"in_{n}" for n in (4, 3, 2, 1, 0)]
    told = overviews.audit_of(tenant.id, limit=2)
    more = overviews.audit_of(tenant.id, before=told[-1].seq, limit=2)
    assert [row.action for row in [*told, *more]] == [f"done.{n}" for n in (4, 3, 2, 1)]
    assert {row.integration_id for row in overviews.runs_of(at.id, limit=10)} == {at.id}


def test_averages_that_mislead_are_not_kept(store: Store, make: Builders) -> None:
    """Nearly all links are synced; who asks for the few others must not walk all of them."""
    if not store.is_sqlite:
        pytest.skip("PostgreSQL keeps the most common values")
    make.links(make.an_integration(), 3)
    store.db.execute_sql("ANALYZE")
    store.write("test", lambda: statistics.refresh(store))

    known = {row[0] for row in store.db.execute_sql("SELECT idx FROM sqlite_stat1 WHERE tbl = 'link'")}
    assert known and not known & set(statistics.SKEWED)
