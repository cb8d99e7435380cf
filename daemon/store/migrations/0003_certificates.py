"""Certificates that webhooks are signed with; the calls of a month under an app."""

from __future__ import annotations

from typing import Any

DDL = """
CREATE TABLE certificate (
    integration_id TEXT NOT NULL REFERENCES integration (id),
    url TEXT NOT NULL,
    pem TEXT,
    wanted_at BIGINT NOT NULL,
    fetched_at BIGINT,
    tried_at BIGINT,
    fault TEXT,
    PRIMARY KEY (integration_id, url)
);
CREATE TABLE app_usage (
    app_id TEXT NOT NULL REFERENCES app (id),
    name TEXT NOT NULL,
    month TEXT NOT NULL,
    calls BIGINT NOT NULL,
    PRIMARY KEY (app_id, name, month)
)
"""


def up(migrator: Any, db: Any) -> None:
    for statement in DDL.split(";\n"):
        db.execute_sql(statement)
