"""CSV (RFC 4180, UTF-8, CRLF): the columns' keys, a line for each row; further tables after an empty line.

A text that a spreadsheet would take for a formula gets an apostrophe in front (OWASP, "CSV Injection");
numbers are written by us and need none.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from daemon.reports.shape import Cell, Column, Kind, Report, Row
from daemon.reports.writing.cells import plain

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def write(report: Report) -> bytes:
    out = io.StringIO(newline="")
    rows = csv.writer(out)
    _table(rows, report.columns, report.rows)
    for part in report.parts:
        rows.writerow([])
        _table(rows, part.columns, part.rows)
    return out.getvalue().encode()


def _table(out: Any, columns: Sequence[Column], rows: Sequence[Row]) -> None:
    out.writerow([column.key for column in columns])
    for row in rows:
        out.writerow([cell(row.get(column.key), column.kind) for column in columns])


def cell(value: Cell, kind: Kind) -> str:
    text = plain(value)
    return f"'{text}" if kind is Kind.TEXT and text.startswith(FORMULA) else text
