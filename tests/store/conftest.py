"""The same promises on SQLite and on a real PostgreSQL server, one for each worker of the test run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from daemon.store import database, migrate, tables
from daemon.store.database import Store
from tests import postgres
from tests.builders import Builders
from tests.fakes import FrozenClock, SeededEntropy


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A server with today's schema."""
    with postgres.server() as url:
        store = database.connect(url, clock=FrozenClock(), entropy=SeededEntropy())
        migrate.upgrade(store)
        store.close()
        yield url


@pytest.fixture
def postgres_store(postgres_url: str, clock: FrozenClock, entropy: SeededEntropy) -> Iterator[Store]:
    store = database.connect(postgres_url, clock=clock, entropy=entropy)
    emptied = "".join(f'DELETE FROM "{model._meta.table_name}";' for model in tables.ALL)
    # Without triggers: the audit refuses to be deleted, and rows go in no order.
    store.db.execute_sql(
        f"SET session_replication_role = replica; {emptied} SET session_replication_role = origin"
    )
    yield store
    store.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest) -> Store:
    found = request.getfixturevalue(f"{request.param}_store")
    assert isinstance(found, Store)
    return found


@pytest.fixture
def make(store: Store) -> Builders:
    return Builders(store)
