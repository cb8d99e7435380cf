"""Upgrade to owners of any kind: what an integration sealed before still opens, on both databases."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from daemon.store import database, integrations, migrate, secrets
from daemon.store.database import Store
from daemon.store.secrets import CREDENTIALS, WEBHOOK, Safe
from daemon.vault import MasterKeys, Vault
from tests.builders import Builders
from tests.fakes import FrozenClock, SeededEntropy


@pytest.fixture
def first_schema(tmp_path: Path) -> Path:
    """The migrations of the wispbill before."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    shutil.copy(migrate.directory() / "0001_initial.py", folder)
    return folder


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def old(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    first_schema: Path,
    clock: FrozenClock,
    entropy: SeededEntropy,
) -> Iterator[Store]:
    """A database of that schema."""
    url = f"sqlite://{tmp_path / 'old.db'}"
    if request.param == "postgres":
        url = _another(request.getfixturevalue("postgres_url"))
    store = database.connect(url, clock=clock, entropy=entropy)
    migrate.upgrade(store, tmp_path / "backups", scripts=first_schema)
    yield store
    store.close()


def _another(url: str) -> str:
    with psycopg.connect(url, autocommit=True) as server:
        server.execute("DROP DATABASE IF EXISTS before")
        server.execute("CREATE DATABASE before")
    return url.replace("/postgres?", "/before?", 1)


def insert(store: Store, table: str, **values: object) -> None:
    mark = "?" if store.is_sqlite else "%s"
    marks = ", ".join([mark] * len(values))
    store.db.execute_sql(
        f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", tuple(values.values())
    )


def fill(store: Store, vault: Vault) -> None:
    """A tenant, two integrations, and what each has sealed, as 0001 kept it."""
    at = 1_772_000_000_000_000
    insert(store, "tenant", id="wbt_1", reference="t", name="T", zone="UTC", currency="EUR", created_at=at)
    for name in ("wbn_1", "wbn_2"):
        insert(
            store,
            "integration",
            id=name,
            tenant_id="wbt_1",
            provider="memory",
            mode="sandbox",
            label="",
            state="active",
            settings="{}",
            create_automatically=True,
            pull_status=True,
            pace="hourly",
            approved=True,
            test_missing="[]",
            budget="{}",
            breaker="{}",
            fence=0,
            created_at=at,
        )
        for field in (CREDENTIALS, WEBHOOK):
            plain = json.dumps({"of": name, "field": field}).encode()
            place = {"tenant": "wbt_1", "provider": "memory", "account": name, "record": name}
            insert(
                store,
                "secret",
                tenant_id="wbt_1",
                integration_id=name,
                field=field,
                blob=vault.seal(plain, field=field, **place),
                key_id=1,
                updated_at=at,
            )


def test_what_was_sealed_before_still_opens_and_is_sealed_anew(
    old: Store, tmp_path: Path, entropy: SeededEntropy, clock: FrozenClock
) -> None:
    keys = MasterKeys.generate(entropy)
    fill(old, Vault(keys, entropy))

    done = migrate.upgrade(old, tmp_path / "backups")

    assert done[0] == "0002_grants"
    safe = Safe(old, Vault(keys.add_key(entropy), entropy))
    for name in ("wbn_1", "wbn_2"):
        row = integrations.get(None, name)
        assert row.grant_id is None
        for field in (CREDENTIALS, WEBHOOK):
            assert safe.open(row, field) == {"of": name, "field": field}
    assert secrets.count_by_key() == {1: 4}

    resealed = [old.write("test", lambda one=one: safe.reseal(one)) for one in secrets.not_under(2, limit=9)]
    assert resealed == [True] * 4 and secrets.count_by_key() == {2: 4}
    assert safe.open(integrations.get(None, "wbn_2"), CREDENTIALS) == {"of": "wbn_2", "field": CREDENTIALS}


def test_new_secrets_go_beside_the_old_ones(old: Store, tmp_path: Path, entropy: SeededEntropy) -> None:
    """Numbered on from them, on PostgreSQL too."""
    vault = Vault(MasterKeys.generate(entropy), entropy)
    fill(old, vault)
    migrate.upgrade(old, tmp_path / "backups")

    safe, row = Safe(old, vault), Builders(old).an_integration()
    old.write("test", lambda: safe.put(row, CREDENTIALS, {"secret_key": "new"}))

    assert safe.open(row, CREDENTIALS) == {"secret_key": "new"}
    assert secrets.count_by_key() == {1: 5}


def test_a_blob_does_not_open_for_another_owner(old: Store, tmp_path: Path, entropy: SeededEntropy) -> None:
    from daemon.errors import VaultError
    from daemon.store.tables import Secret

    vault = Vault(MasterKeys.generate(entropy), entropy)
    fill(old, vault)
    migrate.upgrade(old, tmp_path / "backups")
    first, second = integrations.get(None, "wbn_1"), integrations.get(None, "wbn_2")
    blob = Secret.get((Secret.owner_id == first.id) & (Secret.field == CREDENTIALS)).blob
    same = (Secret.owner_id == second.id) & (Secret.field == CREDENTIALS)
    old.write("test", lambda: Secret.update(blob=blob).where(same).execute())

    with pytest.raises(VaultError):
        Safe(old, vault).open(second, CREDENTIALS)
    assert secrets.quarantined() == [second.id]
