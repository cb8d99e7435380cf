"""PayPal: the truth about each invoice, many for few requests, and never money before it is money."""

from __future__ import annotations

from datetime import date
from typing import Any

import httpx
import pytest

from daemon.errors import CursorLost, Garbled, Unauthorised, Unreachable
from daemon.model import Asked, Changes, DocStatus, Fact, FactKind, Hint, Observation
from daemon.money import Money
from daemon.providers.contract import PlainJournal
from daemon.providers.paypal.read import Losses, observe
from tests.providers.paypal_bench import CLIENT_ID, SECRET, PayPalBench, a_draft

SEARCH, READ = "POST /v2/invoicing/search-invoices", "GET /v2/invoicing/invoices/{id}"


@pytest.fixture
def bench() -> PayPalBench:
    return PayPalBench()


def pushed(bench: PayPalBench, name: str = "A-1", **changed: Any) -> str:
    return bench.adapter().push_one(a_draft(name=name, **changed), PlainJournal()).ref


def read(bench: PayPalBench, ref: str) -> Observation:
    (seen,) = bench.adapter().pull([Asked(ref)])
    return seen


def kinds(seen: Observation) -> dict[FactKind, int]:
    return {fact.kind: fact.amount.minor for fact in seen.facts}


# --- states ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("listed", [True, False])
def test_a_pending_payment_is_in_flight_and_no_money_until_it_clears(
    bench: PayPalBench, listed: bool
) -> None:
    """Whether PayPal lists it among the payments is not documented."""
    bench.account.ledger.lists_pending = listed
    ref = pushed(bench)
    bench.account.pay_pending(ref)

    seen = read(bench, ref)
    assert (seen.status, seen.paid_total, kinds(seen)) == (
        DocStatus.OPEN,
        None,
        {FactKind.IN_FLIGHT: 4500},
    )
    assert FactKind.PAYMENT not in seen.covers

    bench.account.clear(ref)
    seen = read(bench, ref)
    assert (seen.status, kinds(seen)) == (DocStatus.PAID, {FactKind.PAYMENT: 4500})
    assert FactKind.IN_FLIGHT in seen.covers


def test_a_pending_payment_that_fails_leaves_the_invoice_open(bench: PayPalBench) -> None:
    ref = pushed(bench)
    bench.account.pay_pending(ref)
    bench.account.reverse(ref)

    seen = read(bench, ref)

    assert (seen.status, seen.facts) == (DocStatus.OPEN, ())
    assert FactKind.IN_FLIGHT in seen.covers


def test_a_payment_recorded_by_the_office_counts_and_is_gone_when_it_is_deleted(bench: PayPalBench) -> None:
    ref = pushed(bench)
    bench.account.record(ref, 1500)
    (fact,) = read(bench, ref).facts
    assert (fact.kind, fact.amount, fact.method) == (FactKind.PAYMENT, Money(1500, "USD"), "cash")
    assert fact.transaction_id is None

    bench.account.reverse(ref)
    seen = read(bench, ref)
    assert (seen.status, seen.facts) == (DocStatus.OPEN, ())
    assert FactKind.PAYMENT in seen.covers


def test_a_whole_refund_leaves_the_document_paid_with_its_refund(bench: PayPalBench) -> None:
    ref = pushed(bench)
    bench.account.pay(ref)
    bench.account.refund(ref)

    seen = read(bench, ref)

    assert (bench.account.status_word(ref), seen.status) == ("REFUNDED", DocStatus.PAID)
    assert kinds(seen) == {FactKind.PAYMENT: 4500, FactKind.REFUND: 4500}


def test_a_refund_that_is_only_a_state_or_a_sum_is_told_all_the_same() -> None:
    doc = a_doc("MARKED_AS_REFUNDED", payments=paid_by("45.00"))
    assert kinds(observe(doc, Losses()))[FactKind.REFUND] == 4500

    doc = a_doc("PARTIALLY_REFUNDED", payments=paid_by("45.00"), refunds={"refund_amount": usd("10.00")})
    assert kinds(observe(doc, Losses()))[FactKind.REFUND] == 1000


