"""What people say about a customer's service: promises to pay, holds, exemptions, that it is closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from daemon.model.dunning import StandingKind
from daemon.store import audit, events, records, service, tables
from daemon.store.tables import Standing as Table

_TOLD = {
    StandingKind.PROMISE: "A promise to pay was noted",
    StandingKind.HOLD: "Dunning is held",
    StandingKind.EXEMPT: "The customer is exempt from dunning",
    StandingKind.CLOSED: "The service was closed",
}


@dataclass(frozen=True, slots=True)
class Standing(records.Record):
    table = tables.Standing
    id: int
    customer_id: str
    kind: str
    until_on: date | None
    reason: str
    actor: str
    created_at: datetime
    ended_at: datetime | None


def of(customer_ids: Sequence[str]) -> dict[str, list[Standing]]:
    """By customer: what was said and not taken back, the newest first."""
    found: dict[str, list[Standing]] = {}
    for row in Standing.by("customer_id", customer_ids, order="id"):
        if row.ended_at is None:
            found.setdefault(row.customer_id, []).insert(0, row)
    return found


def say(
    row: records.Customer,
    kind: StandingKind,
    reason: str,
    *,
    until_on: date | None,
    actor: str,
    now: datetime,
) -> None:
    """Inside a transaction: it takes the place of what was said of this kind."""
    same = (Table.customer_id == row.id) & (Table.kind == kind.value) & Table.ended_at.is_null()
    Table.update(ended_at=now).where(same).execute()
    Table.insert(
        tenant_id=row.tenant_id,
        customer_id=row.id,
        kind=kind.value,
        until_on=until_on,
        reason=reason,
        actor=actor,
        created_at=now,
    ).execute()
    until = f" until {until_on}" if until_on else ""
    _told(row, f"dunning.{kind.value}", f"{_TOLD[kind]}{until}: {reason}.", actor, now)


def release(row: records.Customer, *, actor: str, now: datetime) -> int:
    """Inside a transaction: all that was said is taken back; returns how much that was."""
    open_ = (Table.customer_id == row.id) & Table.ended_at.is_null()
    count = int(Table.update(ended_at=now).where(open_).execute())
    if count:
        _told(row, "dunning.released", "Promises, holds and exemptions were taken back.", actor, now)
    return count


def _told(row: records.Customer, type_: str, sentence: str, actor: str, now: datetime) -> None:
    data = {"sentence": sentence}
    events.append(row.tenant_id, type_, now=now, customer_id=row.id, data=data)
    audit.append(row.tenant_id, actor=actor, action=type_, subject=row.id, data=data, now=now)
    service.note(row.tenant_id, [row.id], now)
