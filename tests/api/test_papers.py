"""Invoices on paper over the API, and what stands at their head."""

from __future__ import annotations

import io
from urllib.parse import unquote

import pypdf
import pytest

from tests.api.asking import Office
from tests.api.test_flow import INVOICE, INVOICES

HEAD = "/api/letterhead"


def test_an_invoice_is_printed_under_the_letterhead(office: Office) -> None:
    office.post(INVOICES, INVOICE)
    head = {"address": ["Main Street 1"], "taxNumber": "VAT 1", "howToPay": "By transfer.", "locale": "de"}
    assert office.ask("PUT", HEAD, head).status == 200
    assert office.get(HEAD, as_="read_only") == head

    got = office.ask("GET", f"{INVOICES}/ref:1001/pdf", as_="customer_owner")

    assert (got.status, got.headers["content-type"]) == (200, "application/pdf")
    text = "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(got.body)).pages)
    for fact in ("1001", "Main Street 1", "VAT 1", "By transfer.", "45,00"):
        assert fact in text


@pytest.mark.parametrize("number", ['7"; filename="evil.html', "№ 7/2026", "فاتورة-7"])
def test_a_paper_has_a_name_whatever_its_number_is(office: Office, number: str) -> None:
    made = office.post(INVOICES, INVOICE | {"number": number})

    got = office.ask("GET", f"{INVOICES}/{made['id']}/pdf", as_="customer_owner")

    named = got.headers["content-disposition"]
    assert got.status == 200 and named.isascii() and named.count('"') == 2
    assert unquote(named.partition("filename*=UTF-8''")[2]) == f"invoice-{number}.pdf"


def test_the_paper_of_the_neighbour_is_not_there(office: Office) -> None:
    office.post("/api/customers/ref:C-2/invoices", INVOICE)

    got = office.ask("GET", "/api/customers/ref:C-2/invoices/ref:1001/pdf", as_="customer_owner")

    assert (got.status, got.code) == (404, "WB-NOT-FOUND")


def test_a_letterhead_that_cannot_be_printed_is_refused_and_nothing_changes(office: Office) -> None:
    before = office.get(HEAD)
    for wrong in ({"locale": "xx_nowhere"}, {"address": ["x"] * 9}, {"taxNumber": "a\u0000b"}):
        assert office.ask("PUT", HEAD, wrong).status == 422
    assert office.get(HEAD) == before


def test_of_two_who_change_the_same_letterhead_one_is_told(office: Office) -> None:
    seen = office.ask("GET", HEAD).headers["etag"]
    assert office.ask("PUT", HEAD, {"taxNumber": "VAT 1"}, if_match=seen).status == 200

    late = office.ask("PUT", HEAD, {"taxNumber": "VAT 2"}, if_match=seen)

    assert (late.status, late.code) == (412, "WB-INPUT-CHANGED")
