"""QuickBooks, reading: an invoice has no status, and only its payments tell what settled it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import httpx
import pytest

from daemon.errors import Garbled, Missing, Rejected
from daemon.model import Asked, DocStatus, Document, FactKind, Mode, Observation
from daemon.money import Money
from daemon.providers.contract import PlainJournal, PlainJournals
from daemon.providers.quickbooks.drafts import read_note
from daemon.providers.quickbooks.read import View, moment, observe
from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.quickbooks.books import Company
from tests.providers.quickbooks_bench import QuickBooksBench

VIEW = View("9130000000000001", Mode.LIVE, "USD")


@pytest.fixture
def bench() -> QuickBooksBench:
    return QuickBooksBench()


def read(bench: QuickBooksBench, ref: str) -> Observation:
    (seen,) = bench.adapter().pull([Asked(ref)])
    return seen


def told(seen: Observation) -> list[tuple[str, str, int]]:
    return [(fact.kind.value, fact.external_id, fact.amount.minor) for fact in seen.facts]


def usd(minor: int) -> Money:
    return Money(minor, "USD")


# --- money and credit ----------------------------------------------------------------------------------


def test_a_credit_memo_settles_without_being_paid(bench: QuickBooksBench) -> None:
    ref = bench.pushed()
    bench.account.credit(ref, 4500)

    seen = read(bench, ref)

    ((kind, name, amount),) = told(seen)
    assert (kind, amount, name.endswith(":credit")) == ("credit", 4500, True)
    assert (seen.status, seen.paid_total) == (DocStatus.PAID, usd(0))


def test_a_payment_that_brings_a_credit_too_is_told_in_its_two_parts(bench: QuickBooksBench) -> None:
    ref = bench.pushed()
    payment = bench.account.credit_and_pay(ref, 1000, 3500)

    seen = read(bench, ref)

    assert told(seen) == [("payment", payment, 3500), ("credit", f"{payment}:credit", 1000)]
    assert seen.paid_total == usd(3500)


def test_one_payment_over_several_invoices_is_a_fact_of_each(bench: QuickBooksBench) -> None:
    first, second = bench.pushed("A-1"), bench.pushed("A-2")
    payment = bench.account.pay_several({first: 4500, second: 1500})

    assert told(read(bench, first)) == [("payment", payment, 4500)]
    assert told(read(bench, second)) == [("payment", payment, 1500)]
    assert read(bench, second).status is DocStatus.OPEN


def test_credits_of_a_payment_over_several_invoices_are_divided_to_the_cent() -> None:
    payment = a_payment(
        {"1": "10.00", "2": "20.01"}, total="20.00", lines=[a_line("10.01", "77", "CreditMemo")]
    )
    parts = [
        observe(an_invoice(ref, amount, "0", linked=["180"]), VIEW, {"180": payment})
        for ref, amount in (("1", "10.00"), ("2", "20.01"))
    ]

    credited = [fact.amount.minor for seen in parts for fact in seen.facts if fact.kind is FactKind.CREDIT]
    paid = [fact.amount.minor for seen in parts for fact in seen.facts if fact.kind is FactKind.PAYMENT]
    assert (sum(credited), sum(paid)) == (1001, 2000)
    assert [seen.paid_total.minor for seen in parts if seen.paid_total] == paid


def test_what_a_payment_brings_beyond_its_one_invoice_is_paid_too(bench: QuickBooksBench) -> None:
    ref = bench.pushed()
    payment = bench.account.overpay(ref, 500)

    seen = read(bench, ref)

    assert told(seen) == [("payment", payment, 5000)]
    assert (seen.status, seen.paid_total) == (DocStatus.PAID, usd(5000))


def test_what_was_left_over_and_settles_another_invoice_is_counted_once(bench: QuickBooksBench) -> None:
    first = bench.pushed("A-1")
    payment = bench.account.overpay(first, 4500)
    bench.account.company.auto_apply = True
    second = bench.pushed("A-2")

    assert told(read(bench, first)) == [("payment", payment, 4500)]
    assert told(read(bench, second)) == [("payment", payment, 4500)]


def test_a_deposit_counts_as_paid() -> None:
    seen = observe(an_invoice("1", "52.00", "40.00", Deposit=Decimal("12.00")), VIEW, {})

    assert told(seen) == [("payment", "1:deposit", 1200)]
    assert seen.paid_total == usd(1200)


def test_what_settled_it_otherwise_is_told_in_the_total(bench: QuickBooksBench) -> None:
    seen = observe(an_invoice("1", "45.00", "5.00"), VIEW, {})

    assert (seen.facts, seen.paid_total) == ((), usd(4000))


def test_a_credit_memo_linked_without_a_payment_is_no_money() -> None:
    doc = an_invoice("1", "45.00", "5.00")
    doc["LinkedTxn"] = [{"TxnId": "77", "TxnType": "CreditMemo"}]

    seen = observe(doc, VIEW, {})

    assert (told(seen), seen.paid_total) == ([("credit", "1:credit", 4000)], usd(0))


@pytest.mark.parametrize("act", ["reverse", "void_payment", "unapply"])
@pytest.mark.parametrize("bumps", [True, False])
def test_a_payment_that_is_taken_back_is_gone_from_the_facts(act: str, bumps: bool) -> None:
    bench = QuickBooksBench(Company(bumps_paid=bumps))
    ref = bench.pushed()
    bench.account.pay(ref)
    before = read(bench, ref)
    getattr(bench.account, act)(ref)

    seen = read(bench, ref)

    assert before.status is DocStatus.PAID
    assert (seen.status, seen.facts, seen.paid_total) == (DocStatus.OPEN, (), usd(0))
    assert FactKind.PAYMENT in seen.covers
    assert seen.version is not None and before.version is not None and seen.version >= before.version


def test_a_payment_that_was_not_read_takes_nothing_away() -> None:
    """Invoice and payments are read at two moments."""
    doc = an_invoice("1", "45.00", "0", linked=["180", "181"])
    other = a_payment({"1": "20.00"}, total="20.00")
    for known in ({}, {"180": other}, {"180": other, "181": a_payment({"9": "25.00"}, "181", total="25.00")}):
        seen = observe(doc, VIEW, known)
        assert (seen.facts, seen.covers, seen.paid_total) == ((), frozenset(), usd(4500))

    newer = a_payment({"1": "99.00"}, total="99.00")
    assert observe(an_invoice("1", "45.00", "0", linked=["180"]), VIEW, {"180": newer}).facts == ()


@pytest.mark.parametrize("act", ["credit", "pay"])
def test_a_list_of_payments_that_lags_behind_the_invoice_is_made_up_for(
    bench: QuickBooksBench, act: str
) -> None:
    """Else a credit memo would be taken for money."""
    ref = bench.pushed()
    bench.pass_time(600)
    getattr(bench.account, act)(ref, 4500)
    bench.double.faults.add(Fault(FaultKind.STALE_LIST, on="GET /v3/company/{realm}/query", seconds=0))
    bench.double.faults.add(Fault(FaultKind.STALE_LIST, on="GET /v3/company/{realm}/query", seconds=300))

    seen = read(bench, ref)

    assert [fact.kind.value for fact in seen.facts] == ["credit" if act == "credit" else "payment"]
    assert seen.covers >= {FactKind.PAYMENT, FactKind.CREDIT}


# --- status --------------------------------------------------------------------------------------------


def test_a_void_is_told_by_its_zeros_whatever_the_language_of_its_note() -> None:
    zeros = an_invoice("1", "0", "0", PrivateNote="Storniert - WB-ABCDEFGHIJKLMNOP 45.00 USD")

    assert observe(zeros, VIEW, {}).status is DocStatus.VOID


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"PrivateNote": "Voided"}, DocStatus.VOID),
        ({"PrivateNote": None, "Qty": 0}, DocStatus.VOID),
        ({"PrivateNote": "WB-ABCDEFGHIJKLMNOP 0.00 USD"}, DocStatus.PAID),
        ({"PrivateNote": None}, DocStatus.PAID),
        ({"Balance": Decimal(-1)}, DocStatus.UNKNOWN),
    ],
)
def test_an_invoice_over_nothing_is_no_void(changed: dict[str, Any], status: DocStatus) -> None:
    doc = an_invoice("1", "0", "0")
    doc["Line"][0]["SalesItemLineDetail"]["Qty"] = changed.pop("Qty", 1)

    assert observe(doc | changed, VIEW, {}).status is status


def test_a_voided_invoice_that_was_paid_is_void_and_its_money_is_gone(bench: QuickBooksBench) -> None:
    ref = bench.pushed()
    bench.account.pay(ref)
    bench.account.void(ref)

    seen = read(bench, ref)

    assert (seen.status, seen.facts, seen.paid_total) == (DocStatus.VOID, (), usd(0))
    assert seen.our_reference == bench.a_draft().reference


def test_an_edited_invoice_tells_its_new_total(bench: QuickBooksBench) -> None:
    ref = bench.pushed()
    bench.account.edit(ref, 4000)

    assert read(bench, ref).total == usd(4000)


def test_a_note_that_was_written_over_loses_the_reference_and_nothing_else(bench: QuickBooksBench) -> None:
    ref = bench.pushed()
    bench.account.annotate(ref, "call them")
    bench.account.pay(ref)

    seen = read(bench, ref)

    assert (seen.our_reference, seen.status) == (None, DocStatus.PAID)


def test_a_deleted_invoice_is_missing(bench: QuickBooksBench) -> None:
    ref = bench.pushed()
    bench.account.delete(ref)

    assert read(bench, ref).status is DocStatus.MISSING


def test_a_list_that_lags_makes_no_invoice_missing(bench: QuickBooksBench) -> None:
    ref = bench.pushed()
    bench.double.faults.add(Fault(FaultKind.STALE_LIST, seconds=60))

    assert read(bench, ref).status is DocStatus.OPEN


@pytest.mark.parametrize(
    "broken",
    [
        {"TotalAmt": None},
        {"Balance": "abc"},
        {"Balance": [1]},
        {"TotalAmt": Decimal("45.005")},
        {"CurrencyRef": {"value": "???"}},
        {"Id": None},
    ],
)
def test_an_invoice_that_is_none_is_garbled(broken: Document) -> None:
    with pytest.raises(Garbled):
        observe(an_invoice("1", "45.00", "45.00") | broken, VIEW, {})


def test_another_object_than_the_one_asked_for_is_garbled(bench: QuickBooksBench) -> None:
    ref = bench.pushed()
    inner = bench.network.inner

    class Another(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            answer = inner.handle_request(request)
            return httpx.Response(
                answer.status_code, content=answer.read().replace(f'"Id":"{ref}"'.encode(), b'"Id":"4711"')
            )

    bench.network.inner = Another()

    with pytest.raises(Garbled):
        read(bench, ref)


def test_times_are_read_with_any_offset_and_never_as_text() -> None:
    expected = moment("2026-03-02T17:00:00Z")
    for text in ("2026-03-02T09:00:00-08:00", "2026-03-02T09:00:00-0800", "2026-03-02T17:00:00.000+00:00"):
        assert moment(text) == expected is not None
    assert [moment(text) for text in ("2026-03-02", "", None, 5)] == [None] * 4


def test_a_note_is_read_whatever_people_write_around_it() -> None:
    reference = "WB-ABCDEFGHIJKLMNOP"
    assert read_note(f"Voided - {reference} 45.00 USD; see ticket") == (reference, usd(4500))
    assert read_note(reference) == (reference, None)
    assert [read_note(text) for text in ("WB-abc", "", None, 7)] == [(None, None)] * 4


# --- batches -------------------------------------------------------------------------------------------


def test_a_thousand_paid_invoices_are_read_in_twenty_calls(bench: QuickBooksBench) -> None:
    journals, refs = PlainJournals(), []
    payer = bench.a_payer(
        external_id=bench.adapter().push_one(bench.a_draft("P"), PlainJournal()).payer.external_id
    )
    for start in range(0, 1000, 30):
        drafts = [bench.a_draft(f"A-{n}", payer=payer) for n in range(start, min(start + 30, 1000))]
        results = bench.adapter(send_email=False).push(drafts, journals)
        refs += [result.pushed.ref for result in results if result.pushed]
    for ref in refs:
        bench.account.pay(ref)
    bench.network.requests.clear()

    seen = list(bench.adapter().pull([Asked(ref) for ref in refs]))

    assert {one.status for one in seen} == {DocStatus.PAID} and len(seen) == 1000
    assert len(bench.network.requests) == 20


def test_what_was_read_before_a_fault_is_answered_before_it(bench: QuickBooksBench) -> None:
    refs = [bench.pushed(f"A-{n}") for n in range(2)]
    asked = [Asked(refs[0]), *(Asked(f"x{n}") for n in range(99)), Asked(refs[1])]
    bench.spoil("error_before", after=1)
    seen: list[str] = []

    with pytest.raises(Exception, match="QuickBooks"):
        for one in bench.adapter().pull(asked):
            seen.append(one.ref)

    assert refs[0] in seen and refs[1] not in seen


# --- verbs ---------------------------------------------------------------------------------------------


def test_a_void_keeps_what_money_or_credit_came_in(bench: QuickBooksBench) -> None:
    paid, credited = bench.pushed("A-1"), bench.pushed("A-2")
    bench.account.pay(paid, 100)
    bench.account.credit(credited, 100)

    for ref in (paid, credited):
        with pytest.raises(Rejected):
            bench.adapter().void(ref, PlainJournal())
        assert read(bench, ref).status is DocStatus.OPEN


def test_an_invoice_that_was_deleted_is_as_good_as_void(bench: QuickBooksBench) -> None:
    ref = bench.pushed()
    bench.account.delete(ref)

    assert bench.adapter().void(ref, PlainJournal()).status is DocStatus.VOID


def test_a_version_that_changed_under_the_void_is_read_once_more(bench: QuickBooksBench) -> None:
    ref = bench.pushed()
    inner, edited = bench.network.inner, []

    class Edited(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if "operation=void" in str(request.url) and not edited:
                edited.append(True)
                bench.account.annotate(ref, f"{bench.a_draft().reference} 45.00 USD, edited")
            return inner.handle_request(request)

    bench.network.inner = Edited()

    assert bench.adapter().void(ref, PlainJournal()).status is DocStatus.VOID


def test_a_payment_of_a_part_is_recorded_and_bears_our_mark(bench: QuickBooksBench) -> None:
    ref = bench.pushed()

    seen = bench.adapter(deposit_account=bench.account.bank).record_payment(
        ref, usd(2000), "cash at the desk", PlainJournal()
    )

    assert (seen.status, seen.paid_total) == (DocStatus.OPEN, usd(2000))
    (body,) = bench.network.posted("/payment")
    assert body["DepositToAccountRef"] == {"value": bench.account.bank}
    assert body["PrivateNote"] == "cash at the desk" and len(body["PaymentRefNum"]) <= 21


def test_more_than_the_balance_is_recorded_as_left_over(bench: QuickBooksBench) -> None:
    ref = bench.pushed()

    seen = bench.adapter().record_payment(ref, usd(5000), "", PlainJournal())

    assert (seen.status, seen.paid_total) == (DocStatus.PAID, usd(5000))


@pytest.mark.parametrize("act", ["pay", "void"])
def test_nothing_is_recorded_where_nothing_is_owed(bench: QuickBooksBench, act: str) -> None:
    ref = bench.pushed()
    getattr(bench.account, act)(ref)

    with pytest.raises(Rejected):
        bench.adapter().record_payment(ref, usd(100), "", PlainJournal())
    assert len(list(bench.account.books.live("Payment"))) == (act == "pay")


def test_invoices_of_many_lines_are_read_in_smaller_groups(bench: QuickBooksBench) -> None:
    lines = tuple(bench.a_line("1.00") for _ in range(50))
    refs = [bench.pushed(f"A-{n}", lines=lines, total=usd(5000)) for n in range(6)]
    adapter = bench.adapter()
    adapter.wire._max_bytes = 40_000  # type: ignore[attr-defined]

    seen = list(adapter.pull([Asked(ref) for ref in refs]))

    assert [(one.ref, one.status) for one in seen] == [(ref, DocStatus.OPEN) for ref in refs]


def test_nothing_is_recorded_on_an_invoice_that_is_gone(bench: QuickBooksBench) -> None:
    with pytest.raises(Missing):
        bench.adapter().record_payment("4711", usd(100), "", PlainJournal())


def test_the_evidence_names_nobody_and_has_no_note(bench: QuickBooksBench) -> None:
    ref = bench.pushed()
    bench.account.annotate(ref, "Subscriber 0001 called")
    bench.account.pay(ref)

    raw = json.dumps(read(bench, ref).raw)

    assert "Subscriber" not in raw and "@" not in raw and '"Balance": "0.00"' in raw


# --- documents -----------------------------------------------------------------------------------------


def an_invoice(ref: str, total: str, balance: str, *, linked: Any = (), **changed: Any) -> Document:
    detail = {"ItemRef": {"value": "1"}, "Qty": 1}
    line = {"Amount": Decimal(total), "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}
    return {
        "Id": ref,
        "SyncToken": "0",
        "TotalAmt": Decimal(total),
        "Balance": Decimal(balance),
        "Line": [line],
        "LinkedTxn": [{"TxnId": name, "TxnType": "Payment"} for name in linked],
        **changed,
    }


def a_line(amount: str, ref: str, kind: str = "Invoice") -> Document:
    return {"Amount": Decimal(amount), "LinkedTxn": [{"TxnId": ref, "TxnType": kind}]}


def a_payment(on: dict[str, str], name: str = "180", *, total: str, lines: Any = ()) -> Document:
    return {
        "Id": name,
        "TotalAmt": Decimal(total),
        "UnappliedAmt": Decimal(0),
        "Line": [*(a_line(amount, ref) for ref, amount in on.items()), *lines],
    }