def test_what_paypal_gives_up_itself_is_void() -> None:
    """AUTO_CANCELLED is in PayPal's newer pages, and not in its OpenAPI document."""
    bench = PayPalBench(judged=False)
    ref = pushed(bench)
    bench.account.auto_cancel(ref)

    assert read(bench, ref).status is DocStatus.VOID


def test_an_unknown_word_is_unknown() -> None:
    bench = PayPalBench(judged=False)
    ref = pushed(bench)
    bench.account.set_status(ref, "ON_THE_MOON")

    assert read(bench, ref).status is DocStatus.UNKNOWN


def test_an_edited_amount_and_due_date_are_told(bench: PayPalBench) -> None:
    ref = pushed(bench)
    bench.account.ledger.invoices[ref].given["detail"]["payment_term"]["due_date"] = "2026-04-30"
    bench.account.edit(ref, 5000)

    seen = read(bench, ref)

    assert (seen.total, seen.due_on) == (Money(5000, "USD"), date(2026, 4, 30))


def test_what_was_cancelled_and_deleted_is_missing(bench: PayPalBench) -> None:
    ref = pushed(bench)
    bench.account.delete(ref)

    assert read(bench, ref).status is DocStatus.MISSING


@pytest.mark.parametrize(
    ("value", "minor"), [("45", 4500), ("45.0", 4500), ("45.000", 4500), (".5", 50), ("0", 0)]
)
def test_amounts_are_read_as_paypal_may_write_them(value: str, minor: int) -> None:
    assert observe(a_doc("SENT", amount=usd(value)), Losses()).total == Money(minor, "USD")


@pytest.mark.parametrize(
    "amount",
    [None, {}, "45.00", {"currency_code": "USD", "value": 45}, {"currency_code": "XXX", "value": "1"}],
)
def test_an_amount_that_is_none_is_garbled(amount: Any) -> None:
    with pytest.raises(Garbled):
        observe(a_doc("SENT", amount=amount), Losses())


@pytest.mark.parametrize("value", ["45.005", "4,500.00", "1e3", "NaN"])
def test_an_amount_with_more_than_the_currency_has_is_garbled(value: str) -> None:
    with pytest.raises(Garbled):
        observe(a_doc("SENT", amount=usd(value)), Losses())


def test_an_amount_written_as_a_number_never_becomes_a_float(bench: PayPalBench) -> None:
    ref = pushed(bench)
    bench.network.changed = lambda request, reply: httpx.Response(
        200, text=reply.text.replace('"45.00"', "45.10")
    )

    assert read(bench, ref).total == Money(4510, "USD")


def test_a_payment_without_an_amount_is_left_to_the_balance() -> None:
    rows = [{"payment_id": "A1", "type": "PAYPAL"}, {"payment_id": "A2", "amount": usd("20.00")}]
    doc = a_doc("PAID", payments={"paid_amount": usd("45.00"), "transactions": rows})

    seen = observe(doc, Losses())

    assert [fact.external_id for fact in seen.facts] == ["A2"]
    assert seen.paid_total == Money(4500, "USD")


# --- whose it is ----------------------------------------------------------------------------------------


def test_another_accounts_invoice_is_garbled_and_stops_no_other(bench: PayPalBench) -> None:
    stranger = bench.double.add_account("C" * 60, "S" * 60, email="other@example.com").strangers("X-1", 100)
    ref = pushed(bench)
    seen = []

    with pytest.raises(Garbled, match="another PayPal account"):
        for one in bench.adapter().pull([Asked(stranger), Asked(ref)]):
            seen.append(one.ref)
    assert seen == [ref]


def test_another_invoice_than_was_asked_for_is_garbled(bench: PayPalBench) -> None:
    first, second = pushed(bench, "A-1"), pushed(bench, "A-2")
    bench.network.changed = lambda request, reply: httpx.Response(200, text=reply.text.replace(first, second))

    with pytest.raises(Garbled, match="another invoice"):
        read(bench, first)


