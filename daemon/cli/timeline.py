"""The story of an invoice in time order: events, sends, hints, reads and payments, each with its proof."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from daemon.errors import CATALOGUE
from daemon.jobs.remedies import consent_again, giving_again, settling
from daemon.model import CLOSED, RUNNING, PaymentStatus, SyncState
from daemon.store import changes, events, integrations, links, records, steps, views

__all__ = ["Moment", "consent_again", "giving_again", "next_step", "of", "settling"]

Moment = dict[str, Any]


def of(invoice: records.Invoice) -> list[Moment]:
    """`{"at", "kind", "sentence", …}` in time order; `evidence` and `fingerprint` name a read."""
    link = links.of_invoice(invoice.id)
    moments = [*_people(invoice), *_hints(link), *_sends(invoice, link), *_reads(link), *_events(invoice)]
    return sorted(moments, key=lambda moment: moment["at"])  # of one instant: what caused it comes first


def _events(invoice: records.Invoice) -> Iterator[Moment]:
    for row in events.of_invoice(invoice.id):
        sentence = row.data.get("sentence") or row.type
        code = row.data.get("code")
        yield {
            "at": row.at,
            "kind": row.type,
            "sentence": f"{code}: {sentence}" if code else sentence,
            "evidence": row.data.get("evidence"),
        }


def _people(invoice: records.Invoice) -> Iterator[Moment]:
    """What somebody did; what the daemon did is told by its events."""
    for row in views.audit_of(invoice.id):
        if row.actor != "daemon":
            what = row.action.removeprefix("invoice.").replace("_", " ")
            yield {"at": row.at, "kind": row.action, "sentence": f"{row.actor}: {what}."}


def _sends(invoice: records.Invoice, link: records.Link) -> Iterator[Moment]:
    if link.integration_id is None:
        return
    for step in steps.of_invoice(link.integration_id, invoice.reference):
        if step.last_sent_at is None:
            continue
        times = "once" if step.attempts == 1 else f"{step.attempts} times"
        fault = f"; {step.fault_code}: {step.fault_text}" if step.fault_code else ""
        yield {
            "at": step.last_sent_at,
            "kind": f"step.{step.operation}",
            "sentence": f'Step "{step.operation}" was sent {times} under the key {step.key}: '
            f"{step.state.value}{fault}.",
        }


def _hints(link: records.Link) -> Iterator[Moment]:
    if link.integration_id is None or link.external_id is None:
        return
    for row in views.hints_about(link.integration_id, link.external_id):
        read = f"read at {row.used_at:%H:%M:%S} UTC" if row.used_at else "not read yet"
        kind = f" ({row.kind})" if row.kind else ""
        yield {
            "at": row.received_at,
            "kind": f"hint.{row.source}",
            "sentence": f"A hint from {row.source}{kind} pointed at it: {read}.",
        }


def _reads(link: records.Link) -> Iterator[Moment]:
    """Each read that said something new, with the payments that it showed."""
    shown: dict[int, list[str]] = {}
    for row in changes.payments_of(link.invoice_id):
        if row.observation_id is not None:
            amount = changes.known_fact(row).fact.amount
            named = (
                f"{row.external_id}, transaction {row.transaction_id}"
                if row.transaction_id
                else row.external_id
            )
            shown.setdefault(row.observation_id, []).append(
                f"{row.kind.replace('_', ' ')} {amount} ({named})"
            )
    for reading in views.readings(link.id):
        mark = changes.fingerprint(reading.read_at, reading.raw)
        told = "; ".join(shown.get(reading.id, ()))
        yield {
            "at": reading.read_at,
            "kind": "read",
            "sentence": f"Read: the provider says {reading.doc_status}{': ' + told if told else ''}. "
            f"Evidence {reading.id}, fingerprint {mark}.",
            "evidence": reading.id,
            "fingerprint": mark,
        }


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
    at = integrations.get(None, link.integration_id)
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
