"""XLSX: numbers that a spreadsheet adds up, each in its format; the same report gives the same bytes.

Texts go in as texts, so that none becomes a formula. A cell holds a double: whole up to 15 digits, more than
any amount of ours has.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import xlsxwriter

from daemon.money import Money, exponent
from daemon.reports.shape import Cell, Column, Kind, Report, Row
from daemon.reports.writing.cells import shown

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SHEET = "Report"
ABOUT = "About"
WIDEST = 60
LONGEST_NAME = 31
"""Characters of a sheet's name."""

LONGEST = 32_767
"""Characters of a cell (https://support.microsoft.com/office/1672b34d-7043-467e-8e27-269d656771c3)."""


def write(report: Report) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False}) as book:
        created = report.as_of.astimezone(UTC).replace(tzinfo=None)
        book.set_properties({"title": report.title, "author": "wispbill", "created": created})
        formats = _Formats(book)
        _rows(book.add_worksheet(SHEET), report.columns, report.rows, report.totals, formats)
        for part in report.parts:
            _rows(book.add_worksheet(part.title[:LONGEST_NAME]), part.columns, part.rows, (), formats)
        _about(book.add_worksheet(ABOUT), report, formats)
    return out.getvalue()


class _Formats:
    """A cell's format, made once for each kind and currency; `bold` for sums."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._made: dict[tuple[str, bool], Any] = {}

    def of(self, pattern: str = "", *, bold: bool = False) -> Any:
        key = (pattern, bold)
        if key not in self._made:
            said = ({"num_format": pattern} if pattern else {}) | ({"bold": True} if bold else {})
            self._made[key] = self._book.add_format(said)
        return self._made[key]


def _rows(
    sheet: Any, columns: Sequence[Column], rows: Sequence[Row], totals: Sequence[Row], formats: _Formats
) -> None:
    for place, column in enumerate(columns):
        sheet.write_string(0, place, column.heading, formats.of(bold=True))
        sheet.set_column(place, place, _width(rows, column))
    sheet.freeze_panes(1, 0)
    for line, row in enumerate(rows, start=1):
        _row(sheet, line, row, columns, formats)
    if rows:
        sheet.autofilter(0, 0, len(rows), len(columns) - 1)
    for line, total in enumerate(totals, start=len(rows) + 2):
        _row(sheet, line, {columns[0].key: "Total"} | dict(total), columns, formats, bold=True)


def _row(
    sheet: Any, line: int, row: Row, columns: Sequence[Column], formats: _Formats, *, bold: bool = False
) -> None:
    for place, column in enumerate(columns):
        _cell(sheet, line, place, row.get(column.key), formats, bold=bold)


def _cell(sheet: Any, line: int, place: int, value: Cell, formats: _Formats, *, bold: bool) -> None:
    match value:
        case None | "":
            return
        case Money():
            digits = exponent(value.currency)
            pattern = f"#,##0.{'0' * digits}" if digits else "#,##0"
            sheet.write_number(line, place, Decimal(value.text), formats.of(pattern, bold=bold))
        case int():
            sheet.write_number(line, place, value, formats.of("0", bold=bold))
        case Fraction():
            share = Decimal(value.numerator) / Decimal(value.denominator)
            sheet.write_number(line, place, share, formats.of("0.0%", bold=bold))
        case timedelta():
            days = Decimal(value // timedelta(seconds=1)) / 86_400
            sheet.write_number(line, place, days, formats.of("[h]:mm:ss", bold=bold))
        case datetime():
            moment = value.astimezone(UTC).replace(tzinfo=None)
            sheet.write_datetime(line, place, moment, formats.of("yyyy-mm-dd hh:mm", bold=bold))
        case date():
            sheet.write_datetime(line, place, value, formats.of("yyyy-mm-dd", bold=bold))
        case _:
            sheet.write_string(line, place, value[:LONGEST], formats.of(bold=bold))


def _width(rows: Sequence[Row], column: Column) -> int:
    widest = max((len(shown(row.get(column.key))) for row in rows), default=0)
    room = 3 if column.kind is Kind.MONEY else 1  # thousands are parted there
    return min(WIDEST, max(widest, len(column.heading)) + room)


def _about(sheet: Any, report: Report, formats: _Formats) -> None:
    facts = {
        "Report": report.title,
        "Tenant": f"{report.tenant.name} ({report.tenant.reference})",
        "Zone": report.tenant.zone,
        "As of": shown(report.as_of),
        **{name.capitalize(): value for name, value in report.parameters.items()},
        "Verdict": report.verdict or "",
    }
    sheet.set_column(0, 0, 14)
    sheet.set_column(1, 1, 100)
    for line, (name, value) in enumerate((n, v) for n, v in facts.items() if v):
        sheet.write_string(line, 0, name, formats.of(bold=True))
        sheet.write_string(line, 1, value[:LONGEST], formats.of())
    for line, note in enumerate(report.notes, start=len(facts) + 1):
        sheet.write_string(line, 1, note[:LONGEST], formats.of())
