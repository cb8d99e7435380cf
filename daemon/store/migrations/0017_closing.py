"""Closed months, what the provider's document comes to, and what the reports look rows up by."""

from __future__ import annotations

from typing import Any

DDL = """
ALTER TABLE link ADD COLUMN provider_total_minor BIGINT;
CREATE TABLE month_close (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL REFERENCES tenant (id),
    month TEXT NOT NULL,
    sums TEXT NOT NULL,
    verdict TEXT NOT NULL,
    note TEXT,
    closed_by TEXT NOT NULL,
    closed_at BIGINT NOT NULL,
    reopened_by TEXT,
    reopened_at BIGINT,
    reason TEXT
);
CREATE INDEX month_close_tenant_id_month ON month_close (tenant_id, month);
CREATE UNIQUE INDEX month_close_counts ON month_close (tenant_id, month) WHERE reopened_at IS NULL;
CREATE INDEX payment_tenant_id_seen_at ON payment (tenant_id, seen_at);
CREATE INDEX invoice_tenant_id_issued_on ON invoice (tenant_id, issued_on)
"""


def up(migrator: Any, db: Any) -> None:
    for statement in DDL.split(";\n"):
        db.execute_sql(statement)
