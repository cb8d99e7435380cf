"""Switching the provider: which integration serves, stands by or leaves, and whom it follows."""

from __future__ import annotations

from typing import Any

DDL = """
ALTER TABLE integration ADD COLUMN duty TEXT NOT NULL DEFAULT 'serves';
ALTER TABLE integration ADD COLUMN follows_id TEXT;
ALTER TABLE consent ADD COLUMN beside_id TEXT;
UPDATE integration SET duty = 'leaves' WHERE state IN ('draining', 'removed')
"""


def up(migrator: Any, db: Any) -> None:
    for statement in DDL.split(";\n"):
        db.execute_sql(statement)
