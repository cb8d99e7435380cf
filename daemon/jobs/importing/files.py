"""Reading a file of invoices: every dialect of spreadsheets, each line by itself, mistakes named by line."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

from daemon.errors import InvalidInput
from daemon.jobs import intake

MAX_LINE = 256 * 1024

LINE_COLUMNS = ("description", "amount", "tax", "tax_rate", "quantity")
INVOICE_COLUMNS = ("number", "reference", "customer", "currency", "due_on", "issued_on", "memo", "total")
CUSTOMER_COLUMNS = ("customer_name", "customer_email")
COLUMNS = (*INVOICE_COLUMNS, *CUSTOMER_COLUMNS, *LINE_COLUMNS)
REQUIRED = ("number", "customer", "due_on", "description", "amount")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with the invoice that begins on `line` of the file."""

    line: int
    code: str
    message: str
    number: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """An invoice as the file gives it, on the lines `line` to `last`, or what is wrong with it."""

    line: int
    last: int
    raw: Mapping[str, Any] = field(default_factory=dict)
    problem: Problem | None = None


def read_csv(file: BinaryIO) -> Iterator[Item]:
    """The invoices of a CSV file: comma, semicolon or tab, UTF-8 with or without a BOM. Raises
    InvalidInput where the header cannot be used; what is wrong with a row is an Item."""
    return _grouped(read_rows(file, COLUMNS, REQUIRED))


def read_rows(file: BinaryIO, columns: Sequence[str], required: Sequence[str]) -> Iterator[Item]:
    """The rows of such a file, each by itself, with these columns."""
    lines = _text_lines(file)
    head = next(lines, "")
    if "\udcff" in head[:2] or "\udcfe" in head[:2]:
        raise InvalidInput("WB-INPUT", "line 1: the file is UTF-16; save it as CSV in UTF-8")
    delimiter = max(",;\t", key=head.count)
    names = _header(next(csv.reader([head], delimiter=delimiter), []), columns, required)
    return _rows(lines, names, delimiter)


def read_json_lines(file: BinaryIO) -> Iterator[Item]:
    """The invoices of a JSON Lines file, one a line, in the API's camelCase or in snake_case."""
    for n, line in enumerate(_text_lines(file), start=1):
        if line.strip():
            yield _json_item(n, line)


def _text_lines(file: BinaryIO) -> Iterator[str]:
    """Lines of at most MAX_LINE bytes; a byte that is not UTF-8 stays recognisable as a surrogate, so
    that only its own row is refused, and so does the end that a longer line loses."""
    first = True
    while line := file.readline(MAX_LINE):
        cut = len(line) == MAX_LINE and not line.endswith(b"\n")
        while cut and (rest := file.readline(MAX_LINE)) and not rest.endswith(b"\n"):
            continue
        text = line.decode("utf-8", "surrogateescape")
        yield (text.removeprefix("\ufeff") if first else text) + ("\udc00\n" if cut else "")
        first = False


def _flaw(line: int, *texts: str) -> Problem | None:
    """What `_text_lines` found wrong."""
    if any("\udc00" in text for text in texts):
        return Problem(line, "WB-INPUT-TOO-LARGE", f"the line is longer than {MAX_LINE} bytes")
    if any("\udc80" <= char <= "\udcff" for text in texts for char in text):
        return Problem(line, "WB-INPUT", "the line is not UTF-8; save the file as UTF-8")
    return None


def _header(cells: Iterable[str], columns: Sequence[str], required: Sequence[str]) -> list[str]:
    names = [_snake(cell) for cell in cells]
    unknown = [name for name in names if name not in columns]
    missing = [name for name in required if name not in names]
    twice = [name for name in names if names.count(name) > 1]
    if unknown:
        raise InvalidInput(
            "WB-INPUT", f"line 1: there is no column {unknown[0][:40]!r}; there are: {', '.join(columns)}"
        )
    if missing:
        raise InvalidInput("WB-INPUT", f"line 1: the columns {', '.join(missing)} are missing")
    if twice:
        raise InvalidInput("WB-INPUT", f"line 1: the column {twice[0]} stands there twice")
    return names


def _snake(name: str) -> str:
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[\s-]+", "_", parted).lower()


