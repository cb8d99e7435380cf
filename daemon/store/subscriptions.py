"""Subscriptions: a customer on a plan, from a day on; where it is billed up to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import peewee as pw

from daemon.clock import Entropy
from daemon.errors import InvalidInput, NotFound
from daemon.model import Document
from daemon.model.ids import SUBSCRIPTION, new_id
from daemon.store import audit, events, plain
from daemon.store.recurring import Plan, Subscription
from daemon.store.tables import Subscription as Table

ADDED = "subscription.added"


@dataclass(frozen=True, slots=True)
class NewSubscription:
    """One whose fields are checked (`jobs.subscribing`). `next_on` is the first day to be billed here;
    `net_minor` and `tax_minor`, where given, are the price of the plan's only line."""

    tenant_id: str
    customer_id: str
    plan_id: str
    reference: str
    start_on: date
    ends_on: date | None
    next_on: date
    anchor_day: int
    quantity: int = 1
    net_minor: int | None = None
    tax_minor: int | None = None

    def is_as(self, row: Subscription) -> bool:
        """The same content; how far it was billed meanwhile does not matter."""
        names = ("customer_id", "plan_id", "reference", "start_on", "ends_on", "anchor_day", "quantity")
        return all(getattr(self, name) == getattr(row, name) for name in (*names, "net_minor", "tax_minor"))


def add(new: NewSubscription, *, actor: str, now: datetime, entropy: Entropy) -> tuple[Subscription, bool]:
    """Inside a transaction; returns it and whether it is new. Raises InvalidInput where the reference is
    taken by other content."""
    there = find(new.tenant_id, new.reference)
    if there is not None:
        check_same(new, there)
        return there, False
    row_id = insert(new, now=now, entropy=entropy)
    audit.append(new.tenant_id, actor=actor, action=ADDED, subject=row_id, data=audited(new), now=now)
    return get(new.tenant_id, row_id), True


def check_same(new: NewSubscription, there: Subscription) -> None:
    if not new.is_as(there):
        raise InvalidInput(
            "WB-SUBSCRIPTION-TAKEN",
            f"there is a subscription {new.reference!r} with other content",
            field="reference",
        )


def insert(new: NewSubscription, *, now: datetime, entropy: Entropy) -> str:
    """Inside a transaction: one whose reference is free; returns its id. The audit row is the caller's."""
    row = {
        "id": new_id(SUBSCRIPTION, now, entropy),
        "tenant_id": new.tenant_id,
        "customer_id": new.customer_id,
        "plan_id": new.plan_id,
        "reference": new.reference,
        "start_on": new.start_on,
        "ends_on": new.ends_on,
        "anchored_on": new.start_on,
        "anchor_day": new.anchor_day,
        "quantity": new.quantity,
        "net_minor": new.net_minor,
        "tax_minor": new.tax_minor,
        "next_on": new.next_on,
        "created_at": now,
    }
    plain.insert(Table, row)
    return str(row["id"])


def audited(new: NewSubscription) -> Document:
    return {"reference": new.reference, "plan": new.plan_id, "customer": new.customer_id} | {
        "start_on": new.start_on.isoformat(),
        "ends_on": new.ends_on and new.ends_on.isoformat(),
        "quantity": new.quantity,
        "net": new.net_minor,
        "tax": new.tax_minor,
    }


def change(
    row: Subscription, changes: Mapping[str, Any], *, action: str, actor: str, now: datetime
) -> Subscription:
    """Inside a transaction, in the tenant's turn (`billing.take_turns`): other columns, for every period that
    is not billed yet, and the word for it."""
    changed = {name: value for name, value in changes.items() if getattr(row, name) != value}
    if changed:
        Table.update(changed).where(Table.id == row.id).execute()
        told = {
            name: value.isoformat() if isinstance(value, date) else value for name, value in changed.items()
        }
        data = {"reference": row.reference} | told
        audit.append(row.tenant_id, actor=actor, action=action, subject=row.id, data=data, now=now)
    return get(row.tenant_id, row.id)


