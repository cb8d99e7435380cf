"""Audit: a chain for each tenant, that nobody bends unnoticed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import peewee as pw
import pytest

from daemon.store import audit
from daemon.store.database import Store
from daemon.store.tables import Audit


def add(store: Store, tenant_id: str, action: str = "invoice.added") -> None:
    store.write(
        "test",
        lambda: audit.append(
            tenant_id,
            actor="test",
            action=action,
            subject="wbi_1",
            data={"n": 1},
            now=store.clock.now(),
        ),
    )


def tamper(store: Store, sql: str) -> None:
    """As somebody with the database file, or the server's password, could."""
    if store.is_sqlite:
        store.db.execute_sql("DROP TRIGGER audit_no_update")
        store.db.execute_sql("DROP TRIGGER audit_no_delete")
        store.db.execute_sql(sql)
    else:
        store.db.execute_sql(
            f"SET session_replication_role = replica; {sql}; SET session_replication_role = origin"
        )


def test_an_untouched_chain_verifies(store: Store) -> None:
    for tenant in ("wbt_a", "wbt_b", "wbt_a", audit.PLATFORM):
        add(store, tenant)

    assert audit.verify() == (4, [])
    assert {tenant: seq for tenant, (seq, _hash) in audit.heads().items()} == {"wbt_a": 2, "wbt_b": 1, "*": 1}


@pytest.mark.parametrize(
    ("sql", "seq", "reason"),
    [
        ("UPDATE audit SET actor = 'nobody' WHERE seq = 2", 2, "it was changed"),
        ("UPDATE audit SET data = '{}' WHERE seq = 3", 3, "it was changed"),
        ("DELETE FROM audit WHERE seq = 2", 3, "row 2 is missing"),
        ("UPDATE audit SET prev = hash WHERE seq = 2", 2, "it does not follow the row before it"),
    ],
)
def test_a_bent_chain_is_named_by_its_first_bad_row(store: Store, sql: str, seq: int, reason: str) -> None:
    for _ in range(4):
        add(store, "wbt_a")
    add(store, "wbt_b")
    tamper(store, sql)

    _count, broken = audit.verify()

    assert [(b.tenant_id, b.seq, b.reason) for b in broken] == [("wbt_a", seq, reason)]


@pytest.mark.parametrize("change", [Audit.update(actor="nobody"), Audit.delete()])
def test_the_database_itself_refuses_to_change_what_was_written(store: Store, change: pw.ModelUpdate) -> None:
    add(store, "wbt_a")

    with pytest.raises((pw.IntegrityError, pw.InternalError, pw.DatabaseError), match="append-only"):
        store.write("test", change.execute)

    assert audit.verify() == (1, [])


def test_a_change_that_is_rolled_back_leaves_no_row(store: Store) -> None:
    def work() -> None:
        audit.append("wbt_a", actor="t", action="x", subject="s", data={}, now=store.clock.now())
        raise KeyError

    with pytest.raises(KeyError):
        store.write("test", work)

    assert audit.verify() == (0, [])


@pytest.mark.postgres
def test_two_processes_append_to_one_chain_side_by_side(postgres_store: Store) -> None:
    """Transactions of their own, not ordered by this process's write lock."""
    store = postgres_store

    def append(n: int) -> None:
        with store.session(), store.db.atomic():
            audit.append("wbt_a", actor="t", action=str(n), subject="s", data={}, now=store.clock.now())

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(append, range(30)))

    assert audit.verify() == (30, [])
