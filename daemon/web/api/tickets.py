"""Tickets: a customer asks, the staff answers. A customer owner's words are the subscriber's, all others the
staff's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from daemon.errors import NotFound
from daemon.jobs.intake import PRINTABLE
from daemon.store import customers, invoices, tickets
from daemon.store.tickets import (
    LONGEST_SUBJECT,
    LONGEST_TEXT,
    Author,
    Message,
    Ticket,
    TicketState,
)
from daemon.store.tokens import Role
from daemon.web.api import given, roles
from daemon.web.api.given import Given, Name, PageQuery
from daemon.web.api.routing import Answer, Request, Route
from daemon.web.api.shown import Page, Shown

OWN = "/api/customers/{customerId}/tickets"
ROOT = "/api/tickets"

Text = Annotated[
    str,
    Field(
        min_length=1,
        max_length=LONGEST_TEXT,
        pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]+$",
        description="Plain text; lines may be broken.",
    ),
]
State = Literal["open", "answered", "closed"]


class TicketGiven(Given):
    """`invoice`: id, or ref:REFERENCE, of an invoice of this customer that the ticket is about."""

    subject: Annotated[str, Field(min_length=1, max_length=LONGEST_SUBJECT, pattern=PRINTABLE)]
    text: Text
    invoice: Name | None = None


class MessageGiven(Given):
    text: Text


class TicketQuery(PageQuery):
    state: TicketState | None = None


class MessageShown(Shown):
    """`author` is subscriber or staff."""

    author: Literal["subscriber", "staff"]
    text: str
    at: datetime


class TicketShown(Shown):
    """`state`: open waits for the staff, answered for the customer."""

    id: str
    customer_id: str
    customer_reference: str
    invoice_id: str | None
    subject: str
    state: State
    opened_at: datetime
    said_at: datetime
    closed_at: datetime | None


class TicketWhole(TicketShown):
    messages: list[MessageShown]


class TicketPage(Page):
    tickets: list[TicketShown]


def open_(request: Request) -> Answer:
    body, person = request.given(TicketGiven), request.customer()
    about = _invoice_id(request, person.id, body.invoice) if body.invoice else None

    def work() -> Ticket:
        return tickets.open_(
            person,
            body.subject,
            body.text,
            author=_author(request),
            invoice_id=about,
            actor=request.actor,
            now=request.now,
            entropy=request.house.entropy,
        )

    return Answer(_whole(request.write("tickets.open", work)), 201)


def listed(request: Request) -> Answer:
    asked = request.asked(TicketQuery)
    rows = tickets.listing(
        request.tenant.id,
        limit=asked.limit + 1,
        after=asked.after,
        customer_id=request.customer().id if "customerId" in request.path else None,
        state=asked.state,
    )
    more = rows[asked.limit - 1].id if len(rows) > asked.limit else None
    return Answer(TicketPage(tickets=[TicketShown(**f) for f in _fields(rows[: asked.limit])], next=more))


def one(request: Request) -> Answer:
    return Answer(_whole(_named(request)))


def say(request: Request) -> Answer:
    row, text = _named(request), request.given(MessageGiven).text

    def work() -> Ticket:
        return tickets.say(row, _author(request), text, actor=request.actor, now=request.now)

    return Answer(_whole(request.write("tickets.say", work)), 201)


def close(request: Request) -> Answer:
    row = _named(request)
    return Answer(
        _whole(
            request.write("tickets.close", lambda: tickets.close(row, actor=request.actor, now=request.now))
        )
    )


def _author(request: Request) -> Author:
    return Author.SUBSCRIBER if request.role is Role.CUSTOMER_OWNER else Author.STAFF


def _named(request: Request) -> Ticket:
    """That of the path, below a customer only where it is theirs. Raises NotFound."""
    customer_id = request.customer().id if "customerId" in request.path else None
    return tickets.get(request.tenant.id, request.path["ticketId"], customer_id=customer_id)


def _invoice_id(request: Request, customer_id: str, name: str) -> str:
    row = invoices.find(request.tenant.id, name)
    if row is None or row.customer_id != customer_id or name not in (row.id, f"ref:{row.reference}"):
        raise NotFound("invoice", name)
    return row.id


def _whole(row: Ticket) -> TicketWhole:
    [fields] = _fields([row])
    return TicketWhole(**fields, messages=[_message(one) for one in tickets.messages(row.id)])


def _message(row: Message) -> MessageShown:
    return MessageShown.model_validate(row, from_attributes=True)


def _fields(rows: list[Ticket]) -> list[dict[str, Any]]:
    people = customers.by_ids({row.customer_id for row in rows})
    same = ("id", "customer_id", "invoice_id", "subject", "state", "opened_at", "said_at", "closed_at")
    return [
        {name: getattr(row, name) for name in same}
        | {"customer_reference": people[row.customer_id].reference}
        for row in rows
    ]


def _below(root: str, reads: roles.Rule, writes: roles.Rule) -> tuple[Route, ...]:
    one_ = f"{root}/{{ticketId}}"
    return (
        _route("GET", root, listed, reads, "List tickets, newest first", asked=TicketQuery, shown=TicketPage),
        _route("GET", one_, one, reads, "Show a ticket with its messages"),
        _route(
            "POST",
            f"{one_}/messages",
            say,
            writes,
            "Write in a ticket; the staff's words answer it, the customer's open it again",
            given=MessageGiven,
            status=201,
        ),
        _route("POST", f"{one_}/close", close, writes, "Close a ticket", given=given.Nothing),
    )


def _route(
    method: str, path: str, handle: Callable[[Request], Answer], rule: roles.Rule, summary: str, **more: Any
) -> Route:
    return Route(method, path, handle, rule, summary, **({"shown": TicketWhole} | more))


ROUTES = (
    _route("POST", OWN, open_, roles.OFFICE_AND_OWNER, "Open a ticket", given=TicketGiven, status=201),
    *_below(OWN, roles.AND_OWNER, roles.OFFICE_AND_OWNER),
    *_below(ROOT, roles.ONLY_READERS, roles.ONLY_OFFICE),
)
