"""Plans: what a tenant bills each period, under the tenant's own reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import peewee as pw

from daemon.clock import Entropy
from daemon.errors import InvalidInput, NotFound
from daemon.model import Document
from daemon.model.ids import PLAN, new_id
from daemon.policy.periods import Unit
from daemon.store import audit
from daemon.store.invoices import NewLine
from daemon.store.recurring import Plan, write_line
from daemon.store.tables import Plan as Table
from daemon.store.tables import Subscription


@dataclass(frozen=True, slots=True)
class NewPlan:
    """A plan whose fields are checked (`jobs.subscribing`)."""

    tenant_id: str
    reference: str
    name: str
    currency: str
    lines: tuple[NewLine, ...]
    every: int
    unit: Unit
    due_days: int
    ahead_days: int
    proration: str
    memo: str | None

    @property
    def columns(self) -> Document:
        return {
            "name": self.name,
            "currency": self.currency,
            "lines": [write_line(line) for line in self.lines],
            "every": self.every,
            "unit": self.unit.value,
            "due_days": self.due_days,
            "ahead_days": self.ahead_days,
            "proration": self.proration,
            "memo": self.memo,
        }


def add(new: NewPlan, *, actor: str, now: datetime, entropy: Entropy) -> tuple[Plan, bool]:
    """Inside a transaction; returns the plan and whether it is new. Raises InvalidInput where the reference
    is taken by other content."""
    there = find(new.tenant_id, new.reference)
    if there is not None:
        if {name: getattr(there, name) for name in new.columns} == new.columns:
            return there, False
        raise InvalidInput(
            "WB-PLAN-TAKEN", f"there is a plan {new.reference!r} with other content", field="reference"
        )
    row = {"id": new_id(PLAN, now, entropy), "tenant_id": new.tenant_id, "reference": new.reference}
    Table.insert(row | new.columns | {"created_at": now}).execute()
    _audit(new.tenant_id, row["id"], "plan.added", {"reference": new.reference} | new.columns, actor, now)
    return get(new.tenant_id, row["id"]), True


def change(plan: Plan, new: NewPlan, *, actor: str, now: datetime) -> Plan:
    """Inside a transaction, in the tenant's turn: the plan becomes `new`, for every period that is not billed
    yet. Raises InvalidInput where that cannot be done to those who have subscribed."""
    changed = {name: value for name, value in new.columns.items() if getattr(plan, name) != value}
    if not changed:
        return plan
    if count_subscribed(plan.id):
        _check_subscribed(plan, new)
    Table.update(changed).where(Table.id == plan.id).execute()
    if "every" in changed or "unit" in changed:
        # The new interval is counted from the first day that is not billed.
        Subscription.update(anchored_on=Subscription.next_on).where(Subscription.plan_id == plan.id).execute()
    _audit(plan.tenant_id, plan.id, "plan.changed", {"reference": plan.reference} | changed, actor, now)
    return get(plan.tenant_id, plan.id)


def _check_subscribed(plan: Plan, new: NewPlan) -> None:
    both_calendar = new.unit.is_calendar and Unit(plan.unit).is_calendar
    if new.unit != plan.unit and not both_calendar:
        raise InvalidInput(
            "WB-INPUT", f"unit: customers subscribe to it by {plan.unit}; make another plan", field="unit"
        )
    if new.currency != plan.currency:
        raise InvalidInput(
            "WB-INPUT", "currency: customers subscribe to it; make another plan", field="currency"
        )
    priced = (Subscription.plan_id == plan.id) & Subscription.net_minor.is_null(False)
    if len(new.lines) > 1 and Subscription.select().where(priced).exists():
        raise InvalidInput(
            "WB-INPUT", "lines: some subscriptions have a price of their own for its one line", field="lines"
        )


def end(plan: Plan, *, actor: str, now: datetime) -> Plan:
    """Inside a transaction: nobody can subscribe any more; who has, goes on."""
    if plan.ended_at is None:
        Table.update(ended_at=now).where(Table.id == plan.id).execute()
        _audit(plan.tenant_id, plan.id, "plan.ended", {"reference": plan.reference}, actor, now)
    return get(plan.tenant_id, plan.id)


def find(tenant_id: str, name: str) -> Plan | None:
    """By our id or the tenant's reference."""
    return Plan.first((Table.tenant_id == tenant_id) & ((Table.id == name) | (Table.reference == name)))


def get(tenant_id: str, name: str) -> Plan:
    """As find; raises NotFound."""
    found = find(tenant_id, name)
    if found is None:
        raise NotFound("plan", name)
    return found


def listing(tenant_id: str) -> list[Plan]:
    return list(Plan.select(Table.tenant_id == tenant_id, order=Table.reference))


def by_ids(ids: set[str]) -> dict[str, Plan]:
    return {row.id: row for row in Plan.by("id", sorted(ids))}


def count_subscribed(plan_id: str) -> int:
    return int(Subscription.select().where(Subscription.plan_id == plan_id).count())


def counts(tenant_id: str) -> dict[str, int]:
    """Subscriptions of each plan (id) that have something to be billed yet."""
    going = Subscription.ends_on.is_null() | (Subscription.ends_on >= Subscription.next_on)
    rows: Any = (
        Subscription.select(Subscription.plan_id, pw.fn.COUNT(Subscription.id))
        .where((Subscription.tenant_id == tenant_id) & going)
        .group_by(Subscription.plan_id)
        .tuples()
    )
    return dict(rows)


def _audit(
    tenant_id: str, plan_id: str, action: str, data: Mapping[str, Any], actor: str, now: datetime
) -> None:
    audit.append(tenant_id, actor=actor, action=action, subject=plan_id, data=dict(data), now=now)
