"""Journal: a step happens once, whatever happens between its mark and its answer."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import pytest

from daemon.errors import (
    Garbled,
    LeaseLost,
    NotYet,
    OutcomeUnknown,
    Rejected,
    RemoteError,
    StepStuck,
    Throttled,
    Unauthorised,
    Unreachable,
)
from daemon.model import Capabilities, Document, StepState
from daemon.store import integrations, journal, leases, steps
from daemon.store.database import Store
from daemon.store.journal import Book, StoredJournal
from daemon.wire.departure import LEAVES_WITHIN_S
from tests.builders import Builders
from tests.fakes import FrozenClock

HOUR = 3600.0
CAN = Capabilities(key_window_s=19 * HOUR, lookup_lag_s=60, settle_s=60, deadline_s=45)
KEYLESS = Capabilities(key_window_s=0, lookup_lag_s=60, settle_s=60, deadline_s=45)
BODY: Document = {"total": 4500}


@dataclass
class There:
    """The other side of a step: it keeps what arrives, by key where it knows keys."""

    clock: FrozenClock
    key_lives_s: float = 24 * HOUR
    lag_s: float = 0.0
    docs: list[Document] = field(default_factory=list)
    keys: dict[str, tuple[float, Document]] = field(default_factory=dict)
    sent: list[tuple[Document, str]] = field(default_factory=list)
    looks: int = 0
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    before: list[RemoteError | StepStuck | None] = field(default_factory=list)
    after: list[RemoteError | None] = field(default_factory=list)

    def send(self, body: Document, key: str) -> Document:
        self.sent.append((body, key))
        if self.before and (refusal := self.before.pop(0)):
            raise refusal
        at, doc = self.keys.get(key, (float("-inf"), None))
        if doc is None or self.clock.monotonic() - at > self.key_lives_s:
            doc = {"id": f"doc_{next(self.numbers)}", "at": self.clock.monotonic()}
            self.docs.append(doc)
            self.keys[key] = (self.clock.monotonic(), doc)
        if self.after and (lost := self.after.pop(0)):
            raise lost
        return {"id": doc["id"]}

    def look(self, body: Document) -> Document | None:
        self.looks += 1
        now = self.clock.monotonic()
        return next(({"id": doc["id"]} for doc in self.docs if now - doc["at"] >= self.lag_s), None)


class Bench:
    """One integration, its lease, and the journal of one invoice, opened anew as after a crash."""

    def __init__(self, store: Store, make: Builders, clock: FrozenClock) -> None:
        self.store, self.clock = store, clock
        self.integration = make.an_integration()
        self.there = There(clock)
        self.can = CAN
        self.recovering = False
        self.marks = 0
        self.book = self.a_book()

    def a_book(self) -> Book:
        lease = leases.claim(self.store, self.integration.id, "test:1")
        assert lease is not None
        return Book(
            store=self.store,
            lease=lease,
            tenant_id=self.integration.tenant_id,
            tenant_reference="tenant-1",
            integration_id=self.integration.id,
            account="acct_1",
            can=self.can,
            look_first=self.recovering,
        )

    def after_a_crash(self) -> None:
        """Nothing in memory is left; the lease runs out."""
        self.store.last_sends.clear()
        self.clock.move(leases.LEASE_S + 1)
        self.book = self.a_book()

    def invoice(self, reference: str = "1001", payer: str = "sub-0001") -> StoredJournal:
        def on_mark() -> None:
            self.marks += 1

        return self.book.invoice(reference, payer, on_mark)

    def do(self, step: str = "create", *, body: Document = BODY, **options: object) -> Document:
        """The step, from a journal opened anew in a book of its own."""
        self.book = replace(self.book)
        return self.invoice().once(step, body, self.there.send, self.there.look, **options)  # type: ignore[arg-type]

    def flushed(self, step: str = "create") -> Document:
        self.book = replace(self.book)
        opened = self.invoice()
        answer = opened.once(step, BODY, self.there.send, self.there.look)
        opened.flush()
        return answer

    def step(self, operation: str = "create") -> steps.Row:
        rows = steps.of_invoice(self.integration.id, "1001")
        return next(row for row in rows if row.operation == operation)

    def reopen(self) -> int:
        return self.store.write("test", lambda: steps.reopen(self.integration.id, "1001", "sub-0001"))


@pytest.fixture
def bench(store: Store, make: Builders, clock: FrozenClock) -> Bench:
    return Bench(store, make, clock)


def keys_sent(bench: Bench) -> list[str]:
    return [key for _body, key in bench.there.sent]


# --- the ordinary road --------------------------------------------------------------------------------


def test_a_finished_step_answers_from_the_journal(bench: Bench) -> None:
    assert bench.flushed() == {"id": "doc_1"}
    bench.after_a_crash()

    assert bench.do() == {"id": "doc_1"}
    assert len(bench.there.sent) == 1


def test_the_mark_is_committed_before_any_byte_leaves(bench: Bench) -> None:
    def send(body: Document, key: str) -> Document:
        row = bench.step()
        assert (row.state, row.key, row.last_sent_at) == (StepState.SENDING, key, bench.clock.now())
        assert bench.marks == 1
        return {"id": "doc_1"}

    bench.invoice().once("create", BODY, send, bench.there.look)


def test_a_result_is_committed_with_the_next_mark_or_by_flush(bench: Bench) -> None:
    opened = bench.invoice()
    opened.once("create", BODY, bench.there.send, bench.there.look)
    assert bench.step("create").state is StepState.SENDING

    opened.once("send", {"id": "doc_1"}, bench.there.send, bench.there.look)
    assert bench.step("create").state is StepState.DONE
    assert bench.step("send").state is StepState.SENDING

    opened.flush()
    assert bench.step("send").state is StepState.DONE


def test_keys_differ_by_step_and_are_the_same_in_another_database(bench: Bench) -> None:
    bench.flushed("create")
    bench.flushed("send")

    first, second = keys_sent(bench)
    assert first != second
    assert first == journal.step_key(
        tenant="tenant-1", reference="1001", account="acct_1", operation="create", revision=0, send_no=0
    )


# --- after a crash, after silence ---------------------------------------------------------------------


def test_a_crash_between_mark_and_send_sends_under_the_same_key(bench: Bench) -> None:
    bench.there.before = [KeyboardInterrupt()]  # type: ignore[list-item]
    with pytest.raises(KeyboardInterrupt):
        bench.do()
    bench.after_a_crash()

    assert bench.do() == {"id": "doc_1"}
    assert len(set(keys_sent(bench))) == 1
    assert len(bench.there.docs) == 1


def test_a_crash_after_the_send_repeats_the_frozen_body_under_the_same_key(bench: Bench) -> None:
    bench.do()  # the record is lost with the journal object
    bench.after_a_crash()

    assert bench.do(body={"total": 9900}) == {"id": "doc_1"}
    assert bench.there.sent == [(BODY, keys_sent(bench)[0])] * 2
    assert len(bench.there.docs) == 1


@pytest.mark.parametrize("error", [OutcomeUnknown(), Garbled()])
def test_silence_is_repeated_at_once_inside_the_window_of_the_key(bench: Bench, error: RemoteError) -> None:
    bench.there.after = [error]
    with pytest.raises(type(error)):
        bench.do()

    assert bench.do() == {"id": "doc_1"}
    assert len(bench.there.docs) == 1
    assert bench.there.looks == 0


def test_outside_the_window_it_is_looked_for_and_found(bench: Bench) -> None:
    bench.there.after = [OutcomeUnknown()]
    with pytest.raises(OutcomeUnknown):
        bench.do()
    bench.clock.move(hours=20)
    bench.after_a_crash()

    assert bench.do() == {"id": "doc_1"}
    assert (len(bench.there.sent), bench.there.looks) == (1, 1)


def test_the_window_counts_from_the_first_send_under_the_key(bench: Bench) -> None:
    bench.there.after = [OutcomeUnknown()] * 3
    for _ in range(3):
        with pytest.raises(OutcomeUnknown):
            bench.do()
        bench.clock.move(hours=7)
        bench.after_a_crash()

    bench.do()

    assert len(bench.there.docs) == 1
    assert bench.there.looks == 1


def test_what_is_not_found_waits_for_lag_and_settling_from_the_last_send(bench: Bench) -> None:
    bench.can = KEYLESS
    bench.after_a_crash()
    bench.there.before = [OutcomeUnknown()]
    with pytest.raises(OutcomeUnknown):
        bench.do()
    bench.clock.move(119 + LEAVES_WITHIN_S)

    with pytest.raises(NotYet) as caught:
        bench.do()
    assert caught.value.retry_after == pytest.approx(1)

    bench.clock.move(1)
    assert bench.do() == {"id": "doc_1"}
    assert len(set(keys_sent(bench))) == 2
    assert bench.step().send_no == 1


def test_a_look_that_lags_makes_no_duplicate(bench: Bench) -> None:
    bench.can = KEYLESS
    bench.there.key_lives_s, bench.there.lag_s = 0, 60
    bench.after_a_crash()
    bench.there.after = [OutcomeUnknown()]
    with pytest.raises(OutcomeUnknown):
        bench.do()

    for _ in range(20):
        bench.clock.move(10)
        try:
            bench.do()
            break
        except NotYet:
            continue

    assert len(bench.there.docs) == 1


def test_a_clock_that_jumped_ahead_does_not_shorten_the_wait(bench: Bench) -> None:
    bench.can = KEYLESS
    bench.book.can = KEYLESS
    bench.there.before = [OutcomeUnknown()]
    with pytest.raises(OutcomeUnknown):
        bench.do()
    bench.clock.wall_off_s = 7200

    with pytest.raises(NotYet):
        bench.do()


def test_a_stored_error_that_is_replayed_is_looked_behind(bench: Bench) -> None:
    bench.there.before = [OutcomeUnknown(), OutcomeUnknown(replayed=True)]
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            bench.do()
    bench.clock.move(200)

    assert bench.do() == {"id": "doc_1"}
    assert bench.there.looks == 1
    assert bench.step().send_no == 1


def test_a_step_may_look_without_lag(bench: Bench) -> None:
    bench.can = KEYLESS
    bench.after_a_crash()
    bench.there.before = [OutcomeUnknown()]
    with pytest.raises(OutcomeUnknown):
        bench.do(lag_s=0)
    bench.clock.move(60 + LEAVES_WITHIN_S)

    assert bench.do(lag_s=0) == {"id": "doc_1"}


# --- nothing ran --------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [Throttled(), Unreachable(), Unauthorised()])
def test_what_did_not_run_leaves_the_step_as_new(bench: Bench, error: RemoteError) -> None:
    bench.there.before = [error]
    with pytest.raises(type(error)):
        bench.do()

    assert bench.step().state is StepState.NEW
    assert bench.do(body={"total": 9900}) == {"id": "doc_1"}
    assert bench.there.sent[-1][0] == {"total": 9900}


def test_what_did_not_run_leaves_an_earlier_doubt_as_it_was(bench: Bench) -> None:
    bench.there.before, bench.there.after = [None, Throttled()], [OutcomeUnknown()]
    with pytest.raises(OutcomeUnknown):
        bench.do()
    with pytest.raises(Throttled):
        bench.do()
    bench.clock.move(hours=20)

    assert bench.do() == {"id": "doc_1"}
    assert bench.there.looks == 1
    assert len(bench.there.docs) == 1


# --- refused, stuck, reopened -------------------------------------------------------------------------


def test_a_refused_step_stops_until_a_person_reopens_it(bench: Bench) -> None:
    bench.there.before = [Rejected("no such tax")]
    with pytest.raises(Rejected):
        bench.do()

    with pytest.raises(StepStuck, match="no such tax"):
        bench.do()
    assert len(bench.there.sent) == 1

    assert bench.reopen() == 1
    assert bench.do(body={"total": 9900}) == {"id": "doc_1"}
    assert len(set(keys_sent(bench))) == 2
    assert bench.there.sent[-1][0] == {"total": 9900}


def test_a_refusal_after_a_doubt_finds_what_the_first_send_left(bench: Bench) -> None:
    bench.there.before, bench.there.after = [None, Rejected("the number is taken")], [OutcomeUnknown()]
    with pytest.raises(OutcomeUnknown):
        bench.do()

    assert bench.do() == {"id": "doc_1"}
    assert len(bench.there.docs) == 1


def test_a_refusal_after_a_doubt_is_final_only_once_a_look_would_show_the_first(bench: Bench) -> None:
    refused = [Rejected("the number is taken")]
    bench.there.before, bench.there.after, bench.there.lag_s = [None, *refused], [OutcomeUnknown()], 60
    with pytest.raises(OutcomeUnknown):
        bench.do()
    with pytest.raises(NotYet):
        bench.do()
    assert bench.step().state is StepState.SENDING

    bench.clock.move(120)
    assert bench.do() == {"id": "doc_1"}
    assert len(bench.there.docs) == 1


def test_a_refusal_after_a_doubt_that_left_nothing_ends_as_refused(bench: Bench) -> None:
    bench.there.before = [OutcomeUnknown(), Rejected("no"), Rejected("no")]
    with pytest.raises(OutcomeUnknown):
        bench.do()
    with pytest.raises(NotYet):
        bench.do()
    bench.clock.move(120 + LEAVES_WITHIN_S)

    with pytest.raises(Rejected):
        bench.do()
    assert bench.step().state is StepState.REJECTED


def test_a_look_that_finds_something_else_is_stuck_until_a_person_looked(bench: Bench) -> None:
    bench.there.after = [OutcomeUnknown()]
    with pytest.raises(OutcomeUnknown):
        bench.do()
    bench.clock.move(hours=20)
    strange = StepStuck("WB-PUSH-MISMATCH", "our reference is on another customer's invoice")

    def look(_body: Document) -> Document | None:
        raise strange

    with pytest.raises(StepStuck):
        bench.invoice().once("create", BODY, bench.there.send, look)
    with pytest.raises(StepStuck, match="another customer"):
        bench.do()
    assert bench.there.looks == 0

    assert bench.reopen() == 1
    assert bench.do() == {"id": "doc_1"}
    assert bench.there.looks == 1


def test_a_send_that_is_stuck_says_why_again(bench: Bench) -> None:
    bench.there.before = [StepStuck("WB-PUSH-NUMBER-TAKEN", "the number is taken")]
    with pytest.raises(StepStuck):
        bench.do()

    with pytest.raises(StepStuck) as caught:
        bench.do()
    assert caught.value.code == "WB-PUSH-NUMBER-TAKEN"


def test_reopening_leaves_finished_steps_alone(bench: Bench) -> None:
    bench.flushed()

    assert bench.reopen() == 0
    assert bench.do() == {"id": "doc_1"}


# --- recovery, leases, payers -------------------------------------------------------------------------


def test_in_recovery_every_first_send_looks_before(bench: Bench) -> None:
    bench.there.docs.append({"id": "doc_of_before", "at": 0.0})
    bench.recovering = True
    bench.after_a_crash()

    assert bench.do() == {"id": "doc_of_before"}
    assert bench.there.sent == []


def test_a_step_that_asks_for_it_looks_before_its_first_send(bench: Bench) -> None:
    assert bench.do(look_first=True) == {"id": "doc_1"}

    assert (bench.there.looks, len(bench.there.sent)) == (1, 1)


def test_a_lost_lease_stops_the_mark_and_nothing_is_sent(bench: Bench) -> None:
    bench.store.write("test", lambda: integrations.update(bench.integration.id, fence=99))

    with pytest.raises(LeaseLost):
        bench.do()

    assert bench.there.sent == []
    assert steps.of_invoice(bench.integration.id, "1001") == []


def test_a_lease_too_short_for_the_call_is_renewed_before_it(bench: Bench) -> None:
    bench.clock.move(leases.LEASE_S - 45)

    bench.do()

    until = integrations.get(None, bench.integration.id).lease_until
    assert until is not None
    assert (until - bench.clock.now()).total_seconds() >= CAN.deadline_s + journal.LEASE_MARGIN_S


def test_a_late_result_is_dropped_and_the_successor_repeats(bench: Bench) -> None:
    opened = bench.invoice()
    opened.once("create", BODY, bench.there.send, bench.there.look)
    bench.clock.move(leases.LEASE_S + 1)
    successor = bench.a_book()

    with pytest.raises(LeaseLost):
        opened.flush()

    bench.book = successor
    assert bench.flushed() == {"id": "doc_1"}
    assert len(bench.there.docs) == 1


def test_a_payer_s_steps_are_seen_by_the_next_invoice_at_once(bench: Bench) -> None:
    first = bench.invoice("1001").payer("WB-X")
    second = bench.invoice("1002").payer("WB-X")

    assert first.once("payer", BODY, bench.there.send, bench.there.look) == {"id": "doc_1"}
    assert second.once("payer", BODY, bench.there.send, bench.there.look) == {"id": "doc_1"}
    assert len(bench.there.sent) == 1


def test_two_invoices_side_by_side_make_one_payer(bench: Bench) -> None:
    inside, meet = threading.Event(), threading.Event()

    def slow(body: Document, key: str) -> Document:
        inside.set()
        meet.wait(0.2)
        return bench.there.send(body, key)

    def work(reference: str) -> Document:
        with bench.store.session():
            opened = bench.invoice(reference).payer("WB-X")
            return opened.once("payer", BODY, slow, bench.there.look)

    assert run_in_threads(work, ["1001", "1002", "1003"]) == [{"id": "doc_1"}] * 3
    assert len(bench.there.sent) == 1


def test_invoices_side_by_side_each_have_their_own(bench: Bench) -> None:
    def work(reference: str) -> Document:
        with bench.store.session():
            opened = bench.invoice(reference)
            answer = opened.once("create", BODY, bench.there.send, lambda _body: None)
            opened.flush()
            return answer

    answers = run_in_threads(work, [str(n) for n in range(8)])

    assert len({answer["id"] for answer in answers}) == len({key for _b, key in bench.there.sent}) == 8


def run_in_threads(work: Callable[[str], Document], names: list[str]) -> list[Document]:
    with ThreadPoolExecutor(len(names)) as pool:
        return list(pool.map(work, names))


def test_finished_steps_leave_nothing_in_memory(bench: Bench) -> None:
    bench.flushed("create")
    bench.flushed("send")

    assert bench.store.last_sends == {}
