"""Upgrade: after a verified backup, all of it or nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from daemon.errors import StoreError
from daemon.house import House
from daemon.store import backup, migrate
from daemon.store.locks import FileLock
from tests.builders import Builders
from tests.ops.conftest import Installation

ADD_COLUMN = """
def up(migrator, db):
    db.execute_sql("ALTER TABLE tenant ADD COLUMN note TEXT")
"""
REBUILD = """
def up(migrator, db):
    db.execute_sql(
        "CREATE TABLE tenant_new (id TEXT PRIMARY KEY, reference TEXT NOT NULL UNIQUE, name TEXT NOT NULL,"
        " zone TEXT NOT NULL, currency TEXT NOT NULL, created_at BIGINT NOT NULL,"
        " letterhead TEXT NOT NULL, note TEXT)"
    )
    db.execute_sql("INSERT INTO tenant_new SELECT * FROM tenant")
    db.execute_sql("DROP TABLE tenant")
    db.execute_sql("ALTER TABLE tenant_new RENAME TO tenant")
"""
FAIL = """
def up(migrator, db):
    db.execute_sql("DELETE FROM invoice")
    raise RuntimeError("the disk went away")
"""
ORPHAN = """
def up(migrator, db):
    db.execute_sql("DELETE FROM customer")
"""


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """The migrations of a later wispbill: ours, and what a test adds."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrate.directory(), folder, ignore=shutil.ignore_patterns("__pycache__", "__init__.py"))
    return folder


def upgrade(house: House, scripts: Path, **added: str) -> list[str]:
    for name, text in added.items():
        (scripts / f"{name.removeprefix('_')}.py").write_text(text)
    return migrate.upgrade(house.store, scripts.parent / "backups", scripts=scripts)


def rows(house: House, sql: str) -> int:
    return int(house.store.db.execute_sql(sql).fetchone()[0])


def test_the_rows_are_still_there_and_a_backup_from_before(
    house: House, make: Builders, scripts: Path
) -> None:
    make.an_invoice()

    done = upgrade(house, scripts, _0998_note=ADD_COLUMN, _0999_rebuild=REBUILD)

    assert done == ["0998_note", "0999_rebuild"]
    assert rows(house, "SELECT COUNT(*) FROM invoice") == 1
    assert rows(house, "SELECT COUNT(*) FROM tenant WHERE note IS NULL") == 1
    assert rows(house, "PRAGMA foreign_keys") == 1
    [made] = backup.listing(scripts.parent / "backups")
    assert made.kind == backup.UPGRADE
    facts = backup.verify(made.path)
    assert facts.rows["invoice"] == 1
    assert "0998_note" not in facts.migrations


def test_one_that_fails_takes_those_before_it_back(house: House, make: Builders, scripts: Path) -> None:
    make.an_invoice()

    with pytest.raises(StoreError, match="the database was left as it was") as caught:
        upgrade(house, scripts, _0998_note=ADD_COLUMN, _0999_bad=FAIL)

    assert caught.value.code == "WB-DB-MIGRATION"
    assert migrate.pending(house.store) == []
    assert rows(house, "SELECT COUNT(*) FROM invoice") == 1
    make.an_invoice()


def test_one_that_would_orphan_rows_is_taken_back(house: House, make: Builders, scripts: Path) -> None:
    make.an_invoice()

    with pytest.raises(StoreError, match="lost their parent"):
        upgrade(house, scripts, _0999_orphan=ORPHAN)

    assert rows(house, "SELECT COUNT(*) FROM customer") == 1


def test_without_a_backup_nothing_is_upgraded(house: House, scripts: Path) -> None:
    (scripts.parent / "backups").write_text("a file where the folder should be")

    with pytest.raises(StoreError, match="without a backup") as caught:
        upgrade(house, scripts, _0998_note=ADD_COLUMN)

    assert caught.value.code == "WB-BACKUP"
    assert migrate.pending(house.store, scripts=scripts) == ["0998_note"]


def test_an_empty_database_needs_no_backup(blank: Installation) -> None:
    blank.run("init", "--dir", str(blank.folder))

    with blank.daemon():
        pass

    assert not (blank.folder / "state" / "backups").exists()


def test_a_newer_database_is_refused_by_everybody(house: House, scripts: Path) -> None:
    upgrade(house, scripts, _0998_note=ADD_COLUMN)

    for refuse in (migrate.require_current, migrate.upgrade):
        with pytest.raises(StoreError) as caught:
            refuse(house.store)
        assert caught.value.code == "WB-DB-NEWER"


# --- the commands -------------------------------------------------------------------------------------


def test_the_version_is_told_without_changing_anything(installed: Installation) -> None:
    said = installed.run("db", "version")

    assert said.code == 0
    assert "0001_initial" in said.text


def test_an_older_database_is_refused_by_the_cli_until_it_is_upgraded(
    installed: Installation, scripts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (scripts / "0998_note.py").write_text(ADD_COLUMN)
    monkeypatch.setattr(migrate, "directory", lambda: scripts)

    refused = installed.run("audit", "list")
    version = installed.run("db", "version")
    done = installed.run("db", "upgrade")

    assert (refused.code, version.code, done.code) == (1, 1, 0)
    assert "wispbill db upgrade" in refused.text
    assert "0998_note" in done.text
    assert installed.run("audit", "list").code == 0
    assert len(backup.listing(installed.folder / "state" / "backups")) == 1


def test_upgrade_leaves_the_database_to_a_running_daemon(installed: Installation) -> None:
    lock = FileLock(installed.database.with_name("daemon.lock"))
    assert lock.acquire()

    said = installed.run("db", "upgrade")

    lock.release()
    assert said.code == 1
    assert "WB-DAEMON-RUNNING" in said.text


def test_check_reads_the_whole_database(installed: Installation) -> None:
    assert installed.run("db", "check").code == 0

    content = bytearray(installed.database.read_bytes())
    content[8192:12288] = b"\xff" * 4096
    installed.database.write_bytes(content)

    assert installed.run("db", "check").code == 1
