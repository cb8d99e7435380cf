"""Money on invoices: payments, and credit notes, prepayments and overpayments allocated to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from daemon.sandbox.http import Request
from daemon.sandbox.xero import fields
from daemon.sandbox.xero.errors import Invalid
from daemon.sandbox.xero.records import Applied, Books, CreditNote, Doc, Invoice, Payment, cents
from daemon.sandbox.xero.where import where

if TYPE_CHECKING:
    from collections.abc import Callable

_COLUMNS = {
    "PaymentType": lambda _row: "ACCRECPAYMENT",
    "Status": lambda row: row.status,
    "Reference": lambda row: row.reference,
}


@dataclass(slots=True)
class Till:
    books: Books
    now: datetime
    new_id: Callable[[], str]

    def create(self, given: Doc) -> Payment:
        """Raises Invalid."""
        fields.known(given, fields.PAYMENT, "Payment")
        invoice = self.books.invoices.get(str((given.get("Invoice") or {}).get("InvoiceID")))
        if invoice is None:
            raise Invalid("Invoice could not be found")
        code = str((given.get("Account") or {}).get("Code"))
        account = self.books.accounts.get(code)
        if account is None or not (account.type == "BANK" or account.takes_payments):
            raise Invalid("Account could not be found, or payments to it are not enabled")
        amount = fields.number(given, "Amount")
        if amount is None or amount <= 0 or amount != round(amount, 2):
            raise Invalid("Amount must be greater than zero, with two decimals")
        day = fields.day(given, "Date") or self.now.date()
        return self.pay(invoice, cents(amount), day, code, fields.text(given, "Reference", 255))

    def pay(
        self,
        invoice: Invoice,
        amount: int,
        day: date,
        code: str,
        reference: str = "",
        batch: str | None = None,
    ) -> Payment:
        """Raises Invalid."""
        if invoice.status not in ("AUTHORISED", "PAID"):
            raise Invalid("Payments can only be made against Authorised documents")
        if amount > invoice.owed:
            raise Invalid("Payment amount exceeds the amount outstanding on this document")
        payment = Payment(self.new_id(), invoice.id, amount, day, self.now, code, reference, batch_id=batch)
        invoice.payments.append(payment)
        self.books.payments[payment.id] = payment
        self.settle(invoice, day)
        return payment

    def apply(self, invoice: Invoice, kind: str, amount: int) -> Applied:
        if invoice.status != "AUTHORISED" or amount > invoice.owed:
            raise Invalid("The allocation exceeds the amount outstanding on this document")
        row = Applied(kind, self.new_id(), amount, self.now.date())
        invoice.applied.append(row)
        if kind == "CreditNote":
            note = CreditNote(
                row.id,
                f"CN-{len(self.books.credit_notes) + 1:04}",
                invoice.contact,
                amount,
                invoice.currency,
                row.day,
                self.now,
                [(invoice.id, amount)],
            )
            self.books.credit_notes[note.id] = note
        self.settle(invoice, row.day)
        return row

    def delete(self, payment: Payment) -> None:
        """Raises Invalid."""
        if payment.status == "DELETED":
            raise Invalid("The payment was deleted already")
        payment.status, payment.updated = "DELETED", self.now
        self.settle(self.books.invoices[payment.invoice_id], self.now.date())

    def settle(self, invoice: Invoice, day: date) -> None:
        """PAID is set by Xero, and taken back when money goes."""
        if invoice.status in ("AUTHORISED", "PAID"):
            invoice.status = "PAID" if invoice.owed <= 0 else "AUTHORISED"
            invoice.fully_paid_on = day if invoice.status == "PAID" else None
        if self.books.touched_by_payments:
            invoice.updated = self.now


def listed(books: Books, request: Request) -> list[Payment]:
    fields.only(request, ["where", "order", "page", "pageSize"])
    fits = where(request.param("where"), _COLUMNS, ors=books.or_filters)
    return sorted(
        (row for row in books.payments.values() if fits(row)), key=lambda row: (row.updated, row.id)
    )
