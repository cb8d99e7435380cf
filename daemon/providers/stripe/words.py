"""Stripe's words: the version we speak, its states, the events we listen to, its rate limits.

Sources: https://docs.stripe.com/api, and the types of the official Python package of this version.
"""

from __future__ import annotations

from typing import Any

from daemon.model import DocStatus, Limit, Mode
from daemon.model.ids import is_our_key

API_VERSION = "2026-10-28.endive"

STATUS = {
    "draft": DocStatus.DRAFT,
    "open": DocStatus.OPEN,
    "paid": DocStatus.PAID,
    "uncollectible": DocStatus.UNCOLLECTIBLE,
    "void": DocStatus.VOID,
}

INVOICE_KEY = "wispbill_invoice"
CUSTOMER_KEY = "wispbill_customer"
LINE_KEY = "wispbill_line"

LISTENED = (
    "invoice.updated",
    "invoice.paid",
    "invoice.payment_failed",
    "invoice.overpaid",
    "invoice.voided",
    "invoice.marked_uncollectible",
    "invoice.deleted",
    "invoice.finalization_failed",
    "invoice_payment.paid",
    "credit_note.created",
    "credit_note.updated",
    "credit_note.voided",
    "charge.refunded",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "payment_intent.processing",
)
"""What may change what is owed; 20 is the most that a poll may name. `invoice.finalized` and
`invoice.sent` are not among them: they are the echo of our own pushes."""

_ECHOES = frozenset(["invoice.created", "invoice.updated", "invoice.finalized", "invoice.sent"])


def is_echo(event: dict[str, Any]) -> bool:
    """Whether our own request caused this event; its outcome came back as the answer to that request.
    `invoice.paid` is never one: it also tells of a credit balance that covered an invoice."""
    request = event.get("request")
    key = request.get("idempotency_key") if isinstance(request, dict) else None
    return event.get("type") in _ECHOES and is_our_key(key)


GONE_REFUNDS = frozenset(["failed", "canceled"])
SETTLED_DISPUTES = frozenset(["won", "warning_closed", "prevented"])
LOST_DISPUTE = "lost"

_ENDPOINTS = (
    "GET account",
    "GET customers",
    "POST customers",
    "GET customers/{id}",
    "GET invoices",
    "POST invoices",
    "GET invoices/{id}",
    "DELETE invoices/{id}",
    "GET invoices/{id}/lines",
    "POST invoices/{id}/add_lines",
    "POST invoices/{id}/finalize",
    "POST invoices/{id}/send",
    "POST invoices/{id}/void",
    "POST invoices/{id}/pay",
    "GET invoice_payments",
    "GET events",
    "GET refunds",
    "GET disputes",
    "GET credit_notes",
    "GET webhook_endpoints",
    "POST webhook_endpoints",
    "DELETE webhook_endpoints/{id}",
)
SEARCH = "search"


def scope_of(method: str, url: str) -> str:
    """The rate-limit scope of a request: reads of different ids count together, all searches are one."""
    parts = url.partition("?")[0].partition("/v1/")[2].split("/")
    if parts[-1] == "search":
        return SEARCH
    if len(parts) > 1:
        parts[1] = "{id}"
    return f"{method} {'/'.join(parts)}"


def limits(mode: Mode) -> tuple[Limit, ...]:
    """https://docs.stripe.com/rate-limits : per account 100 a second live and 25 in a sandbox, 25 for each
    endpoint, 20 for all searches together."""
    account = Limit("", 100 if mode is Mode.LIVE else 25, 1)
    return (account, *(Limit(scope, 25, 1) for scope in _ENDPOINTS), Limit(SEARCH, 20, 1))
