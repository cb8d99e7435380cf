"""`wispbill invoices`: entering, looking at, syncing, voiding and importing them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli import output
from daemon.cli.context import desk_of
from daemon.errors import InvalidInput
from daemon.model.states import PaymentStatus, SyncState

if TYPE_CHECKING:
    from daemon.cli.context import Desk
    from daemon.store import records

group = typer.Typer(help="What tenants ask for, and what became of it.", no_args_is_help=True)

COLUMNS = {
    "number": "NUMBER",
    "customer_reference": "CUSTOMER",
    "total": "TOTAL",
    "due": "DUE",
    "due_on": "DUE ON",
    "sync": "SYNC",
    "payment_status": "PAYMENT",
    "id": "ID",
}

Name = Annotated[str, typer.Argument(metavar="INVOICE", help="Number, id, or ref:REFERENCE.")]

PATIENCE_S = 60.0
LOOK_EVERY_S = 0.2


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="invoices")


@group.command("add")
def add(
    ctx: typer.Context,
    source: Annotated[
        str | None, typer.Argument(metavar="[-]", help="- reads the invoice as JSON from standard input.")
    ] = None,
    *,
    number: Annotated[str, typer.Option(help="What people read on it.")] = "",
    customer: Annotated[str, typer.Option(help="The customer's reference or id.")] = "",
    due_on: Annotated[str, typer.Option("--due-on", metavar="YYYY-MM-DD")] = "",
    description: Annotated[str, typer.Option(help="What is billed (one line; several: JSON).")] = "",
    amount: Annotated[str, typer.Option(help="Net amount, like 12.50.")] = "",
    tax: Annotated[str, typer.Option(help="Tax on it, like 2.38.")] = "0",
    tax_rate: Annotated[str | None, typer.Option(help="The name of the tax's rate.")] = None,
    quantity: Annotated[str | None, typer.Option(help="Text for people.")] = None,
    currency: Annotated[str | None, typer.Option(help="Else the tenant's.")] = None,
    reference: Annotated[str | None, typer.Option(help="The platform's own; else the number.")] = None,
    memo: Annotated[str | None, typer.Option(help="A text on the invoice.")] = None,
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """Enter an invoice; the same again is harmless."""
    from daemon.cli import given, shapes
    from daemon.jobs import importing, intake

    if source not in (None, "-"):
        raise InvalidInput("WB-INPUT", "give - for JSON on standard input, or the options")
    line = {
        "description": description,
        "amount": amount,
        "tax": tax,
        "tax_rate": tax_rate,
        "quantity": quantity,
    }
    whole = {
        "number": number,
        "customer": customer,
        "due_on": due_on,
        "currency": currency,
        "reference": reference,
        "memo": memo,
        "lines": [{name: value for name, value in line.items() if value is not None}],
    }
    raw = {name: value for name, value in whole.items() if value is not None}
    if source == "-":
        raw = importing.snake_case(given.stdin_document())
    desk = desk_of(ctx)
    row, is_new = intake.enter(desk.house, desk.tenant(tenant), raw, actor=desk.actor)
    shape = shapes.invoices([row], desk.now)[0]
    if as_json:
        output.document(shape | {"is_new": is_new})
    else:
        there = "is entered" if is_new else "was there already"
        output.say(f"Invoice {row.number} over {shape['total']} {there}: {row.id}")


@group.command("list")
def list_(
    ctx: typer.Context,
    *,
    customer: Annotated[str | None, typer.Option(help="Only this customer's.")] = None,
    status: Annotated[PaymentStatus | None, typer.Option(help="Only of this payment status.")] = None,
    sync: Annotated[SyncState | None, typer.Option(help="Only of this sync state.")] = None,
    limit: output.Limit = 50,
    after: Annotated[str, typer.Option(help="Go on behind this id.")] = "",
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """List a tenant's invoices, newest first."""
    from daemon.cli import shapes
    from daemon.store import customers, invoices

    desk = desk_of(ctx)
    owner = desk.tenant(tenant)
    rows = invoices.listing(
        owner.id,
        limit=limit + 1,
        after=after,
        customer_id=customers.get(owner.id, customer).id if customer else None,
        status=status.value if status else None,
        sync=sync.value if sync else None,
    )
    more = rows[limit - 1].id if len(rows) > limit else None
    shown = shapes.invoices(rows[:limit], desk.now)
    output.listing("invoices", shown, COLUMNS, as_json=as_json, empty="No invoices.", more=more)


@group.command("show")
def show(
    ctx: typer.Context, name: Name, *, tenant: output.Tenant = None, as_json: output.Json = False
) -> None:
    """Show an invoice. Its three states, lines, payments, addresses, next try."""
    from daemon.cli import shapes
    from daemon.store import billing, changes, invoices

    desk = desk_of(ctx)
    row = _named(desk, tenant, name)
    shape = shapes.invoices([row], desk.now)[0] | {"billed_for": billing.source_of(row.id)}
    shape["lines"] = [shapes.line(line, row.currency) for line in invoices.lines_of(row.id)]
    shape["payments"] = [shapes.payment(payment) for payment in changes.payments_of(row.id)]
    if as_json:
        output.document(shape)
        return
    lines, payments = shape.pop("lines"), shape.pop("payments")
    output.facts({key.replace("_", " "): value for key, value in shape.items() if value not in ({}, "", 0)})
    output.say("")
    headings = {"description": "LINE", "quantity": "QUANTITY", "net": "NET", "tax": "TAX", "tax_rate": "RATE"}
    output.listing("lines", lines, headings, as_json=False, empty="")
    if payments:
        output.say("")
        headings = {"kind": "MONEY", "amount": "AMOUNT", "at": "AT", "method": "BY", "external_id": "ID"}
        output.listing("payments", payments, headings | {"evidence": "EVIDENCE"}, as_json=False, empty="")


