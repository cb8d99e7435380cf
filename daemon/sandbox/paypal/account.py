"""One merchant account as the world outside acts on it: payers, banks, and the merchant's own pages."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from daemon.model import DocStatus
from daemon.sandbox.double import Hands, Standing
from daemon.sandbox.paypal import disputes, invoices
from daemon.sandbox.paypal.access import Access, App
from daemon.sandbox.paypal.ledger import LIVE, Invoice, Ledger, Payment, Refund
from daemon.sandbox.paypal.money import major, minor, shown
from daemon.sandbox.paypal.render import due, total

_STATUS = {
    "DRAFT": DocStatus.DRAFT,
    "SCHEDULED": DocStatus.DRAFT,
    "SENT": DocStatus.OPEN,
    "UNPAID": DocStatus.OPEN,
    "PARTIALLY_PAID": DocStatus.OPEN,
    "PAYMENT_PENDING": DocStatus.OPEN,
    "CANCELLED": DocStatus.VOID,
    "AUTO_CANCELLED": DocStatus.VOID,
}


class PayPalAccount(Hands):
    """`app` is the REST app by which we reach it."""

    def __init__(self, ledger: Ledger, access: Access, lock: threading.RLock, app: App) -> None:
        self.ledger, self.app = ledger, app
        self.id = ledger.id
        self._access, self._lock = access, lock

    # --- what stands ----------------------------------------------------------------------------------

    def standing(self) -> list[Standing]:
        with self._lock:
            return [self._standing(one) for one in self.ledger.invoices.values()]

    def _standing(self, invoice: Invoice) -> Standing:
        currency, detail = invoice.currency, invoice.given["detail"]
        status = DocStatus.MISSING if invoice.deleted else _STATUS.get(invoice.status, DocStatus.PAID)
        return Standing(
            ref=invoice.id,
            number=invoice.number,
            reference=detail.get("reference", ""),
            payer=str(invoice.billing.get("email_address", "")),
            currency=currency,
            total=minor(total(invoice), currency),
            paid=minor(invoice.paid, currency),
            refunded=minor(invoice.refunded, currency),
            status=status,
            sent=invoice.mails,
        )

    def payers(self) -> int:
        """PayPal has no customers: whoever is billed by an invoice that stands."""
        with self._lock:
            billed = [one.billing for one in self.ledger.invoices.values() if not one.deleted]
            return len({(one.get("email_address"), str(one.get("name"))) for one in billed})

    def open_invoices(self) -> list[str]:
        """The status word of each invoice that stands, by id, as GET shows it."""
        return [one.id for one in self.ledger.invoices.values() if not one.deleted and one.status in LIVE]

    def status_word(self, ref: str) -> str:
        return self.ledger.invoices[ref].status

    # --- payers and banks -----------------------------------------------------------------------------

    def pay(self, ref: str, amount: int | None = None) -> str:
        with self._lock:
            return self._pay(ref, amount, pending=False)

    def pay_pending(self, ref: str, amount: int | None = None) -> str:
        """By eCheck, or held for a review: not money yet."""
        with self._lock:
            return self._pay(ref, amount, pending=True)

    def clear(self, ref: str) -> None:
        """The pending payment becomes money."""
        with self._lock:
            invoice = self._live(ref)
            self._pending(invoice).pending = False
            invoices.settle(invoice)
            invoices.touched(self.ledger, invoice, "INVOICING.INVOICE.PAID")

    def reverse(self, ref: str) -> None:
        """A pending payment fails, or the office deletes the newest payment that it had recorded."""
        with self._lock:
            invoice = self._live(ref)
            gone = [one for one in invoice.payments if one.pending or one.external]
            if not gone:
                raise ValueError("a PayPal payment is refunded or disputed, never deleted")
            invoice.payments.remove(gone[-1])
            invoices.settle(invoice)
            invoices.touched(self.ledger, invoice, "INVOICING.INVOICE.UPDATED")

    def refund(self, ref: str, amount: int | None = None) -> None:
        with self._lock:
            invoice = self._live(ref)
            left = invoice.paid - invoice.refunded
            given = left if amount is None else major(amount, invoice.currency)
            if not Decimal(0) < given <= left:
                raise ValueError("there is not so much to give back")
            self._give_back(invoice, given)

    def dispute(self, ref: str, amount: int | None = None) -> None:
        with self._lock:
            invoice = self._live(ref)
            payment = next(one for one in reversed(invoice.payments) if not one.external)
            given = payment.amount if amount is None else major(amount, invoice.currency)
            disputes.begin(self.ledger, invoice, payment, given)

    def close_dispute(self, ref: str, *, won: bool) -> None:
        with self._lock:
            paid = {one.id for one in self._live(ref).payments}
            found = [one for one in self.ledger.disputes.values() if one.transaction in paid]
            disputes.resolve(self.ledger, found[-1], won=won)

    # --- the merchant's own pages ---------------------------------------------------------------------

    def record(self, ref: str, amount: int | None = None, method: str = "CASH") -> str:
        """The office records a payment made elsewhere."""
        with self._lock:
            invoice = self._live(ref)
            given: dict[str, Any] = {"method": method}
            if amount is not None:
                given["amount"] = shown(major(amount, invoice.currency), invoice.currency)
            return invoices.record(self.ledger, invoice, given).id

    def void(self, ref: str) -> None:
        with self._lock:
            try:
                invoices.cancel(self.ledger, self._live(ref))
            except Exception as error:
                raise ValueError(str(error)) from error

    def auto_cancel(self, ref: str) -> None:
        """PayPal itself gives it up."""
        with self._lock:
            invoice = self._live(ref)
            invoice.status, invoice.cancelled_at = "AUTO_CANCELLED", self.ledger.now
            invoices.touched(self.ledger, invoice, "INVOICING.INVOICE.CANCELLED")

    def delete(self, ref: str) -> None:
        """A sent one is cancelled first, as the pages do."""
        with self._lock:
            invoice = self._live(ref)
            if invoice.status in LIVE:
                self.void(ref)
            try:
                invoices.delete(self.ledger, invoice)
            except Exception as error:
                raise ValueError(str(error)) from error

    def edit(self, ref: str, total: int) -> None:
        """One line over `total` takes the place of all."""
        with self._lock:
            invoice = self._live(ref)
            value = shown(major(total, invoice.currency), invoice.currency)
            item = {"name": "Edited", "quantity": "1", "unit_amount": value}
            given = {**invoice.given, "items": [item]}
            try:
                invoices.update(self.ledger, invoice, given, mail=True)
            except Exception as error:
                raise ValueError(str(error)) from error

    def strangers(self, number: str, total: int, currency: str = "USD") -> str:
        with self._lock:
            value = shown(major(total, currency), currency)
            given = {
                "detail": {"invoice_number": number, "currency_code": currency},
                "primary_recipients": [{"billing_info": {"email_address": "stranger@example.com"}}],
                "items": [{"name": "Other", "quantity": "1", "unit_amount": value}],
            }
            invoice = invoices.create(self.ledger, given)
            invoices.send(self.ledger, invoice, {})
            return invoice.id

    def set_status(self, ref: str, status: str) -> None:
        """A status word that nobody has documented."""
        with self._lock:
            invoice = self._live(ref)
            invoice.status = status
            invoices.touched(self.ledger, invoice, "INVOICING.INVOICE.UPDATED")

    # --- the app --------------------------------------------------------------------------------------

    def switch_off(self, *features: str) -> None:
        """Of `invoicing`, `disputes`, `webhooks`."""
        with self._lock:
            self.app.features -= set(features)

    def restrict(self, restricted: bool = True) -> None:
        """PayPal limits the account until the merchant acts."""
        with self._lock:
            self.app.restricted = restricted

    def rotate_secret(self, secret: str) -> None:
        """The old secret is worth nothing; a token already given out lives on."""
        with self._lock:
            self.app.secret = secret

    def expire_token(self) -> None:
        with self._lock:
            self.app.token = ""

    def revoke(self) -> None:
        with self._lock:
            self._access.revoke(self.app)

    def seed(self, numbers: Sequence[str], amount: int = 4500, currency: str = "USD") -> list[str]:
        """Sent invoices of the merchant's own, through the functions that requests use; their ids."""
        return [self.strangers(number, amount, currency) for number in numbers]

    # --- inside ---------------------------------------------------------------------------------------

    def _live(self, ref: str) -> Invoice:
        """Raises KeyError."""
        invoices.advance(self.ledger)
        invoice = self.ledger.invoices[ref]
        if invoice.deleted:
            raise KeyError(ref)
        return invoice

    def _pay(self, ref: str, amount: int | None, *, pending: bool) -> str:
        invoice = self._live(ref)
        if invoice.status not in LIVE:
            raise ValueError(f"an invoice that is {invoice.status} cannot be paid")
        rest = due(self.ledger, invoice)
        given = rest if amount is None else major(amount, invoice.currency)
        partial = (invoice.given.get("configuration") or {}).get("partial_payment") or {}
        if given < rest and not partial.get("allow_partial_payment"):
            raise ValueError("this invoice takes no part payments")
        if not Decimal(0) < given <= rest:
            raise ValueError("no more than what is due can be paid")
        payment = Payment(self.ledger.token(17), given, self.ledger.today, "PAYPAL", pending=pending)
        invoices.take(self.ledger, invoice, payment)
        return payment.id

    def _pending(self, invoice: Invoice) -> Payment:
        return next(one for one in invoice.payments if one.pending)

    def _give_back(self, invoice: Invoice, amount: Decimal) -> None:
        outside = all(one.external for one in invoice.payments)
        prefix = "EXTR-" if outside else ""
        ref = f"{prefix}{self.ledger.token(16)}"
        refund = Refund(ref, amount, self.ledger.today, external=outside)
        invoices.give_back(self.ledger, invoice, refund)
