"""A journal in memory, for adapters' tests: the store's rules without a database."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from daemon.errors import OutcomeUnknown, Rejected
from daemon.model import Document, Look, Send
from daemon.model.ids import step_key


@dataclass
class Entry:
    body: Document
    send_no: int = 0
    sent: bool = False
    ambiguous: bool = False
    result: Document | None = None


@dataclass
class PlainJournal:
    """Durable across "crashes": a test drops the adapter and keeps the journal. `keys_expired` makes every
    unanswered step look before it is sent anew."""

    subject: str = "invoice"
    steps: dict[tuple[str, str], Entry] = field(default_factory=dict)
    sends: list[tuple[str, str]] = field(default_factory=list)
    looks: list[str] = field(default_factory=list)
    lags: dict[str, float | None] = field(default_factory=dict)
    keys_expired: bool = False

    def payer(self, reference: str) -> PlainJournal:
        other = PlainJournal(f"payer:{reference}", self.steps, self.sends, self.looks, self.lags)
        other.keys_expired = self.keys_expired
        return other

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
        self.lags[step] = lag_s
        entry = self.steps.setdefault((self.subject, step), Entry(_stored(body)))
        if entry.result is not None:
            return entry.result
        if look_first if not entry.sent else self.keys_expired:
            self.looks.append(step)
            found = look(entry.body)
            if found is not None:
                return self._record(entry, found)
            entry.send_no += entry.sent
        return self._send(step, entry, send, look)

    def _send(self, step: str, entry: Entry, send: Send, look: Look) -> Document:
        key = step_key(
            tenant="t",
            reference=self.subject,
            account="acct_1",
            operation=step,
            revision=0,
            send_no=entry.send_no,
        )
        entry.sent = True
        self.sends.append((step, key))
        try:
            return self._record(entry, send(entry.body, key))
        except OutcomeUnknown:
            entry.ambiguous = True
            raise
        except Rejected:
            if entry.ambiguous and (found := look(entry.body)) is not None:
                return self._record(entry, found)
            raise

    def _record(self, entry: Entry, result: Document) -> Document:
        entry.result = _stored(result)
        return entry.result


def _stored(document: Document) -> Document:
    text = json.dumps(document)
    assert "sk_test_" not in text and "sk_live_" not in text
    assert len(text) < 16_384, "a journal holds what is needed, no more"
    return json.loads(text)
