"""`wispbill exceptions`: everything that needs a person, with the command that settles each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli import output
from daemon.cli.context import Desk, desk_of
from daemon.errors import InvalidInput

if TYPE_CHECKING:
    from daemon.jobs.exceptions import Matter
    from daemon.store import records

ACTS = {
    "operator": "you",
    "account owner": "the owner of the provider account",
    "caller": "whoever entered it",
    "provider": "the provider",
    "nobody": "nobody",
}

commands = typer.Typer(
    help="Show what needs a person. The most money comes first; and what was settled.",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="exceptions")


@commands.callback()
def exceptions(ctx: typer.Context, *, tenant: output.Tenant = None, as_json: output.Json = False) -> None:
    """Everything that needs a person, the most money first."""
    if ctx.invoked_subcommand is not None:
        return
    from daemon.jobs.exceptions import gather, names

    desk = desk_of(ctx)
    desk.open()
    found = gather(desk.tenant_id(tenant))
    people = names(found)
    shown = [_shape(one, people) for one in found]
    if as_json:
        output.document({"exceptions": shown})
    elif not shown:
        output.say("Nothing needs a person.")
    for shape in () if as_json else shown:
        _print(shape)
    if shown:
        raise typer.Exit(1)


def _shape(one: Matter, people: dict[str, records.Customer]) -> dict[str, Any]:
    person = people.get(one.customer_id or "")
    return {
        "id": one.id,
        "group": one.group,
        "sentence": one.sentence,
        "command": one.command,
        "actor": one.actor,
        "customer": person.name if person else None,
        "customer_reference": person.reference if person else None,
        "amount": one.amount,
        "currency": one.amount.currency if one.amount else None,
        "deadline": one.deadline,
        "since": one.since,
        "count": one.count,
        "number": one.number,
        "invoice_id": one.invoice_id,
        "integration_id": one.integration_id,
        "tenant_id": one.tenant_id,
        "settles": one.settles,
    }


def _print(shape: dict[str, Any]) -> None:
    what = f"Invoice {shape['number']}" if shape["number"] else str(shape["group"].value)
    who = f", {shape['customer']} ({shape['customer_reference']})" if shape["customer"] else ""
    amount = f", {shape['amount']}" if shape["amount"] else ""
    due = f", due on {shape['deadline']}" if shape["deadline"] else ""
    since = f", since {output.text(shape['since'])}" if shape["since"] else ""
    output.say(f"{what}{who}{amount}{due}{since}; {ACTS.get(shape['actor'], shape['actor'])} must act")
    output.say(f"  {shape['sentence']}")
    output.say(f"    {shape['command']}")


@commands.command("settle")
def settle(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="ID", help="wbd_… or wbq_…, as `exceptions` shows it.")],
    *,
    note: Annotated[str, typer.Option(help="What you found, or did; it is kept in the audit.")],
    tenant: output.Tenant = None,
) -> None:
    """Acknowledge a difference, or a payment. It comes back only where it becomes another."""
    desk = desk_of(ctx)
    desk.open()
    _settle(desk, name, note.strip(), desk.tenant_id(tenant))


def _settle(desk: Desk, name: str, note: str, tenant_id: str | None) -> None:
    from daemon.jobs import acknowledging

    if not note:
        raise InvalidInput("WB-INPUT", "say in --note what you found, or did")
    sentence = desk.write(
        "exceptions.settle",
        lambda: acknowledging.settle(tenant_id, name, note=note[:500], actor=desk.actor, now=desk.now),
    )
    output.say(f"{name} is settled. {sentence}")
