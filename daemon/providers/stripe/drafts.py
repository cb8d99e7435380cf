"""From our drafts to Stripe's request bodies, and the check that Stripe reckons as we do: pure.

Each line is sent as one total. A line with tax carries our tax as `tax_amounts`, so that Stripe computes
nothing and cannot round otherwise; discounts of the customer and automatic tax are switched off, and the
total is compared all the same before the invoice goes live.
"""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from daemon.model import Document, InvoiceDraft, LineDraft, PayerDraft
from daemon.money import Money
from daemon.providers.stripe.money import MINIMUM, from_minor, refused, to_minor
from daemon.providers.stripe.read import due_date, integer
from daemon.providers.stripe.setup import CAPABILITIES, StripeSettings
from daemon.providers.stripe.words import CUSTOMER_KEY, INVOICE_KEY, LINE_KEY

_ADDRESS = ("line1", "line2", "city", "state", "postal_code", "country")


def accepts(draft: InvoiceDraft, settings: StripeSettings) -> None:
    """Raise Rejected, under a code of the catalogue, for what Stripe would refuse or reckon otherwise."""
    if not draft.payer.email and not draft.payer.external_id:
        raise refused("WB-CUSTOMER-EMAIL", "Stripe sends invoices by e-mail, and this customer has none")
    if not draft.lines or len(draft.lines) > CAPABILITIES.max_lines:
        raise refused("WB-INPUT", f"Stripe takes 1 to {CAPABILITIES.max_lines} lines on an invoice")
    if len(draft.number) > CAPABILITIES.max_number_length:
        raise refused(
            "WB-INPUT", f"Stripe takes invoice numbers of up to {CAPABILITIES.max_number_length} characters"
        )
    if draft.total < Money(0, draft.currency):
        raise refused("WB-PUSH-CURRENCY", f"Stripe cannot bill {draft.total}: it would become a credit")
    if Money.total((line.gross for line in draft.lines), draft.currency) != draft.total:
        raise refused("WB-PUSH-TOTAL", f"the lines do not add up to {draft.total}")
    least = Money(MINIMUM.get(draft.currency, 0), draft.currency)
    if Money(0, draft.currency) < draft.total < least:
        raise refused("WB-PUSH-CURRENCY", f"Stripe charges at least {least}, and this is {draft.total}")
    to_minor(draft.total)
    for line in draft.lines:
        _accepts_line(line, settings)


def _accepts_line(line: LineDraft, settings: StripeSettings) -> None:
    to_minor(line.net)
    to_minor(line.tax)
    if line.tax.minor and line.tax_rate not in settings.tax_rates:
        rate = f"the tax rate {line.tax_rate!r}" if line.tax_rate else "a tax without a rate"
        raise refused("WB-INPUT", f"{rate} is not in the Stripe settings' tax rates")


def payer_body(payer: PayerDraft) -> Document:
    address = {key: payer.address[key] for key in _ADDRESS if payer.address.get(key)}
    body: Document = {"name": payer.name, "email": payer.email, "phone": payer.phone}
    kept = {key: value for key, value in body.items() if value}
    if address:
        kept["address"] = address
    return {**kept, "metadata": {CUSTOMER_KEY: payer.reference}}


def invoice_body(draft: InvoiceDraft, customer: str, settings: StripeSettings) -> Document:
    body: Document = {
        "customer": customer,
        "number": draft.number,
        "currency": draft.currency.lower(),
        "collection_method": "send_invoice",
        "due_date": due_date(draft.due_on, ZoneInfo(settings.time_zone)),
        "auto_advance": False,
        "automatic_tax": {"enabled": False},
        "pending_invoice_items_behavior": "exclude",
        "discounts": "",
        "metadata": {INVOICE_KEY: draft.reference},
    }
    if draft.memo:
        body["description"] = draft.memo
    if settings.footer:
        body["footer"] = settings.footer
    if settings.payment_methods:
        body["payment_settings"] = {"payment_method_types": list(settings.payment_methods)}
    return body


def lines_body(draft: InvoiceDraft, settings: StripeSettings) -> list[Document]:
    return [_line(line, place, settings) for place, line in enumerate(draft.lines, 1)]


def _line(line: LineDraft, place: int, settings: StripeSettings) -> Document:
    body: Document = {
        "amount": to_minor(line.net),
        "description": f"{line.quantity} x {line.description}" if line.quantity else line.description,
        "discountable": False,
        "metadata": {LINE_KEY: str(place)},
    }
    if line.tax.minor:
        rate = settings.tax_rates[line.tax_rate or ""]
        body["tax_amounts"] = [
            {
                "amount": to_minor(line.tax),
                "taxable_amount": to_minor(line.net),
                "tax_rate_data": {
                    "display_name": rate.display_name,
                    "inclusive": False,
                    "percentage": float(rate.percentage),
                },
            }
        ]
    return body


def differences(sent: Sequence[Document], total: int, doc: Document, lines: Sequence[Document]) -> list[str]:
    """Where Stripe's draft is not what was sent, line by line in sentences; empty where it is.

    `total` is ours in Stripe's minor units, `lines` every line that the draft has.
    """
    currency = str(doc.get("currency"))
    theirs = {(line.get("metadata") or {}).get(LINE_KEY): line for line in lines}
    found = [
        sentence
        for place, line in enumerate(sent, 1)
        if (sentence := _line_difference(place, line, theirs.get(str(place)), currency))
    ]
    strangers = [line for line in lines if (line.get("metadata") or {}).get(LINE_KEY) is None]
    found += [
        f"Stripe added a line of {from_minor(integer(line, 'amount'), currency)} that we did not send"
        for line in strangers
    ]
    if integer(doc, "total") != total:
        ours, reckoned = from_minor(total, currency), from_minor(integer(doc, "total"), currency)
        found.insert(0, f"the total is {ours} here and {reckoned} at Stripe")
    return found


def _line_difference(place: int, sent: Document, line: Document | None, currency: str) -> str | None:
    if line is None:
        return f"line {place} is missing at Stripe"
    ours = sent["amount"] + _sum(sent.get("tax_amounts"), "amount")
    discount = _sum(line.get("discount_amounts"), "amount")
    added = [tax for tax in line.get("taxes") or () if tax.get("tax_behavior") != "inclusive"]
    tax = _sum(added, "amount")
    theirs = integer(line, "amount") - discount + tax
    if ours == theirs:
        return None
    return (
        f"line {place} ({str(sent['description'])[:40]}) is {from_minor(ours, currency)} here and "
        f"{from_minor(theirs, currency)} at Stripe (tax {from_minor(tax, currency)}, "
        f"discount {from_minor(discount, currency)})"
    )


def _sum(rows: list[Document] | None, name: str) -> int:
    return sum(integer(row, name) for row in rows or ())
