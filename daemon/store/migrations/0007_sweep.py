"""The nightly comparison: how far it is at each integration, what it compared, and what it found."""

from __future__ import annotations

from typing import Any

DDL = """
CREATE TABLE sweep (
    integration_id TEXT PRIMARY KEY REFERENCES integration (id),
    tenant_id TEXT NOT NULL,
    period TEXT,
    asked_at BIGINT,
    started_at BIGINT,
    listed_at BIGINT,
    finished_at BIGINT,
    resume_at BIGINT,
    proven_at BIGINT
);
CREATE TABLE swept (
    link_id TEXT PRIMARY KEY REFERENCES link (id),
    at BIGINT NOT NULL
);
CREATE TABLE difference (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    integration_id TEXT NOT NULL REFERENCES integration (id),
    kind TEXT NOT NULL,
    ref TEXT NOT NULL,
    link_id TEXT REFERENCES link (id),
    invoice_id TEXT REFERENCES invoice (id),
    fingerprint TEXT NOT NULL,
    amount_minor BIGINT,
    currency TEXT,
    sentence TEXT NOT NULL,
    command TEXT NOT NULL,
    times INTEGER NOT NULL,
    found_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    settled_at BIGINT,
    settled_by TEXT,
    note TEXT
);
CREATE UNIQUE INDEX difference_integration_id_kind_ref ON difference (integration_id, kind, ref);
CREATE INDEX difference_tenant_id_settled_at ON difference (tenant_id, settled_at);
CREATE INDEX difference_link_id ON difference (link_id)
"""


def up(migrator: Any, db: Any) -> None:
    for statement in DDL.split(";\n"):
        db.execute_sql(statement)
