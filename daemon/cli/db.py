"""`wispbill db`: the schema of the database, which the daemon brings up to date at its start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from daemon.cli import output
from daemon.cli.context import Desk, desk_of, drop_privileges
from daemon.cli.ground import daemon_lock
from daemon.errors import StoreError

if TYPE_CHECKING:
    from daemon.store.database import Store

db = typer.Typer(help="The schema of the database: version, check, upgrade.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(db, name="db")


@db.command("version")
def version(ctx: typer.Context, as_json: output.Json = False) -> None:
    """The migrations that the database has and lacks. Exit code 1 where it lacks any."""
    from daemon.store import migrate

    store = open_store(desk_of(ctx))
    try:
        with store.session():
            has, lacks = migrate.applied(store), migrate.pending(store)
    finally:
        store.close()
    if as_json:
        output.document({"has": has, "lacks": lacks})
    else:
        output.facts({"Has": has, "Lacks": lacks or "nothing"})
    if lacks:
        raise typer.Exit(1)


@db.command("check")
def check(ctx: typer.Context) -> None:
    """Read every page and every reference. Exit code 1 where something is wrong."""
    store = open_store(desk_of(ctx))
    try:
        with store.session():
            flaws = _flaws(store)
    finally:
        store.close()
    for flaw in flaws:
        output.say(flaw)
    if flaws:
        output.say("The database is damaged: wispbill backup list, then wispbill restore FILE")
        raise typer.Exit(1)
    output.say("The database is whole.")


def _flaws(store: Store) -> list[str]:
    if not store.is_sqlite:
        return []
    words = [str(row[0]) for row in store.db.execute_sql("PRAGMA integrity_check(20)")]
    orphans = store.db.execute_sql("PRAGMA foreign_key_check").fetchall()
    return [word for word in words if word != "ok"] + [
        f"row {row[1]} of {row[0]} has lost its {row[2]}" for row in orphans
    ]


@db.command("upgrade")
def upgrade(ctx: typer.Context) -> None:
    """Bring the schema up to date, the daemon stopped. After a verified backup."""
    from daemon.store import migrate

    desk = desk_of(ctx)
    lock = daemon_lock(desk)
    try:
        store = open_store(desk)
        try:
            with store.session():
                done = migrate.upgrade(store, desk.settings.backup_dir())
        finally:
            store.close()
    finally:
        lock.release()
    output.say(f"Done: {', '.join(done)}." if done else "There is nothing to do.")


def open_store(desk: Desk) -> Store:
    """The database whatever its version, without the vault. Raises StoreError, also where there is none."""
    from daemon.clock import SystemClock, SystemEntropy
    from daemon.store import database

    url = desk.settings.database_url()
    drop_privileges(desk.settings.daemon.state_dir)
    if url.startswith("sqlite:"):
        from daemon.cli.ground import sqlite_path

        if not sqlite_path(desk).exists():
            raise StoreError("WB-DB-OLDER", f"there is no database at {sqlite_path(desk)} yet")
    store = database.connect(url, clock=SystemClock(), entropy=SystemEntropy(), pool=2)
    store.shared = True
    return store
