"""Tickets: what customers ask; read, answered and closed here."""

from __future__ import annotations

from daemon.errors import InvalidInput
from daemon.store import customers, invoices, tickets
from daemon.store.tickets import Author, Ticket, TicketState
from daemon.web.dashboard import words
from daemon.web.dashboard.roles import OFFICE, READERS
from daemon.web.dashboard.within import LIMIT, Desk, Spot
from daemon.web.pages import Answer, Go


def listed(desk: Desk) -> Answer:
    query = desk.visit.query
    state, after = query.get("state"), query.get("after")
    if state not in ("", *TicketState):
        raise InvalidInput("WB-INPUT", "there is no such state")
    wanted = TicketState(state) if state else None
    rows = tickets.listing(desk.tenant.id, limit=LIMIT + 1, after=after, state=wanted)
    people = customers.by_ids({row.customer_id for row in rows})
    return desk.view(
        "tickets",
        "Tickets",
        rows=rows[:LIMIT],
        people=people,
        state=state,
        states=words.TICKETS,
        after=after,
        more=rows[LIMIT - 1].id if len(rows) > LIMIT else None,
    )


def one(desk: Desk) -> Answer:
    row = _named(desk)
    return desk.view(
        "ticket",
        row.subject,
        row=row,
        person=customers.get(desk.tenant.id, row.customer_id),
        invoice=invoices.get(desk.tenant.id, row.invoice_id) if row.invoice_id else None,
        messages=tickets.messages(row.id),
        chip=words.TICKETS[row.state],
        most=tickets.LONGEST_TEXT,
    )


def say(desk: Desk) -> Answer:
    """Raises InvalidInput where the text is empty, too long or one too many."""
    row, text = _named(desk), desk.visit.form.raw("text")
    desk.write("tickets.say", lambda: tickets.say(row, Author.STAFF, text, actor=desk.actor, now=desk.now))
    desk.visit.say("good", "Your answer is sent.")
    return Go(desk.path(f"tickets/{row.id}"))


def close(desk: Desk) -> Answer:
    row = _named(desk)
    desk.write("tickets.close", lambda: tickets.close(row, actor=desk.actor, now=desk.now))
    desk.visit.say("good", "The ticket is closed; the customer can write in it again.")
    return Go(desk.path("tickets"))


def _named(desk: Desk) -> Ticket:
    """Raises NotFound."""
    return tickets.get(desk.tenant.id, desk.visit.path["ticketId"])


ONE = "tickets/{ticketId}"
SPOTS = (
    Spot("GET", "tickets", listed, READERS),
    Spot("GET", ONE, one, READERS),
    Spot("POST", f"{ONE}/say", say, OFFICE),
    Spot("POST", f"{ONE}/close", close, OFFICE),
)
