"""`wispbill tenants`: the WISP operators on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from daemon.cli import output
from daemon.cli.context import desk_of

group = typer.Typer(help="WISP operators; nothing crosses them.", no_args_is_help=True)

COLUMNS = {"reference": "TENANT", "name": "NAME", "zone": "ZONE", "currency": "CURRENCY", "id": "ID"}


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="tenants")


@group.command("add")
def add(
    ctx: typer.Context,
    reference: Annotated[str, typer.Argument(help="The platform's own name for the tenant.")],
    *,
    name: Annotated[str, typer.Option(help="As people know it; else the reference.")] = "",
    zone: Annotated[str, typer.Option(help="IANA time zone, like Europe/Berlin.")] = "UTC",
    currency: Annotated[str, typer.Option(help="ISO 4217, for invoices that name none.")] = "USD",
    as_json: output.Json = False,
) -> None:
    """Add a tenant."""
    from daemon.cli import shapes
    from daemon.cli.given import printable
    from daemon.store import tenants

    desk = desk_of(ctx)
    row = desk.write(
        "tenants.add",
        lambda: tenants.add(
            reference=printable("reference", reference),
            name=printable("name", name or reference),
            zone=zone,
            currency=currency.upper(),
            actor=desk.actor,
            now=desk.now,
            entropy=desk.house.entropy,
        ),
    )
    if as_json:
        output.document(shapes.tenant(row))
    else:
        output.say(f"Tenant {row.reference} is there: {row.id}")


@group.command("list")
def list_(ctx: typer.Context, as_json: output.Json = False) -> None:
    """List the tenants."""
    from daemon.cli import shapes
    from daemon.store import tenants

    desk_of(ctx).open()
    rows = [shapes.tenant(row) for row in tenants.everyone()]
    output.listing(
        "tenants", rows, COLUMNS, as_json=as_json, empty="No tenants yet: wispbill tenants add NAME"
    )


@group.command("show")
def show(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="TENANT", help="Reference or id.")],
    as_json: output.Json = False,
) -> None:
    """Show a tenant, with its invoices counted by payment status."""
    from daemon.cli import shapes
    from daemon.money import Money
    from daemon.store import invoices, views

    row = desk_of(ctx).tenant(name)
    totals = [
        {"currency": x.currency, "invoices": x.count, "due": Money(x.due_minor, x.currency)}
        for x in views.sums(row.id)
    ]
    shape = shapes.tenant(row) | {
        "invoices": output.Named(invoices.count_by_status(row.id)),
        "totals": totals,
    }
    if as_json:
        output.document(shape)
    else:
        output.facts(
            {
                "tenant": row.reference,
                "name": row.name,
                "id": row.id,
                "zone": row.zone,
                "currency": row.currency,
                "invoices": shape["invoices"],
                "due": [str(total["due"]) for total in totals],
            }
        )
