"""QuickBooks, pushing: a live invoice is ours, whole and mailed once, or it is not there."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from daemon.errors import (
    CATALOGUE,
    Garbled,
    NotYet,
    OutcomeUnknown,
    Rejected,
    RemoteError,
    StepStuck,
    Unauthorised,
)
from daemon.model import DocStatus, FactKind
from daemon.money import Money
from daemon.providers.contract import PlainJournal, PlainJournals
from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.quickbooks.books import Company
from tests.providers.quickbooks_bench import QuickBooksBench


@pytest.fixture
def bench() -> QuickBooksBench:
    return QuickBooksBench()


def customers(bench: QuickBooksBench) -> list[str]:
    return [row["DisplayName"] for _record, row in bench.account.books.live("Customer")]


def invoices(bench: QuickBooksBench) -> list[dict[str, Any]]:
    return [row for _record, row in bench.account.books.live("Invoice")]


# --- payers -------------------------------------------------------------------------------------------


def test_three_homes_with_one_name_and_one_address_are_three_customers(bench: QuickBooksBench) -> None:
    drafts = [
        bench.a_draft(
            f"A-{who}", payer=bench.a_payer(who, name="Subscriber", email="subscriber0001@example.com")
        )
        for who in "123"
    ]

    results = list(bench.adapter().push(drafts, PlainJournals()))

    assert len({result.pushed.payer.external_id for result in results if result.pushed}) == 3
    assert len(set(customers(bench))) == 3 and customers(bench)[0] == "Subscriber"
    assert all(name.startswith("Subscriber (") for name in customers(bench)[1:])


def test_a_name_that_a_vendor_has_gets_a_mark(bench: QuickBooksBench) -> None:
    bench.account.vendor("Subscriber 0001")

    bench.pushed()

    (name,) = customers(bench)
    assert name.startswith("Subscriber 0001 (")


def test_a_customer_of_the_merchants_own_with_the_same_name_and_address_is_not_adopted(
    bench: QuickBooksBench,
) -> None:
    bench.account.books.add(
        "Customer",
        {
            "DisplayName": "Subscriber 0001",
            "PrimaryEmailAddr": {"Address": "subscriber0001@example.com"},
            "CurrencyRef": {"value": "USD"},
            "Active": True,
        },
    )

    pushed = bench.adapter().push_one(bench.a_draft(), PlainJournal())

    assert (pushed.payer.origin, bench.payers()) == ("created", 2)


@pytest.mark.parametrize(
    "name", ["Pat O'Test", "A: B\tC", "back\\slash' or 'a' = 'a", "\n", "%", "x" * 300, "Ünïcode 客"]
)
def test_a_name_that_confuses_a_search_is_found_again(bench: QuickBooksBench, name: str) -> None:
    payer = bench.a_payer(name=name)
    first = bench.adapter().push_one(bench.a_draft("A-1", payer=payer), PlainJournal()).payer

    second = bench.adapter().push_one(bench.a_draft("A-2", payer=payer), PlainJournal()).payer

    assert (second.external_id, second.origin, bench.payers()) == (first.external_id, "found", 1)


def test_an_own_customer_that_the_search_does_not_show_yet_is_found_when_its_name_is_taken(
    bench: QuickBooksBench,
) -> None:
    bench.pushed("A-1")
    bench.pass_time(400)  # QuickBooks has forgotten the request id
    bench.double.faults.add(Fault(FaultKind.STALE_LIST, seconds=600))

    pushed = bench.adapter().push_one(bench.a_draft("A-2"), PlainJournal())

    assert (pushed.payer.origin, bench.payers()) == ("found", 1)


def test_an_own_customer_that_is_inactive_needs_a_person(bench: QuickBooksBench) -> None:
    known = bench.adapter().push_one(bench.a_draft("A-1"), PlainJournal()).payer
    bench.account.deactivate(known.external_id)

    with pytest.raises(StepStuck) as caught:
        bench.adapter().push_one(bench.a_draft("A-2"), PlainJournal())

    assert caught.value.code == "WB-PUSH-MISMATCH" and "inactive" in caught.value.message
    assert len(invoices(bench)) == 1


def test_a_known_payer_costs_no_read(bench: QuickBooksBench) -> None:
    known = bench.adapter().push_one(bench.a_draft("A-1"), PlainJournal()).payer.external_id
    bench.network.requests.clear()

    bench.pushed("A-2", payer=bench.a_payer(external_id=known))

    assert [request.method for request in bench.network.requests] == ["POST", "POST"]


def test_a_known_payer_that_is_gone_is_told_as_refused(bench: QuickBooksBench) -> None:
    for gone in ("9999", bench.account.vendor("Vendor")):
        with pytest.raises(Rejected) as caught:
            bench.pushed("A-2", payer=bench.a_payer(external_id=gone))
        assert caught.value.code == "WB-REMOTE-REJECTED"
    assert invoices(bench) == []


# --- what is refused before anything is sent -----------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "settings", "code"),
    [
        ({"currency": "EUR"}, {}, "WB-PUSH-CURRENCY"),
        ({"number": "A-12345678901234567890"}, {}, "WB-INPUT"),
        ({"lines": ()}, {}, "WB-INPUT"),
        ({"total": Money(4501, "USD")}, {}, "WB-PUSH-TOTAL"),
        ({}, {"item": ""}, "WB-INPUT"),
    ],
)
def test_what_cannot_be_billed_is_refused_before_anything_is_sent(
    bench: QuickBooksBench, changed: dict[str, Any], settings: dict[str, Any], code: str
) -> None:
    draft = replace(bench.a_draft(), **changed)
    if "currency" in changed:
        other = Money(4500, "EUR")
        line = replace(bench.a_line("45.00"), net=other, tax=Money(0, "EUR"))
        draft = replace(draft, total=other, lines=(line,))

    with pytest.raises(Rejected) as caught:
        bench.adapter(**settings).push_one(draft, PlainJournal())

    assert caught.value.code == code and code in CATALOGUE
    assert bench.network.requests == []


def test_an_amount_of_eleven_digits_or_three_decimals_is_refused(bench: QuickBooksBench) -> None:
    with pytest.raises(Rejected) as large:
        bench.adapter().accepts(bench.a_draft("A-1", bench.a_line("10000000000.00")))
    dinars = QuickBooksBench(Company(home_currency="KWD"))
    with pytest.raises(Rejected) as small:
        dinars.adapter().accepts(dinars.a_draft("A-1", dinars.a_line("45.125")))

    assert large.value.code == small.value.code == "WB-PUSH-CURRENCY"


def test_a_customer_without_an_address_is_billed_where_nothing_is_mailed(bench: QuickBooksBench) -> None:
    payer = bench.a_payer(email=None)

    pushed = bench.adapter(send_email=False).push_one(bench.a_draft(payer=payer), PlainJournal())

    assert (pushed.observation.status, bench.sent(pushed.ref)) == (DocStatus.OPEN, 0)


def test_a_number_of_any_length_goes_where_quickbooks_counts(bench: QuickBooksBench) -> None:
    bench.account.company.custom_numbers = False
    draft = bench.a_draft("A-12345678901234567890123")

    pushed = bench.adapter(numbering="quickbooks").push_one(draft, PlainJournal())

    assert pushed.observation.number == "1001"
    assert pushed.observation.our_reference == draft.reference


# --- once, whatever is lost ----------------------------------------------------------------------------


@pytest.mark.parametrize("after", range(5))
@pytest.mark.parametrize("lost", ["lose_answer", "lose_request"])
@pytest.mark.parametrize("numbering", ["ours", "quickbooks"])
def test_a_batch_of_which_an_answer_is_lost_lands_once(
    bench: QuickBooksBench, lost: str, after: int, numbering: str
) -> None:
    bench.account.company.custom_numbers = numbering == "ours"
    drafts = [bench.a_draft(f"A-{n}", payer=bench.a_payer(str(n))) for n in range(4)]
    journals = PlainJournals()
    getattr(bench, lost)(after=after)
    first = list(bench.adapter(numbering=numbering).push(drafts, journals))
    assert any(isinstance(result.error, OutcomeUnknown) for result in first)
    bench.pass_time(600)

    second = list(bench.adapter(numbering=numbering).push(drafts, journals))

    assert all(result.pushed for result in second)
    assert [bench.live(draft.reference) for draft in drafts] == [1, 1, 1, 1]
    assert [bench.sent(result.pushed.ref) for result in second if result.pushed] == [1, 1, 1, 1]
    assert bench.payers() == 4


@pytest.mark.parametrize("after", range(4))
@pytest.mark.parametrize("lost", ["lose_answer", "lose_request"])
def test_a_customer_under_a_marked_name_is_made_once_whatever_is_lost(
    bench: QuickBooksBench, lost: str, after: int
) -> None:
    bench.account.vendor("Subscriber 0001")
    draft, journals = bench.a_draft(), PlainJournals()
    getattr(bench, lost)(after=after)
    (first,) = bench.adapter().push([draft], journals)
    bench.pass_time(600)

    (second,) = bench.adapter().push([draft], journals)

    assert isinstance(first.error, OutcomeUnknown) and second.pushed is not None
    assert (bench.payers(), bench.live(draft.reference), bench.sent(second.pushed.ref)) == (1, 1, 1)


def test_what_a_look_does_not_show_yet_is_not_sent_again_at_once(bench: QuickBooksBench) -> None:
    """The store waits a minute and the server's own time; here the number itself guards."""
    assert bench.adapter().can.lookup_lag_s == 60 and bench.adapter().can.settle_s == 130
    assert bench.adapter().can.key_window_s == 0
    journals, draft = PlainJournals(), bench.a_draft()
    bench.lose_answer(after=1)
    list(bench.adapter().push([draft], journals))
    bench.double.faults.add(Fault(FaultKind.STALE_LIST, seconds=300))

    (result,) = bench.adapter().push([draft], journals)

    assert result.pushed is not None or isinstance(result.error, NotYet | RemoteError)
    assert bench.live(draft.reference) == 1


