"""What alerts ask the rows, on both databases."""

from __future__ import annotations

from functools import partial

from daemon.store import alerts, differences, integrations, links, subscriptions, tenants
from daemon.store.alerts import Concern
from daemon.store.database import Store
from daemon.store.differences import Found
from daemon.store.tables import Link
from tests.builders import Builders, eur
from tests.recurring import a_plan, subscribe


def test_what_differs_is_counted_by_tenant_with_its_money(store: Store, make: Builders) -> None:
    row = make.an_integration()
    link = make.a_link(row)
    found = [
        Found("amount_edited", "inv_1", "Edited.", "x", "-", invoice_id=link.invoice_id, amount=eur("4.50")),
        Found("unknown_here", "inv_2", "Unknown.", "x", "-", amount=eur("0.50")),
        Found("paid_there", "inv_3", "Paid.", "x", repaired=True, amount=eur("9.00")),
    ]
    now = store.clock.now()
    store.write("test", lambda: differences.note(row, found, now=now, entropy=store.entropy))

    assert alerts.differing() == {row.tenant_id: (2, Concern(1, {"EUR": "5.00"}))}
    assert alerts.where_books_differ() == {row.id}

    store.write("test", lambda: integrations.update(row.id, removed_at=now))
    assert (alerts.differing(), alerts.where_books_differ()) == ({}, set())


def test_what_waits_longest_and_who_was_refused_is_found(store: Store, make: Builders) -> None:
    row = make.an_integration()
    waits, refused, unasked = make.a_link(row), make.a_link(row), make.a_link(row)

    def work() -> None:
        Link.update(state="failed", fault_code="WB-X").where(Link.id == refused.id).execute()
        Link.update(next_push_at=None).where(Link.id == unasked.id).execute()

    store.write("test", work)

    assert alerts.with_refused() == {row.tenant_id}
    assert alerts.refused(row.tenant_id, "WB-X").customers == 1
    assert alerts.oldest_unsent() == {row.id: store.clock.now()}

    store.write("test", lambda: Link.update(next_push_at=None).where(Link.id == waits.id).execute())
    assert alerts.oldest_unsent() == {}


def test_subscriptions_that_are_held_are_counted_with_their_customers(store: Store, make: Builders) -> None:
    customer = make.a_customer()
    tenant = tenants.get(customer.tenant_id)
    for reference in ("basic", "extra", "more"):
        row = subscribe(store, tenant, customer, a_plan(store, tenant, reference=reference), "2026-03-01")
        if reference != "more":
            text, now = "it is held", store.clock.now()
            store.write("test", partial(subscriptions.note_fault, row, "WB-BILL-HELD", text, now=now))

    assert alerts.unbilled() == {tenant.id: (2, 1)}


def test_everything_that_is_there_and_not_void_is_read_anew(store: Store, make: Builders) -> None:
    row, other = make.an_integration(), make.an_integration()
    there, elsewhere, unsent = make.a_link(row), make.a_link(other), make.a_link(row)

    def sent() -> None:
        for number, link in enumerate((there, elsewhere)):
            Link.update(external_id=f"in_{number}").where(Link.id == link.id).execute()

    store.write("test", sent)
    now = store.clock.now()

    assert store.write("test", lambda: links.read_all_open(row.id, now)) == 1
    assert [links.get(one.id).next_pull_at for one in (there, elsewhere, unsent)] == [now, None, None]
