"""One way to print: tables and facts for people, one JSON document for programs, progress beside them.

What is printed is a mapping of snake_case names to values: Money, datetimes, dates, records' columns.
JSON gets camelCase keys, money as decimal strings and times as RFC 3339 in UTC. On a terminal tables are
drawn, a row going on in a second line where it is too narrow; anywhere else they are plain columns, so that
`grep` and `awk` see every id whole.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from enum import Enum
from typing import Annotated, Any

import typer

from daemon.clock import SystemClock
from daemon.money import Money

Json = Annotated[bool, typer.Option("--json", help="One JSON document, for programs.")]
Tenant = Annotated[
    str | None, typer.Option(metavar="TENANT", help="Reference or id; not needed where there is one tenant.")
]

Limit = Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")]

Item = Mapping[str, Any]
SAY_EVERY_S = 5.0
GAP, INDENT = 2, 4


def document(value: Any) -> None:
    """Print one JSON document."""
    typer.echo(json.dumps(plain(value), indent=2, ensure_ascii=False))


def listing(
    name: str,
    items: Sequence[Item],
    columns: Mapping[str, str],
    *,
    as_json: bool,
    empty: str,
    more: str | None = None,
) -> None:
    """Print a list: as `{name: […], "next": …}`, or the `columns` (key to heading) as a table. `more` is
    what `--after` takes to go on."""
    if as_json:
        document({name: list(items), "next": more})
        return
    if not items:
        typer.echo(empty)
        return
    headings = [heading.upper() for heading in columns.values()]
    table([[text(item.get(key)) for key in columns] for item in items], headings)
    if more:
        note(f"There are more: --after {more}")


def table(rows: Sequence[Sequence[str]], headings: Sequence[str]) -> None:
    """Columns as wide as their widest cell; nothing is ever cut."""
    widths = [max(len(row[n]) for row in (headings, *rows)) for n in range(len(headings))]
    if not sys.stdout.isatty():
        _plain(rows, headings, [list(range(len(widths)))], widths)
        return
    room = shutil.get_terminal_size().columns
    lines = _lines(widths, room)
    if len(lines) == 1:
        _drawn(rows, headings, room)
    else:
        _plain(rows, headings, lines, widths)


def _lines(widths: Sequence[int], room: int) -> list[list[int]]:
    """The columns that stand side by side in each line of a row; the first line holds as many as fit."""
    lines: list[list[int]] = [[]]
    used = 0
    for column, width in enumerate(widths):
        if lines[-1] and used + GAP + width > room:
            lines.append([])
            used = INDENT
        used += (GAP if lines[-1] else 0) + width
        lines[-1].append(column)
    return lines


def _plain(
    rows: Sequence[Sequence[str]],
    headings: Sequence[str],
    lines: Sequence[Sequence[int]],
    widths: Sequence[int],
) -> None:
    for row in (headings, *rows):
        for n, line in enumerate(lines):
            cells = (" " * GAP).join(row[column].ljust(widths[column]) for column in line)
            typer.echo(" " * (INDENT if n else 0) + cells.rstrip())


def facts(pairs: Mapping[str, Any]) -> None:
    """Print what is known of one thing, a line for each; what is None is left out."""
    shown = {label: text(value) for label, value in pairs.items() if value is not None}
    width = max((len(label) for label in shown), default=0)
    for label, value in shown.items():
        typer.echo(f"{label.ljust(width)}  {value}")


def counted(count: int, noun: str) -> str:
    """`1 invoice`, `2 invoices`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def say(sentence: str) -> None:
    typer.echo(sentence)


def note(sentence: str) -> None:
    """To standard error: for people, beside the output."""
    typer.echo(sentence, err=True)


def text(value: Any) -> str:
    """A value as people read it."""
    if value is None or value == "":
        return "-"
    for kind, words in _WORDS:
        if isinstance(value, kind):
            return words(value)
    return str(value)


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    for kind, form in _FORMS:
        if isinstance(value, kind):
            return form(value)
    return value


class Named(dict[str, Any]):
    """A mapping whose names are data (states, ids): JSON has them as they are."""


class Verbatim(dict[str, Any]):
    """A JSON document that is data throughout: it is shown as it was given."""


_WORDS: tuple[tuple[Any, Callable[[Any], str]], ...] = (
    (bool, lambda value: "yes" if value else "no"),
    (datetime, lambda value: f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"),
    (Enum, lambda value: str(value.value)),
    (Mapping, lambda value: ", ".join(f"{name} {text(item)}" for name, item in value.items()) or "-"),
    (list | tuple, lambda value: ", ".join(text(item) for item in value) or "-"),
)

_FORMS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (Verbatim, dict),
    (Named, lambda value: {name: plain(item) for name, item in value.items()}),
    (Mapping, lambda value: {camel(str(name)): plain(item) for name, item in value.items()}),
    (list | tuple, lambda value: [plain(item) for item in value]),
    (Money, lambda value: value.text),
    (Enum, lambda value: value.value),
    (datetime, lambda value: value.astimezone(UTC).isoformat().replace("+00:00", "Z")),
    (date, lambda value: value.isoformat()),
)


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


class Progress:
    """How far long work is, on standard error: a bar on a terminal, else a line every few seconds."""

    def __init__(self, label: str, total: int | None) -> None:
        self._label, self._total = label, total
        self._clock = SystemClock()
        self._said_at = self._clock.monotonic()
        self._done = 0
        self._wide = sys.stderr.isatty()

    def advance(self, count: int = 1) -> None:
        self._done += count
        now = self._clock.monotonic()
        if now - self._said_at >= (0.1 if self._wide else SAY_EVERY_S):
            self._said_at = now
            self._tell(end=False)

    def close(self) -> None:
        if self._wide and self._done:
            self._tell(end=True)

    def _tell(self, *, end: bool) -> None:
        of = f" of {self._total}" if self._total else ""
        line = f"{self._label}: {self._done}{of}"
        typer.echo(f"\r{line}" if self._wide else line, err=True, nl=end or not self._wide)


@contextmanager
def progress(label: str, total: int | None = None) -> Iterator[Progress]:
    bar = Progress(label, total)
    try:
        yield bar
    finally:
        bar.close()


def _drawn(rows: Sequence[Sequence[str]], headings: Sequence[str], room: int) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for heading in headings:
        drawn.add_column(heading, no_wrap=True)
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    Console(width=room).print(drawn)
