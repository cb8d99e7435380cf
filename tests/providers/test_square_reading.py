"""Square: what became of an invoice, read from its document, its order's tenders, refunds and disputes."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import httpx
import pytest

from daemon.errors import Garbled, OutcomeUnknown
from daemon.model import Asked, DocStatus, FactKind, Observation
from daemon.model.ids import our_reference
from daemon.money import Money
from daemon.providers.contract import PlainJournal
from daemon.sandbox.faults import FaultKind
from tests.providers.square_bench import REFERENCE, SquareBench, a_draft, a_line, a_payer


def usd(minor: int) -> Money:
    return Money(minor, "USD")


def push(bench: SquareBench, number: str = "A-1", **changed: Any) -> str:
    ours = our_reference(tenant="t", reference=number, account="a", operation="create")
    draft = a_draft(**{"number": number, "reference": ours, "currency": bench.currency, **changed})
    return bench.adapter().push_one(draft, PlainJournal()).ref


def read(bench: SquareBench, ref: str) -> Observation:
    (seen,) = bench.adapter().pull([Asked(ref)])
    return seen


def facts(seen: Observation, kind: FactKind) -> list[int]:
    return [fact.amount.minor for fact in seen.facts if fact.kind is kind]


# --- payments -----------------------------------------------------------------------------------------


def test_a_tip_is_not_paid_on_the_invoice() -> None:
    bench = SquareBench()
    ref = push(bench)
    bench.account.take(ref, "CARD", 4500, tip=900)

    seen = read(bench, ref)

    assert (seen.status, seen.paid_total, facts(seen, FactKind.PAYMENT)) == (
        DocStatus.PAID,
        usd(4500),
        [4500],
    )


def test_two_payments_are_two_facts_with_their_methods_and_times() -> None:
    bench = SquareBench()
    ref = push(bench)
    first = bench.account.take(ref, "CASH", 2000)
    bench.clock.move(days=1)
    second = bench.account.take(ref, "CARD", 2500)

    seen = read(bench, ref)

    told = [(fact.external_id, fact.method, fact.at and fact.at.date()) for fact in seen.facts]
    assert told == [(first, "cash", date(2026, 3, 2)), (second, "card", date(2026, 3, 3))]
    assert seen.paid_total == usd(4500)


def test_a_bank_debit_is_in_flight_until_the_bank_answers() -> None:
    bench = SquareBench()
    ref = push(bench)
    bench.account.take(ref, "BANK_ACCOUNT", 4500, status="PENDING")
    during = read(bench, ref)
    bench.account.finish_debit(ref, paid=True)
    after = read(bench, ref)

    assert (during.status, during.paid_total, facts(during, FactKind.IN_FLIGHT)) == (
        DocStatus.OPEN,
        usd(0),
        [4500],
    )
    assert (after.status, after.paid_total, facts(after, FactKind.PAYMENT)) == (
        DocStatus.PAID,
        usd(4500),
        [4500],
    )


def test_a_bank_debit_that_comes_back_is_no_payment_any_more() -> None:
    bench = SquareBench()
    ref = push(bench)
    bench.account.take(ref, "BANK_ACCOUNT", 4500)
    bench.account.reverse(ref)

    seen = read(bench, ref)

    assert (seen.status, seen.paid_total, seen.facts) == (DocStatus.OPEN, usd(0), ())
    assert FactKind.PAYMENT in seen.covers


@pytest.mark.parametrize("details", [True, False])
def test_a_pending_invoice_is_in_flight_whatever_its_order_says(details: bool) -> None:
    """Neither the tender nor its status is promised while the bank is asked."""
    bench = SquareBench()
    ref = push(bench)
    bench.account.take(ref, "BANK_ACCOUNT", 4500, status="PENDING")
    world = bench.account.world
    order = next(one for one in world.orders.all() if one.get("tenders"))
    tenders = [{k: v for k, v in one.items() if k != "bank_account_details"} for one in order["tenders"]]
    world.keep(world.orders, {**order, "tenders": tenders if details else []})

    seen = read(bench, ref)

    assert facts(seen, FactKind.IN_FLIGHT) == [4500] and facts(seen, FactKind.PAYMENT) == []
    assert seen.paid_total == usd(0)


def test_cash_that_the_office_deletes_is_gone() -> None:
    bench = SquareBench()
    ref = push(bench)
    bench.account.take(ref, "CASH", 4500)
    bench.account.reverse(ref)

    assert read(bench, ref).facts == ()


@pytest.mark.parametrize("rounding", [-2, 2])
def test_cash_that_a_till_rounded_settles_the_invoice_to_the_cent(rounding: int) -> None:
    bench = SquareBench(currency="AUD", country="AU", timezone="Australia/Sydney")
    lines = (a_line("45.03", currency="AUD"),)
    ref = push(bench, lines=lines, total=Money(4503, "AUD"))
    bench.account.round_cash(ref, rounding)

    seen = read(bench, ref)

    assert (seen.status, seen.paid_total, facts(seen, FactKind.PAYMENT)) == (
        DocStatus.PAID,
        Money(4503, "AUD"),
        [4503],
    )


def test_yen_have_no_decimals() -> None:
    bench = SquareBench(currency="JPY", country="JP", timezone="Asia/Tokyo")
    ref = push(bench, lines=(a_line("4500", currency="JPY"),), total=Money(4500, "JPY"))

    assert read(bench, ref).total == Money(4500, "JPY")


def test_an_order_that_is_not_told_takes_no_payment_away() -> None:
    bench = SquareBench()
    ref = push(bench)
    bench.account.pay(ref)
    world = bench.account.world
    for order in world.orders.all():
        world.orders.drop(order["id"], world.moment)

    seen = read(bench, ref)

    assert (seen.status, seen.paid_total, seen.facts, seen.covers) == (
        DocStatus.PAID,
        usd(4500),
        (),
        frozenset(),
    )


# --- refunds and disputes -----------------------------------------------------------------------------


@pytest.mark.parametrize("lowers", [True, False])
@pytest.mark.parametrize("many", [1, 6])
def test_a_refund_leaves_what_was_paid_whether_or_not_square_lowers_it(lowers: bool, many: int) -> None:
    bench = SquareBench()
    bench.account.switches.refund_lowers_completed = lowers
    refs = [push(bench, f"R-{place}") for place in range(many)]
    for ref in refs:
        bench.account.pay(ref)
        bench.account.refund(ref, 1000)
    bench.account.refund(refs[0], 3500)

    seen = list(bench.adapter().pull([Asked(ref) for ref in refs]))

    assert all(one.paid_total == usd(4500) and one.status is DocStatus.PAID for one in seen)
    by_ref = {one.ref: sorted(facts(one, FactKind.REFUND)) for one in seen}
    assert by_ref[refs[0]] == [1000, 3500]
    assert all(by_ref[ref] == [1000] for ref in refs[1:])
    assert all(FactKind.REFUND in one.covers for one in seen)


def test_what_was_paid_in_part_and_refunded_is_no_paid_invoice() -> None:
    bench = SquareBench()
    ref = push(bench)
    bench.account.take(ref, "CASH", 1500)
    bench.account.refund(ref, 500)

    seen = read(bench, ref)

    assert (seen.status, seen.paid_total, facts(seen, FactKind.REFUND)) == (DocStatus.OPEN, usd(1500), [500])


def test_a_refund_that_came_to_nothing_is_none() -> None:
    bench = SquareBench()
    ref = push(bench)
    bench.account.pay(ref)
    bench.account.refund(ref, 1000)
    bench.account.fail_refund(ref)

    seen = read(bench, ref)

    assert facts(seen, FactKind.REFUND) == [] and FactKind.REFUND in seen.covers


def test_a_list_of_refunds_that_lags_is_not_believed_where_the_invoice_says_refunded() -> None:
    bench = SquareBench()
    refs = [push(bench, f"R-{place}") for place in range(6)]
    for ref in refs:
        bench.account.pay(ref)
    bench.pass_time(3600)
    bench.account.refund(refs[0])
    bench.fault(FaultKind.STALE_LIST, "GET /v2/refunds", seconds=60)

    seen = {one.ref: one for one in bench.adapter().pull([Asked(ref) for ref in refs])}

    assert facts(seen[refs[0]], FactKind.REFUND) == [4500]


@pytest.mark.parametrize(
    "state, kind",
    [
        ("EVIDENCE_REQUIRED", FactKind.DISPUTE),
        ("PROCESSING", FactKind.DISPUTE),
        ("INQUIRY_PROCESSING", FactKind.DISPUTE),
        ("INQUIRY_CLOSED", None),
        ("WON", None),
        ("LOST", FactKind.REVERSAL),
        ("ACCEPTED", FactKind.REVERSAL),
    ],
)
def test_each_state_of_a_dispute_is_what_it_means_for_the_money(state: str, kind: FactKind | None) -> None:
    bench = SquareBench()
    ref = push(bench)
    bench.account.take(ref, "CARD", 4500, tip=500)
    bench.account.dispute(ref)
    bench.account.move_dispute(ref, state)

    seen = read(bench, ref)

    told = [(fact.kind, fact.amount.minor) for fact in seen.facts if fact.kind is not FactKind.PAYMENT]
    assert told == ([] if kind is None else [(kind, 4500)])


def test_a_dispute_about_another_invoice_is_not_ours() -> None:
    bench = SquareBench()
    first, second = push(bench), push(bench, "A-2")
    for ref in (first, second):
        bench.account.pay(ref)
    bench.account.dispute(second)

    assert facts(read(bench, first), FactKind.DISPUTE) == []


# --- the document -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "word, status",
    [
        ("SCHEDULED", DocStatus.OPEN),
        ("DRAFT", DocStatus.DRAFT),
        ("FAILED", DocStatus.VOID),
        ("CANCELED", DocStatus.VOID),
    ],
)
def test_each_status_is_what_it_means(word: str, status: DocStatus) -> None:
    bench = SquareBench()
    ref = push(bench)
    bench.account.touch(ref, status=word)

    assert read(bench, ref).status is status


def test_an_unknown_status_word_is_unknown() -> None:
    bench = SquareBench()
    ref = push(bench)
    _answer_with(bench, status="ARCHIVED")

    assert read(bench, ref).status is DocStatus.UNKNOWN


def test_an_amount_that_the_office_changed_is_told() -> None:
    bench = SquareBench()
    ref = push(bench)
    bench.account.edit(ref, 5000)

    assert read(bench, ref).total == usd(5000)


def test_versions_order_what_is_read() -> None:
    bench = SquareBench()
    ref = push(bench)
    before = read(bench, ref).version
    bench.account.pay(ref)
    after = read(bench, ref).version

    assert before is not None and after is not None and after > before


@pytest.mark.parametrize(
    "changed",
    [
        {"id": "inv:0-another"},
        {"location_id": "LANOTHER"},
        {"payment_requests": []},
        {"payment_requests": "none"},
        {"payment_requests": [{"computed_amount_money": {"amount": 45.5, "currency": "USD"}}]},
        {"payment_requests": [{"computed_amount_money": {"amount": "4500", "currency": "USD"}}]},
        {"payment_requests": [{"computed_amount_money": {"amount": 4500, "currency": "DOLLAR"}}]},
        {"version": "3"},
        {"updated_at": "yesterday"},
        {"order_id": None},
    ],
)
def test_an_answer_that_is_not_this_invoice_changes_nothing(changed: dict[str, Any]) -> None:
    bench = SquareBench()
    ref = push(bench)
    _answer_with(bench, **changed)

    with pytest.raises(Garbled):
        read(bench, ref)


def test_an_order_of_another_location_is_garbled() -> None:
    bench = SquareBench()
    ref = push(bench)
    _change(bench, "/batch-retrieve", lambda body: body["orders"][0].update(location_id="LANOTHER"))

    with pytest.raises(Garbled):
        read(bench, ref)


def test_data_and_errors_at_once_are_not_believed() -> None:
    bench = SquareBench()
    ref = push(bench)
    error = {"category": "API_ERROR", "code": "INTERNAL_SERVER_ERROR"}
    _change(bench, "/batch-retrieve", lambda body: body.update(errors=[error]))

    with pytest.raises((Garbled, OutcomeUnknown)):
        read(bench, ref)


def test_the_evidence_names_no_one_and_opens_nothing() -> None:
    bench = SquareBench()
    ref = push(bench)
    bench.account.pay(ref)
    bench.account.refund(ref, 100)
    bench.account.dispute(ref)

    raw = json.dumps(read(bench, ref).raw)

    assert all(word not in raw for word in ("Subscriber", "example.com", "pay-invoice", "Internet"))
    assert all(word in raw for word in ('"refunds"', '"disputes"', '"tenders"'))


def test_an_invoice_of_the_merchants_own_is_not_ours() -> None:
    bench = SquareBench()
    ref = bench.account.strangers("0000001", 100)

    seen = read(bench, ref)

    assert (seen.our_reference, seen.number) == (None, "0000001")


# --- many ---------------------------------------------------------------------------------------------


def many(bench: SquareBench, count: int) -> list[str]:
    payer = bench.adapter().push_one(a_draft(), PlainJournal()).payer.external_id
    return [push(bench, f"M-{n}", payer=a_payer(external_id=payer)) for n in range(count)]


def test_a_thousand_unpaid_invoices_are_read_with_seventeen_requests() -> None:
    bench = SquareBench()
    bench.network.inner = bench.network.inner._inner  # type: ignore[attr-defined]  # checked elsewhere
    refs = many(bench, 1000)
    before = len(bench.network.seen)

    seen = list(bench.adapter().pull([Asked(ref) for ref in refs]))

    assert [one.ref for one in seen] != [] and {one.ref for one in seen} == set(refs)
    assert len(seen) == len(refs)
    assert len(bench.network.seen) - before <= 17


def test_old_invoices_under_many_younger_ones_cost_no_more_than_each_by_itself() -> None:
    bench = SquareBench()
    bench.network.inner = bench.network.inner._inner  # type: ignore[attr-defined]  # checked elsewhere
    old = [push(bench, f"O-{n}") for n in range(6)]
    bench.pass_time(86_400)
    many(bench, 700)
    before = len(bench.network.seen)

    seen = list(bench.adapter().pull([*map(Asked, old), Asked("inv:0-gone")]))

    assert {one.ref: one.status for one in seen} == {
        **dict.fromkeys(old, DocStatus.OPEN),
        "inv:0-gone": DocStatus.MISSING,
    }
    assert len(bench.network.seen) - before <= 2 + 7 + 1


def test_what_was_read_before_a_fault_is_told_before_the_fault() -> None:
    bench = SquareBench()
    refs = [push(bench, f"F-{n}") for n in range(3)]
    bench.spoil("error_before", after=2)

    seen: list[str] = []
    with pytest.raises(OutcomeUnknown):
        for one in bench.adapter().pull([Asked(ref) for ref in refs]):
            seen.append(one.ref)

    assert seen == refs[:2]


def test_a_cursor_that_repeats_ends_the_list() -> None:
    bench = SquareBench()
    refs = [push(bench, f"C-{n}") for n in range(6)]
    _change(bench, "/invoices/search", lambda body: body.update(cursor="again"), without_cursor=True)

    assert len(list(bench.adapter().pull([Asked(ref) for ref in [*refs, "inv:0-gone"]]))) == 7


def test_our_reference_is_on_the_order() -> None:
    bench = SquareBench()
    bench.adapter().push_one(a_draft(), PlainJournal())

    (seen,) = bench.adapter().pull([Asked(bench.account.standing()[0].ref)])

    assert seen.our_reference == REFERENCE


def _answer_with(bench: SquareBench, **changed: Any) -> None:
    """Square tells the invoice with these members."""
    _change(bench, "/v2/invoices/", lambda body: body["invoice"].update(changed))


def _change(bench: SquareBench, path: str, change: Any, *, without_cursor: bool = False) -> None:
    inner = bench.network.inner

    class Changing(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if path not in request.url.path:
                return inner.handle_request(request)
            if without_cursor:
                asked = {name: one for name, one in json.loads(request.read()).items() if name != "cursor"}
                request = httpx.Request("POST", request.url, headers=_plain(request), json=asked)
            response = inner.handle_request(request)
            body = json.loads(response.read())
            change(body)
            return httpx.Response(200, json=body)

    bench.network.inner = Changing()


def _plain(request: httpx.Request) -> dict[str, str]:
    return {name: one for name, one in request.headers.items() if name != "content-length"}


def test_a_cursor_that_is_over_ends_the_list_and_the_rest_is_read_singly() -> None:
    bench = SquareBench()
    bench.network.inner = bench.network.inner._inner  # type: ignore[attr-defined]  # checked elsewhere
    refs = many(bench, 210)
    seen = []
    for one in bench.adapter().pull([Asked(ref) for ref in refs]):
        bench.pass_time(600 if not seen else 0)
        seen.append(one.ref)

    assert sorted(seen) == sorted(refs)


def test_five_hundred_paid_invoices_cost_less_than_twenty_requests() -> None:
    bench = SquareBench()
    bench.network.inner = bench.network.inner._inner  # type: ignore[attr-defined]  # checked elsewhere
    refs = many(bench, 500)
    for ref in refs:
        bench.account.pay(ref)
    bench.account.dispute(refs[0])
    bench.account.dispute(refs[-1])
    before = len(bench.network.seen)

    seen = {one.ref: one for one in bench.adapter().pull([Asked(ref) for ref in refs])}

    assert all(one.paid_total == usd(4500) and one.status is DocStatus.PAID for one in seen.values())
    assert [len(facts(seen[ref], FactKind.DISPUTE)) for ref in (refs[0], refs[1], refs[-1])] == [1, 0, 1]
    assert len(bench.network.seen) - before < 20
    assert sum(line == "GET /v2/disputes" for line in bench.network.seen) == 1
