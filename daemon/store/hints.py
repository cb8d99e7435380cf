"""Hints: "look at this sooner". A repeat is harmless; none of them can change an invoice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from daemon.model import Hint as HintValue
from daemon.store import records
from daemon.store.tables import Hint

EVERYTHING = "everything"
"""Event id prefix of the flag that stands for an overflowing backlog: poll all."""


def note(
    tenant_id: str, integration_id: str, hints: Iterable[HintValue], *, source: str, now: datetime
) -> int:
    """Inside a transaction: store what is new; returns how many were."""
    rows = [
        {
            "tenant_id": tenant_id,
            "integration_id": integration_id,
            "event_id": hint.event_id[:255],
            "ref": hint.ref,
            "source": source,
            "kind": hint.kind[:80],
            "received_at": now,
        }
        for hint in hints
    ]
    before = _highest(integration_id)
    for start in range(0, len(rows), 100):
        Hint.insert_many(rows[start : start + 100]).on_conflict_ignore().execute()
    fresh = (Hint.integration_id == integration_id) & (Hint.id > before)
    return int(Hint.select().where(fresh).count()) if rows else 0


def _highest(integration_id: str) -> int:
    last = (
        Hint.select(Hint.id).where(Hint.integration_id == integration_id).order_by(Hint.id.desc()).limit(1)
    ).scalar()
    return int(last or 0)


def waiting(integration_id: str, *, limit: int) -> list[records.Hint]:
    where = (Hint.integration_id == integration_id) & Hint.used_at.is_null()
    return list(records.Hint.select(where, order=Hint.id, limit=limit))


def count_waiting(integration_id: str | None = None) -> int:
    where = Hint.used_at.is_null()
    if integration_id is not None:
        where &= Hint.integration_id == integration_id
    return int(Hint.select().where(where).count())


def used(ids: Sequence[int], now: datetime) -> None:
    """Inside a transaction."""
    for start in range(0, len(ids), 500):
        Hint.update(used_at=now).where(Hint.id.in_(list(ids[start : start + 500]))).execute()


def reuse(hint_id: int) -> bool:
    """Inside a transaction: make a used hint wait again (`wispbill inbox replay`)."""
    return bool(Hint.update(used_at=None).where(Hint.id == hint_id).execute())


def listing(*, integration_id: str | None = None, limit: int = 50) -> list[records.Hint]:
    where = () if integration_id is None else (Hint.integration_id == integration_id,)
    return list(records.Hint.select(*where, order=Hint.id.desc(), limit=limit))


def get(hint_id: int) -> records.Hint | None:
    return records.Hint.first(Hint.id == hint_id)
