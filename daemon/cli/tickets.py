"""`wispbill tickets`: what customers ask, and the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli import output
from daemon.cli.context import Desk, desk_of
from daemon.errors import InvalidInput

if TYPE_CHECKING:
    from daemon.store.tickets import Ticket

group = typer.Typer(help="Tickets: what customers ask, and the answers.", no_args_is_help=True)

COLUMNS = {
    "id": "ID",
    "state": "STATE",
    "customer_reference": "CUSTOMER",
    "subject": "SUBJECT",
    "invoice": "ABOUT",
    "said_at": "LAST",
}
Name = Annotated[str, typer.Argument(metavar="TICKET", help="wbk_…, as `tickets list` shows it.")]


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="tickets")


@group.command("list")
def list_(
    ctx: typer.Context,
    *,
    state: Annotated[str | None, typer.Option(help="Only those: open, answered or closed.")] = None,
    customer: Annotated[str | None, typer.Option(help="Only this customer's.")] = None,
    limit: output.Limit = 50,
    after: Annotated[str, typer.Option(help="Go on behind this id.")] = "",
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """List tickets, newest first."""
    from daemon.store import customers, tickets

    owner = desk_of(ctx).tenant(tenant)
    rows = tickets.listing(
        owner.id,
        limit=limit + 1,
        after=after,
        customer_id=customers.get(owner.id, customer).id if customer else None,
        state=_state(state),
    )
    more = rows[limit - 1].id if len(rows) > limit else None
    shown = _shapes(rows[:limit])
    output.listing("tickets", shown, COLUMNS, as_json=as_json, empty="No tickets.", more=more)


@group.command("show")
def show(
    ctx: typer.Context, name: Name, *, tenant: output.Tenant = None, as_json: output.Json = False
) -> None:
    """Show a ticket with all that was written in it."""
    from daemon.store import tickets

    desk = desk_of(ctx)
    _shown(tickets.get(desk.tenant(tenant).id, name), as_json)


@group.command("answer")
def answer(
    ctx: typer.Context,
    name: Name,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What the customer reads.")],
    *,
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """Answer a ticket. It then waits for the customer."""
    from daemon.store import tickets

    desk = desk_of(ctx)
    row = tickets.get(desk.tenant(tenant).id, name)
    work = tickets.Author.STAFF
    row = desk.write("tickets.answer", lambda: tickets.say(row, work, text, actor=desk.actor, now=desk.now))
    _shown(row, as_json)


@group.command("close")
def close(
    ctx: typer.Context, name: Name, *, tenant: output.Tenant = None, as_json: output.Json = False
) -> None:
    """Close a ticket. What is written in it later opens it again."""
    from daemon.store import tickets

    desk: Desk = desk_of(ctx)
    row = tickets.get(desk.tenant(tenant).id, name)
    row = desk.write("tickets.close", lambda: tickets.close(row, actor=desk.actor, now=desk.now))
    _shown(row, as_json)


def _state(name: str | None) -> Any:
    from daemon.store.tickets import TicketState

    try:
        return TicketState(name) if name is not None else None
    except ValueError:
        raise InvalidInput("WB-INPUT", "state: open, answered or closed", field="state") from None


def _shapes(rows: list[Ticket]) -> list[dict[str, Any]]:
    from daemon.store import customers, invoices

    people = customers.by_ids({row.customer_id for row in rows})
    about = invoices.by_ids([row.invoice_id for row in rows if row.invoice_id])
    return [
        {
            "id": row.id,
            "state": row.state,
            "customer_reference": people[row.customer_id].reference,
            "subject": row.subject,
            "invoice": about[row.invoice_id].number if row.invoice_id else None,
            "invoice_id": row.invoice_id,
            "opened_at": row.opened_at,
            "said_at": row.said_at,
            "closed_at": row.closed_at,
        }
        for row in rows
    ]


def _shown(row: Ticket, as_json: bool) -> None:
    from daemon.store import tickets

    [shape] = _shapes([row])
    said = [
        {"author": one.author, "actor": one.actor, "at": one.at, "text": one.text}
        for one in tickets.messages(row.id)
    ]
    if as_json:
        output.document(shape | {"messages": said})
        return
    output.facts({key.replace("_", " "): value for key, value in shape.items()})
    for one in said:
        output.say(f"\n{one['author']}, {output.text(one['at'])} ({one['actor']}):")
        output.say("\n".join(f"  {line}" for line in str(one["text"]).split("\n")))
