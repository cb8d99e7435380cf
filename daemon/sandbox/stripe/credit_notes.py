"""Credit notes: first against what is still owed, the rest as refund, balance or outside Stripe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from daemon.sandbox.stripe import payments
from daemon.sandbox.stripe.call import Call, named
from daemon.sandbox.stripe.errors import invalid, missing_parameter
from daemon.sandbox.stripe.forms import merge_metadata
from daemon.sandbox.stripe.ledger import Ledger
from daemon.sandbox.stripe.listing import Page, page
from daemon.sandbox.stripe.records import CreditNote, Invoice, Payment

_SHARES = ("refund_amount", "credit_amount", "out_of_band_amount")


def create(call: Call) -> CreditNote:
    invoice = named(call.ledger.invoices, call.params["invoice"], "invoice")
    return issue(call.ledger, invoice, call.params)


def issue(ledger: Ledger, invoice: Invoice, given: Mapping[str, Any]) -> CreditNote:
    amount = _checked(ledger, invoice, given)
    before = min(amount, invoice.amount_remaining)
    refund = None
    if given.get("refund_amount"):
        refund = payments.give_back(ledger, _refundable(ledger, invoice), given["refund_amount"])
    note = ledger.credit_notes.put(
        CreditNote(
            ledger.new_id("cn_"),
            ledger.next_seq(),
            ledger.now,
            invoice.id,
            invoice.customer,
            invoice.currency,
            f"{invoice.number}-CN-{len(ledger.credit_notes.where('invoice', invoice.id)) + 1:02d}",
            amount,
            before,
            amount - before,
            credited=given.get("credit_amount", 0),
            out_of_band=given.get("out_of_band_amount"),
            refund=refund.id if refund else None,
            refund_amount=refund.amount if refund else 0,
            reason=given.get("reason"),
            memo=given.get("memo"),
            effective_at=given.get("effective_at", ledger.now),
            metadata=merge_metadata({}, given.get("metadata")),
            secret=ledger.secret(16),
        )
    )
    ledger.emit("credit_note.created", "credit_note", note)
    ledger.change_balance(invoice.customer, -note.credited)
    _apply(ledger, ledger.invoices[invoice.id], before=note.before, after=note.after)
    return note


def _checked(ledger: Ledger, invoice: Invoice, given: Mapping[str, Any]) -> int:
    """The amount; what exceeds the rest must be refunded, credited or settled outside, to the unit."""
    if invoice.status not in ("open", "paid"):
        raise invalid(f"Invoice {invoice.id} is {invoice.status}; only open or paid ones can be credited.")
    if "amount" not in given:
        raise missing_parameter("amount")
    amount = int(given["amount"])
    after = max(0, amount - invoice.amount_remaining)
    if amount > _creditable(ledger, invoice):
        raise invalid("The credit note exceeds what is left to credit on this invoice.", param="amount")
    if sum(given.get(name, 0) for name in _SHARES) != after:
        raise invalid(
            f"The sum of refunds, customer balance credits and outside of Stripe credits must be {after}.",
            param="amount",
        )
    return amount


def _creditable(ledger: Ledger, invoice: Invoice) -> int:
    """Refunds made beside credit notes lower what can still be credited."""
    noted = {note.refund for note in ledger.credit_notes.where("invoice", invoice.id)}
    refunded = sum(
        refund.amount
        for payment in ledger.payments.where("invoice", invoice.id)
        for refund in ledger.refunds.where("payment_intent", payment.intent)
        if refund.status in ("pending", "succeeded") and refund.id not in noted
    )
    return invoice.total - invoice.credits_before - invoice.credits_after - refunded


def _refundable(ledger: Ledger, invoice: Invoice) -> Payment:
    for payment in payments.of_invoice(ledger, invoice.id):
        if payment.status == "paid":
            return payment
    raise invalid("This invoice has no payment that could be refunded.", param="refund_amount")


def _apply(ledger: Ledger, invoice: Invoice, *, before: int, after: int) -> None:
    changed = replace(
        invoice,
        amount_due=invoice.amount_due - before,
        credits_before=invoice.credits_before + before,
        credits_after=invoice.credits_after + after,
    )
    ledger.invoices.put(changed)
    ledger.emit("invoice.updated", "invoice", changed, {"amount_due": invoice.amount_due})
    if invoice.status == "open" and changed.amount_remaining == 0:
        payments.credit_invoice(ledger, changed, 0)


def void_call(call: Call) -> CreditNote:
    ledger = call.ledger
    note = call.found(ledger.credit_notes)
    invoice = ledger.invoices[note.invoice]
    if note.status == "void" or note.after or invoice.status != "open":
        raise invalid("You can only void a pre-payment credit note of an open invoice.")
    gone = ledger.credit_notes.put(replace(note, status="void", voided_at=ledger.now))
    ledger.emit("credit_note.voided", "credit_note", gone)
    _apply(ledger, invoice, before=-note.before, after=0)
    return gone


def retrieve(call: Call) -> CreditNote:
    return call.found(call.ledger.credit_notes)


def list_(call: Call) -> Page:
    given = call.params
    index = next(((name, given[name]) for name in ("invoice", "customer") if name in given), None)
    return page(
        call.ledger.credit_notes,
        given,
        keep=lambda note: "customer" not in given or note.customer == given["customer"],
        index=index,
        ago_s=call.stale_s,
    )
