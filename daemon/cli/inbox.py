"""`wispbill inbox`: the hints that came in, and what became of them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from daemon.cli import output
from daemon.cli.context import desk_of
from daemon.errors import NotFound

group = typer.Typer(help="Hints: webhooks and wishes that say where to look.", no_args_is_help=True)

COLUMNS = {
    "id": "ID",
    "received_at": "RECEIVED",
    "source": "FROM",
    "kind": "KIND",
    "ref": "ABOUT",
    "used_at": "READ",
    "integration_id": "INTEGRATION",
}

Number = Annotated[int, typer.Argument(metavar="ID", help="As `inbox list` shows it.")]


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="inbox")


@group.command("list")
def list_(
    ctx: typer.Context,
    *,
    integration: Annotated[str | None, typer.Option(metavar="ID", help="Only this integration's.")] = None,
    limit: output.Limit = 50,
    as_json: output.Json = False,
) -> None:
    """List the latest hints."""
    from daemon.cli import shapes
    from daemon.store import hints, integrations

    desk_of(ctx).open()
    if integration is not None:
        integrations.get(None, integration)
    shown = [shapes.hint(row) for row in hints.listing(integration_id=integration, limit=limit)]
    output.listing("hints", shown, COLUMNS, as_json=as_json, empty="Nothing has come in.")


@group.command("show")
def show(ctx: typer.Context, number: Number, *, as_json: output.Json = False) -> None:
    """Show a hint, and the invoice that it points at."""
    from daemon.cli import shapes
    from daemon.store import invoices, links

    desk = desk_of(ctx)
    desk.open()
    row = _named(number)
    link = links.by_refs(row.integration_id, [row.ref]).get(row.ref) if row.ref else None
    invoice = invoices.get(None, link.invoice_id) if link else None
    shape = shapes.hint(row) | {"invoice": invoice.number if invoice else None}
    if as_json:
        output.document(shape)
    else:
        output.facts({key.replace("_", " "): value for key, value in shape.items()})


@group.command("replay")
def replay(ctx: typer.Context, number: Number, *, as_json: output.Json = False) -> None:
    """Let a hint point again: what it is about is read once more."""
    from daemon.cli import shapes
    from daemon.jobs import wishes

    desk = desk_of(ctx)
    desk.open()
    row = _named(number)
    desk.write("inbox.replay", lambda: wishes.replay(row, actor=desk.actor, now=desk.now), wake="pull")
    if as_json:
        output.document(shapes.hint(_named(number)))
    else:
        output.say(f"Hint {row.id} waits again; its invoice is read at the next pull.")


def _named(number: int) -> Any:
    from daemon.store import hints

    row = hints.get(number)
    if row is None:
        raise NotFound("hint", str(number))
    return row
