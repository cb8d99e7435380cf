"""What is owed, by how long it is overdue: now from the invoices, at a past day from the facts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from daemon.model import PaymentStatus
from daemon.store.reporting.asking import ask
from daemon.store.reporting.positions import POSITIONS

BUCKETS = 5

OWING = [
    status.value
    for status in PaymentStatus
    if status not in (PaymentStatus.VOID, PaymentStatus.UNCOLLECTIBLE, PaymentStatus.REFUNDED)
]
"""Of these something can be owed."""


@dataclass(frozen=True, slots=True)
class Owed:
    """What a customer owes in a currency: how many invoices, and the minor units of each bucket: not due, up
    to 30 days overdue, to 60, to 90, longer."""

    customer_id: str
    reference: str
    name: str
    currency: str
    invoices: int
    buckets: tuple[int, ...]


def now(tenant_id: str, today: date) -> Iterator[Owed]:
    """As the invoices stand, the customers in the order of their references."""
    yield from _grouped(_NOW, tenant=tenant_id, day=today, owing=OWING)


def then(tenant_id: str, day: date, *, until: datetime, offset: int) -> Iterator[Owed]:
    """As they stood at the end of a day, `until` in UTC; `offset` is the zone's, in microseconds."""
    yield from _grouped(_THEN, tenant=tenant_id, day=day, until=until, offset=offset)


def _grouped(owed: str, *, day: date, **values: object) -> Iterator[Owed]:
    ends = {f"d{days}": day - timedelta(days=days) for days in (30, 60, 90)}
    for customer_id, reference, name, currency, count, *sums in ask(
        _SHAPE.format(owed=owed), day=day, **ends, **values
    ):
        yield Owed(customer_id, reference, name, currency, int(count), tuple(int(one) for one in sums))


DUE = "CASE WHEN l.provider_due_on > i.due_on THEN l.provider_due_on ELSE i.due_on END"
"""A day to which it was moved later at the provider counts."""

_NOW = f"""
SELECT i.customer_id, i.currency, i.due_minor AS due, {DUE} AS due_on
FROM invoice i LEFT JOIN link l ON l.invoice_id = i.id
WHERE i.tenant_id = :tenant AND i.payment_status IN (:owing) AND i.due_minor > 0
  AND COALESCE(i.issued_on, '') <= :day
"""
"""Few of all invoices are owed: the index of states leads there, which a bare `issued_on` would not let
SQLite see."""

_THEN = f"""
SELECT i.customer_id, i.currency, i.due, {DUE} AS due_on
FROM ({POSITIONS}) i LEFT JOIN link l ON l.invoice_id = i.invoice_id
WHERE i.due > 0
"""

_SHAPE = """
SELECT c.id, c.reference, c.name, o.currency, COUNT(*),
       SUM(CASE WHEN o.due_on >= :day THEN o.due ELSE 0 END),
       SUM(CASE WHEN o.due_on < :day AND o.due_on >= :d30 THEN o.due ELSE 0 END),
       SUM(CASE WHEN o.due_on < :d30 AND o.due_on >= :d60 THEN o.due ELSE 0 END),
       SUM(CASE WHEN o.due_on < :d60 AND o.due_on >= :d90 THEN o.due ELSE 0 END),
       SUM(CASE WHEN o.due_on < :d90 THEN o.due ELSE 0 END)
FROM ({owed}) o JOIN customer c ON c.id = o.customer_id
GROUP BY c.id, c.reference, c.name, o.currency
ORDER BY c.reference, o.currency
"""
