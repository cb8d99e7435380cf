"""Doctor: a line for each finding, and what to type; exit code 1 where something is bad."""

from __future__ import annotations

import json
import os
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from daemon.cli.doctor import surroundings
from daemon.clock import SystemClock, to_micros
from daemon.model import IntegrationState
from daemon.store import integrations, meta
from daemon.store.locks import FileLock
from daemon.store.tables import Integration
from daemon.vault import MasterKeys
from tests.ops.conftest import Installation


def findings(installed: Installation) -> dict[str, tuple[str, str, str]]:
    """By subject: level, sentence, what to type; of several the worst."""
    worst: dict[str, tuple[str, str, str]] = {}
    order = ("ok", "warn", "bad")
    for item in json.loads(installed.run("doctor", "--json").text)["findings"]:
        found = (item["level"], item["sentence"], item["type"])
        if order.index(found[0]) >= order.index(worst.get(item["about"], found)[0]):
            worst[item["about"]] = found
    return worst


def level(installed: Installation, about: str) -> str:
    return findings(installed)[about][0]


def test_a_new_installation_has_nothing_bad(installed: Installation) -> None:
    said = installed.run("doctor")

    assert said.code == 0, said.text
    assert not [line for line in said.text.splitlines() if line.startswith("bad")]
    for about in ("configuration", "master key", "state folder", "disk", "database", "audit", "clock"):
        assert level(installed, about) == "ok", about
    assert findings(installed)["backup"] == ("warn", "there is none yet", "wispbill backup")
    assert findings(installed)["daemon"][2] == "systemctl start wispbill"


def test_before_the_first_start_it_says_so_and_makes_no_database(blank: Installation) -> None:
    blank.run("init", "--dir", str(blank.folder))

    said = blank.run("doctor")

    assert said.code == 0, said.text
    assert "the daemon makes it" in said.text
    assert not blank.database.exists()


def test_a_broken_configuration_is_told_with_its_line(installed: Installation) -> None:
    installed.config.write_text('[push]\nevery = "fast"\n')

    said = installed.run("doctor")

    assert said.code == 1
    assert "line 2" in said.text
    assert "fast" not in said.text


def test_a_key_that_others_can_read(installed: Installation) -> None:
    installed.key.chmod(0o644)

    found = findings(installed)["master key"]

    assert found[0] == "bad"
    assert found[2] == f"chmod 600 {installed.key}"


def test_no_key_at_all(installed: Installation) -> None:
    installed.key.unlink()

    assert findings(installed)["master key"][0] == "bad"


def test_a_key_from_the_environment_is_advised_against(installed: Installation) -> None:
    key = MasterKeys.load(installed.settings, installed.environ)[1]
    installed.environ["CREDENTIAL_ENCRYPTION_KEY"] = key.hex()

    found = findings(installed)["master key"]

    assert found[0] == "warn"
    assert "LoadCredential=" in found[2]
    assert key.hex() not in installed.run("doctor").text


def test_another_key_than_the_databases(installed: Installation) -> None:
    MasterKeys({1: bytes(32)}).write(installed.key)

    found = findings(installed)["master key"]

    assert found[:2] == ("bad", "key 1 is not the one that this database was sealed with")


def test_a_key_that_secrets_still_need(installed: Installation) -> None:
    installed.with_integrations(2)
    MasterKeys({2: bytes(32)}).write(installed.key)

    assert "key 1 is missing, and 2 secrets are sealed with it" in installed.run("doctor").text


def test_a_state_folder_that_others_can_enter(installed: Installation) -> None:
    installed.database.parent.chmod(0o755)

    assert findings(installed)["state folder"][2] == f"chmod 700 {installed.database.parent}"


def test_too_little_disk(installed: Installation) -> None:
    installed.environ["WISPBILL_DAEMON__MIN_FREE_DISK"] = "9999999GiB"

    assert level(installed, "disk") == "bad"


@pytest.mark.parametrize(("version", "expected"), [((3, 51, 2), "warn"), ((3, 51, 3), "ok")])
def test_an_sqlite_with_the_wal_reset_bug(
    version: tuple[int, int, int], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)

    assert surroundings.sqlite().level == expected


