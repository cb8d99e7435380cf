"""Xero: what is read is what stands there, in few calls; what is not as documented changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from daemon.errors import Garbled, OutcomeUnknown, RemoteError, Throttled, Unauthorised
from daemon.model import Asked, DocStatus, FactKind, Observation
from daemon.money import Money
from daemon.providers.contract import PlainJournals
from daemon.providers.xero.read import observe, scrubbed
from tests.providers.xero_bench import XeroBench, a_draft

ID = "430fa14a-f945-44d3-9f97-5df5e28441b8"
OTHER = "ed255415-e141-4150-aab7-89c3bbbb851c"


def usd(minor: int) -> Money:
    return Money(minor, "USD")


def pushed(bench: XeroBench, count: int = 1) -> list[str]:
    drafts = [a_draft(n) for n in range(1, count + 1)]
    found = []
    for n in range(0, count, 50):
        results = list(bench.adapter(send_email=False).push(drafts[n : n + 50], PlainJournals()))
        found += [result.pushed.ref for result in results if result.pushed]
    assert len(found) == count
    bench.network.requests.clear()
    return found


def read(bench: XeroBench, *refs: str, **settings: Any) -> list[Observation]:
    return list(bench.adapter(**settings).pull([Asked(ref) for ref in refs]))


def facts(seen: Observation) -> list[tuple[FactKind, int, str | None]]:
    return [(fact.kind, fact.amount.minor, fact.method) for fact in seen.facts]


# --- few calls ----------------------------------------------------------------------------------------


def test_forty_invoices_take_one_call() -> None:
    bench = XeroBench()
    refs = pushed(bench, 80)

    assert [one.ref for one in read(bench, *refs)] == refs
    assert bench.network.seen() == {"GET /Invoices": 2}


def test_a_thousand_open_invoices_take_three_calls() -> None:
    bench = XeroBench()
    refs = pushed(bench, 1000)
    bench.account.pay(refs[7])

    seen = {one.ref: one for one in read(bench, *refs)}

    assert seen.keys() == set(refs) and seen[refs[7]].status is DocStatus.PAID
    assert len(bench.network.requests) == 3


def test_invoices_that_the_listing_leaves_out_are_read_by_id() -> None:
    """Of another app, say, or paid long ago."""
    bench = XeroBench()
    refs = pushed(bench, 200)
    for invoice in bench.account.books.invoices.values():
        invoice.created_by = "another app"

    assert {one.ref for one in read(bench, *refs)} == set(refs)
    assert len(bench.network.requests) == 1 + 5


def test_a_ref_that_is_no_id_is_missing_without_a_call() -> None:
    bench = XeroBench()

    (seen,) = read(bench, "INV-1,INV-2")

    assert (seen.status, bench.network.requests) == (DocStatus.MISSING, [])


def test_the_pay_link_is_fetched_for_a_single_open_invoice_only() -> None:
    bench = XeroBench()
    one, two = pushed(bench, 2)

    assert read(bench, one)[0].links.pay_url == f"https://in.xero.com/{one[:8]}"
    assert [seen.links.pay_url for seen in read(bench, one, two)] == [None, None]
    assert read(bench, one, pay_links=False)[0].links.pay_url is None
    bench.account.pay(one)
    bench.network.requests.clear()
    assert read(bench, one)[0].links.pay_url is None
    assert len(bench.network.requests) == 1


@pytest.mark.parametrize("fault", ["error_before", "throttled"])
def test_a_link_that_cannot_be_had_costs_no_truth(fault: str) -> None:
    bench = XeroBench()
    (ref,) = pushed(bench)
    bench.spoil(fault, after=1)
    answers = bench.adapter().pull([Asked(ref)])

    assert next(answers).status is DocStatus.OPEN
    with pytest.raises(RemoteError):
        next(answers)


def test_the_link_for_staff_needs_the_short_code() -> None:
    bench = XeroBench()
    (ref,) = pushed(bench)

    assert read(bench, ref)[0].links.view_url is None
    (seen,) = read(bench, ref, short_code="!23eYt")
    assert seen.links.view_url == f"https://go.xero.com/app/!23eYt/invoicing/view/{ref}"


# --- money --------------------------------------------------------------------------------------------


def test_payments_prepayments_overpayments_and_credit_notes_are_told_apart() -> None:
    bench = XeroBench()
    (ref,) = pushed(bench)
    bench.account.pay(ref, 1000)
    bench.account.prepay(ref, 700)
    bench.account.use_overpayment(ref, 300)
    bench.account.credit(ref, 500)

    (seen,) = read(bench, ref)

    assert facts(seen) == [
        (FactKind.PAYMENT, 1000, None),
        (FactKind.PAYMENT, 700, "prepayment"),
        (FactKind.PAYMENT, 300, "overpayment"),
        (FactKind.CREDIT, 500, "credit note"),
    ]
    assert (seen.status, seen.paid_total) == (DocStatus.OPEN, usd(2000))
    assert seen.covers == {FactKind.PAYMENT, FactKind.CREDIT}
    assert len({fact.external_id for fact in seen.facts}) == 4


def test_a_credit_note_over_everything_settles_without_a_payment() -> None:
    bench = XeroBench()
    (ref,) = pushed(bench)
    bench.account.credit(ref, 4500)

    (seen,) = read(bench, ref)

    assert (seen.status, seen.paid_total) == (DocStatus.PAID, usd(0))
    assert facts(seen) == [(FactKind.CREDIT, 4500, "credit note")]


def test_a_removed_payment_is_gone_and_the_invoice_open_again() -> None:
    bench = XeroBench()
    (ref,) = pushed(bench)
    bench.account.pay(ref)
    bench.account.reverse(ref)

    (seen,) = read(bench, ref)

    assert (seen.status, seen.paid_total, seen.facts) == (DocStatus.OPEN, usd(0), ())
    assert FactKind.PAYMENT in seen.covers


def test_one_deposit_over_two_invoices_is_a_payment_on_each() -> None:
    bench = XeroBench()
    one, two = pushed(bench, 2)
    bench.account.pay_several({one: 4500, two: 500})

    first, second = read(bench, one, two)

    assert (facts(first), facts(second)) == (
        [(FactKind.PAYMENT, 4500, None)],
        [(FactKind.PAYMENT, 500, None)],
    )
    assert first.facts[0].external_id != second.facts[0].external_id


def test_what_was_paid_too_much_is_not_on_the_invoice() -> None:
    bench = XeroBench()
    (ref,) = pushed(bench)
    bench.account.overpay(ref, 500)

    assert read(bench, ref)[0].paid_total == usd(4500)


def a_document(**changes: Any) -> dict[str, Any]:
    document = {
        "Type": "ACCREC",
        "InvoiceID": ID,
        "InvoiceNumber": "C-1",
        "Status": "AUTHORISED",
        "CurrencyCode": "USD",
        "Total": Decimal("45.00"),
        "AmountDue": 45,
        "AmountPaid": Decimal("0.00"),
        "AmountCredited": 0,
        "Contact": {"ContactID": OTHER, "Name": "Subscriber 0001", "EmailAddress": "a@example.com"},
        "DueDate": "/Date(1773619200000+0000)/",
        "UpdatedDateUTC": "/Date(1583945852373+0000)/",
    }
    return {**document, **changes}


def test_a_summary_tells_totals_and_leaves_what_is_known_alone() -> None:
    seen = observe(a_document(AmountPaid=Decimal("10.00"), AmountCredited=Decimal("5.00")))

    assert seen.paid_total == usd(1000)
    assert facts(seen) == [(FactKind.CREDIT, 500, None)]
    assert seen.covers == frozenset()


def test_dates_come_in_milliseconds_or_as_text() -> None:
    seen = observe(a_document())

    assert seen.as_of == datetime(2020, 3, 11, 16, 57, 32, 373000, tzinfo=UTC)
    assert seen.due_on == date(2026, 3, 16)
    assert observe(a_document(UpdatedDateUTC="/Date(1583945852373)/")).as_of == seen.as_of
    assert observe(a_document(DueDateString="2026-03-17T00:00:00")).due_on == date(2026, 3, 17)
    assert observe(a_document(DueDateString="soon", DueDate=None)).due_on is None


WORDS = {
    "DRAFT": DocStatus.DRAFT,
    "SUBMITTED": DocStatus.DRAFT,
    "VOIDED": DocStatus.VOID,
    "DELETED": DocStatus.MISSING,
    "BILLED": DocStatus.UNKNOWN,
    None: DocStatus.UNKNOWN,
}


@pytest.mark.parametrize("word", WORDS)
def test_each_word_has_its_status_and_a_new_one_is_unknown(word: str | None) -> None:
    assert observe(a_document(Status=word)).status is WORDS[word]


BAD = {
    "a bill": {"Type": "ACCPAY"},
    "no id": {"InvoiceID": None},
    "an id that is none": {"InvoiceID": "../Contacts"},
    "no currency": {"CurrencyCode": None},
    "a currency that is none": {"CurrencyCode": "EURO"},
    "an amount in words": {"Total": "forty-five"},
    "an amount that is true": {"Total": True},
    "an amount without end": {"Total": "Infinity"},
    "half a cent": {"Total": Decimal("45.005")},
    "a payment without id": {"Payments": [{"Amount": 1}]},
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_not_as_documented_is_garbled(what: str) -> None:
    with pytest.raises(Garbled):
        observe(a_document(**BAD[what]))


def test_the_evidence_names_nobody_and_can_be_read_again() -> None:
    kept = json.loads(json.dumps(scrubbed(a_document(LineItems=[{"Description": "secret"}]))))

    assert "Subscriber" not in str(kept) and "example.com" not in str(kept) and "secret" not in str(kept)
    assert observe(kept).total == observe(a_document()).total


# --- another one's, and nonsense ----------------------------------------------------------------------


def answering(bench: XeroBench, answer: Callable[[httpx.Request], httpx.Response]) -> None:
    bench.network.inner.handle_request = answer  # type: ignore[method-assign]


def test_an_invoice_that_was_not_asked_for_makes_the_answer_worthless() -> None:
    bench = XeroBench()
    answering(bench, lambda _: httpx.Response(200, json={"Invoices": [_plain(a_document())]}))

    with pytest.raises(Garbled):
        read(bench, OTHER)


def test_an_invoice_of_another_organisation_is_missing_here() -> None:
    bench = XeroBench()
    (ref,) = pushed(bench)
    other = bench.double.add_account("Wisp Two")
    keeper = bench.consented(other)

    (seen,) = bench.adapter(tokens=keeper, tenant=other.id).pull([Asked(ref)])

    assert seen.status is DocStatus.MISSING


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    return {name: float(v) if isinstance(v, Decimal) else v for name, v in document.items()}


NONSENSE: dict[str, tuple[httpx.Response, type[RemoteError]]] = {
    "a page": (httpx.Response(200, text="<html>sign in</html>"), Garbled),
    "nothing": (httpx.Response(200), Garbled),
    "an empty object": (httpx.Response(200, json={}), Garbled),
    "a list": (httpx.Response(200, json=[]), Garbled),
    "no invoices": (httpx.Response(200, json={"Status": "OK"}), Garbled),
    "not a number": (httpx.Response(200, text='{"Invoices": [{"Total": NaN}]}'), Garbled),
    "deep": (httpx.Response(200, text="[" * 100_000), Garbled),
    "a redirect": (httpx.Response(302, headers={"location": "https://elsewhere.test/"}), Garbled),
    "a proxy's 400": (httpx.Response(400, text="Bad Request"), Garbled),
    "a proxy's 403": (httpx.Response(403, text="<html>Access Denied</html>"), Garbled),
    "an outage": (httpx.Response(503, json={"Title": "Organisation offline"}), OutcomeUnknown),
    "a plain 401": (httpx.Response(401), Unauthorised),
    "a lower-case 403": (httpx.Response(403, json={"title": "Forbidden", "detail": "x"}), Unauthorised),
    "a 429 for what is in flight": (
        httpx.Response(429, headers={"x-rate-limit-problem": "concurrent"}),
        Throttled,
    ),
}


@pytest.mark.parametrize("what", NONSENSE)
def test_nonsense_is_called_what_it_is(what: str) -> None:
    response, kind = NONSENSE[what]
    bench = XeroBench()
    answering(bench, lambda r: bench_answer(r, response))

    with pytest.raises(kind):
        read(bench, ID)


def bench_answer(request: httpx.Request, response: httpx.Response) -> httpx.Response:
    if request.url.path == "/connect/token":
        token = {"access_token": "fresh", "refresh_token": "next", "expires_in": 1800}
        return httpx.Response(200, json=token)
    return response


def test_a_not_modified_is_an_empty_page() -> None:
    bench = XeroBench()
    cursor = bench.adapter().changed(None).cursor
    answering(bench, lambda _: httpx.Response(304))

    assert bench.adapter().changed(cursor).observations == ()


def test_one_invoice_that_cannot_be_read_keeps_no_other_from_being_told() -> None:
    bench = XeroBench()
    refs = pushed(bench, 3)
    cursor = bench.adapter().changed(None).cursor
    bench.account.invoice(refs[1]).lines[0].net = Decimal("4500.5")  # type: ignore[assignment]
    seen = []

    with pytest.raises(Garbled):
        for one in bench.adapter().pull([Asked(ref) for ref in refs]):
            seen.append(one.ref)
    page = bench.adapter().changed(cursor)

    assert seen == [refs[0], refs[2]]
    assert [one.ref for one in page.observations] == [refs[0], refs[2]]
    assert [hint.ref for hint in page.hints] == [refs[1]]
