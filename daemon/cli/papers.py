"""`wispbill invoices pdf`, and `wispbill tenants letterhead`: what stands at the head of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from daemon.cli import invoices as invoices_group
from daemon.cli import output
from daemon.cli import tenants as tenants_group
from daemon.cli.context import desk_of
from daemon.errors import InvalidInput


def register(_app: typer.Typer) -> None:
    """The commands belong to groups of other modules."""
    invoices_group.group.command("pdf")(pdf)
    tenants_group.group.command("letterhead")(letterhead)


def pdf(
    ctx: typer.Context,
    name: invoices_group.Name,
    *,
    tenant: output.Tenant = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="A file, or - for standard output. Default: NUMBER.pdf."),
    ] = None,
) -> None:
    """Write the invoice as PDF. It is the provider's own where it prints one, else ours."""
    from daemon.jobs.papers import paper_of
    from daemon.store import invoices

    desk = desk_of(ctx)
    row = invoices.get(desk.tenant(tenant).id, name)
    paper = paper_of(desk.house, row)
    if out is not None and str(out) == "-":
        sys.stdout.buffer.write(paper.pdf)
        return
    path = out or Path(_file_name(row.number))
    try:
        path.write_bytes(paper.pdf)
    except OSError as error:
        raise InvalidInput("WB-INPUT", f"{path} cannot be written: {error.strerror}") from None
    whose = "as the provider prints it" if paper.printed_by == "provider" else "as we print it"
    output.say(f"Invoice {row.number} is in {path}, {whose}.")


def _file_name(number: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in number).lstrip(".") + ".pdf"


def letterhead(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="TENANT", help="Reference or id.")],
    *,
    address: Annotated[
        list[str] | None, typer.Option(help="A line under the name; give it once for each line.")
    ] = None,
    tax_number: Annotated[
        str | None, typer.Option(help='As it is to be printed, like "VAT DE000000000".')
    ] = None,
    how_to_pay: Annotated[
        str | None, typer.Option(help="A text for invoices on which something is owed.")
    ] = None,
    locale: Annotated[
        str | None, typer.Option(help="How dates and money are written, like en_GB or de.")
    ] = None,
    as_json: output.Json = False,
) -> None:
    """Show or change what stands on our invoices. What is not named stays."""
    from dataclasses import replace

    from daemon.model.letterhead import Letterhead
    from daemon.store import tenants

    desk = desk_of(ctx)
    row = desk.tenant(name)
    told = {"tax_number": tax_number, "how_to_pay": how_to_pay, "locale": locale}
    changes: dict[str, object] = {key: value for key, value in told.items() if value is not None}
    if address is not None:
        changes["address"] = tuple(line for line in address if line)
    head = replace(Letterhead.read(row.letterhead), **changes)  # type: ignore[arg-type]
    if changes:
        desk.write(
            "tenants.letterhead", lambda: tenants.set_letterhead(row, head, actor=desk.actor, now=desk.now)
        )
    if as_json:
        output.document(head.document())
    else:
        output.facts({"name": row.name, **head.document()})
