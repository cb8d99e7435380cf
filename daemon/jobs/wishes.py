"""What a person or the platform may wish for an invoice: rows that push and pull act on. Inside a
transaction, all of it."""

from __future__ import annotations

from datetime import datetime

from daemon.errors import InvalidInput
from daemon.model import DocStatus, Hint, Observation, PaymentStatus
from daemon.reconcile import decide
from daemon.store import audit, changes, hints, invoices, links, meta, records

VOIDABLE = (PaymentStatus.OPEN, PaymentStatus.DRAFT, PaymentStatus.UNCOLLECTIBLE)


def sync(row: records.Invoice, *, actor: str, now: datetime) -> None:
    """To be pushed (again), and read, at once: a wish to push for what is not there yet, a hint for what
    is."""
    links.assign(now)
    link = links.of_invoice(row.id)
    links.ask_again(link, row.reference, now=now)
    if link.integration_id is not None and link.external_id is not None:
        hint = Hint(f"person:{link.external_id}:{now.isoformat()}", link.external_id, now, "sync")
        hints.note(row.tenant_id, link.integration_id, [hint], source="person", now=now)
    _audit(row, "invoice.sync_requested", actor, now)


def void(row: records.Invoice, *, actor: str, now: datetime) -> None:
    """To be withdrawn, here and at the provider. Raises InvalidInput where it is paid, or was asked for."""
    link = links.hold(links.of_invoice(row.id).id)  # against a payment that is entered at the same moment
    row = invoices.get(row.tenant_id, row.id)
    if row.payment_status not in VOIDABLE:
        raise InvalidInput(
            "WB-INVOICE-STATE", f"it is {row.payment_status}; only an unpaid one can be voided"
        )
    links.request_void(link, now=now)
    _audit(row, "invoice.void_requested", actor, now)
    if link.integration_id is None and meta.get(meta.RECOVERY) is None:
        _void_here(link, now)


def _void_here(link: records.Link, now: datetime) -> None:
    """No integration serves it, so that nothing of it can be anywhere: it need not wait for one."""
    observation = Observation(ref="", status=DocStatus.VOID, raw={"voided": "before it was sent"})
    subject = changes.subjects([link])[link.id]
    links.voided(link.id, code="WB-PUSH-VOIDED")
    changes.apply([changes.Applied(subject, observation, decide(subject.known, observation))], now=now)


def replay(row: records.Hint, *, actor: str, now: datetime) -> None:
    """A hint points again: what it is about is read once more."""
    hints.reuse(row.id)
    audit.append(
        row.tenant_id,
        actor=actor,
        action="hint.replayed",
        subject=row.integration_id,
        data={"hint": row.id, "ref": row.ref},
        now=now,
    )


def _audit(row: records.Invoice, action: str, actor: str, now: datetime) -> None:
    audit.append(
        row.tenant_id, actor=actor, action=action, subject=row.id, data={"number": row.number}, now=now
    )
