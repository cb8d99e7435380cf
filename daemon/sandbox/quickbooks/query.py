"""QuickBooks' query language: `select … from X where a = 'v' and b in ('1') orderby … startposition …`.

Only AND, no OR; a quote is escaped by a backslash."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from daemon.sandbox.quickbooks.answers import Refusal
from daemon.sandbox.quickbooks.tables import FILTERS, LISTS, MOST_ROWS, PAGE

_TOKEN = re.compile(r"\s*('(?:[^'\\]|\\.)*'|<=|>=|!=|[=<>(),*]|[A-Za-z_][\w.]*|-?\d+(?:\.\d+)?)")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Condition:
    field: str
    operator: str
    values: tuple[str, ...]

    def holds(self, row: Row) -> bool:
        value = _at(row, self.field)
        if self.operator == "in":
            return any(_compared(value, one) == 0 for one in self.values)
        if self.operator == "like":
            pattern = "".join(".*" if c == "%" else re.escape(c) for c in self.values[0])
            return re.fullmatch(pattern, str(value), re.IGNORECASE) is not None
        return _OPERATORS[self.operator](_compared(value, self.values[0]))


@dataclass(frozen=True, slots=True)
class Query:
    entity: str
    columns: tuple[str, ...]
    where: tuple[Condition, ...]
    order: tuple[str, bool] | None
    start: int
    most: int

    @property
    def counts(self) -> bool:
        return self.columns == ("count(*)",)

    def run(self, rows: Sequence[Row]) -> list[Row]:
        """The rows of this page; those that are inactive only where the query asks for them."""
        found = [row for row in rows if all(one.holds(row) for one in self.where)]
        if self.entity in LISTS and not any(one.field == "Active" for one in self.where):
            found = [row for row in found if row.get("Active", True)]
        if self.order is not None:
            field, down = self.order
            found.sort(key=lambda row: _sortable(_at(row, field)), reverse=down)
        if self.counts:
            return found
        page = found[self.start - 1 : self.start - 1 + self.most]
        return page if self.columns == ("*",) else [_only(row, self.columns) for row in page]


_OPERATORS: dict[str, Callable[[int], bool]] = {
    "=": lambda order: order == 0,
    "!=": lambda order: order != 0,
    "<": lambda order: order < 0,
    ">": lambda order: order > 0,
    "<=": lambda order: order <= 0,
    ">=": lambda order: order >= 0,
}


def parse(text: str) -> Query:
    """Raises Refusal (4000, 4001)."""
    return _Parser(list(_tokens(text)))()


def _tokens(text: str) -> Iterator[str]:
    at = 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _bad(f"Encountered {text[at : at + 20]!r}")
        yield match[1]
        at = match.end()


class _Parser:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens

    def __call__(self) -> Query:
        self.take("select")
        columns = self.columns()
        self.take("from")
        self.entity = self.word()
        if self.entity not in FILTERS:
            raise _bad(f"Metadata not found for Entity: {self.entity}")
        where: list[Condition] = []
        if self.maybe("where"):
            where.append(self.condition())
            while self.maybe("and"):
                where.append(self.condition())
        order = self.order() if self.maybe("orderby") else None
        start = int(self.word()) if self.maybe("startposition") else 1
        most = int(self.word()) if self.maybe("maxresults") else PAGE
        if self.tokens:
            raise _bad(f"Encountered {self.tokens[0]!r}")
        if start < 1 or not 1 <= most <= MOST_ROWS:
            raise _bad(f"maxresults is at most {MOST_ROWS}")
        return Query(self.entity, columns, tuple(where), order, start, most)

    def columns(self) -> tuple[str, ...]:
        if self.maybe("*"):
            return ("*",)
        if self.maybe("count"):
            for part in ("(", "*", ")"):
                self.take(part)
            return ("count(*)",)
        found = [self.word()]
        while self.maybe(","):
            found.append(self.word())
        return tuple(found)

    def order(self) -> tuple[str, bool]:
        field = self.field()
        down = self.maybe("desc")
        if not down:
            self.maybe("asc")
        return field, down

    def condition(self) -> Condition:
        field = self.field()
        operator = self.word().lower()
        if operator == "in":
            self.take("(")
            values = [self.value()]
            while self.maybe(","):
                values.append(self.value())
            self.take(")")
            return Condition(field, operator, tuple(values))
        if operator not in (*_OPERATORS, "like"):
            raise _bad(f"Encountered {operator!r}")
        return Condition(field, operator, (self.value(),))

    def field(self) -> str:
        name = self.word()
        if name not in FILTERS[self.entity]:
            raise Refusal("4001", "Invalid query", f"property '{name}' is not queryable")
        return name

    def value(self) -> str:
        word = self.word()
        if word.startswith("'"):
            return re.sub(r"\\(.)", r"\1", word[1:-1])
        if word.lower() in ("true", "false"):
            return word.lower()
        raise _bad(f"Encountered {word!r}: a value stands in quotes")

    def word(self) -> str:
        if not self.tokens:
            raise _bad("Encountered <EOF>")
        return self.tokens.pop(0)

    def maybe(self, word: str) -> bool:
        if self.tokens and self.tokens[0].lower() == word:
            self.tokens.pop(0)
            return True
        return False

    def take(self, word: str) -> None:
        if not self.maybe(word):
            raise _bad(f"Was expecting {word!r}")


def _bad(detail: str) -> Refusal:
    return Refusal("4000", "Error parsing query", f"QueryParserError: {detail}")


def _at(row: Row, field: str) -> Any:
    value: Any = row
    for part in field.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value.get("value") if isinstance(value, dict) else value


def _compared(value: Any, asked: str) -> int:
    """-1, 0 or 1; texts without regard to case, as QuickBooks compares names."""
    if isinstance(value, Decimal):
        try:
            left, right = value, Decimal(asked)
        except InvalidOperation as error:
            raise _bad(f"{asked!r} is not a number") from error
        return (left > right) - (left < right)
    one, other = _sortable(value), _sortable(asked)
    return (one > other) - (one < other)


def _sortable(value: Any) -> str:
    text = "" if value is None else str(value).lower()
    if re.match(r"\d{4}-\d\d-\d\dt", text):
        moment = datetime.fromisoformat(text.upper())
        return f"{moment.timestamp():020.3f}"
    return text.zfill(20) if text.isdigit() else text


def _only(row: Row, columns: Sequence[str]) -> Row:
    return {name: row[name] for name in ("Id", *columns) if name in row}