@group.command("sync")
def sync(
    ctx: typer.Context,
    name: Name,
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Until it was tried (at most a minute).")] = False,
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """Ask for it to be pushed (again) and read at once."""
    from daemon.cli import shapes
    from daemon.jobs import wishes
    from daemon.store import invoices

    desk = desk_of(ctx)
    row = _named(desk, tenant, name)
    asked_at = desk.now
    desk.write("invoices.sync", lambda: wishes.sync(row, actor=desk.actor, now=asked_at), wake="push")
    desk.house.wake("pull")
    if wait:
        _wait(desk, row.id, asked_at)
    shape = shapes.invoices([invoices.get(None, row.id)], desk.now)[0]
    if as_json:
        output.document(shape)
    else:
        output.say(f"Invoice {row.number}: {shape['sync'].value}, {shape['payment_status'].value}.")
        if fault := shape["fault"]:
            output.note(f"{fault['code']}: {fault['text']} (wispbill explain {row.number})")
    if wait and shape["sync"] is SyncState.FAILED:
        raise typer.Exit(1)


@group.command("void")
def void(
    ctx: typer.Context, name: Name, *, tenant: output.Tenant = None, as_json: output.Json = False
) -> None:
    """Withdraw an invoice that nobody has paid, here and at the provider."""
    from daemon.cli import shapes
    from daemon.jobs import wishes
    from daemon.store import invoices

    desk = desk_of(ctx)
    row = _named(desk, tenant, name)
    desk.write("invoices.void", lambda: wishes.void(row, actor=desk.actor, now=desk.now), wake="push")
    if as_json:
        output.document(shapes.invoices([invoices.get(None, row.id)], desk.now)[0])
    else:
        output.say(
            f"Invoice {row.number} will be voided; wispbill explain {row.number} tells how far that is."
        )


@group.command("import")
def import_(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A .csv or .jsonl file.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything; change nothing.")] = False,
    create_customers: Annotated[
        bool, typer.Option("--create-customers", help="From customer_name and customer_email.")
    ] = False,
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """Enter the invoices of a file. Those with a mistake are named by line, the others go in."""
    from daemon.cli import given
    from daemon.jobs.importing import Import, read_csv, read_json_lines

    readers = {".csv": read_csv, ".jsonl": read_json_lines, ".ndjson": read_json_lines}
    if path.suffix.lower() not in readers:
        raise InvalidInput("WB-INPUT", f"{path.name}: the name must end in .csv or .jsonl")
    with given.opened(path) as file:
        desk = desk_of(ctx)
        work = Import(
            desk.house, desk.tenant(tenant), desk.actor, dry_run=dry_run, create_customers=create_customers
        )
        with output.progress("lines") as bar:
            report = work.run(readers[path.suffix.lower()](file), bar.advance)
    _print_report(report, as_json)
    if not create_customers and any(p.code == "WB-NOT-FOUND" for p in report.problems):
        output.note("With --create-customers, customers that are not here are added from the file.")
    if report.failed:
        raise typer.Exit(1)


# --- shared -------------------------------------------------------------------------------------------


def _named(desk: Desk, tenant: str | None, name: str) -> records.Invoice:
    """Raises NotFound, or InvalidInput where several tenants have such a number."""
    from daemon.store import invoices

    return invoices.get(desk.tenant(tenant).id, name)


def _wait(desk: Desk, invoice_id: str, asked_at: datetime) -> None:
    """Until it is there and was read since, or failed."""
    from daemon.store import links

    clock = desk.house.clock
    until = clock.monotonic() + PATIENCE_S
    while clock.monotonic() < until:
        link = links.of_invoice(invoice_id)
        times = [moment for moment in (link.last_pulled_at, link.pushed_at) if moment is not None]
        if link.state == SyncState.FAILED or (link.state == SyncState.SYNCED and max(times) >= asked_at):
            return
        clock.wait(LOOK_EVERY_S)
    output.note("Nothing happened within a minute: is the daemon running? (wispbill status)")


def _print_report(report: Any, as_json: bool) -> None:
    from daemon.money import Money

    sums = {currency: Money(minor, currency) for currency, minor in report.sums.items()}
    if as_json:
        output.document(
            {
                "dry_run": report.dry_run,
                "read": report.read,
                "added": report.added,
                "there": report.there,
                "failed": report.failed,
                "customers_added": report.customers_added,
                "sums": [{"currency": currency, "total": total} for currency, total in sums.items()],
                "problems": [
                    {"line": p.line, "number": p.number, "code": p.code, "message": p.message}
                    for p in report.problems
                ],
            }
        )
        return
    for problem in report.problems:
        which = f" ({problem.number})" if problem.number else ""
        output.note(f"line {problem.line}{which}: {problem.code}: {problem.message}")
    if report.failed > len(report.problems):
        output.note(f"And {report.failed - len(report.problems)} more lines with a mistake.")
    would = "would be added" if report.dry_run else "added"
    total = f" over {', '.join(str(money) for money in sums.values())}" if sums else ""
    output.say(
        f"{report.read} invoices read: {report.added} {would}{total}, {report.there} there already, "
        f"{report.failed} with a mistake; {report.customers_added} customers {would}."
    )
