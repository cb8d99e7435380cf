"""`wispbill keys`: the master keys. New, rotate and retire work while the daemon runs."""

from __future__ import annotations

import os
import re
import signal
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli import output
from daemon.cli.context import Desk, desk_of
from daemon.cli.db import open_store
from daemon.cli.ground import daemon_lock, lock_of
from daemon.errors import InvalidInput, VaultError

if TYPE_CHECKING:
    from daemon.house import House
    from daemon.settings import Settings
    from daemon.store.secrets import Sealed
    from daemon.vault import MasterKeys

BATCH = 100
PATIENCE_S = 5.0

keys = typer.Typer(help="The master keys that the credentials are sealed with.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(keys, name="keys")


# --- new ----------------------------------------------------------------------------------------------


@keys.command("new")
def new(ctx: typer.Context) -> None:
    """Add a key to the key file; `keys rotate` then seals with it."""
    from daemon.clock import SystemEntropy
    from daemon.vault import KEY_VARIABLE, MasterKeys, key_path

    desk = desk_of(ctx)
    path = key_path(desk.settings, desk.environ)
    is_first = not path.exists() and not desk.environ.get(KEY_VARIABLE)
    if is_first:
        fresh = MasterKeys.generate(SystemEntropy())
    else:
        fresh = MasterKeys.load(desk.settings, desk.environ).add_key(SystemEntropy())
    _write(fresh, path)
    output.say(f"Key {fresh.newest} stands in {path}. Keep a copy of the file away from this machine.")
    if not is_first:
        _say_how_to_rotate(desk.settings, path)


def _write(fresh: MasterKeys, path: Path) -> None:
    """The file keeps its owner: root may write a file that the daemon's user reads."""
    owner = (path if path.exists() else path.parent).stat()
    fresh.write(path)
    if os.geteuid() == 0:
        os.chown(path, owner.st_uid, owner.st_gid)


def _say_how_to_rotate(settings: Settings, path: Path) -> None:
    if path.is_relative_to(settings.daemon.state_dir) or path == settings.vault.key_file:
        output.say("Next: wispbill keys rotate")
    else:
        output.say("systemd hands it to the daemon at its next start. Next:")
        output.say("  systemctl restart wispbill")
        output.say("  wispbill keys rotate")


# --- rotate -------------------------------------------------------------------------------------------


@keys.command("rotate")
def rotate(
    ctx: typer.Context,
    to: Annotated[int | None, typer.Option(metavar="ID", help="Default: the newest key.")] = None,
) -> None:
    """Seal with another key from now on. What is under others is sealed again; it may be broken off."""
    desk = desk_of(ctx)
    house = desk.house
    with house.store.session():
        target = to if to is not None else max(house.safe.vault.key_ids())
        house.safe.vault.activate(target)
        _daemon_must_know(desk, target)
        _activate(desk, target)
        sealed, broken = _reseal(desk, target)
    output.say(f"Key {target} seals now; {sealed} secrets were sealed again.")
    if broken:
        output.say(f"{broken} did not open with the keys at hand and are quarantined: wispbill doctor")
        raise typer.Exit(1)
    output.say("wispbill keys list: which old keys may be retired, and when.")


def _daemon_must_know(desk: Desk, key_id: int) -> None:
    """A running daemon is told to read its key file; raises InvalidInput where it does not have the key,
    since it could not open what is sealed with it."""
    from daemon.store import meta

    lock = lock_of(desk)
    if lock.acquire():
        lock.release()
        return
    clock = desk.house.clock
    until = clock.monotonic() + PATIENCE_S
    _hang_up(lock.read())
    while key_id not in (meta.get(meta.KEYS) or []):
        if clock.monotonic() >= until:
            raise InvalidInput(
                "WB-VAULT-KEY",
                f"the running daemon does not have key {key_id}: systemctl restart wispbill, then again",
            )
        clock.wait(0.1)


def _hang_up(holder: str) -> None:
    match = re.search(r"\bpid (\d+)", holder)
    if match:
        try:
            os.kill(int(match[1]), signal.SIGHUP)
        except (ProcessLookupError, PermissionError):
            return


def _activate(desk: Desk, key_id: int) -> None:
    from daemon.store import audit, secrets

    if secrets.active_key() == key_id:
        return
    now, check = desk.now, desk.house.safe.vault.check_value(key_id)

    def work() -> None:
        secrets.note_key(key_id, check, active=True, now=now)
        data = {"key": key_id, "check": check}
        audit.append(
            audit.PLATFORM, actor=desk.actor, action="key.activated", subject="vault", data=data, now=now
        )

    desk.write("keys.activate", work)


def _reseal(desk: Desk, key_id: int) -> tuple[int, int]:
    """(sealed again, quarantined). A hundred in a transaction; what somebody else wrote meanwhile comes
    round again."""
    from daemon.store import secrets

    house, sealed, broken = desk.house, 0, 0
    with output.progress("sealed again") as bar:
        while batch := secrets.not_under(key_id, limit=BATCH):
            done, bad = desk.write("keys.reseal", lambda batch=batch: _reseal_batch(house, batch))  # type: ignore[misc]
            sealed, broken = sealed + done, broken + bad
            bar.advance(len(batch))
    return sealed, broken


def _reseal_batch(house: House, batch: list[Sealed]) -> tuple[int, int]:
    from daemon.store import secrets

    done = bad = 0
    for sealed in batch:
        try:
            done += house.safe.reseal(sealed)
        except VaultError as error:
            bad += 1
            secrets.give_up(sealed, error, now=house.clock.now())
    return done, bad


# --- list and retire ----------------------------------------------------------------------------------


@keys.command("list")
def listing(ctx: typer.Context, as_json: output.Json = False) -> None:
    """The keys: which seals, what each one opens, which may be retired."""
    desk = desk_of(ctx)
    with desk.house.store.session():
        items = _items(desk)
    columns = {
        "id": "Key",
        "check_value": "Check value",
        "active": "Seals",
        "at_hand": "At hand",
        "since": "Since",
        "secrets": "Secrets",
        "backups": "Backups",
        "may_be_retired": "May be retired",
    }
    output.listing("keys", items, columns, as_json=as_json, empty="No key yet: wispbill keys new")


def _items(desk: Desk) -> list[dict[str, object]]:
    from daemon.store import backup, secrets

    in_use, in_backups = secrets.count_by_key(), backup.keys_in_use(desk.settings.backup_dir())
    vault, known = desk.house.safe.vault, secrets.keys()
    return [
        {
            "id": key_id,
            "check_value": check,
            "active": active,
            "at_hand": vault.has(key_id),
            "since": since,
            "secrets": in_use.get(key_id, 0),
            "backups": len(in_backups.get(key_id, [])),
            "may_be_retired": not (active or in_use.get(key_id) or in_backups.get(key_id)),
        }
        for key_id, check, active, since in known
    ]


@keys.command("retire")
def retire(ctx: typer.Context, key_id: Annotated[int, typer.Argument(metavar="ID")]) -> None:
    """Forget a key that nothing is sealed with any more. It is taken out of the key file, too."""
    from daemon.store import audit, secrets
    from daemon.vault import key_path

    desk = desk_of(ctx)
    path = key_path(desk.settings, desk.environ)
    with desk.house.store.session():
        _refuse_if_needed(desk, key_id)
        now: datetime = desk.now

        def work() -> None:
            secrets.forget_key(key_id)
            data = {"key": key_id}
            audit.append(
                audit.PLATFORM, actor=desk.actor, action="key.retired", subject="vault", data=data, now=now
            )

        desk.write("keys.retire", work)
    output.say(f"Key {key_id} is retired.")
    _take_out(desk, path, key_id)
    output.say("Backups that you keep elsewhere may still need it: keep your copy as long as them.")


def _refuse_if_needed(desk: Desk, key_id: int) -> None:
    item = next((item for item in _items(desk) if item["id"] == key_id), None)
    if item is None:
        raise InvalidInput("WB-NOT-FOUND", f"there is no key {key_id}")
    if item["active"]:
        raise InvalidInput("WB-INPUT", f"key {key_id} seals: wispbill keys new, then wispbill keys rotate")
    if item["secrets"]:
        raise InvalidInput("WB-INPUT", f"{item['secrets']} secrets are sealed with key {key_id}: keys rotate")
    if item["backups"]:
        raise InvalidInput(
            "WB-INPUT", f"{item['backups']} backups need key {key_id}; it may go when they have expired"
        )


def _take_out(desk: Desk, path: Path, key_id: int) -> None:
    """The CLI became the daemon's user, who may not be allowed to change the file."""
    from daemon.vault import MasterKeys

    try:
        _write(MasterKeys.load(desk.settings, desk.environ).without(key_id), path)
    except InvalidInput:
        output.say(f"Now take the line that begins with `{key_id}:` out of {path}.")


# --- lost ---------------------------------------------------------------------------------------------


@keys.command("lost")
def lost(
    ctx: typer.Context,
    key_id: Annotated[int, typer.Argument(metavar="ID")],
    yes: Annotated[bool, typer.Option("--yes", help="I have no copy of this key anywhere.")] = False,
) -> None:
    """Give up what only a lost key opens, the daemon stopped. Integrations ask for credentials again."""
    from daemon.jobs.remedies import giving_again
    from daemon.store import audit, secrets

    desk = desk_of(ctx)
    if not yes:
        raise InvalidInput("WB-INPUT", f"what key {key_id} sealed will never open again: add --yes to say so")
    lock = daemon_lock(desk)
    store = open_store(desk)
    now = store.clock.now()

    def work() -> list[str]:
        ids = secrets.lose(key_id, now=now)
        data = {"key": key_id, "integrations": ids}
        audit.append(audit.PLATFORM, actor=desk.actor, action="key.lost", subject="vault", data=data, now=now)
        return ids

    try:
        with store.session():
            ids = store.write("cli.keys.lost", work)
            again = [giving_again(owner_id) for owner_id in ids]
    finally:
        store.close()
        lock.release()
    output.say(
        f"Key {key_id} is given up. Give the credentials of these again:" if ids else "It sealed nothing."
    )
    for command in again:
        output.say(f"  {command}")
