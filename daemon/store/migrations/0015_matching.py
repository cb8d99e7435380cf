"""Who of a provider's customers is proposed for whom of ours, and what people said to it."""

from __future__ import annotations

from typing import Any

DDL = """
CREATE TABLE matching (
    integration_id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    payers INTEGER NOT NULL,
    begun_at BIGINT NOT NULL,
    listed_at BIGINT NOT NULL,
    listed_by TEXT NOT NULL
);
CREATE TABLE proposal (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    integration_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    external_id TEXT,
    score INTEGER NOT NULL,
    reasons TEXT NOT NULL,
    shown TEXT NOT NULL,
    others TEXT NOT NULL,
    proof TEXT NOT NULL,
    found_at BIGINT NOT NULL,
    decision TEXT,
    decided_payer TEXT,
    decided_by TEXT,
    decided_at BIGINT
);
CREATE UNIQUE INDEX proposal_integration_id_customer_id ON proposal (integration_id, customer_id);
CREATE INDEX proposal_tenant_id_decided_at ON proposal (tenant_id, decided_at)
"""


def up(migrator: Any, db: Any) -> None:
    for statement in DDL.split(";\n"):
        db.execute_sql(statement)
