"""Invoices with their lines: facts, written once by intake and never changed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import peewee as pw

from daemon.clock import Entropy
from daemon.errors import InvalidInput, NotFound
from daemon.model import Document, PaymentStatus, SyncState
from daemon.model.ids import INVOICE, LINK, new_id
from daemon.money import Money
from daemon.store import audit, events, plain, records
from daemon.store.fields import canonical
from daemon.store.tables import Invoice, Line, Link

ADDED = "invoice.added"
GENERATED = "invoice.generated"


@dataclass(frozen=True, slots=True)
class NewLine:
    """Totals of the line; net and tax in the invoice's currency."""

    description: str
    net: Money
    tax: Money
    tax_rate: str | None = None
    quantity: str | None = None


@dataclass(frozen=True, slots=True)
class NewInvoice:
    """An invoice as intake accepted it: all checks are behind it (`jobs.intake`)."""

    tenant_id: str
    customer_id: str
    number: str
    reference: str
    currency: str
    issued_on: date
    due_on: date
    lines: tuple[NewLine, ...]
    memo: str | None = None

    @property
    def total(self) -> Money:
        return Money.total((line.net + line.tax for line in self.lines), self.currency)

    @property
    def digest(self) -> str:
        """Of the content, so that the same invoice given twice is told from another one. `issued_on` is
        left out: it defaults to the day of entry."""
        content = [
            self.customer_id,
            self.number,
            self.reference,
            self.currency,
            self.due_on.isoformat(),
            self.memo,
            [[x.description, x.net.minor, x.tax.minor, x.tax_rate, x.quantity] for x in self.lines],
        ]
        return hashlib.sha256(canonical(content).encode()).hexdigest()


def add(new: NewInvoice, *, actor: str, now: datetime, entropy: Entropy) -> tuple[records.Invoice, bool]:
    """Inside a transaction: the invoice and its link, pending. Returns it and whether it is new: the
    same content again is answered with what is there. Raises InvalidInput where the number or the
    reference is taken by other content."""
    there = taken(new.tenant_id, new.number, new.reference)
    if there is not None:
        if there.digest == new.digest:
            return there, False
        raise InvalidInput(
            "WB-INVOICE-TAKEN",
            f"invoice {there.number!r} (reference {there.reference!r}) is there already, with other content",
            field="number",
        )
    invoice_id = insert(new, now=now, entropy=entropy)
    audit.append(new.tenant_id, actor=actor, action=ADDED, subject=invoice_id, data=audited(new), now=now)
    return get(new.tenant_id, invoice_id), True


def insert(
    new: NewInvoice, *, now: datetime, entropy: Entropy, event: str = ADDED, told: Document | None = None
) -> str:
    """Inside a transaction: an invoice whose number and reference are free, its lines, its link and its
    event; returns its id. `told` goes into the event beside what every such event says, or in its place.
    The audit row is the caller's."""
    invoice_id = new_id(INVOICE, now, entropy)
    total = new.total
    plain.insert(
        Invoice,
        {
            "id": invoice_id,
            "tenant_id": new.tenant_id,
            "customer_id": new.customer_id,
            "number": new.number,
            "reference": new.reference,
            "currency": new.currency,
            "total_minor": total.minor,
            "issued_on": new.issued_on,
            "due_on": new.due_on,
            "memo": new.memo,
            "digest": new.digest,
            "created_at": now,
            "payment_status": PaymentStatus.OPEN.value,
            "paid_minor": 0,
            "due_minor": total.minor,
            "refunded_minor": 0,
            "status_at": now,
        },
    )
    for position, line in enumerate(new.lines, start=1):
        plain.insert(
            Line,
            {
                "invoice_id": invoice_id,
                "position": position,
                "description": line.description,
                "net_minor": line.net.minor,
                "tax_minor": line.tax.minor,
                "tax_rate": line.tax_rate,
                "quantity": line.quantity,
            },
        )
    link = {
        "id": new_id(LINK, now, entropy),
        "tenant_id": new.tenant_id,
        "customer_id": new.customer_id,
        "invoice_id": invoice_id,
        "state": SyncState.PENDING.value,
        "attempts": 0,
        "next_push_at": now,
    }
    plain.insert(Link, link)
    sentence = f"Invoice {new.number} over {total} was entered, due {new.due_on}."
    events.append(
        new.tenant_id,
        event,
        now=now,
        invoice_id=invoice_id,
        customer_id=new.customer_id,
        data={"number": new.number, "total": str(total), "sentence": sentence} | (told or {}),
    )
    return invoice_id


