"""Writing: all of a piece of work, or nothing; trouble has a code and a sentence."""

from __future__ import annotations

from pathlib import Path

import peewee as pw
import pytest

from daemon.errors import StoreError
from daemon.store import database, meta
from daemon.store.database import Store, said_plainly
from daemon.store.locks import FileLock
from tests.fakes import FrozenClock, SeededEntropy


def test_what_raises_leaves_nothing_behind(store: Store) -> None:
    def work() -> None:
        meta.put("a", 1)
        raise KeyError("a")

    with pytest.raises(KeyError):
        store.write("test", work)

    assert meta.get("a") is None


def test_a_write_says_where_it_stands_and_a_crash_there_is_a_crash(store: Store) -> None:
    points: list[str] = []

    def probe(point: str) -> None:
        points.append(point)
        if point == "two:before-commit":
            raise KeyboardInterrupt

    store.probe = probe
    store.write("one", lambda: meta.put("a", 1))
    with pytest.raises(KeyboardInterrupt):
        store.write("two", lambda: meta.put("a", 2))

    assert points == ["one:before-commit", "one:after-commit", "two:before-commit"]
    assert meta.get("a") == 1


def test_a_write_inside_a_write_is_part_of_it(store: Store) -> None:
    def work() -> None:
        store.write("inner", lambda: meta.put("a", 1))
        raise KeyError

    with pytest.raises(KeyError):
        store.write("outer", work)

    assert meta.get("a") is None


def test_a_deadlock_is_tried_again(store: Store) -> None:
    class Deadlock(Exception):
        sqlstate = "40P01"

    tries: list[int] = []

    def work() -> int:
        tries.append(1)
        meta.put("a", len(tries))
        if len(tries) < 3:
            raise pw.OperationalError("deadlock detected") from Deadlock()
        return len(tries)

    assert store.write("test", work) == 3
    assert meta.get("a") == 3


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("database or disk is full", "WB-DB-FULL"),
        ("disk I/O error", "WB-DB-FULL"),
        ("attempt to write a readonly database", "WB-DB-READONLY"),
        ("cannot execute UPDATE in a read-only transaction", "WB-DB-READONLY"),
        ("database is locked", "WB-DB-LOCKED"),
        ("unable to open database file", "WB-DB-READONLY"),
        ("database disk image is malformed", "WB-DB-CORRUPT"),
    ],
)
def test_database_trouble_has_a_code(words: str, code: str) -> None:
    with pytest.raises(StoreError) as caught, said_plainly():
        raise pw.OperationalError(words)

    assert caught.value.code == code


def test_sqlite_syncs_each_commit_and_never_checkpoints_by_itself(sqlite_store: Store) -> None:
    def pragma(name: str) -> object:
        return sqlite_store.db.execute_sql(f"PRAGMA {name}").fetchone()[0]

    found = {name: pragma(name) for name in ("journal_mode", "synchronous", "foreign_keys", "trusted_schema")}
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "trusted_schema": 0}
    assert pragma("wal_autocheckpoint") == 0


def test_a_path_that_cannot_be_opened_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        database.connect(f"sqlite://{tmp_path}/nowhere/x.db", clock=FrozenClock(), entropy=SeededEntropy())

    assert caught.value.code == "WB-DB-READONLY"


def test_the_cli_waits_for_the_write_lock_and_gives_up_in_words(sqlite_store: Store) -> None:
    assert sqlite_store.path is not None
    sqlite_store.shared = True
    other = FileLock(sqlite_store.path.with_name("write.lock"))
    assert other.acquire()

    with pytest.raises(StoreError) as caught:
        sqlite_store.write("test", lambda: meta.put("a", 1))
    assert caught.value.code == "WB-DB-LOCKED"

    other.release()
    sqlite_store.write("test", lambda: meta.put("a", 1))
    assert meta.get("a") == 1
