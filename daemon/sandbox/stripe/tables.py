"""Tables in memory: by id, in order of creation, by an index, and as they were a while ago."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterator
from heapq import merge
from itertools import takewhile
from typing import Any, Generic, NamedTuple, Protocol, TypeVar


class Record(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def seq(self) -> int: ...
    @property
    def created(self) -> int: ...


R = TypeVar("R", bound=Record)


class _Change(NamedTuple):
    at: float
    table: str
    id: str
    before: Any


class History:
    """What was stored over in the last `keep_s` seconds of the monotonic clock."""

    def __init__(self, monotonic: Callable[[], float], keep_s: float) -> None:
        self._monotonic = monotonic
        self._keep_s = keep_s
        self._changes: deque[_Change] = deque()
        self.paused = False

    def note(self, table: str, record_id: str, before: Any) -> None:
        if self.paused:
            return
        now = self._monotonic()
        changes = self._changes
        changes.append(_Change(now, table, record_id, before))
        while changes[0].at < now - self._keep_s:
            changes.popleft()

    def undone(self, table: str, ago_s: float) -> dict[str, Any]:
        """Each id of `table` that changed in the last `ago_s`, with what it was before (None: not there)."""
        since = self._monotonic() - ago_s
        overlay: dict[str, Any] = {}
        for change in reversed(self._changes):
            if change.at <= since:
                break
            if change.table == table:
                overlay[change.id] = change.before
        return overlay


class Table(Generic[R]):
    """`indexes` name fields that never change in a record's life and may be filtered on."""

    def __init__(self, name: str, history: History, indexes: tuple[str, ...] = ()) -> None:
        self.name = name
        self._history = history
        self._rows: dict[str, R] = {}
        self._order: list[str] = []
        self._by: dict[str, dict[Any, list[str]]] = {field: {} for field in indexes}

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[R]:
        """In order of creation."""
        return (self._rows[record_id] for record_id in self._order)

    def get(self, record_id: str) -> R | None:
        return self._rows.get(record_id)

    def __getitem__(self, record_id: str) -> R:
        return self._rows[record_id]

    def put(self, record: R) -> R:
        """Store a new record, or a changed one over the old."""
        record_id = record.id
        before = self._rows.get(record_id)
        self._history.note(self.name, record_id, before)
        self._rows[record_id] = record
        if before is None:
            self._place(self._order, record)
            for field, ids in self._by.items():
                self._place(ids.setdefault(getattr(record, field), []), record)
        return record

    def remove(self, record_id: str) -> None:
        record = self._rows[record_id]
        self._history.note(self.name, record_id, record)
        del self._order[self._position(self._order, record)]
        for field, ids in self._by.items():
            bucket = ids[getattr(record, field)]
            del bucket[self._position(bucket, record)]
        del self._rows[record_id]

    def forget_before(self, created: int) -> None:
        """Drop what was created before, as a retention does; once in a while, since it is a long walk."""
        first = bisect_left(self._order, (created, 0), key=self._key)
        if first < 1:
            return
        for record_id in self._order[:first]:
            del self._rows[record_id]
        del self._order[:first]

    def where(self, field: str, value: object) -> list[R]:
        """The records with this value in an indexed field, oldest first."""
        return [self._rows[record_id] for record_id in self._by[field].get(value, ())]

    def newest_first(
        self,
        index: tuple[str, object] | None = None,
        *,
        below: tuple[int, int] | None = None,
        ago_s: float = 0,
    ) -> Iterator[R]:
        """Newest first, from the first one that is older than the (created, seq) `below`."""
        if ago_s > 0:
            yield from self._as_of(below, ago_s)
            return
        ids = self._order if index is None else self._by[index[0]].get(index[1], [])
        end = len(ids) if below is None else bisect_left(ids, below, key=self._key)
        for position in range(end - 1, -1, -1):
            yield self._rows[ids[position]]

    def newer_than(
        self, above: tuple[int, int], index: tuple[str, object] | None = None, *, ago_s: float = 0
    ) -> Iterator[R]:
        """Oldest first, from the first one that is newer than the (created, seq) `above`."""
        if ago_s > 0:
            newest = takewhile(lambda record: _age(record) > above, self._as_of(None, ago_s))
            yield from reversed(list(newest))
            return
        ids = self._order if index is None else self._by[index[0]].get(index[1], [])
        for position in range(bisect_right(ids, above, key=self._key), len(ids)):
            yield self._rows[ids[position]]

    def _as_of(self, below: tuple[int, int] | None, ago_s: float) -> Iterator[R]:
        overlay = self._history.undone(self.name, ago_s)
        rows = self._rows
        kept = (overlay.get(record_id, rows[record_id]) for record_id in reversed(self._order))
        gone = [
            record for record_id, record in overlay.items() if record is not None and record_id not in rows
        ]
        gone.sort(key=_age, reverse=True)
        for record in merge((r for r in kept if r is not None), gone, key=_age, reverse=True):
            if below is None or _age(record) < below:
                yield record

    def _place(self, ids: list[str], record: R) -> None:
        if not ids or self._key(ids[-1]) < _age(record):
            ids.append(record.id)
        else:
            insort(ids, record.id, key=self._key)

    def _position(self, ids: list[str], record: R) -> int:
        return bisect_left(ids, _age(record), key=self._key)

    def _key(self, record_id: str) -> tuple[int, int]:
        return _age(self._rows[record_id])


def _age(record: Record) -> tuple[int, int]:
    return (record.created, record.seq)
