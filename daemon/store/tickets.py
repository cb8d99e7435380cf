"""Tickets: what a customer asks, perhaps about an invoice, and what the staff answers.

A ticket is `open` while it waits for the staff, `answered` while it waits for the customer, and `closed`
until somebody writes in it again. Faces say who asks; what may be written, and how much, is decided here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from daemon.clock import Entropy
from daemon.errors import InvalidInput, NotFound
from daemon.model import Document
from daemon.model.ids import TICKET, new_id
from daemon.store import audit, customers, events, plain, records
from daemon.store.tables import Invoice
from daemon.store.tables import Ticket as Table
from daemon.store.tables import TicketMessage as MessageTable

LONGEST_SUBJECT, LONGEST_TEXT = 120, 4000
MOST_MESSAGES = 200
"""In one ticket."""

MOST_OPEN = 20
"""Tickets of one customer that are not closed."""

PER_HOUR = 12
"""Messages that one subscriber may write; the staff is held back by nothing but the pace of its token."""

_NOT_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class TicketState(StrEnum):
    OPEN = "open"
    ANSWERED = "answered"
    CLOSED = "closed"


class Author(StrEnum):
    SUBSCRIBER = "subscriber"
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class Ticket(records.Record):
    table = Table
    id: str
    tenant_id: str
    customer_id: str
    invoice_id: str | None
    subject: str
    state: str
    actor: str
    opened_at: datetime
    said_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Message(records.Record):
    table = MessageTable
    id: int
    ticket_id: str
    author: str
    actor: str
    text: str
    at: datetime


class TooMuchSaid(InvalidInput):
    """A subscriber wrote more than the limit allows; again after `retry_after` seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("WB-INPUT-TOO-FAST", f"more than {PER_HOUR} messages in an hour")
        self.retry_after = retry_after


# --- writing: inside a transaction, all of it -----------------------------------------------------------


def open_(
    customer: records.Customer,
    subject: str,
    text: str,
    *,
    author: Author,
    invoice_id: str | None = None,
    actor: str,
    now: datetime,
    entropy: Entropy,
) -> Ticket:
    """A new ticket with its first message. Raises InvalidInput where a text is empty, too long, or one too
    many; NotFound where the invoice is not this customer's."""
    subject, text = _subject(subject), _text(text)
    _insist_on_own(customer, invoice_id)
    customers.hold(customer.id)
    waiting = Table.select().where((Table.customer_id == customer.id) & (Table.state != TicketState.CLOSED))
    if waiting.count() >= MOST_OPEN:
        raise InvalidInput("WB-TICKET-MANY", f"{MOST_OPEN} tickets of this customer are not closed yet")
    ticket_id = new_id(TICKET, now, entropy)
    row: Document = {
        "id": ticket_id,
        "tenant_id": customer.tenant_id,
        "customer_id": customer.id,
        "invoice_id": invoice_id,
        "subject": subject,
        "state": TicketState.OPEN.value,
        "actor": actor,
        "opened_at": now,
        "said_at": now,
        "closed_at": None,
    }
    plain.insert(Table, row)
    ticket = get(customer.tenant_id, ticket_id)
    _write(ticket, author, text, actor, now)
    _tell(ticket, "ticket.opened", f"A ticket was opened: {subject}.", actor, now)
    return ticket


def say(ticket: Ticket, author: Author, text: str, *, actor: str, now: datetime) -> Ticket:
    """The staff's message answers the ticket, the subscriber's opens it again. Raises InvalidInput as
    `open_`."""
    text = _text(text)
    customers.hold(ticket.customer_id)
    if MessageTable.select().where(MessageTable.ticket_id == ticket.id).count() >= MOST_MESSAGES:
        raise InvalidInput("WB-TICKET-MANY", f"{MOST_MESSAGES} messages are in this ticket; open another")
    _write(ticket, author, text, actor, now)
    if author is Author.STAFF:
        _move(ticket, TicketState.ANSWERED, said_at=now, closed_at=None)
        _tell(ticket, "ticket.answered", f"A ticket was answered: {ticket.subject}.", actor, now)
    else:
        _move(ticket, TicketState.OPEN, said_at=now, closed_at=None)
        _tell(ticket, "ticket.replied", f"The customer wrote in a ticket: {ticket.subject}.", actor, now)
    return get(ticket.tenant_id, ticket.id)


