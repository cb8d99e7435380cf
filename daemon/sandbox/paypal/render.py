"""An invoice as GET shows it, and as a row of search does: partial unless `fields` asks for more."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any

from daemon.sandbox.paypal.ledger import Doc, Invoice, Ledger, Payment, stamp
from daemon.sandbox.paypal.money import rounded, shown

COLLECTIONS = ("items", "payments", "refunds")


def item_tax(item: Doc, currency: str) -> Decimal:
    """Reckoned line by line, half away from zero."""
    percent = Decimal((item.get("tax") or {}).get("percent", "0"))
    return rounded(_net(item) * percent / 100, currency)


def totals(given: Doc) -> tuple[Decimal, Decimal]:
    """(items, tax) of an invoice."""
    currency = given["detail"]["currency_code"]
    items = sum((rounded(_net(one), currency) for one in given["items"]), Decimal(0))
    return items, sum((item_tax(one, currency) for one in given["items"]), Decimal(0))


def total(invoice: Invoice) -> Decimal:
    items, tax = totals(invoice.given)
    return items + tax


def _net(item: Doc) -> Decimal:
    return Decimal(item["unit_amount"]["value"]) * Decimal(item["quantity"])


def listed(ledger: Ledger, invoice: Invoice) -> list[Payment]:
    return [one for one in invoice.payments if ledger.lists_pending or not one.pending]


def due(ledger: Ledger, invoice: Invoice) -> Decimal:
    counted = sum((one.amount for one in listed(ledger, invoice)), Decimal(0))
    return max(total(invoice) - counted, Decimal(0))


def invoice_doc(ledger: Ledger, invoice: Invoice) -> Doc:
    currency = invoice.currency
    items, tax = totals(invoice.given)
    amount = shown(items + tax, currency) | {
        "breakdown": {
            "item_total": shown(items, currency),
            "tax_total": shown(tax, currency),
        }
    }
    document: Doc = {
        "id": invoice.id,
        "status": invoice.status,
        "detail": {**invoice.given["detail"], "metadata": _metadata(ledger, invoice)},
        "invoicer": {"email_address": ledger.email, **(invoice.given.get("invoicer") or {})},
        "primary_recipients": invoice.given.get("primary_recipients") or [],
        "items": [_item(one, place, currency) for place, one in enumerate(invoice.given["items"], 1)],
        "configuration": invoice.given.get("configuration") or {},
        "amount": amount,
        "due_amount": shown(due(ledger, invoice), currency),
        "links": links(ledger, invoice),
    }
    return document | _payments(ledger, invoice) | _refunds(invoice)


def _payments(ledger: Ledger, invoice: Invoice) -> Doc:
    payments = listed(ledger, invoice)
    if not payments:
        return {}
    paid = shown(sum((one.amount for one in payments), Decimal(0)), invoice.currency)
    rows = [_payment(one, invoice.currency) for one in payments]
    return {"payments": {"paid_amount": paid, "transactions": rows}}


def _refunds(invoice: Invoice) -> Doc:
    if not invoice.refunds:
        return {}
    rows = [
        {
            "type": "EXTERNAL" if one.external else "PAYPAL",
            "refund_id": one.id,
            "refund_date": one.on.isoformat(),
            "method": "OTHER" if one.external else "PAYPAL",
            "amount": shown(one.amount, invoice.currency),
        }
        for one in invoice.refunds
    ]
    return {"refunds": {"refund_amount": shown(invoice.refunded, invoice.currency), "transactions": rows}}


def row(document: Doc, fields: Collection[str], *, update_time: bool) -> Doc:
    """What search and list show: without `links`, the memo, and the collections that were not asked for."""
    kept = {
        name: value
        for name, value in document.items()
        if name not in COLLECTIONS or name in fields
        if name not in ("configuration", "links")
    }
    detail = {name: value for name, value in document["detail"].items() if name != "memo"}
    detail["metadata"] = {
        name: value for name, value in detail["metadata"].items() if name != "last_update_time" or update_time
    }
    return {**kept, "detail": detail}


def links(ledger: Ledger, invoice: Invoice) -> list[Doc]:
    """On another host than the one that was called, as PayPal's are."""
    here = f"{ledger.public_url}/v2/invoicing/invoices/{invoice.id}"
    return [{"rel": "self", "href": here, "method": "GET"}]


def payer_url(ledger: Ledger, invoice: Invoice) -> str:
    return f"{ledger.public_url}/invoice/p/{invoice.code}"


def _metadata(ledger: Ledger, invoice: Invoice) -> Doc:
    metadata: dict[str, Any] = {
        "create_time": stamp(invoice.created),
        "last_update_time": stamp(invoice.updated),
        "created_by": ledger.email,
        "invoicer_view_url": f"{ledger.public_url}/invoice/details/{invoice.id}",
    }
    if invoice.sent_at is not None:
        metadata |= {
            "first_sent_time": stamp(invoice.sent_at),
            "last_sent_time": stamp(invoice.sent_at),
            "last_sent_by": ledger.email,
            "recipient_view_url": payer_url(ledger, invoice),
        }
    if invoice.cancelled_at is not None:
        metadata |= {"cancel_time": stamp(invoice.cancelled_at), "cancelled_by": ledger.email}
    return metadata


def _item(item: Doc, place: int, currency: str) -> Doc:
    document = {"id": f"ITEM-{place:04d}", **item}
    if "tax" in item:
        document["tax"] = {**item["tax"], "amount": shown(item_tax(item, currency), currency)}
    return document


def _payment(payment: Payment, currency: str) -> Doc:
    document: Doc = {
        "type": "EXTERNAL" if payment.external else "PAYPAL",
        "payment_id": payment.id,
        "payment_date": payment.on.isoformat(),
        "method": payment.method,
        "amount": shown(payment.amount, currency),
    }
    return document | ({"note": payment.note} if payment.note else {})