def test_an_invoice_that_says_nonsense_stops_no_other(bench: PayPalBench) -> None:
    """Neither alone nor in a page of search."""
    refs = [pushed(bench, f"N-{n}") for n in range(12)]
    bench.pass_time(60)

    def spoilt(request: httpx.Request, reply: httpx.Response) -> httpx.Response:
        body = reply.json()
        for doc in body.get("items", [body]) if request.url.path.endswith("search-invoices") else [body]:
            if doc.get("id") == refs[5]:
                doc["payments"] = {"transactions": "none"}
        return httpx.Response(200, json=body)

    bench.network.changed = spoilt
    for asked in (refs, refs[:10]):
        seen = []
        with pytest.raises(Garbled, match="payments are not a list"):
            for one in bench.adapter().pull([Asked(ref) for ref in asked]):
                seen.append(one.ref)
        assert sorted(seen) == sorted({*asked} - {refs[5]})


def test_amounts_in_another_currency_are_told_as_they_are_and_never_summed() -> None:
    rows = [{"payment_id": "A1", "amount": {"currency_code": "EUR", "value": "40.00"}}]
    refunds = [{"refund_id": "R1", "amount": {"currency_code": "EUR", "value": "40.00"}}]
    doc = a_doc("REFUNDED", payments={"transactions": rows}, refunds={"transactions": refunds})

    seen = observe(doc, Losses())

    assert {fact.amount for fact in seen.facts} >= {Money(4000, "EUR")}
    assert seen.paid_total == Money(4500, "USD")


def test_a_number_that_json_does_not_have_is_garbled(bench: PayPalBench) -> None:
    ref = pushed(bench)
    bench.network.changed = lambda request, reply: httpx.Response(
        200, text=reply.text.replace('"45.00"', "NaN", 1)
    )

    with pytest.raises(Garbled):
        read(bench, ref)


def test_a_fault_comes_after_what_was_read_before_it(bench: PayPalBench) -> None:
    refs = [pushed(bench, f"A-{n}") for n in range(3)]

    def instead(request: httpx.Request) -> httpx.Response | None:
        if request.url.path.endswith(refs[2]):
            raise httpx.ConnectError("refused", request=request)
        return None

    bench.network.instead = instead
    seen = []
    with pytest.raises(Unreachable):
        for one in bench.adapter().pull([Asked(ref) for ref in refs]):
            seen.append(one.ref)
    assert seen == refs[:2]


# --- many -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def full() -> PayPalBench:
    """1,000 invoices, all sent."""
    bench = PayPalBench()
    adapter = bench.adapter()
    for number in range(1000):
        adapter.push_one(a_draft(name=f"M-{number}", payer=str(number % 50)), PlainJournal())
    bench.pass_time(60)
    return bench


def answers(bench: PayPalBench, refs: list[str], *, dated: bool = True) -> tuple[dict[str, Observation], int]:
    """Each ref's answer, and how many requests it took."""
    before = bench.network.total
    at = bench.clock.now() if dated else None
    seen = list(bench.adapter().pull([Asked(ref, at) for ref in refs]))
    assert len(seen) == len({one.ref for one in seen}) == len(refs)
    return {one.ref: one for one in seen}, bench.network.total - before


@pytest.mark.parametrize("dated", [True, False])
def test_a_thousand_open_invoices_are_ten_requests(full: PayPalBench, dated: bool) -> None:
    refs = list(full.account.ledger.invoices)

    seen, requests = answers(full, refs, dated=dated)

    assert {one.status for one in seen.values()} == {DocStatus.OPEN}
    assert requests == 10


def test_some_paid_cancelled_and_deleted_among_a_thousand_cost_a_few_more(full: PayPalBench) -> None:
    refs = list(full.account.ledger.invoices)
    for ref in refs[:40]:
        full.account.pay(ref)
    full.account.void(refs[50])
    full.account.delete(refs[51])
    full.account.pay(refs[52], 1500)
    full.pass_time(60)

    seen, requests = answers(full, refs)

    assert {seen[ref].status for ref in refs[:40]} == {DocStatus.PAID}
    assert all(kinds(seen[ref]) == {FactKind.PAYMENT: 4500} for ref in refs[:40])
    assert seen[refs[50]].status is DocStatus.VOID
    assert seen[refs[51]].status is DocStatus.MISSING
    assert kinds(seen[refs[52]]) == {FactKind.PAYMENT: 1500}
    # 10 pages of open ones, 1 of closed ones, 2 by themselves, 2 about disputes
    assert requests <= 15


