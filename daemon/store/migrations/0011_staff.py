"""Staff: who may sign in at the dashboard."""

from __future__ import annotations

from typing import Any

DDL = """
CREATE TABLE staff (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    password TEXT,
    subject TEXT,
    by_claim BOOLEAN NOT NULL,
    epoch INTEGER NOT NULL,
    places TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    password_at BIGINT,
    signed_in_at BIGINT,
    disabled_at BIGINT
);
CREATE INDEX staff_tenant_id ON staff (tenant_id);
CREATE UNIQUE INDEX staff_email ON staff (email);
CREATE UNIQUE INDEX staff_subject ON staff (subject)
"""


def up(migrator: Any, db: Any) -> None:
    for statement in DDL.split(";\n"):
        db.execute_sql(statement)
