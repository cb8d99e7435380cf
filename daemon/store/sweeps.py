"""The nightly comparison of each integration: where it is, which links are left, and when all was equal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import peewee as pw

from daemon.clock import to_micros
from daemon.model import CLOSED, SyncState
from daemon.store import plain, records, tables
from daemon.store.integrations import _free, running
from daemon.store.tables import Integration, Invoice, Link, Sweep, Swept

CHUNK = 200


@dataclass(frozen=True, slots=True)
class Pass(records.Record):
    """How far the comparison of an integration is, as its row says."""

    table = tables.Sweep
    integration_id: str
    tenant_id: str
    period: str | None
    asked_at: datetime | None
    started_at: datetime | None
    listed_at: datetime | None
    finished_at: datetime | None
    resume_at: datetime | None
    proven_at: datetime | None

    @property
    def is_under_way(self) -> bool:
        return self.started_at is not None and (
            self.finished_at is None or self.finished_at < self.started_at
        )

    @property
    def is_asked_for(self) -> bool:
        return self.asked_at is not None and (self.started_at is None or self.started_at < self.asked_at)


def of(integration_id: str) -> Pass | None:
    return Pass.first(Sweep.integration_id == integration_id)


def of_all(integration_ids: Sequence[str]) -> dict[str, Pass]:
    return {row.integration_id: row for row in Pass.by("integration_id", list(integration_ids))}


def free_ones(now: datetime, *, mine: str | None = None) -> list[records.Integration]:
    """Running integrations whose status is pulled, that nobody else holds and that do not pause."""
    wanted = running() & _free(now, mine) & Integration.pull_status
    return list(records.Integration.select(wanted, order=Integration.id))


def ask(integration: records.Integration, now: datetime) -> None:
    """Inside a transaction: somebody wants another pass, now; one that is under way goes on at once."""
    _ensure(integration)
    Sweep.update(asked_at=now, resume_at=None).where(Sweep.integration_id == integration.id).execute()


def begin(integration: records.Integration, *, period: str | None, now: datetime) -> None:
    """Inside a transaction: a new pass; what was compared before it is compared again."""
    _ensure(integration)
    values = {"started_at": now, "listed_at": None, "finished_at": None, "resume_at": None}
    if period is not None:
        values["period"] = period  # type: ignore[assignment]
    Sweep.update(values).where(Sweep.integration_id == integration.id).execute()


def update(integration_id: str, **values: datetime | None) -> None:
    """Inside a transaction."""
    Sweep.update(values).where(Sweep.integration_id == integration_id).execute()


def _ensure(integration: records.Integration) -> None:
    plain.execute(
        "INSERT INTO sweep (integration_id, tenant_id) VALUES (?, ?) ON CONFLICT (integration_id) DO NOTHING",
        integration.id,
        integration.tenant_id,
    )


# --- links --------------------------------------------------------------------------------------------


def left_to_compare(
    integration_id: str, *, since: datetime, closed_after: datetime, limit: int
) -> list[records.Link]:
    """Links of documents there that were not compared since then, newest first: those of open invoices, and
    of ones that were closed after `closed_after`."""
    done = Swept.select(Swept.link_id).where((Swept.link_id == Link.id) & (Swept.at >= since))
    where = in_scope(integration_id, closed_after) & ~pw.fn.EXISTS(done)
    order = (Link.pushed_at.desc(), Link.id.desc())
    return list(records.Link.select(where, order=order, limit=limit))


def all_to_compare(
    integration_id: str, *, closed_after: datetime, after: str, limit: int
) -> list[records.Link]:
    """As `left_to_compare`, compared or not: by id, from behind `after`."""
    where = in_scope(integration_id, closed_after) & (Link.id > after)
    return list(records.Link.select(where, order=Link.id, limit=limit))


def in_scope(integration_id: str, closed_after: datetime) -> pw.Expression:
    closed = [status.value for status in CLOSED]
    meant = Invoice.select(Invoice.id).where(
        (Invoice.id == Link.invoice_id)
        & (Invoice.payment_status.not_in(closed) | (Invoice.status_at >= closed_after))
    )
    there = (Link.integration_id == integration_id) & Link.external_id.is_null(False)
    return there & pw.fn.EXISTS(meant)


def compared(link_ids: Iterable[str], now: datetime) -> None:
    """Inside a transaction."""
    ids = sorted(set(link_ids))
    for start in range(0, len(ids), CHUNK):
        some = ids[start : start + CHUNK]
        marks = ", ".join(["(?, ?)"] * len(some))
        values = [value for link_id in some for value in (link_id, to_micros(now))]
        plain.execute(
            f"INSERT INTO swept (link_id, at) VALUES {marks} "
            "ON CONFLICT (link_id) DO UPDATE SET at = EXCLUDED.at",
            *values,
        )


def unsent(integration_id: str) -> list[tuple[records.Link, records.Invoice]]:
    """Links at this integration of which no document there is known, with their invoices."""
    where = (Link.integration_id == integration_id) & Link.external_id.is_null()
    found = {row.invoice_id: row for row in records.Link.select(where)}
    ids = list(found)
    told: list[tuple[records.Link, records.Invoice]] = []
    for start in range(0, len(ids), CHUNK):
        for invoice in records.Invoice.by("id", ids[start : start + CHUNK]):
            told.append((found[invoice.id], invoice))
    return told


def by_references(integration_id: str, references: Sequence[str]) -> dict[str, records.Link]:
    """Links by the reference that their document carries there."""
    found: dict[str, records.Link] = {}
    for start in range(0, len(references), CHUNK):
        some = list(references[start : start + CHUNK])
        where = (Link.integration_id == integration_id) & Link.reference.in_(some)
        found |= {str(row.reference): row for row in records.Link.select(where)}
    return found


def by_numbers(integration_id: str, numbers: Sequence[str]) -> dict[str, records.Link]:
    """Links of invoices that were sent to this integration under one of these numbers."""
    found: dict[str, records.Link] = {}
    for start in range(0, len(numbers), CHUNK):
        some = list(numbers[start : start + CHUNK])
        rows: Any = (
            Link.select(Link.id, Invoice.number)
            .join(Invoice, on=(Invoice.id == Link.invoice_id))
            .where(
                (Link.integration_id == integration_id)
                & (Link.state == SyncState.SYNCED.value)
                & Invoice.number.in_(some)
            )
            .tuples()
        )
        numbered: dict[str, str] = dict(rows)
        for link in records.Link.by("id", list(numbered)):
            found[numbered[link.id]] = link
    return found


def synced_payer(invoice_id: str) -> str | None:
    """Whom the provider was told to bill, as the event of the push says; or whom it merged that one into."""
    event = tables.Event
    row = (
        event.select(event.data, event.customer_id)
        .where((event.invoice_id == invoice_id) & (event.type == "invoice.synced"))
        .order_by(event.id.desc())
        .first()
    )
    payer = row.data.get("payer") if row is not None else None
    return _merged_into(row.customer_id, payer) if payer else None


def _merged_into(customer_id: str, payer: str) -> str:
    """As the provider told since, merge after merge."""
    event = tables.Event
    moved = (event.customer_id == customer_id) & (event.type == "customer.payer_moved")
    for row in event.select(event.data).where(moved).order_by(event.id):
        payer = row.data["to"] if row.data.get("from") == payer else payer
    return payer
