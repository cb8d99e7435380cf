"""Opening the database, and the one way to write: `store.write(label, work)`.

SQLite: WAL, synchronous=FULL, every write BEGIN IMMEDIATE, the daemon alone checkpoints (SQLite 3.7.0
to 3.51.2 can corrupt a database when a write and a checkpoint meet in two connections:
https://sqlite.org/wal.html#walresetbug). PostgreSQL: the same calls, retried on serialization failures.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

import peewee as pw

from daemon.clock import Clock, Entropy
from daemon.errors import StoreError
from daemon.store import tables
from daemon.store.locks import FileLock

T = TypeVar("T")

PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "full",
    "foreign_keys": 1,
    "busy_timeout": 5000,
    "wal_autocheckpoint": 0,
    "journal_size_limit": 67_108_864,
    "trusted_schema": 0,
    "mmap_size": 0,
}


class Probe(Protocol):
    """Told where a write stands, so that a simulation can crash there."""

    def __call__(self, point: str) -> None: ...


def _no_probe(point: str) -> None:
    """Production has nothing to probe."""


class Store:
    """The database of one process. `write` runs a piece of work in one transaction of its own."""

    def __init__(
        self,
        db: pw.Database,
        *,
        clock: Clock,
        entropy: Entropy,
        path: Path | None = None,
        probe: Probe = _no_probe,
    ) -> None:
        self.db = db
        self.clock = clock
        self.entropy = entropy
        self.path = path
        self.probe = probe
        self.write_lock = FileLock(path.with_name("write.lock")) if path else None
        self.shared = False
        self.last_sends: dict[int, float] = {}
        self._inline = threading.RLock()

    @property
    def is_sqlite(self) -> bool:
        return self.path is not None

    def write(self, label: str, work: Callable[[], T]) -> T:
        """Run `work` in one transaction and commit it; what it raises rolls it back. Raises StoreError
        where the database cannot be written. `label` names the transaction to the probe."""
        with self._inline, self._across_processes(), said_plainly():
            return self._transaction(label, work)

    def _transaction(self, label: str, work: Callable[[], T]) -> T:
        for attempt in range(4):
            try:
                with self.db.atomic("IMMEDIATE") if self.is_sqlite else self.db.atomic():
                    result = work()
                    self.probe(f"{label}:before-commit")
                self.probe(f"{label}:after-commit")
                return result
            except pw.OperationalError as error:
                if attempt == 3 or not _may_be_repeated(error):
                    raise
        raise AssertionError("unreachable")

    @contextmanager
    def _across_processes(self) -> Iterator[None]:
        """The CLI takes the write lock, so that its writes never meet the daemon's checkpoint."""
        if self.shared and self.write_lock is not None:
            with self.write_lock.held(timeout_s=10, clock=self.clock):
                yield
        else:
            yield

    @contextmanager
    def session(self) -> Iterator[None]:
        """A connection for this thread: PostgreSQL's goes back to the pool at the end, SQLite's stays."""
        if self.is_sqlite:
            with said_plainly():
                yield
            return
        with said_plainly(), self.db.connection_context():
            yield

    def close(self) -> None:
        if isinstance(getattr(self.db, "close_all", None), Callable):  # type: ignore[arg-type]
            self.db.close_all()  # type: ignore[attr-defined]
        elif not self.db.is_closed():
            self.db.close()


def connect(
    url: str,
    *,
    clock: Clock,
    entropy: Entropy,
    pool: int = 12,
    probe: Probe = _no_probe,
    readonly: bool = False,
    fast: bool = False,
) -> Store:
    """Open `sqlite:///path` or `postgresql://…`. `fast` drops the sync at commit: for simulations,
    whose crashes are simulated too. Raises StoreError."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        path = Path(parts.path)
        pragmas: dict[str, Any] = PRAGMAS | ({"synchronous": 0} if fast else {})
        if readonly:
            pragmas = {"busy_timeout": 5000, "query_only": 1}
        db: pw.Database = pw.SqliteDatabase(str(path), pragmas=pragmas, timeout=5)
        store = Store(db, clock=clock, entropy=entropy, path=path, probe=probe)
    elif parts.scheme in ("postgresql", "postgres"):
        db = _postgres(url, pool)
        store = Store(db, clock=clock, entropy=entropy, probe=probe)
    else:
        raise StoreError("WB-CONFIG", "[database] url must begin with sqlite:/// or postgresql://")
    tables.database.initialize(db)
    with said_plainly():
        db.connect(reuse_if_open=True)
    return store


def _postgres(url: str, pool: int) -> pw.Database:
    from playhouse.pool import PooledPostgresqlDatabase

    db: pw.Database = PooledPostgresqlDatabase(
        url,
        max_connections=pool,
        stale_timeout=300,
        timeout=10,
        prefer_psycopg3=True,
        options="-c timezone=UTC -c statement_timeout=30s -c lock_timeout=5s",
    )
    return db


def _may_be_repeated(error: Exception) -> bool:
    """Serialization failures and deadlocks: nothing was written, the whole transaction may run again."""
    state = getattr(error.__cause__ or getattr(error, "orig", None), "sqlstate", None)
    return state in ("40001", "40P01")


_PLAIN = (
    ("disk is full", "WB-DB-FULL", "the disk that holds the database is full"),
    ("disk i/o error", "WB-DB-FULL", "the disk that holds the database fails to write"),
    ("readonly", "WB-DB-READONLY", "the database cannot be written: check owner and mode of its folder"),
    ("read-only", "WB-DB-READONLY", "the database cannot be written: it, or its disk, is read-only"),
    ("lock timeout", "WB-DB-LOCKED", "another process held the rows for more than 5 seconds"),
    ("connection", "WB-DB-UNREACHABLE", "the database server does not answer"),
    ("server closed", "WB-DB-UNREACHABLE", "the database server closed the connection"),
    ("locked", "WB-DB-LOCKED", "another process held the database for more than 5 seconds"),
    ("unable to open", "WB-DB-READONLY", "the database file cannot be opened: check that its folder exists"),
    ("malformed", "WB-DB-CORRUPT", "the database is damaged; restore the last backup"),
    ("not a database", "WB-DB-CORRUPT", "the file is not a wispbill database, or it is damaged"),
)


@contextmanager
def said_plainly() -> Iterator[None]:
    """Database trouble as a StoreError with a code of the catalogue."""
    try:
        yield
    except pw.DatabaseError as error:
        if isinstance(error, pw.IntegrityError):
            raise
        text = " ".join(str(each).lower() for each in _chain(error))
        for needle, code, sentence in _PLAIN:
            if needle in text:
                raise StoreError(code, sentence) from error
        raise


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it came up in: after a full disk SQLite has rolled back by itself, and what
    peewee raises is that there is nothing to roll back (https://sqlite.org/lang_transaction.html)."""
    while error is not None:
        yield error
        error = error.__context__
