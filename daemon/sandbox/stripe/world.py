"""An account as the world outside acts on it: payers, banks, and people in the dashboard.

Each verb uses the functions that API requests use, and its events name no request and no key.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from daemon.sandbox.stripe import credit_notes, customers, drafts, invoices, payments, seeding, totals
from daemon.sandbox.stripe.errors import StripeError
from daemon.sandbox.stripe.ledger import Ledger
from daemon.sandbox.stripe.records import (
    CreditNote,
    Customer,
    Dispute,
    Event,
    Invoice,
    Line,
    Payment,
    Refund,
    TaxRate,
)

T = TypeVar("T")


class Account:
    """Thread-safe. An unknown id raises KeyError; what Stripe would refuse raises ValueError."""

    def __init__(self, ledger: Ledger, lock: threading.RLock) -> None:
        self._ledger = ledger
        self._lock = lock

    @property
    def id(self) -> str:
        return self._ledger.id

    @property
    def livemode(self) -> bool:
        return self._ledger.livemode

    # Money

    def pay(
        self, invoice_id: str, amount: int | None = None, method: str = "card", processing: bool = False
    ) -> Payment:
        """Pay the rest, or `amount` of it (or more); `processing` leaves a bank debit in flight."""
        return self._do(lambda ledger: self._pay(ledger, invoice_id, amount, method, processing))

    def _pay(
        self, ledger: Ledger, invoice_id: str, amount: int | None, method: str, processing: bool
    ) -> Payment:
        invoice = ledger.invoices[invoice_id]
        return payments.begin(
            ledger, invoice, amount or invoice.amount_remaining, method, processing=processing
        )

    def settle(self, payment: Payment | str) -> Payment:
        """A payment in flight arrives."""
        return self._do(lambda ledger: payments.settle(ledger, ledger.payments[_id(payment)]))

    def fail(self, payment: Payment | str) -> Payment:
        """A payment in flight bounces."""
        return self._do(lambda ledger: payments.fail(ledger, ledger.payments[_id(payment)]))

    def pay_out_of_band(self, invoice_id: str) -> Invoice:
        return self._do(lambda ledger: invoices.pay_out_of_band(ledger, ledger.invoices[invoice_id]))

    def loose_intent(
        self, customer_id: str, amount: int, currency: str = "usd", method: str = "customer_balance"
    ) -> str:
        """A payment intent that was paid without an invoice, for `attach_payment`; its id."""
        return self._do(
            lambda ledger: payments.loose_intent(ledger, customer_id, amount, currency, method).intent
        )

    def refund(self, invoice_id: str, amount: int | None = None, pending: bool = False) -> Refund:
        """Refund the newest payment of the invoice, in part or whole."""
        return self._do(
            lambda ledger: payments.give_back(ledger, _paid(ledger, invoice_id), amount, pending=pending)
        )

    def settle_refund(self, refund_id: str) -> Refund:
        return self._do(
            lambda ledger: payments.finish_refund(ledger, ledger.refunds[refund_id], failed=False)
        )

    def fail_refund(self, refund_id: str) -> Refund:
        """The refund comes back: the money is ours again."""
        return self._finish_refund(refund_id, failed=True)

    def _finish_refund(self, refund_id: str, *, failed: bool) -> Refund:
        return self._do(
            lambda ledger: payments.finish_refund(ledger, ledger.refunds[refund_id], failed=failed)
        )

    def dispute(self, invoice_id: str, reason: str = "general") -> Dispute:
        return self._do(lambda ledger: payments.open_dispute(ledger, _paid(ledger, invoice_id), reason))

    def close_dispute(self, dispute_id: str, won: bool) -> Dispute:
        return self._do(lambda ledger: payments.close_dispute(ledger, ledger.disputes[dispute_id], won=won))

    def credit(self, invoice_id: str, amount: int) -> CreditNote:
        """A credit note; what exceeds the rest goes to the customer's balance."""
        return self._do(lambda ledger: self._credit(ledger, ledger.invoices[invoice_id], amount))

    def _credit(self, ledger: Ledger, invoice: Invoice, amount: int) -> CreditNote:
        after = max(0, amount - invoice.amount_remaining)
        return credit_notes.issue(
            ledger, invoice, {"amount": amount, **({"credit_amount": after} if after else {})}
        )

    # The dashboard

    def void(self, invoice_id: str) -> Invoice:
        return self._do(lambda ledger: invoices.void(ledger, ledger.invoices[invoice_id]))

    def mark_uncollectible(self, invoice_id: str) -> Invoice:
        return self._do(lambda ledger: invoices.mark_uncollectible(ledger, ledger.invoices[invoice_id]))

    def delete_draft(self, invoice_id: str) -> Invoice:
        return self._do(lambda ledger: invoices.discard(ledger, ledger.invoices[invoice_id]))

    def edit(
        self,
        invoice_id: str,
        *,
        due_date: int | None = None,
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Invoice:
        """What somebody may change by hand, on a finalised invoice too. `due_date` in unix seconds."""

        def change(ledger: Ledger) -> Invoice:
            before = ledger.invoices[invoice_id]
            wished = {"due_date": due_date, "description": description, "metadata": metadata}
            given: dict[str, Any] = {name: value for name, value in wished.items() if value is not None}
            return drafts.changed_by(ledger, before, replace(before, **given))

        return self._do(change)

    def revise(self, invoice_id: str, amount: int) -> Invoice:
        """Replace an open invoice by a revision of one line, which voids the old one."""

        def change(ledger: Ledger) -> Invoice:
            old = ledger.invoices[invoice_id]
            line = Line(ledger.new_id("il_"), ledger.new_id("ii_"), amount, "Revised", ledger.now, ledger.now)
            draft = replace(
                old,
                id=ledger.new_id("in_"),
                seq=ledger.next_seq(),
                created=ledger.now,
                status="draft",
                number=None,
                lines=(line,),
                finalized_at=None,
                effective_at=None,
                revises=old.id,
                secret=ledger.secret(16),
            )
            ledger.invoices.put(totals.retotal(ledger, draft))
            return invoices.finalize(ledger, ledger.invoices[draft.id])

        return self._do(change)

    def discount_customer(self, customer_id: str, percent_off: int) -> Customer:
        """A coupon on the customer, which later invoices inherit unless they say `discounts=`."""

        def change(ledger: Ledger) -> Customer:
            changed = replace(ledger.customers[customer_id], percent_off=percent_off)
            return ledger.customers.put(changed)

        return self._do(change)

    def enrol(self, given: Mapping[str, Any]) -> str:
        """A customer that the office made; its id."""

        def change(ledger: Ledger) -> str:
            return customers.enrolled(ledger, {key: value for key, value in given.items() if value}).id

        return self._do(change)

    def delete_customer(self, customer_id: str) -> None:
        self._do(lambda ledger: customers.deleted(ledger, ledger.customers[customer_id]))

    def add_tax_rate(self, name: str, percentage: str, inclusive: bool = False) -> str:
        """The id of a tax rate, for `tax_rates[]` on lines."""

        def change(ledger: Ledger) -> str:
            rate = TaxRate(ledger.new_id("txr_"), name, percentage, inclusive)
            ledger.tax_rates[rate.id] = rate
            return rate.id

        return self._do(change)

    # For checks

    def invoices(self) -> Iterator[Invoice]:
        """All invoices as they are now, oldest first."""
        with self._lock:
            return iter(list(self._ledger.invoices))

    def customers(self) -> Iterator[Customer]:
        with self._lock:
            return iter(list(self._ledger.customers))

    def events(self) -> Iterator[Event]:
        with self._lock:
            return iter(list(self._ledger.events))

    def payments(self, invoice_id: str) -> list[Payment]:
        with self._lock:
            return self._ledger.payments.where("invoice", invoice_id)

    def disputes(self, invoice_id: str) -> list[Dispute]:
        """Of all payments of the invoice, oldest first."""
        with self._lock:
            intents = {payment.intent for payment in self._ledger.payments.where("invoice", invoice_id)}
            return [one for one in self._ledger.disputes if one.payment_intent in intents]

    def invoice(self, invoice_id: str) -> Invoice:
        with self._lock:
            return self._ledger.invoices[invoice_id]

    # Many at once

    def seed(self, count: int, **terms: Any) -> list[str]:
        """`count` open invoices for one new customer; their ids. See `seeding.seed`."""
        return self._do(lambda ledger: seeding.seed(ledger, count, **terms))

    def _do(self, change: Callable[[Ledger], T]) -> T:
        with self._lock:
            try:
                return change(self._ledger)
            except StripeError as error:
                raise ValueError(error.message) from error


def _id(payment: Payment | str) -> str:
    return payment if isinstance(payment, str) else payment.id


def _paid(ledger: Ledger, invoice_id: str) -> Payment:
    """The newest payment of which something is left, or the newest where nothing is."""
    paid = [one for one in payments.of_invoice(ledger, invoice_id) if one.status == "paid"]
    if not paid:
        raise ValueError(f"invoice {invoice_id} has no payment")
    return next((one for one in paid if one.refunded < one.amount and not one.disputed), paid[0])
