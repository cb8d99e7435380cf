"""From our drafts to QuickBooks' request bodies, and the check that QuickBooks reckons as we do: pure.

Each line is one piece at its net total, so that nothing is rounded on the way. Amounts stand in frozen
bodies as text and leave as JSON numbers (`numbers.dumps`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from daemon.errors import InvalidInput
from daemon.model import Document, InvoiceDraft, LineDraft, PayerDraft
from daemon.model.ids import our_reference
from daemon.money import Money
from daemon.providers.quickbooks.numbers import as_money, decimal_in, insist_on_amount, money_in, refused
from daemon.providers.quickbooks.setup import CAPABILITIES, QuickBooksSettings
from daemon.providers.quickbooks.shapes import part, rows

_NOTE = re.compile(r"(WB-[A-Z2-7]{16})(?: (\d{1,15}(?:\.\d{1,2})?) ([A-Z]{3}))?")
_UNNAMABLE = re.compile(r"[:\\\x00-\x1f\x7f]+")
_NAME = 80
_DESCRIPTION = 4000
_MEMO = 1000
_PHONE = 30
_ADDRESS = {
    "line1": "Line1",
    "line2": "Line2",
    "city": "City",
    "state": "CountrySubDivisionCode",
    "postal_code": "PostalCode",
    "country": "Country",
}


def accepts(draft: InvoiceDraft, settings: QuickBooksSettings) -> None:
    """Raise Rejected, under a code of the catalogue, for what QuickBooks would refuse or reckon otherwise."""
    if settings.send_email and not draft.payer.email:
        raise refused("WB-CUSTOMER-EMAIL", "QuickBooks mails invoices, and this customer has no address")
    if not settings.item:
        raise refused("WB-INPUT", "the QuickBooks settings name no item to book the lines on")
    if not settings.multicurrency and draft.currency != settings.home_currency:
        raise refused(
            "WB-PUSH-CURRENCY", f"the company bills {settings.home_currency} only, not {draft.currency}"
        )
    if not draft.lines or len(draft.lines) > CAPABILITIES.max_lines:
        raise refused("WB-INPUT", f"QuickBooks takes 1 to {CAPABILITIES.max_lines} lines on an invoice")
    if settings.numbering == "ours" and len(draft.number) > CAPABILITIES.max_number_length:
        raise refused(
            "WB-INPUT",
            f"QuickBooks takes invoice numbers of up to {CAPABILITIES.max_number_length} characters",
        )
    if draft.total < Money(0, draft.currency):
        raise refused("WB-PUSH-CURRENCY", f"QuickBooks cannot bill {draft.total}")
    if Money.total((line.gross for line in draft.lines), draft.currency) != draft.total:
        raise refused("WB-PUSH-TOTAL", f"the lines do not add up to {draft.total}")
    insist_on_amount(draft.total)
    for line in draft.lines:
        insist_on_amount(line.net)
        _code_of(line, settings)


def _code_of(line: LineDraft, settings: QuickBooksSettings) -> str:
    """The tax code of a line, "" where it carries none; raises Rejected for a rate that has none."""
    if line.tax_rate and line.tax_rate in settings.tax_codes:
        return settings.tax_codes[line.tax_rate]
    if line.tax.minor:
        rate = f"the tax rate {line.tax_rate!r}" if line.tax_rate else "a tax without a rate"
        raise refused("WB-INPUT", f"{rate} is not in the QuickBooks settings' tax codes")
    return settings.untaxed_code


def sample(settings: QuickBooksSettings) -> InvoiceDraft:
    """An invoice over 45.00 that nobody owes."""
    currency = settings.home_currency
    total = as_money(Decimal(45), currency)
    named = {"tenant": "", "reference": "sample", "account": ""}
    who = our_reference(operation="payer", **named)
    payer = PayerDraft(who, "sample", "Subscriber 0001", "subscriber0001@example.com")
    return InvoiceDraft(
        reference=our_reference(operation="create", **named),
        platform_reference="sample",
        number="SAMPLE-1",
        payer=payer,
        currency=currency,
        total=total,
        issued_on=date(2026, 3, 2),
        due_on=date(2026, 3, 16),
        lines=(LineDraft("Internet access", total, Money(0, currency)),),
    )


# --- the customer -------------------------------------------------------------------------------------


def names(payer: PayerDraft) -> list[str]:
    """The name to try first, and the one that is taken by nobody else. No colon, tab or line break."""
    clean = " ".join(_UNNAMABLE.sub(" ", payer.name).split())[:_NAME].strip()
    mark = payer.reference.removeprefix("WB-")[:8]
    return [clean or payer.reference, f"{clean} ({mark})" if clean else f"{payer.reference} ({mark})"]


def customer_body(payer: PayerDraft, currency: str, settings: QuickBooksSettings) -> Document:
    body: Document = {"DisplayName": names(payer)[0], "Notes": payer.reference}
    if payer.email:
        body["PrimaryEmailAddr"] = {"Address": payer.email}
    if payer.phone and len(payer.phone) <= _PHONE:
        body["PrimaryPhone"] = {"FreeFormNumber": payer.phone}
    address = {theirs: payer.address[ours] for ours, theirs in _ADDRESS.items() if payer.address.get(ours)}
    if address:
        body["BillAddr"] = address
    if settings.multicurrency:
        body["CurrencyRef"] = {"value": currency}
    return body


# --- the invoice --------------------------------------------------------------------------------------


def note_of(draft: InvoiceDraft) -> str:
    """Our reference, and the total by which a void is told from a bill over nothing."""
    return f"{draft.reference} {draft.total.text} {draft.currency}"


def read_note(note: object) -> tuple[str | None, Money | None]:
    """Our reference and the total that stand in a private note, whatever people wrote around them, or over
    the total."""
    match = _NOTE.search(note) if isinstance(note, str) else None
    if match is None:
        return None, None
    return match[1], _total(match[2], match[3])


def _total(amount: str | None, currency: str | None) -> Money | None:
    try:
        return Money.parse(amount, currency) if amount and currency else None
    except InvalidInput:
        return None


def invoice_body(draft: InvoiceDraft, customer: str, settings: QuickBooksSettings) -> Document:
    """What is frozen: QuickBooks' body as `invoice`, and what its answer is compared with."""
    body: Document = {
        "CustomerRef": {"value": customer},
        "TxnDate": _day(draft.issued_on),
        "DueDate": _day(draft.due_on),
        "PrivateNote": note_of(draft),
        "AllowOnlineCreditCardPayment": settings.online_payment,
        "AllowOnlineACHPayment": settings.online_payment,
        "Line": [_line(line, place, settings) for place, line in enumerate(draft.lines, 1)],
    }
    optional: Mapping[str, object] = {
        "DocNumber": draft.number if settings.numbering == "ours" else None,
        "CurrencyRef": {"value": draft.currency} if settings.multicurrency else None,
        "GlobalTaxCalculation": "TaxExcluded" if settings.outside_us else None,
        "TxnTaxDetail": {"TxnTaxCodeRef": {"value": settings.us_tax_code}} if settings.us_tax_code else None,
        "CustomerMemo": {"value": draft.memo[:_MEMO]} if draft.memo else None,
        "BillEmail": {"Address": draft.payer.email} if draft.payer.email else None,
        "SalesTermRef": {"value": settings.term} if settings.term else None,
    }
    return {
        "invoice": body | {name: value for name, value in optional.items() if value is not None},
        "reference": draft.reference,
        "currency": draft.currency,
        "total": draft.total.text,
        "tax": Money.total((line.tax for line in draft.lines), draft.currency).text,
    }


