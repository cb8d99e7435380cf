"""Finding: by what people have at hand, through an index where it is exact, and never another tenant's."""

from __future__ import annotations

import pytest

from daemon.errors import InvalidInput
from daemon.office.search import account_of, search
from daemon.store import customers, finding, plain, records, tenants
from daemon.store.database import Store
from daemon.store.tables import Link, Payment
from tests.builders import Builders


@pytest.fixture
def person(store: Store, make: Builders) -> records.Customer:
    row = make.a_customer()
    store.write(
        "test",
        lambda: customers.update(
            row.tenant_id, row.id, {"phone": "+1 (555) 010-0042"}, actor="test", now=store.clock.now()
        ),
    )
    return row


@pytest.fixture
def invoice(store: Store, make: Builders, person: records.Customer) -> records.Invoice:
    """At a provider, and paid there."""
    tenant = tenants.get(person.tenant_id)
    at = make.an_integration(tenant)
    made = make.an_invoice(person, number="INV-0042")
    make.an_invoice(make.a_customer(tenant), number="INV-0077")

    def work() -> None:
        there = {"integration_id": at.id, "external_id": "in_42", "reference": "WB-ABCDEFGHIJKLMNOP"}
        Link.update(there).where(Link.invoice_id == made.id).execute()
        plain.insert(
            Payment,
            {
                "tenant_id": tenant.id,
                "integration_id": at.id,
                "invoice_id": made.id,
                "external_id": "py_42",
                "kind": "payment",
                "revision": 0,
                "amount_minor": 4500,
                "currency": "EUR",
                "transaction_id": "ch_42",
                "seen_at": store.clock.now(),
            },
        )

    store.write("test", work)
    return made


@pytest.mark.parametrize(
    "text",
    ["INV-0042", "0042", "in_42", "WB-ABCDEFGHIJKLMNOP", "py_42", "ch_42", " INV-0042 "],
)
def test_an_invoice_is_found_by_every_name_that_it_has(invoice: records.Invoice, text: str) -> None:
    for tenant_id in (invoice.tenant_id, None):
        assert [row.id for row in search(text, tenant_id).invoices] == [invoice.id]


@pytest.mark.parametrize("text", ["5550100042", "555 010 0042", "010-0042", "subscriber 0001", "sub-0001"])
def test_a_customer_is_found_as_they_say_it_on_the_phone(invoice: records.Invoice, text: str) -> None:
    found = search(text, invoice.tenant_id)
    assert [row.id for row in found.customers] == [invoice.customer_id]
    assert [row.id for row in found.invoices] == [invoice.id]


def test_what_is_another_tenants_is_found_by_no_name(
    invoice: records.Invoice, person: records.Customer, make: Builders
) -> None:
    stranger = make.a_tenant()
    for text in ("INV-0042", "in_42", "py_42", "ch_42", person.name, person.reference, "5550100042"):
        assert not search(text, stranger.id)


def test_an_exact_name_is_looked_up_in_an_index(invoice: records.Invoice, store: Store) -> None:
    if not store.is_sqlite:
        pytest.skip("PostgreSQL scans what is this small")
    for tenant_id in (invoice.tenant_id, None):
        for way in finding.ways("INV-0042", tenant_id):
            sql, params = way.sql()
            plan = [row[3] for row in store.db.execute_sql(f"EXPLAIN QUERY PLAN {sql}", params)]
            named = [step for step in plan if any(x in step for x in ("invoice", "link", "payment", '"t1"'))]
            assert not [step for step in named if step.startswith("SCAN")], (sql, plan)


def test_a_text_that_is_like_everything_finds_only_what_holds_it(invoice: records.Invoice) -> None:
    for text in ("%", "_", "100%", "'"):
        assert not search(text, invoice.tenant_id)


@pytest.mark.parametrize("text", ["", "  ", "a\nb", "x" * 201])
def test_what_says_nothing_is_refused(store: Store, text: str) -> None:
    with pytest.raises(InvalidInput):
        search(text, None)


def test_the_answer_says_what_is_owed(invoice: records.Invoice, person: records.Customer) -> None:
    assert account_of(person).sentence == "owes 45.00 EUR: 1 open"
