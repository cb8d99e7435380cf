"""How long invoices took to be paid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from daemon.clock import from_micros
from daemon.store.reporting.ageing import DUE
from daemon.store.reporting.asking import ask


@dataclass(frozen=True, slots=True)
class Taken:
    """An invoice; `paid_at` is when nothing was owed any more, None where something is."""

    issued_on: date
    due_on: date
    paid_at: datetime | None


def of_invoices(tenant_id: str, first: date, last: date) -> Iterator[Taken]:
    """Those dated from `first` to `last` that were paid, or on which something is owed."""
    for issued_on, due_on, paid_at in ask(_TAKEN, tenant=tenant_id, first=first, last=last):
        paid = from_micros(int(paid_at)) if paid_at is not None else None
        yield Taken(date.fromisoformat(issued_on), date.fromisoformat(due_on), paid)


_TAKEN = f"""
SELECT i.issued_on, {DUE}, CASE WHEN i.due_minor = 0 THEN COALESCE(i.paid_at, i.status_at) END
FROM invoice i LEFT JOIN link l ON l.invoice_id = i.id
WHERE i.tenant_id = :tenant AND i.issued_on >= :first AND i.issued_on <= :last
  AND i.payment_status NOT IN ('void', 'uncollectible') AND (i.due_minor > 0 OR i.paid_minor > 0)
"""
"""A payment of which no date is told counts from when it was seen."""
