"""Payments, refunds, disputes, credit notes: what happened to the money, and where it shows."""

from __future__ import annotations

import pytest

from tests.sandbox.harness import Bench, made, refused


def payments(bench: Bench, invoice: str, **params: str) -> list[tuple[str, int | None]]:
    listed = bench.get("/v1/invoice_payments", {"invoice": invoice, **params})["data"]
    return [(payment["status"], payment["amount_paid"]) for payment in listed]


def test_a_finalised_invoice_waits_with_an_open_payment() -> None:
    bench = Bench()
    invoice = bench.opened(4500)
    (payment,) = bench.get("/v1/invoice_payments", {"invoice": invoice})["data"]
    assert (payment["status"], payment["amount_requested"], payment["amount_paid"]) == ("open", 4500, None)
    assert payment["is_default"] is True


def test_part_payments_leave_the_invoice_open_until_all_is_paid() -> None:
    bench = Bench()
    invoice = bench.opened(4500)
    bench.account.pay(invoice, 1000)
    half = bench.invoice(invoice)
    assert (half["status"], half["amount_paid"], half["amount_remaining"]) == ("open", 1000, 3500)
    assert payments(bench, invoice) == [("paid", 1000), ("open", None)]

    bench.account.pay(invoice)
    assert bench.invoice(invoice)["status"] == "paid"
    assert payments(bench, invoice, status="paid") == [("paid", 1000), ("paid", 3500)]


def test_overpaying_credits_the_customer() -> None:
    bench = Bench()
    customer = bench.customer()
    invoice = bench.opened(4500, customer=customer)
    bench.account.pay(invoice, 5000)
    paid = bench.invoice(invoice)
    assert (paid["status"], paid["amount_overpaid"], paid["amount_remaining"]) == ("paid", 500, 0)
    assert bench.get(f"/v1/customers/{customer}")["balance"] == -500
    assert "invoice.overpaid" in bench.event_types()
    assert payments(bench, invoice) == [("paid", 5000), ("canceled", None)]


def test_a_bank_debit_is_in_flight_until_it_settles() -> None:
    bench = Bench()
    invoice = bench.opened(4500)
    payment = bench.account.pay(invoice, method="us_bank_account", processing=True)
    expand = {"invoice": invoice, "expand[]": "data.payment.payment_intent.latest_charge"}
    (shown,) = bench.get("/v1/invoice_payments", expand)["data"]
    intent = shown["payment"]["payment_intent"]
    assert (shown["status"], intent["status"], intent["latest_charge"]["status"]) == (
        "open",
        "processing",
        "pending",
    )
    assert bench.invoice(invoice)["status"] == "open"

    bench.account.settle(payment)
    assert bench.invoice(invoice)["status"] == "paid"
    with pytest.raises(ValueError, match="not processing"):
        bench.account.settle(payment)


def test_a_debit_that_bounces_leaves_the_invoice_open_to_be_paid_anew() -> None:
    bench = Bench()
    invoice = bench.opened(4500)
    payment = bench.account.pay(invoice, method="sepa_debit", processing=True)
    bench.account.fail(payment)
    assert bench.invoice(invoice)["status"] == "open"
    assert bench.get(f"/v1/charges/{payment.charge}")["status"] == "failed"
    assert bench.event_types()[0] == "invoice.payment_failed"
    bench.account.pay(invoice)
    assert bench.invoice(invoice)["status"] == "paid"
    assert payments(bench, invoice) == [("paid", 4500)]


def test_a_debit_in_flight_settles_although_the_invoice_was_paid_meanwhile() -> None:
    bench = Bench()
    customer = bench.customer()
    invoice = bench.opened(4500, customer=customer)
    debit = bench.account.pay(invoice, method="sepa_debit", processing=True)
    bench.account.pay_out_of_band(invoice)
    bench.account.settle(debit)
    paid = bench.invoice(invoice)
    assert (paid["status"], paid["amount_paid"], paid["amount_overpaid"]) == ("paid", 9000, 4500)
    assert bench.get(f"/v1/customers/{customer}")["balance"] == -4500


def test_a_refund_takes_from_the_payment_of_which_something_is_left() -> None:
    bench = Bench()
    invoice = bench.opened(4500)
    bench.account.pay(invoice, 1000)
    bench.account.pay(invoice)
    assert [bench.account.refund(invoice).amount for _ in range(2)] == [1000, 3500]


def test_payments_are_found_by_their_intent() -> None:
    bench = Bench()
    invoice = bench.opened()
    bench.opened()
    intent = bench.account.pay(invoice).intent
    wanted = {"payment[type]": "payment_intent", "payment[payment_intent]": intent}
    (found,) = bench.get("/v1/invoice_payments", wanted)["data"]
    assert (found["invoice"], bench.get(f"/v1/invoice_payments/{found['id']}")["id"]) == (
        invoice,
        found["id"],
    )
    refused(
        bench.get("/v1/invoice_payments", {"payment[type]": "payment_intent"}),
        400,
        "parameter_missing",
        "payment[payment_intent]",
    )


def test_a_refund_shows_on_the_charge_and_leaves_the_invoice_paid() -> None:
    bench = Bench()
    invoice = bench.opened(4500)
    payment = bench.account.pay(invoice)
    bench.account.refund(invoice, 500)
    charge = bench.get(f"/v1/charges/{payment.charge}")
    assert (charge["amount_refunded"], charge["refunded"]) == (500, False)
    bench.account.refund(invoice)
    assert bench.get(f"/v1/charges/{payment.charge}")["refunded"] is True
    assert bench.invoice(invoice)["status"] == "paid"
    refunds = bench.get("/v1/refunds", {"payment_intent": payment.intent})["data"]
    assert [refund["amount"] for refund in refunds] == [4000, 500]
    with pytest.raises(ValueError, match="already been refunded"):
        bench.account.refund(invoice)


