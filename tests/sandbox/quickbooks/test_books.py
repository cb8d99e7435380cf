"""QuickBooks' double: customers, invoices and payments by QuickBooks' rules."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from daemon.model import DocStatus
from daemon.sandbox.quickbooks.books import Company
from tests.sandbox.quickbooks.harness import Desk, made, refused


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_name_is_one_among_customers_and_vendors_whatever_its_case(desk: Desk) -> None:
    desk.customer("Subscriber 0001")
    desk.account.vendor("Vendor")

    for name in ("subscriber 0001", "VENDOR"):
        refused(desk.post("customer", {"DisplayName": name}), "6240")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "2020"),
        ({"DisplayName": "a:b"}, "2040"),
        ({"DisplayName": "a\tb"}, "2040"),
        ({"DisplayName": "x" * 501}, "2050"),
        ({"DisplayName": "x", "Colour": "red"}, "2010"),
        ({"DisplayName": "x", "PrimaryEmailAddr": {"Address": "nobody"}}, "2210"),
        ({"DisplayName": "x", "CurrencyRef": {"value": "EUR"}}, "6000"),
    ],
)
def test_what_is_no_customer_is_refused(desk: Desk, body: dict[str, Any], code: str) -> None:
    refused(desk.post("customer", body), code)


def test_nobody_is_deleted_only_made_inactive_and_renamed(desk: Desk) -> None:
    ref = desk.customer()
    desk.account.deactivate(ref)

    assert desk.query("select * from Customer")["QueryResponse"] == {}
    (row,) = desk.query("select * from Customer where Active in (true, false)")["QueryResponse"]["Customer"]
    assert row["DisplayName"] == "Subscriber 0001 (deleted)" and row["Active"] is False
    refused(desk.post("invoice", desk.body(ref)), "610")


def test_an_invoice_is_live_numbered_by_us_and_totalled_by_quickbooks(desk: Desk) -> None:
    ref = desk.invoice(PrivateNote="WB-1")

    doc = desk.read(ref)

    assert (doc["DocNumber"], doc["TotalAmt"], doc["Balance"], doc["SyncToken"]) == ("A-1", 45, 45, "0")
    assert doc["Line"][-1]["DetailType"] == "SubTotalLineDetail"
    assert doc["MetaData"]["CreateTime"] == "2026-03-02T01:00:00-08:00"
    assert (doc["EmailStatus"], doc["LinkedTxn"]) == ("NotSet", [])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"CustomerRef": {"value": "999"}}, "2500"),
        ({"CustomerRef": None}, "2020"),
        ({"Line": []}, "2020"),
        ({"DocNumber": "x" * 22}, "2050"),
        ({"Colour": "red"}, "2010"),
        ({"CurrencyRef": {"value": "EUR"}}, "6000"),
        ({"GlobalTaxCalculation": "TaxExcluded"}, "2010"),
        ({"SalesTermRef": {"value": "99"}}, "2500"),
    ],
)
def test_what_is_no_invoice_is_refused_and_leaves_nothing(
    desk: Desk, change: dict[str, Any], code: str
) -> None:
    body = desk.body(desk.customer(), DocNumber="A-1") | change

    refused(desk.post("invoice", body), code)
    assert desk.account.standing() == []


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ({"Amount": "45"}, "2170"),
        ({"Amount": 44}, "6070"),
        ({"Amount": 10**11}, "2170"),
        ({"DetailType": "TaxLineDetail"}, "2020"),
        ({"Colour": "red"}, "2010"),
    ],
)
def test_a_line_must_add_up(desk: Desk, line: dict[str, Any], code: str) -> None:
    body = desk.body(desk.customer())
    body["Line"][0] |= line

    refused(desk.post("invoice", body), code)


def test_a_line_without_an_item_is_only_text(desk: Desk) -> None:
    body = desk.body(desk.customer())
    body["Line"].append({"Amount": 99, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": {}})

    assert desk.post("invoice", body)["Invoice"]["TotalAmt"] == 45


def test_a_number_in_use_is_refused_and_names_its_holder_even_a_void_one(desk: Desk) -> None:
    ref = desk.invoice()
    desk.account.void(ref)

    detail = refused(desk.post("invoice", desk.body(desk.customer(), DocNumber="A-1")), "6140")

    assert f"TxnId={ref}" in detail


def test_without_custom_numbers_quickbooks_counts(desk: Desk) -> None:
    desk.account.company.custom_numbers = False

    numbers = [desk.read(desk.invoice(f"A-{n}"))["DocNumber"] for n in range(2)]

    assert numbers == ["1001", "1002"]


def test_tax_is_quickbooks_own() -> None:
    desk = Desk(Company(country="DE", home_currency="EUR"))
    code = desk.account.add_tax_code("19", "19")
    customer = desk.customer()
    body = desk.body(customer, GlobalTaxCalculation="TaxExcluded")
    refused(desk.post("invoice", body), "6000")
    body["Line"][0]["SalesItemLineDetail"]["TaxCodeRef"] = {"value": code}

    doc = desk.post("invoice", body)["Invoice"]

    assert (doc["TotalAmt"], doc["TxnTaxDetail"]["TotalTax"]) == (Decimal("53.55"), Decimal("8.55"))


def test_books_that_are_closed_take_no_invoice_of_that_time(desk: Desk) -> None:
    desk.account.company.closed_until = "2026-03-01"

    refused(desk.post("invoice", desk.body(desk.customer(), TxnDate="2026-03-01")), "6210")
    made(desk.post("invoice", desk.body(desk.customer("x"), TxnDate="2026-03-02")), "Invoice")


def test_each_send_is_a_mail(desk: Desk) -> None:
    octets = {"headers": {"Content-Type": "application/octet-stream"}}
    bare = desk.invoice("A-1")
    ref = desk.invoice("A-2", BillEmail={"Address": "subscriber0001@example.com"})

    refused(desk.ask("POST", f"{desk.base}/invoice/{bare}/send", **octets), "6000")
    for _ in range(2):
        reply = desk.ask("POST", f"{desk.base}/invoice/{ref}/send", params={"requestid": "k"}, **octets)

    assert reply["Invoice"]["EmailStatus"] == "EmailSent"
    assert reply["Invoice"]["DeliveryInfo"]["DeliveryType"] == "Email"
    assert desk.account.books.mails == [(ref, "subscriber0001@example.com")] * 2
    assert desk.account.standing()[1].sent == 2


def test_a_void_makes_zeros_and_marks_the_note(desk: Desk) -> None:
    ref = desk.invoice(PrivateNote="WB-1")
    refused(desk.post("invoice", {"Id": ref, "SyncToken": "7"}, operation="void"), "5010")

    doc = desk.post("invoice", {"Id": ref, "SyncToken": "0"}, operation="void")["Invoice"]

    assert (doc["TotalAmt"], doc["Balance"], doc["PrivateNote"]) == (0, 0, "Voided - WB-1")
    assert (doc["Line"][0]["Amount"], doc["Line"][0]["SalesItemLineDetail"]["Qty"]) == (0, 0)
    assert (doc["DocNumber"], doc["SyncToken"]) == ("A-1", "1")


def test_a_deleted_invoice_is_not_found_and_a_paid_one_not_deleted(desk: Desk) -> None:
    ref, paid = desk.invoice("A-1"), desk.invoice("A-2")
    desk.account.pay(paid)

    gone = desk.post("invoice", {"Id": ref, "SyncToken": "0"}, operation="delete")

    assert gone["Invoice"] == {"domain": "QBO", "status": "Deleted", "Id": ref}
    refused(desk.get(f"invoice/{ref}"), "610")
    refused(desk.post("invoice", {"Id": paid, "SyncToken": "1"}, operation="delete"), "6000")
    assert [one.status for one in desk.account.standing()] == [DocStatus.MISSING, DocStatus.PAID]


def test_a_payment_lowers_the_balance_and_is_linked(desk: Desk) -> None:
    ref = desk.invoice()
    customer = desk.read(ref)["CustomerRef"]
    line = {"Amount": 20, "LinkedTxn": [{"TxnId": ref, "TxnType": "Invoice"}]}

    payment = made(desk.post("payment", {"CustomerRef": customer, "TotalAmt": 30, "Line": [line]}), "Payment")

    doc = desk.read(ref)
    assert (doc["Balance"], doc["LinkedTxn"]) == (25, [{"TxnId": payment, "TxnType": "Payment"}])
    assert desk.get(f"payment/{payment}")["Payment"]["UnappliedAmt"] == 10


@pytest.mark.parametrize(("amount", "total"), [(46, 46), (20, 10)])
def test_a_payment_cannot_bring_more_than_there_is(desk: Desk, amount: int, total: int) -> None:
    ref = desk.invoice()
    line = {"Amount": amount, "LinkedTxn": [{"TxnId": ref, "TxnType": "Invoice"}]}
    body = {"CustomerRef": desk.read(ref)["CustomerRef"], "TotalAmt": total, "Line": [line]}

    refused(desk.post("payment", body), "6000")


def test_a_payment_is_of_the_invoices_customer(desk: Desk) -> None:
    ref = desk.invoice()
    line = {"Amount": 1, "LinkedTxn": [{"TxnId": ref, "TxnType": "Invoice"}]}
    body = {"CustomerRef": {"value": desk.customer("Other")}, "TotalAmt": 1, "Line": [line]}

    refused(desk.post("payment", body), "6000")


def test_hands_refuse_what_the_provider_would(desk: Desk) -> None:
    ref = desk.invoice()
    for act in (lambda: desk.account.pay(ref, 4501), lambda: desk.account.reverse(ref)):
        with pytest.raises(ValueError, match=r"owed|paid"):
            act()
    with pytest.raises(KeyError):
        desk.account.pay("999")
    desk.account.pay(ref)
    with pytest.raises(ValueError):
        desk.account.delete(ref)


def test_a_lapsed_subscription_reads_and_does_not_write(desk: Desk) -> None:
    ref = desk.invoice()
    desk.account.company.subscription = "EXPIRED"

    refused(desk.post("customer", {"DisplayName": "x"}), "6190")
    assert desk.read(ref)["Id"] == ref
