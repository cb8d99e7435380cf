"""Batches: many subjects take a step in one call, and each of them takes it once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from daemon.errors import Garbled, NotYet, OutcomeUnknown, Rejected, StepStuck, Throttled
from daemon.model import Capabilities, Document, StepState
from daemon.store import integrations, leases, steps
from daemon.store.database import Store
from daemon.store.journal import Book, StoredJournal, StoredJournals
from tests.builders import Builders
from tests.fakes import FrozenClock

CAN = Capabilities(key_window_s=240, lookup_lag_s=60, settle_s=60, deadline_s=45)


@dataclass
class There:
    """The other side: it keeps each element of a batch that it does not refuse."""

    docs: dict[str, str] = field(default_factory=dict)
    calls: list[list[str]] = field(default_factory=list)
    looks: list[list[str]] = field(default_factory=list)
    refuses: dict[str, Exception] = field(default_factory=dict)
    lose: Exception | None = None
    lands: bool = True

    def send(self, sends: Sequence[tuple[Document, str]]) -> list[Document | Exception]:
        names = [body["name"] for body, _key in sends]
        self.calls.append(names)
        lost, self.lose = self.lose, None
        if lost is None or self.lands:
            self.docs |= {name: f"doc-{name}" for name in names if name not in self.refuses}
        if lost is not None:
            raise lost
        return [self.refuses.get(name) or {"id": self.docs[name]} for name in names]

    def look(self, bodies: Sequence[Document]) -> list[Document | Exception | None]:
        names = [body["name"] for body in bodies]
        self.looks.append(names)
        return [{"id": self.docs[name]} if name in self.docs else None for name in names]


class Bench:
    def __init__(self, store: Store, make: Builders, clock: FrozenClock) -> None:
        self.store, self.clock = store, clock
        self.integration = make.an_integration()
        self.there = There()
        self.book = self.a_book()
        self.marked: list[str] = []

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
            can=CAN,
        )

    def after_a_crash(self, seconds: float = leases.LEASE_S + 1) -> None:
        self.store.last_sends.clear()
        self.clock.move(seconds)
        self.book = self.a_book()

    def journal(self, name: str) -> StoredJournal:
        return self.book.invoice(name, f"sub-{name}", lambda: self.marked.append(name))

    def do(self, *names: str, step: str = "create") -> list[Document | Exception]:
        self.book = replace(self.book)
        opened = {name: self.journal(name) for name in names}
        items = [(opened[name], {"name": name}) for name in names]
        answers = StoredJournals(self.book, opened).each(step, items, self.there.send, self.there.look)
        for journal in opened.values():
            journal.flush()
        return answers

    def state(self, name: str) -> StepState:
        return steps.of_invoice(self.integration.id, name)[0].state


@pytest.fixture
def bench(store: Store, make: Builders, clock: FrozenClock) -> Bench:
    return Bench(store, make, clock)


def test_a_batch_is_one_call_one_mark_and_an_answer_for_each(bench: Bench) -> None:
    answers = bench.do("a", "b", "c")

    assert answers == [{"id": "doc-a"}, {"id": "doc-b"}, {"id": "doc-c"}]
    assert bench.there.calls == [["a", "b", "c"]] and bench.there.looks == []
    assert bench.marked == ["a", "b", "c"]
    assert {bench.state(name) for name in "abc"} == {StepState.DONE}


def test_every_mark_is_committed_before_the_call(bench: Bench) -> None:
    def send(sends: Sequence[tuple[Document, str]]) -> list[Document | Exception]:
        assert {bench.state(name) for name in "ab"} == {StepState.SENDING}
        return [{"id": key} for _body, key in sends]

    opened = {name: bench.journal(name) for name in "ab"}
    items = [(opened[name], {"name": name}) for name in "ab"]

    answers = StoredJournals(bench.book, opened).each("create", items, send, bench.there.look)

    assert len({str(answer) for answer in answers}) == 2, "each has a key of its own"


def test_what_is_done_is_not_sent_with_the_others(bench: Bench) -> None:
    bench.do("a", "b")
    bench.after_a_crash()

    assert bench.do("b", "c", "a") == [{"id": "doc-b"}, {"id": "doc-c"}, {"id": "doc-a"}]
    assert bench.there.calls == [["a", "b"], ["c"]]


def test_one_refused_element_stops_no_other(bench: Bench) -> None:
    bench.there.refuses["b"] = Rejected("b is not good")

    first, second, third = bench.do("a", "b", "c")

    assert (first, third) == ({"id": "doc-a"}, {"id": "doc-c"}) and isinstance(second, Rejected)
    assert bench.state("b") is StepState.REJECTED
    bench.after_a_crash()
    assert isinstance(bench.do("b")[0], StepStuck)
    assert len(bench.there.calls) == 1


@pytest.mark.parametrize("lands", [True, False])
def test_a_lost_batch_is_looked_for_and_only_what_is_not_there_is_sent_anew(
    bench: Bench, lands: bool
) -> None:
    bench.there.lose, bench.there.lands = OutcomeUnknown("silence"), lands
    assert all(isinstance(answer, OutcomeUnknown) for answer in bench.do("a", "b"))
    bench.after_a_crash()
    if not lands:
        bench.there.docs["a"] = "doc-a"

    first, second = bench.do("a", "b")

    assert first == {"id": "doc-a"}
    if lands:
        assert second == {"id": "doc-b"} and len(bench.there.calls) == 1
    else:
        assert isinstance(second, NotYet)
        bench.after_a_crash(200)
        assert bench.do("b") == [{"id": "doc-b"}]
        assert bench.there.calls == [["a", "b"], ["b"]]


def test_no_key_is_leant_on_inside_its_window(bench: Bench) -> None:
    """Another batch holds other elements: the provider would not know the call again."""
    bench.there.lose = OutcomeUnknown("silence")
    bench.do("a", "b")

    bench.do("a", "c")

    assert bench.there.looks == [["a"]]
    assert bench.there.calls == [["a", "b"], ["c"]]


def test_a_throttled_batch_is_as_new_as_before(bench: Bench) -> None:
    bench.there.lose, bench.there.lands = Throttled("slow down"), False
    assert all(isinstance(answer, Throttled) for answer in bench.do("a", "b"))

    assert bench.do("a", "b") == [{"id": "doc-a"}, {"id": "doc-b"}]
    assert bench.there.looks == []


def test_answers_that_are_not_as_many_as_the_questions_are_doubtful(bench: Bench) -> None:
    def send(sends: Sequence[tuple[Document, str]]) -> list[Document | Exception]:
        return [{"id": "doc-a"}]

    opened = {name: bench.journal(name) for name in "ab"}
    items = [(opened[name], {"name": name}) for name in "ab"]

    answers = StoredJournals(bench.book, opened).each("create", items, send, bench.there.look)

    assert all(isinstance(answer, Garbled) for answer in answers)
    assert {bench.state(name) for name in "ab"} == {StepState.SENDING}


def test_a_look_that_finds_somebody_elses_stops_that_one_only(bench: Bench) -> None:
    bench.there.lose = OutcomeUnknown("silence")
    bench.do("a", "b")

    def look(bodies: Sequence[Document]) -> list[Document | Exception | None]:
        return [StepStuck("WB-PUSH-MISMATCH", "not ours"), {"id": "doc-b"}]

    opened = {name: bench.journal(name) for name in "ab"}
    items = [(opened[name], {"name": name}) for name in "ab"]
    first, second = StoredJournals(bench.book, opened).each("create", items, bench.there.send, look)

    assert isinstance(first, StepStuck) and second == {"id": "doc-b"}
    assert bench.state("a") is StepState.STUCK


def test_a_lost_lease_sends_nothing(bench: Bench) -> None:
    bench.store.write(
        "test", lambda: integrations.update(bench.integration.id, fence=bench.book.lease.fence + 1)
    )

    with pytest.raises(Exception, match="took over"):
        bench.do("a", "b")
    assert bench.there.calls == []
