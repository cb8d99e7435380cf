"""The journal of durable steps: marks before every send, results before going on.

The protocol and its proof are in docs/operating.md ("One invoice, once"). What to do next is decided by
`policy.next_move` and done by `store.settling`; this module only keeps the rows.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from daemon.errors import (
    Garbled,
    NotYet,
    OutcomeUnknown,
    Rejected,
    RemoteError,
    StepStuck,
    Throttled,
    Unauthorised,
    Unreachable,
)
from daemon.model import (
    Capabilities,
    Document,
    InvoiceDraft,
    Journal,
    Look,
    LookMany,
    Send,
    SendMany,
    StepState,
)
from daemon.model.ids import step_key
from daemon.policy import StepRules, wait_before_sending_anew
from daemon.store import receipts, steps
from daemon.store.database import Store
from daemon.store.leases import Lease
from daemon.store.settling import Outcome, settle
from daemon.store.steps import Row
from daemon.wire.departure import LEAVES_WITHIN_S

LEASE_MARGIN_S = 5


@dataclass(slots=True)
class Book:
    """What the journals of one run at one integration share."""

    store: Store
    lease: Lease
    tenant_id: str
    tenant_reference: str
    integration_id: str
    account: str
    can: Capabilities
    look_first: bool = False
    _rows: dict[str, dict[str, Row]] = field(default_factory=dict, init=False)
    _locks: dict[str, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock), init=False)
    _guard: threading.Lock = field(default_factory=threading.Lock, init=False)

    def lock(self, subject: str) -> threading.Lock:
        with self._guard:
            return self._locks[subject]

    def steps(self, subject: str) -> dict[str, Row]:
        """The subject's steps by operation. Read once: while the lease stands nobody else writes them."""
        if subject not in self._rows:
            self.read([subject])
        return self._rows[subject]

    def read(self, subjects: Sequence[str]) -> None:
        """Read the steps of many subjects at once."""
        for start in range(0, len(subjects), 500):
            self._rows |= steps.read(self.integration_id, subjects[start : start + 500])

    def rules(self, lag_s: float | None, look_first: bool) -> StepRules:
        return StepRules(
            key_window_s=self.can.key_window_s,
            lookup_lag_s=self.can.lookup_lag_s if lag_s is None else lag_s,
            settle_s=self.can.settle_s + LEAVES_WITHIN_S,
            look_first=look_first or self.look_first,
        )

    def mark(self, sends: Sequence[tuple[StoredJournal, Row]]) -> list[Row]:
        """Commit that these are about to be sent, together with the results of the steps before."""
        now = self.store.clock.now()
        marks = [(journal, journal.marked(row, now)) for journal, row in sends]

        def work() -> list[Row]:
            self.lease.guard(self.can.deadline_s + LEASE_MARGIN_S)
            return [journal.write_mark(row) for journal, row in marks]

        rows: list[Row] = self.store.write("push.mark", work)
        for (journal, _row), row in zip(marks, rows, strict=True):
            journal.mark_is_written(row)
        return rows

    def invoice(self, reference: str, payer: str, on_mark: Callable[[], None]) -> StoredJournal:
        """The journal of the invoice of this platform reference, billed to the customer `payer`;
        `on_mark` runs in the transaction of the first mark."""
        return StoredJournal(self, steps.invoice_subject(reference), reference, payer, on_mark)

    def payment(self, reference: str, place: int, on_mark: Callable[[], None]) -> StoredJournal:
        """The journal of one payment that was entered on this invoice; `on_mark` as above."""
        subject = receipts.subject(reference, place)
        return StoredJournal(self, subject, subject, on_mark=on_mark)


