"""An invoice and its lines as documents of API version 2026-10-28.endive."""

from __future__ import annotations

from daemon.sandbox.stripe.ledger import Ledger
from daemon.sandbox.stripe.records import Invoice, Line, Tax
from daemon.sandbox.stripe.shapes import Doc, address, envelope

LINES_SHOWN = 10


def line(ledger: Ledger, invoice_: Invoice, record: Line) -> Doc:
    pricing = None
    if record.unit is not None:
        pricing = {"price_details": None, "type": "price_details", "unit_amount_decimal": record.unit}
    return {
        "id": record.id,
        "object": "line_item",
        "amount": record.amount,
        "currency": invoice_.currency,
        "description": record.description,
        "discount_amounts": _discounts(record.discount, invoice_),
        "discountable": record.discountable,
        "discounts": [],
        "invoice": invoice_.id,
        "livemode": ledger.livemode,
        "metadata": dict(record.metadata),
        "parent": {
            "invoice_item_details": {
                "invoice_item": record.item,
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": None,
            },
            "subscription_item_details": None,
            "type": "invoice_item_details",
        },
        "period": {"end": record.end, "start": record.start},
        "pretax_credit_amounts": [],
        "pricing": pricing,
        "quantity": record.quantity,
        "quantity_decimal": str(record.quantity),
        "subscription": None,
        "subtotal": record.amount,
        "taxes": [_tax(tax) for tax in record.taxes],
    }


def _discounts(amount: int, invoice_: Invoice) -> list[Doc]:
    return [{"amount": amount, "discount": _discount_id(invoice_)}] if amount else []


def _discount_id(invoice_: Invoice) -> str:
    return "di_" + invoice_.id[3:]


def lines(ledger: Ledger, invoice_: Invoice) -> Doc:
    shown = (line(ledger, invoice_, record) for record in invoice_.lines[:LINES_SHOWN])
    return envelope(f"/v1/invoices/{invoice_.id}/lines", shown, has_more=len(invoice_.lines) > LINES_SHOWN)


def invoice(ledger: Ledger, record: Invoice) -> Doc:
    return {**_facts(ledger, record), **_money(record), **_links(ledger, record), **_quiet(record)}


def _facts(ledger: Ledger, record: Invoice) -> Doc:
    who = record.who
    return {
        "id": record.id,
        "object": "invoice",
        "account_country": ledger.country,
        "account_name": "Test account",
        "auto_advance": record.auto_advance,
        "automatically_finalizes_at": record.finalizes_at,
        "billing_reason": "manual",
        "collection_method": record.collection_method,
        "created": record.created,
        "currency": record.currency,
        "custom_fields": [{"name": n, "value": v} for n, v in record.custom_fields] or None,
        "customer": record.customer,
        "customer_address": address(who.address),
        "customer_email": who.email,
        "customer_name": who.name,
        "customer_phone": who.phone,
        "description": record.description,
        "discounts": [_discount_id(record)] if record.percent_off else [],
        "due_date": record.due_date,
        "effective_at": record.effective_at,
        "footer": record.footer,
        "from_invoice": {"action": "revision", "invoice": record.revises} if record.revises else None,
        "latest_revision": record.revised_by,
        "lines": lines(ledger, record),
        "livemode": ledger.livemode,
        "metadata": dict(record.metadata),
        "number": record.number,
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": list(record.method_types) if record.method_types else None,
        },
        "statement_descriptor": record.statement_descriptor,
        "status": record.status,
        "status_details": _status_details(record),
        "status_transitions": {
            "finalized_at": record.finalized_at,
            "marked_uncollectible_at": record.uncollectible_at,
            "paid_at": record.paid_at,
            "voided_at": record.voided_at,
        },
    }


def _status_details(record: Invoice) -> Doc | None:
    return {"uncollectible": {"reason": "user_forgiven"}} if record.status == "uncollectible" else None


def _money(record: Invoice) -> Doc:
    included = sum(tax.amount for item in record.lines for tax in item.taxes if tax.inclusive)
    return {
        "amount_due": record.amount_due,
        "amount_overpaid": record.amount_overpaid,
        "amount_paid": record.amount_paid,
        "amount_paid_off_stripe": record.paid_off,
        "amount_remaining": record.amount_remaining,
        "amount_shipping": 0,
        "attempt_count": record.attempts,
        "attempted": record.attempts > 0,
        "ending_balance": record.ending_balance,
        "post_payment_credit_notes_amount": record.credits_after,
        "pre_payment_credit_notes_amount": record.credits_before,
        "starting_balance": record.starting_balance,
        "subtotal": record.subtotal,
        "subtotal_excluding_tax": record.subtotal - included,
        "total": record.total,
        "total_discount_amounts": _discounts(record.discount, record),
        "total_excluding_tax": record.total - record.tax,
        "total_pretax_credit_amounts": [],
        "total_taxes": [_tax(tax) for item in record.lines for tax in item.taxes],
    }


def _links(ledger: Ledger, record: Invoice) -> Doc:
    if record.finalized_at is None:
        return {"hosted_invoice_url": None, "invoice_pdf": None}
    base = f"{ledger.public_url}/i/{ledger.id}/{ledger.mode}_{record.id[3:]}{record.secret}"
    return {"hosted_invoice_url": base, "invoice_pdf": f"{base}/pdf"}


def _quiet(record: Invoice) -> Doc:
    """What this double has no use for, as Stripe shows it on such an invoice."""
    return {
        "account_tax_ids": None,
        "application": None,
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": False,
            "liability": None,
            "provider": None,
            "status": None,
        },
        "customer_account": None,
        "customer_shipping": None,
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "issuer": {"type": "self"},
        "last_finalization_error": None,
        "next_payment_attempt": None,
        "on_behalf_of": None,
        "parent": None,
        "period_end": record.created,
        "period_start": record.created,
        "receipt_number": None,
        "rendering": None,
        "shipping_cost": None,
        "shipping_details": None,
        "test_clock": None,
        "threshold_reason": None,
        "webhooks_delivered_at": None,
    }


def _tax(tax: Tax) -> Doc:
    return {
        "amount": tax.amount,
        "tax_behavior": "inclusive" if tax.inclusive else "exclusive",
        "tax_rate_details": {"tax_rate": tax.rate},
        "taxability_reason": tax.reason,
        "taxable_amount": tax.taxable,
        "type": "tax_rate_details",
    }
