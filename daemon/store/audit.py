"""The audit chain: one per tenant, each row's hash over the row before it; written with the change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import peewee as pw

from daemon.clock import to_micros
from daemon.model import Document
from daemon.store import plain, records
from daemon.store.fields import canonical
from daemon.store.tables import Audit, database

PLATFORM = "*"
"""The chain of what belongs to no tenant: keys, tenants, backups."""

GENESIS = "0" * 64

CHAIN_LOCK = 0x77617564
"""'waud': the space of the advisory locks below, on PostgreSQL."""

COLUMNS = ("tenant_id", "seq", "at", "actor", "action", "object", "data", "prev", "hash")


def append(tenant_id: str, *, actor: str, action: str, subject: str, data: Document, now: datetime) -> None:
    """Inside a transaction: add a row to the tenant's chain. `data` must hold no secret."""
    append_all(tenant_id, [(action, subject, data)], actor=actor, now=now)


def append_all(
    tenant_id: str, rows: Sequence[tuple[str, str, Document]], *, actor: str, now: datetime
) -> None:
    """Inside a transaction: add a row to the tenant's chain for each (action, subject, data)."""
    _one_at_a_time(tenant_id)
    last = (
        Audit.select(Audit.seq, Audit.hash)
        .where(Audit.tenant_id == tenant_id)
        .order_by(Audit.seq.desc())
        .first()
    )
    seq, prev = (last.seq, last.hash) if last else (0, GENESIS)
    for action, subject, data in rows:
        seq += 1
        row = {
            "tenant_id": tenant_id,
            "seq": seq,
            "at": now,
            "actor": actor,
            "action": action,
            "object": subject,
            "data": data,
            "prev": prev,
        }
        prev = _hash(row)
        plain.insert(Audit, row | {"hash": prev})


def _one_at_a_time(tenant_id: str) -> None:
    """Until the end of this transaction nobody else appends to the chain. SQLite has one writer anyway."""
    if isinstance(database.obj, pw.PostgresqlDatabase):
        lock = "SELECT pg_advisory_xact_lock(%s, hashtext(%s))"
        database.execute_sql(lock, (CHAIN_LOCK, tenant_id))


@dataclass(frozen=True, slots=True)
class Broken:
    """The first row of a chain that does not verify."""

    tenant_id: str
    seq: int
    reason: str


def verify() -> tuple[int, list[Broken]]:
    """Walk every chain; returns the rows checked and the first bad row of each broken chain."""
    rows = Audit.select(*(getattr(Audit, name) for name in COLUMNS))
    return verify_rows(rows.order_by(Audit.tenant_id, Audit.seq).dicts().iterator())


def verify_rows(rows: Iterable[Document]) -> tuple[int, list[Broken]]:
    """As `verify`, over rows from anywhere (a backup): COLUMNS as the table holds them, in the order of
    tenant and seq."""
    broken: dict[str, Broken] = {}
    heads: dict[str, tuple[int, str]] = {}
    count = 0
    for row in rows:
        count += 1
        tenant_id = row["tenant_id"]
        if tenant_id in broken:
            continue
        reason = _flaw(row, *heads.get(tenant_id, (0, GENESIS)))
        if reason:
            broken[tenant_id] = Broken(tenant_id, row["seq"], reason)
        heads[tenant_id] = (row["seq"], row["hash"])
    return count, list(broken.values())


def latest(*, tenant_id: str | None = None, limit: int = 50) -> list[records.AuditRow]:
    """The newest rows first, of one chain or of all."""
    where = () if tenant_id is None else (Audit.tenant_id == tenant_id,)
    return list(records.AuditRow.select(*where, order=Audit.id.desc(), limit=limit))


def chain(tenant_id: str, *, before: int | None, limit: int) -> list[records.AuditRow]:
    """The newest rows of one chain first, from behind the number `before`."""
    where = [Audit.tenant_id == tenant_id] + ([] if before is None else [Audit.seq < before])
    return list(records.AuditRow.select(*where, order=Audit.seq.desc(), limit=limit))


def heads() -> dict[str, tuple[int, str]]:
    """The last sequence number and hash of each chain, to be kept outside the database."""
    ends = Audit.select(pw.fn.MAX(Audit.id)).group_by(Audit.tenant_id)
    rows = Audit.select(Audit.tenant_id, Audit.seq, Audit.hash).where(Audit.id.in_(ends))
    return {row.tenant_id: (row.seq, row.hash) for row in rows}


def _flaw(row: Document, seq: int, prev: str) -> str | None:
    if row["seq"] != seq + 1:
        return f"row {seq + 1} is missing"
    if row["prev"] != prev:
        return "it does not follow the row before it"
    said = {name: row[name] for name in COLUMNS if name != "hash"}
    return None if _hash(said) == row["hash"] else "it was changed"


def _hash(row: Document) -> str:
    text = canonical(row | {"at": to_micros(row["at"])})
    return hashlib.sha256((row["prev"] + text).encode()).hexdigest()
