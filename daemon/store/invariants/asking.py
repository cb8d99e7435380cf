"""An invariant, and the two ways to ask for what breaks it: one query, or rows folded here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from daemon.store.tables import database

RESTORE = "Restore the last backup that passes (wispbill restore), or ask for help with this output."
LOOK = "wispbill explain {subject}"
AGAIN = "wispbill pull, which folds it anew; where it stays, restore a backup that passes."

Found = Iterator[tuple[str, str]]
"""(subject, sentence) of each row that breaks it."""


@dataclass(frozen=True, slots=True)
class Violation:
    """`subject` is the id of a row, `remedy` what to do."""

    name: str
    subject: str
    sentence: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Invariant:
    """`find` yields (subject, sentence) of what breaks it."""

    name: str
    find: Callable[[], Found]
    remedy: str = RESTORE


def rows(sql: str) -> Iterator[tuple[Any, ...]]:
    """A thousand at a time."""
    cursor: Any = database.execute_sql(sql)
    while some := cursor.fetchmany(1000):
        yield from some


def asked(sql: str, sentence: str) -> Callable[[], Found]:
    """A query whose first column is the subject, and the rest fills the sentence."""

    def find() -> Found:
        for subject, *rest in rows(sql):
            yield str(subject), sentence.format(*rest)

    return find
