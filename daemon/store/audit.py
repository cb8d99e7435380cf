"""The audit chain: one per tenant, each row's hash over the row before it; written with the change."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from daemon.clock import to_micros
from daemon.model import Document
from daemon.store.fields import canonical
from daemon.store.tables import Audit

PLATFORM = "*"
"""The chain of what belongs to no tenant: keys, tenants, backups."""

GENESIS = "0" * 64


def append(tenant_id: str, *, actor: str, action: str, subject: str, data: Document, now: datetime) -> None:
    """Inside a transaction: add a row to the tenant's chain. `data` must hold no secret."""
    last = (
        Audit.select(Audit.seq, Audit.hash)
        .where(Audit.tenant_id == tenant_id)
        .order_by(Audit.seq.desc())
        .first()
    )
    seq, prev = (last.seq + 1, last.hash) if last else (1, GENESIS)
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
    Audit.insert(row | {"hash": _hash(row)}).execute()


@dataclass(frozen=True, slots=True)
class Broken:
    """The first row of a chain that does not verify."""

    tenant_id: str
    seq: int
    reason: str


def verify() -> tuple[int, list[Broken]]:
    """Walk every chain; returns the rows checked and the first bad row of each broken chain."""
    broken: dict[str, Broken] = {}
    heads: dict[str, tuple[int, str]] = {}
    count = 0
    for row in Audit.select().order_by(Audit.tenant_id, Audit.seq).iterator():
        count += 1
        if row.tenant_id in broken:
            continue
        seq, prev = heads.get(row.tenant_id, (0, GENESIS))
        reason = _flaw(row, seq, prev)
        if reason:
            broken[row.tenant_id] = Broken(row.tenant_id, row.seq, reason)
        heads[row.tenant_id] = (row.seq, row.hash)
    return count, list(broken.values())


def heads() -> dict[str, tuple[int, str]]:
    """The last sequence number and hash of each chain, to be kept outside the database."""
    found: dict[str, tuple[int, str]] = {}
    for row in Audit.select(Audit.tenant_id, Audit.seq, Audit.hash).order_by(Audit.tenant_id, Audit.seq):
        found[row.tenant_id] = (row.seq, row.hash)
    return found


def _flaw(row: Audit, seq: int, prev: str) -> str | None:
    if row.seq != seq + 1:
        return f"row {seq + 1} is missing"
    if row.prev != prev:
        return "it does not follow the row before it"
    names = ("tenant_id", "seq", "at", "actor", "action", "object", "data", "prev")
    return None if _hash({name: getattr(row, name) for name in names}) == row.hash else "it was changed"


def _hash(row: Document) -> str:
    text = canonical(row | {"at": to_micros(row["at"])})
    return hashlib.sha256((row["prev"] + text).encode()).hexdigest()
