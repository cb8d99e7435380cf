"""The document that an event goes out as: Standard Webhooks' `type`, `timestamp` and `data`.

It is made of facts that do not change: ids, references, the invoice's own amounts, and what the event itself
holds, as far as the catalogue names it. So it is the same at every try.
"""

from __future__ import annotations

from datetime import UTC, datetime

from daemon.log import scrub
from daemon.model import Document
from daemon.model.event_types import type_of
from daemon.money import Money
from daemon.store import records
from daemon.store.fields import canonical
from daemon.store.tables import Customer, Integration, Invoice, Tenant

LONGEST = 500
"""Characters of a sentence."""


def body_of(event: records.Event) -> bytes:
    return canonical(document_of(event)).encode()


def document_of(event: records.Event) -> Document:
    """The whole document of a stamped event."""
    return {
        "id": event.uid,
        "type": event.type,
        "timestamp": moment(event.at),
        "sequence": event.seq,
        "data": _parties(event) | facts_of(event),
    }


def moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def facts_of(event: records.Event) -> Document:
    """What the event holds and the catalogue names."""
    kept = {camel(name): event.data[name] for name in type_of(event.type).facts if name in event.data}
    sentence = event.data.get("sentence")
    if isinstance(sentence, str):
        kept["sentence"] = scrub(sentence)[:LONGEST]
    return kept


def _parties(event: records.Event) -> Document:
    found: Document = {}
    tenant = records.Tenant.first(Tenant.id == event.tenant_id)
    if tenant is not None:
        found |= {"tenantId": tenant.id, "tenantReference": tenant.reference}
    customer = records.Customer.first(Customer.id == event.customer_id) if event.customer_id else None
    if customer is not None:
        found |= {"customerId": customer.id, "customerReference": customer.reference}
    invoice = records.Invoice.first(Invoice.id == event.invoice_id) if event.invoice_id else None
    if invoice is not None:
        found |= _invoice(invoice)
    there = Integration.id == event.integration_id
    integration = records.Integration.first(there) if event.integration_id else None
    if integration is not None:
        found |= {"integrationId": integration.id, "provider": integration.provider}
    return found


def _invoice(row: records.Invoice) -> Document:
    return {
        "invoiceId": row.id,
        "invoiceNumber": row.number,
        "invoiceReference": row.reference,
        "total": Money(row.total_minor, row.currency).text,
        "currency": row.currency,
        "issuedOn": row.issued_on.isoformat(),
        "dueOn": row.due_on.isoformat(),
    }


def test_document(uid: str, at: datetime) -> Document:
    """What `endpoints test` sends; it belongs to no event."""
    sentence = "This is a test of the endpoint; nothing happened."
    return {"id": uid, "type": "endpoint.test", "timestamp": moment(at), "data": {"sentence": sentence}}


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
