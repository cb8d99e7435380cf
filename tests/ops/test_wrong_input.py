"""What can be wrong with the files around the daemon: each ends in a sentence, none in a crash."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from daemon import app as house_builder
from daemon.errors import CATALOGUE, InvalidInput, StoreError, VaultError
from daemon.house import House
from daemon.jobs.pull import pull
from daemon.jobs.remedies import settling
from daemon.jobs.visit import visit
from daemon.store import audit, events, integrations, meta, secrets
from daemon.store.secrets import CREDENTIALS
from daemon.store.tables import Secret
from daemon.vault import MasterKeys
from tests.builders import Builders
from tests.ops.conftest import Installation


@contextmanager
def cannot_be_written(code: str) -> Iterator[None]:
    with pytest.raises(StoreError) as caught:
        yield
    assert caught.value.code == code


def test_a_database_that_somebody_else_holds(house: House) -> None:
    house.store.db.execute_sql("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(str(house.store.path), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with cannot_be_written("WB-DB-LOCKED"):
        house.store.write("test", lambda: meta.put("x", 1))

    other.execute("ROLLBACK")
    other.close()
    house.store.write("test", lambda: meta.put("x", 1))


def test_a_database_that_cannot_be_written(house: House) -> None:
    house.store.db.execute_sql("PRAGMA query_only = 1")

    with cannot_be_written("WB-DB-READONLY"):
        house.store.write("test", lambda: meta.put("x", 1))


def test_a_full_disk_rolls_back_and_goes_on_when_there_is_room(house: House, make: Builders) -> None:
    pages = house.store.db.execute_sql("PRAGMA page_count").fetchone()[0]
    house.store.db.execute_sql(f"PRAGMA max_page_count = {pages}")

    with cannot_be_written("WB-DB-FULL"):
        house.store.write("test", lambda: [meta.put(f"x{n}", "x" * 1000) for n in range(100)])
    assert meta.get("x0") is None

    house.store.db.execute_sql("PRAGMA max_page_count = 1000000")
    make.a_tenant()
    assert audit.verify() == (1, [])


def test_a_database_from_a_newer_version(installed: Installation) -> None:
    with sqlite3.connect(installed.database) as db:
        db.execute("INSERT INTO schema_migration (name, applied) VALUES ('0099_later', '2026-01-01')")
    db.close()

    for migrating in (True, False):
        with cannot_be_written("WB-DB-NEWER"):
            house_builder.build(installed.settings, environ=installed.environ, migrating=migrating)


def test_a_file_that_is_no_database(installed: Installation) -> None:
    installed.database.write_bytes(b"hello " * 2000)

    with cannot_be_written("WB-DB-CORRUPT"):
        house_builder.build(installed.settings, environ=installed.environ, migrating=True)


def test_no_database_is_made_by_anybody_but_the_daemon(blank: Installation) -> None:
    blank.run("init", "--dir", str(blank.folder))

    said = blank.run("audit", "list")

    assert said.code == 1
    assert "start the daemon once" in said.text
    assert not blank.database.exists()


def test_a_key_file_that_others_can_read(installed: Installation) -> None:
    installed.key.chmod(0o640)

    with pytest.raises(InvalidInput, match="chmod 600") as caught:
        house_builder.build(installed.settings, environ=installed.environ, migrating=True)
    assert caught.value.code == "WB-SECRET-FILE"


def test_a_wrong_key_refuses_to_start(installed: Installation) -> None:
    installed.with_integrations(1)
    MasterKeys({1: bytes(32)}).write(installed.key)

    with pytest.raises(VaultError, match="not the one that this database was sealed with"):
        house_builder.build(installed.settings, environ=installed.environ, migrating=True)


def test_a_missing_key_that_is_needed_refuses_to_start(installed: Installation) -> None:
    installed.with_integrations(1)
    MasterKeys({2: os.urandom(32)}).write(installed.key)

    with pytest.raises(VaultError, match="master key 1 is missing"):
        house_builder.build(installed.settings, environ=installed.environ, migrating=True)


def test_a_key_that_is_not_at_hand_stops_the_integration_and_names_the_operator(
    installed: Installation,
) -> None:
    [integration_id] = installed.with_integrations(1)
    with installed.daemon() as house:
        Secret.update(blob=b"WB\x01\x00\x00\x00\x09" + bytes(40)).execute()

        visit(house, integration_id, "pull", pull)

        hurt = integrations.get(None, integration_id)
        assert (hurt.state, hurt.fault_code) == ("error", "WB-VAULT-KEY-ABSENT")
        assert CATALOGUE["WB-VAULT-KEY-ABSENT"].actor == "operator"
        assert settling(hurt) == f"wispbill integrations test {integration_id}"
        assert secrets.quarantined() == []


def test_a_damaged_blob_stops_its_integration_and_no_other(installed: Installation) -> None:
    ids = installed.with_integrations(2)
    with installed.daemon() as house:
        row = Secret.get((Secret.owner_id == ids[0]) & (Secret.field == CREDENTIALS))
        Secret.update(blob=bytes(row.blob)[:-1] + b"\0").where(Secret.id == row.id).execute()

        visit(house, ids[0], "pull", pull)

        hurt, well = (integrations.get(None, name) for name in ids)
        assert (hurt.state, hurt.fault_code) == ("error", "WB-VAULT-SEALED")
        assert well.state == "active"
        assert house.safe.open(well, CREDENTIALS) is not None
        assert secrets.quarantined() == [ids[0]]
        assert events.latest(types=["credential.quarantined"])[0].integration_id == ids[0]


def test_audit_verify_names_the_first_bad_row_of_each_chain(installed: Installation) -> None:
    installed.with_integrations(2)
    with installed.daemon():
        chains = sorted(audit.heads())
    with sqlite3.connect(installed.database) as db:
        db.execute("DROP TRIGGER audit_no_update")
        db.execute("DROP TRIGGER audit_no_delete")
        db.execute("UPDATE audit SET data = '{}' WHERE tenant_id = ? AND seq = 1", (chains[0],))
        db.execute("DELETE FROM audit WHERE tenant_id = ? AND seq = 1", (chains[1],))
    db.close()

    said = installed.run("audit", "verify")

    assert said.code == 1
    assert f"Chain {chains[0]} breaks at row 1: it was changed." in said.text
    assert f"Chain {chains[1]} breaks at row 2: row 1 is missing." in said.text


def test_an_audit_that_holds_is_said_so(installed: Installation) -> None:
    installed.with_integrations(1)

    said = installed.run("audit", "verify")

    assert (said.code, said.text) == (0, "2 rows checked, every chain holds.\n")


def test_the_newest_audit_rows_come_first(installed: Installation) -> None:
    installed.with_integrations(1)

    lines = installed.run("audit", "list").text.splitlines()

    assert "integration.added" in lines[1]
    assert "tenant.added" in lines[2]
