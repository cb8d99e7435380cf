"""`wispbill backup`: a verified backup now, and the list of those that are there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from daemon.cli import output
from daemon.cli.context import desk_of
from daemon.cli.ground import hand_over, sqlite_path
from daemon.clock import SystemClock
from daemon.errors import StoreError

backup = typer.Typer(help="Back the database up, verified.", invoke_without_command=True)


def register(app: typer.Typer) -> None:
    app.add_typer(backup, name="backup")


@backup.callback()
def take(
    ctx: typer.Context,
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Default: tidy.backup_dir. Stays until you remove it.")
    ] = None,
) -> None:
    """Copy the database, also while the daemon runs, and verify the copy."""
    if ctx.invoked_subcommand is not None:
        return
    from daemon.store import backup as backups

    desk = desk_of(ctx)
    database = sqlite_path(desk)
    if not database.exists():
        raise StoreError("WB-BACKUP", f"there is no database at {database} yet; the daemon makes it")
    folder = (to or desk.settings.backup_dir()).absolute()
    made, facts = backups.make(database, folder, kind=backups.MANUAL, now=SystemClock().now())
    if to is None:
        hand_over(database.parent, folder, made.path)
    output.say(f"{made.path}: {facts.size >> 10} KiB, {sum(facts.rows.values())} rows, verified.")
    keys = ", ".join(str(key_id) for key_id in sorted(facts.secrets_by_key))
    if keys:
        output.say(f"Its credentials open with master key {keys} alone, which it does not hold.")


@backup.command("list")
def listing(
    ctx: typer.Context,
    verify: Annotated[bool, typer.Option("--verify", help="Read each of them from end to end.")] = False,
    as_json: output.Json = False,
) -> None:
    """The backups in tidy.backup_dir, the newest first."""
    from daemon.store import backup as backups

    desk = desk_of(ctx)
    items = [
        {
            "file": str(found.path),
            "kind": found.kind,
            "taken_at": found.taken_at,
            "bytes": found.path.stat().st_size,
            "flaw": _flaw(found.path) if verify else None,
        }
        for found in backups.listing(desk.settings.backup_dir())
    ]
    columns = {"taken_at": "Taken at", "kind": "Kind", "bytes": "Bytes", "file": "File"}
    if verify:
        columns["flaw"] = "Flaw"
    output.listing(
        "backups", items, columns, as_json=as_json, empty="No backup yet; `wispbill backup` takes one."
    )
    if any(item["flaw"] for item in items):
        raise typer.Exit(1)


def _flaw(path: Path) -> str | None:
    from daemon.store import backup as backups

    try:
        backups.verify(path)
    except StoreError as error:
        return error.message
    return None
