"""Subscriptions that change: ended, paused, resumed, skipped, adjusted. For every face."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from daemon.errors import InvalidInput
from daemon.house import House
from daemon.jobs.intake import today_of
from daemon.jobs.subscribing import own_price
from daemon.store import billing, plans, records, subscriptions
from daemon.store.recurring import Subscription

Changes = Callable[[Subscription, date], dict[str, Any]]
"""What becomes of a subscription on the tenant's today; raises InvalidInput."""

UNHELD: dict[str, Any] = {"fault_code": None, "fault_text": None, "fault_at": None}
"""It waits for nobody any more; what still keeps it from being billed is said again by the next run."""


def change(
    house: House, tenant: records.Tenant, name: str, action: str, changes: Changes, *, actor: str
) -> Subscription:
    """Read and changed in one transaction, while nobody bills. Raises NotFound, or what `changes` raises."""
    now = house.clock.now()

    def work() -> Subscription:
        billing.take_turns(tenant.id)
        row = subscriptions.get(tenant.id, name)
        made = changes(row, today_of(tenant, now))
        return subscriptions.change(row, made, action=action, actor=actor, now=now)

    return house.store.write(action, work)


def end(house: House, tenant: records.Tenant, name: str, *, on: date | None, actor: str) -> Subscription:
    """With this day, else with today; what was billed stays as it is."""

    def changes(row: Subscription, today: date) -> dict[str, Any]:
        last = on or today
        if last < row.start_on:
            raise InvalidInput("WB-INPUT", f"on: it starts on {row.start_on} only", field="on")
        return {"ends_on": last} | UNHELD

    return change(house, tenant, name, "subscription.ended", changes, actor=actor)


def pause(house: House, tenant: records.Tenant, name: str, *, actor: str) -> Subscription:
    """The days until it is resumed are never billed."""

    def changes(row: Subscription, today: date) -> dict[str, Any]:
        return {"paused_on": row.paused_on or today} | UNHELD

    return change(house, tenant, name, "subscription.paused", changes, actor=actor)


def resume(house: House, tenant: records.Tenant, name: str, *, on: date | None, actor: str) -> Subscription:
    """From this day on, else from today."""

    def changes(row: Subscription, today: date) -> dict[str, Any]:
        if row.paused_on is None:
            raise InvalidInput("WB-INPUT", f"{row.reference} is not paused")
        return {"paused_on": None, "next_on": max(row.next_on, on or today)} | UNHELD

    return change(house, tenant, name, "subscription.resumed", changes, actor=actor)


def skip(house: House, tenant: records.Tenant, name: str, *, to: date, actor: str) -> Subscription:
    """The days before this one are never billed."""

    def changes(row: Subscription, _today: date) -> dict[str, Any]:
        if to <= row.next_on:
            raise InvalidInput("WB-INPUT", f"to: it is billed from {row.next_on} on anyway", field="to")
        return {"next_on": to} | UNHELD

    return change(house, tenant, name, "subscription.skipped", changes, actor=actor)


def adjust(
    house: House,
    tenant: records.Tenant,
    name: str,
    *,
    quantity: int | None = None,
    amount: str | None = None,
    tax: str | None = None,
    plan_price: bool = False,
    actor: str,
) -> Subscription:
    """For every period that is not billed yet: how many times the plan, and a price of its own (net, for a
    whole period) or the plan's again."""
    if (quantity is None and amount is None and not plan_price) or (plan_price and amount is not None):
        raise InvalidInput("WB-INPUT", "say what to change: quantity, amount or the plan's price")
    if tax is not None and amount is None:
        raise InvalidInput("WB-INPUT", "tax: there is no amount that it is on", field="tax")

    def changes(row: Subscription, _today: date) -> dict[str, Any]:
        changed: dict[str, Any] = {} if quantity is None else {"quantity": quantity}
        if plan_price:
            changed |= {"net_minor": None, "tax_minor": None}
        if amount is not None:
            price = own_price(plans.get(row.tenant_id, row.plan_id), amount, tax)
            changed |= {"net_minor": price.net.minor, "tax_minor": price.tax.minor}
        return changed

    return change(house, tenant, name, "subscription.adjusted", changes, actor=actor)
