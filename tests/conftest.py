"""What every test may ask for: a clock that stands still, a database on disk, a house around them."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog

from daemon import providers
from daemon.house import House
from daemon.settings import Settings
from daemon.store import database, migrate
from daemon.store.database import Store
from daemon.store.secrets import Safe
from daemon.vault import MasterKeys, Vault
from tests.builders import Builders
from tests.fakes import FrozenClock, Lines, SeededEntropy, Shop

# What is promised is behaviour, not seconds; and a check that fails must fail again.
hypothesis.settings.register_profile("wispbill", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("wispbill")


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def entropy() -> SeededEntropy:
    return SeededEntropy()


@pytest.fixture
def log() -> Iterator[Lines]:
    """Every line, whatever level an earlier test had configured."""
    before = structlog.get_config()
    structlog.reset_defaults()
    with structlog.testing.capture_logs() as entries:
        yield Lines(entries)
    structlog.configure(**before)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with today's schema and no rows: tests begin with a copy."""
    path = tmp_path_factory.mktemp("template") / "wispbill.db"
    store = database.connect(f"sqlite://{path}", clock=FrozenClock(), entropy=SeededEntropy())
    migrate.upgrade(store)
    store.db.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    return path


@pytest.fixture
def sqlite_path(tmp_path: Path, empty_database: Path) -> Path:
    return Path(shutil.copy(empty_database, tmp_path / "wispbill.db"))


@pytest.fixture
def sqlite_store(sqlite_path: Path, clock: FrozenClock, entropy: SeededEntropy) -> Iterator[Store]:
    store = database.connect(f"sqlite://{sqlite_path}", clock=clock, entropy=entropy)
    yield store
    store.close()


@pytest.fixture
def house(
    sqlite_store: Store,
    clock: FrozenClock,
    entropy: SeededEntropy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> House:
    monkeypatch.setitem(providers._BUILT_IN, "memory", ("daemon.providers.memory", "Memory"))
    providers.provider_class.cache_clear()
    stop = threading.Event()
    return House(
        settings=Settings(daemon={"state_dir": str(tmp_path)}),
        store=sqlite_store,
        safe=Safe(sqlite_store, Vault(MasterKeys.generate(entropy), entropy)),
        providers=Shop(clock, stop),
        clock=clock,
        entropy=entropy,
        name="test:1",
        stop=stop,
    )


@pytest.fixture
def shop(house: House) -> Shop:
    assert isinstance(house.providers, Shop)
    return house.providers


@pytest.fixture
def make(house: House, shop: Shop) -> Builders:
    return Builders(house.store, shop)
