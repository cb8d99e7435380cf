"""The cut-offs that are held, with whom and what they concern."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from daemon.store import customers, invoices, records, service
from daemon.store.service import Held

BATCH = 500


@dataclass(frozen=True, slots=True)
class HeldCutoff:
    row: Held
    customer: records.Customer
    invoice: records.Invoice


def held_cutoffs(tenant_id: str | None) -> Iterator[HeldCutoff]:
    """Of a tenant, or of all: the oldest first."""
    rows = service.held(tenant_id)
    for start in range(0, len(rows), BATCH):
        chunk = rows[start : start + BATCH]
        people = customers.by_ids({row.customer_id for row in chunk})
        over = invoices.by_ids([row.invoice_id for row in chunk])
        for row in chunk:
            yield HeldCutoff(row, people[row.customer_id], over[row.invoice_id])
