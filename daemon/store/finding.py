"""Looking for customers and invoices by what people have at hand."""

from __future__ import annotations

from typing import Any

import peewee as pw

from daemon.model import CLOSED, PaymentStatus
from daemon.store import records
from daemon.store.tables import Customer, Integration, Invoice, Link, Payment, Tenant

SETTLED = (*CLOSED, PaymentStatus.UNCOLLECTIBLE)
SHORTEST_PHONE = 5
"""Digits from which a number may be a telephone's."""


def invoices_named(text: str, tenant_id: str | None, *, limit: int) -> list[records.Invoice]:
    """Whose number, reference or id is `text`, or those of the provider's document or of a payment; newest
    first. Every way is one look into an index."""
    ids = {row[0] for way in ways(text, tenant_id) for row in way.limit(limit).tuples()}
    return sorted(records.Invoice.by("id", sorted(ids)), key=lambda row: row.id, reverse=True)[:limit]


def ways(text: str, tenant_id: str | None) -> list[Any]:
    """The queries for ids of invoices that are named so."""
    there = Integration.select(Integration.id).where(_within(Integration, tenant_id))
    ours: Any = (Invoice.id, Invoice.number, Invoice.reference)
    theirs: Any = (Link.external_id, Link.reference)
    named = [Invoice.select(Invoice.id).where(_within(Invoice, tenant_id), field == text) for field in ours]
    linked = Link.select(Link.invoice_id).where(Link.integration_id.in_(there))
    paid = Payment.select(Payment.invoice_id)
    return [
        *named,
        *(linked.where(field == text) for field in theirs),
        paid.where(Payment.integration_id.in_(there), Payment.external_id == text),
        paid.where(_within(Payment, tenant_id), Payment.transaction_id == text),
    ]


def invoices_like(text: str, tenant_id: str | None, *, limit: int) -> list[records.Invoice]:
    """Whose number holds `text`; newest first."""
    where = (*_of_tenant(Invoice, tenant_id), Invoice.number.contains(text))
    return list(records.Invoice.select(*where, order=Invoice.id.desc(), limit=limit))


def invoices_of(
    customer: records.Customer, *, text: str = "", show: str = "", after: str = "", limit: int
) -> list[records.Invoice]:
    """One customer's, newest first, from behind the id `after`. `text`: part of the number, or all of the
    reference, or of the provider's id. `show`: `open` or `settled` ones alone."""
    where: list[Any] = [Invoice.tenant_id == customer.tenant_id, Invoice.customer_id == customer.id]
    if after:
        where.append(Invoice.id < after)
    if show:
        settled = Invoice.payment_status.in_([status.value for status in SETTLED])
        where.append(settled if show == "settled" else ~settled)
    if text:
        there = Link.select().where((Link.invoice_id == Invoice.id) & (Link.external_id == text))
        where.append(Invoice.number.contains(text) | (Invoice.reference == text) | pw.fn.EXISTS(there))
    return list(records.Invoice.select(*where, order=Invoice.id.desc(), limit=limit))


def customers_named(text: str, tenant_id: str | None, *, limit: int) -> list[records.Customer]:
    """Whose reference or id is `text`."""
    exact = (Customer.reference == text) | (Customer.id == text)
    where = (_within(Customer, tenant_id), exact)
    return list(records.Customer.select(*where, order=Customer.reference, limit=limit))


def customers_like(text: str, tenant_id: str | None, *, limit: int) -> list[records.Customer]:
    """Whose reference, name or e-mail holds `text`, or whose phone number has these digits."""
    hit: Any = Customer.name.contains(text)
    hit |= Customer.email.contains(text) | Customer.reference.contains(text)
    digits = "".join(char for char in text if char.isdigit())
    written = all(char.isdigit() or char in "+-./() " for char in text)
    if written and len(digits) >= SHORTEST_PHONE:
        hit |= _digits(Customer.phone).contains(digits)
    where = (*_of_tenant(Customer, tenant_id), hit)
    return list(records.Customer.select(*where, order=Customer.reference, limit=limit))


def _of_tenant(table: Any, tenant_id: str | None) -> tuple[Any, ...]:
    return () if tenant_id is None else (table.tenant_id == tenant_id,)


def _within(table: Any, tenant_id: str | None) -> Any:
    """For what is looked up: every index of ours begins with the tenant."""
    if tenant_id is not None:
        return table.tenant_id == tenant_id
    return table.tenant_id.in_(Tenant.select(Tenant.id))


def _digits(field: Any) -> Any:
    """A phone number without what people write between its digits."""
    for mark in "+-./() ":
        field = pw.fn.REPLACE(field, mark, "")
    return field
