"""Lists: newest first, cursors by id, filters; and the same as they were a while ago."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from daemon.sandbox.stripe.errors import invalid, no_such
from daemon.sandbox.stripe.tables import Record, Table

R = TypeVar("R", bound=Record)
Params = Mapping[str, Any]

DEFAULT_LIMIT = 10


@dataclass(frozen=True, slots=True)
class Page:
    """Records of one page; `extra` is what a search adds to the envelope."""

    records: Sequence[Any]
    has_more: bool
    extra: Mapping[str, Any] = field(default_factory=dict)


def page(
    table: Table[R],
    params: Params,
    *,
    keep: Callable[[R], bool] = lambda _: True,
    index: tuple[str, object] | None = None,
    ago_s: float = 0,
) -> Page:
    """`starting_after` goes to older ones; `ending_before` gives those next to it, still newest first
    (https://docs.stripe.com/api/pagination). `created` filters by range and ends the walk early."""
    limit = params.get("limit", DEFAULT_LIMIT)
    after, before = params.get("starting_after"), params.get("ending_before")
    if after and before:
        raise invalid("You cannot parameterize both starting_after and ending_before.")
    created = params.get("created", {})
    fits = _with_index(keep, index) if index is not None and ago_s else keep
    if before:
        cursor = _cursor(table, before, "ending_before")
        newer = _within(table.newer_than(cursor, index, ago_s=ago_s), created, fits)
        found = list(islice(newer, limit + 1))
        return Page(found[:limit][::-1], len(found) > limit)
    below = _cursor(table, after, "starting_after") if after else None
    older = _recent(table.newest_first(index, below=below, ago_s=ago_s), created)
    found = list(islice(_within(older, created, fits), limit + 1))
    return Page(found[:limit], len(found) > limit)


def slice_of(items: Sequence[Any], params: Params, id_of: Callable[[Any], str]) -> Page:
    """The same over a short list that is shown in its own order."""
    limit = params.get("limit", DEFAULT_LIMIT)
    ids = [id_of(item) for item in items]
    after, before = params.get("starting_after"), params.get("ending_before")
    if after and before:
        raise invalid("You cannot parameterize both starting_after and ending_before.")
    cursor = after or before
    if cursor and cursor not in ids:
        raise no_such("object", cursor, param="starting_after" if after else "ending_before", status=400)
    if before:
        start = max(0, ids.index(before) - limit)
        return Page(items[start : ids.index(before)], start > 0)
    start = ids.index(after) + 1 if after else 0
    return Page(items[start : start + limit], len(items) > start + limit)


def in_range(value: int | None, limits: Mapping[str, int]) -> bool:
    """Whether `value` fits a range parameter; nothing fits a limit by being absent."""
    if not limits:
        return True
    return (
        value is not None
        and value > limits.get("gt", -1)
        and value >= limits.get("gte", 0)
        and ("lt" not in limits or value < limits["lt"])
        and ("lte" not in limits or value <= limits["lte"])
    )


def _with_index(keep: Callable[[R], bool], index: tuple[str, object]) -> Callable[[R], bool]:
    """An older view has no index: the field is compared instead."""
    return lambda record: getattr(record, index[0]) == index[1] and keep(record)


def _cursor(table: Table[R], record_id: str, param: str) -> tuple[int, int]:
    record = table.get(record_id)
    if record is None:
        raise no_such(table.name, record_id, param=param, status=400)
    return (record.created, record.seq)


def _recent(records: Iterator[R], created: Mapping[str, int]) -> Iterator[R]:
    """Newest first, so the first one that is too old is the last one to look at."""
    oldest = max(created.get("gte", 0), created.get("gt", -1) + 1)
    for record in records:
        if record.created < oldest:
            return
        yield record


def _within(records: Iterable[R], created: Mapping[str, int], keep: Callable[[R], bool]) -> Iterator[R]:
    return (record for record in records if in_range(record.created, created) and keep(record))
