"""All that the database holds, table by table, to tell afterwards what a call changed."""

from __future__ import annotations

import hashlib

from daemon.store import tables

BESIDE = (tables.Audit, tables.Event, tables.Replay, tables.Run, tables.Meta)
"""What is written beside a change, or about the call itself."""

POLLING = {"tested_at", "test_missing", "budget", "breaker", "lease_owner", "lease_until", "fence", "used_at"}
"""Columns that say when the provider was last asked and at what pace, and when a token was used."""


def books() -> dict[str, str]:
    """Every table but those above, as one hash."""
    found = {}
    for table in tables.ALL:
        if table in BESIDE:
            continue
        kept = [
            sorted((name, str(value)) for name, value in row.items() if name not in POLLING)
            for row in table.select().dicts()
        ]
        found[table.__name__] = hashlib.sha256(repr(sorted(kept)).encode()).hexdigest()
    return found


def audited_since(count: int) -> list[str]:
    """Who did something after so many rows of the audit."""
    rows = tables.Audit.select().order_by(tables.Audit.id).offset(count)
    return [row.actor for row in rows]


def audit_rows() -> int:
    return int(tables.Audit.select().count())