def test_a_number_of_the_merchants_own_invoice_is_not_adopted(bench: QuickBooksBench) -> None:
    bench.account.strangers("A-1", 4500)

    with pytest.raises(StepStuck) as caught:
        bench.pushed("A-1")

    assert caught.value.code == "WB-PUSH-NUMBER-TAKEN" and "A-1" in caught.value.message
    assert len(invoices(bench)) == 1


def test_where_numbers_are_not_guarded_our_invoice_is_found_beside_the_merchants(
    bench: QuickBooksBench,
) -> None:
    bench.account.company.guards_numbers = False
    bench.account.strangers("A-1", 4500)
    journals, draft = PlainJournals(), bench.a_draft()
    bench.lose_answer(after=1)
    list(bench.adapter().push([draft], journals))

    (result,) = bench.adapter().push([draft], journals)

    assert result.pushed is not None and result.pushed.observation.our_reference == draft.reference
    assert bench.live(draft.reference) == 1


def test_numbers_that_quickbooks_did_not_take_hide_no_invoice(bench: QuickBooksBench) -> None:
    """Somebody turned custom numbers off; the settings still say that they are ours."""
    bench.account.company.custom_numbers = False
    journals, draft = PlainJournals(), bench.a_draft()
    bench.lose_answer(after=1)
    list(bench.adapter().push([draft], journals))

    (result,) = bench.adapter().push([draft], journals)

    assert result.pushed is not None and result.pushed.observation.number == "1001"
    assert (bench.live(draft.reference), len(invoices(bench))) == (1, 1)


