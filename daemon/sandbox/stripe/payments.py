"""Money on invoices: payments, refunds, disputes. Used by the API and by the world outside alike."""

from __future__ import annotations

from dataclasses import replace

from daemon.sandbox.stripe.errors import invalid
from daemon.sandbox.stripe.ledger import Ledger
from daemon.sandbox.stripe.records import Dispute, Invoice, Payment, Refund

BANK_DEBITS = frozenset({"us_bank_account", "sepa_debit", "acss_debit"})


def open_default(ledger: Ledger, invoice: Invoice) -> Payment:
    """The payment that waits on every finalised invoice until somebody pays."""
    payment = ledger.put_payment(_new(ledger, invoice, invoice.amount_remaining, is_default=True))
    ledger.emit("payment_intent.created", "payment_intent", payment)
    return payment


def of_invoice(ledger: Ledger, invoice_id: str) -> list[Payment]:
    """Newest first, as lists are."""
    return ledger.payments.where("invoice", invoice_id)[::-1]


def in_flight(payment: Payment) -> bool:
    return payment.status == "open" and payment.intent_status == "processing"


def begin(ledger: Ledger, invoice: Invoice, amount: int, method: str, *, processing: bool) -> Payment:
    """Somebody pays `amount`: the whole rest through the default payment, a part through one of its own."""
    if invoice.status not in ("open", "uncollectible"):
        raise invalid(f"Invoice {invoice.id} is {invoice.status}; it cannot be paid")
    if amount < 1:
        raise invalid("A payment is of at least one minor unit", param="amount")
    payment = replace(
        _chosen(ledger, invoice, amount),
        method=method,
        charge=ledger.new_id("ch_"),
        charged_at=ledger.now,
        charge_status="pending",
        intent_status="processing",
    )
    ledger.put_payment(payment)
    current = ledger.invoices[invoice.id]
    ledger.invoices.put(replace(current, attempts=current.attempts + 1))
    if not processing:
        return settle(ledger, payment)
    ledger.emit("payment_intent.processing", "payment_intent", payment)
    ledger.emit("charge.pending", "charge", payment)
    return payment


def _chosen(ledger: Ledger, invoice: Invoice, amount: int) -> Payment:
    """The payment that waits on the invoice where it fits, else one of its own for this amount."""
    waiting = next((p for p in of_invoice(ledger, invoice.id) if p.is_default and p.status == "open"), None)
    if waiting is not None and waiting.intent_status == "requires_payment_method":
        if waiting.amount == amount:
            return waiting
        if waiting.amount > amount:
            ledger.put_payment(replace(waiting, amount=waiting.amount - amount))
    payment = _new(ledger, invoice, amount, is_default=False)
    ledger.emit("payment_intent.created", "payment_intent", payment)
    return payment


def _new(ledger: Ledger, invoice: Invoice, amount: int, *, is_default: bool) -> Payment:
    return Payment(
        ledger.new_id("inpay_"),
        ledger.next_seq(),
        ledger.now,
        invoice.id,
        invoice.customer,
        ledger.new_id("pi_"),
        amount,
        invoice.currency,
        is_default=is_default,
    )


def settle(ledger: Ledger, payment: Payment) -> Payment:
    """The money arrived."""
    if payment.intent_status != "processing":
        raise invalid(f"PaymentIntent {payment.intent} is {payment.intent_status}, not processing")
    done = ledger.put_payment(
        replace(
            payment,
            status="paid",
            intent_status="succeeded",
            charge_status="succeeded",
            amount_paid=payment.amount,
            paid_at=ledger.now,
        )
    )
    ledger.emit("charge.succeeded", "charge", done)
    ledger.emit("payment_intent.succeeded", "payment_intent", done)
    ledger.emit("invoice_payment.paid", "invoice_payment", done)
    credit_invoice(ledger, ledger.invoices[payment.invoice], payment.amount)
    return done


def fail(ledger: Ledger, payment: Payment) -> Payment:
    """The bank refused, at once or after days; the invoice stays open."""
    if payment.intent_status != "processing":
        raise invalid(f"PaymentIntent {payment.intent} is {payment.intent_status}, not processing")
    refused = replace(payment, charge_status="failed", intent_status="requires_payment_method")
    if payment.charge:
        ledger.failed_charges[payment.charge] = refused
        del ledger.by_charge[payment.charge]
    waiting = ledger.put_payment(replace(refused, charge=None, charge_status=None, charged_at=None))
    ledger.emit("charge.failed", "charge", refused)
    ledger.emit("payment_intent.payment_failed", "payment_intent", refused)
    invoice = ledger.invoices[payment.invoice]
    ledger.emit("invoice.payment_failed", "invoice", invoice)
    if invoice.status == "paid":
        cancel_open(ledger, invoice.id)
    return waiting


def cancel_open(ledger: Ledger, invoice_id: str) -> None:
    """Nobody will pay this any more: the payments still waiting are cancelled. A debit in flight is past
    stopping; it settles, and overpays the invoice."""
    for payment in of_invoice(ledger, invoice_id):
        if payment.status == "open" and not in_flight(payment):
            gone = replace(payment, status="canceled", intent_status="canceled", canceled_at=ledger.now)
            ledger.put_payment(gone)
            ledger.emit("payment_intent.canceled", "payment_intent", gone)


