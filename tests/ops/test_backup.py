"""Backups: what carries a backup's name was verified."""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from daemon.errors import StoreError
from daemon.house import House
from daemon.store import backup
from tests.builders import Builders
from tests.fakes import FrozenClock
from tests.ops.conftest import Installation


def taken(house: House, folder: Path, kind: str = backup.NIGHTLY) -> backup.Backup:
    assert house.store.path
    return backup.make(house.store.path, folder, kind=kind, now=house.clock.now())[0]


def test_a_backup_holds_what_was_committed_while_the_database_is_in_use(
    house: House, make: Builders, tmp_path: Path
) -> None:
    make.an_invoice()

    made = taken(house, tmp_path / "backups")

    facts = backup.verify(made.path)
    assert (facts.rows["invoice"], facts.rows["customer"]) == (1, 1)
    assert facts.migrations[0] == "0001_initial"


def test_it_is_one_file_that_only_its_owner_can_read(house: House, make: Builders, tmp_path: Path) -> None:
    make.an_invoice()

    made = taken(house, tmp_path / "backups")

    assert [path.name for path in made.path.parent.iterdir()] == ["wispbill-20260302T090000Z-nightly.db"]
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    backup.verify(made.path)
    assert len(list(made.path.parent.iterdir())) == 1


def test_rows_written_during_the_copy_are_not_half_in_it(
    house: House, make: Builders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = make.a_customer()
    monkeypatch.setattr(backup, "PAGES", 1)
    pages = iter(range(10_000))

    def write_meanwhile() -> bool:
        if next(pages) in (3, 40):
            make.an_invoice(customer)
        return False

    assert house.store.path
    made, facts = backup.make(
        house.store.path, tmp_path / "b", kind="manual", now=house.clock.now(), is_stopping=write_meanwhile
    )

    assert next(pages) > 40
    assert facts.rows["invoice"] == 0
    assert backup.verify(made.path).rows == facts.rows


def test_a_lost_page_is_found(house: House, make: Builders, tmp_path: Path) -> None:
    make.links(make.an_integration(), 20)
    made = taken(house, tmp_path)
    content = bytearray(made.path.read_bytes())
    content[4096:8192] = b"\xff" * 4096
    made.path.write_bytes(content)

    with pytest.raises(StoreError) as caught:
        backup.verify(made.path)

    assert caught.value.code == "WB-BACKUP"


def test_a_truncated_file_is_found(house: House, make: Builders, tmp_path: Path) -> None:
    made = taken(house, tmp_path)
    os.truncate(made.path, made.path.stat().st_size // 2)

    with pytest.raises(StoreError):
        backup.verify(made.path)


def test_an_audit_row_that_was_changed_in_the_backup_is_named(
    house: House, make: Builders, tmp_path: Path
) -> None:
    tenant = make.a_tenant()
    make.a_customer(tenant)
    made = taken(house, tmp_path)
    with sqlite3.connect(made.path) as db:
        db.execute("DROP TRIGGER audit_no_update")
        db.execute("UPDATE audit SET actor = 'somebody else' WHERE seq = 2")
    db.close()

    with pytest.raises(StoreError, match=f"the audit chain {tenant.id} breaks at row 2: it was changed"):
        backup.verify(made.path)


def test_another_programs_database_is_no_backup(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE note (text)")
    db.close()

    with pytest.raises(StoreError, match="not a wispbill database"):
        backup.verify(path)


def test_a_stopping_daemon_gives_the_copy_up_and_leaves_nothing(house: House, tmp_path: Path) -> None:
    assert house.store.path
    with pytest.raises(StoreError) as caught:
        backup.make(
            house.store.path, tmp_path / "b", kind="nightly", now=house.clock.now(), is_stopping=lambda: True
        )

    assert caught.value.code == "WB-STOPPING"
    assert list((tmp_path / "b").iterdir()) == []


def test_only_the_oldest_of_their_kind_go(house: House, clock: FrozenClock, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    by_hand = taken(house, folder, backup.MANUAL)
    nightly = [taken(house, folder) for _ in range(4) if clock.move(days=1)]

    gone = backup.prune(folder, kind=backup.NIGHTLY, keep=2, now=clock.now())

    assert sorted(gone) == [made.path for made in nightly[:2]]
    assert [found.path for found in backup.listing(folder)] == [
        nightly[3].path,
        nightly[2].path,
        by_hand.path,
    ]


def test_what_an_interrupted_backup_left_goes_a_day_later(
    house: House, clock: FrozenClock, tmp_path: Path
) -> None:
    left = tmp_path / "wispbill-20260302T090000Z-nightly.partial"
    left.touch()

    backup.prune(tmp_path, kind=backup.NIGHTLY, keep=2, now=clock.now())
    assert left.exists()
    backup.prune(tmp_path, kind=backup.NIGHTLY, keep=2, now=clock.move(days=2))
    assert not left.exists()


def test_a_full_disk_is_a_sentence_and_leaves_nothing(installed: Installation) -> None:
    """RLIMIT_FSIZE stands in for the disk: no file may grow beyond 64 KiB."""
    script = textwrap.dedent(f"""
        import resource
        from datetime import UTC, datetime
        from pathlib import Path
        from daemon.errors import StoreError
        from daemon.store import backup
        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
        try:
            backup.make(Path({str(installed.database)!r}), Path({str(installed.folder)!r}) / "b",
                        kind="manual", now=datetime(2026, 3, 2, tzinfo=UTC))
        except StoreError as error:
            print(error.code, error.message)
    """)
    assert installed.database.stat().st_size > 65536
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 65536

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.startswith("WB-BACKUP the backup cannot be made or read")
    assert list((installed.folder / "b").iterdir()) == []


# --- the command --------------------------------------------------------------------------------------


def test_the_command_takes_one_and_lists_it(installed: Installation) -> None:
    assert installed.run("backup").code == 0

    said = installed.run("backup", "list", "--verify", "--json")

    assert said.code == 0
    [found] = json.loads(said.text)["backups"]
    assert (found["kind"], found["flaw"]) == ("manual", None)


def test_the_command_puts_it_where_it_is_told(installed: Installation) -> None:
    said = installed.run("backup", "--to", str(installed.folder / "elsewhere"))

    assert said.code == 0
    assert len(list((installed.folder / "elsewhere").glob("wispbill-*-manual.db"))) == 1


def test_a_damaged_one_is_told_in_the_list(installed: Installation) -> None:
    installed.run("backup")
    [path] = (installed.folder / "state" / "backups").iterdir()
    os.truncate(path, 8192)

    said = installed.run("backup", "list", "--verify")

    assert said.code == 1
    assert path.name in said.text


def test_postgresql_is_told_its_own_tools(installed: Installation) -> None:
    installed.environ["WISPBILL_DATABASE__URL"] = "postgresql://localhost/wispbill"

    said = installed.run("backup")

    assert said.code == 1
    assert "pg_dump" in said.text
