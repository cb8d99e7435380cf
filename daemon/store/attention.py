"""What needs a person, as the rows say it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import peewee as pw

from daemon.model import PaymentStatus, StepState, SyncState
from daemon.model.states import Duty
from daemon.store import records, tables
from daemon.store.recurring import Subscription
from daemon.store.tables import Integration, Invoice, Link, Secret, Step
from daemon.store.views import unsent

CHUNK = 500

WAITING = [state.value for state in SyncState if state not in (SyncState.SYNCED, SyncState.FAILED)]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Invoices that wait for something: how many, over how much (in the currency of most), and the first due
    date among them."""

    count: int = 0
    minor: int = 0
    currency: str | None = None
    first_due: date | None = None


Pair = tuple[records.Link, records.Invoice]


def refused(tenant_id: str | None) -> Iterator[Pair]:
    yield from _pairs(tenant_id, unsent() & (Link.state == SyncState.FAILED.value))


def not_voided(tenant_id: str | None) -> Iterator[Pair]:
    """Sent, asked to be voided, and refused for good."""
    refused_void = Link.fault_code.is_null(False) & Link.void_requested_at.is_null()
    synced = (Link.state == SyncState.SYNCED.value) & Link.external_id.is_null(False)
    for link, invoice in _pairs(tenant_id, synced & refused_void):
        if invoice.payment_status != PaymentStatus.VOID:
            yield link, invoice


def _pairs(tenant_id: str | None, where: Any) -> Iterator[Pair]:
    if tenant_id is not None:
        where &= Link.tenant_id == tenant_id
    # Sorted here: to have them in order the database would rather walk all links by their ids.
    found = sorted(records.Link.select(where), key=lambda row: row.id)
    for start in range(0, len(found), CHUNK):
        chunk = found[start : start + CHUNK]
        about = {row.id: row for row in records.Invoice.by("id", [link.invoice_id for link in chunk])}
        yield from ((link, about[link.invoice_id]) for link in chunk if link.invoice_id in about)


def disputed(tenant_id: str | None) -> list[records.Invoice]:
    where = Invoice.payment_status == PaymentStatus.DISPUTED.value
    if tenant_id is not None:
        where &= Invoice.tenant_id == tenant_id
    return list(records.Invoice.select(where, order=Invoice.id))


def stuck_steps(
    tenant_id: str | None, state: StepState
) -> list[tuple[str, str, str | None, str | None, str]]:
    """(integration, subject, code, text, tenant) of the steps in this state whose invoice is not refused
    itself; a payer's step stops every invoice of that customer, which says so."""
    where = (Step.state == state.value) & Step.subject.startswith("invoice:")
    if tenant_id is not None:
        where &= Step.tenant_id == tenant_id
    failed = (
        Link.select(Link.id)
        .join(Invoice, on=(Invoice.id == Link.invoice_id))
        .where(
            (Link.integration_id == Step.integration_id)
            & (Link.fault_code.is_null(False))
            & (Step.subject == pw.Value("invoice:").concat(Invoice.reference))
        )
    )
    query = Step.select(
        Step.integration_id, Step.subject, Step.fault_code, Step.fault_text, Step.tenant_id
    ).where(where & ~pw.fn.EXISTS(failed))
    rows: Any = query.distinct().tuples()
    return list(rows)


def waiting_at(integration_id: str) -> Waiting:
    return _sum((Link.integration_id == integration_id) & unsent() & Link.state.in_(WAITING))


def parked_for(integration_id: str, codes: Sequence[str]) -> Waiting:
    """Invoices that wait at an integration under one of these codes."""
    parked = (Link.state == SyncState.PARKED.value) & Link.fault_code.in_(list(codes))
    return _sum((Link.integration_id == integration_id) & parked)


def stranded(tenant_id: str | None) -> list[tuple[str, Waiting]]:
    """By tenant: invoices without an integration, where there is no default one that could take them."""
    unassigned = Link.select(Link.tenant_id).where(Link.integration_id.is_null()).distinct()
    served = Integration.select(Integration.tenant_id).where(
        Integration.customer_id.is_null()
        & Integration.removed_at.is_null()
        & (Integration.duty == Duty.SERVES.value)
    )
    if tenant_id is not None:
        unassigned = unassigned.where(Link.tenant_id == tenant_id)
    owners = sorted({row.tenant_id for row in unassigned} - {row.tenant_id for row in served})
    found = ((x, _sum(Link.integration_id.is_null() & (Link.tenant_id == x))) for x in owners)
    return [(owner, waiting) for owner, waiting in found if waiting.count]


def _sum(where: Any) -> Waiting:
    """Without voided ones."""
    count = pw.fn.COUNT(Link.id)
    rows: Any = (
        Link.select(Invoice.currency, count, pw.fn.SUM(Invoice.due_minor), pw.fn.MIN(Invoice.due_on))
        .join(Invoice, on=(Invoice.id == Link.invoice_id))
        .where(where & (Invoice.payment_status != PaymentStatus.VOID.value))
        .group_by(Invoice.currency)
        .order_by(count.desc())
        .tuples()
    )
    told: Sequence[Any] = list(rows)
    if not told:
        return Waiting()
    days = [row[3] if isinstance(row[3], date) else date.fromisoformat(row[3]) for row in told]
    return Waiting(sum(row[1] for row in told), int(told[0][2]), told[0][0], min(days))


def unbilled(tenant_id: str | None) -> list[Subscription]:
    where = tables.Subscription.fault_code.is_null(False)
    if tenant_id is not None:
        where &= tables.Subscription.tenant_id == tenant_id
    return list(Subscription.select(where, order=tables.Subscription.id))


def currency_of(plan_id: str) -> str | None:
    row = tables.Plan.get_or_none(tables.Plan.id == plan_id)
    return row.currency if row is not None else None


def quarantined() -> list[tuple[str, str]]:
    """(owner, tenant) of every secret that does not open."""
    rows: Any = (
        Secret.select(Secret.owner_id, Secret.tenant_id)
        .where(Secret.quarantined_at.is_null(False))
        .distinct()
        .tuples()
    )
    return sorted(rows)
