"""The PayPal double's invoices: drafted, sent, paid and withdrawn by PayPal's rules, in PayPal's shapes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.sandbox.paypal.harness import INVOICES, Merchant, a_body, issue


@pytest.fixture
def merchant() -> Merchant:
    return Merchant()


def test_without_prefer_a_create_answers_only_a_link(merchant: Merchant) -> None:
    answer = merchant.call("POST", INVOICES, json=a_body())

    assert answer.status_code == 201
    assert set(answer.json()) == {"rel", "href", "method"}


def test_a_number_that_is_left_out_is_the_next_one(merchant: Merchant) -> None:
    numbers = [merchant.get(merchant.a_draft())["detail"]["invoice_number"] for _ in range(2)]

    assert numbers == ["0001", "0002"]


def test_a_number_is_taken_once_and_freed_only_by_deleting(merchant: Merchant) -> None:
    first = merchant.a_draft(detail={"invoice_number": "A-1"})
    assert issue(merchant.create(detail={"invoice_number": "A-1"})) == (422, "DUPLICATE_INVOICE_NUMBER")

    assert merchant.call("DELETE", f"{INVOICES}/{first}").status_code == 204
    assert issue(merchant.call("GET", f"{INVOICES}/{first}")) == (404, "RESOURCE_NOT_FOUND")
    second = merchant.a_sent(detail={"invoice_number": "A-1"})

    assert merchant.call("POST", f"{INVOICES}/{second}/cancel", json={}).status_code == 204
    assert issue(merchant.create(detail={"invoice_number": "A-1"}))[0] == 422


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"nonsense": 1}, "UNKNOWN_PARAMETER"),
        ({"detail": {"invoice_number": "N" * 26}}, "INVALID_STRING_MAX_LENGTH"),
        ({"detail": {"reference": "R" * 121}}, "INVALID_STRING_MAX_LENGTH"),
        ({"detail": {"currency_code": "AED"}}, "INVALID_CURRENCY_CODE"),
        ({"detail": {"currency_code": "HUF"}, "value": "45.00"}, "INVALID_CURRENCY_FRACTION"),
        ({"detail": {"invoice_date": "2026-02-30"}}, "INVALID_PARAMETER_SYNTAX"),
        ({"value": "45.001"}, "INVALID_CURRENCY_FRACTION"),
        ({"value": "1000000.01"}, "INVALID_PARAMETER_VALUE"),
        ({"value": 45}, "INVALID_PARAMETER_SYNTAX"),
        ({"items": []}, "INVALID_ARRAY_LENGTH"),
        ({"items": [{"name": "x"}]}, "MISSING_REQUIRED_PARAMETER"),
        (
            {"detail": {"payment_term": {"term_type": "NET_10", "due_date": "2026-03-16"}}},
            "INVALID_PARAMETER_VALUE",
        ),
        ({"detail": {"payment_term": {"due_date": "2026-03-01"}}}, "INVALID_DUE_DATE"),
        ({"primary_recipients": [{"billing_info": {"address": {}}}]}, "MISSING_REQUIRED_PARAMETER"),
    ],
)
def test_what_does_not_fit_is_refused_and_named(
    merchant: Merchant, changed: dict[str, Any], expected: str
) -> None:
    assert issue(merchant.create(loose=True, **changed)) == (400, expected)
    assert merchant.account.standing() == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"invoicer": {"email_address": "placeholder@example.com"}}, "USER_NOT_FOUND"),
        (
            {"primary_recipients": [{"billing_info": {"email_address": "merchant@example.com"}}]},
            "PAYER_IS_MERCHANT",
        ),
    ],
)
def test_what_makes_no_sense_is_unprocessable(
    merchant: Merchant, changed: dict[str, Any], expected: str
) -> None:
    assert issue(merchant.create(**changed)) == (422, expected)


def test_one_name_of_a_tax_has_one_rate(merchant: Merchant) -> None:
    value = {"currency_code": "USD", "value": "10.00"}
    items = [
        {"name": "x", "quantity": "1", "unit_amount": value, "tax": {"name": "VAT", "percent": percent}}
        for percent in ("10", "20")
    ]

    assert issue(merchant.create(items=items)) == (422, "TAX_NAME_CONFLICT")


def test_taxes_are_reckoned_line_by_line_and_rounded_half_up(merchant: Merchant) -> None:
    item = {
        "name": "x",
        "quantity": "3",
        "unit_amount": {"currency_code": "USD", "value": "3.33"},
        "tax": {"name": "VAT", "percent": "8.25"},
    }

    doc = merchant.get(merchant.a_draft(items=[item, item]))

    assert doc["items"][0]["tax"]["amount"]["value"] == "0.82"
    assert doc["amount"]["value"] == "21.62"


def test_a_body_of_another_type_is_415_and_one_that_is_no_json_400(merchant: Merchant) -> None:
    text = {"content": b"{}", "headers": {"content-type": "text/plain"}}
    assert issue(merchant.call("POST", INVOICES, loose=True, **text))[0] == 415
    broken = {"content": b"{", "headers": {"content-type": "application/json"}}
    assert issue(merchant.call("POST", INVOICES, loose=True, **broken)) == (400, "MALFORMED_REQUEST_JSON")


def test_a_sent_invoice_has_a_page_to_pay_on(merchant: Merchant) -> None:
    ref = merchant.a_draft()
    assert "recipient_view_url" not in merchant.get(ref)["detail"]["metadata"]

    answer = merchant.call("POST", f"{INVOICES}/{ref}/send", json={"send_to_recipient": True})

    doc = merchant.get(ref)
    assert doc["status"] == "SENT"
    assert answer.json()["href"] == doc["detail"]["metadata"]["recipient_view_url"]
    page = merchant.loose.get(answer.json()["href"])
    assert "Pay now" in page.text
    assert "PAID" in merchant.loose.post(answer.json()["href"]).text
    assert merchant.get(ref)["status"] == "PAID"


@pytest.mark.parametrize(
    ("changed", "body"),
    [({}, {"send_to_recipient": False}), ({"primary_recipients": [{"billing_info": {}}]}, {})],
)
def test_an_invoice_that_is_not_mailed_is_unpaid(
    merchant: Merchant, changed: dict[str, Any], body: dict[str, Any]
) -> None:
    ref = merchant.a_draft(**changed)

    merchant.call("POST", f"{INVOICES}/{ref}/send", json=body)

    assert merchant.get(ref)["status"] == "UNPAID"
    assert merchant.account.standing()[0].sent == 0


@pytest.mark.parametrize("refused", [True, False])
def test_sending_again_mails_nobody(merchant: Merchant, refused: bool) -> None:
    merchant.account.ledger.resend_refused = refused
    ref = merchant.a_sent()

    answer = merchant.call("POST", f"{INVOICES}/{ref}/send", json={})

    assert answer.status_code == (422 if refused else 200)
    assert merchant.account.standing()[0].sent == 1


def test_a_date_in_the_future_of_the_merchants_zone_is_scheduled_until_seven(merchant: Merchant) -> None:
    merchant.account.ledger.zone = ZoneInfo("America/Denver")
    ref = merchant.a_draft(detail={"invoice_date": "2026-03-03"})

    answer = merchant.call("POST", f"{INVOICES}/{ref}/send", json={})

    assert (answer.status_code, answer.content) == (202, b"")
    assert merchant.get(ref)["status"] == "SCHEDULED"
    merchant.clock.move(hours=28)  # 13:00 UTC is 06:00 in Denver
    merchant.token = merchant.mint().json()["access_token"]
    assert merchant.get(ref)["status"] == "SCHEDULED"
    merchant.clock.move(hours=1)
    assert merchant.get(ref)["status"] == "SENT"


def test_each_state_refuses_to_be_cancelled_in_its_own_words(merchant: Merchant) -> None:
    account, found = merchant.account, {}
    refs = {"draft": merchant.a_draft()}
    for name in ("paid", "refunded", "cancelled", "recorded"):
        refs[name] = merchant.a_sent()
    account.pay(refs["paid"])
    account.pay(refs["refunded"])
    account.refund(refs["refunded"])
    account.void(refs["cancelled"])
    account.record(refs["recorded"])

    for name, ref in refs.items():
        found[name] = issue(merchant.call("POST", f"{INVOICES}/{ref}/cancel", json={}))[1]

    assert found == {
        "draft": "CANNOT_CANCEL_DRAFT_INVOICE",
        "paid": "CANNOT_CANCEL_PAID_INVOICE",
        "refunded": "CANNOT_CANCEL_REFUNDED_INVOICE",
        "cancelled": "INVOICE_CANCELED_ALREADY",
        "recorded": "CANNOT_CANCEL_PAID_INVOICE",
    }


def test_a_recorded_payment_is_not_idempotent_and_can_be_taken_back(merchant: Merchant) -> None:
    ref = merchant.a_sent()
    given = {"method": "CASH", "amount": {"currency_code": "USD", "value": "15.00"}}
    ids = [merchant.call("POST", f"{INVOICES}/{ref}/payments", json=given).json()["payment_id"] for _ in "12"]

    assert merchant.get(ref)["payments"]["paid_amount"]["value"] == "30.00"
    assert merchant.get(ref)["due_amount"]["value"] == "15.00"
    assert issue(
        merchant.call(
            "POST",
            f"{INVOICES}/{ref}/payments",
            json={"method": "CASH", "amount": {"currency_code": "USD", "value": "15.01"}},
        )
    ) == (422, "PAYMENT_AMOUNT_GREATER_THAN_AMOUNT_DUE")
    for one in ids:
        assert merchant.call("DELETE", f"{INVOICES}/{ref}/payments/{one}").status_code == 204
    assert merchant.get(ref)["status"] == "SENT"


def test_a_payment_without_an_amount_records_the_rest(merchant: Merchant) -> None:
    ref = merchant.a_sent()

    merchant.call("POST", f"{INVOICES}/{ref}/payments", json={"method": "CHECK"})

    assert merchant.get(ref)["status"] == "MARKED_AS_PAID"


def test_part_payments_must_be_allowed(merchant: Merchant) -> None:
    ref = merchant.a_sent()
    with pytest.raises(ValueError, match="no part payments"):
        merchant.account.pay(ref, 1500)

    allowed = merchant.a_sent(configuration={"partial_payment": {"allow_partial_payment": True}})
    merchant.account.pay(allowed, 1500)

    assert merchant.get(allowed)["status"] == "PARTIALLY_PAID"


def test_an_update_replaces_the_whole(merchant: Merchant) -> None:
    ref = merchant.a_sent(detail={"invoice_number": "A-1", "memo": "kept by nobody"})

    answer = merchant.call("PUT", f"{INVOICES}/{ref}?send_to_recipient=false", json=a_body(value="50.00"))

    assert answer.status_code == 200
    doc = merchant.get(ref)
    assert (doc["amount"]["value"], doc["detail"]["invoice_number"]) == ("50.00", "A-1")
    assert "memo" not in doc["detail"]
    assert merchant.account.standing()[0].sent == 1


def test_another_accounts_invoice_is_denied(merchant: Merchant) -> None:
    other = merchant.double.add_account("other", "secret", email="other@example.com")
    ref = other.strangers("X-1", 100)

    assert issue(merchant.call("GET", f"{INVOICES}/{ref}")) == (403, "PERMISSION_DENIED")


def test_the_same_clock_and_entropy_make_the_same_invoices() -> None:
    one, two = Merchant(), Merchant()

    assert one.get(one.a_sent()) == two.get(two.a_sent())


def test_an_account_standing_tells_the_books_in_minor_units(merchant: Merchant) -> None:
    ref = merchant.a_sent(detail={"currency_code": "HUF", "reference": "R-1"}, value="4500")
    merchant.account.pay(ref)
    merchant.account.refund(ref, 100_000)
    merchant.clock.move(seconds=timedelta(days=1).total_seconds())

    (one,) = merchant.account.standing()

    assert (one.total, one.paid, one.refunded) == (450_000, 450_000, 100_000)
    assert (one.reference, one.payer, one.sent) == ("R-1", "subscriber0001@example.com", 1)
