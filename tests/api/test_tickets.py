"""Tickets over the API: a customer asks, the staff answers, and nobody reads another's."""

from __future__ import annotations

from daemon.store.events import stamp
from daemon.store.tickets import PER_HOUR
from daemon.store.tokens import Role
from tests.api.asking import Office
from tests.api.test_flow import INVOICE, INVOICES

OWN = "/api/customers/ref:C-1/tickets"
ASKED = {"subject": "An amount", "text": "It says 45.00.\nWhy?"}


def test_a_customer_asks_and_the_staff_answers(office: Office) -> None:
    office.post(INVOICES, INVOICE)
    made = office.post(OWN, ASKED | {"invoice": "ref:1001"}, as_="customer_owner")
    assert (made["state"], made["customerReference"]) == ("open", "C-1")
    assert made["invoiceId"] == office.get(f"{INVOICES}/ref:1001")["id"]

    waiting = office.get("/api/tickets?state=open", as_="tenant_staff")["tickets"]
    assert [row["id"] for row in waiting] == [made["id"]]
    said = office.post(f"/api/tickets/{made['id']}/messages", {"text": "Tax."}, as_="tenant_staff")
    assert said["state"] == "answered"

    read = office.get(f"{OWN}/{made['id']}", as_="customer_owner")
    assert [(m["author"], m["text"]) for m in read["messages"]] == [
        ("subscriber", ASKED["text"]),
        ("staff", "Tax."),
    ]
    again = office.post(f"{OWN}/{made['id']}/messages", {"text": "Thanks."}, as_="customer_owner")
    assert again["state"] == "open"
    assert office.post(f"{OWN}/{made['id']}/close", status=200, as_="customer_owner")["state"] == "closed"
    assert office.get("/api/tickets?state=open")["tickets"] == []


def test_who_wrote_for_the_staff_is_not_told_to_the_customer(office: Office) -> None:
    made = office.post(OWN, ASKED, as_="customer_owner")
    office.post(f"/api/tickets/{made['id']}/messages", {"text": "Tax."})
    read = office.ask("GET", f"{OWN}/{made['id']}", as_="customer_owner")
    assert office.rows["tenant_admin"].id.encode() not in read.body


def test_a_ticket_of_the_neighbour_is_not_there(office: Office) -> None:
    office.a_token("neighbour", Role.CUSTOMER_OWNER, office.tenant.id, office.neighbour)
    theirs = office.post("/api/customers/ref:C-2/tickets", ASKED, as_="neighbour")
    for method, path in (("GET", ""), ("POST", "/messages"), ("POST", "/close")):
        body = {"text": "x"} if path == "/messages" else {} if method == "POST" else None
        got = office.ask(method, f"{OWN}/{theirs['id']}{path}", body, as_="customer_owner")
        assert got.status == 404
    assert office.get(OWN, as_="customer_owner")["tickets"] == []


def test_a_ticket_is_not_about_the_neighbours_invoice(office: Office) -> None:
    office.post("/api/customers/ref:C-2/invoices", INVOICE)
    got = office.ask("POST", OWN, ASKED | {"invoice": "ref:1001"}, as_="customer_owner")
    assert (got.status, got.code) == (404, "WB-NOT-FOUND")


def test_a_subscriber_is_slowed_down_and_told_when_to_come_again(office: Office) -> None:
    made = office.post(OWN, ASKED, as_="customer_owner")
    for _ in range(PER_HOUR - 1):
        office.post(f"{OWN}/{made['id']}/messages", {"text": "And?"}, as_="customer_owner")
    slowed = office.ask("POST", OWN, ASKED, as_="customer_owner")
    assert (slowed.status, slowed.code) == (429, "WB-INPUT-TOO-FAST")
    assert int(slowed.headers["retry-after"]) == 3600
    assert office.ask("POST", OWN, ASKED, as_="tenant_staff").status == 201


def test_a_ticket_can_be_told_of_like_everything_else(office: Office) -> None:
    made = office.post(OWN, ASKED, as_="customer_owner")
    stamp(office.house.store)
    [told] = [row for row in office.get("/api/events")["events"] if row["type"] == "ticket.opened"]
    assert told["data"]["ticket"] == made["id"]
    assert ASKED["text"] not in str(told)
