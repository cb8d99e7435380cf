"""JSON as the API has it: camelCase, money as decimal strings, times as RFC 3339 in UTC."""

from __future__ import annotations

import json
from datetime import timedelta

from pydantic.alias_generators import to_camel

from daemon.model import Document
from daemon.reports.shape import Cell, Column, Report, Row
from daemon.reports.writing.cells import plain, seconds


def write(report: Report) -> bytes:
    return json.dumps(document(report), ensure_ascii=False, indent=2).encode() + b"\n"


def document(report: Report) -> Document:
    """A row holds its columns, and ids beside them."""
    return {
        "report": report.name,
        "title": report.title,
        "tenant": {
            "id": report.tenant.id,
            "reference": report.tenant.reference,
            "zone": report.tenant.zone,
        },
        "asOf": plain(report.as_of),
        "parameters": dict(report.parameters),
        "verdict": report.verdict,
        "well": report.well,
        "columns": [_column(one) for one in report.columns],
        "rows": [_row(row) for row in report.rows],
        "totals": [_row(row) for row in report.totals],
        "parts": {
            to_camel(part.name): {
                "title": part.title,
                "columns": [_column(one) for one in part.columns],
                "rows": [_row(row) for row in part.rows],
            }
            for part in report.parts
        },
        "notes": list(report.notes),
    }


def _column(column: Column) -> Document:
    return {"key": to_camel(column.key), "heading": column.heading, "kind": column.kind.value}


def _row(row: Row) -> Document:
    return {to_camel(name): _value(value) for name, value in row.items()}


def _value(value: Cell) -> str | int | None:
    """Counts and whole seconds are numbers."""
    if value is None or isinstance(value, int):
        return value
    return seconds(value) if isinstance(value, timedelta) else plain(value)
