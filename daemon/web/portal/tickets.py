"""Questions to the office, perhaps about an invoice: asked, answered, closed."""

from __future__ import annotations

from daemon.errors import InvalidInput, NotFound
from daemon.store import invoices, records, tickets
from daemon.store.tickets import LONGEST_SUBJECT, LONGEST_TEXT, Author, Ticket, TicketState
from daemon.web.pages import Answer, Go, Page, View, Visit
from daemon.web.portal.addresses import INVOICES, TICKETS
from daemon.web.portal.roles import CUSTOMERS, person

PER_PAGE = 20
WORDS = {
    TicketState.OPEN: ("Waiting for an answer", "note"),
    TicketState.ANSWERED: ("Answered", "good"),
    TicketState.CLOSED: ("Closed", ""),
}
UNPROCESSABLE = 422


def listed(visit: Visit) -> Answer:
    who, after = person(visit), visit.query.get("after")
    rows = tickets.listing(visit.tenant.id, limit=PER_PAGE + 1, after=after, customer_id=who.id)
    more = rows[PER_PAGE - 1].id if len(rows) > PER_PAGE else ""
    shown = {
        "title": "Questions",
        "rows": rows[:PER_PAGE],
        "words": WORDS,
        "root": TICKETS,
        "first": TICKETS if after else "",
        "next": f"{TICKETS}?after={more}" if more else "",
    }
    return View("portal/tickets.html", shown)


def asked(visit: Visit) -> Answer:
    """The form."""
    return _form(visit, visit.query.get("invoice"))


def opened(visit: Visit) -> Answer:
    who, about = person(visit), visit.form.get("invoice")
    row = _invoice(visit, who, about)
    try:
        ticket = visit.write(
            "ticket.open",
            lambda: tickets.open_(
                who,
                visit.form.get("subject"),
                visit.form.get("text"),
                author=Author.SUBSCRIBER,
                invoice_id=row.id if row else None,
                actor=visit.actor,
                now=visit.now,
                entropy=visit.house.entropy,
            ),
        )
    except InvalidInput as error:
        return _form(visit, about, error)
    visit.say("good", "Your question was sent. The answer comes here.")
    return Go(f"{TICKETS}/{ticket.id}")


def one(visit: Visit) -> Answer:
    return _one(visit, _named(visit))


def said(visit: Visit) -> Answer:
    ticket = _named(visit)
    try:
        visit.write(
            "ticket.say",
            lambda: tickets.say(
                ticket, Author.SUBSCRIBER, visit.form.get("text"), actor=visit.actor, now=visit.now
            ),
        )
    except InvalidInput as error:
        return _one(visit, ticket, error)
    visit.say("good", "Your message was sent.")
    return Go(f"{TICKETS}/{ticket.id}")


def closed(visit: Visit) -> Answer:
    ticket = _named(visit)
    visit.write("ticket.close", lambda: tickets.close(ticket, actor=visit.actor, now=visit.now))
    visit.say("good", "The question is closed. A new message opens it again.")
    return Go(f"{TICKETS}/{ticket.id}")


def waiting(visit: Visit) -> int:
    """How many were answered and not closed: what stands beside the navigation's word."""
    if visit.session is None or visit.session.customer_id is None:
        return 0
    rows = tickets.listing(
        visit.tenant.id, limit=20, customer_id=visit.session.customer_id, state=TicketState.ANSWERED
    )
    return len(rows)


# --- shared -------------------------------------------------------------------------------------------


def _named(visit: Visit) -> Ticket:
    return tickets.get(visit.tenant.id, visit.path["ticketId"], customer_id=person(visit).id)


def _invoice(visit: Visit, who: records.Customer, name: str) -> records.Invoice | None:
    """That the question is about; raises NotFound where it is not this customer's."""
    if not name:
        return None
    row = invoices.find(visit.tenant.id, name)
    if row is None or row.id != name or row.customer_id != who.id:
        raise NotFound("invoice", name)
    return row


def _form(visit: Visit, about: str, error: InvalidInput | None = None) -> View:
    row = _invoice(visit, person(visit), about)
    shown = {
        "title": "Ask a question",
        "root": TICKETS,
        "invoice": row,
        "subject": visit.form.get("subject") or (f"Invoice {row.number}" if row else ""),
        "text": visit.form.get("text"),
        "wrong": _wrong(error),
        "longest_subject": LONGEST_SUBJECT,
        "longest_text": LONGEST_TEXT,
    }
    return View("portal/ticket_new.html", shown, UNPROCESSABLE if error else 200)


def _one(visit: Visit, ticket: Ticket, error: InvalidInput | None = None) -> View:
    about = invoices.get(visit.tenant.id, ticket.invoice_id) if ticket.invoice_id else None
    shown = {
        "title": ticket.subject,
        "ticket": ticket,
        "messages": tickets.messages(ticket.id),
        "word": WORDS[TicketState(ticket.state)],
        "about": about,
        "about_href": f"{INVOICES}/{about.id}" if about else "",
        "root": TICKETS,
        "text": visit.form.get("text"),
        "wrong": _wrong(error),
        "longest_text": LONGEST_TEXT,
    }
    return View("portal/ticket.html", shown, UNPROCESSABLE if error else 200)


def _wrong(error: InvalidInput | None) -> dict[str, str]:
    """What is wrong, at its field; "" is for the whole form."""
    return {} if error is None else {error.field or "": error.message.partition(": ")[2] or error.message}


PAGES = (
    Page("GET", TICKETS, listed, CUSTOMERS),
    Page("GET", f"{TICKETS}/new", asked, CUSTOMERS),
    Page("POST", f"{TICKETS}/new", opened, CUSTOMERS),
    Page("GET", f"{TICKETS}/{{ticketId}}", one, CUSTOMERS),
    Page("POST", f"{TICKETS}/{{ticketId}}", said, CUSTOMERS),
    Page("POST", f"{TICKETS}/{{ticketId}}/close", closed, CUSTOMERS),
)
