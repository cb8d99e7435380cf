"""What is not at its provider yet: few rows among many, found without looking through all of them."""

from __future__ import annotations

from typing import Any

DDL = """
CREATE INDEX link_unassigned ON link (tenant_id) WHERE integration_id IS NULL;
CREATE INDEX link_unsent ON link (integration_id, state, invoice_id) WHERE state <> 'synced'
"""


def up(migrator: Any, db: Any) -> None:
    for statement in DDL.split(";\n"):
        db.execute_sql(statement)
