"""The first schema."""

from __future__ import annotations

from typing import Any

import peewee as pw

DDL = """
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
CREATE TABLE tenant (
    id TEXT PRIMARY KEY,
    reference TEXT NOT NULL,
    name TEXT NOT NULL,
    zone TEXT NOT NULL,
    currency TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX tenant_reference ON tenant (reference);
CREATE TABLE customer (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL REFERENCES tenant (id),
    reference TEXT NOT NULL,
    name TEXT NOT NULL,
    email TEXT,
    phone TEXT,
    address TEXT NOT NULL,
    may_connect BOOLEAN NOT NULL,
    service_status TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX customer_tenant_id_reference ON customer (tenant_id, reference);
CREATE TABLE integration (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL REFERENCES tenant (id),
    customer_id TEXT REFERENCES customer (id),
    provider TEXT NOT NULL,
    mode TEXT NOT NULL,
    label TEXT NOT NULL,
    state TEXT NOT NULL,
    account_id TEXT,
    account_name TEXT,
    settings TEXT NOT NULL,
    create_automatically BOOLEAN NOT NULL,
    pull_status BOOLEAN NOT NULL,
    pace TEXT NOT NULL,
    approved BOOLEAN NOT NULL,
    base_url TEXT,
    fault_code TEXT,
    fault_text TEXT,
    fault_at BIGINT,
    cursor TEXT,
    next_poll_at BIGINT,
    resume_at BIGINT,
    polled_at BIGINT,
    pushed_at BIGINT,
    tested_at BIGINT,
    test_missing TEXT NOT NULL,
    budget TEXT NOT NULL,
    breaker TEXT NOT NULL,
    brake TEXT,
    lease_owner TEXT,
    lease_until BIGINT,
    fence BIGINT NOT NULL,
    webhook_id TEXT,
    webhook_url TEXT,
    webhook_seen_at BIGINT,
    created_at BIGINT NOT NULL,
    removed_at BIGINT
);
CREATE INDEX integration_tenant_id_customer_id ON integration (tenant_id, customer_id);
CREATE INDEX integration_state_next_poll_at ON integration (state, next_poll_at);
CREATE TABLE vault_key (
    id BIGINT PRIMARY KEY,
    check_value TEXT NOT NULL,
    active BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE secret (
    id {serial},
    tenant_id TEXT NOT NULL,
    integration_id TEXT NOT NULL REFERENCES integration (id),
    field TEXT NOT NULL,
    blob {blob} NOT NULL,
    key_id BIGINT NOT NULL,
    quarantined_at BIGINT,
    updated_at BIGINT NOT NULL
);
CREATE INDEX secret_key_id ON secret (key_id);
CREATE UNIQUE INDEX secret_integration_id_field ON secret (integration_id, field);
CREATE TABLE payer (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    integration_id TEXT NOT NULL REFERENCES integration (id),
    customer_id TEXT NOT NULL REFERENCES customer (id),
    external_id TEXT NOT NULL,
    origin TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX payer_integration_id_customer_id ON payer (integration_id, customer_id);
CREATE TABLE invoice (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL REFERENCES tenant (id),
    customer_id TEXT NOT NULL REFERENCES customer (id),
    number TEXT NOT NULL,
    reference TEXT NOT NULL,
    currency TEXT NOT NULL,
    total_minor BIGINT NOT NULL,
    issued_on TEXT NOT NULL,
    due_on TEXT NOT NULL,
    memo TEXT,
    digest TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    payment_status TEXT NOT NULL,
    paid_minor BIGINT NOT NULL,
    due_minor BIGINT NOT NULL,
    refunded_minor BIGINT NOT NULL,
    paid_at BIGINT,
    payment_method TEXT,
    transaction_id TEXT,
    status_at BIGINT NOT NULL
);
CREATE INDEX invoice_customer_id ON invoice (customer_id);
CREATE UNIQUE INDEX invoice_tenant_id_number ON invoice (tenant_id, number);
CREATE UNIQUE INDEX invoice_tenant_id_reference ON invoice (tenant_id, reference);
CREATE INDEX invoice_tenant_id_payment_status_due_on ON invoice (tenant_id, payment_status, due_on);
CREATE TABLE line (
    invoice_id TEXT NOT NULL REFERENCES invoice (id),
    position INTEGER NOT NULL,
    description TEXT NOT NULL,
    net_minor BIGINT NOT NULL,
    tax_minor BIGINT NOT NULL,
    tax_rate TEXT,
    quantity TEXT,
    PRIMARY KEY (invoice_id, position)
);
CREATE TABLE link (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    invoice_id TEXT NOT NULL REFERENCES invoice (id),
    integration_id TEXT REFERENCES integration (id),
    state TEXT NOT NULL,
    reference TEXT,
    external_id TEXT,
    external_number TEXT,
    attempts INTEGER NOT NULL,
    first_tried_at BIGINT,
    next_push_at BIGINT,
    void_requested_at BIGINT,
    pushed_at BIGINT,
    fault_code TEXT,
    fault_text TEXT,
    doc_status TEXT,
    digest TEXT,
    as_of BIGINT,
    version BIGINT,
    observed_at BIGINT,
    last_pulled_at BIGINT,
    next_pull_at BIGINT,
    pay_url TEXT,
    pdf_url TEXT,
    view_url TEXT
);
CREATE UNIQUE INDEX link_invoice_id ON link (invoice_id);
CREATE UNIQUE INDEX link_integration_id_external_id ON link (integration_id, external_id);
CREATE INDEX link_integration_id_next_push_at ON link (integration_id, next_push_at);
CREATE INDEX link_integration_id_next_pull_at ON link (integration_id, next_pull_at);
CREATE INDEX link_integration_id_reference ON link (integration_id, reference);
CREATE INDEX link_tenant_id_state ON link (tenant_id, state);
CREATE TABLE step (
    id {serial},
    tenant_id TEXT NOT NULL,
    integration_id TEXT NOT NULL REFERENCES integration (id),
    subject TEXT NOT NULL,
    operation TEXT NOT NULL,
    revision INTEGER NOT NULL,
    state TEXT NOT NULL,
    key TEXT NOT NULL,
    send_no INTEGER NOT NULL,
    body TEXT NOT NULL,
    result TEXT,
    key_first_sent_at BIGINT,
    first_sent_at BIGINT,
    last_sent_at BIGINT,
    attempts INTEGER NOT NULL,
    replayed BOOLEAN NOT NULL,
    ambiguous BOOLEAN NOT NULL,
    fault_code TEXT,
    fault_text TEXT
);
CREATE UNIQUE INDEX step_integration_id_subject_operation_revision ON step (integration_id, subject, operation, revision);
CREATE TABLE observation (
    id {serial},
    tenant_id TEXT NOT NULL,
    link_id TEXT NOT NULL REFERENCES link (id),
    read_at BIGINT NOT NULL,
    doc_status TEXT NOT NULL,
    paid_minor BIGINT,
    as_of BIGINT,
    raw TEXT NOT NULL
);
CREATE INDEX observation_link_id ON observation (link_id);
CREATE INDEX observation_read_at ON observation (read_at);
CREATE TABLE payment (
    id {serial},
    tenant_id TEXT NOT NULL,
    integration_id TEXT NOT NULL REFERENCES integration (id),
    invoice_id TEXT NOT NULL REFERENCES invoice (id),
    external_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    revision INTEGER NOT NULL,
    amount_minor BIGINT NOT NULL,
    currency TEXT NOT NULL,
    at BIGINT,
    method TEXT,
    transaction_id TEXT,
    reverses TEXT,
    observation_id BIGINT,
    seen_at BIGINT NOT NULL
);
CREATE INDEX payment_invoice_id ON payment (invoice_id);
CREATE UNIQUE INDEX payment_integration_id_external_id_invoice_id_kind_revision ON payment (integration_id, external_id, invoice_id, kind, revision);
CREATE TABLE hint (
    id {serial},
    tenant_id TEXT NOT NULL,
    integration_id TEXT NOT NULL REFERENCES integration (id),
    event_id TEXT NOT NULL,
    ref TEXT,
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE UNIQUE INDEX hint_integration_id_event_id ON hint (integration_id, event_id);
CREATE INDEX hint_integration_id_used_at ON hint (integration_id, used_at);
CREATE TABLE event (
    id {serial},
    tenant_id TEXT NOT NULL,
    type TEXT NOT NULL,
    customer_id TEXT,
    invoice_id TEXT,
    integration_id TEXT,
    data TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX event_invoice_id ON event (invoice_id);
CREATE INDEX event_tenant_id_id ON event (tenant_id, id);
CREATE TABLE audit (
    id {serial},
    tenant_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    data TEXT NOT NULL,
    prev TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE UNIQUE INDEX audit_tenant_id_seq ON audit (tenant_id, seq);
CREATE TABLE run (
    id {serial},
    job TEXT NOT NULL,
    integration_id TEXT,
    period TEXT,
    started_at BIGINT NOT NULL,
    finished_at BIGINT,
    counts TEXT NOT NULL,
    fault_code TEXT,
    fault_text TEXT
);
CREATE UNIQUE INDEX run_job_period ON run (job, period);
CREATE INDEX run_integration_id_job_started_at ON run (integration_id, job, started_at)
;
CREATE UNIQUE INDEX integration_account ON integration (provider, mode, account_id)
    WHERE removed_at IS NULL;
CREATE INDEX hint_waiting ON hint (integration_id, id) WHERE used_at IS NULL
"""

GUARD_SQLITE = """
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit chain is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit chain is append-only'); END
"""

GUARD_POSTGRES = """
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit chain is append-only'; END $$;
CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit
FOR EACH ROW EXECUTE FUNCTION audit_is_append_only()
"""

SQLITE = {"serial": "INTEGER PRIMARY KEY AUTOINCREMENT", "blob": "BLOB"}
POSTGRES = {"serial": "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY", "blob": "BYTEA"}


def up(migrator: Any, db: Any) -> None:
    sqlite = isinstance(db, pw.SqliteDatabase)
    for statement in DDL.format(**(SQLITE if sqlite else POSTGRES)).split(";\n"):
        db.execute_sql(statement)
    for statement in _split(GUARD_SQLITE if sqlite else GUARD_POSTGRES):
        db.execute_sql(statement)


def _split(script: str) -> list[str]:
    """Statements begin at a line that starts with CREATE."""
    return ["CREATE" + part.rstrip().removesuffix(";") for part in script.split("\nCREATE")[1:]]
