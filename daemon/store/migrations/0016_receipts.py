"""Payments that were made outside and entered here, and what the provider counted as paid then."""

from __future__ import annotations

from typing import Any

DDL = """
ALTER TABLE payment ADD COLUMN beside_minor BIGINT;
CREATE TABLE receipt (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    invoice_id TEXT NOT NULL REFERENCES invoice (id),
    place INTEGER NOT NULL,
    reference TEXT,
    amount_minor BIGINT NOT NULL,
    currency TEXT NOT NULL,
    method TEXT NOT NULL,
    paid_on TEXT NOT NULL,
    note TEXT NOT NULL,
    state TEXT NOT NULL,
    next_at BIGINT,
    attempts INTEGER NOT NULL,
    fault_code TEXT,
    fault_text TEXT,
    entered_by TEXT NOT NULL,
    entered_at BIGINT NOT NULL,
    settled_at BIGINT,
    settled_by TEXT
);
CREATE UNIQUE INDEX receipt_invoice_id_place ON receipt (invoice_id, place);
CREATE UNIQUE INDEX receipt_invoice_id_reference ON receipt (invoice_id, reference);
CREATE INDEX receipt_state_next_at ON receipt (state, next_at);
CREATE INDEX receipt_tenant_id_state ON receipt (tenant_id, state)
"""


def up(migrator: Any, db: Any) -> None:
    for statement in DDL.split(";\n"):
        db.execute_sql(statement)
