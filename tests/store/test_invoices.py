"""Invoices: entered once, found by every name, never changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.errors import InvalidInput, NotFound
from daemon.model import PaymentStatus, SyncState
from daemon.office.search import search
from daemon.store import customers, events, invoices, links, tenants
from daemon.store.database import Store
from tests.builders import Builders, eur
from tests.fakes import FrozenClock


def test_a_new_invoice_is_open_pending_and_told(make: Builders) -> None:
    invoice = make.an_invoice(total="45.00 EUR")

    link = links.of_invoice(invoice.id)
    assert (invoice.total_minor, invoice.due_minor, invoice.payment_status) == (
        4500,
        4500,
        PaymentStatus.OPEN,
    )
    assert (link.state, link.integration_id) == (SyncState.PENDING, None)
    assert [event.type for event in events.of_invoice(invoice.id)] == ["invoice.added"]


def test_the_same_invoice_again_is_answered_with_the_one_that_is_there(
    make: Builders, clock: FrozenClock
) -> None:
    new = make.new_invoice(make.a_customer(), number="A-1")
    first, fresh = make.add(new)
    clock.move(days=1)

    again, also_fresh = make.add(replace(new, issued_on=new.issued_on + timedelta(days=1)))

    assert (fresh, also_fresh) == (True, False)
    assert again == first
    assert len(events.of_invoice(first.id)) == 1


@pytest.mark.parametrize("field", ["number", "reference"])
def test_a_number_or_reference_with_other_content_is_taken(make: Builders, field: str) -> None:
    new = make.new_invoice(make.a_customer(), number="A-1")
    make.add(new)
    line = replace(new.lines[0], net=eur("46.00"))
    other = replace(new, lines=(line,), **{"reference" if field == "number" else "number": "B-1"})

    with pytest.raises(InvalidInput) as caught:
        make.add(other)
    assert caught.value.code == "WB-INVOICE-TAKEN"


def test_the_same_number_is_free_at_another_tenant(make: Builders) -> None:
    first, second = make.an_invoice(number="A-1"), make.an_invoice(number="A-1")

    assert first.tenant_id != second.tenant_id
    assert invoices.get(first.tenant_id, "A-1").id == first.id
    assert invoices.get(second.tenant_id, "A-1").id == second.id


def test_an_invoice_is_found_by_its_id_number_and_reference(make: Builders) -> None:
    new = replace(make.new_invoice(make.a_customer(), number="A-1"), reference="platform-1")
    invoice, _fresh = make.add(new)

    for name in (invoice.id, "A-1", "ref:platform-1", "platform-1"):
        assert invoices.get(invoice.tenant_id, name).id == invoice.id


def test_a_name_that_is_one_s_number_and_another_s_reference_means_the_number(make: Builders) -> None:
    customer = make.a_customer()
    for number, reference in (("Y", "X"), ("X", "Z")):
        make.add(replace(make.new_invoice(customer, number=number), reference=reference))

    assert invoices.get(customer.tenant_id, "X").number == "X"
    assert invoices.get(customer.tenant_id, "ref:X").number == "Y"


def test_nothing_of_one_tenant_is_found_by_another(make: Builders) -> None:
    customer = make.a_customer()
    invoice = make.an_invoice(customer)
    stranger = make.a_tenant()

    assert invoices.listing(stranger.id, limit=10) == []
    assert not search(invoice.number, stranger.id)
    assert not search(customer.name, stranger.id)
    assert invoices.count_by_status(stranger.id) == {}
    assert links.count_by_state(stranger.id) == {}
    assert links.unassigned(stranger.id) == 0
    assert customers.listing(stranger.id, limit=10) == []
    for name in (invoice.id, invoice.number, f"ref:{invoice.reference}"):
        with pytest.raises(NotFound):
            invoices.get(stranger.id, name)
    for name in (customer.id, customer.reference):
        with pytest.raises(NotFound):
            customers.get(stranger.id, name)


def test_invoices_are_found_by_what_people_remember(store: Store, make: Builders) -> None:
    customer = make.a_customer()
    invoice = make.an_invoice(customer, number="2026-0042")
    make.an_invoice(make.a_customer(tenants.get(customer.tenant_id)))

    for text in ("0042", customer.email or "", customer.name, customer.reference):
        for tenant_id in (customer.tenant_id, None):
            assert [i.id for i in search(text, tenant_id).invoices] == [invoice.id]


def test_a_listing_goes_on_behind_the_last(make: Builders, clock: FrozenClock) -> None:
    customer = make.a_customer()
    found = []
    for _ in range(5):
        found.append(make.an_invoice(customer).id)
        clock.move(1)

    first = invoices.listing(customer.tenant_id, limit=2)
    second = invoices.listing(customer.tenant_id, limit=10, after=first[-1].id)

    assert [i.id for i in first + second] == found[::-1]
    assert invoices.listing(customer.tenant_id, limit=9, sync="synced") == []
    assert len(invoices.listing(customer.tenant_id, limit=9, status="open", customer_id=customer.id)) == 5


def test_lines_are_kept_in_their_order(make: Builders) -> None:
    new = make.new_invoice(make.a_customer())
    lines = tuple(replace(new.lines[0], description=f"Line {n}") for n in range(12))
    invoice, _fresh = make.add(replace(new, lines=lines))

    assert [line.description for line in invoices.lines_of(invoice.id)] == [f"Line {n}" for n in range(12)]
    assert invoice.total_minor == 12 * 4500


def test_a_customer_given_again_is_the_same_and_with_other_content_is_refused(
    store: Store, make: Builders
) -> None:
    known = make.a_customer()

    def add(name: str) -> str:
        return customers.add(
            tenant_id=known.tenant_id,
            reference=known.reference,
            name=name,
            email=known.email,
            actor="test",
            now=store.clock.now(),
            entropy=store.entropy,
        ).id

    assert store.write("test", lambda: add(known.name)) == known.id
    with pytest.raises(InvalidInput) as caught:
        store.write("test", lambda: add("Subscriber 9999"))
    assert caught.value.code == "WB-CUSTOMER-TAKEN"


def test_a_tenant_needs_a_zone_and_a_currency_that_exist(store: Store, make: Builders) -> None:
    for wrong in ({"zone": "Mars/Olympus"}, {"zone": "../etc/passwd"}, {"currency": "EURO"}):
        with pytest.raises(InvalidInput):
            make.a_tenant(**wrong)
