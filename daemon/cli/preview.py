"""`wispbill integrations preview`: exactly what would be sent for an invoice, without sending it."""

from __future__ import annotations

from typing import Annotated

import typer

from daemon.cli import output
from daemon.cli.context import desk_of
from daemon.cli.integrations import Name, group


def register(app: typer.Typer) -> None:
    group.command("preview")(preview)


def preview(
    ctx: typer.Context,
    name: Name,
    *,
    invoice: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="An invoice of the tenant; else a sample.")
    ] = None,
    as_json: output.Json = False,
) -> None:
    """Show what a push would send, byte for byte but for the signature. Nothing is sent."""
    from daemon.jobs.drafts import draft_of
    from daemon.store import integrations, invoices

    desk = desk_of(ctx)
    desk.open()
    row = integrations.get(None, name)
    draft = draft_of(row, invoices.get(row.tenant_id, invoice), desk.now) if invoice else None
    shown = desk.house.providers(row).preview(draft)
    if as_json:
        output.document(shown)
        return
    body = shown.pop("body", "")
    output.facts({key.replace("_", " "): value for key, value in shown.items()})
    output.say("")
    output.say(str(body))
