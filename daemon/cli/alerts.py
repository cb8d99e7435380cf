"""`wispbill alerts`: what is wrong now and was told, and whether the channels work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli import output
from daemon.cli.context import desk_of
from daemon.errors import InvalidInput

if TYPE_CHECKING:
    from daemon.store.alerts import Alert

group = typer.Typer(help="Alerts: one for each cause that needs a person.", no_args_is_help=True)

COLUMNS = {
    "title": "WHAT",
    "count": "TIMES",
    "customers": "CUSTOMERS",
    "money": "OPEN",
    "first_at": "SINCE",
    "last_at": "LAST",
    "told_at": "TOLD",
    "closed_at": "OVER",
}
TEST = "This is a test: alerts arrive here. Nothing happened."


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="alerts")


@group.command("list")
def list_(
    ctx: typer.Context,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    limit: output.Limit = 50,
    as_json: output.Json = False,
) -> None:
    """List the open alerts. Exit code 1 where there is one."""
    from daemon.store import alerts

    desk_of(ctx).open()
    rows = alerts.latest(limit) if everything else alerts.open_()[:limit]
    shown = [_shape(row) for row in rows]
    columns = COLUMNS if everything else {k: v for k, v in COLUMNS.items() if k != "closed_at"}
    output.listing("alerts", shown, columns, as_json=as_json, empty="All is well.")
    if any(row.closed_at is None for row in rows):
        raise typer.Exit(1)


@group.command("test")
def test(ctx: typer.Context, *, as_json: output.Json = False) -> None:
    """Send a test message to every channel. Exit code 1 where one does not take it."""
    from daemon.alerts import CODE, CREDENTIAL, Sender

    desk = desk_of(ctx)
    sender = Sender.load(desk.settings, desk.environ)
    if sender.fault:
        raise InvalidInput(CODE, sender.fault)
    if not sender.channels:
        text = f"there is no channel: set [alerts] urls_file, or give systemd's credential {CREDENTIAL}"
        raise InvalidInput(CODE, text)
    took = sender.send("wispbill: a test", TEST)
    told = [{"channel": name, "took": well} for name, well in zip(sender.names, took, strict=True)]
    if as_json:
        output.document({"channels": told})
    else:
        for number, one in enumerate(told, start=1):
            output.say(f"{number}. {one['channel']}: {'it took it' if one['took'] else 'it did NOT take it'}")
    if not all(took):
        raise typer.Exit(1)


def _shape(row: Alert) -> dict[str, Any]:
    return {
        "cause": row.cause,
        "title": row.title,
        "text": row.text,
        "count": row.count,
        "customers": row.customers,
        "money": output.Named(row.money),
        "first_at": row.first_at,
        "last_at": row.last_at,
        "told_at": row.told_at,
        "gone_at": row.gone_at,
        "closed_at": row.closed_at,
    }
