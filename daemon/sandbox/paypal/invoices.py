"""What happens to an invoice: drafted, sent, paid, refunded, cancelled, deleted; the rules of each."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal

from daemon.sandbox.paypal.errors import invalid, not_found, unprocessable
from daemon.sandbox.paypal.ledger import LIVE, Doc, Invoice, Ledger, Payment, Refund, forbid
from daemon.sandbox.paypal.money import shown
from daemon.sandbox.paypal.render import due, invoice_doc, total

_MAILED_AT = time(7)
_REFUNDED = ("REFUNDED", "PARTIALLY_REFUNDED", "MARKED_AS_REFUNDED")


def advance(ledger: Ledger) -> None:
    """What PayPal does by itself: scheduled invoices go out at 07:00 of their day."""
    for invoice_id in sorted(ledger.scheduled):
        invoice = ledger.invoices[invoice_id]
        if invoice.status != "SCHEDULED" or invoice.deleted:
            ledger.scheduled.discard(invoice_id)
        elif datetime.combine(invoice.day, _MAILED_AT, ledger.zone).astimezone(UTC) <= ledger.now:
            _go_live(ledger, invoice)


def create(ledger: Ledger, given: Doc) -> Invoice:
    detail = given["detail"]
    detail.setdefault("invoice_date", ledger.today.isoformat())
    detail.setdefault("invoice_number", _next_number(ledger))
    _check(ledger, given)
    _number_is_free(ledger, detail["invoice_number"])
    code = ledger.token(17)
    parts = "-".join(code[start : start + 4] for start in (0, 4, 8, 12))
    now = ledger.now.replace(microsecond=0)
    invoice = Invoice(f"INV2-{parts}", given, "DRAFT", now, now, code)
    ledger.invoices[invoice.id] = invoice
    touched(ledger, invoice, "INVOICING.INVOICE.CREATED")
    return invoice


def update(ledger: Ledger, invoice: Invoice, given: Doc, *, mail: bool) -> None:
    """A full replacement; what was paid stays."""
    forbid(
        invoice.status not in ("DRAFT", "SCHEDULED", "SENT", "UNPAID"),
        unprocessable("CANNOT_UPDATE_INVOICE", "Current invoice state does not support updates."),
    )
    given["detail"].setdefault("invoice_number", invoice.number)
    given["detail"].setdefault("invoice_date", invoice.day.isoformat())
    _check(ledger, given)
    _number_is_free(ledger, given["detail"]["invoice_number"], but=invoice.id)
    invoice.given = given
    if mail and invoice.status == "SENT":
        invoice.mails += 1
    touched(ledger, invoice, "INVOICING.INVOICE.UPDATED")


def send(ledger: Ledger, invoice: Invoice, given: Doc) -> bool:
    """Whether it is live now; False: scheduled."""
    if invoice.status in LIVE:
        forbid(
            ledger.resend_refused,
            unprocessable("INVOICE_ALREADY_SENT", "The invoice has already been sent."),
        )
        return True
    forbid(
        invoice.status != "DRAFT",
        unprocessable("CANT_SEND_INVOICE", "Current invoice state does not support sending."),
    )
    invoice.mail_wanted = bool(given.get("send_to_recipient", True))
    if invoice.day > ledger.today:
        invoice.status = "SCHEDULED"
        ledger.scheduled.add(invoice.id)
        touched(ledger, invoice, "INVOICING.INVOICE.SCHEDULED")
        return False
    _go_live(ledger, invoice)
    return True


def cancel(ledger: Ledger, invoice: Invoice) -> None:
    refusals = {
        "DRAFT": ("CANNOT_CANCEL_DRAFT_INVOICE", "Draft invoice cannot be canceled."),
        "SCHEDULED": ("CANNOT_CANCEL_SCHEDULED_INVOICE", "Cannot cancel a scheduled invoice."),
        "CANCELLED": ("INVOICE_CANCELED_ALREADY", "Invoice is already cancelled."),
        "PAID": ("CANNOT_CANCEL_PAID_INVOICE", "Cannot cancel a paid or partially paid invoice."),
    }
    refusals |= dict.fromkeys(("MARKED_AS_PAID", "PARTIALLY_PAID", "PAYMENT_PENDING"), refusals["PAID"])
    refused = ("CANNOT_CANCEL_REFUNDED_INVOICE", "Cannot cancel a refunded or partially refunded invoice.")
    refusals |= dict.fromkeys(_REFUNDED, refused)
    if invoice.status in refusals:
        raise unprocessable(*refusals[invoice.status])
    invoice.status, invoice.cancelled_at = "CANCELLED", ledger.now
    touched(ledger, invoice, "INVOICING.INVOICE.CANCELLED")


def delete(ledger: Ledger, invoice: Invoice) -> None:
    forbid(
        invoice.status not in ("DRAFT", "SCHEDULED", "CANCELLED"),
        unprocessable("CANNOT_DELETE_INVOICE", "Only draft, scheduled and cancelled invoices are deleted."),
    )
    invoice.deleted = True
    ledger.keep(invoice, None)


def record(ledger: Ledger, invoice: Invoice, given: Doc) -> Payment:
    """A payment made elsewhere. Not idempotent."""
    forbid(
        invoice.status not in ("DRAFT", *LIVE),
        unprocessable(
            "CANNOT_PROCESS_PAYMENTS", "Current invoice state does not support payment processing."
        ),
    )
    rest = due(ledger, invoice)
    amount = given.get("amount") or shown(rest, invoice.currency)
    forbid(
        amount["currency_code"] != invoice.currency,
        invalid("/amount/currency_code", "NOT_SUPPORTED", "Currency code is not supported."),
    )
    forbid(
        not Decimal(0) < Decimal(amount["value"]) <= rest,
        unprocessable(
            "PAYMENT_AMOUNT_GREATER_THAN_AMOUNT_DUE", "Payment amount is greater than the amount due."
        ),
    )
    on = date.fromisoformat(given.get("payment_date") or ledger.today.isoformat())
    payment = Payment(
        f"EXTR-{ledger.token(16)}", Decimal(amount["value"]), on, given["method"], external=True
    )
    payment.note = given.get("note", "")
    take(ledger, invoice, payment)
    return payment


def unrecord(ledger: Ledger, invoice: Invoice, payment_id: str) -> None:
    found = next((one for one in invoice.payments if one.id == payment_id and one.external), None)
    if found is None:
        raise not_found()
    invoice.payments.remove(found)
    settle(invoice)
    touched(ledger, invoice, "INVOICING.INVOICE.UPDATED")


def take(ledger: Ledger, invoice: Invoice, payment: Payment) -> None:
    """PayPal tells even a pending or a part payment as PAID."""
    invoice.payments.append(payment)
    settle(invoice)
    touched(ledger, invoice, "INVOICING.INVOICE.PAID")


def give_back(ledger: Ledger, invoice: Invoice, refund: Refund) -> None:
    invoice.refunds.append(refund)
    settle(invoice)
    touched(ledger, invoice, "INVOICING.INVOICE.REFUNDED")


def settle(invoice: Invoice) -> None:
    """The status that its payments and refunds make."""
    if any(one.pending for one in invoice.payments):
        invoice.status = "PAYMENT_PENDING"
    elif invoice.refunds:
        whole = invoice.refunded >= invoice.paid
        outside = all(one.external for one in invoice.refunds)
        full = "MARKED_AS_REFUNDED" if outside else "REFUNDED"
        invoice.status = full if whole else "PARTIALLY_REFUNDED"
    elif invoice.paid >= total(invoice):
        outside = all(one.external for one in invoice.payments)
        invoice.status = "MARKED_AS_PAID" if outside else "PAID"
    elif invoice.paid:
        invoice.status = "PARTIALLY_PAID"
    else:
        invoice.status = "SENT" if invoice.mails else ("UNPAID" if invoice.sent_at else "DRAFT")


def touched(ledger: Ledger, invoice: Invoice, event: str) -> None:
    invoice.updated = max(ledger.now.replace(microsecond=0), invoice.updated)
    document = invoice_doc(ledger, invoice)
    ledger.keep(invoice, document)
    ledger.emit(event, "invoices", {"invoice": document})


def _go_live(ledger: Ledger, invoice: Invoice) -> None:
    mails = invoice.mail_wanted and bool(invoice.billing.get("email_address"))
    invoice.status, invoice.sent_at = ("SENT" if mails else "UNPAID"), ledger.now
    invoice.mails += mails
    touched(ledger, invoice, "INVOICING.INVOICE.UPDATED")


def _check(ledger: Ledger, given: Doc) -> None:
    detail, currency = given["detail"], given["detail"]["currency_code"]
    for place, item in enumerate(given["items"]):
        at = f"/items/{place}/unit_amount/currency_code"
        forbid(
            item["unit_amount"]["currency_code"] != currency,
            invalid(at, "CURRENCY_MISMATCH", "One currency for the whole invoice."),
        )
    _check_dates(detail)
    invoicer = (given.get("invoicer") or {}).get("email_address", ledger.email)
    forbid(
        invoicer != ledger.email,
        unprocessable(
            "USER_NOT_FOUND",
            "User is not associated with paypal based on invoicer email.",
            "/invoicer/email_address",
        ),
    )
    for recipient in given.get("primary_recipients") or ():
        forbid(
            (recipient.get("billing_info") or {}).get("email_address") == ledger.email,
            unprocessable("PAYER_IS_MERCHANT", "The recipient is the merchant."),
        )
    rates = {(one["tax"]["name"], Decimal(one["tax"]["percent"])) for one in given["items"] if "tax" in one}
    forbid(
        len({name for name, _ in rates}) < len(rates),
        unprocessable("TAX_NAME_CONFLICT", "One tax name has one rate on an invoice."),
    )


def _check_dates(detail: Doc) -> None:
    term = detail.get("payment_term") or {}
    has_day = term.get("term_type", "DUE_ON_DATE_SPECIFIED") == "DUE_ON_DATE_SPECIFIED"
    if "due_date" not in term:
        forbid(
            term.get("term_type") == "DUE_ON_DATE_SPECIFIED",
            invalid("/detail/payment_term/due_date", "MISSING_REQUIRED_PARAMETER"),
        )
        return
    forbid(not has_day, invalid("/detail/payment_term", "INVALID_PARAMETER_VALUE", "Either, not both."))
    forbid(
        term["due_date"] < detail["invoice_date"],
        invalid("/detail/payment_term/due_date", "INVALID_DUE_DATE", "Due before the invoice date."),
    )


def _number_is_free(ledger: Ledger, number: str, but: str = "") -> None:
    forbid(
        ledger.has_number(number, but),
        unprocessable(
            "DUPLICATE_INVOICE_NUMBER",
            "Invoice number already exists for the merchant.",
            "/detail/invoice_number",
        ),
    )


def _next_number(ledger: Ledger) -> str:
    taken = {invoice.number for invoice in ledger.invoices.values()}
    place = len(taken) + 1
    while f"{place:04d}" in taken:
        place += 1
    return f"{place:04d}"