def test_refunds_by_the_api_check_what_is_left() -> None:
    bench = Bench()
    payment = bench.account.pay(bench.opened(4500))
    refused(bench.post("/v1/refunds"), 400)
    refused(bench.post("/v1/refunds", {"charge": "ch_no"}), 400, "resource_missing", "charge")
    refused(bench.post("/v1/refunds", {"charge": payment.charge, "amount": 4501}), 400, param="amount")
    refund = bench.post("/v1/refunds", {"payment_intent": payment.intent, "amount": 4500})
    assert refund["status"] == "succeeded"
    refused(bench.post("/v1/refunds", {"charge": payment.charge}), 400, "charge_already_refunded")


def test_a_refund_can_come_back_after_it_succeeded() -> None:
    bench = Bench()
    invoice = bench.opened(4500)
    payment = bench.account.pay(invoice)
    refund = bench.account.refund(invoice)
    bench.account.fail_refund(refund.id)
    assert bench.get(f"/v1/refunds/{refund.id}")["status"] == "failed"
    assert bench.get(f"/v1/charges/{payment.charge}")["amount_refunded"] == 0
    assert bench.event_types()[0] == "refund.failed"


def test_a_pending_refund_reaches_the_payer_later() -> None:
    bench = Bench()
    invoice = bench.opened()
    bench.account.pay(invoice)
    refund = bench.account.refund(invoice, pending=True)
    assert bench.get(f"/v1/refunds/{refund.id}")["status"] == "pending"
    bench.account.settle_refund(refund.id)
    assert bench.get(f"/v1/refunds/{refund.id}")["status"] == "succeeded"


@pytest.mark.parametrize("won", [True, False])
def test_a_dispute_marks_the_charge_and_ends_won_or_lost(won: bool) -> None:
    bench = Bench()
    invoice = bench.opened(4500)
    payment = bench.account.pay(invoice)
    dispute = bench.account.dispute(invoice)
    assert bench.get(f"/v1/charges/{payment.charge}")["disputed"] is True
    assert bench.get(f"/v1/disputes/{dispute.id}")["status"] == "needs_response"
    refused(bench.post("/v1/refunds", {"charge": payment.charge}), 400, "charge_disputed")

    bench.account.close_dispute(dispute.id, won)
    (closed,) = bench.get("/v1/disputes", {"payment_intent": payment.intent})["data"]
    assert closed["status"] == ("won" if won else "lost")
    types = bench.event_types()
    assert ("charge.dispute.funds_reinstated" in types) is won
    assert types[0] == "charge.dispute.closed"
    assert bench.invoice(invoice)["status"] == "paid"


def test_a_credit_note_lowers_what_an_open_invoice_owes_and_can_close_it() -> None:
    bench = Bench()
    invoice = bench.opened(4500)
    bench.account.credit(invoice, 1000)
    less = bench.invoice(invoice)
    assert (less["amount_due"], less["pre_payment_credit_notes_amount"], less["total"]) == (3500, 1000, 4500)
    bench.account.credit(invoice, 3500)
    assert bench.invoice(invoice)["status"] == "paid"


def test_a_credit_note_after_payment_is_refunded_credited_or_settled_outside() -> None:
    bench = Bench()
    customer = bench.customer()
    invoice = bench.opened(4500, customer=customer)
    bench.account.pay(invoice)
    refused(bench.post("/v1/credit_notes", {"invoice": invoice, "amount": 1000}), 400, param="amount")
    shares = {"refund_amount": 500, "credit_amount": 300, "out_of_band_amount": 200}
    note = bench.post("/v1/credit_notes", {"invoice": invoice, "amount": 1000, **shares})
    assert (note["type"], note["post_payment_amount"]) == ("post_payment", 1000)
    assert bench.get(f"/v1/refunds/{note['refunds'][0]['refund']}")["amount"] == 500
    assert bench.get(f"/v1/customers/{customer}")["balance"] == -300
    after = bench.invoice(invoice)
    assert (after["status"], after["post_payment_credit_notes_amount"]) == ("paid", 1000)
    refused(bench.post("/v1/credit_notes", {"invoice": invoice, "amount": 3501, "credit_amount": 3501}), 400)
    assert bench.get("/v1/credit_notes", {"invoice": invoice}).ids == [note["id"]]


def test_a_voided_credit_note_is_owed_again() -> None:
    bench = Bench()
    invoice = bench.opened(4500)
    note = made(bench.post("/v1/credit_notes", {"invoice": invoice, "amount": 1000}))
    assert bench.post(f"/v1/credit_notes/{note}/void")["status"] == "void"
    assert bench.invoice(invoice)["amount_due"] == 4500
    refused(bench.post(f"/v1/credit_notes/{note}/void"), 400)
    assert bench.client.get(bench.get(f"/v1/credit_notes/{note}")["pdf"]).content.startswith(b"%PDF")


def test_a_transfer_that_arrived_without_an_invoice_can_be_attached() -> None:
    bench = Bench()
    customer = bench.customer()
    invoice = bench.opened(4500, customer=customer)
    intent = bench.account.loose_intent(customer, 4500)
    path = f"/v1/invoices/{invoice}/attach_payment"
    assert bench.post(path, {"payment_intent": intent})["status"] == "paid"
    refused(bench.post(path, {"payment_intent": intent}), 400)
