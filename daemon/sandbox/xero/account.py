"""One organisation as the world outside acts on it: payers, the office, Xero itself."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from daemon.model import DocStatus
from daemon.sandbox.double import Hands, Standing
from daemon.sandbox.xero.errors import Invalid
from daemon.sandbox.xero.invoices import Desk
from daemon.sandbox.xero.payments import Till
from daemon.sandbox.xero.records import Account, Books, Contact, Doc, Invoice, Line, TaxRate

if TYPE_CHECKING:
    from daemon.sandbox.xero.app import XeroDouble

BANK = "090"
SALES = "200"
_STATUS = {
    "DRAFT": DocStatus.DRAFT,
    "SUBMITTED": DocStatus.DRAFT,
    "AUTHORISED": DocStatus.OPEN,
    "PAID": DocStatus.PAID,
    "VOIDED": DocStatus.VOID,
    "DELETED": DocStatus.MISSING,
}


class XeroAccount(Hands):
    """`books` are open to tests: close a period, archive an account, forbid an action, set an option."""

    def __init__(self, double: XeroDouble, books: Books) -> None:
        self._double = double
        self.books = books
        self.id = books.id

    # --- what stands there ----------------------------------------------------------------------------

    def standing(self) -> list[Standing]:
        with self._double.lock:
            return [self._standing(one) for one in self.books.invoices.values()]

    def _standing(self, one: Invoice) -> Standing:
        cash = one.paid + sum(row.amount for row in one.applied if row.kind != "CreditNote")
        status = _STATUS[one.status]
        return Standing(
            one.id,
            one.number,
            one.reference,
            one.contact.id,
            one.currency,
            one.total,
            cash,
            0,
            status,
            one.mails,
        )

    def payers(self) -> int:
        return len(self.books.contacts)

    def enrol(self, name: str, *, email: str = "", phone: str = "", reference: str = "") -> str:
        """In Xero's own pages only the account number can be written, not the contact number."""
        with self._double.lock:
            made = Contact(self._double.identity.new_id(), name, self._double.clock.now(), None, email)
            made.account_number = reference or None
            made.phones = [{"PhoneType": "DEFAULT", "PhoneNumber": phone}] if phone else []
            self.books.contacts[made.id] = made
            return made.id

    def retire(self, payer: str) -> None:
        with self._double.lock:
            self.books.contacts[payer].status = "ARCHIVED"

    def merge(self, payer: str, into: str) -> None:
        """Invoices are the other's from then on, and none of them counts as changed."""
        with self._double.lock:
            old, new = self.books.contacts[payer], self.books.contacts[into]
            old.status, old.merged_to = "ARCHIVED", new.id
            for invoice in self.books.invoices.values():
                if invoice.contact.id == payer:
                    invoice.contact = new

    def invoice(self, ref: str) -> Invoice:
        return self.books.invoices[ref]

    # --- payers ---------------------------------------------------------------------------------------

    def pay(self, ref: str, amount: int | None = None) -> str:
        with self._double.lock:
            invoice = self.invoice(ref)
            return self._pay(invoice, invoice.owed if amount is None else amount)

    def pay_several(self, amounts: dict[str, int]) -> str:
        """A batch payment: each invoice has a payment of its own under it."""
        with self._double.lock:
            batch = self._double.identity.new_id()
            for ref, amount in amounts.items():
                self._pay(self.invoice(ref), amount, batch)
            return batch

    def overpay(self, ref: str, amount: int) -> str:
        """The rest becomes an overpayment of the contact, which the invoice does not show."""
        return self.pay(ref)

    def _pay(self, invoice: Invoice, amount: int, batch: str | None = None) -> str:
        till = self._till()
        try:
            payment = till.pay(invoice, amount, till.now.date(), BANK, batch=batch)
        except Invalid as fault:
            raise ValueError(str(fault)) from fault
        self._told(invoice, paid=True)
        return payment.id

    # --- the office -----------------------------------------------------------------------------------

    def reverse(self, ref: str) -> None:
        """The newest payment is removed."""
        with self._double.lock:
            invoice = self.invoice(ref)
            self._till().delete([row for row in invoice.payments if row.status == "AUTHORISED"][-1])
            self._told(invoice, paid=True)

    def credit(self, ref: str, amount: int) -> None:
        self._apply(ref, "CreditNote", amount)

    def prepay(self, ref: str, amount: int) -> None:
        """Money that came before the invoice is allocated to it."""
        self._apply(ref, "Prepayment", amount)

    def use_overpayment(self, ref: str, amount: int) -> None:
        """What was paid too much elsewhere is allocated to this invoice."""
        self._apply(ref, "Overpayment", amount)

    def _apply(self, ref: str, kind: str, amount: int) -> None:
        with self._double.lock:
            try:
                self._till().apply(self.invoice(ref), kind, amount)
            except Invalid as fault:
                raise ValueError(str(fault)) from fault
            self._told(self.invoice(ref), paid=True)

    def void(self, ref: str) -> None:
        self._change({"InvoiceID": ref, "Status": "VOIDED"})

    def delete(self, ref: str) -> None:
        """Only a draft can be deleted; an approved one is voided instead."""
        self._change({"InvoiceID": ref, "Status": "DELETED"})

    def edit(self, ref: str, total: int) -> None:
        with self._double.lock:
            invoice = self.invoice(ref)
            if invoice.status != "AUTHORISED" or invoice.paid:
                raise ValueError("the invoice cannot be edited")
            line = invoice.lines[0]
            line.unit_amount, line.net, line.tax = Decimal(total) / 100, total, 0
            invoice.lines, invoice.updated = [line], self._double.clock.now()
            self._told(invoice)

    def submit(self, ref: str, status: str) -> None:
        """A status written into the books as it is, known or not."""
        with self._double.lock:
            self.invoice(ref).status = status
            self.invoice(ref).updated = self._double.clock.now()

    def _change(self, given: Doc) -> None:
        with self._double.lock:
            self.invoice(str(given["InvoiceID"]))
            try:
                invoice, _warnings = self._desk("").change(given)
            except Invalid as fault:
                raise ValueError(str(fault)) from fault
            self._told(invoice)

    def strangers(self, number: str, total: int) -> str:
        with self._double.lock:
            now, new_id = self._double.clock.now(), self._double.identity.new_id
            contact = self.add_contact(f"Walk-in {len(self.books.contacts) + 1}")
            line = Line(new_id(), "Counter sale", Decimal(1), Decimal(total) / 100, SALES, "NONE", total, 0)
            made = Invoice(
                new_id(),
                number,
                contact,
                now,
                now.date(),
                now.date(),
                self.books.currency,
                [line],
                status="AUTHORISED",
            )
            self.books.invoices[made.id] = made
            return made.id

    def add_contact(self, name: str, email: str = "") -> Contact:
        """One of the merchant's own, without a number."""
        with self._double.lock:
            contact = Contact(self._double.identity.new_id(), name, self._double.clock.now(), email=email)
            self.books.contacts[contact.id] = contact
            return contact

    def archive_contact(self, contact_id: str) -> None:
        self.books.contacts[contact_id].status = "ARCHIVED"

    def merge_contacts(self, lost: str, survivor: str) -> None:
        """The lost contact is archived, its invoices move; they are not touched otherwise."""
        with self._double.lock:
            old, new = self.books.contacts[lost], self.books.contacts[survivor]
            old.status, old.merged_to = "ARCHIVED", new.id
            for invoice in self.books.invoices.values():
                if invoice.contact is old:
                    invoice.contact = new

    def archive_account(self, code: str) -> None:
        self.books.accounts[code].status = "ARCHIVED"

    def close_books(self, until: date) -> None:
        self.books.lock_date = until

    def disconnect(self) -> None:
        """The office removes every app from this organisation."""
        with self._double.lock:
            links = self._double.identity.connections
            for one in [one for one in links.values() if one.tenant == self.id]:
                del links[one.id]

    # --- inside ---------------------------------------------------------------------------------------

    def _desk(self, app: str) -> Desk:
        return Desk(self.books, app, self._double.clock.now(), self._double.identity.new_id)

    def _till(self) -> Till:
        return Till(self.books, self._double.clock.now(), self._double.identity.new_id)

    def _told(self, invoice: Invoice, *, paid: bool = False) -> None:
        if not paid or self.books.touched_by_payments:
            self._double.tell(self.books, "INVOICE", invoice.id, "UPDATE")


def furnish(books: Books, new_id: str) -> Books:
    """A small chart of accounts, tax rates and a theme."""
    for account in (
        Account("11111111-1111-4111-8111-111111111111", SALES, "Sales"),
        Account("22222222-2222-4222-8222-222222222222", BANK, "Bank", "BANK", "ASSET", tax_type="NONE"),
        Account("33333333-3333-4333-8333-333333333333", "400", "Advertising", "EXPENSE", "EXPENSE"),
    ):
        books.accounts[account.code] = account
    for rate in (
        TaxRate("NONE", "No tax", Decimal(0)),
        TaxRate("OUTPUT2", "Tax on sales", Decimal("8.25")),
        TaxRate("INPUT2", "Tax on purchases", Decimal("8.25"), on_revenue=False),
    ):
        books.tax_rates[rate.type] = rate
    books.themes[new_id] = "Standard"
    return books