class StoredJournal:
    """One subject's steps. Results are committed with the next mark, or by `flush`."""

    def __init__(
        self,
        book: Book,
        subject: str,
        reference: str,
        payer: str | None = None,
        on_mark: Callable[[], None] | None = None,
    ) -> None:
        self.subject = subject
        self._book = book
        self._on_mark = on_mark
        self._reference = reference
        self._payer = payer
        self._unwritten: list[tuple[str, Row]] = []

    @property
    def is_begun(self) -> bool:
        """Whether anything of it was ever sent."""
        return any(row.state is not StepState.NEW for row in self._book.steps(self.subject).values())

    def payer(self, reference: str) -> StoredJournal:
        """Its results are written with the next mark of this invoice: until then the other invoices of
        the payer know them from the book, and after a crash from the step's mark."""
        name = self._payer or reference
        journal = StoredJournal(self._book, steps.payer_subject(name), name)
        journal._unwritten = self._unwritten
        return journal

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
        rules = self._book.rules(lag_s, look_first)
        (outcome,) = settle(
            self._book,
            step,
            [(self, body)],
            lambda sends: [send(*sends[0])],
            lambda bodies: [look(bodies[0])],
            rules,
        )
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    # --- what became of a send or a look --------------------------------------------------------------

    def stopped(self, row: Row) -> StepStuck:
        return StepStuck(row.fault_code or "WB-PUSH-MISMATCH", row.fault_text or "a person must look")

    def looked(self, row: Row, seen: Document | Exception | None, quiet_s: float) -> Outcome | None:
        """The answer of a step that was looked for; None where nothing is there and it may be sent."""
        if isinstance(seen, StepStuck):
            self._save(replace(row, state=StepState.STUCK), seen)
        if isinstance(seen, Exception):
            return seen
        if seen is not None:
            return self._record(row, seen)
        return NotYet(quiet_s) if quiet_s > 0 else None

    def sent(self, row: Row, answer: Outcome) -> Outcome:
        """The answer of a step that was sent; what went wrong is written down with it."""
        match answer:
            case Throttled() | Unreachable() | Unauthorised():
                self._not_sent(row, answer)
            case OutcomeUnknown() | Garbled():
                self._save(replace(row, ambiguous=True, replayed=row.replayed or answer.replayed), answer)
            case Rejected():
                self._save(replace(row, state=StepState.REJECTED), answer)
            case StepStuck():
                self._save(replace(row, state=StepState.STUCK), answer)
            case Exception():
                pass
            case _:
                return self._record(row, answer)
        return answer

    def refused_after_a_doubt(
        self, row: Row, error: Rejected, seen: Document | Exception | None, rules: StepRules
    ) -> Outcome:
        """This send was refused, an earlier one may have landed: only what is not found once a look would
        show it is refused for good, by a send of its own."""
        outcome = self.looked(row, seen, 0)
        if outcome is not None:
            return outcome
        self._save(replace(row, replayed=True), error)
        return NotYet(max(1.0, rules.lookup_lag_s + rules.settle_s))

    def quiet_s(self, row: Row, rules: StepRules, now: datetime) -> float:
        """How long to wait before what is not found may be sent anew: by the wall clock, and by the
        monotonic one where this process sent it (a clock that jumped ahead must not shorten the wait)."""
        by_wall_s = wait_before_sending_anew(row.view, rules, now)
        sent = self._book.store.last_sends.get(row.id or 0)
        if sent is None or row.last_sent_at is None:
            return by_wall_s
        elapsed_s = self._book.store.clock.monotonic() - sent
        return max(by_wall_s, rules.lookup_lag_s + rules.settle_s - elapsed_s)

    # --- rows -----------------------------------------------------------------------------------------

    def load(self, step: str, body: Document) -> Row:
        row = self._book.steps(self.subject).get(step)
        if row is None:
            return Row(None, step, 0, StepState.NEW, self._key(step, 0, 0), 0, body)
        if row.state is not StepState.NEW:
            return row
        return replace(row, body=body, key=self._key(step, row.revision, row.send_no))

    def _key(self, step: str, revision: int, send_no: int) -> str:
        return step_key(
            tenant=self._book.tenant_reference,
            reference=self._reference,
            account=self._book.account,
            operation=step,
            revision=revision,
            send_no=send_no,
        )

    def under_a_new_key(self, row: Row) -> Row:
        """Not found, and quiet for long enough: the next send is a new one."""
        if row.state is StepState.NEW:
            return row
        send_no = row.send_no + 1
        return replace(
            row,
            state=StepState.NEW,
            send_no=send_no,
            key=self._key(row.operation, row.revision, send_no),
            key_first_sent_at=None,
            replayed=False,
            ambiguous=False,
        )

    def marked(self, row: Row, now: datetime) -> Row:
        return replace(
            row,
            state=StepState.SENDING,
            key_first_sent_at=row.key_first_sent_at or now,
            first_sent_at=row.first_sent_at or now,
            last_sent_at=now,
            attempts=row.attempts + 1,
            ambiguous=row.ambiguous or row.state is StepState.SENDING,
        )

    def write_mark(self, row: Row) -> Row:
        """Inside a transaction: the results of the steps before, and the mark."""
        self._write_unwritten()
        if self._on_mark is not None:
            self._on_mark()
        return replace(row, id=self._put(self.subject, row))

    def mark_is_written(self, row: Row) -> None:
        self._unwritten.clear()
        self._on_mark = None
        self._remember(row)
        self._book.store.last_sends[row.id or 0] = self._book.store.clock.monotonic()

    def _record(self, row: Row, result: Document) -> Document:
        done = replace(row, state=StepState.DONE, result=result, fault_code=None, fault_text=None)
        self._unwritten.append((self.subject, self._remember(done)))
        self._book.store.last_sends.pop(row.id or 0, None)
        return result

    def flush(self) -> None:
        """Commit the results that wait for the next mark."""
        if self._unwritten:
            self._commit("push.record", self.write_results)

    def write_results(self) -> None:
        """Inside a transaction of the caller: write the results that wait."""
        self._book.lease.guard()
        self._write_unwritten()

    def _write_unwritten(self) -> None:
        for subject, row in self._unwritten:
            self._put(subject, row)

    def _commit(self, label: str, work: Callable[[], Any]) -> Any:
        answer = self._book.store.write(label, work)
        self._unwritten.clear()
        return answer

    def _not_sent(self, row: Row, error: RemoteError) -> None:
        """Nothing ran: unless an earlier send may have landed, the step is as new as before."""
        if not row.ambiguous:
            row = replace(row, state=StepState.NEW, key_first_sent_at=None, last_sent_at=None)
        self._save(row, error)

    def _save(self, row: Row, error: RemoteError | StepStuck) -> None:
        failed = replace(row, fault_code=error.code, fault_text=error.message[:500])

        def work() -> int:
            self._book.lease.guard()
            self._write_unwritten()
            return self._put(self.subject, failed)

        self._remember(replace(failed, id=self._commit("push.fault", work)))

    def _remember(self, row: Row) -> Row:
        self._book.steps(self.subject)[row.operation] = row
        return row

    def _put(self, subject: str, row: Row) -> int:
        book = self._book
        return steps.put(row, tenant_id=book.tenant_id, integration_id=book.integration_id, subject=subject)


class StoredJournals:
    """The journals of one batch, by the reference of their drafts."""

    def __init__(self, book: Book, of: Mapping[str, StoredJournal]) -> None:
        self._book = book
        self._of = of

    def __call__(self, draft: InvoiceDraft) -> StoredJournal:
        return self._of[draft.reference]

    def each(
        self,
        step: str,
        items: Sequence[tuple[Journal, Document]],
        send: SendMany,
        look: LookMany,
        *,
        lag_s: float | None = None,
        look_first: bool = False,
    ) -> list[Outcome]:
        ours = [(journal, body) for journal, body in items if isinstance(journal, StoredJournal)]
        rules = replace(self._book.rules(lag_s, look_first), key_window_s=0)
        return settle(self._book, step, ours, send, look, rules)
