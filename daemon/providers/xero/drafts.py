"""From our drafts to Xero's request bodies, and the check that Xero reckons as we do: pure.

Amounts stand as text here, since a body is kept in the journal; `numbers.encoded` makes numbers of them.
Each line is sent as one unit at its net. A memo has no place on a Xero invoice.
"""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

from daemon.errors import Garbled
from daemon.model import Document, InvoiceDraft, LineDraft, PayerDraft
from daemon.model.ids import our_reference
from daemon.money import Money
from daemon.providers.xero.numbers import amount, to_text
from daemon.providers.xero.setup import MAX_LINES, MAX_NUMBER, XeroSettings
from daemon.providers.xero.words import PARTY, refused

MAX_DESCRIPTION = 4000
MAX_BODY = 64_000
"""Characters: 50 of these go in one request, and each is kept in the journal."""
MAX_NAME = 255
MAX_EMAIL = 255
_ADDRESS = {
    "line1": ("AddressLine1", 500),
    "line2": ("AddressLine2", 500),
    "city": ("City", 255),
    "state": ("Region", 255),
    "postal_code": ("PostalCode", 50),
}


def accepts(draft: InvoiceDraft, settings: XeroSettings) -> None:
    """Raise Rejected, under a code of the catalogue, for what Xero would refuse or reckon otherwise."""
    if not settings.account_code:
        raise refused("WB-INPUT", "the Xero settings name no sales account yet")
    if settings.send_email and not draft.payer.email and not draft.payer.external_id:
        raise refused("WB-CUSTOMER-EMAIL", "Xero is to e-mail the invoice, and this customer has no address")
    if not draft.lines or len(draft.lines) > MAX_LINES:
        raise refused("WB-INPUT", f"1 to {MAX_LINES} lines go on a Xero invoice here")
    if not draft.number or draft.number != draft.number.strip() or len(draft.number) > MAX_NUMBER:
        raise refused("WB-INPUT", f"Xero takes invoice numbers of up to {MAX_NUMBER} characters")
    if draft.total < Money(0, draft.currency):
        raise refused("WB-PUSH-CURRENCY", f"Xero cannot bill {draft.total}: it would be a credit note")
    if Money.total((line.gross for line in draft.lines), draft.currency) != draft.total:
        raise refused("WB-PUSH-TOTAL", f"the lines do not add up to {draft.total}")
    to_text(draft.total)
    for line in draft.lines:
        _accepts_line(line, settings)
    if len(json.dumps(invoice_body(draft, "", settings))) > MAX_BODY:
        raise refused("WB-INPUT", "the lines' descriptions are too long for one invoice")


def _accepts_line(line: LineDraft, settings: XeroSettings) -> None:
    to_text(line.net)
    to_text(line.tax)
    if not 0 < len(_description(line)) <= MAX_DESCRIPTION:
        raise refused("WB-INPUT", f"a line's description has 1 to {MAX_DESCRIPTION} characters at Xero")
    if line.tax_rate is not None and line.tax_rate not in settings.tax_types:
        raise refused("WB-INPUT", f"the tax rate {line.tax_rate!r} is not in the Xero settings' tax types")
    if line.tax_rate is None and line.tax.minor:
        raise refused("WB-INPUT", "a tax without a rate's name cannot be booked at Xero")


def sample() -> InvoiceDraft:
    """What a preview shows where no invoice is named."""
    net = Money(4500, "USD")
    who, what = (
        our_reference(tenant="sample", reference=name, account="sample", operation="sample")
        for name in ("C-0001", "INV-0001")
    )
    payer = PayerDraft(who, "C-0001", "Subscriber 0001", "subscriber0001@example.com")
    lines = (LineDraft("Internet", net, Money(0, "USD")),)
    day = date(2026, 3, 2)
    return InvoiceDraft(what, "INV-0001", "INV-0001", payer, "USD", net, day, day, lines)


