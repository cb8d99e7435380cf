"""Hints: "look at this sooner". A repeat is harmless; none of them can change an invoice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache

import peewee as pw

from daemon.clock import from_micros, to_micros
from daemon.model import Hint as HintValue
from daemon.store import records
from daemon.store.tables import Hint, Integration

EVERYTHING = "everything"
"""Event id prefix of the flag that stands for an overflowing backlog: poll all."""


def note(
    tenant_id: str, integration_id: str, hints: Iterable[HintValue], *, source: str, now: datetime
) -> int:
    """Inside a transaction: store what is new; returns how many were. A webhook may tell of an event
    without naming an invoice; when the feed names it for the same event, that is news."""
    sql = _statement(Hint._meta.database.obj.param)
    fresh = 0
    for hint in hints:
        row = {
            "tenant_id": tenant_id,
            "integration_id": integration_id,
            "event_id": hint.event_id[:255],
            "ref": hint.ref,
            "source": source,
            "kind": hint.kind[:80],
            "received_at": to_micros(now),
        }
        fresh += Hint._meta.database.execute_sql(sql, [row[name] for name in COLUMNS]).rowcount
    return fresh


COLUMNS = ("tenant_id", "integration_id", "event_id", "ref", "source", "kind", "received_at")


@lru_cache(maxsize=2)
def _statement(mark: str) -> str:
    """Plain SQL: a burst of webhooks does nothing else, and building it takes five times as long as
    running it."""
    return (
        f"INSERT INTO hint ({', '.join(COLUMNS)}) VALUES ({', '.join([mark] * len(COLUMNS))}) "
        "ON CONFLICT (integration_id, event_id) DO UPDATE SET ref = excluded.ref, used_at = NULL "
        "WHERE hint.ref IS NULL AND excluded.ref IS NOT NULL"
    )


def note_everything(tenant_id: str, integration_id: str, *, source: str, now: datetime) -> None:
    """Inside a transaction: one hint that stands for all those that are not stored one by one. There is
    one such row for each integration; what used it up makes it wait again."""
    row = {
        "tenant_id": tenant_id,
        "integration_id": integration_id,
        "event_id": f"{EVERYTHING}:{source}",
        "ref": None,
        "source": source,
        "kind": EVERYTHING,
        "received_at": now,
    }
    Hint.insert(row).on_conflict(
        conflict_target=[Hint.integration_id, Hint.event_id],
        update={Hint.used_at: None, Hint.received_at: now},
    ).execute()


def waiting(integration_id: str, *, limit: int) -> list[records.Hint]:
    where = (Hint.integration_id == integration_id) & Hint.used_at.is_null()
    return list(records.Hint.select(where, order=Hint.id, limit=limit))


def count_waiting(integration_id: str | None = None) -> int:
    where = Hint.used_at.is_null()
    if integration_id is not None:
        where &= Hint.integration_id == integration_id
    return int(Hint.select().where(where).count())


def backlog() -> tuple[int, datetime | None]:
    """How many wait in all, and since when the oldest; one look into the index for each integration."""
    unused = Hint.integration_id.in_(Integration.select(Integration.id)) & Hint.used_at.is_null()
    row = Hint.select(pw.fn.COUNT(Hint.id), pw.fn.MIN(Hint.received_at)).where(unused).tuples().first()
    count, oldest = row or (0, None)
    return int(count), from_micros(oldest) if isinstance(oldest, int) else oldest


def used(ids: Sequence[int], now: datetime) -> None:
    """Inside a transaction."""
    for start in range(0, len(ids), 500):
        Hint.update(used_at=now).where(Hint.id.in_(list(ids[start : start + 500]))).execute()


def reuse(hint_id: int) -> bool:
    """Inside a transaction: make a used hint wait again (`wispbill inbox replay`)."""
    return bool(Hint.update(used_at=None).where(Hint.id == hint_id).execute())


def listing(
    *,
    integration_id: str | None = None,
    tenant_id: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[records.Hint]:
    """The newest first, from behind the number `before`."""
    pairs = ((Hint.integration_id, integration_id), (Hint.tenant_id, tenant_id))
    where = [column == value for column, value in pairs if value is not None]
    where += [] if before is None else [Hint.id < before]
    return list(records.Hint.select(*where, order=Hint.id.desc(), limit=limit))


def get(hint_id: int, *, tenant_id: str | None = None) -> records.Hint | None:
    """Of the tenant (None: any)."""
    where = Hint.id == hint_id
    return records.Hint.first(where if tenant_id is None else where & (Hint.tenant_id == tenant_id))
