"""Square's words: the version we speak, its states, the events we listen to, its limits.

Sources: the official API document and the types of the official Python package of this version.
"""

from __future__ import annotations

from daemon.errors import Rejected
from daemon.model import DocStatus, Limit

PARTY = "Square"
API_VERSION = "2026-09-16"
SOURCE = "wispbill"
"""`source.name` of our orders, by which they can be searched."""

STATUS = {
    "DRAFT": DocStatus.DRAFT,
    "SCHEDULED": DocStatus.OPEN,
    "UNPAID": DocStatus.OPEN,
    "PARTIALLY_PAID": DocStatus.OPEN,
    "PAYMENT_PENDING": DocStatus.OPEN,
    "PAID": DocStatus.PAID,
    "PARTIALLY_REFUNDED": DocStatus.PAID,
    "REFUNDED": DocStatus.PAID,
    "CANCELED": DocStatus.VOID,
    # Square cancelled it for suspicious activity: nobody can pay it any more.
    "FAILED": DocStatus.VOID,
}
OVER = frozenset(["CANCELED", "FAILED"])
REFUNDED = frozenset(["PARTIALLY_REFUNDED", "REFUNDED"])

PENDING_TENDER = frozenset(["PENDING", "AUTHORIZED"])
GONE_TENDER = frozenset(["FAILED", "VOIDED"])
GONE_REFUND = frozenset(["REJECTED", "FAILED"])
SETTLED_DISPUTE = frozenset(["WON", "INQUIRY_CLOSED"])
LOST_DISPUTE = frozenset(["LOST", "ACCEPTED"])

READS = (
    "MERCHANT_PROFILE_READ",
    "CUSTOMERS_READ",
    "ORDERS_READ",
    "INVOICES_READ",
    "PAYMENTS_READ",
    "DISPUTES_READ",
)
WRITES = ("CUSTOMERS_WRITE", "ORDERS_WRITE", "INVOICES_WRITE")

INVOICE_EVENTS = (
    "invoice.updated",
    "invoice.scheduled_charge_failed",
    "invoice.payment_made",
    "invoice.refunded",
    "invoice.canceled",
    "invoice.deleted",
)
"""Each names its invoice. `invoice.created` and `invoice.published` are the echo of our own pushes."""

LISTENED = (
    *INVOICE_EVENTS,
    "payment.updated",
    "refund.created",
    "refund.updated",
    "dispute.created",
    "dispute.state.updated",
)

READ, WRITE = "read", "write"
LIMITS = (Limit("", 5, 1, reserve=0.2, spares=(READ,)),)
"""Square publishes none (its staff: back off on 429); five calls a second for each token is our own."""


def refused(code: str, message: str) -> Rejected:
    """A refusal of ours, before anything is sent, under a code of the catalogue."""
    error = Rejected(message, party=PARTY)
    error.code = code
    return error
