"""CSV (RFC 4180, UTF-8, CRLF): a row for each row, the columns' keys on top.

A text that a spreadsheet would take for a formula gets an apostrophe in front (OWASP, "CSV Injection");
numbers are written by us and need none.
"""

from __future__ import annotations

import csv
import io

from daemon.reports.shape import Cell, Kind, Report
from daemon.reports.writing.cells import plain

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def write(report: Report) -> bytes:
    out = io.StringIO(newline="")
    rows = csv.writer(out)
    rows.writerow([column.key for column in report.columns])
    for row in report.rows:
        rows.writerow([cell(row.get(column.key), column.kind) for column in report.columns])
    return out.getvalue().encode()


def cell(value: Cell, kind: Kind) -> str:
    text = plain(value)
    return f"'{text}" if kind is Kind.TEXT and text.startswith(FORMULA) else text