def test_a_copy_that_the_office_made_of_our_invoice_is_not_taken_for_it(bench: QuickBooksBench) -> None:
    bench.account.company.custom_numbers = False
    journals, draft = PlainJournals(), bench.a_draft()
    bench.lose_answer(after=1)
    list(bench.adapter(numbering="quickbooks").push([draft], journals))
    (row,) = invoices(bench)
    bench.account.books.add("Invoice", row | {"DocNumber": "1002"})

    (result,) = bench.adapter(numbering="quickbooks").push([draft], journals)

    assert result.pushed is not None and result.pushed.observation.number == "1001"
    assert len(invoices(bench)) == 2


def test_our_invoice_that_was_voided_before_it_was_recorded_needs_a_person(bench: QuickBooksBench) -> None:
    journals, draft = PlainJournals(), bench.a_draft()
    bench.lose_answer(after=1)
    list(bench.adapter().push([draft], journals))
    bench.account.void(bench.account.standing()[0].ref)

    (result,) = bench.adapter().push([draft], journals)

    assert isinstance(result.error, StepStuck) and result.error.code == "WB-PUSH-MISMATCH"
    assert len(invoices(bench)) == 1


@pytest.mark.parametrize("act", ["void", "delete"])
def test_an_invoice_that_the_office_withdrew_before_it_was_mailed_is_not_mailed(
    bench: QuickBooksBench, act: str
) -> None:
    journals, draft = PlainJournals(), bench.a_draft()
    bench.lose_request(after=2)
    list(bench.adapter().push([draft], journals))
    getattr(bench.account, act)(bench.account.standing()[0].ref)

    (result,) = bench.adapter().push([draft], journals)

    assert isinstance(result.error, StepStuck) and result.error.code == "WB-PUSH-MISMATCH"
    assert bench.account.books.mails == []


