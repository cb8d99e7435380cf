"""Sums of rows: for each currency by itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from daemon.money import Money
from daemon.reports.shape import Cell, Column, Kind, Row


def per_currency(rows: Iterable[Row], columns: Sequence[Column]) -> tuple[Row, ...]:
    """A row for each currency, in their order, with the sums of its money and counts."""
    summed: dict[str, dict[str, Cell]] = {}
    for row in rows:
        currency = str(row["currency"])
        sums = summed.setdefault(currency, {"currency": currency})
        for column in columns:
            value = row.get(column.key)
            if column.kind is Kind.MONEY and isinstance(value, Money):
                before = sums.get(column.key)
                sums[column.key] = before + value if isinstance(before, Money) else value
            elif column.kind is Kind.COUNT and isinstance(value, int):
                before = sums.get(column.key)
                sums[column.key] = before + value if isinstance(before, int) else value
    return tuple(summed[currency] for currency in sorted(summed))
