"""What may be forgotten: old readings, used hints, past runs, ended deliveries. Never events, the audit,
payments, steps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import peewee as pw

from daemon.store.database import Store
from daemon.store.tables import Delivery, Hint, Link, Observation, Payment, Run

BATCH = 500
"""Rows looked at for one transaction: far below 100 ms."""

Query = Callable[[int], Any]


def thin_observations(store: Store, before: datetime) -> int:
    """Drop readings older than `before`; the newest of each link stays, and every one that a payment
    rests on. Returns how many went."""
    newer = Observation.alias()

    def candidates(after: int) -> Any:
        superseded = newer.select(newer.id).where(
            (newer.link_id == Observation.link_id) & (newer.id > Observation.id)
        )
        evidence = (
            Payment.select(Payment.id)
            .join(Link, on=(Link.invoice_id == Payment.invoice_id))
            .where((Link.id == Observation.link_id) & (Payment.observation_id == Observation.id))
        )
        return Observation.select(Observation.id).where(
            (Observation.id > after)
            & (Observation.read_at < before)
            & pw.fn.EXISTS(superseded)
            & ~pw.fn.EXISTS(evidence)
        )

    return _delete(store, "tidy.observations", Observation, candidates)


def drop_used_hints(store: Store, before: datetime) -> int:
    """Drop hints that were answered before `before`. A duplicate that comes later costs one spare read."""

    def candidates(after: int) -> Any:
        return Hint.select(Hint.id).where((Hint.id > after) & (Hint.used_at < before))

    return _delete(store, "tidy.hints", Hint, candidates)


def drop_runs(store: Store, before: datetime) -> int:
    """Drop runs that began before `before`; the newest of each job stays."""
    newest = Run.select(pw.fn.MAX(Run.id)).group_by(Run.job)

    def candidates(after: int) -> Any:
        return Run.select(Run.id).where((Run.id > after) & (Run.started_at < before) & Run.id.not_in(newest))

    return _delete(store, "tidy.runs", Run, candidates)


def drop_deliveries(store: Store, before: datetime) -> int:
    """Drop the log of deliveries that ended before `before`; what still waits stays."""

    def candidates(after: int) -> Any:
        return Delivery.select(Delivery.id).where((Delivery.id > after) & (Delivery.ended_at < before))

    return _delete(store, "tidy.deliveries", Delivery, candidates)


def _delete(store: Store, label: str, table: Any, candidates: Query) -> int:
    """Walk the candidates by id, a batch for each transaction. What may go now may go a moment later: a
    reading is never un-superseded, and payments rest on readings of their own transaction."""
    gone, last = 0, 0
    while True:
        ids = [row.id for row in candidates(last).order_by(table.id).limit(BATCH)]
        if not ids:
            return gone
        last = ids[-1]
        store.write(label, partial(_delete_ids, table, ids))
        gone += len(ids)


def _delete_ids(table: Any, ids: list[int]) -> None:
    table.delete().where(table.id.in_(ids)).execute()
