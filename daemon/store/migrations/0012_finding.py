"""Indices of what people look for: lists, searches, and the story of one invoice."""

from __future__ import annotations

from typing import Any

DDL = """
CREATE INDEX invoice_tenant_id_id ON invoice (tenant_id, id);
CREATE INDEX invoice_tenant_id_payment_status_id ON invoice (tenant_id, payment_status, id);
DROP INDEX link_tenant_id_state;
CREATE INDEX link_tenant_id_state_invoice_id ON link (tenant_id, state, invoice_id);
CREATE INDEX link_integration_id_state ON link (integration_id, state);
CREATE INDEX payment_tenant_id_transaction_id ON payment (tenant_id, transaction_id);
CREATE INDEX hint_integration_id_ref ON hint (integration_id, ref);
CREATE INDEX hint_tenant_id_id ON hint (tenant_id, id);
CREATE INDEX audit_tenant_id_object ON audit (tenant_id, object)
"""


def up(migrator: Any, db: Any) -> None:
    for statement in DDL.split(";\n"):
        db.execute_sql(statement)