def audited(new: NewInvoice) -> Document:
    return {"number": new.number, "digest": new.digest}


def taken_among(tenant_id: str, numbers: Sequence[str], references: Sequence[str]) -> list[records.Invoice]:
    """Invoices that have one of these numbers or references."""
    named = Invoice.number.in_(list(numbers)) | Invoice.reference.in_(list(references))
    return list(records.Invoice.select((Invoice.tenant_id == tenant_id) & named))


def taken(tenant_id: str, number: str, reference: str) -> records.Invoice | None:
    return records.Invoice.first(
        (Invoice.tenant_id == tenant_id) & ((Invoice.number == number) | (Invoice.reference == reference))
    )


def find(tenant_id: str | None, name: str) -> records.Invoice | None:
    """By our id or by number, else by the platform's reference (`ref:…`: by that alone)."""
    by_reference = Invoice.reference == name.removeprefix("ref:")
    ways = [] if name.startswith("ref:") else [Invoice.id == name, Invoice.number == name]
    for named in (*ways, by_reference):
        where = named if tenant_id is None else (Invoice.tenant_id == tenant_id) & named
        found = records.Invoice.first(where)
        if found is not None:
            return found
    return None


def get(tenant_id: str | None, name: str) -> records.Invoice:
    """As find; raises NotFound."""
    found = find(tenant_id, name)
    if found is None:
        raise NotFound("invoice", name)
    return found


def lines_of(invoice_id: str) -> list[records.Line]:
    return list(records.Line.select(Line.invoice_id == invoice_id, order=Line.position))


def lines_of_all(invoice_ids: Sequence[str]) -> dict[str, list[records.Line]]:
    found: dict[str, list[records.Line]] = {invoice_id: [] for invoice_id in invoice_ids}
    for line in records.Line.select(Line.invoice_id.in_(list(invoice_ids)), order=Line.position):
        found[line.invoice_id].append(line)
    return found


def by_ids(ids: Sequence[str]) -> dict[str, records.Invoice]:
    return {row.id: row for row in records.Invoice.by("id", ids)}


def listing(
    tenant_id: str,
    *,
    limit: int,
    after: str = "",
    customer_id: str | None = None,
    status: str | None = None,
    sync: str | None = None,
) -> list[records.Invoice]:
    """Newest first, from behind the id `after`."""
    where = [Invoice.tenant_id == tenant_id]
    if after:
        where.append(Invoice.id < after)
    if customer_id:
        where.append(Invoice.customer_id == customer_id)
    if status:
        where.append(Invoice.payment_status == status)
    if sync:
        here = (Link.tenant_id == tenant_id) & (Link.state == sync)
        found = Link.select(Link.invoice_id).where(here & (Link.invoice_id < after) if after else here)
        if not (customer_id or status):  # the index has them in this order
            found = found.order_by(Link.invoice_id.desc()).limit(limit)
        where.append(Invoice.id.in_(found))
    return list(records.Invoice.select(*where, order=Invoice.id.desc(), limit=limit))


def count_by_status(tenant_id: str | None = None) -> dict[str, int]:
    query = Invoice.select(Invoice.payment_status, pw.fn.COUNT(Invoice.id)).group_by(Invoice.payment_status)
    if tenant_id is not None:
        query = query.where(Invoice.tenant_id == tenant_id)
    rows: Any = query.tuples()
    return dict(rows)
