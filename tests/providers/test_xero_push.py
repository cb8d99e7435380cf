"""Xero: a batch lands once and whole, in few calls, whatever stops it and whoever else was there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from daemon.errors import CATALOGUE, Garbled, OutcomeUnknown, Rejected, StepStuck, Throttled
from daemon.model import DocStatus, InvoiceDraft
from daemon.providers.base import PushResult
from daemon.providers.contract import PlainJournals
from tests.providers.xero_bench import XeroBench, a_draft, a_line

API = "/api.xro/2.0"


def push(
    bench: XeroBench, drafts: Sequence[InvoiceDraft], journals: PlainJournals, **settings: Any
) -> list[PushResult]:
    return list(bench.adapter(**settings).push(drafts, journals))


def preset(draft: InvoiceDraft, contact: str) -> InvoiceDraft:
    return replace(draft, payer=replace(draft.payer, external_id=contact))


def refs(results: Sequence[PushResult]) -> list[str]:
    assert [result.error for result in results if result.error] == []
    return [result.pushed.ref for result in results if result.pushed]


def test_a_thousand_invoices_of_known_customers_take_forty_calls() -> None:
    bench = XeroBench()
    known = [bench.account.add_contact(f"Customer {n}").id for n in range(1000)]
    drafts = [
        replace(d, payer=replace(d.payer, external_id=known[n])) for n in range(1000) if (d := a_draft(n))
    ]
    journals = PlainJournals()
    adapter = bench.adapter(send_email=False)

    for n in range(0, 1000, adapter.can.push_batch):
        assert len(refs(list(adapter.push(drafts[n : n + 50], journals)))) == 50

    assert bench.network.seen() == {"PUT /Invoices": 20, "POST /Invoices": 20}
    standing = bench.account.standing()
    assert len(standing) == len({one.number for one in standing}) == 1000
    assert {one.status for one in standing} == {DocStatus.OPEN}


def test_fifty_new_customers_take_one_call_more() -> None:
    bench = XeroBench()
    drafts = [a_draft(n, payer=str(n)) for n in range(50)]

    results = push(bench, drafts, PlainJournals(), send_email=False)

    assert len(set(refs(results))) == bench.payers() == 50
    assert bench.network.seen() == {"PUT /Contacts": 1, "PUT /Invoices": 1, "POST /Invoices": 1}


def test_answers_in_another_order_reach_the_right_invoices() -> None:
    bench = XeroBench()
    drafts = [a_draft(n, a_line(f"{n}.00"), payer=str(n)) for n in range(1, 6)]

    for result in push(bench, drafts, PlainJournals()):
        assert result.pushed is not None
        stands = bench.account.invoice(result.pushed.ref)
        assert (stands.number, stands.reference) == (result.draft.number, result.draft.reference)
        assert stands.total == result.draft.total.minor
        assert stands.contact.number == result.draft.payer.reference


def test_what_xero_refuses_stops_that_invoice_only() -> None:
    bench = XeroBench()
    bad = a_draft(2, a_line("9.00", currency="GBP"))

    first, second, third = push(bench, [a_draft(1), bad, a_draft(3)], PlainJournals())

    assert isinstance(second.error, Rejected) and "GBP" in second.error.message
    assert second.error.code == "WB-PUSH-CURRENCY"
    assert first.pushed is not None and third.pushed is not None
    assert len(bench.account.standing()) == 2


@pytest.mark.parametrize("lost", ["answer", "request"])
@pytest.mark.parametrize("after", range(4))
def test_a_batch_that_is_lost_on_its_way_is_looked_for_in_batches(after: int, lost: str) -> None:
    bench = XeroBench()
    drafts, journals = [a_draft(n, payer=str(n)) for n in range(30)], PlainJournals()
    (bench.lose_answer if lost == "answer" else bench.lose_request)(after=after)
    push(bench, drafts, journals, send_email=after == 3)
    bench.pass_time(3600)
    before = len(bench.network.requests)

    results = push(bench, drafts, journals, send_email=after == 3)

    assert len(set(refs(results))) == len(bench.account.standing()) == bench.payers() == 30
    looks = [one for one in bench.network.requests[before:] if one.method == "GET"]
    assert len([one for one in looks if one.url.path == f"{API}/Invoices"]) <= 1
    mails = {one.sent for one in bench.account.standing()}
    assert mails == ({1} if after == 3 else {0})


def test_a_look_that_fails_takes_nothing_from_those_that_went_well() -> None:
    bench = XeroBench()
    bench.account.strangers("C-2", 4500)
    drafts, journals = [a_draft(1), a_draft(2), a_draft(3)], PlainJournals()
    bench.spoil("error_before", after=2)

    first, second, third = push(bench, drafts, journals, send_email=False)

    assert isinstance(second.error, OutcomeUnknown)
    assert first.pushed is not None and third.pushed is not None
    again = push(bench, drafts, journals, send_email=False)[1].error
    assert isinstance(again, StepStuck) and again.code == "WB-PUSH-NUMBER-TAKEN"


def test_a_crash_between_create_and_approve_finishes_the_draft() -> None:
    bench = XeroBench()
    draft, journals = a_draft(1), PlainJournals()
    bench.lose_request(after=2)
    assert isinstance(push(bench, [draft], journals)[0].error, OutcomeUnknown)
    (half,) = bench.account.standing()
    assert half.status is DocStatus.DRAFT

    (ref,) = refs(push(bench, [draft], journals))

    assert ref == half.ref
    assert [(one.status, one.sent) for one in bench.account.standing()] == [(DocStatus.OPEN, 1)]


def test_a_lost_journal_finds_the_invoice_by_number_and_reference() -> None:
    bench = XeroBench()
    (first,) = refs(push(bench, [a_draft(1)], PlainJournals(), send_email=False))
    bench.pass_time(3600)

    (second,) = refs(push(bench, [a_draft(1)], PlainJournals(), send_email=False))

    assert second == first and len(bench.account.standing()) == 1


def test_a_number_of_the_merchants_own_is_never_overwritten_nor_adopted() -> None:
    bench = XeroBench()
    theirs = bench.account.strangers("C-1", 4500)
    before = bench.account.standing()

    (result,) = push(bench, [a_draft(1)], PlainJournals())

    assert isinstance(result.error, StepStuck) and result.error.code == "WB-PUSH-NUMBER-TAKEN"
    assert bench.account.standing() == before and before[0].ref == theirs


@pytest.mark.parametrize("number", ["2026,17", 'A"1', "5%", "A&B", "ä-1"])
def test_a_number_that_confuses_a_filter_is_found_all_the_same(number: str) -> None:
    bench = XeroBench()
    draft, journals = a_draft(number), PlainJournals()
    bench.lose_answer(after=1)
    assert isinstance(push(bench, [draft], journals)[0].error, OutcomeUnknown)
    bench.pass_time(3600)

    refs(push(bench, [draft], journals))

    assert [one.number for one in bench.account.standing()] == [number]


def test_two_drafts_of_one_number_are_not_taken_for_each_other() -> None:
    bench = XeroBench()
    twin = replace(a_draft(2), number="c-1")

    first, second = push(bench, [a_draft(1), twin], PlainJournals())

    assert first.pushed is not None
    assert isinstance(second.error, StepStuck) and second.error.code == "WB-PUSH-NUMBER-TAKEN"


# --- the total ----------------------------------------------------------------------------------------

TAXED = {"tax_types": {"sales": "OUTPUT2"}}


def test_tax_adds_up_to_our_own_total() -> None:
    bench = XeroBench()
    draft = a_draft(1, a_line("10.01", "0.82", "sales"), a_line("3.33", "0.28", "sales"), a_line("1.00"))

    (result,) = push(bench, [draft], PlainJournals(), **TAXED)

    assert result.pushed is not None and result.pushed.observation.total == draft.total
    lines = bench.account.invoice(result.pushed.ref).lines
    assert [(line.tax_type, line.tax) for line in lines] == [("OUTPUT2", 82), ("OUTPUT2", 28), ("NONE", 0)]


@pytest.mark.parametrize("reuses", [False, True])
def test_a_draft_that_xero_reckons_otherwise_is_withdrawn_and_never_goes_live(reuses: bool) -> None:
    bench = XeroBench(ignores_tax_amounts=True, reuses_numbers=reuses)
    draft, journals = a_draft(1, a_line("10.01", "0.82", "sales")), PlainJournals()

    (stopped,) = push(bench, [draft], journals, **TAXED)

    assert isinstance(stopped.error, StepStuck) and stopped.error.code == "WB-PUSH-TOTAL"
    assert "10.83 here and 10.84 at Xero" in stopped.error.message
    assert [one.status for one in bench.account.standing()] == [DocStatus.MISSING]
    bench.account.books.ignores_tax_amounts = False
    bench.pass_time(3600)
    journals.keys_expired = True  # a person said: try again

    (again,) = push(bench, [draft], journals, **TAXED)

    if reuses:
        assert again.pushed is not None and bench.live(draft.reference) == 1
    else:  # whether a deleted draft frees its number is written nowhere
        assert isinstance(again.error, StepStuck) and again.error.code == "WB-PUSH-NUMBER-TAKEN"


def test_an_account_that_was_archived_stops_the_invoice_as_a_draft() -> None:
    """Xero takes it off the line with a warning, and success."""
    bench = XeroBench()
    bench.account.archive_account("200")

    (result,) = push(bench, [a_draft(1)], PlainJournals())

    assert isinstance(result.error, StepStuck) and "account 200" in result.error.message
    assert bench.live(a_draft(1).reference) == 0


def test_closed_books_are_xeros_refusal_in_xeros_words() -> None:
    bench = XeroBench()
    bench.account.close_books(a_draft(1).issued_on)

    (result,) = push(bench, [a_draft(1)], PlainJournals())

    assert isinstance(result.error, Rejected) and "lock date" in result.error.message


@pytest.mark.parametrize("change", ["delete", "void"])
def test_an_invoice_that_the_office_took_away_meanwhile_is_not_made_anew(change: str) -> None:
    bench = XeroBench()
    draft, journals = a_draft(1), PlainJournals()
    if change == "delete":
        bench.lose_request(after=2)
        push(bench, [draft], journals)
        bench.account.delete(bench.account.standing()[0].ref)
    else:
        bench.lose_answer(after=2)
        push(bench, [draft], journals)
        bench.account.void(bench.account.standing()[0].ref)
    bench.pass_time(3600)

    (result,) = push(bench, [draft], journals)

    assert isinstance(result.error, StepStuck) and result.error.code == "WB-PUSH-MISMATCH"
    assert len(bench.account.standing()) == 1


# --- customers ----------------------------------------------------------------------------------------


def test_three_homes_with_one_name_and_one_e_mail_stay_three() -> None:
    bench = XeroBench()
    bench.account.add_contact("Subscriber 0001", "subscriber0001@example.com")
    drafts = []
    for n in (1, 2):
        draft = a_draft(n, payer=str(n))
        payer = replace(draft.payer, name="Subscriber 0001", email="subscriber0001@example.com")
        drafts.append(replace(draft, payer=payer))

    refs(push(bench, drafts, PlainJournals()))

    assert bench.payers() == 3
    assert len({one.payer for one in bench.account.standing()}) == 2


@pytest.mark.parametrize(
    "name", ["<b>Ben</b>", "  two  spaces ", 'Quote " AND Name=="x', "N" * 400, "Zoë, Ltd."]
)
def test_a_name_that_xero_would_refuse_is_made_fit(name: str) -> None:
    bench = XeroBench()
    draft = a_draft(1)

    refs(push(bench, [replace(draft, payer=replace(draft.payer, name=name))], PlainJournals()))

    (contact,) = bench.account.books.contacts.values()
    assert contact.name.endswith("(1)") and len(contact.name) <= 255


@pytest.mark.parametrize("ors", [False, True])
def test_contacts_in_doubt_are_found_whether_or_not_xero_takes_an_or(ors: bool) -> None:
    bench = XeroBench(or_filters=ors)
    drafts, journals = [a_draft(n, payer=str(n)) for n in range(5)], PlainJournals()
    bench.lose_answer(after=0)
    push(bench, drafts, journals)

    refs(push(bench, drafts, journals))

    assert bench.payers() == 5
    assert bench.network.seen()["GET /Contacts"] == 1


def test_a_contact_that_was_archived_is_a_matter_for_a_person() -> None:
    bench = XeroBench()
    refs(push(bench, [a_draft(1)], PlainJournals()))
    bench.account.archive_contact(next(iter(bench.account.books.contacts)))

    (result,) = push(bench, [a_draft(2)], PlainJournals())

    assert isinstance(result.error, StepStuck) and "archived" in result.error.message


def test_a_contact_that_was_merged_is_refused_with_the_name_of_the_other() -> None:
    bench = XeroBench()
    old, new = (bench.account.add_contact(name).id for name in ("Old", "New"))
    bench.account.merge_contacts(old, new)
    drafts = [preset(a_draft(1), old), preset(a_draft(2), new)]

    merged, live = push(bench, drafts, PlainJournals(), send_email=False)

    assert isinstance(merged.error, Rejected) and new in merged.error.message
    assert live.pushed is not None


def test_long_numbers_are_looked_for_in_addresses_that_stay_short() -> None:
    bench = XeroBench()
    drafts = [a_draft(f"{n:03}-" + "N" * 250, payer=str(n)) for n in range(30)]
    journals = PlainJournals()
    bench.lose_answer(after=1)
    push(bench, drafts, journals, send_email=False)
    bench.pass_time(3600)

    assert len(refs(push(bench, drafts, journals, send_email=False))) == 30
    assert max(len(str(one.url)) for one in bench.network.requests) < 2000


def test_a_preset_contact_that_is_none_is_not_sent() -> None:
    bench = XeroBench()
    draft = a_draft(1)

    (result,) = push(
        bench, [replace(draft, payer=replace(draft.payer, external_id="cus_1"))], PlainJournals()
    )

    assert isinstance(result.error, StepStuck)
    assert bench.network.requests == []


# --- e-mail -------------------------------------------------------------------------------------------


def test_without_e_mail_the_invoice_is_marked_as_sent() -> None:
    bench = XeroBench()

    (ref,) = refs(push(bench, [a_draft(1)], PlainJournals(), send_email=False))

    assert (bench.account.invoice(ref).sent_to_contact, bench.sent(ref)) == (True, 0)


def test_a_days_e_mails_that_are_used_up_are_waited_for() -> None:
    bench = XeroBench(email_limit=1)
    drafts, journals = [a_draft(1), a_draft(2), a_draft(3)], PlainJournals()

    first, second, third = push(bench, drafts, journals)

    assert first.pushed is not None
    assert isinstance(second.error, Throttled) and second.error.retry_after == 3600
    assert third.error is second.error
    for _ in range(3):
        bench.pass_time(25 * 3600)
        bench.account.books.mailed.clear()
        results = push(bench, drafts, journals)
    assert len(refs(results)) == 3
    assert [one.sent for one in bench.account.standing()] == [1, 1, 1]


def test_twenty_five_e_mails_are_sent_and_a_refusal_to_send_more_stops_the_rest() -> None:
    bench = XeroBench(email_limit=12)
    drafts, journals = [a_draft(n, payer=str(n)) for n in range(25)], PlainJournals()

    results = push(bench, drafts, journals)

    assert [result.pushed is not None for result in results] == [True] * 12 + [False] * 13
    assert sum(n for path, n in bench.network.seen().items() if path.endswith("/Email")) == 13
    bench.pass_time(25 * 3600)
    bench.account.books.email_limit = 100
    push(bench, drafts, journals)
    bench.pass_time(3600)
    assert len(refs(push(bench, drafts, journals))) == 25
    assert {one.sent for one in bench.account.standing()} == {1}


def test_without_an_address_nothing_is_sent_where_xero_is_to_mail() -> None:
    bench = XeroBench()
    draft = a_draft(1)
    draft = replace(draft, payer=replace(draft.payer, email=None))

    (refused,) = push(bench, [draft], PlainJournals())
    (taken,) = push(bench, [draft], PlainJournals(), send_email=False)

    assert refused.error is not None and getattr(refused.error, "code", "") == "WB-CUSTOMER-EMAIL"
    assert taken.pushed is not None


# --- refused before anything is sent ------------------------------------------------------------------

REFUSED = {
    "no sales account": (a_draft(1), {"account_code": ""}, "WB-INPUT"),
    "a rate that is not mapped": (a_draft(1, a_line("1.00", "0.10", "exotic")), {}, "WB-INPUT"),
    "a tax without a rate": (a_draft(1, a_line("1.00", "0.10")), {}, "WB-INPUT"),
    "a number too long": (a_draft("N" * 256), {}, "WB-INPUT"),
    "a number with a space at its end": (a_draft("N "), {}, "WB-INPUT"),
    "too many lines": (a_draft(1, *[a_line("1.00")] * 101), {}, "WB-INPUT"),
    "a long description": (a_draft(1, replace(a_line("1.00"), description="x" * 4001)), {}, "WB-INPUT"),
    "too much text": (a_draft(1, *[replace(a_line("1.00"), description="ü" * 4000)] * 15), {}, "WB-INPUT"),
    "a credit": (a_draft(1, a_line("-5.00")), {}, "WB-PUSH-CURRENCY"),
    "a third decimal": (a_draft(1, a_line("1.005", "0.000", currency="KWD")), {}, "WB-PUSH-CURRENCY"),
    "more than xero takes": (a_draft(1, a_line("10000000000.00")), {}, "WB-PUSH-CURRENCY"),
    "lines that do not add up": (replace(a_draft(1), total=a_line("44.00").net), {}, "WB-PUSH-TOTAL"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_xero_could_not_bill_is_refused_before_anything_is_sent(what: str) -> None:
    draft, settings, code = REFUSED[what]
    bench = XeroBench()

    (result,) = push(bench, [draft], PlainJournals(), **settings)

    assert isinstance(result.error, Rejected) and result.error.code == code in CATALOGUE
    assert bench.network.requests == []


def test_yen_and_dinars_are_billed_in_xeros_two_decimals() -> None:
    bench = XeroBench(currencies=["USD", "JPY", "KWD"])
    yen = a_draft(1, a_line("1250", "0", currency="JPY"))
    dinar = a_draft(2, a_line("1.250", "0.000", currency="KWD"))

    results = push(bench, [yen, dinar], PlainJournals())

    assert [one.total for one in bench.account.standing()] == [125000, 125]
    assert [r.pushed.observation.total for r in results if r.pushed] == [yen.total, dinar.total]


# --- the wire -----------------------------------------------------------------------------------------


def test_amounts_leave_as_numbers_and_a_description_stays_text() -> None:
    bench = XeroBench()
    line = replace(a_line("45.10"), description='"UnitAmount": "9.99" \\"Amount": "1"', quantity="2")

    refs(push(bench, [a_draft(1, line)], PlainJournals()))

    (request,) = [
        one for one in bench.network.requests if one.method == "PUT" and b"LineItems" in one.content
    ]
    sent = json.loads(request.content)["Invoices"][0]["LineItems"][0]
    assert b'"UnitAmount": 45.10' in request.content
    assert sent["Description"] == f"2 x {line.description}"


def test_a_batch_too_large_for_one_request_goes_in_several() -> None:
    bench = XeroBench()
    lines = [replace(a_line("1.00"), description="x" * 3900)] * 15

    results = push(bench, [a_draft(n, *lines) for n in range(50)], PlainJournals(), send_email=False)

    assert len(refs(results)) == 50
    assert bench.network.seen()["PUT /Invoices"] == 2
    assert max(len(one.content) for one in bench.network.requests) < 3_500_000


def test_an_answer_that_leaves_an_invoice_out_is_in_doubt() -> None:
    bench = XeroBench()
    drafts, journals = [a_draft(1), a_draft(2)], PlainJournals()
    inner = bench.network.inner.handle_request

    def cut(request: Any) -> Any:
        answer = inner(request)
        if request.method == "PUT" and request.url.path.endswith("/Invoices"):
            answer.read()
            document = json.loads(answer.content)
            document["Invoices"].pop()
            return type(answer)(200, json=document)
        return answer

    bench.network.inner.handle_request = cut  # type: ignore[method-assign]
    first, second = push(bench, drafts, journals)
    bench.network.inner.handle_request = inner  # type: ignore[method-assign]

    assert isinstance(first.error or second.error, Garbled)
    assert len(refs(push(bench, drafts, journals))) == 2
    assert len(bench.account.standing()) == 2
