"""The states of the house: three for an invoice, never one field, and those of an integration."""

from __future__ import annotations

from datetime import date
from enum import StrEnum


class SyncState(StrEnum):
    """Of a link: how far the invoice has come on its way to the provider."""

    PENDING = "pending"
    SENDING = "sending"
    UNCONFIRMED = "unconfirmed"
    SYNCED = "synced"
    FAILED = "failed"
    PARKED = "parked"


class DocStatus(StrEnum):
    """What the provider says about its document, before our fold over the money facts."""

    DRAFT = "draft"
    OPEN = "open"
    PAID = "paid"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"
    MISSING = "missing"
    UNKNOWN = "unknown"


class PaymentStatus(StrEnum):
    """Of an invoice: one fold over its payment facts (`reconcile.fold`)."""

    DRAFT = "draft"
    OPEN = "open"
    IN_FLIGHT = "in_flight"
    PARTIALLY_PAID = "partially_paid"
    PAID = "paid"
    OVERPAID = "overpaid"
    REFUNDED = "refunded"
    DISPUTED = "disputed"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"
    UNKNOWN = "unknown"


class FactKind(StrEnum):
    """What a payment fact is about."""

    PAYMENT = "payment"
    IN_FLIGHT = "in_flight"
    REFUND = "refund"
    CREDIT = "credit"
    DISPUTE = "dispute"
    WRITE_OFF = "write_off"
    REVERSAL = "reversal"


class DueState(StrEnum):
    NOT_DUE = "not_due"
    DUE = "due"
    OVERDUE = "overdue"


class IntegrationState(StrEnum):
    TESTING = "testing"
    ACTIVE = "active"
    PAUSED = "paused"
    NEEDS_RECONNECT = "needs_reconnect"
    ERROR = "error"
    DRAINING = "draining"
    REMOVED = "removed"


class Duty(StrEnum):
    """What an integration is there for, whatever its state: it takes new invoices, stands by to take them
    over, or is on its way out."""

    SERVES = "serves"
    STANDS_BY = "stands_by"
    LEAVES = "leaves"


RUNNING = (IntegrationState.ACTIVE, IntegrationState.DRAINING)
"""Only these are pushed to and pulled from."""


class Mode(StrEnum):
    LIVE = "live"
    SANDBOX = "sandbox"


class StepState(StrEnum):
    NEW = "new"
    SENDING = "sending"
    DONE = "done"
    REJECTED = "rejected"
    STUCK = "stuck"


CLOSED = frozenset({PaymentStatus.PAID, PaymentStatus.OVERPAID, PaymentStatus.REFUNDED, PaymentStatus.VOID})
"""Nothing more is expected of these; they are read when something points at them."""


def due_state(due_on: date, today: date) -> DueState:
    """`today` is the tenant's."""
    if today < due_on:
        return DueState.NOT_DUE
    return DueState.DUE if today == due_on else DueState.OVERDUE


def api_sync_status(sync: SyncState, payment: PaymentStatus, due: DueState) -> str:
    """The API's one word of pending, synced, failed, paid, overdue, derived from the three states."""
    if sync is SyncState.FAILED:
        return "failed"
    if payment in (PaymentStatus.PAID, PaymentStatus.OVERPAID, PaymentStatus.DISPUTED):
        return "paid"
    if sync is not SyncState.SYNCED or payment is PaymentStatus.PARTIALLY_PAID:
        return "pending"
    return "overdue" if due is DueState.OVERDUE and payment is PaymentStatus.OPEN else "synced"


def api_status(payment: PaymentStatus, due: DueState) -> str:
    """The API's one word of pending, paid, overdue, cancelled."""
    if payment in (PaymentStatus.PAID, PaymentStatus.OVERPAID, PaymentStatus.DISPUTED):
        return "paid"
    if payment in (PaymentStatus.REFUNDED, PaymentStatus.VOID, PaymentStatus.UNCOLLECTIBLE):
        return "cancelled"
    return "overdue" if due is DueState.OVERDUE and payment is PaymentStatus.OPEN else "pending"
