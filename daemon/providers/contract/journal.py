"""A journal in memory: the store's rules without a database or a clock."""

# ruff: noqa: S101 - these are tests

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeGuard

from daemon.errors import (
    OutcomeUnknown,
    Rejected,
)
from daemon.model import (
    Document,
    InvoiceDraft,
    Journal,
    Look,
    LookMany,
    Send,
    SendMany,
)
from daemon.model.ids import step_key

_COUNT = count(1)


@dataclass
class _Step:
    body: Document
    send_no: int = 0
    sent: bool = False
    ambiguous: bool = False
    result: Document | None = None


@dataclass
class PlainJournal:
    """It outlives a "crash": drop the adapter, keep the journal. `keys_expired` makes every step without
    an answer look before it is sent anew."""

    subject: str = "invoice"
    reference: str = field(default_factory=lambda: f"journal {next(_COUNT)}")
    steps: dict[tuple[str, str], _Step] = field(default_factory=dict)
    keys_expired: bool = False

    def payer(self, reference: str) -> PlainJournal:
        return PlainJournal(f"payer:{reference}", reference, self.steps, self.keys_expired)

    def once(
        self,
        step: str,
        body: Document,
        send: Send,
        look: Look,
        *,
        lag_s: float | None = None,
        look_first: bool = False,
    ) -> Document:
        row = self.begun(step, body)
        if row.result is not None:
            return row.result
        if look_first if not row.sent else self.keys_expired:
            found = look(row.body)
            if found is not None:
                return self.record(row, found)
            row.send_no += row.sent
        return self._send(step, row, send, look)

    def begun(self, step: str, body: Document) -> _Step:
        return self.steps.setdefault((self.subject, step), _Step(_stored(body)))

    def _send(self, step: str, row: _Step, send: Send, look: Look) -> Document:
        key = step_key(
            tenant="t",
            reference=self.reference,
            account="a",
            operation=step,
            revision=0,
            send_no=row.send_no,
        )
        row.sent = True
        try:
            return self.record(row, send(row.body, key))
        except OutcomeUnknown:
            row.ambiguous = True
            raise
        except Rejected:
            if row.ambiguous and (found := look(row.body)) is not None:
                return self.record(row, found)
            raise

    def record(self, row: _Step, result: Document) -> Document:
        row.result = _stored(result)
        return row.result


@dataclass
class PlainJournals:
    """The journals of a batch, which outlive it as the store's do."""

    steps: dict[tuple[str, str], _Step] = field(default_factory=dict)
    keys_expired: bool = False

    def __call__(self, draft: InvoiceDraft) -> PlainJournal:
        return PlainJournal(
            f"invoice:{draft.reference}", draft.platform_reference, self.steps, self.keys_expired
        )

    def each(
        self,
        step: str,
        items: Sequence[tuple[Journal, Document]],
        send: SendMany,
        look: LookMany,
        *,
        lag_s: float | None = None,
        look_first: bool = False,
    ) -> list[Document | Exception]:
        """No key is leant on: what was sent before is looked for."""
        parts = [(journal, journal.begun(step, body)) for journal, body in items if _is_plain(journal)]
        outcomes: dict[int, Document | Exception] = {
            n: row.result for n, (_j, row) in enumerate(parts) if row.result is not None
        }
        doubtful = [n for n, (_j, row) in enumerate(parts) if n not in outcomes and (row.sent or look_first)]
        for n, found in zip(doubtful, _asked(look, [parts[n][1].body for n in doubtful]), strict=True):
            if found is not None:
                outcomes[n] = self._kept(parts[n], found)
        sends = [n for n in range(len(parts)) if n not in outcomes]
        for n in sends:
            parts[n][1].sent = True
        bodies = [(parts[n][1].body, f"{parts[n][0].subject}/{step}") for n in sends]
        for n, answer in zip(sends, _asked(send, bodies), strict=True):
            assert answer is not None
            outcomes[n] = self._kept(parts[n], answer)
        return [outcomes[n] for n in range(len(parts))]

    def _kept(self, part: tuple[PlainJournal, _Step], answer: Document | Exception) -> Document | Exception:
        journal, row = part
        return answer if isinstance(answer, Exception) else journal.record(row, answer)


def _is_plain(journal: Journal) -> TypeGuard[PlainJournal]:
    return isinstance(journal, PlainJournal)


def _asked(call: Callable[[Any], Sequence[Any]], given: Sequence[Any]) -> Sequence[Any]:
    if not given:
        return []
    try:
        answers = call(given)
    except Exception as error:  # noqa: BLE001 - errors are answers here
        return [error] * len(given)
    assert len(answers) == len(given), "an answer for each, in their order"
    return answers


def _stored(document: Document) -> Document:
    """What a journal keeps is JSON, and not more than is needed."""
    text = json.dumps(document)
    assert len(text) < 65_536, "a journal keeps what is needed, no more"
    kept: Document = json.loads(text)
    return kept