# --- the total, before it is mailed --------------------------------------------------------------------


def taxed(percent: str = "8.25") -> QuickBooksBench:
    """A company in the US whose rate is not what our draft says."""
    bench = QuickBooksBench(Company(sales_tax=True, tax_percent=Decimal(percent)))
    bench.settings |= {"tax_codes": {"local": "TAX"}, "untaxed_code": "NON"}
    return bench


def test_a_total_that_differs_is_voided_before_it_is_mailed_and_says_why_line_by_line() -> None:
    bench, journal = taxed(), PlainJournal()
    draft = bench.a_draft("A-1", bench.a_line("45.00", "3.60", tax_rate="local"))

    for _ in range(2):
        with pytest.raises(StepStuck) as caught:
            bench.adapter().push_one(draft, journal)

    assert caught.value.code == "WB-PUSH-TOTAL"
    assert "the total is 48.60 USD here and 48.71 USD at QuickBooks" in caught.value.message
    assert "the tax is 3.60 USD here and 3.71 USD at QuickBooks" in caught.value.message
    (standing,) = bench.account.standing()
    assert (standing.status, standing.sent) == (DocStatus.VOID, 0)


def test_a_person_may_have_it_tried_again_under_the_same_number() -> None:
    bench, journal = taxed(), PlainJournal()
    draft = bench.a_draft("A-1", bench.a_line("45.00", "3.60", tax_rate="local"))
    with pytest.raises(StepStuck):
        bench.adapter().push_one(draft, journal)
    bench.account.company.tax_percent = Decimal(8)
    journal.keys_expired = True

    pushed = bench.adapter().push_one(draft, journal)

    assert (pushed.observation.total, pushed.observation.number) == (draft.total, "A-1")
    assert (bench.live(draft.reference), bench.sent(pushed.ref)) == (1, 1)


def test_after_a_restore_a_withdrawn_invoice_is_not_tried_again_by_itself() -> None:
    bench = taxed()
    draft = bench.a_draft("A-1", bench.a_line("45.00", "3.60", tax_rate="local"))
    journals = PlainJournals()
    bench.lose_request(after=2)  # the void
    list(bench.adapter().push([draft], journals))

    class LooksFirst(PlainJournal):
        def once(self, step: str, body: Any, send: Any, look: Any, **rules: Any) -> Any:
            return super().once(step, body, send, look, **{**rules, "look_first": True})

    with pytest.raises(StepStuck) as caught:
        bench.adapter().push_one(draft, LooksFirst())

    assert caught.value.code == "WB-PUSH-TOTAL"
    assert bench.account.books.mails == [] and bench.live(draft.reference) == 0


