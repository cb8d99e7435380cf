"""Schema versions: numbered migrations, applied by the daemon at start, under a lock, after a backup."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from playhouse.migrations import Runner

from daemon.errors import StoreError
from daemon.store.database import Store, said_plainly

ADVISORY_LOCK = 0x77697370
"""'wisp': one migrating daemon at a time on PostgreSQL; SQLite has daemon.lock."""


def directory() -> Path:
    return Path(str(files("daemon.store"))) / "migrations"


def pending(store: Store) -> list[str]:
    """Names of the migrations still to run; raises StoreError where the database is newer than this."""
    with said_plainly():
        status = Runner(store.db, str(directory())).status()
    gone = [m.name for m in status if m.path is None]
    if gone:
        raise StoreError(
            "WB-DB-NEWER", f"the database has migration {gone[-1]!r}, which this wispbill does not know"
        )
    return [m.name for m in status if not m.applied]


def require_current(store: Store) -> None:
    """For everybody but the daemon: raises StoreError unless the schema is exactly ours."""
    missing = pending(store)
    if missing:
        raise StoreError(
            "WB-DB-OLDER",
            f"the database lacks {missing[0]!r}: start the daemon once, or run `wispbill db upgrade`",
        )


def upgrade(store: Store) -> list[str]:
    """Apply what is pending; returns the names. Raises StoreError."""
    if not pending(store):
        return []
    runner = Runner(store.db, str(directory()))
    with said_plainly():
        if store.is_sqlite:
            return list(runner.up())
        with store.db.atomic():
            store.db.execute_sql("SELECT pg_advisory_xact_lock(%s)", (ADVISORY_LOCK,))
            return list(runner.up())
