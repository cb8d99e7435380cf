"""The writes: batches whose elements succeed or fail alone (summarizeErrors=false) or together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from daemon.sandbox.http import Answer, Request
from daemon.sandbox.xero import contacts, fields, invoices, render
from daemon.sandbox.xero.errors import Invalid, bad_request, not_found, validation
from daemon.sandbox.xero.invoices import Desk
from daemon.sandbox.xero.payments import Till
from daemon.sandbox.xero.reading import wrapped
from daemon.sandbox.xero.records import Books, Contact, Doc

Tell = Callable[[Books, str, str, str], None]
_DIGITS = {"": 2, "2": 2, "4": 4}


@dataclass(slots=True)
class Writer:
    books: Books
    app: str
    now: datetime
    new_id: Callable[[], str]
    tell: Tell

    def answer(self, handler: str, args: tuple[str, ...], request: Request) -> Answer:
        """Raises Refused."""
        match handler:
            case "create_contacts":
                return self._contacts(request)
            case "create_invoices" | "change_invoices":
                return self._invoices(request, new=handler == "create_invoices")
            case "change_invoice":
                return self._invoice(args[0], request)
            case "email":
                return self._email(args[0], request)
            case "create_payments":
                return self._payments(request)
        return self._delete_payment(args[0], request)

    # --- contacts -------------------------------------------------------------------------------------

    def _contacts(self, request: Request) -> Answer:
        fields.only(request, ["summarizeErrors"])
        rows: list[Doc] = []
        made: list[Contact] = []
        for given in fields.elements(request, "Contacts"):
            try:
                contact = contacts.create(self.books, given, self.new_id(), self.now)
            except Invalid as fault:
                rows.append(contacts.failed(given, fault))
            else:
                made.append(contact)
                rows.append(render.contact(contact) | {"StatusAttributeString": "OK"})
        if self._summarized(request) and len(made) < len(rows):
            for contact in made:
                del self.books.contacts[contact.id]
            raise validation([row for row in rows if row["HasValidationErrors"]])
        for contact in made:
            self.tell(self.books, "CONTACT", contact.id, "CREATE")
        return wrapped("Contacts", rows[::-1], self.now)

    def _summarized(self, request: Request) -> bool:
        """The prose says that the default is true, the specification false: the stricter one."""
        return fields.flag(request, "summarizeErrors", True)

    # --- invoices -------------------------------------------------------------------------------------

    def _invoices(self, request: Request, *, new: bool) -> Answer:
        """The order of the answers is promised nowhere: here it is the other way round."""
        fields.only(request, ["summarizeErrors", "unitdp"])
        desk = self._desk(request)
        before = dict(self.books.invoices)
        rows: list[Doc] = []
        for given in fields.elements(request, "Invoices"):
            rows.append(self._one(desk, given, new=new))
        if self._summarized(request) and any(row["HasErrors"] for row in rows):
            if new:
                self.books.invoices = before
            raise validation([row for row in rows if row["HasErrors"]])
        for row in rows:
            if not row["HasErrors"]:
                self.tell(self.books, "INVOICE", row["InvoiceID"], "CREATE" if new else "UPDATE")
        return wrapped("Invoices", rows[::-1], self.now)

    def _one(self, desk: Desk, given: Doc, *, new: bool) -> Doc:
        try:
            return invoices.shown(*(desk.create(given) if new else desk.change(given)))
        except Invalid as fault:
            known = self.books.invoices.get(str(given.get("InvoiceID")))
            return invoices.failed(given, fault, known.number if known else None)

    def _invoice(self, ref: str, request: Request) -> Answer:
        fields.only(request, ["unitdp"])
        if ref not in self.books.invoices:
            raise not_found()
        given = fields.elements(request, "Invoices")
        if len(given) != 1 or given[0].get("InvoiceID", ref) != ref:
            raise bad_request("One invoice, of this id, is taken", 14, "PostDataInvalidException")
        row = self._one(self._desk(request), given[0] | {"InvoiceID": ref}, new=False)
        if row["HasErrors"]:
            raise validation([row])
        self.tell(self.books, "INVOICE", ref, "UPDATE")
        return wrapped("Invoices", [row], self.now)

    def _desk(self, request: Request) -> Desk:
        digits = _DIGITS.get(request.param("unitdp"))
        if digits is None:
            raise bad_request("unitdp is 2 or 4")
        return Desk(self.books, self.app, self.now, self.new_id, digits)

    def _email(self, ref: str, request: Request) -> Answer:
        fields.only(request, [])
        invoice = self.books.invoices.get(ref)
        if invoice is None:
            raise not_found()
        if fields.body(request):
            raise bad_request("The request body is empty here", 14, "PostDataInvalidException")
        if invoice.status not in ("SUBMITTED", "AUTHORISED", "PAID"):
            raise _refusal(invoice.id, "Invoice must be SUBMITTED, AUTHORISED or PAID")
        if not invoice.contact.email:
            raise _refusal(invoice.id, "The contact does not have an email address")
        today = [at for at, _ref in self.books.mailed if at > self.now - timedelta(days=1)]
        if len(today) >= self.books.email_limit:
            raise _refusal(invoice.id, "You have reached the daily limit of emails that can be sent")
        self.books.mailed.append((self.now, ref))
        invoice.mails += 1
        invoice.sent_to_contact = True
        if not invoice.paid:
            invoice.updated = self.now
        self.tell(self.books, "INVOICE", ref, "UPDATE")
        return Answer(204, b"")

    # --- payments -------------------------------------------------------------------------------------

    def _payments(self, request: Request) -> Answer:
        fields.only(request, ["summarizeErrors"])
        till = Till(self.books, self.now, self.new_id)
        given = fields.elements(request, "Payments")
        if len(given) != 1:
            raise bad_request("This double takes one payment at a time", 14, "PostDataInvalidException")
        try:
            payment = till.create(given[0])
        except Invalid as fault:
            if self._summarized(request):
                raise _refusal(str(given[0]["Invoice"].get("InvoiceID")), *fault.messages) from fault
            return wrapped("Payments", [_refused_payment(given[0], fault)], self.now)
        of = self.books.invoices[payment.invoice_id]
        return wrapped("Payments", [render.payment(payment, of) | {"StatusAttributeString": "OK"}], self.now)

    def _delete_payment(self, ref: str, request: Request) -> Answer:
        payment = self.books.payments.get(ref)
        if payment is None:
            raise not_found()
        given = fields.elements(request, "Payments")
        if given[0].get("Status") != "DELETED":
            raise bad_request("Only DELETED is taken", 14, "PostDataInvalidException")
        try:
            Till(self.books, self.now, self.new_id).delete(payment)
        except Invalid as fault:
            raise _refusal(ref, *fault.messages) from fault
        return wrapped(
            "Payments", [render.payment(payment, self.books.invoices[payment.invoice_id])], self.now
        )


def _refusal(ref: str, *messages: str) -> Exception:
    return validation([{"InvoiceID": ref, "ValidationErrors": [{"Message": text} for text in messages]}])


def _refused_payment(given: Doc, fault: Invalid) -> Doc:
    amount = given.get("Amount")
    return {
        **given,
        "Amount": float(amount) if isinstance(amount, int | Decimal) else 0.0,
        "PaymentID": render.NOBODY,
        "HasValidationErrors": True,
        "StatusAttributeString": "ERROR",
        "ValidationErrors": [{"Message": text} for text in fault.messages],
    }
