"""From our drafts to PayPal's invoice, and the check that PayPal reckons as we do: pure.

Each line is sent as one amount. PayPal reckons taxes from the percentage: where that would not give our
tax, the draft is refused, unless taxes go as lines of their own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from daemon.model import Document, InvoiceDraft, LineDraft, PayerDraft
from daemon.money import Money
from daemon.providers.paypal.money import MAX_UNITS, PARTY, decimals, from_doc, refused, to_doc, to_text
from daemon.providers.paypal.setup import CAPABILITIES, PayPalSettings, TaxRate

PAYER_MARK = "wispbill-payer:"
"""Before the payer's id, in the memo that only the merchant sees."""
_NAME, _DESCRIPTION, _NOTE, _PART = 200, 1000, 4000, 140
_EMAIL = re.compile(r"[^@\s]+@[^@\s\"-][^@\s]*\.[^@\s]+")
_ADDRESS = {
    "line1": ("address_line_1", 300),
    "line2": ("address_line_2", 300),
    "city": ("admin_area_2", 120),
    "state": ("admin_area_1", 300),
    "postal_code": ("postal_code", 60),
}


def accepts(draft: InvoiceDraft, settings: PayPalSettings) -> None:
    """Raise Rejected, under a code of the catalogue, for what PayPal would refuse or reckon otherwise."""
    _accepts_payer(draft.payer)
    if not draft.number.strip() or len(draft.number) > CAPABILITIES.max_number_length:
        raise refused(
            "WB-INPUT", f"{PARTY} takes invoice numbers of up to {CAPABILITIES.max_number_length} characters"
        )
    if draft.total.minor <= 0:
        raise refused("WB-PUSH-CURRENCY", f"{PARTY} cannot bill {draft.total}: nobody could pay it")
    if Money.total((line.gross for line in draft.lines), draft.currency) != draft.total:
        raise refused("WB-PUSH-TOTAL", f"the lines do not add up to {draft.total}")
    to_text(draft.total)
    for place, line in enumerate(draft.lines, 1):
        _accepts_line(place, line, settings)
    if not 0 < len(items_of(draft, settings)) <= CAPABILITIES.max_lines:
        raise refused("WB-INPUT", f"{PARTY} takes 1 to {CAPABILITIES.max_lines} lines on an invoice")


def payer_id(payer: PayerDraft) -> str:
    """PayPal has no customers: the payer's id is computed, and stands in the memo of each invoice."""
    return payer.external_id or payer.reference


def _accepts_payer(payer: PayerDraft) -> None:
    if not payer.email:
        raise refused(
            "WB-CUSTOMER-EMAIL", f"{PARTY} sends invoices by e-mail, and this customer has no address"
        )
    if len(payer.email) > 254 or not _EMAIL.fullmatch(payer.email):
        raise refused("WB-INPUT", f"the customer's e-mail address is none that {PARTY} takes")
    if not re.fullmatch(r"\S{1,200}", payer_id(payer)):
        raise refused("WB-INPUT", "the customer's id at PayPal holds a space, or is too long")


def _accepts_line(place: int, line: LineDraft, settings: PayPalSettings) -> None:
    for money in (line.net, line.tax):
        if abs(Decimal(to_text(money))) > MAX_UNITS:
            raise refused("WB-PUSH-CURRENCY", f"{money} is more than {PARTY} bills in one line")
    if not line.tax.minor:
        return
    rate = settings.tax_rates.get(line.tax_rate or "")
    if rate is None:
        named = f"the tax rate {line.tax_rate!r}" if line.tax_rate else "a tax without a rate"
        raise refused("WB-INPUT", f"{named} is not in the PayPal settings' tax rates")
    reckoned = _reckoned_tax(line, rate)
    if not settings.tax_lines and reckoned != Decimal(to_text(line.tax)):
        raise refused(
            "WB-PUSH-TOTAL",
            f"line {place} has {line.tax} of tax here, and {reckoned} at {PARTY}, which reckons it from "
            f"{rate.percentage} %; the setting tax_lines sends taxes as lines of their own",
        )


def _reckoned_tax(line: LineDraft, rate: TaxRate) -> Decimal:
    step = Decimal(1).scaleb(-decimals(line.net.currency))
    return (Decimal(to_text(line.net)) * rate.percentage / 100).quantize(step, ROUND_HALF_UP)


