"""Column types that read the same on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import peewee as pw

from daemon.clock import from_micros, to_micros


class UtcField(pw.BigIntegerField):
    """An aware UTC datetime as integer microseconds; a naive one is refused."""

    def db_value(self, value: Any) -> Any:
        return to_micros(value) if isinstance(value, datetime) else value

    def python_value(self, value: Any) -> Any:
        return from_micros(value) if isinstance(value, int) else value


class DateField(pw.TextField):
    """A business date as YYYY-MM-DD."""

    def db_value(self, value: Any) -> Any:
        return value.isoformat() if isinstance(value, date) else value

    def python_value(self, value: Any) -> Any:
        return date.fromisoformat(value) if isinstance(value, str) else value


class JsonField(pw.TextField):
    """JSON as canonical text, so that its bytes, and every hash over them, are the same everywhere."""

    def db_value(self, value: Any) -> Any:
        return value if value is None or isinstance(value, pw.Node) else canonical(value)

    def python_value(self, value: Any) -> Any:
        return json.loads(value) if isinstance(value, str | bytes) else value


def canonical(value: object) -> str:
    """Sorted keys, no spaces, no escapes: one text for one value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
