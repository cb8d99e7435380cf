"""What was refused, or could not be voided, without a walk over all that went well."""

from __future__ import annotations

from typing import Any


def up(migrator: Any, db: Any) -> None:
    db.execute_sql(
        "CREATE INDEX link_faulted ON link (tenant_id, state) "
        "WHERE fault_code IS NOT NULL AND void_requested_at IS NULL"
    )
