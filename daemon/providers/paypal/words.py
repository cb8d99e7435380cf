"""PayPal's words: invoice states, dispute outcomes, the events we listen to.

Sources: the official OpenAPI documents of Invoicing 2.3, Customer Disputes 1 and Webhooks 1, and
https://docs.paypal.ai for AUTO_CANCELLED.
"""

from __future__ import annotations

from daemon.model import DocStatus

STATUS = {
    "DRAFT": DocStatus.DRAFT,
    "SCHEDULED": DocStatus.DRAFT,
    "SENT": DocStatus.OPEN,
    "UNPAID": DocStatus.OPEN,
    "PARTIALLY_PAID": DocStatus.OPEN,
    "PAYMENT_PENDING": DocStatus.OPEN,
    "PAID": DocStatus.PAID,
    "MARKED_AS_PAID": DocStatus.PAID,
    "REFUNDED": DocStatus.PAID,
    "PARTIALLY_REFUNDED": DocStatus.PAID,
    "MARKED_AS_REFUNDED": DocStatus.PAID,
    "CANCELLED": DocStatus.VOID,
    "AUTO_CANCELLED": DocStatus.VOID,
}
"""A scheduled invoice goes out at 07:00 of its day by itself; until then its payer knows nothing of it."""

UNSENT = ("DRAFT", "SCHEDULED")
CANCELLED = ("CANCELLED", "AUTO_CANCELLED")
PENDING = "PAYMENT_PENDING"
SETTLED = ("PAID", "MARKED_AS_PAID")
REFUNDED = ("REFUNDED", "PARTIALLY_REFUNDED", "MARKED_AS_REFUNDED")

OPEN_SEARCH = ("SENT", "UNPAID", "PARTIALLY_PAID", "PAYMENT_PENDING", "SCHEDULED")
CLOSED_SEARCH = ("PAID", "MARKED_AS_PAID", "CANCELLED", "REFUNDED", "PARTIALLY_REFUNDED")
"""A search takes five states at most."""
PAID_SEARCH = ("PAID", "MARKED_AS_PAID", "PARTIALLY_PAID", "PAYMENT_PENDING", "PARTIALLY_REFUNDED")

RESOLVED = "RESOLVED"
LOST_OUTCOMES = ("RESOLVED_BUYER_FAVOUR", "ACCEPTED")

INVOICE_EVENT = "INVOICING.INVOICE."
ECHOES = ("INVOICING.INVOICE.CREATED", "INVOICING.INVOICE.SCHEDULED", "INVOICING.INVOICE.SENT")
"""What our own pushes cause."""

LISTENED = (
    "INVOICING.INVOICE.PAID",
    "INVOICING.INVOICE.REFUNDED",
    "INVOICING.INVOICE.CANCELLED",
    "INVOICING.INVOICE.UPDATED",
    "CUSTOMER.DISPUTE.CREATED",
    "CUSTOMER.DISPUTE.UPDATED",
    "CUSTOMER.DISPUTE.RESOLVED",
    "PAYMENT.CAPTURE.REFUNDED",
    "PAYMENT.CAPTURE.REVERSED",
)
"""The last two may not come for invoices (unconfirmed); they only say "look"."""
