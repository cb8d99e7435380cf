"""A change of service says over which invoices it was made."""

from __future__ import annotations

from typing import Any

DDL = """
ALTER TABLE service_move ADD COLUMN invoices TEXT NOT NULL DEFAULT '[]';
ALTER TABLE service_move ADD COLUMN event_id BIGINT
"""


def up(migrator: Any, db: Any) -> None:
    for statement in DDL.split(";\n"):
        db.execute_sql(statement)
