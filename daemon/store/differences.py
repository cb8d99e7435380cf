"""Differences between the provider's books and ours: each once, repaired or waiting for a person."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import peewee as pw

from daemon.clock import Entropy
from daemon.errors import InvalidInput, NotFound
from daemon.model import Document
from daemon.model.ids import DIFFERENCE, new_id
from daemon.money import Money
from daemon.store import audit, events, plain, records, tables
from daemon.store.tables import Difference as Table

DAEMON = "daemon"
"""Who settles what is repaired, or what is gone."""


@dataclass(frozen=True, slots=True)
class Difference(records.Record):
    table = tables.Difference
    id: str
    tenant_id: str
    integration_id: str
    kind: str
    ref: str
    link_id: str | None
    invoice_id: str | None
    fingerprint: str
    amount_minor: int | None
    currency: str | None
    sentence: str
    command: str
    times: int
    found_at: datetime
    seen_at: datetime
    settled_at: datetime | None
    settled_by: str | None
    note: str | None

    @property
    def amount(self) -> Money | None:
        if self.amount_minor is None or self.currency is None:
            return None
        return Money(self.amount_minor, self.currency)


@dataclass(frozen=True, slots=True)
class Found:
    """A difference as a sweep finds it. `command` is the one proposed action; empty where it is repaired."""

    kind: str
    ref: str
    sentence: str
    fingerprint: str
    command: str = ""
    repaired: bool = False
    link_id: str | None = None
    invoice_id: str | None = None
    customer_id: str | None = None
    amount: Money | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.kind, self.ref


def get(tenant_id: str | None, name: str) -> Difference:
    """Raises NotFound."""
    where = Table.id == name
    found = Difference.first(where if tenant_id is None else where & (Table.tenant_id == tenant_id))
    if found is None:
        raise NotFound("exception", name)
    return found


def waiting(tenant_id: str | None = None, *, integration_id: str | None = None) -> list[Difference]:
    """What a person must settle, oldest first."""
    where = Table.settled_at.is_null()
    if tenant_id is not None:
        where &= Table.tenant_id == tenant_id
    if integration_id is not None:
        where &= Table.integration_id == integration_id
    return list(Difference.select(where, order=Table.id))


def count_waiting(integration_ids: Sequence[str]) -> dict[str, int]:
    rows: Any = (
        Table.select(Table.integration_id, pw.fn.COUNT(Table.id))
        .where(Table.settled_at.is_null() & Table.integration_id.in_(list(integration_ids)))
        .group_by(Table.integration_id)
        .tuples()
    )
    return dict.fromkeys(integration_ids, 0) | dict(rows)


def totals() -> dict[str, tuple[int, int]]:
    """By kind: how often one was ever found, and how many wait for a person."""
    open_ = pw.Case(None, ((Table.settled_at.is_null(), 1),), 0)
    rows: Any = (
        Table.select(Table.kind, pw.fn.SUM(Table.times), pw.fn.SUM(open_)).group_by(Table.kind).tuples()
    )
    return {kind: (int(times), int(left)) for kind, times, left in rows}


def note(
    integration: records.Integration, found: Sequence[Found], *, now: datetime, entropy: Entropy
) -> list[Found]:
    """Inside a transaction: write down what was found, with an event for each that is new, or that is not
    what it was; returns those."""
    known = _known(integration.id, found)
    fresh: list[Found] = []
    for one in found:
        old = known.get(one.key)
        if old is not None and old.fingerprint == one.fingerprint and not one.repaired:
            plain.update(Table, "id", old.id, {"seen_at": now})
            continue
        name = _write(integration, one, old, now=now, entropy=entropy)
        _tell(integration, one, name, now)
        fresh.append(one)
    return fresh


def _known(integration_id: str, found: Sequence[Found]) -> dict[tuple[str, str], Difference]:
    refs = sorted({one.ref for one in found})
    known: dict[tuple[str, str], Difference] = {}
    for start in range(0, len(refs), 200):
        where = (Table.integration_id == integration_id) & Table.ref.in_(refs[start : start + 200])
        known |= {(row.kind, row.ref): row for row in Difference.select(where)}
    return known


def _write(
    integration: records.Integration, one: Found, old: Difference | None, *, now: datetime, entropy: Entropy
) -> str:
    values: Document = {
        "link_id": one.link_id,
        "invoice_id": one.invoice_id,
        "fingerprint": one.fingerprint,
        "amount_minor": one.amount.minor if one.amount else None,
        "currency": one.amount.currency if one.amount else None,
        "sentence": one.sentence,
        "command": one.command,
        "times": (old.times if old else 0) + 1,
        "found_at": now,
        "seen_at": now,
        "settled_at": now if one.repaired else None,
        "settled_by": DAEMON if one.repaired else None,
        "note": None,
    }
    if old is not None:
        plain.update(Table, "id", old.id, values)
        return old.id
    name = new_id(DIFFERENCE, now, entropy)
    fixed = {"id": name, "tenant_id": integration.tenant_id, "integration_id": integration.id}
    plain.insert(Table, {**fixed, "kind": one.kind, "ref": one.ref, **values})
    return name


def _tell(integration: records.Integration, one: Found, name: str, now: datetime) -> None:
    events.append(
        integration.tenant_id,
        "invoice.difference",
        now=now,
        invoice_id=one.invoice_id,
        customer_id=one.customer_id,
        integration_id=integration.id,
        data={
            "difference": one.kind,
            "id": name,
            "ref": one.ref,
            "repaired": one.repaired,
            "command": one.command or None,
            "sentence": one.sentence,
        },
    )


def settle_gone(
    integration_id: str,
    link_ids: Collection[str],
    kinds: Collection[str],
    still: Collection[tuple[str, str]],
    *,
    now: datetime,
) -> int:
    """Inside a transaction: of what waits about these links, that of these kinds which was not found again
    is settled."""
    gone: list[str] = []
    ids = sorted(link_ids)
    for start in range(0, len(ids), 200):
        where = (
            (Table.integration_id == integration_id)
            & Table.settled_at.is_null()
            & Table.kind.in_(sorted(kinds))
            & Table.link_id.in_(ids[start : start + 200])
        )
        gone += [row.id for row in Difference.select(where) if (row.kind, row.ref) not in still]
    return _settle(gone, now)


def settle_unlisted(integration_id: str, kinds: Collection[str], *, since: datetime, now: datetime) -> int:
    """Inside a transaction: of these kinds, what the provider's list did not show again since then."""
    where = (
        (Table.integration_id == integration_id)
        & Table.settled_at.is_null()
        & Table.kind.in_(sorted(kinds))
        & (Table.seen_at < since)
    )
    return _settle([row.id for row in Difference.select(where)], now)


def _settle(ids: Sequence[str], now: datetime) -> int:
    for name in ids:
        values = {"settled_at": now, "settled_by": DAEMON, "note": "it is gone"}
        plain.update(Table, "id", name, values)
    return len(ids)


def settle(row: Difference, *, note: str, actor: str, now: datetime) -> None:
    """Inside a transaction: a person knows, and says so. It comes back only where it becomes another."""
    if row.settled_at is not None:
        raise InvalidInput("WB-INPUT", f"{row.id} is settled already, by {row.settled_by}")
    values = {"settled_at": now, "settled_by": actor, "note": note}
    plain.update(Table, "id", row.id, values)
    audit.append(
        row.tenant_id,
        actor=actor,
        action="difference.settled",
        subject=row.invoice_id or row.integration_id,
        data={"id": row.id, "difference": row.kind, "ref": row.ref, "note": note},
        now=now,
    )
