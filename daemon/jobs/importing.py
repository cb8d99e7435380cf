"""Import: a file of invoices goes in, the good ones whatever is wrong with the others.

CSV (a header names the columns; rows of one number that follow one another are its lines) or JSON Lines
(one invoice a line, as the API takes it). A file may be imported again: what is there with the same
content is left alone. Invoices are written some hundred a transaction, each in a savepoint of its own.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import islice
from typing import Any, BinaryIO

from daemon.errors import InvalidInput
from daemon.house import House
from daemon.jobs import intake
from daemon.money import Money
from daemon.store import customers, invoices, records

BATCH = 200
MAX_LINE = 256 * 1024
PROBLEMS_KEPT = 1000

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


@dataclass(slots=True)
class Report:
    """What became of a file; `sums` are the minor units of what was added, by currency. The first
    PROBLEMS_KEPT problems are kept, all are counted in `failed`."""

    dry_run: bool
    added: int = 0
    there: int = 0
    failed: int = 0
    customers_added: int = 0
    sums: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def read(self) -> int:
        return self.added + self.there + self.failed

    def fail(self, problem: Problem) -> None:
        self.failed += 1
        if len(self.problems) < PROBLEMS_KEPT:
            self.problems.append(problem)


class _Undone(Exception):
    """A dry run's batch."""


# --- writing ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Import:
    """One import into one tenant. A dry run does the same work and undoes each batch; `seen` is how it
    still knows what earlier batches would have left."""

    house: House
    tenant: records.Tenant
    actor: str
    dry_run: bool = False
    create_customers: bool = False
    seen: dict[int, int] = field(default_factory=dict)
    new_people: set[str] = field(default_factory=set)

    def run(self, items: Iterable[Item], told: Callable[[int], None] = lambda _lines: None) -> Report:
        """Take in all `items`; `told` hears how far each batch came, in lines. Raises StoreError."""
        report = Report(self.dry_run)
        today = intake.today_of(self.tenant, self.house.clock.now())
        rest = iter(items)
        done = 0
        while batch := list(islice(rest, BATCH)):
            self._write(batch, report, today)
            told(batch[-1].last - done)
            done = batch[-1].last
        if report.added and not self.dry_run:
            self.house.wake("push")
        return report

    def _write(self, batch: list[Item], report: Report, today: date) -> None:
        """The report is told after the commit: a transaction may be run again."""
        outcomes: list[_Outcome] = []

        def work() -> None:
            outcomes.clear()
            outcomes.extend(self._take(item, today) for item in batch)
            if self.dry_run:
                raise _Undone

        with suppress(_Undone):
            self.house.store.write("import.batch", work)
        for outcome in outcomes:
            self._count(outcome, report)

    def _take(self, item: Item, today: date) -> _Outcome:
        if item.problem is not None:
            return _Outcome(problem=item.problem)
        try:
            with self.house.store.db.atomic():
                return self._enter(item, today)
        except InvalidInput as error:
            number = item.raw.get("number")
            text = number if isinstance(number, str) else None
            return _Outcome(problem=Problem(item.line, error.code, error.message, text))

    def _enter(self, item: Item, today: date) -> _Outcome:
        raw = {name: value for name, value in item.raw.items() if name not in CUSTOMER_COLUMNS}
        person = self._person(item.raw) if self.create_customers else None
        new = intake.read(self.tenant, raw, today)
        if self.dry_run and (again := self._again(new)) is not None:
            return again
        _invoice, is_new = invoices.add(
            new, actor=self.actor, now=self.house.clock.now(), entropy=self.house.entropy
        )
        return _Outcome(added=new.total if is_new else None, person=person)

    def _person(self, raw: Mapping[str, Any]) -> str | None:
        """Create the customer of this row where there is none; returns the reference of a new one."""
        reference, name = raw.get("customer"), raw.get("customer_name")
        if not isinstance(reference, str) or customers.find(self.tenant.id, reference) is not None:
            return None
        email = raw.get("customer_email")
        customers.add(
            tenant_id=self.tenant.id,
            reference=reference,
            name=str(name or reference),
            email=str(email) if email else None,
            actor=self.actor,
            now=self.house.clock.now(),
            entropy=self.house.entropy,
        )
        return reference

    def _again(self, new: invoices.NewInvoice) -> _Outcome | None:
        """What a row would meet that the file itself gave before; hashes, so that a million fit."""
        names, content = (hash(("number", new.number)), hash(("ref", new.reference))), hash(new.digest)
        before = next((self.seen[name] for name in names if name in self.seen), None)
        for name in names:
            self.seen.setdefault(name, content)
        if before is None:
            return None
        if before != content:
            raise InvalidInput(
                "WB-INVOICE-TAKEN", f"invoice {new.number!r} stands further up in the file with other content"
            )
        return _Outcome()

    def _count(self, outcome: _Outcome, report: Report) -> None:
        if outcome.problem is not None:
            report.fail(outcome.problem)
            return
        if outcome.person is not None and outcome.person not in self.new_people:
            self.new_people.add(outcome.person)
            report.customers_added += 1
        if outcome.added is None:
            report.there += 1
            return
        report.added += 1
        currency = outcome.added.currency
        report.sums[currency] = report.sums.get(currency, 0) + outcome.added.minor


@dataclass(frozen=True, slots=True)
class _Outcome:
    """`added` is the total of a new invoice; None: it was there. `person` is a new customer."""

    added: Money | None = None
    person: str | None = None
    problem: Problem | None = None


# --- reading ------------------------------------------------------------------------------------------


def read_csv(file: BinaryIO) -> Iterator[Item]:
    """The invoices of a CSV file: comma, semicolon or tab, UTF-8 with or without a BOM. Raises
    InvalidInput where the header cannot be used; what is wrong with a row is an Item."""
    lines = _text_lines(file)
    head = next(lines, "")
    if "\udcff" in head[:2] or "\udcfe" in head[:2]:
        raise InvalidInput("WB-INPUT", "line 1: the file is UTF-16; save it as CSV in UTF-8")
    delimiter = max(",;\t", key=head.count)
    names = _header(next(csv.reader([head], delimiter=delimiter), []))
    return _grouped(_rows(lines, names, delimiter))


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


def _header(cells: Iterable[str]) -> list[str]:
    names = [_snake(cell) for cell in cells]
    unknown = [name for name in names if name not in COLUMNS]
    missing = [name for name in REQUIRED if name not in names]
    twice = [name for name in names if names.count(name) > 1]
    if unknown:
        raise InvalidInput(
            "WB-INPUT", f"line 1: there is no column {unknown[0][:40]!r}; there are: {', '.join(COLUMNS)}"
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
    at = names.index("number")
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
