"""Schema versions: numbered migrations, applied by the daemon at start, under a lock, after a backup."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from playhouse.migrations import Runner

from daemon.errors import StoreError
from daemon.store import backup
from daemon.store.database import Store, said_plainly

ADVISORY_LOCK = 0x77697370
"""'wisp': one migrating daemon at a time on PostgreSQL; SQLite has daemon.lock."""

KEEP = 5
"""Backups from before an upgrade that stay."""


def directory() -> Path:
    return Path(str(files("daemon.store"))) / "migrations"


def pending(store: Store, *, scripts: Path | None = None) -> list[str]:
    """Names of the migrations still to run; raises StoreError where the database is newer than this."""
    with said_plainly():
        status = Runner(store.db, str(scripts or directory())).status()
    gone = [m.name for m in status if m.path is None]
    if gone:
        raise StoreError(
            "WB-DB-NEWER", f"the database has migration {gone[-1]!r}, which this wispbill does not know"
        )
    return [m.name for m in status if not m.applied]


def applied(store: Store) -> list[str]:
    """Names of the migrations that this database has, in their order."""
    with said_plainly():
        return sorted(Runner(store.db, str(directory())).applied())


def require_current(store: Store) -> None:
    """For everybody but the daemon: raises StoreError unless the schema is exactly ours."""
    missing = pending(store)
    if missing:
        raise StoreError(
            "WB-DB-OLDER",
            f"the database lacks {missing[0]!r}: start the daemon once, or run `wispbill db upgrade`",
        )


def upgrade(store: Store, backups: Path | None = None, *, scripts: Path | None = None) -> list[str]:
    """Apply what is pending, all of it or nothing; returns the names. A SQLite database that holds
    anything is backed up into `backups` (default: beside it) and the copy verified first. For the holder
    of `daemon.lock`. Raises StoreError."""
    names = pending(store, scripts=scripts)
    if not names:
        return []
    runner = Runner(store.db, str(scripts or directory()))
    if store.path is not None:
        _back_up(store, store.path, backups or store.path.parent / "backups", names[0])
        return _on_sqlite(store, runner)
    with said_plainly(), store.db.atomic():
        store.db.execute_sql("SELECT pg_advisory_xact_lock(%s)", (ADVISORY_LOCK,))
        return list(runner.up())


def _back_up(store: Store, path: Path, folder: Path, name: str) -> None:
    if not store.db.get_tables():
        return
    try:
        backup.make(path, folder, kind=backup.UPGRADE, now=store.clock.now())
    except StoreError as error:
        raise StoreError(
            error.code, f"{error.message}; without a backup the database is not upgraded to {name!r}"
        ) from error
    backup.prune(folder, kind=backup.UPGRADE, keep=KEEP, now=store.clock.now())


def _on_sqlite(store: Store, runner: Runner) -> list[str]:
    """All migrations in one transaction. Tables are rebuilt by dropping the old one, which must not reach
    their children: foreign keys are off meanwhile (a pragma that a transaction ignores) and checked
    before the end (https://sqlite.org/lang_altertable.html#otheralter)."""
    store.db.pragma("foreign_keys", 0)  # type: ignore[attr-defined]
    try:
        with said_plainly(), store.db.atomic("IMMEDIATE"):
            names = list(runner.up())
            orphans = store.db.execute_sql("PRAGMA foreign_key_check").fetchall()
            if orphans:
                raise StoreError("WB-DB-MIGRATION", f"rows of {orphans[0][0]!r} would have lost their parent")
            return names
    except StoreError as error:
        raise StoreError(error.code, f"{error.message}; the database was left as it was") from error
    except Exception as error:
        raise StoreError(
            "WB-DB-MIGRATION", f"the upgrade failed ({error}); the database was left as it was"
        ) from error
    finally:
        store.db.pragma("foreign_keys", 1)  # type: ignore[attr-defined]
