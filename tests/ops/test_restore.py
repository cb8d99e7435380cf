"""Restore: a verified backup takes the database's place; then every first push looks before it sends."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from daemon.errors import StoreError
from daemon.house import House
from daemon.jobs.push import push
from daemon.jobs.visit import visit
from daemon.store import audit, backup, links, meta, migrate, restore, tenants
from daemon.store.database import connect
from daemon.store.locks import FileLock
from tests.builders import Builders, refs
from tests.fakes import FrozenClock, SeededEntropy, Shop
from tests.ops.conftest import Installation


def backup_of(installed: Installation) -> Path:
    installed.run("backup")
    return next((installed.folder / "state" / "backups").iterdir())


def test_the_rows_are_those_of_the_backup_and_the_replaced_database_stays(installed: Installation) -> None:
    installed.with_integrations(1)
    file = backup_of(installed)
    installed.with_integrations(1)

    said = installed.run("restore", str(file))

    assert said.code == 0, said.text
    assert backup.verify(installed.database).rows["tenant"] == 1
    replaced = next(installed.database.parent.glob("wispbill.db.replaced-*"))
    assert str(replaced) in said.text
    assert backup.verify(replaced).rows["tenant"] == 2
    assert stat.S_IMODE(installed.database.stat().st_mode) == 0o600


def test_recovery_mode_is_on_before_any_daemon_can_start(installed: Installation) -> None:
    installed.run("restore", str(backup_of(installed)))

    with installed.daemon() as house:
        found = restore.recovery()
        assert found is not None
        assert found["from"].endswith("-manual.db")
        assert house.store.path == installed.database


def test_it_says_what_happens_next(installed: Installation) -> None:
    said = installed.run("restore", str(backup_of(installed)))

    assert "change feeds are read again from where they stood in the backup" in said.text
    assert "wispbill recovery end" in said.text


def test_it_refuses_while_a_daemon_holds_the_database(installed: Installation) -> None:
    file = backup_of(installed)
    lock = FileLock(installed.database.with_name("daemon.lock"))
    assert lock.acquire()
    lock.note("pid 1, wispbill 0")
    before = installed.database.read_bytes()

    said = installed.run("restore", str(file))

    lock.release()
    assert said.code == 1
    assert "WB-DAEMON-RUNNING" in said.text
    assert "pid 1" in said.text
    assert installed.database.read_bytes() == before


def test_a_damaged_backup_is_refused_and_the_database_untouched(installed: Installation) -> None:
    file = backup_of(installed)
    os.truncate(file, 12288)
    before = installed.database.read_bytes()

    said = installed.run("restore", str(file))

    assert said.code == 1
    assert "WB-BACKUP" in said.text
    assert installed.database.read_bytes() == before
    assert not list(installed.database.parent.glob("*replaced*"))


def test_a_newer_versions_backup_is_refused(installed: Installation) -> None:
    file = backup_of(installed)
    with sqlite3.connect(file) as db:
        db.execute("INSERT INTO schema_migration (name, applied) VALUES ('0099_later', '2026-01-01')")
    db.close()

    said = installed.run("restore", str(file))

    assert said.code == 1
    assert "WB-DB-NEWER" in said.text


def test_a_database_that_is_beyond_reading_is_replaced_and_kept(installed: Installation) -> None:
    file = backup_of(installed)
    installed.database.write_bytes(b"not a database at all" * 500)

    said = installed.run("restore", str(file))

    assert said.code == 0, said.text
    replaced = next(installed.database.parent.glob("wispbill.db.replaced-*"))
    assert replaced.read_bytes().startswith(b"not a database")
    with installed.daemon():
        assert restore.recovery() is not None


def test_what_the_old_write_ahead_log_held_is_not_played_into_the_new_database(
    installed: Installation,
) -> None:
    file = backup_of(installed)
    with installed.daemon() as house:
        Builders(house.store).a_tenant()
        wal = installed.database.with_name("wispbill.db-wal")
        left = wal.read_bytes()
    assert left
    wal.write_bytes(left)

    assert installed.run("restore", str(file)).code == 0

    assert backup.verify(installed.database).rows["tenant"] == 0


def test_a_crash_before_the_last_step_leaves_the_old_database(
    house: House, make: Builders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert house.store.path
    made, _facts = backup.make(house.store.path, tmp_path / "b", kind="manual", now=house.clock.now())
    make.a_tenant()
    house.store.close()
    monkeypatch.setattr(Path, "replace", lambda _self, _target: (_ for _ in ()).throw(OSError("crash")))

    with pytest.raises(StoreError):
        restore.put_in_place(made.path, house.store.path, now=house.clock.now())

    monkeypatch.undo()
    assert backup.verify(house.store.path).rows["tenant"] == 1


# --- recovery mode ------------------------------------------------------------------------------------


def test_an_invoice_pushed_after_the_backup_and_entered_again_is_found_not_sent_twice(
    house: House, make: Builders, shop: Shop, clock: FrozenClock, tmp_path: Path
) -> None:
    """The whole way: backup, push, disaster, restore, the platform enters the invoice again, push."""
    assert house.store.path
    integration = make.an_integration()
    customer = make.a_customer(tenants.get(integration.tenant_id))
    made, _facts = backup.make(house.store.path, tmp_path / "b", kind="manual", now=clock.now())
    link = make.a_link(integration, customer)
    visit(house, integration.id, "push", push)
    [first] = refs([link])
    house.store.close()

    restore.put_in_place(made.path, house.store.path, now=clock.move(days=2))
    house.store = connect(f"sqlite://{house.store.path}", clock=clock, entropy=SeededEntropy(7))
    entered_again = Builders(house.store, shop).a_link(integration, customer)
    visit(house, integration.id, "push", push)

    assert entered_again.id != link.id
    assert refs([entered_again]) == [first]
    [paper] = shop.accounts[integration.id].papers.values()
    assert (paper.ref, paper.sent) == (first, 1)
    house.store.close()


def test_it_does_not_end_while_invoices_wait(installed: Installation) -> None:
    installed.run("restore", str(backup_of(installed)))
    with installed.daemon() as house:
        Builders(house.store).an_invoice()

    said = installed.run("recovery", "end")
    forced = installed.run("recovery", "end", "--force")

    assert said.code == 2
    assert "unassigned 1" in said.text
    assert forced.code == 0
    with installed.daemon():
        assert restore.recovery() is None


def test_restore_done_ends_it_and_the_audit_knows_who(installed: Installation) -> None:
    installed.run("restore", str(backup_of(installed)))

    said = installed.run("restore", "--done")

    assert said.code == 0
    assert "a first push sends at once again" in said.text
    with installed.daemon():
        row = audit.latest(tenant_id=audit.PLATFORM)[0]
        assert (row.action, row.actor.split(":")[0]) == ("recovery.ended", "cli")
        assert meta.get(meta.RECOVERY) is None


def test_it_can_be_entered_by_hand_after_other_tools(installed: Installation) -> None:
    assert installed.run("recovery", "begin", "--from", "a snapshot").code == 0

    said = installed.run("recovery", "show", "--json")

    assert '"recovery": true' in said.text
    assert "a snapshot" in said.text


def test_restore_wants_a_file_or_done(installed: Installation) -> None:
    assert installed.run("restore").code == 2
    assert installed.run("restore", "x", "--done").code == 2


def test_the_doctor_shows_it(installed: Installation) -> None:
    installed.run("restore", str(backup_of(installed)))

    said = installed.run("doctor")

    assert "recovery" in said.text
    assert "wispbill recovery end" in said.text


def test_a_restored_database_of_this_version_needs_no_migration(installed: Installation) -> None:
    installed.run("restore", str(backup_of(installed)))

    with installed.daemon() as house:
        assert migrate.pending(house.store) == []
        assert links.count_by_state() == {}
