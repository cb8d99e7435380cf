"""Payments made outside, over the API: entered once, listed, taken back; by the office alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.asking import KEY, Office

INVOICE = "/api/customers/ref:C-1/invoices/ref:1"
ROOT = f"{INVOICE}/payments"


@pytest.fixture
def ready(office: Office) -> Office:
    """An invoice over 45.00 that is at Stripe."""
    office.post("/api/integrations", {"provider": "stripe", "credentials": {"secret_key": KEY}})
    lines = [{"description": "Internet", "amount": "45.00"}]
    office.post("/api/customers/ref:C-1/invoices", {"number": "1", "dueOn": "2026-04-01", "lines": lines})
    office.push()
    return office


def test_it_counts_at_once_and_is_recorded_there(ready: Office) -> None:
    made = ready.post(ROOT, {"amount": "45.00"})
    assert (made["state"], made["paymentState"], made["due"]) == ("waiting", "paid", "0.00")

    ready.push()

    assert ready.get(ROOT)["payments"][0]["state"] == "recorded"
    ready.clock.move(hours=1)
    ready.pull()
    found = ready.get(INVOICE)
    assert (found["paymentState"], found["paid"], found["due"]) == ("paid", "45.00", "0.00")


def test_a_part_that_stripe_cannot_record_waits_for_a_person(ready: Office) -> None:
    made = ready.post(ROOT, {"amount": "20.00", "method": "check", "note": "no. 17"})
    ready.push()

    [matter] = ready.get("/api/exceptions")["exceptions"]
    assert (matter["id"], matter["group"]) == (made["id"], "payment")
    assert "whole remainder" in matter["sentence"]
    assert f"wispbill exceptions settle {made['id']}" in matter["command"]

    ready.post(f"{ROOT}/{made['id']}/settle", {"note": "closed there"}, status=200)
    assert ready.get("/api/exceptions")["exceptions"] == []
    assert ready.get(INVOICE)["due"] == "25.00"


def test_the_same_key_or_reference_again_is_the_same_payment(ready: Office) -> None:
    body = {"amount": "20.00", "reference": "T-1"}
    one = ready.post(ROOT, body)
    assert ready.ask("POST", ROOT, body).json["id"] == one["id"]
    assert ready.get(INVOICE)["due"] == "25.00"
    assert ready.ask("POST", ROOT, body | {"amount": "21.00"}).code == "WB-PAYMENT"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"amount": "45.01"}, "WB-PAYMENT"),
        ({"amount": "0"}, "WB-MONEY-AMOUNT"),
        ({"amount": "1.005"}, "WB-MONEY-DECIMALS"),
        ({"amount": "5.00", "currency": "EUR"}, "WB-PAYMENT"),
        ({"amount": "5.00", "paidOn": "2026-03-03"}, "WB-PAYMENT"),
        ({"amount": "5.00", "method": "shells"}, "WB-INPUT"),
        ({"amount": "5.00", "more": 1}, "WB-INPUT"),
        ({}, "WB-INPUT"),
    ],
)
def test_what_cannot_be_is_refused(ready: Office, body: dict[str, Any], code: str) -> None:
    assert ready.ask("POST", ROOT, body).code == code
    assert ready.get(INVOICE)["due"] == "45.00"


def test_a_mistake_is_taken_back_before_it_was_recorded_and_not_after(ready: Office) -> None:
    made = ready.post(ROOT, {"amount": "45.00"})
    assert ready.ask("DELETE", f"{ROOT}/{made['id']}").json["paymentState"] == "open"

    again = ready.post(ROOT, {"amount": "45.00"})
    ready.push()
    got = ready.ask("DELETE", f"{ROOT}/{again['id']}")
    assert (got.status, got.code) == (409, "WB-PAYMENT")


def test_a_payment_of_another_invoice_is_not_there(ready: Office) -> None:
    made = ready.post(ROOT, {"amount": "5.00"})
    lines = [{"description": "Internet", "amount": "45.00"}]
    ready.post("/api/customers/ref:C-2/invoices", {"number": "2", "dueOn": "2026-04-01", "lines": lines})
    got = ready.ask("DELETE", f"/api/customers/ref:C-2/invoices/ref:2/payments/{made['id']}")
    assert got.status == 404
