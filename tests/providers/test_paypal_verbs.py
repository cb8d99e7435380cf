"""PayPal: an invoice is withdrawn once, and a payment made elsewhere recorded once."""

from __future__ import annotations

import pytest

from daemon.errors import OutcomeUnknown, Rejected, Unsupported
from daemon.model import Asked, DocStatus, FactKind
from daemon.money import Money
from daemon.providers.contract import PlainJournal
from tests.providers.paypal_bench import PayPalBench, a_draft

RECORD = "POST /v2/invoicing/invoices/{id}/payments"


@pytest.fixture
def bench() -> PayPalBench:
    return PayPalBench()


@pytest.fixture
def ref(bench: PayPalBench) -> str:
    return bench.adapter().push_one(a_draft(), PlainJournal()).ref


def test_a_draft_is_deleted_which_is_void_to_us(bench: PayPalBench) -> None:
    bench.lose_request(after=1)
    with pytest.raises(OutcomeUnknown):
        bench.adapter().push_one(a_draft(), PlainJournal())
    (draft,) = bench.account.standing()

    assert bench.adapter().void(draft.ref, PlainJournal()).status is DocStatus.VOID
    assert bench.account.standing()[0].status is DocStatus.MISSING


def test_what_was_cancelled_or_deleted_there_already_is_void(bench: PayPalBench, ref: str) -> None:
    bench.account.void(ref)
    assert bench.adapter().void(ref, PlainJournal()).status is DocStatus.VOID
    bench.account.delete(ref)
    assert bench.adapter().void(ref, PlainJournal()).status is DocStatus.VOID


@pytest.mark.parametrize("what", ["partly paid", "pending", "refunded", "recorded"])
def test_an_invoice_that_has_seen_money_is_not_voided(bench: PayPalBench, ref: str, what: str) -> None:
    match what:
        case "partly paid":
            bench.account.pay(ref, 1500)
        case "pending":
            bench.account.pay_pending(ref)
        case "refunded":
            bench.account.pay(ref)
            bench.account.refund(ref)
        case "recorded":
            bench.account.record(ref)

    with pytest.raises(Rejected, match="CANNOT_CANCEL"):
        bench.adapter().void(ref, PlainJournal())


@pytest.mark.parametrize("lands", [True, False])
@pytest.mark.parametrize("keys_expired", [True, False])
def test_whatever_is_lost_of_a_record_it_is_there_once(
    bench: PayPalBench, ref: str, lands: bool, keys_expired: bool
) -> None:
    journal, amount = PlainJournal(), Money(1500, "USD")
    (bench.lose_answer if lands else bench.lose_request)(after=0)
    with pytest.raises(OutcomeUnknown):
        bench.adapter().record_payment(ref, amount, "cash at the office", journal)
    journal.keys_expired = keys_expired

    seen = bench.adapter().record_payment(ref, amount, "cash at the office", journal)

    assert (seen.paid_total, seen.status) == (amount, DocStatus.OPEN)
    assert [(fact.kind, fact.amount) for fact in seen.facts] == [(FactKind.PAYMENT, amount)]


def test_an_equal_payment_recorded_before_is_not_taken_for_ours(bench: PayPalBench, ref: str) -> None:
    bench.account.record(ref, 1500)

    seen = bench.adapter().record_payment(ref, Money(1500, "USD"), "", PlainJournal())

    assert seen.paid_total == Money(3000, "USD")


def test_more_than_is_due_is_not_recorded(bench: PayPalBench, ref: str) -> None:
    with pytest.raises(Rejected, match="PAYMENT_AMOUNT_GREATER_THAN_AMOUNT_DUE"):
        bench.adapter().record_payment(ref, Money(4501, "USD"), "", PlainJournal())


def test_a_note_stands_beside_the_payment_and_not_in_the_evidence(bench: PayPalBench, ref: str) -> None:
    bench.adapter().record_payment(ref, Money(4500, "USD"), "from Subscriber 0001", PlainJournal())

    (payment,) = bench.account.ledger.invoices[ref].payments
    (seen,) = bench.adapter().pull([Asked(ref)])
    assert payment.note == "from Subscriber 0001"
    assert "Subscriber" not in str(seen.raw)


def test_paypal_gives_out_no_pdf_and_sends_no_test_delivery(bench: PayPalBench, ref: str) -> None:
    with pytest.raises(Unsupported):
        bench.adapter().document(ref)
    with pytest.raises(Unsupported):
        bench.adapter().test_webhook("5L518819FA0214926")