def _line(line: LineDraft, place: int, settings: QuickBooksSettings) -> Document:
    detail: Document = {"ItemRef": {"value": settings.item}, "Qty": 1, "UnitPrice": line.net.text}
    code = _code_of(line, settings)
    if code:
        detail["TaxCodeRef"] = {"value": code}
    text = f"{line.quantity} x {line.description}" if line.quantity else line.description
    return {
        "LineNum": place,
        "Amount": line.net.text,
        "Description": text[:_DESCRIPTION],
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": detail,
    }


def _day(day: date) -> str:
    return day.isoformat()


def differences(body: Document, doc: Document) -> list[str]:
    """Where QuickBooks' invoice is not what was sent, in sentences; empty where it is."""
    currency = body["currency"]
    theirs = part(doc, "CurrencyRef").get("value", currency)
    if theirs != currency:
        return [f"the invoice is in {currency} here and in {theirs} at QuickBooks"]
    found = _line_differences(body["invoice"]["Line"], doc, currency)
    tax = money_in(part(doc, "TxnTaxDetail"), "TotalTax", currency)
    if tax != Money.parse(body["tax"], currency):
        found.append(f"the tax is {body['tax']} {currency} here and {tax} at QuickBooks")
    total = money_in(doc, "TotalAmt", currency)
    if total != Money.parse(body["total"], currency):
        found.insert(0, f"the total is {body['total']} {currency} here and {total} at QuickBooks")
        return found
    return []


def _line_differences(sent: list[Document], doc: Document, currency: str) -> list[str]:
    """Lines of other kinds are QuickBooks' own: sub-totals, and discounts that count in the total."""
    there = [line for line in rows(doc, "Line") if line.get("DetailType") == "SalesItemLineDetail"]
    found = []
    for place, line in enumerate(sent, 1):
        ours = Money.parse(line["Amount"], currency)
        theirs = money_in(there[place - 1], "Amount", currency) if place <= len(there) else None
        if theirs is None:
            found.append(f"line {place} ({line['Description'][:40]}) is missing at QuickBooks")
        elif theirs != ours:
            found.append(
                f"line {place} ({line['Description'][:40]}) is {ours} here and {theirs} at QuickBooks"
            )
    for line in there[len(sent) :]:
        found.append(f"QuickBooks added a line of {money_in(line, 'Amount', currency)} that we did not send")
    for line in rows(doc, "Line"):
        if line.get("DetailType") == "DiscountLineDetail":
            found.append(
                f"QuickBooks took off {as_money(decimal_in(line, 'Amount'), currency)} as a discount"
            )
    return found[:20]