def close(ticket: Ticket, *, actor: str, now: datetime) -> Ticket:
    """Again is harmless."""
    customers.hold(ticket.customer_id)
    if get(ticket.tenant_id, ticket.id).state != TicketState.CLOSED:
        _move(ticket, TicketState.CLOSED, closed_at=now)
        _tell(ticket, "ticket.closed", f"A ticket was closed: {ticket.subject}.", actor, now)
    return get(ticket.tenant_id, ticket.id)


# --- reading --------------------------------------------------------------------------------------------


def get(tenant_id: str, ticket_id: str, *, customer_id: str | None = None) -> Ticket:
    """Within the tenant, and of this customer where one is named; raises NotFound."""
    where = (Table.tenant_id == tenant_id) & (Table.id == ticket_id)
    found = Ticket.first(where if customer_id is None else where & (Table.customer_id == customer_id))
    if found is None:
        raise NotFound("ticket", ticket_id)
    return found


def listing(
    tenant_id: str,
    *,
    limit: int,
    after: str = "",
    customer_id: str | None = None,
    state: TicketState | None = None,
) -> list[Ticket]:
    """Newest first, from behind the id `after`."""
    where = [Table.tenant_id == tenant_id]
    where += [Table.id < after] if after else []
    where += [Table.customer_id == customer_id] if customer_id is not None else []
    where += [Table.state == state.value] if state is not None else []
    return list(Ticket.select(*where, order=Table.id.desc(), limit=limit))


def messages(ticket_id: str) -> list[Message]:
    """Oldest first."""
    return list(Message.select(MessageTable.ticket_id == ticket_id, order=MessageTable.id))


# --- shared ---------------------------------------------------------------------------------------------


def _write(ticket: Ticket, author: Author, text: str, actor: str, now: datetime) -> None:
    if author is Author.SUBSCRIBER:
        _insist_on_pace(ticket.customer_id, now)
    row = {
        "ticket_id": ticket.id,
        "customer_id": ticket.customer_id,
        "author": author.value,
        "actor": actor,
        "text": text,
        "at": now,
    }
    plain.insert(MessageTable, row)


def _insist_on_pace(customer_id: str, now: datetime) -> None:
    since = now - timedelta(hours=1)
    mine = (MessageTable.customer_id == customer_id) & (MessageTable.author == Author.SUBSCRIBER.value)
    said = MessageTable.select(MessageTable.at).where(mine & (MessageTable.at > since))
    recent = [row.at for row in said.order_by(MessageTable.at.desc()).limit(PER_HOUR)]
    if len(recent) >= PER_HOUR:
        raise TooMuchSaid((recent[-1] - since).total_seconds())


def _move(ticket: Ticket, state: TicketState, **values: Any) -> None:
    plain.update(Table, "id", ticket.id, {"state": state.value} | values)


def _tell(ticket: Ticket, type_: str, sentence: str, actor: str, now: datetime) -> None:
    """What was written stays in the ticket; the feed and the audit say that there is something."""
    data = {"sentence": sentence, "ticket": ticket.id, "subject": ticket.subject}
    events.append(
        ticket.tenant_id,
        type_,
        now=now,
        customer_id=ticket.customer_id,
        invoice_id=ticket.invoice_id,
        data=data,
    )
    audit.append(ticket.tenant_id, actor=actor, action=type_, subject=ticket.id, data={}, now=now)


def _insist_on_own(customer: records.Customer, invoice_id: str | None) -> None:
    if invoice_id is None:
        return
    mine = (Invoice.id == invoice_id) & (Invoice.tenant_id == customer.tenant_id)
    if not Invoice.select().where(mine & (Invoice.customer_id == customer.id)).exists():
        raise NotFound("invoice", invoice_id)


def _subject(given: str) -> str:
    subject = given.strip()
    if not subject or len(subject) > LONGEST_SUBJECT or not subject.isprintable():
        raise InvalidInput(
            "WB-INPUT",
            f"subject: 1 to {LONGEST_SUBJECT} printable characters are needed",
            field="subject",
        )
    return subject


def _text(given: str) -> str:
    """Lines may end as they do elsewhere; other control characters are none of a text."""
    text = given.replace("\r\n", "\n").strip()
    if not text or len(text) > LONGEST_TEXT or _NOT_TEXT.search(text):
        raise InvalidInput(
            "WB-INPUT",
            f"text: 1 to {LONGEST_TEXT} characters are needed, without control characters",
            field="text",
        )
    return text
