"""`wispbill plans subscriptions` and its like: who subscribes to what, one by one, listed, or from a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli import output
from daemon.cli.context import desk_of
from daemon.errors import InvalidInput

if TYPE_CHECKING:
    from daemon.store.recurring import Subscription

COLUMNS = {
    "reference": "SUBSCRIPTION",
    "customer_reference": "CUSTOMER",
    "plan_reference": "PLAN",
    "state": "STATE",
    "start_on": "START",
    "next_on": "BILLED FROM",
    "ends_on": "END",
    "quantity": "QUANTITY",
    "price": "PRICE",
    "fault": "FAULT",
    "id": "ID",
}

Name = Annotated[str, typer.Argument(metavar="SUBSCRIPTION", help="Reference or id.")]


def register(group: typer.Typer) -> None:
    group.command("subscriptions")(subscriptions)
    group.command("subscription")(subscription)
    group.command("import")(import_)


def subscriptions(
    ctx: typer.Context,
    *,
    plan: Annotated[str | None, typer.Option(help="Only to this plan.")] = None,
    customer: Annotated[str | None, typer.Option(help="Only this customer's.")] = None,
    held: Annotated[bool, typer.Option("--held", help="Only those that cannot be billed.")] = False,
    limit: output.Limit = 50,
    after: Annotated[str, typer.Option(help="Go on behind this reference.")] = "",
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """List subscriptions, by reference."""
    from daemon.store import customers, plans
    from daemon.store import subscriptions as rows

    owner = desk_of(ctx).tenant(tenant)
    found = rows.listing(
        owner.id,
        limit=limit + 1,
        after=after,
        plan_id=plans.get(owner.id, plan).id if plan else None,
        customer_id=customers.get(owner.id, customer).id if customer else None,
        held=held,
    )
    more = found[limit - 1].reference if len(found) > limit else None
    shown = shapes(found[:limit])
    output.listing("subscriptions", shown, COLUMNS, as_json=as_json, empty="No subscriptions.", more=more)


def subscription(
    ctx: typer.Context, name: Name, *, tenant: output.Tenant = None, as_json: output.Json = False
) -> None:
    """Show a subscription. How far it is billed, and by which invoices."""
    from daemon.store import billing, invoices
    from daemon.store import subscriptions as rows

    row = rows.get(desk_of(ctx).tenant(tenant).id, name)
    periods = billing.periods_of(row.id)
    found = invoices.by_ids([period.invoice_id for period in periods if period.invoice_id])
    [shape] = shapes([row])
    shape["periods"] = [
        {
            "start_on": period.start_on,
            "last_on": period.last_on,
            "number": found[period.invoice_id].number if period.invoice_id else None,
            "invoice_id": period.invoice_id,
        }
        for period in periods
    ]
    if as_json:
        output.document(shape)
        return
    told = shape.pop("periods")
    output.facts({key.replace("_", " "): value for key, value in shape.items()})
    output.say("")
    headings = {"start_on": "FROM", "last_on": "TO", "number": "INVOICE"}
    output.listing("periods", told, headings, as_json=False, empty="Nothing was billed yet.")


def import_(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A .csv file.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything; change nothing.")] = False,
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """Subscribe the customers of a file. Rows with a mistake are named, the others go in."""
    from daemon.cli import given
    from daemon.jobs.importing import read_rows
    from daemon.jobs.importing.subscribers import REQUIRED, SubscriptionImport
    from daemon.jobs.subscribing import SUBSCRIPTION_COLUMNS

    if path.suffix.lower() != ".csv":
        raise InvalidInput("WB-INPUT", f"{path.name}: the name must end in .csv")
    with given.opened(path) as file:
        items = read_rows(file, SUBSCRIPTION_COLUMNS, REQUIRED)
        desk = desk_of(ctx)
        work = SubscriptionImport(desk.house, desk.tenant(tenant), desk.actor, dry_run=dry_run)
        with output.progress("rows") as bar:
            report = work.run(items, bar.advance)
    if as_json:
        shown = ("dry_run", "added", "there", "failed")
        problems = [{"line": p.line, "code": p.code, "message": p.message} for p in report.problems]
        output.document({name: getattr(report, name) for name in shown} | {"problems": problems})
    else:
        for problem in report.problems:
            output.note(f"line {problem.line}: {problem.code}: {problem.message}")
        would = "would be added" if dry_run else "added"
        output.say(f"{report.added} {would}, {report.there} there already, {report.failed} with a mistake.")
    if report.failed:
        raise typer.Exit(1)


def shapes(found: Sequence[Subscription]) -> list[dict[str, Any]]:
    from daemon.money import Money
    from daemon.store import customers, plans

    people = customers.by_ids({row.customer_id for row in found})
    known = plans.by_ids({row.plan_id for row in found})
    shown = []
    for row in found:
        plan = known[row.plan_id]
        own = None
        if row.net_minor is not None:
            own = Money(row.net_minor + (row.tax_minor or 0), plan.currency)
        shown.append(
            {
                "id": row.id,
                "reference": row.reference,
                "customer_reference": people[row.customer_id].reference,
                "plan_reference": plan.reference,
                "state": "ended" if row.is_over else "paused" if row.paused_on else "active",
                "start_on": row.start_on,
                "ends_on": row.ends_on,
                "next_on": row.next_on,
                "anchor_day": row.anchor_day,
                "quantity": row.quantity,
                "price": own,
                "paused_on": row.paused_on,
                "fault": {"code": row.fault_code, "text": row.fault_text} if row.fault_code else None,
                "created_at": row.created_at,
            }
        )
    return shown
