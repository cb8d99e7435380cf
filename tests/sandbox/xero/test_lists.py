"""The double's lists: pages, filters, times, and what a summary leaves out."""

from __future__ import annotations

import pytest

from tests.sandbox.xero.harness import Desk, an_invoice


def many(desk: Desk, count: int) -> list[str]:
    contact = desk.contact()
    refs = []
    for n in range(count):
        refs.append(desk.create(an_invoice(contact, f"A-{n}")).rows[0]["InvoiceID"])
        desk.clock.move(1)
    return refs


def test_pages_are_counted_and_sizes_out_of_range_snapped() -> None:
    desk = Desk()
    refs = many(desk, 5)

    second = desk.ask("GET", "/Invoices", page="2", pageSize="2")
    snapped = desk.ask("GET", "/Invoices", page="1", pageSize="5000")

    assert [row["InvoiceID"] for row in second.rows] == refs[2:4]
    assert second.doc["pagination"] == {"page": 2, "pageSize": 2, "pageCount": 3, "itemCount": 5}
    assert snapped.doc["pagination"]["pageSize"] == 1000


def test_a_list_without_pages_or_a_summary_leaves_lines_and_payments_out() -> None:
    desk = Desk()
    ref = desk.live()
    desk.pay(ref, 10.0)

    whole = desk.ask("GET", "/Invoices", page="1").rows[0]
    assert whole["LineItems"] and whole["Payments"]
    for query in ({}, {"page": "1", "summaryOnly": "true"}):
        row = desk.ask("GET", "/Invoices", **query).rows[0]
        assert "LineItems" not in row and "Payments" not in row and row["AmountPaid"] == 10.0


def test_if_modified_since_counts_seconds_in_utc() -> None:
    desk = Desk()
    refs = many(desk, 3)

    told = desk.ask(
        "GET", "/Invoices", page="1", headers=desk.headers(if_modified_since="2026-03-02T09:00:00")
    )

    assert [row["InvoiceID"] for row in told.rows] == refs[1:]
    wrong = desk.headers(if_modified_since="Mon, 02 Mar 2026 09:00:00 GMT")
    assert desk.ask("GET", "/Invoices", page="1", headers=wrong).status == 400


@pytest.mark.parametrize("touched", [False, True])
def test_whether_a_payment_moves_the_invoices_time_is_an_option(touched: bool) -> None:
    desk = Desk(touched_by_payments=touched)
    ref = desk.live()
    before = desk.account.invoice(ref).updated
    desk.clock.move(60)

    desk.account.pay(ref)

    assert (desk.account.invoice(ref).updated > before) is touched


def test_filters_pick_by_number_id_status_reference_and_app() -> None:
    desk = Desk()
    one, two, _three = many(desk, 3)
    desk.account.delete(two)
    desk.account.strangers("OWN-1", 100)

    def picked(**query: str) -> set[str]:
        return {row["InvoiceNumber"] for row in desk.ask("GET", "/Invoices", page="1", **query).rows}

    assert picked(InvoiceNumbers="A-0,A-2") == {"A-0", "A-2"}
    assert picked(IDs=f"{one},{two}") == {"A-0", "A-1"}
    assert picked(Statuses="DELETED") == {"A-1"}
    assert picked(where='Reference=="WB-ABCDEFGHIJKLMNOP" AND Status=="DRAFT"') == {"A-0", "A-2"}
    assert "OWN-1" not in picked(createdByMyApp="true")


@pytest.mark.parametrize(
    "query",
    [
        {"IDs": "A-1"},
        {"IDs": ",".join(["430fa14a-f945-44d3-9f97-5df5e28441b8"] * 51)},
        {"where": 'Reference.Contains("x")'},
        {"where": 'Reference=="a" OR Reference=="b"'},
        {"page": "first"},
    ],
)
def test_a_filter_that_is_none_is_refused(query: dict[str, str]) -> None:
    assert Desk().ask("GET", "/Invoices", judged=False, **query).status == 400


def test_archived_contacts_are_left_out_unless_asked_for() -> None:
    desk = Desk()
    desk.account.archive_contact(desk.contact())

    assert desk.ask("GET", "/Contacts", page="1").rows == []
    assert len(desk.ask("GET", "/Contacts", page="1", includeArchived="true").rows) == 1


def test_payments_name_their_invoice_and_share_a_batch() -> None:
    desk = Desk()
    one, two = desk.live("A-1"), desk.live("A-2")
    batch = desk.account.pay_several({one: 4500, two: 100})

    told = desk.ask("GET", "/Payments", page="1", where='PaymentType=="ACCRECPAYMENT"')

    assert {row["Invoice"]["InvoiceID"] for row in told.rows} == {one, two}
    assert {row["BatchPaymentID"] for row in told.rows} == {batch}


def test_credit_notes_prepayments_and_overpayments_are_told_with_what_was_applied() -> None:
    desk = Desk()
    ref = desk.live()
    desk.account.credit(ref, 500)
    desk.account.prepay(ref, 300)
    desk.account.use_overpayment(ref, 200)

    row = desk.ask("GET", f"/Invoices/{ref}").rows[0]

    assert (row["AmountCredited"], row["AmountPaid"], row["AmountDue"]) == (10.0, 0.0, 35.0)
    applied = [row[name][0]["AppliedAmount"] for name in ("CreditNotes", "Prepayments", "Overpayments")]
    assert applied == [5.0, 3.0, 2.0]
    (note,) = desk.ask("GET", "/CreditNotes", page="1").rows
    assert note["Allocations"][0]["Invoice"]["InvoiceID"] == ref


def test_the_settings_are_told() -> None:
    desk = Desk(forbidden_actions={"UseMulticurrency"})

    assert desk.ask("GET", "/Organisation").rows[0]["ShortCode"] == "!23eYt"
    told = desk.ask("GET", "/Organisation/Actions", judged=False).rows
    assert {row["Name"]: row["Status"] for row in told}["UseMulticurrency"] == "NOT-ALLOWED"
    assert {row["Code"] for row in desk.ask("GET", "/Accounts", where='Status=="ACTIVE"').rows} >= {
        "200",
        "090",
    }
    assert {row["TaxType"] for row in desk.ask("GET", "/TaxRates").rows} >= {"NONE", "OUTPUT2"}
    assert {row["Code"] for row in desk.ask("GET", "/Currencies").rows} == {"USD", "EUR"}
    assert desk.ask("GET", "/BrandingThemes").rows[0]["Name"] == "Standard"