def test_few_among_a_thousand_are_never_dearer_than_one_by_one(full: PayPalBench) -> None:
    refs = list(full.account.ledger.invoices)[100:112]

    seen, requests = answers(full, refs)

    assert len(seen) == 12
    assert requests <= 12 + 2


def test_ten_are_read_by_themselves(full: PayPalBench) -> None:
    before = full.network.seen[SEARCH]

    answers(full, list(full.account.ledger.invoices)[200:210])

    assert full.network.seen[SEARCH] == before


def test_an_empty_search_that_does_not_say_so_is_garbled(full: PayPalBench) -> None:
    """`{}` is not "nothing is there"."""
    refs = list(full.account.ledger.invoices)[:20]
    full.network.instead = lambda request: (
        httpx.Response(200, json={}) if request.url.path.endswith("search-invoices") else None
    )
    try:
        with pytest.raises(Garbled):
            answers(full, refs)
    finally:
        full.network.instead = lambda _: None


def test_a_row_that_lags_takes_nothing_away(bench: PayPalBench) -> None:
    """A search that does not say when an invoice changed may be older than what is known."""
    bench.double.search_lag_s = 600
    bench.account.ledger.search_lag_s = 600
    refs = [pushed(bench, f"L-{n}") for n in range(12)]
    bench.pass_time(600)
    bench.account.pay(refs[0], 1500)

    seen, _ = answers(bench, refs)

    assert seen[refs[0]].facts == ()
    assert FactKind.PAYMENT not in seen[refs[0]].covers


def test_what_is_partly_paid_is_read_by_itself(bench: PayPalBench) -> None:
    refs = [pushed(bench, f"P-{n}") for n in range(12)]
    bench.account.pay(refs[0], 1500)
    bench.pass_time(60)
    bench.account.pay(refs[0], 1000)

    seen, requests = answers(bench, refs)

    assert [fact.amount.minor for fact in seen[refs[0]].facts] == [1500, 1000]
    assert requests <= 5


def test_a_few_among_the_merchants_own_thousands_are_not_searched_for(bench: PayPalBench) -> None:
    refs = [pushed(bench, f"F-{n}") for n in range(11)]
    bench.account.seed([f"OWN-{n}" for n in range(1500)])
    bench.pass_time(60)

    _, requests = answers(bench, refs, dated=False)

    assert requests == 11 + 2


def test_a_row_that_says_when_it_changed_covers_what_it_tells(bench: PayPalBench) -> None:
    bench.account.ledger.shows_update_time = True
    refs = [pushed(bench, f"L-{n}") for n in range(12)]
    bench.pass_time(60)

    seen, requests = answers(bench, refs)

    assert all(FactKind.PAYMENT in one.covers and one.as_of is not None for one in seen.values())
    assert requests == 1


# --- disputes -------------------------------------------------------------------------------------------


def test_a_dispute_that_is_won_leaves_the_payment(bench: PayPalBench) -> None:
    ref = pushed(bench)
    bench.account.pay(ref)
    bench.account.dispute(ref, 2000)
    assert kinds(read(bench, ref)) == {FactKind.PAYMENT: 4500, FactKind.DISPUTE: 2000}

    bench.account.close_dispute(ref, won=True)

    assert kinds(read(bench, ref)) == {FactKind.PAYMENT: 4500}


def test_a_lost_dispute_takes_back_what_was_given_to_the_payer(bench: PayPalBench) -> None:
    ref = pushed(bench)
    bench.account.pay(ref)
    bench.account.dispute(ref, 2000)
    bench.account.close_dispute(ref, won=False)

    (_, reversal) = read(bench, ref).facts

    assert (reversal.kind, reversal.amount.minor, reversal.reverses) == (
        FactKind.REVERSAL,
        2000,
        FactKind.PAYMENT,
    )


