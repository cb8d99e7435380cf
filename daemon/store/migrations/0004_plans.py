"""Recurring plans, subscriptions to them, the periods that were billed, and the counters of numbers."""

from __future__ import annotations

from typing import Any

DDL = """
CREATE TABLE plan (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL REFERENCES tenant (id),
    reference TEXT NOT NULL,
    name TEXT NOT NULL,
    currency TEXT NOT NULL,
    lines TEXT NOT NULL,
    every INTEGER NOT NULL,
    unit TEXT NOT NULL,
    due_days INTEGER NOT NULL,
    ahead_days INTEGER NOT NULL,
    proration TEXT NOT NULL,
    memo TEXT,
    created_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE UNIQUE INDEX plan_tenant_id_reference ON plan (tenant_id, reference);
CREATE TABLE subscription (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL REFERENCES tenant (id),
    customer_id TEXT NOT NULL REFERENCES customer (id),
    plan_id TEXT NOT NULL REFERENCES plan (id),
    reference TEXT NOT NULL,
    start_on TEXT NOT NULL,
    ends_on TEXT,
    anchored_on TEXT NOT NULL,
    anchor_day INTEGER NOT NULL,
    quantity INTEGER NOT NULL,
    net_minor BIGINT,
    tax_minor BIGINT,
    next_on TEXT NOT NULL,
    paused_on TEXT,
    fault_code TEXT,
    fault_text TEXT,
    fault_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX subscription_customer_id ON subscription (customer_id);
CREATE UNIQUE INDEX subscription_tenant_id_reference ON subscription (tenant_id, reference);
CREATE INDEX subscription_plan_id_next_on_reference ON subscription (plan_id, next_on, reference);
CREATE TABLE billed_period (
    subscription_id TEXT NOT NULL REFERENCES subscription (id),
    start_on TEXT NOT NULL,
    last_on TEXT NOT NULL,
    tenant_id TEXT NOT NULL,
    invoice_id TEXT REFERENCES invoice (id),
    billed_at BIGINT NOT NULL,
    PRIMARY KEY (subscription_id, start_on)
);
CREATE UNIQUE INDEX billed_period_invoice_id ON billed_period (invoice_id);
CREATE TABLE numbering (
    tenant_id TEXT PRIMARY KEY REFERENCES tenant (id),
    format TEXT NOT NULL
);
CREATE TABLE counter (
    tenant_id TEXT NOT NULL REFERENCES tenant (id),
    year INTEGER NOT NULL,
    last BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, year)
)
"""


def up(migrator: Any, db: Any) -> None:
    for statement in DDL.split(";\n"):
        db.execute_sql(statement)
