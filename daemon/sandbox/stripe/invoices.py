"""Invoices: finalise, send, pay, void. The verbs are shared by the API and the world outside."""

from __future__ import annotations

from dataclasses import replace

from daemon.sandbox.stripe import payments
from daemon.sandbox.stripe.amounts import minimum
from daemon.sandbox.stripe.call import Call
from daemon.sandbox.stripe.errors import StripeError, invalid, no_such
from daemon.sandbox.stripe.ledger import Ledger
from daemon.sandbox.stripe.listing import Page, in_range, page
from daemon.sandbox.stripe.records import Invoice


def retrieve(call: Call) -> Invoice:
    return call.found(call.ledger.invoices, "invoice")


def delete(call: Call) -> Invoice:
    return discard(call.ledger, call.found(call.ledger.invoices, "invoice"))


def discard(ledger: Ledger, invoice: Invoice) -> Invoice:
    """Delete a draft."""
    if invoice.status != "draft":
        raise StripeError(
            400, "You can only delete draft invoices; void this one instead.", code="invoice_not_editable"
        )
    ledger.invoices.remove(invoice.id)
    if invoice.number:
        ledger.numbers.pop(invoice.number, None)
    ledger.emit("invoice.deleted", "invoice", invoice)
    return invoice


def list_(call: Call) -> Page:
    given = call.params

    def keep(invoice: Invoice) -> bool:
        return (
            ("status" not in given or invoice.status == given["status"])
            and ("collection_method" not in given or invoice.collection_method == given["collection_method"])
            and in_range(invoice.due_date, given.get("due_date", {}))
        )

    index = ("customer", given["customer"]) if "customer" in given else None
    return page(call.ledger.invoices, given, keep=keep, index=index, ago_s=call.stale_s)


def finalize_call(call: Call) -> Invoice:
    return finalize(call.ledger, call.found(call.ledger.invoices, "invoice"), call.params.get("auto_advance"))


def finalize(ledger: Ledger, draft: Invoice, auto_advance: bool | None = None) -> Invoice:
    """Draft to open, or to paid where nothing is to be collected: nothing owed, covered by credit, or
    below the minimum charge (then the amount moves to the customer's balance)."""
    _check_ready(ledger, draft)
    now = ledger.now
    who = ledger.customers.get(draft.customer) or draft.who
    owed = draft.total + who.balance
    due = owed if owed >= minimum(draft.currency) else 0
    opened = replace(
        draft,
        who=who,
        status="open",
        number=draft.number or _next_number(ledger, draft),
        auto_advance=draft.auto_advance if auto_advance is None else auto_advance,
        finalizes_at=None,
        finalized_at=now,
        effective_at=draft.effective_at or now,
        starting_balance=who.balance,
        ending_balance=0 if due else owed,
        amount_due=due,
    )
    ledger.change_balance(draft.customer, (0 if due else owed) - who.balance)
    ledger.invoices.put(opened)
    ledger.emit("invoice.finalized", "invoice", opened)
    ledger.emit("invoice.updated", "invoice", opened, {"status": "draft", "number": draft.number})
    if draft.revises:
        _replace_revised(ledger, draft.revises, opened.id)
    if due == 0:
        return payments.credit_invoice(ledger, opened, 0)
    payments.open_default(ledger, opened)
    return opened


def _check_ready(ledger: Ledger, draft: Invoice) -> None:
    if draft.status != "draft":
        raise StripeError(
            400,
            "This invoice is already finalized, you can't re-finalize a non-draft invoice.",
            code="invoice_not_editable",
        )
    if draft.due_date is not None and draft.due_date < ledger.now and draft.days_until_due is None:
        raise invalid("The due date must be in the future.", param="due_date")


def _replace_revised(ledger: Ledger, old_id: str, new_id: str) -> None:
    old = ledger.invoices.get(old_id)
    if old is not None and old.status in ("open", "uncollectible"):
        void(ledger, ledger.invoices.put(replace(old, revised_by=new_id)))


def _next_number(ledger: Ledger, invoice: Invoice) -> str:
    customer = ledger.customers.get(invoice.customer) or invoice.who
    sequence = customer.next_sequence
    while (number := f"{customer.prefix}-{sequence:04d}") in ledger.numbers:
        sequence += 1
    ledger.numbers[number] = invoice.id
    if customer.id not in ledger.deleted_customers:
        ledger.customers.put(replace(customer, next_sequence=sequence + 1))
    return number