def test_without_the_disputes_feature_invoices_are_told_and_disputes_not_covered(bench: PayPalBench) -> None:
    bench.account.switch_off("disputes")
    ref = pushed(bench)
    bench.account.pay(ref)

    seen = read(bench, ref)

    assert kinds(seen) == {FactKind.PAYMENT: 4500}
    assert FactKind.DISPUTE not in seen.covers
    assert bench.adapter().check().missing == ("Disputes",)


def test_disputes_that_nobody_wants_are_not_asked_for(bench: PayPalBench) -> None:
    ref = pushed(bench)
    bench.account.pay(ref)
    adapter = bench.adapter(read_disputes=False)

    list(adapter.pull([Asked(ref)]))
    adapter.check()

    assert not [path for _, path, _ in bench.network.requests if "disputes" in path]


def test_many_payments_are_asked_about_by_the_list_of_disputes(bench: PayPalBench) -> None:
    refs = [pushed(bench, f"D-{n}") for n in range(20)]
    for ref in refs:
        bench.account.pay(ref)
    bench.account.dispute(refs[3])
    bench.pass_time(60)
    before = bench.network.total

    seen = {one.ref: one for one in bench.adapter().pull([Asked(ref) for ref in refs])}

    assert kinds(seen[refs[3]]) == {FactKind.PAYMENT: 4500, FactKind.DISPUTE: 4500}
    assert all(FactKind.DISPUTE in one.covers for one in seen.values())
    assert bench.network.total - before <= 5


def test_of_an_account_with_too_many_disputes_nothing_is_said(bench: PayPalBench) -> None:
    refs = [pushed(bench, f"D-{n}") for n in range(12)]
    for ref in refs:
        bench.account.pay(ref)
        for _ in range(9):
            bench.account.dispute(ref)
    bench.pass_time(60)
    before = bench.network.total

    seen = list(bench.adapter().pull([Asked(ref) for ref in refs]))

    assert all(kinds(one) == {FactKind.PAYMENT: 4500} for one in seen)
    assert not any(FactKind.DISPUTE in one.covers for one in seen)
    assert bench.network.total - before <= 6


# --- the feed -------------------------------------------------------------------------------------------


def poll(bench: PayPalBench, cursor: Any) -> tuple[list[Hint], list[str], Any]:
    """A whole poll: hints, payments, the next cursor."""
    hints: list[Hint] = []
    payments: list[str] = []
    more = True
    while more:
        page: Changes = bench.adapter().changed(cursor)
        hints += page.hints
        payments += page.payments
        cursor, more = page.cursor, page.more
    return hints, payments, cursor


def test_an_idle_poll_is_three_requests(bench: PayPalBench) -> None:
    cursor = bench.adapter().changed(None).cursor
    _, _, cursor = poll(bench, cursor)
    before = bench.network.total

    assert poll(bench, cursor)[:2] == ([], [])
    assert bench.network.total - before == 3


def test_a_refund_months_later_is_told(bench: PayPalBench) -> None:
    ref = pushed(bench)
    bench.account.pay(ref)
    cursor = bench.adapter().changed(None).cursor
    for _ in range(10):
        bench.pass_time(10 * 86400)
        _, _, cursor = poll(bench, cursor)
    bench.account.refund(ref, 1000)
    bench.pass_time(60)

    hints, _, cursor = poll(bench, cursor)

    assert [hint.ref for hint in hints] == [ref]
    assert poll(bench, cursor)[0] == []


def test_a_payment_is_told_however_late_in_the_day_it_was_made(bench: PayPalBench) -> None:
    """Payments have the resolution of a day."""
    ref = pushed(bench)
    bench.pass_time(14 * 3600)
    cursor = bench.adapter().changed(None).cursor
    bench.account.pay(ref)
    bench.pass_time(3 * 3600)

    assert [hint.ref for hint in poll(bench, cursor)[0]] == [ref]


