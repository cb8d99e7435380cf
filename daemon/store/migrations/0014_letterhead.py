"""What stands at the head of a tenant's invoices on paper."""

from __future__ import annotations

from typing import Any


def up(migrator: Any, db: Any) -> None:
    db.execute_sql("ALTER TABLE tenant ADD COLUMN letterhead TEXT NOT NULL DEFAULT '{}'")
