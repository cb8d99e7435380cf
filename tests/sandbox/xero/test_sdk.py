"""Xero's own library gets along with both sides: it reads what the double answers, and what the adapter
sends is what its objects hold."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daemon.providers.contract import PlainJournals
from tests.providers.xero_bench import XeroBench, a_draft, a_line
from tests.sandbox.xero.harness import Desk

accounting = pytest.importorskip("xero_python.accounting", reason="xero_python is not installed")


def read(kind: str, document: Any) -> Any:
    from xero_python.accounting import models
    from xero_python.api_client import ModelFinder
    from xero_python.api_client.deserializer import deserialize

    return deserialize(kind, document, ModelFinder(models))


def test_it_reads_an_invoice_with_money_on_it() -> None:
    desk = Desk()
    ref = desk.live()
    desk.pay(ref, 10.0)
    desk.account.credit(ref, 500)
    desk.account.prepay(ref, 200)

    (invoice,) = read("Invoices", desk.ask("GET", f"/Invoices/{ref}").doc).invoices

    assert (invoice.status, float(invoice.total), float(invoice.amount_due)) == ("AUTHORISED", 45.0, 28.0)
    assert str(invoice.due_date) == "2026-03-16" and invoice.updated_date_utc.year == 2026
    assert float(invoice.payments[0].amount) == 10.0
    assert float(invoice.credit_notes[0].applied_amount) == 5.0


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/Organisation", "Organisations"),
        ("/Organisation/Actions", "Actions"),
        ("/Accounts", "Accounts"),
        ("/TaxRates", "TaxRates"),
        ("/Currencies", "Currencies"),
        ("/BrandingThemes", "BrandingThemes"),
        ("/Contacts?page=1", "Contacts"),
        ("/Payments?page=1", "Payments"),
        ("/CreditNotes?page=1", "CreditNotes"),
    ],
)
def test_it_reads_every_list(path: str, kind: str) -> None:
    desk = Desk()
    ref = desk.live()
    desk.pay(ref, 10.0)
    desk.account.credit(ref, 500)
    name, _, query = path.partition("?")
    params = dict([query.split("=")]) if query else {}

    assert read(kind, desk.ask("GET", name, judged=False, **params).doc) is not None


def test_what_the_adapter_sends_is_an_invoice_to_it() -> None:
    bench = XeroBench()
    draft = a_draft(1, a_line("10.01", "0.82", "sales"), a_line("3.00"))
    adapter = bench.adapter(tax_types={"sales": "OUTPUT2"})
    assert [result.error for result in adapter.push([draft], PlainJournals())] == [None]

    shown = adapter.preview(draft)
    sent = json.loads(shown["body"]) | json.loads(shown["contact_first"])
    for name in ("Date", "DueDate"):  # it reads dates in the form of answers only
        del sent["Invoices"][0][name]
    (invoice,) = read("Invoices", sent).invoices
    (contact,) = read("Contacts", sent).contacts

    assert (invoice.type, invoice.invoice_number) == ("ACCREC", "C-1")
    assert [float(line.tax_amount) for line in invoice.line_items] == [0.82, 0.0]
    assert contact.contact_number == draft.payer.reference