def credit_invoice(ledger: Ledger, invoice: Invoice, amount: int, *, off_stripe: bool = False) -> Invoice:
    """Count `amount` as paid; what is too much goes to the customer's balance."""
    before = {
        "amount_paid": invoice.amount_paid,
        "amount_remaining": invoice.amount_remaining,
        "status": invoice.status,
    }
    paid = invoice.amount_paid + amount
    over = max(0, paid - invoice.amount_due) - invoice.amount_overpaid
    changed = replace(
        invoice,
        amount_paid=paid,
        amount_overpaid=invoice.amount_overpaid + over,
        paid_off=invoice.paid_off + (amount if off_stripe else 0),
    )
    if paid >= invoice.amount_due and invoice.status != "paid":
        changed = replace(changed, status="paid", paid_at=ledger.now, auto_advance=False)
    ledger.invoices.put(changed)
    ledger.emit("invoice.updated", "invoice", changed, before)
    if changed.status == "paid" and invoice.status != "paid":
        cancel_open(ledger, invoice.id)
        ledger.emit("invoice.paid", "invoice", changed)
        if not off_stripe:
            ledger.emit("invoice.payment_succeeded", "invoice", changed)
    if over > 0:
        ledger.change_balance(invoice.customer, -over)
        ledger.emit("invoice.overpaid", "invoice", changed)
    return changed


def give_back(
    ledger: Ledger, payment: Payment, amount: int | None, *, reason: str | None = None, pending: bool = False
) -> Refund:
    """Refund a part, or all that is left."""
    charge = _refundable(payment)
    left = payment.amount - payment.refunded
    amount = left if amount is None else amount
    if amount > left:
        message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
        raise invalid(message, param="amount")
    refund = ledger.refunds.put(
        Refund(
            ledger.new_id("re_"),
            ledger.next_seq(),
            ledger.now,
            charge,
            payment.intent,
            amount,
            payment.currency,
            "pending" if pending else "succeeded",
            payment.method or "card",
            reason=reason,
        )
    )
    changed = ledger.put_payment(replace(payment, refunded=payment.refunded + amount))
    ledger.emit("refund.created", "refund", refund)
    ledger.emit("charge.refunded", "charge", changed, {"amount_refunded": payment.refunded})
    return refund


def _refundable(payment: Payment) -> str:
    """The charge to refund; raises StripeError where there is none, or nothing is left of it."""
    if payment.charge is None or payment.charge_status != "succeeded":
        raise invalid("This payment has no successful charge to refund.", param="payment_intent")
    if payment.disputed:
        message = f"Charge {payment.charge} has been charged back; cannot issue a refund."
        raise invalid(message, code="charge_disputed")
    if payment.refunded >= payment.amount:
        message = f"Charge {payment.charge} has already been refunded."
        raise invalid(message, code="charge_already_refunded")
    return payment.charge


def finish_refund(ledger: Ledger, refund: Refund, *, failed: bool) -> Refund:
    """A refund reaches the payer, or comes back days later (succeeded -> failed is possible)."""
    if refund.status not in ("pending", "succeeded"):
        raise invalid(f"Refund {refund.id} is {refund.status}")
    if failed:
        changed = replace(refund, status="failed", failure_reason="lost_or_stolen_card")
        payment = ledger.payment_of_charge(refund.charge)
        if payment is not None:
            ledger.put_payment(replace(payment, refunded=payment.refunded - refund.amount))
    else:
        changed = replace(refund, status="succeeded")
    ledger.refunds.put(changed)
    before = {"status": refund.status}
    ledger.emit("refund.updated", "refund", changed, before)
    ledger.emit("charge.refund.updated", "refund", changed, before)
    if failed:
        ledger.emit("refund.failed", "refund", changed)
    return changed


def open_dispute(ledger: Ledger, payment: Payment, reason: str = "general") -> Dispute:
    if payment.charge is None or payment.charge_status != "succeeded" or payment.disputed:
        raise invalid("Only an undisputed, successful charge can be disputed")
    dispute = ledger.disputes.put(
        Dispute(
            ledger.new_id("du_"),
            ledger.next_seq(),
            ledger.now,
            payment.charge,
            payment.intent,
            payment.amount - payment.refunded,
            payment.currency,
            reason=reason,
        )
    )
    changed = ledger.put_payment(replace(payment, disputed=True))
    ledger.emit("charge.updated", "charge", changed, {"disputed": False})
    ledger.emit("charge.dispute.created", "dispute", dispute)
    ledger.emit("charge.dispute.funds_withdrawn", "dispute", dispute)
    return dispute


def close_dispute(ledger: Ledger, dispute: Dispute, *, won: bool) -> Dispute:
    """The charge stays marked as disputed either way; only the dispute says how it ended."""
    if dispute.status in ("won", "lost"):
        raise invalid(f"Dispute {dispute.id} is closed")
    closed = ledger.disputes.put(replace(dispute, status="won" if won else "lost"))
    if won:
        ledger.emit("charge.dispute.funds_reinstated", "dispute", closed)
    ledger.emit("charge.dispute.closed", "dispute", closed, {"status": dispute.status})
    return closed


def loose_intent(ledger: Ledger, customer: str, amount: int, currency: str, method: str) -> Payment:
    """A payment intent made elsewhere and already paid, for `attach_payment`."""
    now = ledger.now
    payment = Payment(
        ledger.new_id("inpay_"),
        ledger.next_seq(),
        now,
        "",
        customer,
        ledger.new_id("pi_"),
        amount,
        currency,
        is_default=False,
        intent_status="succeeded",
        charge=ledger.new_id("ch_"),
        charge_status="succeeded",
        charged_at=now,
        method=method,
    )
    ledger.loose_intents[payment.intent] = payment
    ledger.emit("payment_intent.succeeded", "payment_intent", payment)
    return payment
