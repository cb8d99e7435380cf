"""The PayPal double's search, lists and disputes: behind, partial, in pages, strict about what they take."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.sandbox.faults import Fault, FaultKind
from tests.sandbox.paypal.harness import INVOICES, Merchant, issue

SEARCH = "/v2/invoicing/search-invoices"
DISPUTES = "/v1/customer/disputes"


@pytest.fixture
def merchant() -> Merchant:
    return Merchant()


def test_search_is_behind_by_its_lag_and_get_is_not(merchant: Merchant) -> None:
    ref = merchant.a_sent(detail={"invoice_number": "A-1"})
    assert merchant.found(invoice_number="A-1") == []

    merchant.clock.move(5)
    merchant.account.pay(ref)

    assert [row["status"] for row in merchant.rows(invoice_number="A-1")] == ["SENT"]
    assert merchant.get(ref)["status"] == "PAID"
    merchant.clock.move(5)
    assert [row["status"] for row in merchant.rows(invoice_number="A-1")] == ["PAID"]


def test_a_stale_list_is_older_still(merchant: Merchant) -> None:
    merchant.a_sent(detail={"invoice_number": "A-1"})
    merchant.clock.move(60)
    merchant.double.faults.add(Fault(FaultKind.STALE_LIST, seconds=120))

    assert merchant.found(invoice_number="A-1") == []
    assert len(merchant.found(invoice_number="A-1")) == 1


def test_a_deleted_draft_leaves_search_after_the_lag(merchant: Merchant) -> None:
    ref = merchant.a_draft()
    merchant.clock.move(5)
    merchant.call("DELETE", f"{INVOICES}/{ref}")

    assert merchant.found() == [ref]
    merchant.clock.move(5)
    assert merchant.found() == []


def test_number_and_reference_are_no_exact_filters(merchant: Merchant) -> None:
    for number in ("A-1", "A-11", "B-1"):
        merchant.a_draft(detail={"invoice_number": number, "reference": f"ref {number}"})
    merchant.clock.move(5)

    assert len(merchant.found(invoice_number="a-1")) == 2
    assert len(merchant.found(reference="REF A-11")) == 1


def test_all_criteria_must_fit(merchant: Merchant) -> None:
    refs = [merchant.a_sent() for _ in range(3)]
    merchant.account.pay(refs[0])
    merchant.clock.move(5)

    today = {"start": "2026-03-02T00:00:00Z", "end": "2026-03-02T23:59:59Z"}
    assert merchant.found(status=["PAID"], payment_date_range=today) == refs[:1]
    assert merchant.found(status=["SENT"], creation_date_range=today) == [refs[2], refs[1]]
    assert merchant.found(status=["SENT"], payment_date_range=today) == []


def test_payments_have_the_resolution_of_a_day(merchant: Merchant) -> None:
    ref = merchant.a_sent()
    merchant.account.pay(ref)
    merchant.clock.move(5)

    later = {"start": "2026-03-02T08:00:00Z", "end": "2026-03-02T23:59:59Z"}
    assert merchant.found(payment_date_range=later) == []


def test_rows_are_partial_unless_fields_ask(merchant: Merchant) -> None:
    ref = merchant.a_sent(detail={"memo": "private"})
    merchant.account.pay(ref)
    merchant.clock.move(5)

    (row,) = merchant.rows()
    assert "payments" not in row and "items" not in row and "memo" not in row["detail"]
    assert "last_update_time" not in row["detail"]["metadata"]
    (row,) = merchant.rows(fields=["payments"])
    assert row["payments"]["paid_amount"]["value"] == "45.00" and "items" not in row


def test_pages_are_counted_only_where_asked_and_an_empty_one_has_no_items(merchant: Merchant) -> None:
    for _ in range(5):
        merchant.a_draft()
    merchant.clock.move(5)

    page = merchant.search("?page=2&page_size=2&total_required=true")
    assert (len(page["items"]), page["total_items"], page["total_pages"]) == (2, 5, 3)
    assert "total_items" not in merchant.search("?page_size=2")
    beyond = merchant.search("?page=4&page_size=2&total_required=true")
    assert "items" not in beyond and beyond["total_items"] == 5


@pytest.mark.parametrize("query", ["?page=0", "?page=1001", "?page_size=101", "?page=x", "?nonsense=1"])
def test_a_query_out_of_range_is_refused(merchant: Merchant, query: str) -> None:
    assert merchant.call("POST", f"{SEARCH}{query}", json={}, loose=True).status_code == 400
    assert merchant.call("GET", f"{INVOICES}{query}", loose=True).status_code == 400


@pytest.mark.parametrize(
    "given",
    [
        {"status": ["SENT"] * 6},
        {"status": ["AUTO_CANCELLED"]},
        {"invoice_number": "N" * 26},
        {"creation_date_range": {"start": "2026-03-02", "end": "2026-03-03"}},
        {"payment_date_range": {"start": "2026-03-02T00:00:00Z"}},
        {"updated_since": "2026-03-02T00:00:00Z"},
    ],
)
def test_a_search_that_paypal_does_not_know_is_refused(merchant: Merchant, given: dict[str, Any]) -> None:
    assert issue(merchant.call("POST", SEARCH, json=given, loose=True))[0] == 400


def test_the_list_is_newest_first_and_whole_unless_told_otherwise(merchant: Merchant) -> None:
    refs = [merchant.a_draft() for _ in range(3)]
    merchant.clock.move(5)

    rows = merchant.call("GET", INVOICES).json()["items"]
    assert [row["id"] for row in rows] == refs[::-1] and "items" in rows[0]
    assert "items" not in merchant.call("GET", f"{INVOICES}?fields=none").json()["items"][0]


# --- disputes -------------------------------------------------------------------------------------------


def disputed(merchant: Merchant) -> tuple[str, str]:
    """(invoice, payment)"""
    ref = merchant.a_sent()
    payment = merchant.account.pay(ref)
    merchant.account.dispute(ref)
    return ref, payment


def test_a_dispute_names_its_transaction_only_when_it_is_read_whole(merchant: Merchant) -> None:
    _, payment = disputed(merchant)

    (row,) = merchant.call("GET", DISPUTES).json()["items"]
    whole = merchant.call("GET", f"{DISPUTES}/{row['dispute_id']}").json()

    assert "disputed_transactions" not in row
    assert whole["disputed_transactions"][0]["seller_transaction_id"] == payment
    assert merchant.get(merchant.account.standing()[0].ref)["status"] == "PAID"


def test_disputes_are_filtered_by_transaction_and_by_update(merchant: Merchant) -> None:
    first, payment = disputed(merchant)
    merchant.clock.move(hours=1)
    disputed(merchant)

    by_payment = merchant.call("GET", f"{DISPUTES}?disputed_transaction_id={payment}").json()["items"]
    assert len(by_payment) == 1
    after = f"{DISPUTES}?update_time_after=2026-03-02T09:30:00.000Z"
    assert len(merchant.call("GET", after).json()["items"]) == 1
    merchant.account.close_dispute(first, won=True)
    assert len(merchant.call("GET", after).json()["items"]) == 2


def test_disputes_come_in_pages_that_only_a_link_leads_to(merchant: Merchant) -> None:
    for _ in range(3):
        disputed(merchant)
    first = merchant.call("GET", f"{DISPUTES}?page_size=2").json()

    (onward,) = [link["href"] for link in first["links"] if link["rel"] == "next"]
    second = merchant.call("GET", onward.removeprefix("https://sandbox.test")).json()

    assert (len(first["items"]), len(second["items"])) == (2, 1)
    assert [link["rel"] for link in second["links"]] == ["self"]


@pytest.mark.parametrize("after", ["2025-01-01T00:00:00.000Z", "yesterday", "2026-03-02T08:00:00"])
def test_disputes_reach_back_180_days(merchant: Merchant, after: str) -> None:
    answer = merchant.call("GET", f"{DISPUTES}?update_time_after={after}", loose=True)

    assert answer.status_code == 400