def send_call(call: Call) -> Invoice:
    return send(call.ledger, call.found(call.ledger.invoices, "invoice"))


def send(ledger: Ledger, invoice: Invoice) -> Invoice:
    """A draft is finalised first. In test mode no mail goes out although the event says so."""
    if invoice.collection_method != "send_invoice":
        raise invalid(
            "You can only manually send an invoice if its collection method is 'send_invoice'.",
            param="invoice",
        )
    if invoice.status == "draft":
        invoice = finalize(ledger, invoice)
    if invoice.status != "open":
        raise invalid(f"Invoice {invoice.id} is {invoice.status}; only open invoices can be sent.")
    ledger.emit("invoice.sent", "invoice", invoice)
    return invoice


def pay_call(call: Call) -> Invoice:
    invoice = call.found(call.ledger.invoices, "invoice")
    if not call.params.get("paid_out_of_band"):
        raise invalid(
            "There is no `default_payment_method` set on this Customer or Invoice. Please set either value "
            "before attempting to pay this Invoice."
        )
    return pay_out_of_band(call.ledger, invoice)


def pay_out_of_band(ledger: Ledger, invoice: Invoice) -> Invoice:
    """Somebody paid outside Stripe: the whole rest counts as paid, and no charge appears."""
    if invoice.status == "paid":
        raise invalid("Invoice is already paid")
    if invoice.status not in ("open", "uncollectible"):
        raise invalid(f"Invoice {invoice.id} is {invoice.status}; it cannot be paid.")
    return payments.credit_invoice(ledger, invoice, invoice.amount_remaining, off_stripe=True)


def attach_call(call: Call) -> Invoice:
    ledger = call.ledger
    invoice = call.found(ledger.invoices, "invoice")
    if invoice.status != "open":
        raise invalid(f"Invoice {invoice.id} is {invoice.status}; payments attach to open invoices.")
    loose = ledger.loose_intents.get(call.params["payment_intent"])
    if loose is None or loose.customer != invoice.customer or loose.currency != invoice.currency:
        raise no_such("payment_intent", call.params["payment_intent"], param="payment_intent", status=400)
    del ledger.loose_intents[loose.intent]
    done = ledger.put_payment(
        replace(
            loose,
            invoice=invoice.id,
            seq=ledger.next_seq(),
            created=ledger.now,
            status="paid",
            amount_paid=loose.amount,
            paid_at=ledger.now,
        )
    )
    ledger.emit("invoice_payment.paid", "invoice_payment", done)
    return payments.credit_invoice(ledger, invoice, loose.amount)


def void_call(call: Call) -> Invoice:
    return void(call.ledger, call.found(call.ledger.invoices, "invoice"))


def void(ledger: Ledger, invoice: Invoice) -> Invoice:
    """Irreversible; refused once money has come or is on its way."""
    if invoice.status not in ("open", "uncollectible"):
        raise invalid(f"You can only void open or uncollectible invoices; this one is {invoice.status}.")
    moved = (p.status == "paid" or payments.in_flight(p) for p in payments.of_invoice(ledger, invoice.id))
    if any(moved) or invoice.amount_paid:
        raise invalid("You cannot void an invoice that has open or paid payments.")
    payments.cancel_open(ledger, invoice.id)
    gone = ledger.invoices.put(replace(invoice, status="void", voided_at=ledger.now, auto_advance=False))
    ledger.emit("invoice.voided", "invoice", gone)
    ledger.emit("invoice.updated", "invoice", gone, {"status": invoice.status})
    return gone


def mark_call(call: Call) -> Invoice:
    return mark_uncollectible(call.ledger, call.found(call.ledger.invoices, "invoice"))


def mark_uncollectible(ledger: Ledger, invoice: Invoice) -> Invoice:
    if invoice.status != "open":
        raise invalid(f"You can only mark open invoices as uncollectible; this one is {invoice.status}.")
    if any(payments.in_flight(payment) for payment in payments.of_invoice(ledger, invoice.id)):
        raise invalid("You cannot mark an invoice with open payments as uncollectible.")
    marked = ledger.invoices.put(
        replace(invoice, status="uncollectible", uncollectible_at=ledger.now, auto_advance=False)
    )
    ledger.emit("invoice.marked_uncollectible", "invoice", marked)
    ledger.emit("invoice.updated", "invoice", marked, {"status": "open"})
    return marked
