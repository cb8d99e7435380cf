"""What the lines of a draft add up to: subtotal, discount, taxes, total."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from daemon.sandbox.stripe.amounts import MAX_AMOUNT, share
from daemon.sandbox.stripe.errors import StripeError
from daemon.sandbox.stripe.ledger import Ledger
from daemon.sandbox.stripe.records import Invoice, Line, Tax


def retotal(ledger: Ledger, invoice: Invoice) -> Invoice:
    """The draft with its sums made anew; raises StripeError (amount_too_large)."""
    if invoice.percent_off or invoice.default_rates or any(line.rates for line in invoice.lines):
        invoice = replace(invoice, lines=tuple(_settled(ledger, invoice, line) for line in invoice.lines))
    subtotal = sum(line.amount for line in invoice.lines)
    discount = sum(line.discount for line in invoice.lines)
    tax = sum(tax.amount for line in invoice.lines for tax in line.taxes)
    added = sum(tax.amount for line in invoice.lines for tax in line.taxes if not tax.inclusive)
    total = subtotal - discount + added
    if abs(total) > MAX_AMOUNT:
        raise StripeError(400, "Amount must be no more than 999,999.99", code="amount_too_large")
    return replace(
        invoice, subtotal=subtotal, discount=discount, tax=tax, total=total, amount_due=max(0, total)
    )


def _settled(ledger: Ledger, invoice: Invoice, line: Line) -> Line:
    """A line with the discount and the taxes that the invoice gives it."""
    discount = share(line.amount, invoice.percent_off) if line.discountable and line.amount > 0 else 0
    rates = invoice.default_rates if line.rates is None else line.rates
    taxes = _taxes(ledger, line.amount - discount, rates) if rates else line.taxes
    return replace(line, discount=discount, taxes=taxes)


def _taxes(ledger: Ledger, taxable: int, rates: Sequence[str]) -> tuple[Tax, ...]:
    taxes = []
    for rate_id in rates:
        rate = ledger.tax_rates[rate_id]
        if rate.inclusive:
            net = round(Fraction(taxable * 100) / (100 + Fraction(rate.percentage)))
            taxes.append(Tax(taxable - net, net, True, rate_id))
        else:
            taxes.append(Tax(share(taxable, rate.percentage), taxable, False, rate_id))
    return tuple(taxes)