def invoice_body(draft: InvoiceDraft, settings: PayPalSettings) -> Document:
    """The invoice is never due before its date, which PayPal refuses."""
    detail: Document = {
        "invoice_number": draft.number,
        "reference": draft.reference,
        "invoice_date": min(draft.issued_on, draft.due_on).isoformat(),
        "currency_code": draft.currency,
        "memo": f"{PAYER_MARK}{payer_id(draft.payer)}",
        "payment_term": {"term_type": "DUE_ON_DATE_SPECIFIED", "due_date": draft.due_on.isoformat()},
    }
    if draft.memo:
        detail["note"] = draft.memo[:_NOTE]
    if settings.terms:
        detail["terms_and_conditions"] = settings.terms
    body: Document = {
        "detail": detail,
        "primary_recipients": [{"billing_info": _billing(draft.payer)}],
        "items": items_of(draft, settings),
        "configuration": {"tax_calculated_after_discount": True, "tax_inclusive": False},
    }
    if settings.allow_partial_payments:
        body["configuration"]["partial_payment"] = {"allow_partial_payment": True}
    invoicer = {"email_address": settings.invoicer_email, "business_name": settings.business_name}
    if any(invoicer.values()):
        body["invoicer"] = {name: value for name, value in invoicer.items() if value}
    return body


def dated(body: Document, day: date) -> Document:
    return {**body, "detail": {**body["detail"], "invoice_date": day.isoformat()}}


def items_of(draft: InvoiceDraft, settings: PayPalSettings) -> list[Document]:
    items = [_item(line, settings) for line in draft.lines]
    if not settings.tax_lines:
        return items
    taxes: dict[str, Money] = {}
    for line in draft.lines:
        if line.tax.minor:
            name = settings.tax_rates[line.tax_rate or ""].display_name
            taxes[name] = taxes.get(name, Money(0, draft.currency)) + line.tax
    return items + [_priced(name, tax) for name, tax in taxes.items()]


def _item(line: LineDraft, settings: PayPalSettings) -> Document:
    text = f"{line.quantity} x {line.description}" if line.quantity else line.description
    item = _priced(text, line.net)
    if line.tax.minor and not settings.tax_lines:
        rate = settings.tax_rates[line.tax_rate or ""]
        item["tax"] = {"name": rate.display_name, "percent": f"{rate.percentage:f}"}
    return item


def _priced(text: str, net: Money) -> Document:
    """`AMOUNT`: the page shows neither a quantity nor a price for one."""
    words = " ".join(text.split()) or "-"
    item = {
        "name": words[:_NAME],
        "quantity": "1",
        "unit_amount": to_doc(net),
        "unit_of_measure": "AMOUNT",
    }
    return item if len(words) <= _NAME else {**item, "description": words[:_DESCRIPTION]}


def _billing(payer: PayerDraft) -> Document:
    first, _, last = " ".join(payer.name.split()).rpartition(" ")
    parts = {"given_name": first[:_PART], "surname": last[:_PART]}
    billing: Document = {
        "name": {name: part for name, part in parts.items() if part},
        "email_address": payer.email,
    }
    address = _address(payer)
    return {**billing, "address": address} if address else billing


def _address(payer: PayerDraft) -> Document | None:
    """Without a country's code PayPal takes none."""
    country = payer.address.get("country", "").strip().upper()
    if not re.fullmatch("[A-Z]{2}", country):
        return None
    lines = {
        name: payer.address[ours][:most] for ours, (name, most) in _ADDRESS.items() if payer.address.get(ours)
    }
    return {**lines, "country_code": country}


def differences(sent: Document, total: Document, doc: Document) -> list[str]:
    """Where PayPal's draft is not what was sent, in sentences; empty where it is. `total` is ours."""
    ours, theirs = from_doc(total, "total"), from_doc(doc.get("amount"), "total")
    if ours == theirs:
        return []
    found = [f"the total is {ours} here and {theirs} at {PARTY}"]
    lines = doc.get("items")
    if not isinstance(lines, list):
        return found
    if len(lines) != len(sent["items"]):
        found.append(f"{len(sent['items'])} lines were sent, and {len(lines)} are there")
    return found + _line_differences(sent["items"], lines)


def _line_differences(sent: Sequence[Document], lines: Sequence[Any]) -> list[str]:
    found = []
    for place, (ours, theirs) in enumerate(zip(sent, lines, strict=False), 1):
        row = theirs if isinstance(theirs, dict) else {}
        price, there = ours["unit_amount"]["value"], _inner(row, "unit_amount").get("value")
        if price != there:
            found.append(f"line {place} ({ours['name'][:40]}) is {price} here and {there} at {PARTY}")
        tax = _inner(_inner(row, "tax"), "amount")
        if tax:
            found.append(f"line {place} has {tax.get('value')} of tax at {PARTY}")
    return found


def _inner(row: Document, name: str) -> Document:
    value = row.get(name)
    return value if isinstance(value, dict) else {}
