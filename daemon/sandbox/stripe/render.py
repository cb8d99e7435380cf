"""Records as the documents of API version 2026-10-28.endive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from daemon.sandbox.stripe import render_invoice
from daemon.sandbox.stripe.ledger import VERSION, Ledger
from daemon.sandbox.stripe.records import (
    CreditNote,
    Customer,
    Dispute,
    Endpoint,
    Event,
    Payment,
    Refund,
)
from daemon.sandbox.stripe.shapes import Doc, address, envelope


def account(ledger: Ledger, _: object = None) -> Doc:
    return {
        "id": ledger.id,
        "object": "account",
        "business_profile": {"name": "Test account", "support_email": "billing@example.com"},
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "country": ledger.country,
        "created": ledger.created,
        "default_currency": ledger.default_currency,
        "details_submitted": True,
        "email": "billing@example.com",
        "metadata": {},
        "payouts_enabled": True,
        "settings": {"dashboard": {"display_name": "Test account", "timezone": "Etc/UTC"}},
        "type": "standard",
    }


def customer(ledger: Ledger, record: Customer) -> Doc:
    return {
        "id": record.id,
        "object": "customer",
        "address": address(record.address),
        "balance": record.balance,
        "created": record.created,
        "currency": record.currency,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": record.description,
        "email": record.email,
        "invoice_prefix": record.prefix,
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": ledger.livemode,
        "metadata": dict(record.metadata),
        "name": record.name,
        "next_invoice_sequence": record.next_sequence,
        "phone": record.phone,
        "preferred_locales": list(record.preferred_locales),
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def deleted(kind: str, record_id: str) -> Doc:
    return {"id": record_id, "object": kind, "deleted": True}


def invoice_payment(ledger: Ledger, record: Payment) -> Doc:
    return {
        "id": record.id,
        "object": "invoice_payment",
        "amount_paid": record.amount_paid,
        "amount_requested": record.amount,
        "created": record.created,
        "currency": record.currency,
        "invoice": record.invoice,
        "is_default": record.is_default,
        "livemode": ledger.livemode,
        "payment": {"payment_intent": record.intent, "type": "payment_intent"},
        "status": record.status,
        "status_transitions": {"canceled_at": record.canceled_at, "paid_at": record.paid_at},
    }


def payment_intent(ledger: Ledger, record: Payment) -> Doc:
    return {
        "id": record.intent,
        "object": "payment_intent",
        "amount": record.amount,
        "amount_received": record.amount if record.intent_status == "succeeded" else 0,
        "canceled_at": record.canceled_at,
        "created": record.created,
        "currency": record.currency,
        "customer": record.customer,
        "latest_charge": record.charge,
        "livemode": ledger.livemode,
        "metadata": {},
        "payment_method_types": [record.method] if record.method else ["card", "us_bank_account"],
        "status": record.intent_status,
    }


def charge(ledger: Ledger, record: Payment) -> Doc:
    paid = record.charge_status == "succeeded"
    failed = record.charge_status == "failed"
    return {
        "id": record.charge,
        "object": "charge",
        "amount": record.amount,
        "amount_captured": record.amount if paid else 0,
        "amount_refunded": record.refunded,
        "application": None,
        "balance_transaction": None,
        "billing_details": {"address": None, "email": None, "name": None, "phone": None},
        "captured": not failed,
        "created": record.charged_at,
        "currency": record.currency,
        "customer": record.customer,
        "description": None,
        "disputed": record.disputed,
        "failure_code": "card_declined" if failed else None,
        "failure_message": "Your card was declined." if failed else None,
        "livemode": ledger.livemode,
        "metadata": {},
        "paid": paid,
        "payment_intent": record.intent,
        "payment_method_details": {"type": record.method, record.method: {}},
        "receipt_email": None,
        "receipt_url": f"{ledger.public_url}/receipts/{ledger.id}/{record.charge}" if paid else None,
        "refunded": paid and record.refunded >= record.amount,
        "status": record.charge_status,
    }


def refund(ledger: Ledger, record: Refund) -> Doc:
    kind = "card" if record.method == "card" else "us_bank_transfer"
    return {
        "id": record.id,
        "object": "refund",
        "amount": record.amount,
        "balance_transaction": None,
        "charge": record.charge,
        "created": record.created,
        "currency": record.currency,
        "destination_details": {"type": kind},
        "metadata": dict(record.metadata),
        "payment_intent": record.payment_intent,
        "reason": record.reason,
        "receipt_number": None,
        "status": record.status,
        **({"failure_reason": record.failure_reason} if record.failure_reason else {}),
    }


def dispute(ledger: Ledger, record: Dispute) -> Doc:
    return {
        "id": record.id,
        "object": "dispute",
        "amount": record.amount,
        "balance_transactions": [],
        "charge": record.charge,
        "created": record.created,
        "currency": record.currency,
        "enhanced_eligibility_types": [],
        "evidence": {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": record.created + 7 * 86_400,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": False,
        "livemode": ledger.livemode,
        "metadata": {},
        "payment_intent": record.payment_intent,
        "reason": record.reason,
        "status": record.status,
    }


def credit_note(ledger: Ledger, record: CreditNote) -> Doc:
    refunds = []
    if record.refund:
        refunds = [
            {
                "amount_refunded": record.refund_amount,
                "payment_record_refund": None,
                "refund": record.refund,
                "type": "refund",
            }
        ]
    kind = "pre_payment" if not record.after else "mixed" if record.before else "post_payment"
    return {
        "id": record.id,
        "object": "credit_note",
        "amount": record.amount,
        "amount_shipping": 0,
        "created": record.created,
        "currency": record.currency,
        "customer": record.customer,
        "customer_balance_transaction": None,
        "discount_amount": 0,
        "discount_amounts": [],
        "effective_at": record.effective_at,
        "invoice": record.invoice,
        "lines": envelope(
            f"/v1/credit_notes/{record.id}/lines", [_credit_line(ledger, record)], has_more=False
        ),
        "livemode": ledger.livemode,
        "memo": record.memo,
        "metadata": dict(record.metadata),
        "number": record.number,
        "out_of_band_amount": record.out_of_band,
        "pdf": f"{ledger.public_url}/cn/{ledger.id}/{ledger.mode}_{record.id[3:]}{record.secret}/pdf",
        "post_payment_amount": record.after,
        "pre_payment_amount": record.before,
        "pretax_credit_amounts": [],
        "reason": record.reason,
        "refunds": refunds,
        "shipping_cost": None,
        "status": record.status,
        "subtotal": record.amount,
        "subtotal_excluding_tax": record.amount,
        "total": record.amount,
        "total_excluding_tax": record.amount,
        "total_taxes": [],
        "type": kind,
        "voided_at": record.voided_at,
    }


def _credit_line(ledger: Ledger, record: CreditNote) -> Doc:
    return {
        "id": "cnli_" + record.id[3:],
        "object": "credit_note_line_item",
        "amount": record.amount,
        "description": record.memo or "Credit",
        "discount_amount": 0,
        "discount_amounts": [],
        "livemode": ledger.livemode,
        "pretax_credit_amounts": [],
        "quantity": 1,
        "tax_rates": [],
        "taxes": [],
        "type": "custom_line_item",
        "unit_amount": record.amount,
        "unit_amount_decimal": str(record.amount),
    }


def webhook_endpoint(ledger: Ledger, record: Endpoint) -> Doc:
    return {
        "id": record.id,
        "object": "webhook_endpoint",
        "api_version": record.api_version,
        "application": None,
        "created": record.created,
        "description": record.description,
        "enabled_events": list(record.enabled_events),
        "livemode": ledger.livemode,
        "metadata": dict(record.metadata),
        "status": record.status,
        "url": record.url,
    }


def new_webhook_endpoint(ledger: Ledger, record: Endpoint) -> Doc:
    """The one answer that shows the secret."""
    return {**webhook_endpoint(ledger, record), "secret": record.secret}


def event(ledger: Ledger, record: Event) -> Doc:
    data: Doc = {"object": RENDER[record.kind](ledger, record.subject)}
    if record.before is not None:
        data["previous_attributes"] = dict(record.before)
    return {
        "id": record.id,
        "object": "event",
        "api_version": VERSION,
        "created": record.created,
        "data": data,
        "livemode": ledger.livemode,
        "pending_webhooks": ledger.undelivered.get(record.id, 0),
        "request": {"id": record.request, "idempotency_key": record.key},
        "type": record.type,
    }


RENDER: dict[str, Callable[[Ledger, Any], Doc]] = {
    "account": account,
    "customer": customer,
    "invoice": render_invoice.invoice,
    "invoice_payment": invoice_payment,
    "payment_intent": payment_intent,
    "charge": charge,
    "refund": refund,
    "dispute": dispute,
    "credit_note": credit_note,
    "webhook_endpoint": webhook_endpoint,
    "new_webhook_endpoint": new_webhook_endpoint,
    "event": event,
    "line_item": lambda ledger, pair: render_invoice.line(ledger, *pair),
}
