"""Receipts: payments that were made outside, as somebody entered them, and how far each is on its way into
the provider's books."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import peewee as pw

from daemon.clock import Entropy
from daemon.errors import InvalidInput, NotFound
from daemon.model.documents import HERE
from daemon.model.ids import RECEIPT, new_id
from daemon.money import Money
from daemon.store import audit, plain, records, tables
from daemon.store.tables import Link
from daemon.store.tables import Receipt as Table


class ReceiptState(StrEnum):
    WAITING = "waiting"
    """It is to be recorded at the provider."""
    RECORDED = "recorded"
    """The provider has it in its books."""
    HERE = "here"
    """It stays here: the provider cannot record it, or did not want to."""
    TAKEN_BACK = "taken_back"


R = ReceiptState
OPEN = (R.WAITING.value, R.HERE.value)


@dataclass(frozen=True, slots=True)
class Receipt(records.Record):
    table = tables.Receipt
    id: str
    tenant_id: str
    invoice_id: str
    place: int
    reference: str | None
    amount_minor: int
    currency: str
    method: str
    paid_on: date
    note: str
    state: str
    next_at: datetime | None
    attempts: int
    fault_code: str | None
    fault_text: str | None
    entered_by: str
    entered_at: datetime
    settled_at: datetime | None
    settled_by: str | None

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)

    @property
    def external_id(self) -> str:
        """Of its fact."""
        return f"{HERE}{self.id}"


def add(
    invoice: records.Invoice,
    amount: Money,
    *,
    method: str,
    paid_on: date,
    note: str,
    reference: str | None,
    state: ReceiptState,
    actor: str,
    now: datetime,
    entropy: Entropy,
) -> Receipt:
    """Inside a transaction that holds the invoice's link."""
    last = Table.select(pw.fn.MAX(Table.place)).where(Table.invoice_id == invoice.id).scalar()
    row = {
        "id": new_id(RECEIPT, now, entropy),
        "tenant_id": invoice.tenant_id,
        "invoice_id": invoice.id,
        "place": int(last or 0) + 1,
        "reference": reference,
        "amount_minor": amount.minor,
        "currency": amount.currency,
        "method": method,
        "paid_on": paid_on,
        "note": note,
        "state": state.value,
        "next_at": now if state is R.WAITING else None,
        "attempts": 0,
        "entered_by": actor,
        "entered_at": now,
    }
    plain.insert(Table, row)
    return get(invoice.tenant_id, str(row["id"]))


def get(tenant_id: str | None, name: str) -> Receipt:
    """By its id, or as its fact is called; raises NotFound."""
    where = Table.id == name.removeprefix(HERE)
    found = Receipt.first(where if tenant_id is None else where & (Table.tenant_id == tenant_id))
    if found is None:
        raise NotFound("payment that was entered here", name)
    return found


def of_invoice(invoice_id: str) -> list[Receipt]:
    return list(Receipt.select(Table.invoice_id == invoice_id, order=Table.place))


def by_reference(invoice_id: str, reference: str) -> Receipt | None:
    return Receipt.first((Table.invoice_id == invoice_id) & (Table.reference == reference))


def due(integration_id: str, now: datetime, *, limit: int) -> list[tuple[Receipt, records.Link]]:
    """Those to be recorded at this integration, whose invoice is there."""
    wanted = _ripe(now) & _at(integration_id, Link.pushed_at.is_null(False))
    found = list(Receipt.select(wanted, order=(Table.next_at, Table.id), limit=limit))
    at = {row.invoice_id: row for row in records.Link.by("invoice_id", [row.invoice_id for row in found])}
    return [(row, at[row.invoice_id]) for row in found]


def places_due(now: datetime) -> pw.Query:
    """The integrations that have one to record, for a question about integrations."""
    ripe = Table.select(Table.invoice_id).where(_ripe(now))
    return Link.select(Link.integration_id).where(Link.pushed_at.is_null(False) & Link.invoice_id.in_(ripe))


def _ripe(now: datetime) -> Any:
    return (Table.state == R.WAITING.value) & (Table.next_at <= now)


def is_waiting(name: str) -> bool:
    """Whether it is still to be recorded, by its row as it is now."""
    return bool(Table.select(Table.id).where((Table.id == name) & (Table.state == R.WAITING.value)).exists())


def is_awaited(integration_id: str) -> bool:
    """Whether one is still to be recorded there, on an invoice that is there or on its way."""
    goes = Link.pushed_at.is_null(False) | Link.next_push_at.is_null(False)
    waits = (Table.state == R.WAITING.value) & _at(integration_id, goes)
    return bool(Table.select(Table.id).where(waits).exists())


def _at(integration_id: str, how: Any) -> Any:
    """Whose invoice's link is of this integration. EXISTS: with IN, SQLite would gather all its links."""
    mine = (Link.invoice_id == Table.invoice_id) & (Link.integration_id == integration_id) & how
    return pw.fn.EXISTS(Link.select(pw.SQL("1")).where(mine))


def unsettled(invoice_ids: Collection[str]) -> set[str]:
    """Of these invoices, those with a payment that is not settled with the provider."""
    found: set[str] = set()
    ids = sorted(invoice_ids)
    for start in range(0, len(ids), 500):
        where = Table.invoice_id.in_(ids[start : start + 500]) & _is_open()
        found |= {row.invoice_id for row in Table.select(Table.invoice_id).where(where)}
    return found


def for_a_person(tenant_id: str | None) -> list[Receipt]:
    """Those that stay here, and that nobody has settled."""
    where = (Table.state == R.HERE.value) & Table.settled_at.is_null()
    if tenant_id is not None:
        where &= Table.tenant_id == tenant_id
    return list(Receipt.select(where, order=Table.id))


def _is_open() -> Any:
    return Table.state.in_(OPEN) & Table.settled_at.is_null()


def move(row: Receipt, state: ReceiptState, *, code: str | None = None, text: str | None = None) -> None:
    """Inside a transaction."""
    values = {"state": state.value, "next_at": None, "fault_code": code, "fault_text": text}
    plain.update(Table, "id", row.id, values)


def try_again(row: Receipt, at: datetime, *, code: str, text: str, counted: bool) -> None:
    """Inside a transaction."""
    values = {
        "next_at": at,
        "fault_code": code,
        "fault_text": text[:500],
        "attempts": row.attempts + int(counted),
    }
    plain.update(Table, "id", row.id, values)


def settle(row: Receipt, *, note: str, actor: str, now: datetime) -> None:
    """Inside a transaction: a person has put it right at the provider. Raises InvalidInput."""
    if row.state != R.HERE or row.settled_at is not None:
        raise InvalidInput("WB-INPUT", f"{row.id} waits for nobody")
    plain.update(Table, "id", row.id, {"settled_at": now, "settled_by": actor})
    audit.append(
        row.tenant_id,
        actor=actor,
        action="payment.settled",
        subject=row.invoice_id,
        data={"payment": row.id, "note": note},
        now=now,
    )


def subject(reference: str, place: int) -> str:
    """Of its step in the journal."""
    return f"payment:{reference}:{place}"
