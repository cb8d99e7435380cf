"""A journal in memory: the store's rules without a database or a clock."""

# ruff: noqa: S101 - these are tests

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import count

from daemon.errors import (
    OutcomeUnknown,
    Rejected,
)
from daemon.model import (
    Document,
    Look,
    Send,
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
        row = self.steps.setdefault((self.subject, step), _Step(_stored(body)))
        if row.result is not None:
            return row.result
        if look_first if not row.sent else self.keys_expired:
            found = look(row.body)
            if found is not None:
                return self._record(row, found)
            row.send_no += row.sent
        return self._send(step, row, send, look)

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
            return self._record(row, send(row.body, key))
        except OutcomeUnknown:
            row.ambiguous = True
            raise
        except Rejected:
            if row.ambiguous and (found := look(row.body)) is not None:
                return self._record(row, found)
            raise

    def _record(self, row: _Step, result: Document) -> Document:
        row.result = _stored(result)
        return row.result


def _stored(document: Document) -> Document:
    """What a journal keeps is JSON, and not more than is needed."""
    text = json.dumps(document)
    assert len(text) < 65_536, "a journal keeps what is needed, no more"
    kept: Document = json.loads(text)
    return kept
