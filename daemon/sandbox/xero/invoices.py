"""Invoices: made by PUT, changed by POST (which also makes them, and overwrites one of the same number)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from daemon.sandbox.xero import fields, render
from daemon.sandbox.xero.errors import Invalid
from daemon.sandbox.xero.records import Books, Contact, Doc, Invoice, Line, cents

UNIQUE = "Invoice # must be unique."
LIVE = ("AUTHORISED", "PAID")
_MOVES = {
    "DRAFT": {"DRAFT", "SUBMITTED", "AUTHORISED", "DELETED"},
    "SUBMITTED": {"SUBMITTED", "DRAFT", "AUTHORISED", "DELETED"},
    "AUTHORISED": {"AUTHORISED", "VOIDED"},
    "PAID": {"PAID"},
    "VOIDED": set[str](),
    "DELETED": set[str](),
}


@dataclass(slots=True)
class Desk:
    """Who writes into which books, when."""

    books: Books
    app: str
    now: datetime
    new_id: Callable[[], str]
    digits: int = 2

    # --- create and change ----------------------------------------------------------------------------

    def create(self, given: Doc) -> tuple[Invoice, list[str]]:
        """The new invoice and its warnings. Raises Invalid."""
        fields.known(given, fields.INVOICE, "Invoice")
        number = fields.text(given, "InvoiceNumber", 255)
        if given.get("InvoiceID"):
            raise Invalid("InvoiceID must not be given for a new invoice")
        if given.get("Type") != "ACCREC":
            raise Invalid("Invoice type is not valid for this double")
        if number and self.taken(number):
            raise Invalid(UNIQUE)
        warnings: list[str] = []
        invoice = Invoice(
            id=self.new_id(),
            number=number or f"INV-{len(self.books.invoices) + 1:04}",
            contact=self._contact(given),
            updated=self.now,
            day=fields.day(given, "Date") or self.now.date(),
            due=fields.day(given, "DueDate"),
            currency=self._currency(given),
            lines=self._lines(given, warnings),
            reference=fields.text(given, "Reference", 255),
            line_amounts=str(given.get("LineAmountTypes", "Exclusive")),
            theme=self._theme(given),
            url=self._url(given),
            created_by=self.app,
        )
        wanted = str(given.get("Status", "DRAFT"))
        if wanted not in ("DRAFT", "SUBMITTED", "AUTHORISED"):
            raise Invalid(f"Status {wanted} is not valid for a new invoice")
        self._move(invoice, wanted, bool(given.get("SentToContact")))
        self.books.invoices[invoice.id] = invoice
        return invoice, warnings

    def taken(self, number: str) -> bool:
        gone = ("DELETED", "VOIDED") if self.books.reuses_numbers else ()
        return any(
            one.number.casefold() == number.casefold() and one.status not in gone
            for one in self.books.invoices.values()
            if one.type == "ACCREC"
        )

    def change(self, given: Doc) -> tuple[Invoice, list[str]]:
        """What POST does: change what InvoiceID or InvoiceNumber names, or make it. Raises Invalid."""
        fields.known(given, fields.INVOICE, "Invoice")
        found = self._named(given)
        if found is None:
            return self.create(given)
        warnings: list[str] = []
        new = replace(found, updated=self.now)
        if "LineItems" in given:
            if found.status not in ("DRAFT", "SUBMITTED"):
                raise Invalid(
                    "This document cannot be edited as it has a payment or credit note allocated to it."
                )
            new.lines = self._lines(given, warnings)
        if "Reference" in given:
            new.reference = fields.text(given, "Reference", 255)
        if "DueDate" in given:
            new.due = fields.day(given, "DueDate")
        self._move(new, str(given.get("Status", found.status)), given.get("SentToContact"))
        for name in ("lines", "reference", "due", "status", "sent_to_contact", "updated"):
            setattr(found, name, getattr(new, name))
        return found, warnings

    def _named(self, given: Doc) -> Invoice | None:
        if given.get("InvoiceID"):
            found = self.books.invoices.get(str(given["InvoiceID"]))
            if found is None:
                raise Invalid("Invoice not found")
            return found
        number = str(given.get("InvoiceNumber", "")).casefold()
        matching = [one for one in self.books.invoices.values() if one.number.casefold() == number and number]
        return matching[0] if matching else None

    def _move(self, invoice: Invoice, to: str, sent: object) -> None:
        if to not in _MOVES[invoice.status]:
            raise Invalid("Invoice not of valid status for modification")
        if to == "VOIDED" and (invoice.paid or invoice.credited):
            raise Invalid(
                "This document cannot be voided as it has payments or credit notes allocated to it."
            )
        if to == "AUTHORISED" and invoice.status != "AUTHORISED":
            self._approvable(invoice)
        if sent is not None:
            if not isinstance(sent, bool):
                raise Invalid("SentToContact must be true or false")
            if sent and to not in LIVE:
                raise Invalid("Only approved invoices can be marked as sent")
            invoice.sent_to_contact = sent
        if to == "AUTHORISED" and invoice.total == 0:
            to = "PAID"
        invoice.status = to

    def _approvable(self, invoice: Invoice) -> None:
        faults = []
        if "CreateApprovedInvoice" in self.books.forbidden_actions:
            faults.append("You have reached the limit of invoices you can approve")
        if invoice.due is None:
            faults.append("Due Date cannot be empty")
        if not invoice.lines:
            faults.append("One or more line items must be specified")
        if any(line.account_code is None for line in invoice.lines):
            faults.append("Account code must be specified")
        if self.books.lock_date and invoice.day <= self.books.lock_date:
            faults.append("The document date cannot be before the end of year lock date")
        if faults:
            raise Invalid(*faults)

    # --- parts ----------------------------------------------------------------------------------------

    def _contact(self, given: Doc) -> Contact:
        wanted = given.get("Contact")
        if not isinstance(wanted, dict) or set(wanted) != {"ContactID"}:
            raise Invalid("A Contact must be specified by its ContactID alone")
        found = self.books.contacts.get(str(wanted["ContactID"]))
        if found is None:
            raise Invalid("The contact was not found")
        if found.status != "ACTIVE":
            raise Invalid("The contact is archived and cannot be used")
        return found

    def _currency(self, given: Doc) -> str:
        wanted = str(given.get("CurrencyCode", self.books.currency))
        if wanted not in self.books.currencies:
            raise Invalid(f"Organisation is not subscribed to currency {wanted}")
        return wanted

    def _theme(self, given: Doc) -> str | None:
        theme = given.get("BrandingThemeID")
        if theme is not None and theme not in self.books.themes:
            raise Invalid("Branding theme not found")
        return theme

    def _url(self, given: Doc) -> str | None:
        url = given.get("Url")
        if url is not None and (not str(url).startswith("http") or "xero" in str(url)):
            raise Invalid("Url must be valid")
        return url

    def _lines(self, given: Doc, warnings: list[str]) -> list[Line]:
        rows = given.get("LineItems", [])
        if not isinstance(rows, list):
            raise Invalid("LineItems must be a list")
        return [self._line(row, warnings) for row in rows]

    def _line(self, given: Doc, warnings: list[str]) -> Line:
        fields.known(given, fields.LINE, "LineItem")
        description = fields.text(given, "Description", 4000)
        if not description:
            raise Invalid("Description must be specified")
        quantity = fields.number(given, "Quantity")
        quantity = Decimal(1) if quantity is None else quantity
        unit = round(fields.number(given, "UnitAmount") or Decimal(0), self.digits)
        net = cents(quantity * unit)
        if abs(net) > 999_999_999_999:
            raise Invalid("LineAmount is too large")
        code = given.get("AccountCode")
        account = self.books.accounts.get(str(code))
        if code is not None and (account is None or account.status != "ACTIVE"):
            # https://github.com/XeroAPI/xero-ruby : a recorded answer has this as a warning, with success.
            warnings.append(
                f"Account code '{code}' has been removed as it does not match a recognised account"
            )
            account = None
        tax_type = given.get("TaxType") or (account.tax_type if account else None)
        tax = self._tax(tax_type, net, fields.number(given, "TaxAmount"))
        kept = account.code if account else None
        return Line(self.new_id(), description, quantity, unit, kept, tax_type, net, tax)

    def _tax(self, tax_type: str | None, net: int, given: Decimal | None) -> int:
        if tax_type is None:
            return 0
        rate = self.books.tax_rates.get(tax_type)
        if rate is None or rate.status != "ACTIVE" or not rate.on_revenue:
            raise Invalid(f"The TaxType code '{tax_type}' does not exist or cannot be used here.")
        if given is not None and not self.books.ignores_tax_amounts:
            return cents(given)
        return cents(Decimal(net) / 100 * rate.rate / 100)


def shown(invoice: Invoice, warnings: list[str]) -> Doc:
    """An element of a write's answer that went well."""
    doc = render.invoice(invoice) | {"StatusAttributeString": "WARNING" if warnings else "OK"}
    return doc | {"Warnings": [{"Message": text} for text in warnings]} if warnings else doc


def failed(given: Doc, fault: Invalid, number: str | None) -> Doc:
    """One that did not; the request is echoed. Some answers say Description, not Message."""
    names = ("Type", "InvoiceID", "InvoiceNumber", "Reference", "Status", "Contact")
    echoed = {name: given[name] for name in names if name in given}
    return {
        "InvoiceID": render.NOBODY,
        **({"InvoiceNumber": number} if number else {}),
        **echoed,
        "StatusAttributeString": "ERROR",
        "HasErrors": True,
        "ValidationErrors": [{"Message": message} for message in fault.messages],
    }
