"""Putting a backup in the database's place, and the recovery mode that follows.

Recovery mode: what was pushed after the backup was taken exists at the providers, but no longer here. Keys
and references are computed from tenant, platform reference and provider account, so an invoice that is
entered again gets the ones it had; until recovery ends every first send looks for them first.
"""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from daemon.clock import to_micros
from daemon.errors import StoreError
from daemon.model import Document
from daemon.store import audit, backup, links, meta, migrate
from daemon.store.backup import Facts
from daemon.store.database import Store
from daemon.store.fields import canonical


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put in place, and where the replaced database (None: there was none) lies now."""

    facts: Facts
    replaced: Path | None


def check(path: Path) -> Facts:
    """Verify a backup before anything is touched. Raises StoreError where it is damaged, or was written by
    a newer wispbill."""
    facts = backup.verify(path)
    known = {script.stem for script in migrate.directory().glob("[0-9]*.py")}
    unknown = [name for name in facts.migrations if name not in known]
    if unknown:
        raise StoreError(
            "WB-DB-NEWER", f"{path.name} has migration {unknown[-1]!r}, which this wispbill does not know"
        )
    return facts


def put_in_place(path: Path, database: Path, *, now: datetime) -> Restored:
    """Replace the database by the backup at `path`, in recovery mode; the replaced one stays beside it. For
    the holder of `daemon.lock` and `write.lock`. Raises StoreError; until the last step, a rename, the old
    database stays in its place."""
    facts = check(path)
    copy = database.with_name(f"{database.name}.restoring")
    try:
        backup.copy_whole(path, copy)
        _mark(copy, {"since": to_micros(now), "from": path.name})
        replaced = _set_aside(database, now) if database.exists() else None
        copy.replace(database)
        _sync(database.parent)
    except (OSError, sqlite3.Error) as error:
        raise StoreError("WB-BACKUP", f"{path.name} cannot be put in place: {error}") from error
    finally:
        copy.unlink(missing_ok=True)
    return Restored(facts, replaced)


def _mark(copy: Path, value: Document) -> None:
    """Recovery mode, written into the copy before it is anybody's database: a daemon can never start on it
    without."""
    db = sqlite3.connect(copy, isolation_level=None)
    try:
        db.execute("PRAGMA synchronous=FULL")
        db.execute(
            "INSERT INTO meta (key, value) VALUES (?, ?)"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (meta.RECOVERY, canonical(value)),
        )
    finally:
        db.close()


def _set_aside(database: Path, now: datetime) -> Path:
    """A second name for the old file; its own goes with the rename. Its write-ahead log must not be found
    beside the new one: it is folded in, or where the old file is too damaged for that, set aside too."""
    aside = database.with_name(f"{database.name}.replaced-{now:%Y%m%dT%H%M%SZ}")
    wal, shm = (database.with_name(f"{database.name}-{kind}") for kind in ("wal", "shm"))
    try:
        db = sqlite3.connect(database, timeout=5, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode=DELETE").fetchall()
        finally:
            db.close()
    except sqlite3.DatabaseError as error:
        if "locked" in str(error):
            raise StoreError("WB-DB-LOCKED", "another process has the database open") from error
        if wal.exists():
            os.link(wal, aside.with_name(f"{aside.name}-wal"))
    os.link(database, aside)
    wal.unlink(missing_ok=True)
    shm.unlink(missing_ok=True)
    return aside


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# --- recovery mode ------------------------------------------------------------------------------------


def recovery() -> Document | None:
    """Since when (`since`, in microseconds) and `from` which backup; None: no recovery."""
    found = meta.get(meta.RECOVERY)
    return None if found is None else dict(found)


def begin(store: Store, *, source: str, actor: str, now: datetime) -> None:
    """Enter recovery mode by hand: after a restore by other tools (pg_restore, a machine's snapshot)."""

    def work() -> None:
        meta.put(meta.RECOVERY, {"since": to_micros(now), "from": source})
        note(actor=actor, action="recovery.begun", data={"from": source}, now=now)

    store.write("recovery.begin", work)


def end(store: Store, *, actor: str, now: datetime) -> bool:
    """Leave recovery mode; False where there was none."""

    def work() -> bool:
        was = recovery()
        if was is None:
            return False
        meta.drop(meta.RECOVERY)
        note(actor=actor, action="recovery.ended", data=was, now=now)
        return True

    return store.write("recovery.end", work)


def note(*, actor: str, action: str, data: Document, now: datetime) -> None:
    """Inside a transaction: a row in the platform's own chain."""
    audit.append(audit.PLATFORM, actor=actor, action=action, subject="database", data=data, now=now)


def still_waiting() -> dict[str, int]:
    """Links that are not settled yet, by sync state, with those that no integration serves as `unassigned`:
    while there are any, recovery has not done its work."""
    counts = {
        state: count for state, count in links.count_by_state().items() if state not in ("synced", "failed")
    }
    unassigned = links.unassigned()
    return counts | ({"unassigned": unassigned} if unassigned else {})
