"""The journal of durable steps: marks before every send, results before going on.

The protocol and its proof are in docs/operating.md ("One invoice, once"). What to do next is decided by
`policy.next_move`; this module only keeps the rows.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
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
from daemon.model import Capabilities, Document, Look, Send, StepState
from daemon.model.ids import step_key
from daemon.policy import Move, StepRules, next_move, wait_before_sending_anew
from daemon.store import steps
from daemon.store.database import Store
from daemon.store.leases import Lease
from daemon.store.steps import Row

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

    def invoice(self, reference: str, payer: str, on_mark: Callable[[], None]) -> StoredJournal:
        """The journal of the invoice of this platform reference, billed to the customer `payer`;
        `on_mark` runs in the transaction of the first mark."""
        return StoredJournal(self, steps.invoice_subject(reference), reference, payer, on_mark)


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
        self._book = book
        self._on_mark = on_mark
        self._subject = subject
        self._reference = reference
        self._payer = payer
        self._unwritten: list[tuple[str, Row]] = []

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
        with self._book.lock(f"{self._subject}/{step}"):
            return self._once(step, body, send, look, self._rules(lag_s, look_first))

    def _once(self, step: str, body: Document, send: Send, look: Look, rules: StepRules) -> Document:
        row = self._load(step, body)
        now = self._book.store.clock.now()
        move = next_move(row.view, rules, now)
        if move is Move.ANSWER:
            return row.result or {}
        if move is Move.STOP:
            raise StepStuck(row.fault_code or "WB-PUSH-MISMATCH", row.fault_text or "a person must look")
        if move is Move.LOOK:
            quiet_s = self._quiet_s(row, rules, now)
            found = self._look(row, look)
            if found is not None:
                return self._record(row, found)
            if quiet_s > 0:
                raise NotYet(quiet_s)
            row = self._under_a_new_key(row)
        return self._send(self._mark(row), send, look, rules)

    def _send(self, row: Row, send: Send, look: Look, rules: StepRules) -> Document:
        try:
            return self._record(row, send(row.body, row.key))
        except (Throttled, Unreachable, Unauthorised) as error:
            self._not_sent(row, error)
            raise
        except (OutcomeUnknown, Garbled) as error:
            self._save(replace(row, ambiguous=True, replayed=row.replayed or error.replayed), error)
            raise
        except Rejected as error:
            if row.ambiguous:
                return self._refused_after_a_doubt(row, error, look, rules)
            self._save(replace(row, state=StepState.REJECTED), error)
            raise
        except StepStuck as error:
            self._save(replace(row, state=StepState.STUCK), error)
            raise

    def _refused_after_a_doubt(self, row: Row, error: Rejected, look: Look, rules: StepRules) -> Document:
        """This send was refused, an earlier one may have landed: only what is not found once a look would
        show it is refused for good, by a send of its own."""
        found = self._look(row, look)
        if found is not None:
            return self._record(row, found)
        self._save(replace(row, replayed=True), error)
        raise NotYet(max(1.0, rules.lookup_lag_s + rules.settle_s)) from error

    def _look(self, row: Row, look: Look) -> Document | None:
        try:
            return look(row.body)
        except StepStuck as error:
            self._save(replace(row, state=StepState.STUCK), error)
            raise

    def _quiet_s(self, row: Row, rules: StepRules, now: datetime) -> float:
        """By the wall clock, and by the monotonic one where this process sent it: a clock that jumped
        ahead must not shorten the wait."""
        by_wall_s = wait_before_sending_anew(row.view, rules, now)
        sent = self._book.store.last_sends.get(row.id or 0)
        if sent is None or row.last_sent_at is None:
            return by_wall_s
        elapsed_s = self._book.store.clock.monotonic() - sent
        return max(by_wall_s, rules.lookup_lag_s + rules.settle_s - elapsed_s)

    def _rules(self, lag_s: float | None, look_first: bool) -> StepRules:
        can = self._book.can
        return StepRules(
            key_window_s=can.key_window_s,
            lookup_lag_s=can.lookup_lag_s if lag_s is None else lag_s,
            settle_s=can.settle_s,
            look_first=look_first or self._book.look_first,
        )

    # --- rows -----------------------------------------------------------------------------------------

    def _load(self, step: str, body: Document) -> Row:
        row = self._book.steps(self._subject).get(step)
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

    def _under_a_new_key(self, row: Row) -> Row:
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

    def _mark(self, row: Row) -> Row:
        """Commit that a send is about to happen, together with the results of the steps before."""
        now = self._book.store.clock.now()
        marked = replace(
            row,
            state=StepState.SENDING,
            key_first_sent_at=row.key_first_sent_at or now,
            first_sent_at=row.first_sent_at or now,
            last_sent_at=now,
            attempts=row.attempts + 1,
            ambiguous=row.ambiguous or row.state is StepState.SENDING,
        )

        def work() -> int:
            self._book.lease.guard(self._book.can.deadline_s + LEASE_MARGIN_S)
            self._write_unwritten()
            if self._on_mark is not None:
                self._on_mark()
            return self._put(self._subject, marked)

        marked = self._remember(replace(marked, id=self._commit("push.mark", work)))
        self._on_mark = None
        self._book.store.last_sends[marked.id or 0] = self._book.store.clock.monotonic()
        return marked

    def _record(self, row: Row, result: Document) -> Document:
        done = replace(row, state=StepState.DONE, result=result, fault_code=None, fault_text=None)
        self._unwritten.append((self._subject, self._remember(done)))
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
            return self._put(self._subject, failed)

        self._remember(replace(failed, id=self._commit("push.fault", work)))

    def _remember(self, row: Row) -> Row:
        self._book.steps(self._subject)[row.operation] = row
        return row

    def _put(self, subject: str, row: Row) -> int:
        book = self._book
        return steps.put(row, tenant_id=book.tenant_id, integration_id=book.integration_id, subject=subject)
