"""Events: something happened; written in the transaction that made it so.

The sequencer stamps them afterwards, one transaction at a time, with `seq` (the place in the feed) and `uid`
(the id under which the platform knows it). Only committed rows are stamped: a row that committed late gets a
later place, and who reads `after=` skips none.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import peewee as pw

from daemon.model import Document
from daemon.model.ids import EVENT, new_id
from daemon.store import audit, meta, plain, records
from daemon.store.database import Store
from daemon.store.tables import Event, database

STAMPED = 500
"""Events stamped in one transaction."""

SEQUENCER_LOCK = 0x77736571
"""'wseq': one sequencer at a time on PostgreSQL; SQLite has one writer anyway."""

LEAP = 1_000_000
"""How far the feed leaps after a restore: whoever read further than the backup goes misses nothing."""


def append(
    tenant_id: str,
    type_: str,
    *,
    now: datetime,
    data: Document,
    invoice_id: str | None = None,
    customer_id: str | None = None,
    integration_id: str | None = None,
) -> int:
    """Inside a transaction; returns its number. `data["sentence"]` is what the timeline says."""
    row = {
        "tenant_id": tenant_id,
        "type": type_,
        "at": now,
        "data": data,
        "invoice_id": invoice_id,
        "customer_id": customer_id,
        "integration_id": integration_id,
    }
    return plain.insert(Event, row)


def of_invoice(invoice_id: str) -> list[records.Event]:
    return list(records.Event.select(Event.invoice_id == invoice_id, order=Event.id))


def latest(*, types: Iterable[str] = (), limit: int = 20) -> list[records.Event]:
    """The newest events first, of these types or of all."""
    wanted = list(types)
    where = (Event.type.in_(wanted),) if wanted else ()
    return list(records.Event.select(*where, order=Event.id.desc(), limit=limit))


def by_ids(event_ids: Iterable[int]) -> dict[int, records.Event]:
    return {row.id: row for row in records.Event.by("id", list(event_ids))}


# --- the feed -----------------------------------------------------------------------------------------


def stamp(store: Store) -> int:
    """Give every committed event its place; returns how many got one."""
    count = 0
    while _waiting(1):
        stamped = store.write("events.stamp", lambda: _stamp(store))
        count += stamped
        if stamped < STAMPED:
            break
    return count


def _waiting(limit: int) -> list[int]:
    query = Event.select(Event.id).where(Event.seq.is_null()).order_by(Event.id).limit(limit)
    return [row.id for row in query]


def _stamp(store: Store) -> int:
    """Inside a transaction."""
    if isinstance(database.obj, pw.PostgresqlDatabase):
        database.execute_sql("SELECT pg_advisory_xact_lock(%s)", (SEQUENCER_LOCK,))
    waiting = _waiting(STAMPED)
    now, seq = store.clock.now(), last_seq() + _leap()
    for event_id in waiting:
        seq += 1
        values = {"seq": seq, "uid": new_id(EVENT, now, store.entropy)}
        plain.update(Event, "id", event_id, values)
    return len(waiting)


def _leap() -> int:
    """How many places are left out now: once after each restore, which set the feed back."""
    restored = meta.get(meta.RECOVERY)
    if restored is None or restored == meta.get(meta.LEAPT):
        return 0
    meta.put(meta.LEAPT, restored)
    return LEAP


def last_seq() -> int:
    """The last place that was given."""
    return int(Event.select(pw.fn.MAX(Event.seq)).scalar() or 0)


def feed(after: int, *, tenant_id: str = audit.PLATFORM, limit: int = 100) -> list[records.Event]:
    """What follows this place, in order: a tenant's, or everybody's."""
    where = Event.seq > after
    if tenant_id != audit.PLATFORM:
        where = (Event.tenant_id == tenant_id) & where
    return list(records.Event.select(where, order=Event.seq, limit=limit))


def before_latest(count: int, *, tenant_id: str = audit.PLATFORM) -> int:
    """The place that the latest so many events follow."""
    where = Event.seq.is_null(False)
    if tenant_id != audit.PLATFORM:
        where &= Event.tenant_id == tenant_id
    query = Event.select(Event.seq).where(where).order_by(Event.seq.desc()).offset(count).limit(1)
    return next((row.seq or 0 for row in query), 0)
