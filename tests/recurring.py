"""Plans and subscribers for tests, and what the books hold afterwards."""

from __future__ import annotations

import threading
from typing import Any

from daemon.house import House
from daemon.jobs import subscribing
from daemon.settings import Settings
from daemon.store import plans, records, subscriptions
from daemon.store.database import Store
from daemon.store.recurring import Plan, Subscription
from daemon.store.secrets import Safe
from daemon.store.tables import BilledPeriod, Invoice, Line
from daemon.vault import MasterKeys, Vault
from tests.builders import ACTOR
from tests.fakes import FrozenClock, SeededEntropy, Shop

NET = {"description": "Internet 100/20", "amount": "50.00", "tax": "9.50", "tax_rate": "VAT 19"}


def a_house(store: Store, clock: FrozenClock, entropy: SeededEntropy, name: str = "test:1") -> House:
    stop = threading.Event()
    vault = Vault(MasterKeys.generate(entropy), entropy)
    return House(
        settings=Settings(),
        store=store,
        safe=Safe(store, vault),
        providers=Shop(clock, stop),
        clock=clock,
        entropy=entropy,
        name=name,
        stop=stop,
    )


def a_plan(store: Store, tenant: records.Tenant, **given: Any) -> Plan:
    raw = {"reference": "basic", "lines": [NET]} | given
    new = subscribing.read_plan(tenant, raw)
    return store.write(
        "test", lambda: plans.add(new, actor=ACTOR, now=store.clock.now(), entropy=store.entropy)
    )[0]


def change(store: Store, tenant: records.Tenant, plan: Plan, **given: Any) -> Plan:
    new = subscribing.read_plan(tenant, subscribing.as_given(plan) | given)
    return store.write("test", lambda: plans.change(plan, new, actor=ACTOR, now=store.clock.now()))


def subscribe(
    store: Store, tenant: records.Tenant, customer: records.Customer, plan: Plan, start: str, **given: Any
) -> Subscription:
    raw = {"customer": customer.id, "plan": plan.id, "start": start} | given
    new = subscribing.read_subscription(tenant, raw, store.clock.now().date())
    return store.write(
        "test", lambda: subscriptions.add(new, actor=ACTOR, now=store.clock.now(), entropy=store.entropy)
    )[0]


def numbers() -> list[str]:
    return sorted(row.number for row in Invoice.select())


def billed() -> list[tuple[str, str, str, int]]:
    """Subscription, first and last day, total in minor units; by subscription and day."""
    rows = (
        BilledPeriod.select(BilledPeriod, Invoice.total_minor)
        .join(Invoice, on=(Invoice.id == BilledPeriod.invoice_id))
        .order_by(BilledPeriod.subscription_id, BilledPeriod.start_on)
        .objects()
    )
    return [(row.subscription_id, str(row.start_on), str(row.last_on), row.total_minor) for row in rows]


def lines() -> list[tuple[str, int, int]]:
    """Description, net and tax of every line."""
    rows = Line.select().order_by(Line.invoice_id, Line.position)
    return [(row.description, row.net_minor, row.tax_minor) for row in rows]