def payer_body(payer: PayerDraft) -> Document:
    """The name carries the customer's own number: names are unique at Xero, and one that is there already
    is somebody else."""
    body: Document = {"Name": contact_name(payer), "ContactNumber": payer.reference}
    if payer.email and len(payer.email) <= MAX_EMAIL:
        body["EmailAddress"] = payer.email
    address = {
        theirs: payer.address[ours][:most]
        for ours, (theirs, most) in _ADDRESS.items()
        if payer.address.get(ours)
    }
    country = payer.address.get("country", "")
    if country.isascii() and country.isalpha() and len(country) <= 50:
        address["Country"] = country
    if address:
        body["Addresses"] = [{"AddressType": "POBOX", **address}]
    if payer.phone and len(payer.phone) <= 50:
        body["Phones"] = [{"PhoneType": "DEFAULT", "PhoneNumber": payer.phone}]
    return body


def contact_name(payer: PayerDraft) -> str:
    """No angle brackets, no spaces twice or at the ends, up to 255 characters."""
    tail = f" ({_clean(payer.platform_reference)[:80]})"
    return _clean(payer.name)[: MAX_NAME - len(tail)].rstrip() + tail


def _clean(text: str) -> str:
    return " ".join(text.replace("<", " ").replace(">", " ").split())


def invoice_body(draft: InvoiceDraft, contact: str, settings: XeroSettings) -> Document:
    body: Document = {
        "Type": "ACCREC",
        "Status": "DRAFT",
        "Contact": {"ContactID": contact},
        "InvoiceNumber": draft.number,
        "Reference": draft.reference,
        "Date": draft.issued_on.isoformat(),
        "DueDate": draft.due_on.isoformat(),
        "CurrencyCode": draft.currency,
        "LineAmountTypes": "Exclusive",
        "LineItems": [_line(line, settings) for line in draft.lines],
    }
    if settings.branding_theme:
        body["BrandingThemeID"] = settings.branding_theme
    return body


def _line(line: LineDraft, settings: XeroSettings) -> Document:
    tax_type = settings.no_tax_type if line.tax_rate is None else settings.tax_types[line.tax_rate]
    body: Document = {
        "Description": _description(line),
        "Quantity": "1",
        "UnitAmount": to_text(line.net),
        "AccountCode": settings.account_code,
        "TaxType": tax_type,
    }
    if settings.send_tax_amounts:
        body["TaxAmount"] = to_text(line.tax)
    return body


def _description(line: LineDraft) -> str:
    return f"{line.quantity} x {line.description}" if line.quantity else line.description


def differences(sent: Document, total: str, doc: Document) -> list[str]:
    """Where Xero's draft is not what was sent, in sentences; empty where it is. A deleted or archived
    account is taken off the lines with a mere warning."""
    found = []
    theirs = amount(doc, "Total")
    if theirs != Decimal(total):
        found.append(f"the total is {total} here and {theirs:.2f} at Xero")
    if doc.get("CurrencyCode") != sent["CurrencyCode"]:
        found.append(f"the currency is {sent['CurrencyCode']} here and {doc.get('CurrencyCode')} at Xero")
    contact = doc.get("Contact")
    if not isinstance(contact, dict) or contact.get("ContactID") != sent["Contact"]["ContactID"]:
        found.append("Xero booked it on another contact")
    if not isinstance(doc.get("LineItems"), list):
        raise Garbled("Xero's invoice has no lines", party=PARTY)
    return found + _line_differences(sent["LineItems"], doc["LineItems"])


def _line_differences(sent: list[Document], lines: list[Document]) -> list[str]:
    if len(sent) != len(lines):
        return [f"{len(sent)} lines were sent, {len(lines)} are at Xero"]
    found = []
    for place, (ours, theirs) in enumerate(zip(sent, lines, strict=True), 1):
        tax = amount(theirs, "TaxAmount")
        if "TaxAmount" in ours and tax != Decimal(ours["TaxAmount"]):
            found.append(f"the tax of line {place} is {ours['TaxAmount']} here and {tax:.2f} at Xero")
        if theirs.get("AccountCode") != ours["AccountCode"]:
            found.append(f"line {place} is not booked on account {ours['AccountCode']} at Xero")
    return found