def test_a_further_part_payment_is_told_again(bench: PayPalBench) -> None:
    ref = pushed(bench)
    cursor = bench.adapter().changed(None).cursor
    for _ in range(3):
        bench.account.pay(ref, 1500)
        bench.pass_time(60)
        hints, _, cursor = poll(bench, cursor)
        assert [hint.ref for hint in hints] == [ref]


def test_a_dispute_is_told_by_the_payment_that_it_is_about(bench: PayPalBench) -> None:
    ref = pushed(bench)
    payment = bench.account.pay(ref)
    bench.pass_time(60)
    _, _, cursor = poll(bench, bench.adapter().changed(None).cursor)
    bench.account.dispute(ref)
    bench.pass_time(60)

    _, payments, cursor = poll(bench, cursor)
    assert payments == [payment]
    assert poll(bench, cursor)[1] == []

    bench.account.close_dispute(ref, won=False)
    bench.pass_time(60)
    assert poll(bench, cursor)[1] == [payment]


def test_many_changes_come_in_pages(bench: PayPalBench) -> None:
    cursor = bench.adapter().changed(None).cursor
    refs = bench.account.seed([f"S-{n}" for n in range(250)])
    for ref in refs:
        bench.account.pay(ref)
    for ref in refs[:60]:
        bench.account.dispute(ref)
    bench.pass_time(60)

    hints, payments, _ = poll(bench, cursor)

    assert sorted(hint.ref or "" for hint in hints) == sorted(refs)
    assert len(payments) == 60


def test_a_poll_after_half_a_year_starts_over(bench: PayPalBench) -> None:
    cursor = bench.adapter().changed(None).cursor
    bench.pass_time(171 * 86400)

    with pytest.raises(CursorLost):
        bench.adapter().changed(cursor)


def test_a_poll_after_weeks_misses_no_payment(bench: PayPalBench) -> None:
    ref = pushed(bench)
    cursor = bench.adapter().changed(None).cursor
    bench.pass_time(40 * 86400)
    bench.account.pay(ref)
    bench.pass_time(60)

    assert [hint.ref for hint in poll(bench, cursor)[0]] == [ref]


# --- the account ----------------------------------------------------------------------------------------


def test_the_connection_test_names_the_merchant_once_there_is_an_invoice(bench: PayPalBench) -> None:
    info = bench.adapter().check()
    assert (info.account_id, info.name) == (CLIENT_ID, "PayPal app AbCdEfGh…")

    pushed(bench)
    bench.pass_time(60)
    assert bench.adapter().check().name == "merchant@example.com"


@pytest.mark.parametrize(("off", "missing", "notes"), [("invoicing", ("Invoicing",), 1), ("webhooks", (), 2)])
def test_the_connection_test_names_what_the_app_lacks(
    bench: PayPalBench, off: str, missing: tuple[str, ...], notes: int
) -> None:
    bench.account.switch_off(off)

    info = bench.adapter().check()

    assert (info.missing, len(info.notes)) == (missing, notes)


def test_a_token_outlives_a_rotated_secret_until_it_ends(bench: PayPalBench) -> None:
    bench.account.rotate_secret("another")
    bench.adapter().check()
    bench.account.expire_token()

    with pytest.raises(Unauthorised) as caught:
        bench.adapter().check()
    assert SECRET not in str(caught.value)


# --- documents ------------------------------------------------------------------------------------------


def usd(value: str) -> dict[str, str]:
    return {"currency_code": "USD", "value": value}


def paid_by(value: str) -> dict[str, Any]:
    row = {"payment_id": "A1", "type": "EXTERNAL", "method": "CASH", "amount": usd(value)}
    return {"paid_amount": usd(value), "transactions": [row]}


def a_doc(status: str, **changed: Any) -> dict[str, Any]:
    detail = {"invoice_number": "A-1", "currency_code": "USD"}
    return {"id": "INV2-1", "status": status, "detail": detail, "amount": usd("45.00"), **changed}


def test_a_fact_is_the_same_fact_in_every_read() -> None:
    doc = a_doc("PAID", payments=paid_by("45.00"))

    facts: set[Fact] = {fact for _ in range(3) for fact in observe(doc, Losses()).facts}

    assert len(facts) == 1
