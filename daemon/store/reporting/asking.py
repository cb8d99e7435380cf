"""A question of one's own: SQL that SQLite and PostgreSQL both read, with `:names` for its values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from daemon.clock import to_micros
from daemon.store.tables import Table

MANY = 1000

_NAME = re.compile(r"(?<![\w:'])(:)([a-z_][a-z0-9_]*)")


def ask(sql: str, **values: Any) -> Iterator[tuple[Any, ...]]:
    """The rows, a thousand at a time. Moments go in as microseconds, days as text; a list stands for as many
    marks, between commas."""
    database: Any = Table._meta.database
    mark = str(database.obj.param)
    given: list[Any] = []

    def put(match: re.Match[str]) -> str:
        value = values[match[2]]
        several = value if isinstance(value, list | tuple) else [value]
        given.extend(_stored(one) for one in several)
        return ", ".join([mark] * len(several))

    cursor: Any = database.execute_sql(_NAME.sub(put, sql), given)
    while some := cursor.fetchmany(MANY):
        yield from some


def _stored(value: Any) -> Any:
    if isinstance(value, datetime):
        return to_micros(value)
    return value.isoformat() if isinstance(value, date) else value
