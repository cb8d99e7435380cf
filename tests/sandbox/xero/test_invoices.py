"""The double's invoices: PUT makes, POST overwrites; elements fail alone; a status has its moves."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.xero.harness import ROOT, Desk, a_line, an_invoice


def test_a_draft_is_told_with_lines_totals_and_dates() -> None:
    desk = Desk()

    (row,) = desk.create(an_invoice(desk.contact())).rows

    assert (row["Status"], row["Total"], row["AmountDue"]) == ("DRAFT", 45.0, 45.0)
    assert row["Date"] == "/Date(1772409600000+0000)/" and row["DateString"] == "2026-03-02T00:00:00"
    assert row["StatusAttributeString"] == "OK" and row["LineItems"][0]["AccountCode"] == "200"


def test_put_refuses_a_number_that_is_there_and_post_overwrites_it() -> None:
    desk = Desk()
    contact = desk.contact()
    desk.create(an_invoice(contact))

    refused = desk.create(an_invoice(contact, "a-1"))
    changed = desk.create(an_invoice(contact, LineItems=[a_line(9.0)]), method="POST")

    assert refused.faults == ["Invoice # must be unique."]
    assert changed.rows[0]["Total"] == 9.0 and len(desk.account.standing()) == 1


@pytest.mark.parametrize("reuses", [False, True])
def test_whether_a_deleted_number_is_free_again_is_an_option(reuses: bool) -> None:
    desk = Desk(reuses_numbers=reuses)
    contact = desk.contact()
    ref = desk.create(an_invoice(contact)).rows[0]["InvoiceID"]
    desk.account.delete(ref)

    assert bool(desk.create(an_invoice(contact)).faults) is not reuses


def test_one_bad_element_fails_alone_or_all_fail_together() -> None:
    desk = Desk()
    contact = desk.contact()
    batch = [an_invoice(contact, "A-1"), an_invoice(contact, "A-2", CurrencyCode="GBP")]

    together = desk.create(*batch, summarizeErrors="true")
    nothing = len(desk.account.standing())
    alone = desk.create(*batch)

    assert (together.status, nothing) == (400, 0)
    assert together.doc["Type"] == "ValidationException" and together.doc["ErrorNumber"] == 10
    assert together.faults == ["Organisation is not subscribed to currency GBP"]
    assert [(row["InvoiceNumber"], row["HasErrors"]) for row in alone.rows] == [("A-2", True), ("A-1", False)]


def test_answers_do_not_keep_the_order_of_what_was_sent() -> None:
    desk = Desk()
    contact = desk.contact()

    told = desk.create(*[an_invoice(contact, f"A-{n}") for n in range(3)])

    assert [row["InvoiceNumber"] for row in told.rows] == ["A-2", "A-1", "A-0"]


BAD: dict[str, dict[str, Any]] = {
    "contact was not found": {"Contact": {"ContactID": "430fa14a-f945-44d3-9f97-5df5e28441b8"}},
    "its ContactID alone": {"Contact": {"Name": "Subscriber 0001"}},
    "InvoiceNumber must not be more than 255": {"InvoiceNumber": "N" * 256},
    "Description must be specified": {"LineItems": [a_line(Description="")]},
    "Description must not be more than 4000": {"LineItems": [a_line(Description="x" * 4001)]},
    "TaxType code 'OUTPUT9'": {"LineItems": [a_line(TaxType="OUTPUT9")]},
    "TaxType code 'INPUT2'": {"LineItems": [a_line(TaxType="INPUT2")]},
    "Due Date cannot be empty": {"DueDate": None, "Status": "AUTHORISED"},
    "line items must be specified": {"LineItems": [], "Status": "AUTHORISED"},
    "Status PAID is not valid": {"Status": "PAID"},
    "Only approved invoices can be marked as sent": {"SentToContact": True},
    "Url must be valid": {"Url": "https://xero.example/"},
    "not a date": {"Date": "soon"},
}


@pytest.mark.parametrize("fault", BAD)
def test_what_is_not_valid_is_refused_in_a_sentence(fault: str) -> None:
    desk = Desk()
    invoice = {key: v for key, v in (an_invoice(desk.contact()) | BAD[fault]).items() if v is not None}
    body = {"Invoices": [invoice]}

    told = desk.ask("PUT", "/Invoices", body, judged="255" not in fault, summarizeErrors="false")

    assert [text for text in told.faults if fault in text], told.faults
    assert desk.account.standing() == []


@pytest.mark.parametrize("wrong", [{"Memo": "x"}, {"LineItems": [a_line(Discount=1)]}])
def test_a_field_that_the_specification_does_not_know_is_refused(wrong: dict[str, Any]) -> None:
    desk = Desk()
    body = {"Invoices": [an_invoice(desk.contact()) | wrong]}

    assert desk.ask("PUT", "/Invoices", body, judged=False).status == 400


def test_an_amount_as_text_and_more_than_fifty_are_refused() -> None:
    desk = Desk()
    contact = desk.contact()
    text = {"Invoices": [an_invoice(contact, LineItems=[a_line(UnitAmount="45.00")])]}
    many = {"Invoices": [an_invoice(contact, f"A-{n}") for n in range(51)]}

    assert desk.ask("PUT", "/Invoices", text, judged=False).faults == ["UnitAmount must be a number"]
    assert desk.ask("PUT", "/Invoices", many).status == 400
    assert desk.account.standing() == []


def test_tax_is_reckoned_per_line_rounded_half_up_unless_it_is_given() -> None:
    desk = Desk()
    lines = [a_line(10.0, TaxType="OUTPUT2"), a_line(10.06, TaxType="OUTPUT2", TaxAmount=0.5)]

    (row,) = desk.create(an_invoice(desk.contact(), LineItems=lines)).rows

    assert [line["TaxAmount"] for line in row["LineItems"]] == [0.83, 0.5]
    assert (row["SubTotal"], row["TotalTax"], row["Total"]) == (20.06, 1.33, 21.39)


def test_unit_amounts_are_rounded_to_cents_without_unitdp() -> None:
    desk = Desk()
    contact = desk.contact()
    line = a_line(0.1234, Quantity=100)

    two = desk.create(an_invoice(contact, "A-1", LineItems=[line])).rows[0]["Total"]
    four = desk.create(an_invoice(contact, "A-2", LineItems=[line]), unitdp="4").rows[0]["Total"]

    assert (two, four) == (12.0, 12.34)


def test_an_archived_account_is_taken_off_with_a_warning_and_success() -> None:
    desk = Desk()
    desk.account.archive_account("200")

    (row,) = desk.create(an_invoice(desk.contact())).rows

    assert (
        row["StatusAttributeString"] == "WARNING"
        and "'200' has been removed" in row["Warnings"][0]["Message"]
    )
    assert "AccountCode" not in row["LineItems"][0]
    told = desk.create({"InvoiceID": row["InvoiceID"], "Status": "AUTHORISED"}, method="POST")
    assert told.faults == ["Account code must be specified"]


MOVES = {
    ("DRAFT", "SUBMITTED"): True,
    ("DRAFT", "AUTHORISED"): True,
    ("DRAFT", "DELETED"): True,
    ("DRAFT", "VOIDED"): False,
    ("AUTHORISED", "VOIDED"): True,
    ("AUTHORISED", "DELETED"): False,
    ("AUTHORISED", "DRAFT"): False,
}


@pytest.mark.parametrize("move", MOVES)
def test_a_status_has_its_moves(move: tuple[str, str]) -> None:
    desk = Desk()
    ref = desk.create(an_invoice(desk.contact(), Status=move[0])).rows[0]["InvoiceID"]

    told = desk.create({"InvoiceID": ref, "Status": move[1]}, method="POST")

    assert (told.faults == []) is MOVES[move]
    assert desk.account.invoice(ref).status == (move[1] if MOVES[move] else move[0])


def test_what_is_paid_or_credited_is_not_voided() -> None:
    desk = Desk()
    ref = desk.live()
    desk.pay(ref, 10.0)

    told = desk.ask("POST", f"/Invoices/{ref}", {"Invoices": [{"InvoiceID": ref, "Status": "VOIDED"}]})

    assert told.status == 400 and "cannot be voided" in told.faults[0]


def test_paid_is_set_by_xero_and_taken_back_with_the_payment() -> None:
    desk = Desk()
    ref = desk.live()
    payment = desk.pay(ref, 45.0).rows[0]
    paid = desk.ask("GET", f"/Invoices/{ref}").rows[0]
    desk.ask("POST", f"/Payments/{payment['PaymentID']}", {"Payments": [{"Status": "DELETED"}]}, judged=False)
    again = desk.ask("GET", f"/Invoices/{ref}").rows[0]

    assert (paid["Status"], paid["AmountPaid"], len(paid["Payments"])) == ("PAID", 45.0, 1)
    assert (again["Status"], again["AmountDue"], again["Payments"]) == ("AUTHORISED", 45.0, [])
    deleted = desk.ask("GET", f"/Payments/{payment['PaymentID']}").rows[0]
    assert (deleted["Status"], deleted["Invoice"]["InvoiceID"]) == ("DELETED", ref)


@pytest.mark.parametrize(
    ("amount", "code", "fault"),
    [(46.0, "090", "exceeds"), (0, "090", "greater than zero"), (1.0, "200", "not enabled")],
)
def test_a_payment_fits_its_invoice_and_account(amount: float, code: str, fault: str) -> None:
    desk = Desk()

    told = desk.pay(desk.live(), amount, Account={"Code": code})

    assert told.status == 400 and fault in told.faults[0]


def test_an_e_mail_marks_the_invoice_and_is_counted_by_the_day() -> None:
    desk = Desk(email_limit=1)
    one, two = desk.live("A-1"), desk.live("A-2")

    sent, refused = (desk.ask("POST", f"/Invoices/{ref}/Email", {}) for ref in (one, two))

    assert (sent.status, sent.raw) == (204, b"")
    assert desk.ask("GET", f"/Invoices/{one}").rows[0]["SentToContact"] is True
    assert refused.status == 400 and "daily limit" in refused.faults[0]


def test_an_e_mail_needs_an_approved_invoice_and_an_address() -> None:
    desk = Desk()
    draft = desk.create(an_invoice(desk.contact())).rows[0]["InvoiceID"]
    nameless = desk.live("A-2", contact=desk.account.add_contact("Walk-in").id)

    assert desk.ask("POST", f"/Invoices/{draft}/Email", {}).status == 400
    assert desk.ask("POST", f"/Invoices/{nameless}/Email", {}).status == 400


def test_a_link_and_a_pdf_are_to_be_had() -> None:
    desk = Desk()
    ref = desk.live()

    link = desk.ask("GET", f"/Invoices/{ref}/OnlineInvoice").rows[0]["OnlineInvoiceUrl"]
    pdf = desk.plain.get(f"{ROOT}/Invoices/{ref}", headers=desk.headers(accept="application/pdf"))

    assert link.startswith("https://in.xero.com/") and pdf.content.startswith(b"%PDF")


def test_contacts_are_unique_by_name_and_by_number() -> None:
    desk = Desk()
    desk.contact("Subscriber 0001", "WB-1")

    def faults(name: str, number: str) -> list[str]:
        body = {"Contacts": [{"Name": name, "ContactNumber": number}]}
        return desk.ask("PUT", "/Contacts", body, summarizeErrors="false").faults

    assert "already assigned" in faults("subscriber 0001", "WB-2")[0]
    assert "number is already assigned" in faults("Subscriber 0002", "WB-1")[0]
    assert faults("Two  spaces", "WB-3") == ["The contact name is not valid."]
    assert desk.ask("GET", "/Contacts/WB-1").rows[0]["Name"] == "Subscriber 0001"
    missing = desk.ask("GET", "/Contacts/WB-9")
    assert missing.status == 404 and missing.doc is None


def test_merged_contacts_take_their_invoices_along_without_touching_them() -> None:
    desk = Desk()
    lost, kept = desk.contact("One", "WB-1"), desk.contact("Two", "WB-2")
    ref = desk.live("A-1", contact=lost)
    before = desk.account.invoice(ref).updated
    desk.clock.move(60)

    desk.account.merge_contacts(lost, kept)

    assert desk.ask("GET", f"/Invoices/{ref}").rows[0]["Contact"]["ContactID"] == kept
    assert desk.account.invoice(ref).updated == before
    assert desk.ask("GET", "/Contacts/WB-1").rows[0]["MergedToContactID"] == kept
