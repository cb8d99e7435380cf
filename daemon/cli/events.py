"""`wispbill events`: what happened, in the order of the feed that the platform reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli import output
from daemon.cli.context import desk_of
from daemon.errors import InvalidInput

if TYPE_CHECKING:
    from daemon.cli.context import Desk

COLUMNS = {"sequence": "SEQ", "timestamp": "AT", "type": "TYPE", "about": "ABOUT", "sentence": "WHAT"}
LOOK_EVERY_S = 2.0
ABOUT = ("invoiceNumber", "customerReference", "integrationId", "tenantReference")


def register(app: typer.Typer) -> None:
    app.command("events")(events)


def events(
    ctx: typer.Context,
    *,
    tenant: output.Tenant = None,
    after: Annotated[
        int | None, typer.Option(min=0, metavar="SEQ", help="What follows this place; else the latest.")
    ] = None,
    limit: output.Limit = 50,
    follow: Annotated[bool, typer.Option("--follow", help="Go on, a line for each, until Ctrl-C.")] = False,
    as_json: output.Json = False,
) -> None:
    """Show the event feed. `--after` takes the last SEQ that was read, and never skips one."""
    from daemon.store import audit, events

    desk = desk_of(ctx)
    desk.open()
    scope = desk.tenant_id(tenant) or audit.PLATFORM
    events.stamp(desk.house.store)
    place = _place(after, scope, limit)
    if follow:
        _follow(desk, scope, place, as_json)
        return
    rows = _read(scope, place, limit)
    more = str(rows[-1]["sequence"]) if rows else str(place)
    if as_json:
        output.document({"events": [output.Verbatim(row) for row in rows], "next": more})
    else:
        shown = [_flat(row) for row in rows]
        output.listing("events", shown, COLUMNS, as_json=False, empty="Nothing has happened since then.")


def _place(after: int | None, scope: str, limit: int) -> int:
    """Where to begin. Raises InvalidInput where nothing can have been read up to there."""
    from daemon.store import events

    if after is None:
        return events.before_latest(limit, tenant_id=scope)
    last = events.last_seq()
    if after > last:
        raise InvalidInput(
            "WB-INPUT", f"the feed ends at {last}; nobody can have read {after}", field="after"
        )
    return after


def _read(scope: str, after: int, limit: int) -> list[dict[str, Any]]:
    from daemon.jobs.notify import payload
    from daemon.store import events

    return [payload.document_of(row) for row in events.feed(after, tenant_id=scope, limit=limit)]


def _follow(desk: Desk, scope: str, place: int, as_json: bool) -> None:
    from daemon.store import events

    while True:
        events.stamp(desk.house.store)
        for row in _read(scope, place, 500):
            place = row["sequence"]
            flat = _flat(row)
            line = (
                json.dumps(row, ensure_ascii=False)
                if as_json
                else "  ".join(output.text(flat[c]) for c in COLUMNS)
            )
            output.say(line)
        if desk.house.clock.wait(LOOK_EVERY_S, desk.house.stop):
            return


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    data = row["data"]
    about = next((data[name] for name in ABOUT if name in data), None)
    return {**row, "timestamp": f"{row['timestamp'][:19]}Z", "about": about, "sentence": data.get("sentence")}
