"""Plain SQL for the hot rows. peewee builds a statement anew for each call, which costs several times what
SQLite needs to run it; these are built once for each set of columns, and convert as the fields do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

import peewee as pw

from daemon.store.tables import Table


def insert(table: type[Table], values: Mapping[str, Any]) -> int:
    """Inside a transaction: one row; returns its `id` where the table counts its rows, else 0."""
    names = tuple(values)
    sql, fields, counts = _insertion(table, names, _mark())
    cursor = _run(sql, [field.db_value(values[name]) for name, field in zip(names, fields, strict=True)])
    if not counts:
        return 0
    return int(cursor.fetchone()[0]) if sql.endswith("RETURNING id") else int(cursor.lastrowid)


def update(table: type[Table], key: str, of: Any, values: Mapping[str, Any]) -> int:
    """Inside a transaction: the row whose column `key` is `of`; returns how many there were."""
    names = tuple(values)
    sql, fields = _updating(table, key, names, _mark())
    converted = [field.db_value(values[name]) for name, field in zip(names, fields, strict=True)]
    return int(_run(sql, [*converted, of]).rowcount)


def select(
    table: type[Table],
    columns: Sequence[str],
    key: str,
    wanted: Sequence[Any],
    *,
    within: tuple[str, Any] | None = None,
    order: str | None = None,
) -> list[tuple[Any, ...]]:
    """The rows whose column `key` is one of `wanted`, as tuples of converted columns; `within`: and
    whose other column has this value."""
    if not wanted:
        return []
    fixed, values = (within[0], [within[1]]) if within else (None, [])
    sql, readers = _selection(table, tuple(columns), fixed, key, len(wanted), order, _mark())
    rows = _run(sql, [*values, *wanted]).fetchall()
    return [tuple(read(value) for read, value in zip(readers, row, strict=True)) for row in rows]


def hold(table: type[Table], row_id: str) -> None:
    """Inside a transaction: until its end nobody else changes this row, so that what is read of it now is
    what is changed. SQLite has one writer anyway."""
    meta: Any = table._meta
    execute(f"UPDATE {meta.table_name} SET id = id WHERE id = ?", row_id)


def execute(sql: str, *params: Any) -> int:
    """A statement of one's own, with `?` for each parameter; returns how many rows it touched."""
    return int(_run(sql.replace("?", _mark()), params).rowcount)


def fetch(sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The rows of a statement that peewee wrote, as the database has them."""
    rows: list[tuple[Any, ...]] = _run(sql, params).fetchall()
    return rows


def _run(sql: str, params: Sequence[Any]) -> Any:
    database: Any = Table._meta.database
    return database.execute_sql(sql, params)


def _mark() -> str:
    """The placeholder of the database in use."""
    database: Any = Table._meta.database
    return str(database.obj.param)


@cache
def _insertion(table: type[Table], names: tuple[str, ...], mark: str) -> tuple[str, list[Any], bool]:
    meta: Any = table._meta
    marks = ", ".join([mark] * len(names))
    sql = f"INSERT INTO {meta.table_name} ({', '.join(names)}) VALUES ({marks})"
    counts = isinstance(meta.primary_key, pw.AutoField)
    if counts and mark != "?":
        sql += " RETURNING id"
    return sql, [meta.fields[name] for name in names], counts


@cache
def _updating(table: type[Table], key: str, names: tuple[str, ...], mark: str) -> tuple[str, list[Any]]:
    meta: Any = table._meta
    settings = ", ".join(f"{name} = {mark}" for name in names)
    sql = f"UPDATE {meta.table_name} SET {settings} WHERE {key} = {mark}"
    return sql, [meta.fields[name] for name in names]


@lru_cache(maxsize=512)
def _selection(
    table: type[Table],
    columns: tuple[str, ...],
    fixed: str | None,
    key: str,
    count: int,
    order: str | None,
    mark: str,
) -> tuple[str, list[Any]]:
    meta: Any = table._meta
    where = f"{key} IN ({', '.join([mark] * count)})"
    if fixed:
        where = f"{fixed} = {mark} AND {where}"
    sql = f"SELECT {', '.join(columns)} FROM {meta.table_name} WHERE {where}"
    if order:
        sql += f" ORDER BY {order}"
    return sql, [meta.fields[name].python_value for name in columns]