def test_a_version_that_changed_under_the_withdrawal_is_read_anew() -> None:
    bench = taxed()
    draft = bench.a_draft("A-1", bench.a_line("45.00", "3.60", tax_rate="local"))
    inner, edited, journals = bench.network.inner, [], PlainJournals()

    class Edited(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if "operation=void" in str(request.url) and not edited:
                edited.append(True)
                bench.account.annotate(
                    bench.account.standing()[0].ref, f"{draft.reference} 48.60 USD, seen by the office"
                )
            return inner.handle_request(request)

    bench.network.inner = Edited()
    (first,) = bench.adapter().push([draft], journals)
    (second,) = bench.adapter().push([draft], journals)

    assert isinstance(first.error, OutcomeUnknown)
    assert isinstance(second.error, StepStuck) and second.error.code == "WB-PUSH-TOTAL"
    assert bench.live(draft.reference) == 0


def test_an_invoice_with_another_total_that_was_paid_meanwhile_is_left_to_a_person() -> None:
    bench = taxed()
    draft = bench.a_draft("A-1", bench.a_line("45.00", "3.60", tax_rate="local"))
    journals = PlainJournals()
    bench.lose_answer(after=1)
    list(bench.adapter().push([draft], journals))
    bench.account.pay(bench.account.standing()[0].ref)

    (result,) = bench.adapter().push([draft], journals)

    assert isinstance(result.error, StepStuck) and result.error.code == "WB-PUSH-MISMATCH"
    assert bench.live(draft.reference) == 1


def test_tax_that_quickbooks_reckons_as_we_do_is_sent_with_its_code() -> None:
    bench = taxed("8")
    lines = (bench.a_line("45.00", "3.60", tax_rate="local"), bench.a_line("5.00"))

    pushed = bench.adapter().push_one(bench.a_draft("A-1", *lines), PlainJournal())

    assert pushed.observation.total == Money(5360, "USD")
    (body,) = bench.network.posted("/invoice")
    codes = [line["SalesItemLineDetail"]["TaxCodeRef"]["value"] for line in body["Line"]]
    assert codes == ["TAX", "NON"] and "GlobalTaxCalculation" not in body


def test_outside_the_us_every_line_bears_a_code_and_prices_are_without_tax() -> None:
    bench = QuickBooksBench(Company(country="DE", home_currency="EUR"))
    full, zero = bench.account.add_tax_code("19", "19"), bench.account.add_tax_code("0", "0")
    bench.settings |= {"tax_codes": {"VAT": full}, "untaxed_code": zero}
    lines = (bench.a_line("10.00", "1.90", tax_rate="VAT"), bench.a_line("5.00"))

    pushed = bench.adapter().push_one(bench.a_draft("A-1", *lines), PlainJournal())

    assert pushed.observation.total == Money(1690, "EUR")
    assert bench.network.posted("/invoice")[0]["GlobalTaxCalculation"] == "TaxExcluded"


def test_a_rate_without_a_code_is_refused() -> None:
    bench = taxed()

    with pytest.raises(Rejected) as caught:
        bench.adapter().accepts(bench.a_draft("A-1", bench.a_line("10.00", "1.00", tax_rate="other")))

    assert caught.value.code == "WB-INPUT" and "'other'" in caught.value.message


def test_amounts_leave_as_json_numbers_as_they_were(bench: QuickBooksBench) -> None:
    bench.pushed("A-1", lines=(bench.a_line("1234567.89"),), total=Money(123456789, "USD"))

    (request,) = [one for one in bench.network.requests if one.url.path.endswith("/invoice")]
    assert b'"Amount":1234567.89' in request.content and b'"UnitPrice":1234567.89' in request.content
    assert json.loads(request.content)["PrivateNote"].endswith(" 1234567.89 USD")


def test_a_preview_shows_what_would_be_sent_and_sends_nothing(bench: QuickBooksBench) -> None:
    draft = bench.a_draft()

    shown = bench.adapter().preview(draft)
    sample = bench.adapter().preview(None)

    assert bench.network.requests == []
    assert json.loads(json.dumps(shown)) == shown and shown["Invoice"]["DocNumber"] == "A-1"
    assert shown["Customer"]["Notes"] == draft.payer.reference and sample["Invoice"]["Line"]
    with pytest.raises(Rejected):
        bench.adapter(item="").preview(None)


def test_a_foreign_currency_is_named_where_the_company_has_several() -> None:
    bench = QuickBooksBench(Company(multicurrency=True, currencies=("USD", "EUR")))
    bench.settings |= {"multicurrency": True}
    bench.currency = "EUR"

    pushed = bench.adapter().push_one(bench.a_draft(), PlainJournal())

    assert pushed.observation.total == Money(4500, "EUR")
    assert bench.network.posted("/customer")[0]["CurrencyRef"] == {"value": "EUR"}


def test_a_company_that_does_not_name_its_one_currency_is_read_in_it() -> None:
    bench = QuickBooksBench(Company(country="CA", home_currency="CAD", shows_currency=False))

    pushed = bench.adapter().push_one(bench.a_draft(), PlainJournal())

    assert pushed.observation.total == Money(4500, "CAD")


def test_a_fresh_invoice_that_old_credit_settles_at_once_is_told_as_it_is(bench: QuickBooksBench) -> None:
    bench.account.overpay(bench.pushed("A-1"), 4500)
    bench.account.company.auto_apply = True

    pushed = bench.adapter().push_one(bench.a_draft("A-2"), PlainJournal())

    assert pushed.observation.status is DocStatus.PAID
    assert pushed.observation.paid_total == Money(4500, "USD")
    assert FactKind.PAYMENT not in pushed.observation.covers


# --- a company that lacks something --------------------------------------------------------------------


def test_an_item_that_was_archived_is_told_as_refused_not_as_a_missing_invoice(
    bench: QuickBooksBench,
) -> None:
    bench.account.archive_item()

    with pytest.raises(Rejected) as caught:
        bench.pushed()

    assert caught.value.code == "WB-REMOTE-REJECTED" and "item" in caught.value.message


def test_closed_books_refuse_the_invoice_in_quickbooks_words(bench: QuickBooksBench) -> None:
    bench.account.company.closed_until = "2026-03-31"

    with pytest.raises(Rejected) as caught:
        bench.pushed()

    assert "period" in caught.value.message and caught.value.provider_code == "6210"


def test_a_lapsed_subscription_stops_the_integration_not_the_invoice(bench: QuickBooksBench) -> None:
    bench.account.company.subscription = "EXPIRED"

    with pytest.raises(Unauthorised) as caught:
        bench.pushed()

    assert "subscription" in caught.value.message


# --- batches -------------------------------------------------------------------------------------------


def test_a_thousand_invoices_of_new_customers_cost_three_calls_a_batch_and_a_mail_each(
    bench: QuickBooksBench,
) -> None:
    adapter, journals = bench.adapter(), PlainJournals()
    drafts = [bench.a_draft(f"A-{n}", payer=bench.a_payer(str(n))) for n in range(1000)]
    size = adapter.can.push_batch

    results = [
        result
        for start in range(0, 1000, size)
        for result in adapter.push(drafts[start : start + size], journals)
    ]

    assert all(result.pushed for result in results) and bench.payers() == 1000
    batches = -(-1000 // size)
    assert bench.network.seen["POST batch"] == 2 * batches
    assert bench.network.seen["POST query"] + bench.network.seen["GET query"] <= 3 * batches
    assert bench.network.seen["POST send"] == 1000
    assert sum(bench.network.seen.values()) <= 1000 + 5 * batches


def test_one_refused_item_of_a_batch_stops_no_other(bench: QuickBooksBench) -> None:
    bench.account.strangers("A-2", 100)
    drafts = [bench.a_draft(f"A-{n}", payer=bench.a_payer(str(n))) for n in (1, 2, 3)]
    drafts[2] = replace(drafts[2], payer=bench.a_payer("3", email="no address"))

    first, second, third = bench.adapter().push(drafts, PlainJournals())

    assert first.pushed is not None
    assert isinstance(second.error, StepStuck) and second.error.code == "WB-PUSH-NUMBER-TAKEN"
    assert isinstance(third.error, Rejected) and "Email" in third.error.message


def test_a_batch_that_is_refused_as_a_whole_is_sent_one_by_one(bench: QuickBooksBench) -> None:
    refusal = {"Fault": {"Error": [{"Message": "no batches", "code": "2010"}], "type": "ValidationFault"}}
    inner = bench.network.inner

    class NoBatches(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("/batch"):
                return httpx.Response(400, json=refusal)
            return inner.handle_request(request)

    bench.network.inner = NoBatches()
    drafts = [bench.a_draft(f"A-{n}", payer=bench.a_payer(str(n))) for n in range(3)]

    assert all(result.pushed for result in bench.adapter().push(drafts, PlainJournals()))


def test_an_item_that_the_answer_leaves_out_is_looked_for(bench: QuickBooksBench) -> None:
    inner, spoilt = bench.network.inner, []

    class LeavesOut(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            answer = inner.handle_request(request)
            if not request.url.path.endswith("/batch") or b'"Invoice"' not in request.content or spoilt:
                return answer
            spoilt.append(True)
            document = json.loads(answer.read())
            document["BatchItemResponse"].pop()
            return httpx.Response(200, json=document)

    bench.network.inner = LeavesOut()
    drafts = [bench.a_draft(f"A-{n}", payer=bench.a_payer(str(n))) for n in range(3)]
    journals = PlainJournals()

    first = list(bench.adapter().push(drafts, journals))
    second = list(bench.adapter().push(drafts, journals))

    assert sum(isinstance(result.error, Garbled) for result in first) == 1
    assert all(result.pushed for result in second)
    assert [bench.live(draft.reference) for draft in drafts] == [1, 1, 1]
    assert len(bench.account.books.mails) == 3


def test_a_batch_of_many_lines_is_divided(bench: QuickBooksBench) -> None:
    lines = tuple(bench.a_line("1.00") for _ in range(250))
    drafts = [bench.a_draft(f"A-{n}", *lines) for n in range(5)]

    results = list(bench.adapter().push(drafts, PlainJournals()))

    assert all(result.pushed for result in results)
    sizes = [len(body["BatchItemRequest"]) for body in bench.network.posted("/batch")]
    assert sizes == [2, 2] and len(bench.network.posted("/invoice")) == 1


def test_two_invoices_of_one_new_customer_in_a_batch_make_one_customer(bench: QuickBooksBench) -> None:
    drafts = [bench.a_draft(f"A-{n}") for n in range(3)]

    results = list(bench.adapter().push(drafts, PlainJournals()))

    assert len({result.pushed.payer.external_id for result in results if result.pushed}) == 1
    assert bench.payers() == 1


def test_the_pay_page_is_linked_where_online_payment_is_on(bench: QuickBooksBench) -> None:
    bench.account.company.pays_online = True

    pushed = bench.adapter(online_payment=True).push_one(bench.a_draft(), PlainJournal())

    links = pushed.observation.links
    assert links.pay_url is not None and links.pay_url.startswith("https://connect.intuit.com/")
    assert links.view_url == (
        f"https://app.sandbox.qbo.intuit.com/app/invoice?txnId={pushed.ref}&companyId={bench.account.id}"
    )
    assert "connect.intuit.com" not in json.dumps(pushed.observation.raw)
