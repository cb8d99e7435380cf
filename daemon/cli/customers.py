"""`wispbill customers`: whom the tenants bill."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from daemon.cli import output
from daemon.cli.context import desk_of

group = typer.Typer(help="Whom a tenant bills.", no_args_is_help=True)

COLUMNS = {
    "reference": "CUSTOMER",
    "name": "NAME",
    "email": "E-MAIL",
    "service_status": "SERVICE",
    "may_connect": "MAY CONNECT",
    "id": "ID",
}

Name = Annotated[str, typer.Argument(metavar="CUSTOMER", help="Reference or id.")]
Payer = Annotated[
    str | None,
    typer.Option(
        "--payer",
        metavar="ID",
        help="Who this is at the tenant's provider (like cus_…); checked when it is first used.",
    ),
]


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="customers")


@group.command("add")
def add(
    ctx: typer.Context,
    reference: Annotated[str, typer.Argument(help="The platform's own name for the customer.")],
    *,
    name: Annotated[str, typer.Option(help="As the invoice shows it; else the reference.")] = "",
    email: Annotated[str, typer.Option(help="Where the provider sends invoices.")] = "",
    phone: Annotated[str, typer.Option()] = "",
    payer: Payer = None,
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """Add a customer; the same again is harmless."""
    from daemon.cli import given, shapes
    from daemon.store import customers, records

    address = given.email(email)
    desk = desk_of(ctx)
    owner = desk.tenant(tenant)

    def work() -> records.Customer:
        row = customers.add(
            tenant_id=owner.id,
            reference=given.printable("reference", reference),
            name=given.printable("name", name or reference),
            email=address,
            phone=given.printable("phone", phone, most=40) if phone else None,
            actor=desk.actor,
            now=desk.now,
            entropy=desk.house.entropy,
        )
        if payer:
            _preset(desk, row, payer)
        return row

    _show_one(desk.write("customers.add", work), as_json, "Customer {reference} is there: {id}", shapes)


@group.command("list")
def list_(
    ctx: typer.Context,
    tenant: output.Tenant = None,
    limit: output.Limit = 50,
    after: Annotated[str, typer.Option(help="Go on behind this reference.")] = "",
    as_json: output.Json = False,
) -> None:
    """List a tenant's customers, by reference."""
    from daemon.cli import shapes
    from daemon.store import customers

    owner = desk_of(ctx).tenant(tenant)
    rows = customers.listing(owner.id, limit=limit + 1, after=after)
    more = rows[limit - 1].reference if len(rows) > limit else None
    shown = [shapes.customer(row) for row in rows[:limit]]
    output.listing("customers", shown, COLUMNS, as_json=as_json, empty="No customers.", more=more)


@group.command("show")
def show(ctx: typer.Context, name: Name, tenant: output.Tenant = None, as_json: output.Json = False) -> None:
    """Show a customer. Also what becomes of the service, and the latest invoices."""
    from daemon.cli import shapes
    from daemon.cli.invoices import COLUMNS as INVOICE_COLUMNS
    from daemon.cli.standing import service_of
    from daemon.store import customers, invoices, payers

    desk = desk_of(ctx)
    owner = desk.tenant(tenant)
    row = customers.get(owner.id, name)
    latest = shapes.invoices(invoices.listing(owner.id, limit=10, customer_id=row.id), desk.now)
    served = service_of(desk, owner, row.id)
    shape = shapes.customer(row) | {
        "payers": output.Named(payers.of_customer(row.id)),
        "service": served,
        "invoices": latest,
    }
    if as_json:
        output.document(shape)
        return
    output.facts(
        {heading.lower(): shape[key] for key, heading in COLUMNS.items()}
        | {
            "payers": shape["payers"],
            "why": served["why"],
            "since": served["since"],
            "said": [
                f"{x['kind']} until {x['until_on'] or 'released'}: {x['reason']}" for x in served["said"]
            ]
            or None,
            "not followed": served["not_followed"] or None,
            "next": served["next"],
        }
    )
    output.say("")
    output.listing("invoices", latest, INVOICE_COLUMNS, as_json=False, empty="No invoices.")


@group.command("set")
def set_(
    ctx: typer.Context,
    name: Name,
    *,
    email: Annotated[str | None, typer.Option(help='"" takes it away.')] = None,
    new_name: Annotated[str | None, typer.Option("--name")] = None,
    phone: Annotated[str | None, typer.Option(help='"" takes it away.')] = None,
    may_connect: Annotated[
        bool | None,
        typer.Option("--may-connect/--may-not-connect", help="May connect a billing system of their own."),
    ] = None,
    payer: Payer = None,
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """Change a customer."""
    from daemon.cli import given, shapes
    from daemon.errors import InvalidInput
    from daemon.store import customers, records

    changes: dict[str, Any] = {}
    if email is not None:
        changes["email"] = given.email(email)
    if new_name is not None:
        changes["name"] = given.printable("name", new_name)
    if phone is not None:
        changes["phone"] = given.printable("phone", phone, most=40) if phone else None
    if may_connect is not None:
        changes["may_connect"] = may_connect
    if not changes and payer is None:
        raise InvalidInput(
            "WB-INPUT", "say what to change: --name, --email, --phone, --may-connect or --payer"
        )
    desk = desk_of(ctx)
    owner = desk.tenant(tenant)

    def work() -> records.Customer:
        row = customers.get(owner.id, name)
        if payer is not None:
            _preset(desk, row, payer)
        return customers.update(owner.id, row.id, changes, actor=desk.actor, now=desk.now)

    _show_one(desk.write("customers.set", work), as_json, "Customer {reference} is changed.", shapes)


def _show_one(row: Any, as_json: bool, sentence: str, shapes: Any) -> None:
    shape = shapes.customer(row)
    if as_json:
        output.document(shape)
    else:
        output.say(sentence.format(**shape))


def _preset(desk: Any, customer: Any, external_id: str) -> None:
    """Inside a transaction: who the customer is at the tenant's integration, or at their own."""
    from daemon.jobs import presetting

    presetting.note(desk.house, customer, presetting.serving(customer), external_id, actor=desk.actor)
