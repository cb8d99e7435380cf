"""What happens next with an invoice: who makes it happen, and when."""

from __future__ import annotations

from datetime import datetime

from daemon.errors import CATALOGUE
from daemon.jobs.remedies import settling
from daemon.model import CLOSED, RUNNING, PaymentStatus, SyncState
from daemon.store import integrations, links, records


def next_step(invoice: records.Invoice, now: datetime) -> str:
    """What happens next, who makes it happen, and when."""
    link = links.of_invoice(invoice.id)
    if link.state == SyncState.FAILED:
        entry = CATALOGUE.get(link.fault_code or "")
        said = f"{link.fault_code}: {link.fault_text}"
        who = f" ({entry.actor} acts; tried again {entry.next_try})" if entry else ""
        return f"{said}{who}. Put right: {_asked(invoice)}; given up: {_voided(invoice)}"
    if link.integration_id is None:
        return _unassigned(invoice)
    at = integrations.get(invoice.tenant_id, link.integration_id)
    if at.state not in RUNNING:
        return f"It waits for {at.id}, which is {at.state.replace('_', ' ')}: {settling(at)}"
    if link.void_requested_at is not None and link.next_push_at is not None:
        return f"It is voided {_when(link.next_push_at, now)}."
    if link.state != SyncState.SYNCED:
        return _next_push(invoice, link, at, now)
    return _next_read(invoice, link, at, now)


def _unassigned(invoice: records.Invoice) -> str:
    """What its customer's integration waits for, or the tenant's; or that there is none."""
    rows = integrations.listing(invoice.tenant_id)
    own = [row for row in rows if row.customer_id == invoice.customer_id]
    for row in own or [row for row in rows if row.customer_id is None]:
        if command := settling(row):
            return f"It waits for {row.id}, which is {row.state.replace('_', ' ')}: {command}"
    return "It waits for an integration: wispbill integrations add stripe"


def _next_push(invoice: records.Invoice, link: records.Link, at: records.Integration, now: datetime) -> str:
    if link.next_push_at is None:
        return f"It is sent when somebody asks: {_asked(invoice)}"
    verb = "looked for" if link.state == SyncState.UNCONFIRMED else "sent"
    said = f" ({at.fault_code}: {at.fault_text})" if at.fault_code and at.resume_at else ""
    when = _when(max(link.next_push_at, at.resume_at or now), now)
    return f"It is {verb} {when}, by itself{said}."


def _next_read(invoice: records.Invoice, link: records.Link, at: records.Integration, now: datetime) -> str:
    if PaymentStatus(invoice.payment_status) in CLOSED:
        return "Nothing more is expected; it is read again when something points at it."
    held = ""
    if at.brake and not at.brake.get("released"):
        held = (
            f"The brake holds {at.brake.get('count')} changes at {at.id}, maybe one of this: {settling(at)}. "
        )
    return (
        f"{held}Changes are read {_when(at.next_poll_at, now)}, and the invoice itself "
        f"{_when(link.next_pull_at, now)} at the latest."
    )


def _asked(invoice: records.Invoice) -> str:
    return f"wispbill invoices sync {invoice.number}"


def _voided(invoice: records.Invoice) -> str:
    return f"wispbill invoices void {invoice.number}"


def _when(at: datetime | None, now: datetime) -> str:
    if at is None or at <= now:
        return "at the next run"
    return f"at {at:%Y-%m-%d %H:%M:%S} UTC"
