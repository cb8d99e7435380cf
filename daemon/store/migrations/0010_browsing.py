"""Sessions of browsers, and the links that begin them."""

from __future__ import annotations

from typing import Any

DDL = """
CREATE TABLE web_session (
    id TEXT PRIMARY KEY,
    hash TEXT NOT NULL,
    face TEXT NOT NULL,
    tenant_id TEXT NOT NULL,
    customer_id TEXT,
    user_id TEXT,
    role TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    client TEXT NOT NULL,
    said TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    idle_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE UNIQUE INDEX web_session_hash ON web_session (hash);
CREATE INDEX web_session_tenant_id_face_id ON web_session (tenant_id, face, id);
CREATE INDEX web_session_expires_at ON web_session (expires_at);
CREATE TABLE portal_link (
    id TEXT PRIMARY KEY,
    hash TEXT NOT NULL,
    tenant_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    page TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    session_id TEXT
);
CREATE UNIQUE INDEX portal_link_hash ON portal_link (hash);
CREATE INDEX portal_link_expires_at ON portal_link (expires_at)
"""


def up(migrator: Any, db: Any) -> None:
    for statement in DDL.split(";\n"):
        db.execute_sql(statement)
