"""Backups of the SQLite database: copied by its own backup interface, verified, then given their name.

A file that carries a backup's name was opened again after it reached the disk: its pages, its audit chain
and its row counts were found whole. Nothing here copies a live database file (https://sqlite.org/howtocorrupt.html).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from daemon.clock import from_micros
from daemon.errors import StoreError
from daemon.model import Document
from daemon.store.audit import COLUMNS, verify_rows

NIGHTLY, MANUAL, UPGRADE = "nightly", "manual", "upgrade"
"""Why a backup was taken. Nightly ones are thinned out by `prune`, those before an upgrade too; the ones
that a person took stay."""

PAGES = 2048
"""Copied in one go (8 MiB), so that a stopping daemon is heard in between."""

ROOM = 16 << 20
"""Bytes to stay free beside the copy."""

_STAMP = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"wispbill-(\d{8}T\d{6}Z)-(nightly|manual|upgrade)\.db")
_PARTIAL = re.compile(r"wispbill-(\d{8}T\d{6}Z)-\w+\.partial")


@dataclass(frozen=True, slots=True)
class Backup:
    """A file in the backup folder, by what its name says."""

    path: Path
    kind: str
    taken_at: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What a verified database file holds: bytes, rows per table, migrations, secrets per master key."""

    size: int
    rows: dict[str, int]
    migrations: tuple[str, ...]
    secrets_by_key: dict[int, int]


def make(
    source: Path,
    folder: Path,
    *,
    kind: str,
    now: datetime,
    is_stopping: Callable[[], bool] = lambda: False,
) -> tuple[Backup, Facts]:
    """A verified backup of the database at `source`, which may be in use. Raises StoreError (WB-BACKUP);
    then no file was left behind."""
    with _said_plainly():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _refuse_without_room(source, folder)
        stem = folder / f"wispbill-{now.astimezone(UTC).strftime(_STAMP)}-{kind}"
        partial = stem.with_suffix(".partial")
        try:
            rows = _copy(source, partial, is_stopping)
            _sync(partial)
            facts = verify(partial)
            if facts.rows != rows:
                raise StoreError("WB-BACKUP", f"the backup lacks rows: {_difference(rows, facts.rows)}")
            path = partial.rename(stem.with_suffix(".db"))
            _sync(folder)
        finally:
            partial.unlink(missing_ok=True)
            partial.with_name(f"{partial.name}-journal").unlink(missing_ok=True)
    return Backup(path, kind, now.replace(microsecond=0)), facts


def verify(path: Path) -> Facts:
    """Read a database file from end to end: every page, the audit chain. Raises StoreError (WB-BACKUP)
    that says what is wrong with it."""
    with _said_plainly(), _reading(path) as db:
        words = [row[0] for row in db.execute("PRAGMA integrity_check(3)")]
        if words != ["ok"]:
            raise StoreError("WB-BACKUP", f"{path.name} is damaged: {words[0]}")
        rows = _count(db)
        if "audit" not in rows or "schema_migration" not in rows:
            raise StoreError("WB-BACKUP", f"{path.name} is not a wispbill database")
        broken = verify_rows(_audit_rows(db))[1]
        if broken:
            first = broken[0]
            raise StoreError(
                "WB-BACKUP",
                f"{path.name}: the audit chain {first.tenant_id} breaks at row {first.seq}: {first.reason}",
            )
        migrations = [row[0] for row in db.execute("SELECT name FROM schema_migration ORDER BY name")]
        secrets = db.execute("SELECT key_id, COUNT(*) FROM secret GROUP BY key_id").fetchall()
    return Facts(path.stat().st_size, rows, tuple(migrations), dict(secrets))


def listing(folder: Path) -> list[Backup]:
    """The backups in this folder, the newest first."""
    found = []
    for path in folder.glob("wispbill-*.db"):
        match = _NAME.fullmatch(path.name)
        if match:
            found.append(Backup(path, match[2], _taken_at(match[1])))
    return sorted(found, key=lambda backup: (backup.taken_at, backup.path.name), reverse=True)


def prune(folder: Path, *, kind: str, keep: int, now: datetime) -> list[Path]:
    """Remove the oldest backups of a kind beyond `keep`, and what an interrupted one left more than a
    day ago; returns what went."""
    of_kind = [backup.path for backup in listing(folder) if backup.kind == kind]
    gone = of_kind[keep:]
    for path in folder.glob("wispbill-*.partial"):
        match = _PARTIAL.fullmatch(path.name)
        if match and _taken_at(match[1]) < now - timedelta(days=1):
            gone.append(path)
    for path in gone:
        path.unlink(missing_ok=True)
    return gone


