"""Schema: what the migrations made is what the tables say, on both databases."""

from __future__ import annotations

import peewee as pw
import pytest
from playhouse.schema_diff import diff_models

from daemon.errors import StoreError
from daemon.store import migrate, tables
from daemon.store.database import Store

PARTIAL = {
    "integration_account",
    "link_unassigned",
    "link_unsent",
    "hint_waiting",
    "app_client",
    "event_unstamped",
    "alert_open",
    "link_faulted",
    "month_close_counts",
}
"""Indexes with a WHERE, which a table cannot declare alike for both databases."""


def test_the_migrations_make_the_tables_that_the_code_knows(store: Store) -> None:
    lines = str(diff_models(store.db, list(tables.ALL))).splitlines()

    assert [line for line in lines if not any(name in line for name in PARTIAL)] == []


def test_the_partial_indexes_are_there(store: Store) -> None:
    names = {i.name for model in tables.ALL for i in store.db.get_indexes(model._meta.table_name)}

    assert names >= PARTIAL


def test_what_may_be_absent_is_the_same_in_tables_and_database(store: Store) -> None:
    for model in tables.ALL:
        for column in store.db.get_columns(model._meta.table_name):
            field = model._meta.columns[column.name]
            optional = column.null and not column.primary_key
            assert (model.__name__, column.name, optional) == (model.__name__, column.name, field.null)


def test_nothing_is_pending_after_an_upgrade(store: Store) -> None:
    assert migrate.pending(store) == []
    assert migrate.upgrade(store) == []
    migrate.require_current(store)


def test_a_database_of_a_newer_wispbill_is_refused(store: Store) -> None:
    store.db.execute_sql("INSERT INTO schema_migration (name, applied) VALUES ('9999_later', '2026-03-02')")
    try:
        with pytest.raises(StoreError) as caught:
            migrate.require_current(store)
        assert caught.value.code == "WB-DB-NEWER"
    finally:
        store.db.execute_sql("DELETE FROM schema_migration WHERE name = '9999_later'")


def test_rows_that_point_nowhere_are_refused(store: Store) -> None:
    with pytest.raises(pw.IntegrityError):
        store.write(
            "test",
            lambda: tables.Payer.insert(
                id="wbp_1",
                tenant_id="wbt_1",
                integration_id="wbn_none",
                customer_id="wbc_none",
                external_id="cus_1",
                origin="created",
                created_at=store.clock.now(),
            ).execute(),
        )
