"""Rows as faces show them: one mapping of each noun, printed as a table or as JSON by `output`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from daemon.cli.output import Named, Verbatim
from daemon.jobs.intake import today_of
from daemon.model import PaymentStatus, SyncState, api_status, api_sync_status, due_state
from daemon.money import Money
from daemon.office.proof import proof
from daemon.store import customers, integrations, links, records, sweeps, tenants, views

Shape = dict[str, Any]


def tenant(row: records.Tenant) -> Shape:
    return {
        "id": row.id,
        "reference": row.reference,
        "name": row.name,
        "zone": row.zone,
        "currency": row.currency,
        "created_at": row.created_at,
    }


def customer(row: records.Customer) -> Shape:
    return {
        "id": row.id,
        "reference": row.reference,
        "name": row.name,
        "email": row.email,
        "phone": row.phone,
        "may_connect": row.may_connect,
        "service_status": row.service_status,
        "created_at": row.created_at,
    }


def integration(row: records.Integration, queue: Mapping[str, int] | None = None) -> Shape:
    """What may be shown of an integration: never its credentials."""
    fault = {"code": row.fault_code, "text": row.fault_text, "at": row.fault_at} if row.fault_code else None
    swept = sweeps.of(row.id)
    return {
        "id": row.id,
        "provider": row.provider,
        "mode": row.mode,
        "state": row.state,
        "duty": row.duty,
        "follows_id": row.follows_id,
        "label": row.label,
        "account_id": row.account_id,
        "account_name": row.account_name,
        "customer_id": row.customer_id,
        "approved": row.approved,
        "create_automatically": row.create_automatically,
        "pull_status": row.pull_status,
        "pace": row.pace,
        "settings": Verbatim(row.settings),
        "missing_permissions": row.test_missing,
        "queue": Named(queue or {}),
        "fault": fault,
        "brake": row.brake,
        "pushed_at": row.pushed_at,
        "polled_at": row.polled_at,
        "next_poll_at": row.next_poll_at,
        "resume_at": row.resume_at,
        "tested_at": row.tested_at,
        "proven_equal_at": swept.proven_at if swept else None,
        "grant_id": row.grant_id,
        "webhook_url": row.webhook_url,
        "webhook_seen_at": row.webhook_seen_at,
        "created_at": row.created_at,
        "removed_at": row.removed_at,
    }


def invoices(rows: Sequence[records.Invoice], now: datetime) -> list[Shape]:
    """Each invoice with its three states, its link, and why we believe what we say of it."""
    days = {x.id: today_of(x, now) for x in tenants.everyone()}
    names = {x.id: x.provider for x in integrations.listing(removed=True)}
    shown: list[Shape] = []
    for start in range(0, len(rows), views.CHUNK):
        chunk = rows[start : start + views.CHUNK]
        ids = [row.id for row in chunk]
        at, money = links.of_invoices(ids), views.payments_of(ids)
        people = customers.by_ids({row.customer_id for row in chunk})
        shown += [
            _invoice(
                row,
                at[row.id],
                people[row.customer_id],
                money[row.id],
                today=days[row.tenant_id],
                providers=names,
            )
            for row in chunk
        ]
    return shown


def _invoice(
    row: records.Invoice,
    link: records.Link,
    person: records.Customer,
    money: Sequence[records.Payment],
    *,
    today: date,
    providers: Mapping[str, str],
) -> Shape:
    sync, payment, due = (
        SyncState(link.state),
        PaymentStatus(row.payment_status),
        due_state(row.due_on, today),
    )
    fault = {"code": link.fault_code, "text": link.fault_text} if link.fault_code else None
    provider = providers.get(link.integration_id or "")
    return {
        "id": row.id,
        "number": row.number,
        "reference": row.reference,
        "customer_id": row.customer_id,
        "customer_reference": person.reference,
        "customer_name": person.name,
        "currency": row.currency,
        "total": Money(row.total_minor, row.currency),
        "paid": Money(row.paid_minor, row.currency),
        "due": Money(row.due_minor, row.currency),
        "refunded": Money(row.refunded_minor, row.currency),
        "issued_on": row.issued_on,
        "due_on": row.due_on,
        "memo": row.memo,
        "sync": sync,
        "payment_status": payment,
        "due_state": due,
        "overdue_days": max(0, (today - row.due_on).days),
        "sync_status": api_sync_status(sync, payment, due),
        "status": api_status(payment, due),
        "paid_at": row.paid_at,
        "payment_method": row.payment_method,
        "transaction_id": row.transaction_id,
        "provider": provider,
        "integration_id": link.integration_id,
        "external_id": link.external_id,
        "external_number": link.external_number,
        "pay_url": link.pay_url,
        "pdf_url": link.pdf_url,
        "view_url": link.view_url,
        "attempts": link.attempts,
        "fault": fault,
        "pushed_at": link.pushed_at,
        "next_push_at": link.next_push_at,
        "last_pulled_at": link.last_pulled_at,
        "next_pull_at": link.next_pull_at,
        "proof": proof(link, money, provider),
        "created_at": row.created_at,
    }


def line(row: records.Line, currency: str) -> Shape:
    return {
        "description": row.description,
        "quantity": row.quantity,
        "net": Money(row.net_minor, currency),
        "tax": Money(row.tax_minor, currency),
        "tax_rate": row.tax_rate,
    }


def payment(row: records.Payment) -> Shape:
    return {
        "kind": row.kind,
        "reverses": row.reverses,
        "amount": Money(row.amount_minor, row.currency),
        "currency": row.currency,
        "at": row.at,
        "method": row.method,
        "external_id": row.external_id,
        "transaction_id": row.transaction_id,
        "revision": row.revision,
        "seen_at": row.seen_at,
        "evidence": row.observation_id,
    }


def hint(row: records.Hint) -> Shape:
    return {
        "id": row.id,
        "integration_id": row.integration_id,
        "source": row.source,
        "kind": row.kind,
        "ref": row.ref,
        "event_id": row.event_id,
        "received_at": row.received_at,
        "used_at": row.used_at,
    }
