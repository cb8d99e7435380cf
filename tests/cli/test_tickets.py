"""Tickets at the command line: what waits is listed, answered and closed."""

from __future__ import annotations

from daemon.store import customers, invoices, tenants, tickets
from tests.cli.conftest import Shell

ASKED = "It says 45.00.\nWhy?"


def asked(shell: Shell) -> str:
    """A ticket of a subscriber about invoice 1001; its id."""
    shell.all_set()
    desk = shell.desk()
    house = desk.house
    customer = customers.get(tenants.only().id, "C-1")
    ticket = desk.write(
        "test",
        lambda: tickets.open_(
            customer,
            "An amount",
            ASKED,
            author=tickets.Author.SUBSCRIBER,
            invoice_id=invoices.get(customer.tenant_id, "1001").id,
            actor="portal",
            now=desk.now,
            entropy=house.entropy,
        ),
    )
    return ticket.id


def test_a_ticket_is_listed_shown_answered_and_closed(shell: Shell) -> None:
    name = asked(shell)
    [row] = shell.json("tickets", "list", "--state", "open")["tickets"]
    assert (row["id"], row["customerReference"], row["invoice"]) == (name, "C-1", "1001")
    assert "  Why?" in shell.ran("tickets", "show", name).stdout

    answered = shell.json("tickets", "answer", name, "Tax.")
    assert (answered["state"], answered["messages"][-1]["text"]) == ("answered", "Tax.")
    assert answered["messages"][-1]["author"] == "staff"
    assert shell.json("tickets", "close", name)["state"] == "closed"
    assert shell.ran("tickets", "list", "--state", "open").stdout == "No tickets.\n"
    assert shell.json("tickets", "list", "--customer", "C-1")["tickets"][0]["state"] == "closed"


def test_what_is_no_ticket_no_state_and_no_answer_is_refused(shell: Shell) -> None:
    name = asked(shell)
    assert "WB-NOT-FOUND" in shell.refused("tickets", "show", "wbk_none")
    assert "open, answered or closed" in shell.refused("tickets", "list", "--state", "waiting")
    assert "text" in shell.refused("tickets", "answer", name, " ")
