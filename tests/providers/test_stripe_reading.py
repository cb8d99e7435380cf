"""Stripe, reading: the truth about each invoice once, in few requests, and no change missed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import httpx
import pytest

from daemon.clock import from_unix
from daemon.errors import Garbled, OutcomeUnknown
from daemon.model import Asked, DocStatus, FactKind, Observation
from daemon.money import Money
from tests.providers.stripe_script import (
    REFERENCE,
    T0,
    Call,
    Script,
    a_list,
    a_payment,
    a_refusal,
    a_stripe,
    an_invoice,
    paid,
)

USD = "USD"
NOTHING = {"GET refunds": a_list(), "GET disputes": a_list()}


def read(document: dict[str, Any], **around: Any) -> Observation:
    """One invoice, read by itself."""
    script = Script({"GET invoices/in_1": document} | NOTHING | around)
    (seen,) = a_stripe(script).pull([Asked("in_1")])
    return seen


def kinds(seen: Observation) -> list[tuple[str, str, int]]:
    return [(fact.kind.value, fact.external_id, fact.amount.minor) for fact in seen.facts]


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("draft", DocStatus.DRAFT),
        ("open", DocStatus.OPEN),
        ("paid", DocStatus.PAID),
        ("void", DocStatus.VOID),
        ("uncollectible", DocStatus.UNCOLLECTIBLE),
        ("novel", DocStatus.UNKNOWN),
        (None, DocStatus.UNKNOWN),
    ],
)
def test_a_new_word_for_a_state_is_unknown(word: str | None, status: DocStatus) -> None:
    assert read(an_invoice(status=word)).status is status


@pytest.mark.parametrize(
    "there", [a_refusal(404, code="resource_missing"), {"id": "in_1", "object": "invoice", "deleted": True}]
)
def test_an_invoice_that_is_gone_is_answered_as_missing(there: Any) -> None:
    assert read(there) == Observation.missing("in_1")


def test_an_invoice_tells_all_it_knows() -> None:
    seen = read(an_invoice(latest_revision="in_2"))

    assert (seen.number, seen.our_reference, seen.payer_ref) == ("A-1", REFERENCE, "cus_1")
    assert (seen.due_on, seen.successor) == (date(2026, 3, 16), "in_2")
    assert seen.links.view_url == "https://dashboard.stripe.com/test/invoices/in_1"
    assert seen.covers == frozenset(FactKind)


def test_the_evidence_holds_no_person_and_no_open_link() -> None:
    raw = str(read(paid(an_invoice())).raw)

    assert "subscriber0001@example.com" not in raw and "https://" not in raw
    assert "inpay_1" in raw


def test_payments_are_itemised() -> None:
    intent = {"id": "pi_1", "status": "succeeded", "payment_method_types": ["us_bank_account"]}
    seen = read(
        an_invoice(
            amount_paid=1500,
            amount_remaining=3000,
            payments=a_list(a_payment(intent=intent, amount=1500), a_payment("inpay_2", status="canceled")),
        )
    )

    (fact,) = seen.facts
    assert (fact.kind, fact.amount, fact.transaction_id) == (FactKind.PAYMENT, Money(1500, USD), "pi_1")
    assert (fact.at, fact.method) == (from_unix(T0 + 90), "us_bank_account")
    assert (seen.status, seen.paid_total) == (DocStatus.OPEN, Money(1500, USD))


def test_payments_beyond_the_first_page_are_read() -> None:
    rows = [a_payment(f"inpay_{i}", f"pi_{i}", amount=100) for i in range(3)]
    document = an_invoice(amount_paid=300, payments=a_list(rows[0], more=True))

    assert len(read(document, **{"GET invoice_payments": a_list(*rows)}).facts) == 3


@pytest.mark.parametrize("amount_paid", [0, 4500])
@pytest.mark.parametrize("off_stripe", [None, 0, 4500])
def test_a_payment_outside_stripe_counts_however_it_is_told(amount_paid: int, off_stripe: int | None) -> None:
    seen = read(
        an_invoice(
            status="paid", amount_paid=amount_paid, amount_remaining=0, amount_paid_off_stripe=off_stripe
        )
    )

    assert seen.paid_total == Money(4500, USD)


@pytest.mark.parametrize("amount_paid", [4500, 5000])
def test_an_overpayment_counts_however_it_is_told(amount_paid: int) -> None:
    document = paid(an_invoice()) | {"amount_paid": amount_paid, "amount_overpaid": 500}

    assert read(document).paid_total == Money(5000, USD)


@pytest.mark.parametrize("state", ["processing", "requires_payment_method"])
def test_a_bank_debit_under_way_is_in_flight(state: str) -> None:
    intent = {"id": "pi_1", "status": state, "amount": 4500}
    seen = read(an_invoice(payments=a_list(a_payment(intent=intent, status="open"))))

    assert kinds(seen) == ([("in_flight", "inpay_1", 4500)] if state == "processing" else [])
    assert FactKind.IN_FLIGHT in seen.covers


def test_a_payment_whose_state_is_not_shown_leaves_flights_open() -> None:
    seen = read(an_invoice(payments=a_list(a_payment(intent="pi_1", status="open"))))

    assert FactKind.IN_FLIGHT not in seen.covers


def a_refund(ref: str, status: str, amount: int = 1000, intent: str = "pi_1") -> dict[str, Any]:
    fields = {"payment_intent": intent, "status": status, "created": T0 + 200, "currency": "usd"}
    return {"id": ref, "object": "refund", "amount": amount, **fields}


def test_refunds_count_unless_they_failed() -> None:
    rows = [a_refund("re_1", "succeeded"), a_refund("re_2", "failed"), a_refund("re_3", "canceled")]
    seen = read(paid(an_invoice()), **{"GET refunds": a_list(*rows, a_refund("re_4", "pending", 500))})

    assert kinds(seen)[1:] == [("refund", "re_1", 1000), ("refund", "re_4", 500)]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("needs_response", [("dispute", "dp_1", 4500)]),
        ("under_review", [("dispute", "dp_1", 4500)]),
        ("warning_needs_response", [("dispute", "dp_1", 4500)]),
        ("novel", [("dispute", "dp_1", 4500)]),
        ("won", []),
        ("warning_closed", []),
        ("lost", [("reversal", "dp_1", 4500)]),
    ],
)
def test_a_dispute_takes_money_back_only_when_it_is_lost(status: str, expected: list[Any]) -> None:
    dispute = {"id": "dp_1", "amount": 4500, "currency": "usd", "payment_intent": "pi_1", "created": T0}
    seen = read(paid(an_invoice()), **{"GET disputes": a_list(dispute | {"status": status})})

    assert kinds(seen)[1:] == expected
    assert all(fact.reverses is FactKind.PAYMENT for fact in seen.facts if fact.kind is FactKind.REVERSAL)


def test_a_dispute_in_another_currency_is_for_what_was_paid() -> None:
    dispute = {"id": "dp_1", "amount": 4100, "currency": "eur", "payment_intent": "pi_1", "status": "lost"}
    seen = read(paid(an_invoice()), **{"GET disputes": a_list(dispute)})

    assert seen.facts[-1].amount == Money(4500, USD)


def a_note(ref: str, *, pre: int = 0, post: int = 0, **changed: Any) -> dict[str, Any]:
    amounts = {"pre_payment_amount": pre, "post_payment_amount": post, "refunds": []}
    return {"id": ref, "object": "credit_note", "status": "issued", "created": T0, **amounts, **changed}


def test_a_credit_note_before_payment_is_a_credit() -> None:
    document = an_invoice(amount_due=3500, amount_remaining=3500, pre_payment_credit_notes_amount=1000)
    notes = a_list(a_note("cn_1", pre=1000), a_note("cn_2", pre=700, status="void"))

    assert kinds(read(document, **{"GET credit_notes": notes})) == [("credit", "cn_1", 1000)]


def test_a_list_of_credit_notes_that_lags_behind_the_invoice_takes_no_credit_away() -> None:
    document = an_invoice(amount_due=3500, amount_remaining=3500, pre_payment_credit_notes_amount=1000)

    assert FactKind.CREDIT not in read(document, **{"GET credit_notes": a_list()}).covers
    assert FactKind.CREDIT in read(document, **{"GET credit_notes": a_list(a_note("cn_1", pre=1000))}).covers


def test_a_credit_note_after_payment_is_counted_once_with_its_refund() -> None:
    document = paid(an_invoice()) | {"post_payment_credit_notes_amount": 1500}
    note = a_note("cn_1", post=1500, refunds=[{"refund": "re_1", "amount_refunded": 1000}])
    around = {"GET credit_notes": a_list(note), "GET refunds": a_list(a_refund("re_1", "succeeded"))}

    assert kinds(read(document, **around))[1:] == [("refund", "re_1", 1000), ("refund", "cn_1", 500)]


def test_what_was_given_up_is_a_write_off() -> None:
    assert kinds(read(an_invoice(status="uncollectible"))) == [("write_off", "in_1:uncollectible", 4500)]


@pytest.mark.parametrize("broken", [{"total": "45.00"}, {"currency": None}, {"currency": "zzz"}])
def test_what_is_not_an_invoice_is_garbled(broken: dict[str, Any]) -> None:
    with pytest.raises(Garbled):
        read(an_invoice() | broken)


def test_what_was_read_before_a_fault_still_counts() -> None:
    script = Script(
        {"GET invoices/in_1": an_invoice(), "GET invoices/in_2": httpx.ReadTimeout("slow")} | NOTHING
    )
    seen = []
    with pytest.raises(OutcomeUnknown):
        for one in a_stripe(script).pull([Asked("in_1"), Asked("in_2")]):
            seen.append(one.ref)

    assert seen == ["in_1"]


def test_one_invoice_that_is_nonsense_keeps_no_other_from_being_told() -> None:
    odd = {"GET invoices/in_1": an_invoice("in_1", total="45.00"), "GET invoices/in_2": "<html>"}
    script = Script(odd | {"GET invoices/in_3": an_invoice("in_3")} | NOTHING)
    seen = []
    with pytest.raises(Garbled):
        for one in a_stripe(script).pull([Asked("in_1"), Asked("in_2"), Asked("in_3")]):
            seen.append(one.ref)

    assert seen == ["in_3"]


# --- many ---------------------------------------------------------------------------------------------


class Ledger:
    """An account with many invoices, newest first, as lists show them."""

    def __init__(self, count: int, *, paid_every: int = 2, refunds: Iterable[dict[str, Any]] = ()) -> None:
        self.calls: list[Call] = []
        self.invoices = {}
        for i in range(count):
            document = an_invoice(f"in_{i}", created=T0 + i)
            if i % paid_every == 0:
                document = paid(document, a_payment(f"inpay_{i}", f"pi_{i}"))
            self.invoices[document["id"]] = document
        self.refunds = list(refunds)

    def script(self) -> Script:
        script = Script(
            {f"GET invoices/{ref}": document for ref, document in self.invoices.items()}
            | {
                "GET invoices": self._page,
                "GET refunds": a_list(*self.refunds),
                "GET disputes": a_list(),
                "GET invoice_payments": a_list(),
            }
        )
        self.calls = script.calls
        return script

    def _page(self, call: Call) -> dict[str, Any]:
        created = call.params.get("created", {})
        low, high = int(created.get("gte", 0)), int(created.get("lte", T0 * 2))
        rows = [doc for doc in reversed(self.invoices.values()) if low <= doc["created"] <= high]
        after = call.params.get("starting_after")
        start = next((place + 1 for place, doc in enumerate(rows) if doc["id"] == after), 0)
        end = start + int(call.params["limit"])
        return a_list(*rows[start:end], more=end < len(rows))


def test_ten_thousand_invoices_are_read_in_a_hundred_lists() -> None:
    ledger = Ledger(10_000, refunds=[a_refund("re_1", "succeeded", intent="pi_0")])
    asked = [Asked(ref, from_unix(T0)) for ref in ledger.invoices]

    seen = {one.ref: one for one in a_stripe(ledger.script()).pull(asked)}

    assert len(seen) == 10_000
    lists = [call for call in ledger.calls if call.path == "invoices"]
    assert len(lists) <= 101 and len(ledger.calls) <= 104
    assert ("refund", "re_1", 1000) in kinds(seen["in_0"])


@pytest.mark.parametrize("strangers", [0, 10_000])
def test_a_hundred_changed_invoices_take_at_most_a_hundred_and_ten_requests(strangers: int) -> None:
    ledger = Ledger(100 + strangers)
    step = (100 + strangers) // 100
    asked = [Asked(ref, from_unix(T0)) for ref in list(ledger.invoices)[::step]]
    assert len(asked) == 100

    seen = list(a_stripe(ledger.script()).pull(asked))

    assert {one.ref for one in seen} == {one.ref for one in asked} and len(seen) == 100
    assert len(ledger.calls) <= 110


def test_fifty_paid_invoices_cost_one_list_of_refunds_and_one_of_disputes() -> None:
    ledger = Ledger(50, paid_every=1)

    list(a_stripe(ledger.script()).pull([Asked(ref) for ref in ledger.invoices]))

    assert len(ledger.calls) == 52


def test_a_listing_finds_what_is_in_flight_too() -> None:
    ledger = Ledger(60)
    ledger.invoices["in_1"] |= {"payments": a_list(a_payment("inpay_1", status="open"))}
    script = ledger.script()
    intent = {"id": "pi_1", "status": "processing", "amount": 4500}
    script.routes["GET invoice_payments"] = a_list(a_payment("inpay_1", intent, status="open"))

    asked = [Asked(ref, from_unix(T0)) for ref in ledger.invoices]
    seen = {one.ref: one for one in a_stripe(script).pull(asked)}

    assert kinds(seen["in_1"]) == [("in_flight", "inpay_1", 4500)]
    assert all(FactKind.IN_FLIGHT in one.covers for one in seen.values())


def test_a_great_listing_does_not_claim_to_have_seen_what_is_in_flight() -> None:
    ledger = Ledger(1001)
    ledger.invoices["in_1"] |= {"payments": a_list(a_payment("inpay_1", status="open"))}

    asked = [Asked(ref, from_unix(T0)) for ref in ledger.invoices]
    seen = {one.ref: one for one in a_stripe(ledger.script()).pull(asked)}

    assert FactKind.IN_FLIGHT not in seen["in_1"].covers


def test_what_a_listing_does_not_show_is_read_by_itself() -> None:
    ledger = Ledger(60)
    script = ledger.script()
    script.routes |= {"GET invoices/in_old": an_invoice("in_old"), "GET invoices/in_gone": a_refusal(404)}
    asked = [Asked(ref, from_unix(T0)) for ref in [*ledger.invoices, "in_old", "in_gone"]]

    seen = {one.ref: one.status for one in a_stripe(script).pull(asked)}

    assert len(seen) == 62
    assert (seen["in_old"], seen["in_gone"]) == (DocStatus.OPEN, DocStatus.MISSING)


def test_a_ref_asked_twice_is_answered_once() -> None:
    script = Script({"GET invoices/in_1": an_invoice()})

    assert len(list(a_stripe(script).pull([Asked("in_1"), Asked("in_1")]))) == 1