def end_all(plan: Plan, on: date, *, actor: str, now: datetime) -> int:
    """Inside a transaction, in the tenant's turn: every subscription of a plan ends with this day; returns
    how many do."""
    later = Table.ends_on.is_null() | (Table.ends_on > on)
    rows = list(Subscription.select((Table.plan_id == plan.id) & later))
    Table.update(ends_on=on).where((Table.plan_id == plan.id) & later).execute()
    data: Document = {"ends_on": on.isoformat()}
    told = [("subscription.ended", row.id, data | {"reference": row.reference}) for row in rows]
    audit.append_all(plan.tenant_id, told, actor=actor, now=now)
    return len(rows)


# --- what is due --------------------------------------------------------------------------------------


def _going(plan: Plan) -> Any:
    """Those of a plan with something to be billed yet."""
    not_over = Table.ends_on.is_null() | (Table.ends_on >= Table.next_on)
    return (Table.plan_id == plan.id) & Table.paused_on.is_null() & not_over


def next_start(plan: Plan, until: date, *, after: date) -> date | None:
    """The first day behind `after`, and not behind `until`, on which an unbilled period begins."""
    query = Table.select(pw.fn.MIN(Table.next_on)).where(
        _going(plan) & (Table.next_on > after) & (Table.next_on <= until)
    )
    found = query.scalar()
    return date.fromisoformat(found) if isinstance(found, str) else found


def starting(plan: Plan, start: date, *, after: str, limit: int) -> list[Subscription]:
    """Those whose unbilled period begins on this day, by reference, from behind `after`."""
    where = _going(plan) & (Table.next_on == start) & (Table.reference > after)
    return list(Subscription.select(where, order=Table.reference, limit=limit))


ADVANCE = (
    "UPDATE subscription SET next_on = ?, fault_code = NULL, fault_text = NULL, fault_at = NULL "
    "WHERE id = ? AND next_on = ? AND paused_on IS NULL"
)


def advance(row: Subscription, next_on: date) -> bool:
    """Inside a transaction: billed up to the day before `next_on`; False where it changed meanwhile."""
    return plain.execute(ADVANCE, next_on.isoformat(), row.id, row.next_on.isoformat()) == 1


def note_fault(row: Subscription, code: str, text: str, *, now: datetime) -> None:
    """Inside a transaction: why it is not billed; an event where that is news."""
    if (row.fault_code, row.fault_text) == (code, text):
        return
    plain.update(Table, "id", row.id, {"fault_code": code, "fault_text": text, "fault_at": now})
    sentence = f"Subscription {row.reference} is not billed: {text}."
    events.append(
        row.tenant_id,
        "subscription.held",
        now=now,
        customer_id=row.customer_id,
        data={"code": code, "subscription": row.reference, "sentence": sentence},
    )


# --- looking ------------------------------------------------------------------------------------------


def find(tenant_id: str, name: str) -> Subscription | None:
    """By our id or by reference."""
    return Subscription.first(
        (Table.tenant_id == tenant_id) & ((Table.id == name) | (Table.reference == name))
    )


def get(tenant_id: str, name: str) -> Subscription:
    """As find; raises NotFound."""
    found = find(tenant_id, name)
    if found is None:
        raise NotFound("subscription", name)
    return found


def listing(
    tenant_id: str,
    *,
    limit: int,
    after: str = "",
    plan_id: str | None = None,
    customer_id: str | None = None,
    held: bool = False,
) -> list[Subscription]:
    """By reference, from behind `after`."""
    where = [Table.tenant_id == tenant_id, Table.reference > after]
    if plan_id:
        where.append(Table.plan_id == plan_id)
    if customer_id:
        where.append(Table.customer_id == customer_id)
    if held:
        where.append(Table.fault_code.is_null(False))
    return list(Subscription.select(*where, order=Table.reference, limit=limit))


def count_held() -> dict[str, int]:
    """Of all tenants: how many are not billed, by the code that says why."""
    rows: Any = (
        Table.select(Table.fault_code, pw.fn.COUNT(Table.id))
        .where(Table.fault_code.is_null(False))
        .group_by(Table.fault_code)
        .order_by(Table.fault_code)
        .tuples()
    )
    return dict(rows)
