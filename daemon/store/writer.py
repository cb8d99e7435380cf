"""The daemon's writer: one thread, one connection; what queues up meanwhile commits together.

Letting eight threads fight for SQLite's write lock by its busy-wait gave a p99 of 160 ms; a queue that
commits in groups pays one sync for all that waited.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

import peewee as pw
import structlog

from daemon.errors import Stopping, StoreError
from daemon.store.database import Store, said_plainly

T = TypeVar("T")
Item = tuple[str, Callable[[], Any], "Future[Any]"]
GROUP = 128
CHECKPOINT_EVERY = 64

log = structlog.get_logger()


class GroupWriter:
    """Takes over `store.write` for the life of the daemon (SQLite only)."""

    def __init__(self, store: Store, beat: Callable[[float], None]) -> None:
        self._store = store
        self._beat = beat
        self._queue: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._door = threading.Lock()
        self._closed = False
        self._direct = store.write
        self.failing: StoreError | None = None
        self._uncheckpointed = 0

    def start(self) -> None:
        self._thread.start()
        self._store.write = self.write  # type: ignore[method-assign]

    def write(self, label: str, work: Callable[[], T]) -> T:
        """As Store.write: returns once the work is committed, or raises what it raised."""
        if threading.current_thread() is self._thread:
            return work()
        future: Future[T] = Future()
        with self._door:  # nobody may queue behind the last item
            if self._closed:
                raise Stopping
            self._queue.put((label, work, future))
        return future.result()

    def stop(self) -> None:
        """Commit what is queued, checkpoint, and give `store.write` back."""
        with self._door:
            self._closed = True
            self._queue.put(None)
        self._thread.join(timeout=30)
        self._store.write = self._direct  # type: ignore[method-assign]

    def _run(self) -> None:
        while True:
            self._beat(30)
            try:
                first = self._queue.get(timeout=5)
            except queue.Empty:
                if self._uncheckpointed:
                    self._checkpoint("PASSIVE")
                continue
            group, last = self._gather(first)
            if group:
                self._commit(group)
                self._uncheckpointed += 1
                if self._uncheckpointed >= CHECKPOINT_EVERY:
                    self._checkpoint("PASSIVE")
            if last:
                self._checkpoint("TRUNCATE")
                self._store.db.close()
                return

    def _gather(self, first: Item | None) -> tuple[list[Item], bool]:
        group: list[Item] = []
        item = first
        while item is not None:
            group.append(item)
            if len(group) >= GROUP:
                return group, False
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    def _commit_one(self, item: Item) -> None:
        _label, work, future = item
        try:
            with said_plainly(), self._store.db.atomic("IMMEDIATE"):
                result = work()
        except Exception as error:  # noqa: BLE001 - it belongs to the caller, who gets it
            self.failing = error if isinstance(error, StoreError) else None
            future.set_exception(error)
            return
        self.failing = None
        future.set_result(result)

    def _commit(self, group: list[Item]) -> None:
        """One transaction for all, a savepoint for each: one that fails takes nobody with it."""
        if len(group) == 1:
            self._commit_one(group[0])
            return
        done: list[tuple[Future[Any], Any]] = []
        failed: list[tuple[Future[Any], BaseException]] = []
        try:
            with said_plainly(), self._store.db.atomic("IMMEDIATE"):
                for _label, work, future in group:
                    try:
                        with self._savepoint():
                            done.append((future, work()))
                    except pw.OperationalError:
                        raise
                    except Exception as error:  # noqa: BLE001 - it belongs to the caller, who gets it
                        failed.append((future, error))
            self.failing = None
        except Exception as error:  # noqa: BLE001 - nothing was committed: all callers learn why
            self.failing = error if isinstance(error, StoreError) else None
            for _label, _work, future in group:
                future.set_exception(error)
            return
        for future, result in done:
            future.set_result(result)
        for future, failure in failed:
            future.set_exception(failure)

    @contextmanager
    def _savepoint(self) -> Iterator[None]:
        """In plain SQL, since it is made for every write."""
        run: Any = self._store.db.execute_sql
        run("SAVEPOINT item")
        try:
            yield
        except BaseException:
            run("ROLLBACK TO item")
            run("RELEASE item")
            raise
        run("RELEASE item")

    def _checkpoint(self, mode: str) -> None:
        """Under the lock that every other writing process takes; skipped while one of them writes."""
        lock = self._store.write_lock
        if lock is None or not lock.acquire():
            return
        try:
            with said_plainly():
                self._store.db.execute_sql(f"PRAGMA wal_checkpoint({mode})")
                self._uncheckpointed = 0
        except (StoreError, pw.DatabaseError) as error:
            log.warning("store.checkpoint_failed", error=str(error))
        finally:
            lock.release()
