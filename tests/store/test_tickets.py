"""Tickets: what a customer asks and the staff answers, on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from daemon.errors import InvalidInput, NotFound
from daemon.store import audit, customers, events, records, tickets
from daemon.store.database import Store
from daemon.store.tickets import MOST_MESSAGES, MOST_OPEN, PER_HOUR, Author, Ticket, TicketState
from tests.builders import Builders

ASKED = "The invoice says 45.00, and I paid 40.00.\nWhy?"


@pytest.fixture
def invoice(make: Builders) -> records.Invoice:
    return make.an_invoice()


@pytest.fixture
def customer(make: Builders, invoice: records.Invoice) -> records.Customer:
    return customers.by_ids({invoice.customer_id})[invoice.customer_id]


def opened(store: Store, customer: records.Customer, **more: Any) -> Ticket:
    given: dict[str, Any] = {"subject": "An amount", "text": ASKED, "author": Author.SUBSCRIBER} | more
    return store.write(
        "test",
        lambda: tickets.open_(
            customer, actor="token:1", now=store.clock.now(), entropy=store.entropy, **given
        ),
    )


def said(store: Store, ticket: Ticket, author: Author, text: str = "Yes.") -> Ticket:
    return store.write(
        "test", lambda: tickets.say(ticket, author, text, actor="token:2", now=store.clock.now())
    )


def closed(store: Store, ticket: Ticket) -> Ticket:
    return store.write("test", lambda: tickets.close(ticket, actor="token:2", now=store.clock.now()))


def test_a_ticket_waits_for_whoever_did_not_write_last(store: Store, customer: records.Customer) -> None:
    ticket = opened(store, customer)
    assert ticket.state == TicketState.OPEN
    store.clock.wait(60)

    answered = said(store, ticket, Author.STAFF, "Tax.")
    assert (answered.state, answered.said_at) == (TicketState.ANSWERED, store.clock.now())
    assert said(store, ticket, Author.SUBSCRIBER).state == TicketState.OPEN
    done = closed(store, ticket)
    assert (done.state, done.closed_at) == (TicketState.CLOSED, store.clock.now())
    again = said(store, ticket, Author.SUBSCRIBER, "Still not.")
    assert (again.state, again.closed_at) == (TicketState.OPEN, None)

    texts = [(row.author, row.text) for row in tickets.messages(ticket.id)]
    assert texts == [
        ("subscriber", ASKED),
        ("staff", "Tax."),
        ("subscriber", "Yes."),
        ("subscriber", "Still not."),
    ]


def test_what_happens_is_in_the_feed_on_the_invoice_and_in_the_audit_but_not_what_was_written(
    store: Store, customer: records.Customer, invoice: records.Invoice
) -> None:
    ticket = opened(store, customer, invoice_id=invoice.id)
    said(store, ticket, Author.STAFF)
    said(store, ticket, Author.SUBSCRIBER)
    for _ in range(2):
        closed(store, ticket)

    told = ["ticket.opened", "ticket.answered", "ticket.replied", "ticket.closed"]
    found = [row for row in events.of_invoice(invoice.id) if row.type.startswith("ticket.")]
    assert [row.type for row in found] == told
    assert {(row.data["ticket"], row.customer_id) for row in found} == {(ticket.id, customer.id)}
    audited = [row for row in audit.latest(tenant_id=customer.tenant_id) if row.object == ticket.id]
    assert [row.action for row in reversed(audited)] == told
    assert ASKED not in str(found) + str(audited)


def test_the_list_is_newest_first_in_pages(store: Store, customer: records.Customer) -> None:
    made = []
    for _ in range(3):
        made.append(opened(store, customer).id)
        store.clock.wait(1)
    said(store, tickets.get(customer.tenant_id, made[1]), Author.STAFF)

    def ids(**more: Any) -> list[str]:
        return [row.id for row in tickets.listing(customer.tenant_id, **({"limit": 10} | more))]

    assert ids() == made[::-1]
    assert ids(limit=2) == [made[2], made[1]]
    assert ids(after=made[1]) == [made[0]]
    assert ids(state=TicketState.ANSWERED) == [made[1]]
    assert ids(customer_id=customer.id, state=TicketState.OPEN) == [made[2], made[0]]
    assert ids(customer_id="wbc_other") == []
    assert tickets.listing("wbt_other", limit=10) == []


def test_a_ticket_is_found_by_its_tenant_and_its_customer_alone(
    store: Store, customer: records.Customer
) -> None:
    ticket = opened(store, customer)
    assert tickets.get(customer.tenant_id, ticket.id, customer_id=customer.id) == ticket
    for tenant_id, customer_id in (("wbt_other", None), (customer.tenant_id, "wbc_other")):
        with pytest.raises(NotFound):
            tickets.get(tenant_id, ticket.id, customer_id=customer_id)


def test_a_ticket_is_about_an_invoice_of_this_customer_or_about_none(
    store: Store, make: Builders, customer: records.Customer
) -> None:
    for invoice_id in ("wbi_none", make.an_invoice().id):
        with pytest.raises(NotFound):
            opened(store, customer, invoice_id=invoice_id)
    assert tickets.listing(customer.tenant_id, limit=10) == []


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"subject": " "}, "subject"),
        ({"subject": "a" * 121}, "subject"),
        ({"subject": "two\nlines"}, "subject"),
        ({"subject": "hidden \u202e order"}, "subject"),
        ({"text": " \n "}, "text"),
        ({"text": "a" * 4001}, "text"),
        ({"text": "a\x00b"}, "text"),
        ({"text": "a\x1b[2Jb"}, "text"),
    ],
)
def test_texts_are_bounded(
    store: Store, customer: records.Customer, given: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        opened(store, customer, **given)
    assert caught.value.field == field


def test_a_subscriber_writes_so_much_in_an_hour_and_the_staff_as_it_likes(
    store: Store, customer: records.Customer
) -> None:
    ticket = opened(store, customer)
    for _ in range(PER_HOUR - 1):
        said(store, ticket, Author.SUBSCRIBER)
    store.clock.wait(600)
    for write in (lambda: said(store, ticket, Author.SUBSCRIBER), lambda: opened(store, customer)):
        with pytest.raises(InvalidInput) as caught:
            write()
        assert caught.value.code == "WB-INPUT-TOO-FAST"
        assert getattr(caught.value, "retry_after") == 3000  # noqa: B009
    said(store, ticket, Author.STAFF)

    store.clock.wait(timedelta(minutes=50).total_seconds())
    said(store, ticket, Author.SUBSCRIBER)


def test_there_are_so_many_open_tickets_and_messages_and_no_more(
    store: Store, customer: records.Customer
) -> None:
    made = [opened(store, customer, author=Author.STAFF) for _ in range(MOST_OPEN)]
    with pytest.raises(InvalidInput) as caught:
        opened(store, customer, author=Author.STAFF)
    assert caught.value.code == "WB-TICKET-MANY"
    closed(store, made[0])
    opened(store, customer, author=Author.STAFF)

    for _ in range(MOST_MESSAGES - 1):
        said(store, made[1], Author.STAFF)
    with pytest.raises(InvalidInput) as caught:
        said(store, made[1], Author.STAFF)
    assert caught.value.code == "WB-TICKET-MANY"
