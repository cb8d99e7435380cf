"""`wispbill find TEXT`: has this customer paid? With the proof."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli import output
from daemon.cli.context import desk_of

if TYPE_CHECKING:
    from daemon.cli.shapes import Shape


def register(app: typer.Typer) -> None:
    app.command("find")(find)


def find(
    ctx: typer.Context,
    text: Annotated[str, typer.Argument(help="A name, e-mail, number, reference, or transaction id.")],
    *,
    limit: output.Limit = 20,
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """Tell whether a customer has paid. Customers and invoices that match, and why we believe what we say."""
    from daemon.cli import shapes
    from daemon.office.search import account_of, search

    desk = desk_of(ctx)
    desk.open()
    found = search(text, desk.tenant_id(tenant), limit=limit)
    shown = shapes.invoices(found.invoices, desk.now)
    if as_json:
        output.document({"customers": [shapes.customer(row) for row in found.customers], "invoices": shown})
    else:
        for row in found.customers:
            output.say(f"{row.name} ({row.reference}) {account_of(row).sentence}.")
        for shape in shown:
            output.say(_line(shape))
    if not found:
        output.note(f"Nothing here is called {text.strip()[:80]!r}.")
        raise typer.Exit(1)


def _line(shape: Shape) -> str:
    status = shape["payment_status"].value.replace("_", " ")
    words = f"  {shape['number']}: {status}, {shape['total']}, due on {shape['due_on']}"
    if shape["due"].minor:
        words += f", {shape['due']} owed"
        words += f" for {shape['overdue_days']} days" if shape["overdue_days"] else ""
    if shape["sync"].value != "synced":
        words += f"; not at the provider: {shape['sync'].value}"
        if shape["fault"]:
            words += f" ({shape['fault']['code']}: {shape['fault']['text']})"
    return f"{words}. Because: {shape['proof'] or 'nothing was read about it yet'}. ({shape['id']})"
