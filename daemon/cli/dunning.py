"""`wispbill dunning preview`: today what tomorrow will do, and who is left out of it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli import output
from daemon.cli.context import desk_of
from daemon.errors import InvalidInput

if TYPE_CHECKING:
    from daemon.cli.context import Desk
    from daemon.store import records

COLUMNS = {
    "customer": "CUSTOMER",
    "name": "NAME",
    "was": "NOW",
    "becomes": "WILL BE",
    "invoices": "INVOICES",
    "due": "DUE",
    "spared": "SPARED",
}

group = typer.Typer(help="Overdue invoices, and what becomes of service.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="dunning")


@group.callback()
def main() -> None:
    """Overdue invoices, and what becomes of service."""


@group.command("preview")
def preview(
    ctx: typer.Context,
    *,
    on: Annotated[
        str | None, typer.Option("--date", metavar="DAY", help="Like 2030-02-01; else tomorrow.")
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="CUSTOMER", help="Hold this customer's dunning through that day (repeatable)."),
    ] = None,
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """Show whose service gets worse on a day. It is assumed that nothing is paid until then."""
    from daemon.jobs.enforce.previewing import day_of
    from daemon.jobs.enforce.previewing import preview as look_ahead

    desk = desk_of(ctx)
    owner = desk.tenant(tenant)
    day = day_of(desk.house, owner, _day(on))
    for name in exclude or ():
        _hold(desk, owner, name, day)
    shown = [
        {
            "customer": each.customer.reference,
            "name": each.customer.name,
            "was": each.was,
            "becomes": each.becomes,
            "invoices": [debt.number for debt in each.debts],
            "due": [str(debt.due) for debt in each.debts],
            "spared": each.spared,
        }
        for each in look_ahead(desk.house, owner, day)
    ]
    if as_json:
        output.document({"tenant": owner.reference, "date": day, "customers": shown})
        return
    output.say(f"On {day}, if nothing is paid until then:")
    output.listing("customers", shown, COLUMNS, as_json=False, empty="Nobody's service gets worse.")


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text is not None else None
    except ValueError:
        raise InvalidInput("WB-INPUT", "date: a date is written like 2030-02-01", field="date") from None


def _hold(desk: Desk, owner: records.Tenant, name: str, day: date) -> None:
    from daemon.model.dunning import StandingKind
    from daemon.store import customers, standings

    row = customers.get(owner.id, name)
    desk.write(
        "dunning.exclude",
        lambda: standings.say(
            row,
            StandingKind.HOLD,
            f"left out of {day} in its preview",
            until_on=day,
            actor=desk.actor,
            now=desk.now,
        ),
        wake="enforce",
    )