def keys_in_use(folder: Path) -> dict[int, list[Path]]:
    """By master key: the backups in this folder whose secrets need it."""
    found: dict[int, list[Path]] = {}
    for backup in listing(folder):
        with _said_plainly(), _reading(backup.path) as db:
            for (key_id,) in db.execute("SELECT DISTINCT key_id FROM secret"):
                found.setdefault(key_id, []).append(backup.path)
    return found


# --- copying ------------------------------------------------------------------------------------------


def copy_whole(source: Path, target: Path) -> None:
    """A copy of a database file that nobody writes to, alone in its file; synced. Raises StoreError."""
    with _said_plainly():
        _copy(source, target, lambda: False)
        _sync(target)


def _copy(source: Path, target: Path, is_stopping: Callable[[], bool]) -> dict[str, int]:
    """Copy one snapshot; returns the rows per table that it holds. The read transaction around both makes
    the counts those of the copy, whatever is written meanwhile."""

    def progress(_status: int, _left: int, _total: int) -> None:
        if is_stopping():
            raise StoreError("WB-STOPPING", "the daemon is stopping; the backup was given up")

    target.unlink(missing_ok=True)
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with _reading(source, live=True) as db, _closing(sqlite3.connect(target, isolation_level=None)) as copy:
        db.execute("BEGIN")
        rows = _count(db)
        copy.execute("PRAGMA synchronous=OFF")
        db.backup(copy, pages=PAGES, progress=progress)
        db.execute("ROLLBACK")
        copy.execute("PRAGMA journal_mode=DELETE")
    return rows


def _refuse_without_room(source: Path, folder: Path) -> None:
    wal = source.with_name(f"{source.name}-wal")
    needed = source.stat().st_size + (wal.stat().st_size if wal.exists() else 0) + ROOM
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StoreError(
            "WB-BACKUP", f"{free >> 20} MiB are free in {folder}; the backup needs {needed >> 20} MiB"
        )


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# --- reading ------------------------------------------------------------------------------------------


@contextmanager
def _reading(path: Path, *, live: bool = False) -> Iterator[sqlite3.Connection]:
    """A connection that writes nothing. A database in use (`live`, or a write-ahead log beside it) is read
    by SQLite's rules of sharing; a backup is left as it lies, without files beside it."""
    if not path.exists():
        raise StoreError("WB-BACKUP", f"there is no file {path}")
    live = live or path.with_name(f"{path.name}-wal").exists()
    how = "mode=rw" if live else "mode=ro&immutable=1"
    with _closing(sqlite3.connect(f"file:{quote(str(path))}?{how}", uri=True, isolation_level=None)) as db:
        db.execute("PRAGMA query_only=1")
        db.execute("PRAGMA trusted_schema=0")
        yield db


@contextmanager
def _closing(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    try:
        yield db
    finally:
        db.close()


def _count(db: sqlite3.Connection) -> dict[str, int]:
    names = db.execute("SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%'")
    tables = sorted(row[0] for row in names)
    return {name: db.execute(f'SELECT COUNT(*) FROM "{name}"').fetchone()[0] for name in tables}


def _audit_rows(db: sqlite3.Connection) -> Iterator[Document]:
    for row in db.execute(f"SELECT {', '.join(COLUMNS)} FROM audit ORDER BY tenant_id, seq"):
        values = dict(zip(COLUMNS, row, strict=True))
        yield values | {"at": from_micros(values["at"]), "data": json.loads(values["data"])}


def _difference(before: dict[str, int], after: dict[str, int]) -> str:
    odd = [name for name in before | after if before.get(name) != after.get(name)]
    return ", ".join(f"{name} {before.get(name, 0)} and {after.get(name, 0)}" for name in sorted(odd))


def _taken_at(stamp: str) -> datetime:
    return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)


@contextmanager
def _said_plainly() -> Iterator[None]:
    """Trouble with a file as a StoreError (WB-BACKUP)."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError("WB-BACKUP", f"the backup cannot be made or read: {error}") from error
    except (OSError, ValueError, TypeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it does not hold what it should"
        raise StoreError("WB-BACKUP", f"the backup cannot be made or read: {reason}") from error
