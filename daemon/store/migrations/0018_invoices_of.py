"""One customer's invoices, newest first, among all of a tenant's: a list that their own pages ask for."""

from __future__ import annotations

from typing import Any


def up(migrator: Any, db: Any) -> None:
    db.execute_sql("CREATE INDEX invoice_tenant_id_customer_id_id ON invoice (tenant_id, customer_id, id)")
