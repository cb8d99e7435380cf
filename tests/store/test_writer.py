"""The writer: many threads, one connection, and what waits together commits together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import peewee as pw
import pytest

from daemon.errors import Stopping, StoreError
from daemon.store import meta
from daemon.store.database import Store
from daemon.store.writer import GroupWriter


@pytest.fixture
def writer(sqlite_store: Store) -> Iterator[GroupWriter]:
    found = GroupWriter(sqlite_store, lambda _within_s: None)
    found.start()
    yield found
    found.stop()


def all_at_once(store: Store, works: list[Callable[[], object]]) -> list[object]:
    """The works queue up behind one that waits until all of them are there."""
    door, inside = threading.Event(), threading.Event()

    def hold() -> None:
        inside.set()
        door.wait(5)

    def outcome(work: Callable[[], object]) -> object:
        try:
            return store.write("test", work)
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(works) + 1) as pool:
        first = pool.submit(outcome, hold)
        inside.wait(5)
        others = [pool.submit(outcome, work) for work in works]
        while queued(store) < len(works):
            pass
        door.set()
        first.result()
        return [other.result() for other in others]


def queued(store: Store) -> int:
    return store.write.__self__._queue.qsize()  # type: ignore[attr-defined,no-any-return]


def put(n: int) -> Callable[[], int]:
    def work() -> int:
        meta.put(f"key-{n}", n)
        return n

    return work


def test_every_caller_gets_the_answer_of_its_own_work(sqlite_store: Store, writer: GroupWriter) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: sqlite_store.write("test", put(n)), range(100)))

    assert answers == list(range(100))
    assert [meta.get(f"key-{n}") for n in range(100)] == answers


def test_what_waits_together_commits_once(sqlite_store: Store, writer: GroupWriter) -> None:
    commits: list[int] = []
    plain = sqlite_store.db.commit

    def counted() -> object:
        commits.append(1)
        return plain()

    sqlite_store.db.commit = counted
    answers = all_at_once(sqlite_store, [put(n) for n in range(20)])

    assert answers == list(range(20))
    assert len(commits) == 2  # the one that held the door, and the twenty behind it


@pytest.mark.parametrize(
    "error", [KeyError("mine"), StoreError("WB-DB-LOCKED", "changed meanwhile"), pw.IntegrityError("twice")]
)
def test_a_work_that_fails_takes_nobody_with_it(
    sqlite_store: Store, writer: GroupWriter, error: Exception
) -> None:
    def fails() -> None:
        meta.put("half", 1)
        raise error

    answers = all_at_once(sqlite_store, [put(1), fails, put(2)])

    assert answers == [1, error, 2]
    assert (meta.get("key-1"), meta.get("key-2"), meta.get("half")) == (1, 2, None)
    assert writer.failing is None


def test_a_full_disk_reaches_everybody_and_is_over_when_it_is_over(
    sqlite_store: Store, writer: GroupWriter
) -> None:
    def no_room() -> None:
        raise pw.OperationalError("database or disk is full")

    answers = all_at_once(sqlite_store, [put(1), no_room, put(2)])

    assert [getattr(answer, "code", None) for answer in answers] == ["WB-DB-FULL"] * 3
    assert writer.failing is not None
    assert meta.get("key-1") is None

    assert sqlite_store.write("test", put(3)) == 3
    assert writer.failing is None


def test_a_write_inside_a_write_does_not_wait_for_itself(sqlite_store: Store, writer: GroupWriter) -> None:
    assert sqlite_store.write("outer", lambda: sqlite_store.write("inner", put(1))) == 1


def test_a_stopped_writer_commits_what_was_queued_and_refuses_no_caller_for_ever(
    sqlite_store: Store,
) -> None:
    writer = GroupWriter(sqlite_store, lambda _within_s: None)
    writer.start()
    kept = sqlite_store.write
    late: list[object] = []

    def hammer() -> None:
        for n in range(2000):
            try:
                kept("test", put(n))
            except Stopping as error:
                late.append(error)
                return

    threads = [threading.Thread(target=hammer) for _ in range(4)]
    for thread in threads:
        thread.start()
    writer.stop()
    for thread in threads:
        thread.join(10)

    assert not any(thread.is_alive() for thread in threads)
    assert len(late) == 4
    assert sqlite_store.write("test", put(5)) == 5


def test_after_a_stop_the_log_is_folded_into_the_database(sqlite_store: Store) -> None:
    assert sqlite_store.path is not None
    writer = GroupWriter(sqlite_store, lambda _within_s: None)
    writer.start()
    sqlite_store.write("test", put(1))
    writer.stop()

    wal = sqlite_store.path.with_name("wispbill.db-wal")
    assert not wal.exists() or wal.stat().st_size == 0
