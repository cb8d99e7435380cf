"""A step of one or many subjects, settled: what is done answers, what is in doubt is looked for, the rest
is marked and sent in one call. Each subject has its own row, mark and result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from daemon.errors import Garbled, Rejected
from daemon.model import Document, LookMany, SendMany
from daemon.policy import Move, StepRules, next_move
from daemon.store.steps import Row
from daemon.wire.departure import LEAVES_WITHIN_S, leaving_by

if TYPE_CHECKING:
    from daemon.store.journal import Book, StoredJournal

Outcome = Document | Exception
"""What became of a step: its result, or why there is none."""


@dataclass(slots=True)
class _Part:
    """One subject's part of a step: its row as it is now, and what became of it once that is known."""

    journal: StoredJournal
    row: Row
    outcome: Outcome | None = None


def settle(
    book: Book,
    step: str,
    items: Sequence[tuple[StoredJournal, Document]],
    send: SendMany,
    look: LookMany,
    rules: StepRules,
) -> list[Outcome]:
    """One step of one or many subjects: answer what is done, look for what is in doubt, mark and send the
    rest in one call. Raises LeaseLost and StoreError; everything else is an outcome."""
    with ExitStack() as locks:
        # In one order, so that two batches never wait for each other.
        for subject in sorted(journal.subject for journal, _body in items):
            locks.enter_context(book.lock(f"{subject}/{step}"))
        parts = [_Part(journal, journal.load(step, body)) for journal, body in items]
        _answer_or_look(book, parts, look, rules)
        _mark_and_send(book, [part for part in parts if part.outcome is None], send, look, rules)
    return [{} if part.outcome is None else part.outcome for part in parts]


def _answer_or_look(book: Book, parts: Sequence[_Part], look: LookMany, rules: StepRules) -> None:
    now = book.store.clock.now()
    doubtful = []
    for part in parts:
        move = next_move(part.row.view, rules, now)
        if move is Move.ANSWER:
            part.outcome = part.row.result or {}
        elif move is Move.STOP:
            part.outcome = part.journal.stopped(part.row)
        elif move is Move.LOOK:
            doubtful.append((part, part.journal.quiet_s(part.row, rules, now)))
    found = _asked(look, [part.row.body for part, _quiet_s in doubtful])
    for (part, quiet_s), seen in zip(doubtful, found, strict=True):
        part.outcome = part.journal.looked(part.row, seen, quiet_s)
        if part.outcome is None:
            part.row = part.journal.under_a_new_key(part.row)


def _mark_and_send(
    book: Book, parts: Sequence[_Part], send: SendMany, look: LookMany, rules: StepRules
) -> None:
    if not parts:
        return
    rows = book.mark([(part.journal, part.row) for part in parts])
    with leaving_by(book.store.clock.monotonic() + LEAVES_WITHIN_S):
        answers = _asked(send, [(row.body, row.key) for row in rows])
    refused: list[tuple[_Part, Rejected]] = []
    for part, row, answer in zip(parts, rows, answers, strict=True):
        part.row = row
        if isinstance(answer, Rejected) and row.ambiguous:
            refused.append((part, answer))
        else:
            part.outcome = part.journal.sent(row, answer)  # type: ignore[arg-type]  # no None from a send
    found = _asked(look, [part.row.body for part, _error in refused])
    for (part, error), seen in zip(refused, found, strict=True):
        part.outcome = part.journal.refused_after_a_doubt(part.row, error, seen, rules)


def _asked(call: Callable[[Any], Sequence[Outcome | None]], given: Sequence[Any]) -> Sequence[Outcome | None]:
    """The provider's answers in the order of what was given; what befell the call befell each."""
    if not given:
        return []
    try:
        answers = call(given)
    except Exception as error:  # noqa: BLE001 - errors are outcomes here
        return [error] * len(given)
    if len(answers) != len(given):
        return [Garbled(f"{len(answers)} answers came to {len(given)} questions")] * len(given)
    return answers
