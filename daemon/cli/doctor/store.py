"""The doctor on the database itself: there, of this version, whole, sealed with these keys, backed up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from daemon.cli.context import Desk
from daemon.cli.doctor.finding import Finding, bad, ok, warn
from daemon.errors import InvalidInput, StoreError
from daemon.vault import MasterKeys, Vault

if TYPE_CHECKING:
    from daemon.store.database import Store

REMEDIES = {
    "WB-DB-CORRUPT": "wispbill backup list, then wispbill restore FILE",
    "WB-DB-READONLY": "sudo wispbill doctor; else look at owner and mode of the state folder",
    "WB-DB-LOCKED": "close what else has the database open, then wispbill doctor",
    "WB-DB-FULL": "make room on the disk",
    "WB-DB-NEWER": "install the wispbill that wrote it, or wispbill restore an older backup",
}

FRESH = timedelta(hours=36)
"""A nightly backup older than this was missed."""

Records = Callable[[Desk, "Store", datetime], Iterator[Finding]]


def examine(desk: Desk, records: Records) -> Iterator[Finding]:
    """Everything that needs the database; `records` is asked once it can be read."""
    from daemon.cli.db import open_store
    from daemon.store import migrate

    yield from backups(desk)
    keys = _keys(desk)
    try:
        store = open_store(desk)
    except StoreError as error:
        if error.code == "WB-DB-OLDER":
            yield warn("database", f"{error.message}; the daemon makes it", "systemctl start wispbill")
        else:
            yield _trouble(error)
        return
    try:
        with store.session():
            missing = migrate.pending(store)
            if missing:
                yield bad("database", f"it lacks {', '.join(missing)}", "wispbill db upgrade")
                return
            yield from _whole(store)
            yield from _sealed(store, keys)
            yield from records(desk, store, store.clock.now())
    except StoreError as error:
        yield _trouble(error)
    finally:
        store.close()


def _keys(desk: Desk) -> MasterKeys | None:
    """Read before root becomes somebody else; what is wrong with them was said already."""
    try:
        return MasterKeys.load(desk.settings, desk.environ)
    except InvalidInput:
        return None


def _trouble(error: StoreError) -> Finding:
    return bad("database", f"{error.code}: {error.message}", REMEDIES.get(error.code, ""))


def _whole(store: Store) -> Iterator[Finding]:
    from daemon.store import audit

    if store.is_sqlite:
        words = [str(row[0]) for row in store.db.execute_sql("PRAGMA quick_check(3)")]
        if words != ["ok"]:
            yield bad("database", f"it is damaged: {words[0]}", REMEDIES["WB-DB-CORRUPT"])
            return
    yield ok("database", "it can be read, is of this version, and whole")
    rows, broken = audit.verify()
    for bad_row in broken:
        yield bad(
            "audit",
            f"chain {bad_row.tenant_id} breaks at row {bad_row.seq}: {bad_row.reason}",
            "wispbill audit list",
        )
    if not broken:
        yield ok("audit", f"{rows} rows, every chain holds")


def _sealed(store: Store, keys: MasterKeys | None) -> Iterator[Finding]:
    """Whether the keys at hand are those that the database was sealed with."""
    from daemon.store import secrets

    if keys is None:
        return
    vault, in_use, known = Vault(keys, store.entropy), secrets.count_by_key(), secrets.keys()
    for key_id, check, _active, _since in known:
        if not vault.has(key_id):
            if in_use.get(key_id):
                yield bad(
                    "master key",
                    f"key {key_id} is missing, and {in_use[key_id]} secrets are sealed with it",
                    "put its line back into the key file",
                )
        elif vault.check_value(key_id) != check:
            yield bad(
                "master key",
                f"key {key_id} is not the one that this database was sealed with",
                "put the right key file in place",
            )


def backups(desk: Desk) -> Iterator[Finding]:
    """The newest one, read from end to end."""
    from daemon.clock import SystemClock
    from daemon.store import backup

    if not desk.settings.database_url().startswith("sqlite:"):
        yield ok("backup", "PostgreSQL has its own: pg_dump, as docs/operating.md says")
        return
    found = backup.listing(desk.settings.backup_dir())
    if not found:
        yield warn("backup", "there is none yet", "wispbill backup")
        return
    newest = found[0]
    age = SystemClock().now() - newest.taken_at
    try:
        facts = backup.verify(newest.path)
    except StoreError as error:
        yield bad("backup", error.message, "wispbill backup")
        return
    said = f"{newest.path.name}, {age // timedelta(hours=1)} h old, {sum(facts.rows.values())} rows, verified"
    yield ok("backup", said) if age <= FRESH else warn("backup", said, "wispbill backup")
