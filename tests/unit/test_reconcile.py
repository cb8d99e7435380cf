"""Reconcile: the provider is the truth for money received, and nothing that was received is forgotten."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from daemon.model import BALANCE, EVERY_KIND, DocStatus, Fact, FactKind, Observation, PaymentStatus
from daemon.model.documents import HERE
from daemon.money import Money
from daemon.reconcile import (
    Change,
    Known,
    KnownFact,
    Standing,
    decide,
    effective,
    entered,
    fold,
    gone_id,
    paid_there,
    withdrawn,
)

TOTAL = Money(4500, "EUR")
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)

K, P, D = FactKind, PaymentStatus, DocStatus


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def fact(kind: FactKind, minor: int, name: str = "", *, reverses: FactKind | None = None) -> Fact:
    return Fact(kind, name or f"{kind.value}_1", eur(minor), AT, "card", "txn_1", reverses=reverses)


def paid(minor: int, name: str = "pay_1") -> Fact:
    return fact(K.PAYMENT, minor, name)


def known(*facts: Fact, status: PaymentStatus = P.OPEN, doc: DocStatus | None = D.OPEN) -> Known:
    return Known(TOTAL, status, doc, tuple(KnownFact(item, 0) for item in facts))


def seen(
    *facts: Fact,
    doc: DocStatus = D.OPEN,
    total: int | None = None,
    covers: frozenset[FactKind] = EVERY_KIND,
    at: datetime | None = None,
    version: int | None = None,
) -> Observation:
    told = sum(item.amount.minor for item in facts if item.kind is K.PAYMENT)
    paid_total = eur(told if total is None else total)
    return Observation(
        "inv_1", doc, paid_total=paid_total, facts=facts, covers=covers, as_of=at, version=version
    )


def after(held: Known, change: Change | None) -> Known:
    """What is known once the change is written, as the store does it."""
    if change is None:
        return held
    observed = change.observation
    return replace(
        held,
        status=change.standing.status,
        doc_status=observed.status,
        facts=held.facts + change.new_facts,
        as_of=observed.as_of or held.as_of,
        version=observed.version if observed.version is not None else held.version,
    )


def follow(held: Known, *observations: Observation) -> Known:
    for observation in observations:
        held = after(held, decide(held, observation))
    return held


def standing(held: Known) -> Standing:
    return fold(held.total, held.facts, held.doc_status)


# --- entered here -------------------------------------------------------------------------------------

BOOKS = st.lists(
    st.tuples(st.sampled_from(("card", "cash", "record", "read")), st.integers(1, 3000)), max_size=12
)


@settings(max_examples=300)
@given(BOOKS)
def test_what_is_entered_here_counts_at_once_never_twice_and_in_the_end_once(
    acts: list[tuple[str, int]],
) -> None:
    """Whatever comes in there meanwhile, whoever tells of a payment first."""
    held, books, waiting, entered_ = known(), [], [], 0

    def read() -> Known:
        return follow(held, seen(*books))

    for number, (act, minor) in enumerate(acts):
        match act:
            case "card":
                books.append(paid(minor, f"pay_{number}"))
            case "cash":
                beside = paid_there(held.facts, "EUR")
                cash = Fact(K.PAYMENT, f"{HERE}{number:02}", eur(minor), AT, "cash", beside=beside)
                before = standing(held).paid.minor
                held = after(held, entered(held, cash))
                assert standing(held).paid.minor == before + minor
                waiting.append(cash)
                entered_ += minor
            case "record" if waiting:
                cash = waiting.pop(0)
                books.append(paid(cash.amount.minor, f"rec_{number}"))
            case "read":
                held = read()
        cards = sum(x.amount.minor for x in books if x.external_id.startswith("pay"))
        assert standing(held).paid.minor <= cards + entered_
        assert cards or standing(held).paid.minor == entered_

    books += [paid(cash.amount.minor, f"rec_end_{n}") for n, cash in enumerate(waiting)]
    held = read()
    assert standing(held).paid.minor == cards_in(books) + entered_
    assert standing(read()) == standing(held)


def cards_in(books: list[Fact]) -> int:
    return sum(x.amount.minor for x in books if x.external_id.startswith("pay"))


def test_it_gives_way_to_the_providers_own_word_which_may_be_taken_back_there() -> None:
    held = known()
    cash = Fact(K.PAYMENT, f"{HERE}1", eur(4500), AT, "cash", beside=eur(0))
    held = after(held, entered(held, cash))
    assert (standing(held).status, standing(held).method) == (P.PAID, "cash")

    held = follow(held, seen(paid(4500), doc=D.PAID))
    assert [x.external_id for x in effective(held.facts)] == ["pay_1"]
    change = decide(held, seen(doc=D.OPEN))

    assert change is not None
    assert (change.standing.status, change.alarming) == (P.OPEN, "reopened")


def test_of_two_that_were_entered_the_second_counts_on_when_the_first_is_in_the_books() -> None:
    held = with_cash(with_cash(known(), "1", 2500), "2", 1500)

    held = follow(held, seen(paid(2500)))

    assert standing(held).paid == eur(4000)
    assert standing(follow(held, seen(paid(2500), paid(1500, "pay_2")))).paid == eur(4000)
    assert standing(follow(held, seen())).paid == eur(1500), "what is taken back there is owed again"


def test_recorded_after_a_card_payment_bounced_it_counts_once() -> None:
    held = with_cash(follow(known(), seen(paid(2500))), "1", 1500)

    held = follow(held, seen())
    assert standing(held).paid == eur(1500)

    assert standing(follow(held, seen(paid(1500, "rec_1")))).paid == eur(1500)


def with_cash(held: Known, name: str, minor: int) -> Known:
    beside = paid_there(held.facts, "EUR")
    return after(held, entered(held, Fact(K.PAYMENT, f"{HERE}{name}", eur(minor), AT, "cash", beside=beside)))


def test_what_is_entered_here_is_taken_back_once() -> None:
    held = known()
    held = after(held, entered(held, Fact(K.PAYMENT, f"{HERE}1", eur(4500), AT, "cash", beside=eur(0))))

    change = withdrawn(held, f"{HERE}1")
    assert change is not None
    assert (change.standing.status, change.alarming) == (P.OPEN, "reopened")
    assert withdrawn(after(held, change), f"{HERE}1") is None


# --- the fold -----------------------------------------------------------------------------------------

STANDINGS = {
    "nothing has happened": ((), D.OPEN, P.OPEN, 4500),
    "a draft": ((), D.DRAFT, P.DRAFT, 4500),
    "paid in full": ((paid(4500),), D.PAID, P.PAID, 0),
    "paid in two parts": ((paid(2000), paid(2500, "pay_2")), D.PAID, P.PAID, 0),
    "paid in part": ((paid(2000),), D.OPEN, P.PARTIALLY_PAID, 2500),
    "paid too much": ((paid(5000),), D.PAID, P.OVERPAID, 0),
    "paid too much, and the rest sent back": ((paid(5000), fact(K.REFUND, 500)), D.PAID, P.PAID, 0),
    "a bank debit on its way": ((fact(K.IN_FLIGHT, 4500),), D.OPEN, P.IN_FLIGHT, 4500),
    "a part paid, the rest on its way": ((paid(2000), fact(K.IN_FLIGHT, 2500)), D.OPEN, P.IN_FLIGHT, 2500),
    "a bank debit that was returned": (
        (fact(K.IN_FLIGHT, 4500), fact(K.REVERSAL, 4500, reverses=K.IN_FLIGHT)),
        D.OPEN,
        P.OPEN,
        4500,
    ),
    "refunded in full": ((paid(4500), fact(K.REFUND, 4500)), D.PAID, P.REFUNDED, 0),
    "refunded in part": ((paid(4500), fact(K.REFUND, 1000)), D.PAID, P.PAID, 0),
    "a refund that failed": (
        (paid(4500), fact(K.REFUND, 4500), fact(K.REVERSAL, 4500, reverses=K.REFUND)),
        D.PAID,
        P.PAID,
        0,
    ),
    "disputed": ((paid(4500), fact(K.DISPUTE, 4500)), D.PAID, P.DISPUTED, 0),
    "a dispute that was lost": (
        (paid(4500), fact(K.REVERSAL, 4500, reverses=K.PAYMENT)),
        D.PAID,
        P.OPEN,
        4500,
    ),
    "a payment that bounced in part": (
        (paid(4500), fact(K.REVERSAL, 1500, reverses=K.PAYMENT)),
        D.OPEN,
        P.PARTIALLY_PAID,
        1500,
    ),
    "credited in part": ((fact(K.CREDIT, 500),), D.OPEN, P.OPEN, 4000),
    "credited in part, the rest paid": ((fact(K.CREDIT, 500), paid(4000)), D.PAID, P.PAID, 0),
    "credited in full": ((fact(K.CREDIT, 4500),), D.PAID, P.PAID, 0),
    "void": ((), D.VOID, P.VOID, 0),
    "void, with a part paid": ((paid(1000),), D.VOID, P.VOID, 0),
    "void, and paid all the same": ((paid(4500),), D.VOID, P.PAID, 0),
    "written off": ((fact(K.WRITE_OFF, 4500),), D.UNCOLLECTIBLE, P.UNCOLLECTIBLE, 0),
    "the rest written off": ((paid(2000), fact(K.WRITE_OFF, 2500)), D.UNCOLLECTIBLE, P.UNCOLLECTIBLE, 0),
    "uncollectible, without a word on the amount": ((), D.UNCOLLECTIBLE, P.UNCOLLECTIBLE, 0),
}


@pytest.mark.parametrize(("facts", "doc", "status", "due"), STANDINGS.values(), ids=STANDINGS)
def test_an_invoice_stands_where_its_facts_put_it(
    facts: tuple[Fact, ...], doc: DocStatus, status: PaymentStatus, due: int
) -> None:
    held = fold(TOTAL, [KnownFact(item, 0) for item in facts], doc)

    assert (held.status, held.due) == (status, eur(due))


KINDS = st.sampled_from([K.PAYMENT, K.IN_FLIGHT, K.REFUND, K.CREDIT, K.DISPUTE, K.WRITE_OFF])
FACTS = st.lists(
    st.builds(
        lambda kind, name, minor, revision, gone: KnownFact(
            fact(K.REVERSAL, minor, gone_id(kind, name), reverses=kind) if gone else fact(kind, minor, name),
            revision,
        ),
        KINDS,
        st.sampled_from(["a", "b", "c"]),
        st.integers(1, 5000),
        st.integers(0, 2),
        st.booleans(),
    ),
    max_size=8,
    unique_by=lambda k: (k.fact.kind, k.fact.external_id, k.revision),
)


@given(FACTS, st.sampled_from(DocStatus), st.randoms(use_true_random=False))
def test_the_fold_does_not_care_in_which_order_or_how_often_it_was_told(
    facts: list[KnownFact], doc: DocStatus, chance: random.Random
) -> None:
    shuffled = facts + [item for item in facts if chance.random() < 0.5]
    chance.shuffle(shuffled)

    assert fold(TOTAL, shuffled, doc) == fold(TOTAL, facts, doc)


@given(FACTS, st.sampled_from(DocStatus))
def test_what_is_due_is_never_negative_and_nothing_is_owed_on_a_settled_invoice(
    facts: list[KnownFact], doc: DocStatus
) -> None:
    held = fold(TOTAL, facts, doc)

    assert held.due.minor >= 0
    if held.status in (P.PAID, P.OVERPAID, P.REFUNDED, P.VOID, P.UNCOLLECTIBLE):
        assert held.due.minor == 0


def test_the_day_the_method_and_the_transaction_are_those_of_the_last_payment() -> None:
    first, last = paid(2000), replace(paid(2500, "pay_2"), at=AT + timedelta(days=1), method="bank debit")

    held = standing(known(first, last, replace(paid(1, BALANCE), at=None)))

    assert (held.paid_at, held.method) == (AT + timedelta(days=1), "bank debit")


# --- what an observation changes ----------------------------------------------------------------------


def test_a_payment_that_is_gone_leaves_a_reversal_and_stays_in_the_books() -> None:
    held = follow(known(), seen(paid(4500), doc=D.PAID))

    change = decide(held, seen())

    assert change is not None
    assert [(k.fact.kind, k.fact.reverses, k.fact.amount) for k in change.new_facts] == [
        (K.REVERSAL, K.PAYMENT, eur(4500))
    ]
    assert paid(4500) in [k.fact for k in after(held, change).facts]
    assert (change.standing.status, change.alarming) == (P.OPEN, "reopened")


def test_a_payment_that_comes_back_counts_again() -> None:
    held = follow(known(), seen(paid(4500), doc=D.PAID), seen(), seen(paid(4500), doc=D.PAID))

    assert standing(held).status is P.PAID
    assert standing(follow(held, seen())).status is P.OPEN


def test_an_edited_payment_is_a_new_revision_of_itself() -> None:
    held = follow(known(), seen(paid(2000)), seen(paid(2500)))

    assert [(k.fact.amount, k.revision) for k in held.facts] == [(eur(2000), 0), (eur(2500), 1)]
    assert standing(held).paid == eur(2500)


def test_a_kind_of_fact_that_a_read_does_not_show_is_not_gone() -> None:
    held = follow(known(), seen(paid(4500), fact(K.DISPUTE, 4500), doc=D.PAID))

    assert decide(held, seen(paid(4500), doc=D.PAID, covers=frozenset({K.PAYMENT}))) is None


def test_the_balance_gives_way_to_the_payments_it_stood_for_and_the_sum_stays() -> None:
    held = follow(known(), seen(total=4500, doc=D.PAID))
    assert standing(held).paid == eur(4500)

    change = decide(held, seen(paid(3000), paid(1500, "pay_2"), doc=D.PAID))

    assert change is not None
    assert change.standing.paid == eur(4500)
    assert change.standing.status is P.PAID
    assert BALANCE not in [f.external_id for f in effective(after(held, change).facts)]


def test_a_read_without_payments_does_not_count_the_known_ones_twice() -> None:
    held = follow(known(), seen(paid(4500), doc=D.PAID))

    without = seen(total=4500, doc=D.PAID, covers=frozenset({K.WRITE_OFF}))

    assert decide(held, without) is None


def test_a_read_without_a_total_says_nothing_about_the_balance() -> None:
    held = follow(known(), seen(total=4500, doc=D.PAID))

    assert decide(held, replace(seen(doc=D.PAID), paid_total=None)) is None


def test_a_refund_leaves_nothing_owed_and_alarms_nobody() -> None:
    held = follow(known(), seen(paid(4500), doc=D.PAID))

    change = decide(held, seen(paid(4500), fact(K.REFUND, 4500), doc=D.PAID))

    assert change is not None
    assert (change.standing.status, change.standing.due) == (P.REFUNDED, eur(0))
    assert change.alarming is None


def test_a_dispute_that_is_won_ends_as_paid_and_one_that_is_lost_owes_again() -> None:
    held = follow(known(), seen(paid(4500), fact(K.DISPUTE, 4500), doc=D.PAID))

    won = follow(held, seen(paid(4500), doc=D.PAID))
    lost = follow(held, seen(paid(4500), fact(K.REVERSAL, 4500, reverses=K.PAYMENT), doc=D.PAID))

    assert (standing(won).status, standing(won).due) == (P.PAID, eur(0))
    assert (standing(lost).status, standing(lost).due) == (P.OPEN, eur(4500))


def test_a_void_invoice_that_is_paid_after_all_is_paid() -> None:
    held = follow(known(), seen(doc=D.VOID))

    assert standing(follow(held, seen(paid(4500), doc=D.PAID))).status is P.PAID


@pytest.mark.parametrize("doc", [D.VOID, D.UNCOLLECTIBLE])
def test_a_debt_that_comes_back_from_the_closed_asks_for_a_second_look(doc: DocStatus) -> None:
    held = follow(known(), seen(doc=doc))

    change = decide(held, seen())

    assert change is not None
    assert (change.standing.status, change.alarming) == (P.OPEN, "reopened")


def test_a_dispute_that_is_lost_owes_anew_and_asks_for_a_second_look() -> None:
    held = follow(known(), seen(paid(4500), fact(K.DISPUTE, 4500), doc=D.PAID))

    change = decide(held, seen(paid(4500), fact(K.REVERSAL, 4500, reverses=K.PAYMENT)))

    assert change is not None
    assert (change.standing.status, change.alarming) == (P.OPEN, "reopened")


def test_a_dispute_of_a_part_that_ends_owes_no_more_than_before() -> None:
    held = follow(known(), seen(paid(2000), fact(K.DISPUTE, 2000)))

    change = decide(held, seen(paid(2000)))

    assert change is not None
    assert (change.standing.status, change.alarming) == (P.PARTIALLY_PAID, None)


def test_a_void_asks_for_a_second_look() -> None:
    change = decide(known(), seen(doc=D.VOID))

    assert change is not None
    assert change.alarming == "void"


@pytest.mark.parametrize("doc", [D.OPEN, D.PAID, D.VOID, D.UNCOLLECTIBLE, D.DRAFT])
def test_a_deleted_document_leaves_what_was_known_however_often_it_is_missed(doc: DocStatus) -> None:
    facts = (paid(4500),) if doc is D.PAID else ()
    held = follow(known(doc=None), seen(*facts, doc=doc))

    change = decide(held, Observation.missing("inv_1"))

    assert change is not None
    assert change.alarming == "missing"
    assert change.standing == standing(held)
    assert decide(after(held, change), Observation.missing("inv_1")) is None


def test_a_word_that_we_do_not_know_changes_nothing() -> None:
    held = follow(known(), seen(paid(4500), doc=D.PAID))

    assert decide(held, seen(doc=D.UNKNOWN)) is None


def test_an_older_observation_changes_nothing() -> None:
    by_time = follow(known(), seen(paid(4500), doc=D.PAID, at=AT))
    by_version = follow(known(), seen(paid(4500), doc=D.PAID, version=7))

    assert decide(by_time, seen(at=AT - timedelta(seconds=1))) is None
    assert decide(by_version, seen(version=6, at=AT + timedelta(days=1))) is None
    assert decide(by_version, seen(version=8)) is not None


def test_a_total_that_differs_is_told() -> None:
    change = decide(known(), replace(seen(paid(100)), total=eur(9900)))

    assert change is not None
    assert "The provider's total is 99.00 EUR, ours 45.00 EUR." in change.sentence


# --- any sequence of observations ---------------------------------------------------------------------


class Account(RuleBasedStateMachine):
    """A provider where payments come, are edited, vanish and return, told whole, in part, or late."""

    @initialize()
    def begin(self) -> None:
        self.there: dict[str, int] = {}
        self.beside = 0
        self.itemised = True
        self.version = 0
        self.told = 0
        self.held = known()

    @rule(name=st.sampled_from("abc"), minor=st.integers(1, 6000))
    def is_paid(self, name: str, minor: int) -> None:
        self.there[name] = minor

    @rule(name=st.sampled_from("abc"))
    def payment_vanishes(self, name: str) -> None:
        self.there.pop(name, None)

    @rule(minor=st.integers(0, 6000))
    def is_paid_beside(self, minor: int) -> None:
        """Money that the provider counts and never itemises."""
        self.beside = minor

    @rule(itemised=st.booleans())
    def itemises(self, itemised: bool) -> None:
        self.itemised = itemised

    def _look(self, doc: DocStatus = D.OPEN) -> Observation:
        self.version += 1
        facts = tuple(paid(minor, name) for name, minor in self.there.items()) if self.itemised else ()
        return seen(*facts, total=self._total(), doc=doc, version=self.version)

    def _total(self) -> int:
        return sum(self.there.values()) + self.beside

    @rule()
    def read(self) -> None:
        observation = self._look()
        before = self.held.facts
        self.held = after(self.held, decide(self.held, observation))
        self.told = self._total()
        assert self.held.facts[: len(before)] == before
        assert decide(self.held, observation) is None

    @rule(doc=st.sampled_from([D.UNKNOWN, D.MISSING]))
    def read_nonsense(self, doc: DocStatus) -> None:
        observation = Observation.missing("inv_1") if doc is D.MISSING else seen(doc=doc)
        self.held = after(self.held, decide(self.held, observation))

    @rule(minor=st.integers(0, 6000))
    def read_late(self, minor: int) -> None:
        assert decide(self.held, seen(paid(minor + 1, "late"), version=-1)) is None or not self.held.version

    @invariant()
    def what_is_held_is_what_the_provider_counted(self) -> None:
        if hasattr(self, "held"):
            live = [f for f in effective(self.held.facts) if f.kind is K.PAYMENT]
            assert sum(f.amount.minor for f in live) == self.told
            assert standing(self.held).paid == eur(self.told)


TestAnySequenceOfObservations = Account.TestCase
TestAnySequenceOfObservations.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