def _rows(lines: Iterator[str], names: list[str], delimiter: str) -> Iterator[Item]:
    """Each row as an Item with its columns; line numbers are those of the file (line 1 is the header)."""
    taken: list[str] = []

    def noted() -> Iterator[str]:
        for text in lines:
            taken.append(text)
            yield text

    reader = csv.reader(noted(), delimiter=delimiter, strict=True)
    last = 1
    while True:
        line = last + 1
        taken.clear()
        try:
            cells = next(reader, None)
        except csv.Error as error:
            last = line + len(taken) - 1
            yield _broken(line, last, taken[0].split(delimiter), names, str(error))
            continue
        if cells is None:
            return
        last = line + len(taken) - 1
        if any(cells):
            yield _row(line, last, cells, names)


def _row(line: int, last: int, cells: list[str], names: list[str]) -> Item:
    flaw = _flaw(line, *cells)
    if flaw is not None or len(cells) != len(names):
        reason = f"there are {len(cells)} fields, the header names {len(names)}"
        return _broken(line, last, cells, names, reason, flaw=flaw)
    pairs = zip(names, cells, strict=True)
    return Item(line, last, {name: cell.strip() for name, cell in pairs if cell.strip()})


def _broken(
    line: int, last: int, cells: list[str], names: list[str], reason: str, *, flaw: Problem | None = None
) -> Item:
    """A row that cannot be used. Its number is kept where it can be made out, so that the other lines of
    that invoice do not go in without it."""
    at = names.index("number") if "number" in names else len(cells)
    number = cells[at].strip() if at < len(cells) and not _flaw(line, cells[at]) else ""
    if last > line:
        reason = f"lines {line} to {last}: a quote is not closed, or followed by more ({reason})"
    problem = flaw or Problem(line, "WB-INPUT", reason)
    return Item(line, last, {"number": number} if number else {}, replace(problem, number=number or None))


def _wrong(line: int, message: str) -> Item:
    return Item(line, line, problem=Problem(line, "WB-INPUT", message))


def _grouped(rows: Iterator[Item]) -> Iterator[Item]:
    """Rows of one number that follow one another become one invoice."""
    group: list[Item] = []
    for row in rows:
        if group and _belongs(group[0], row):
            group = [*group, row][: intake.MAX_LINES + 1]
            continue
        if group:
            yield _invoice(group)
        group = [row]
    if group:
        yield _invoice(group)


def _belongs(first: Item, row: Item) -> bool:
    """Of the same number; or a row that names no invoice at all, which some programs write so."""
    number = row.raw.get("number")
    if number is not None:
        return bool(number == first.raw.get("number"))
    return bool(row.raw) and not row.raw.keys() & {"customer", "due_on"}


def _invoice(rows: list[Item]) -> Item:
    line, last = rows[0].line, rows[-1].last
    whole: dict[str, Any] = {}
    for row in rows:
        if row.problem is not None:
            return Item(line, last, problem=row.problem)
        if len(rows) > 1 and "number" not in row.raw:
            message = "the number is missing; each line of an invoice repeats it"
            return Item(line, last, problem=Problem(row.line, "WB-INPUT", message, whole.get("number")))
        for name in (*INVOICE_COLUMNS, *CUSTOMER_COLUMNS):
            value = row.raw.get(name)
            if value is not None and whole.setdefault(name, value) != value:
                problem = Problem(
                    row.line, "WB-INPUT", f"{name} differs from the row before it", whole.get("number")
                )
                return Item(line, last, problem=problem)
    lines = [{name: row.raw[name] for name in LINE_COLUMNS if name in row.raw} for row in rows]
    return Item(line, last, {**whole, "lines": lines})


def _json_item(n: int, line: str) -> Item:
    flaw = _flaw(n, line)
    if flaw is not None:
        return Item(n, n, problem=flaw)
    try:
        value = json.loads(line, object_pairs_hook=_once_each)
    except InvalidInput as error:
        return _wrong(n, error.message)
    except (ValueError, RecursionError):
        return _wrong(n, "this is not JSON")
    if not isinstance(value, dict):
        return _wrong(n, 'an invoice is an object, like {"number": …}')
    return Item(n, n, value)


def snake_case(document: Mapping[str, Any]) -> dict[str, Any]:
    """An invoice as the API takes it, with the names that intake reads; its lines too."""
    found = {_snake(name): value for name, value in document.items()}
    if isinstance(found.get("lines"), list):
        found["lines"] = [
            {_snake(name): value for name, value in line.items()} if isinstance(line, dict) else line
            for line in found["lines"]
        ]
    return found


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if _snake(name) in found:
            raise InvalidInput("WB-INPUT", f"{name[:40]!r} stands there twice")
        found[_snake(name)] = value
    return found
