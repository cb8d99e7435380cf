"""`wispbill restore` and `wispbill recovery`: a backup takes the database's place; then every first push
looks before it sends."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from daemon.cli import output
from daemon.cli.context import Desk, desk_of
from daemon.cli.ground import daemon_lock, hand_over, sqlite_path
from daemon.clock import SystemClock, from_micros
from daemon.errors import InvalidInput

WHAT_HAPPENS = """\
Recovery mode is on. What happens now:
  - Start the daemon: systemctl start wispbill
  - Invoices that were pushed after the backup was taken are at the provider, but not here. Enter them again
    (API, `wispbill invoices import`): their keys and references come out the same, so each is looked for
    before anything is sent, found with our reference, payer and total, and adopted. Nothing is sent twice.
  - The providers' change feeds are read again from where they stood in the backup, so that payments which
    came since are seen again; where a provider no longer reaches back so far, every open invoice is read.
  - Recurring plans are billed only when you say so, once what changed since the backup is entered again:
    wispbill bill --dry-run --plan FILE, then wispbill bill --apply FILE
  - When all of them are entered and synced: wispbill recovery end"""

WHAT_ENDED = """\
Recovery mode is off: a first push sends at once again. An invoice that was at the provider before the restore
and is entered only now would be sent a second time, unless the provider still keeps its key."""

recovery = typer.Typer(help="Recovery mode: every first push looks before it sends.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.command("restore")(restore)
    app.add_typer(recovery, name="recovery")


def restore(
    ctx: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="One of `wispbill backup list`.")
    ] = None,
    done: Annotated[bool, typer.Option("--done", help="The same as `wispbill recovery end`.")] = False,
) -> None:
    """Put a backup in the database's place. It is verified first; recovery mode is on then; the old
    database stays too."""
    if done == (file is not None):
        raise InvalidInput("WB-INPUT", "give the file of a backup, or --done")
    if file is None:
        end(ctx, force=False)
        return
    if not file.is_file():
        raise InvalidInput("WB-INPUT", f"there is no file {file}: wispbill backup list")
    desk = desk_of(ctx)
    _put_in_place(desk, file.absolute())
    output.say(WHAT_HAPPENS)


def _put_in_place(desk: Desk, file: Path) -> None:
    """Root stays root here, since the backup may lie where only root can read; what it made is handed to the
    owner of the state folder."""
    from daemon.store import restore as restoring
    from daemon.store.locks import FileLock

    database, clock = sqlite_path(desk), SystemClock()
    restoring.check(file)
    lock = daemon_lock(desk)
    try:
        with FileLock(database.with_name("write.lock")).held(timeout_s=10, clock=clock):
            restored = restoring.put_in_place(file, database, now=clock.now())
            hand_over(database.parent, database)
    finally:
        lock.release()
    output.say(f"{file.name} is the database now: {sum(restored.facts.rows.values())} rows.")
    if restored.replaced:
        output.say(f"The replaced database lies at {restored.replaced}.")
    keys = sorted(restored.facts.secrets_by_key)
    if keys:
        output.say(f"Its credentials open with master key {', '.join(map(str, keys))}.")


# --- recovery mode ------------------------------------------------------------------------------------


@recovery.command("begin")
def begin(
    ctx: typer.Context,
    source: Annotated[
        str, typer.Option("--from", metavar="TEXT", help="What was restored, for the audit.")
    ] = "other tools",
) -> None:
    """Enter it by hand, the daemon stopped. After pg_restore, or a machine set back to a snapshot."""
    from daemon.store import restore as restoring

    desk = desk_of(ctx)
    house = desk.house
    lock = daemon_lock(desk)
    try:
        with house.store.session():
            restoring.begin(house.store, source=source, actor=desk.actor, now=desk.now)
    finally:
        lock.release()
    output.say(WHAT_HAPPENS)


@recovery.command("end")
def end(
    ctx: typer.Context,
    force: Annotated[bool, typer.Option("--force", help="Although invoices still wait.")] = False,
) -> None:
    """Leave it. Once every invoice that was pushed after the backup is entered again and synced."""
    from daemon.store import restore as restoring

    desk = desk_of(ctx)
    store = desk.house.store
    with store.session():
        if restoring.recovery() is None:
            output.say("There is no recovery mode to leave.")
            return
        waiting = restoring.still_waiting()
        if waiting and not force:
            raise InvalidInput(
                "WB-INPUT", f"invoices still wait ({output.text(waiting)}): let them sync first, or --force"
            )
        restoring.end(store, actor=desk.actor, now=desk.now)
    output.say(WHAT_ENDED)


@recovery.command("show")
def show(ctx: typer.Context, as_json: output.Json = False) -> None:
    """Whether it is on, since when, and what still waits."""
    from daemon.store import restore as restoring

    desk = desk_of(ctx)
    with desk.house.store.session():
        found, waiting = restoring.recovery(), restoring.still_waiting()
    facts = {
        "recovery": found is not None,
        "since": from_micros(found["since"]) if found else None,
        "from": found["from"] if found else None,
        "waiting": waiting,
    }
    if as_json:
        output.document(facts)
    else:
        output.facts({name.capitalize(): value for name, value in facts.items()})