def test_a_running_daemon_is_known_by_its_lock(installed: Installation) -> None:
    lock = FileLock(installed.database.with_name("daemon.lock"))
    assert lock.acquire()
    lock.note("pid 4711, wispbill 1")

    found = findings(installed)

    lock.release()
    assert found["daemon"][:2] == ("ok", "it runs (pid 4711, wispbill 1)")
    assert found["wake-up"][0] == "warn"


def test_a_clock_behind_what_the_daemon_saw(installed: Installation) -> None:
    with installed.daemon() as house:
        ahead = to_micros(SystemClock().now() + timedelta(hours=2))
        house.store.write("test", lambda: meta.put(meta.CLOCK, ahead))

    assert level(installed, "clock") == "bad"


def test_a_damaged_database(installed: Installation) -> None:
    content = bytearray(installed.database.read_bytes())
    content[8192:12288] = b"\xff" * 4096
    installed.database.write_bytes(content)

    found = findings(installed)["database"]

    assert found[0] == "bad"
    assert "wispbill restore" in found[2]


def test_a_database_of_a_newer_version(installed: Installation) -> None:
    with sqlite3.connect(installed.database) as db:
        db.execute("INSERT INTO schema_migration (name, applied) VALUES ('0099_later', '2026-01-01')")
    db.close()

    assert "WB-DB-NEWER" in findings(installed)["database"][1]


def test_a_rewritten_audit(installed: Installation) -> None:
    installed.with_integrations(1)
    with sqlite3.connect(installed.database) as db:
        db.execute("DROP TRIGGER audit_no_update")
        db.execute("UPDATE audit SET actor = 'x' WHERE seq = 1")
    db.close()

    assert level(installed, "audit") == "bad"


def test_a_damaged_backup(installed: Installation) -> None:
    installed.run("backup")
    assert level(installed, "backup") == "ok"
    [path] = (installed.folder / "state" / "backups").iterdir()
    os.truncate(path, 4096)

    assert level(installed, "backup") == "bad"


def test_a_backup_of_last_week(installed: Installation) -> None:
    installed.run("backup")
    [path] = (installed.folder / "state" / "backups").iterdir()
    path.rename(path.with_name("wispbill-20260302T031500Z-nightly.db"))

    assert level(installed, "backup") == "warn"


def test_integrations_that_need_a_person(installed: Installation) -> None:
    ids = installed.with_integrations(3)
    with installed.daemon() as house:
        now = house.clock.now()
        for integration_id, state in zip(
            ids,
            (IntegrationState.NEEDS_RECONNECT, IntegrationState.TESTING, IntegrationState.ACTIVE),
            strict=True,
        ):
            integrations.set_state(integrations.get(None, integration_id), state, now=now, text="why")
        Integration.update(polled_at=now - timedelta(hours=2)).where(Integration.id == ids[2]).execute()

    found = findings(installed)

    assert found[f"memory {ids[0]}"] == (
        "bad",
        "needs_reconnect: why",
        f"wispbill integrations rotate {ids[0]}",
    )
    assert found[f"memory {ids[1]}"][0] == "warn"
    assert "last read 120 minutes ago" in found[f"memory {ids[2]}"][1]


def test_a_webhook_that_has_fallen_silent(installed: Installation) -> None:
    [integration_id] = installed.with_integrations(1)
    with installed.daemon() as house:
        now = house.clock.now()
        Integration.update(
            webhook_id="we_1",
            webhook_url="https://billing.example.com/x",
            webhook_seen_at=now - timedelta(days=8),
            pushed_at=now,
            polled_at=now,
        ).execute()

    found = findings(installed)

    assert "its webhook is silent" in found[f"memory {integration_id}"][1]
    assert found["webhooks"][2] == "set receiver.public_url"


def test_the_unit_is_looked_at_where_systemd_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = tmp_path / "wispbill.service"
    monkeypatch.setattr(surroundings, "BOOTED", tmp_path)
    monkeypatch.setattr(surroundings, "UNITS", (unit,))
    assert [x.level for x in surroundings.unit()] == ["warn"]

    unit.write_text("[Service]\nType=notify\n")
    assert [x.level for x in surroundings.unit()] == ["warn"]

    unit.write_text((Path(__file__).parents[2] / "wispbill.service").read_text())
    assert [x.level for x in surroundings.unit()] == ["ok"]
