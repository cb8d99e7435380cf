"""Keys: a rotation while the daemon runs loses no secret, and may be broken off at any row."""

from __future__ import annotations

import json
import stat

import pytest

from daemon import app as house_builder
from daemon.cli import keys as command
from daemon.errors import StoreError, VaultError
from daemon.store import audit, events, integrations, meta, secrets
from daemon.store.locks import FileLock
from daemon.store.secrets import CREDENTIALS
from daemon.store.tables import Secret
from daemon.vault import MasterKeys
from tests.ops.conftest import SECRET, Installation


def under(installed: Installation) -> dict[int, int]:
    with installed.daemon():
        return secrets.count_by_key()


def opened(installed: Installation, integration_id: str) -> dict[str, str]:
    with installed.daemon() as house:
        return dict(house.safe.open(integrations.get(None, integration_id), CREDENTIALS) or {})


def test_the_first_key_makes_the_file(blank: Installation) -> None:
    blank.run("init", "--dir", str(blank.folder))
    blank.key.unlink()

    said = blank.run("keys", "new")

    assert said.code == 0
    assert stat.S_IMODE(blank.key.stat().st_mode) == 0o600
    assert blank.key.read_text().startswith("1:")
    assert blank.key.read_text()[2:20] not in said.text


def test_a_new_key_is_added_and_seals_nothing_yet(installed: Installation) -> None:
    installed.with_integrations(2)

    said = installed.run("keys", "new")

    assert said.code == 0
    assert [line[:2] for line in installed.key.read_text().splitlines()] == ["1:", "2:"]
    assert "wispbill keys rotate" in said.text
    assert under(installed) == {1: 2}


def test_a_rotation_seals_everything_again_and_every_secret_still_opens(installed: Installation) -> None:
    ids = installed.with_integrations(3)
    installed.run("keys", "new")

    said = installed.run("keys", "rotate")

    assert said.code == 0, said.text
    assert under(installed) == {2: 3}
    for integration_id in ids:
        assert opened(installed, integration_id) == {"secret_key": SECRET, "of": integration_id}


def test_it_goes_a_hundred_rows_at_a_time_and_on_after_a_crash(
    installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed.with_integrations(5)
    installed.run("keys", "new")
    monkeypatch.setattr(command, "BATCH", 2)
    real, calls = secrets.Safe.reseal, iter(range(100))

    def crash_at_row_4(self: secrets.Safe, sealed: secrets.Sealed) -> bool:
        if next(calls) == 3:
            raise StoreError("WB-DB-FULL", "the disk is full")
        return real(self, sealed)

    with monkeypatch.context() as broken:
        broken.setattr(secrets.Safe, "reseal", crash_at_row_4)
        assert installed.run("keys", "rotate").code == 1
    assert under(installed) == {1: 3, 2: 2}

    said = installed.run("keys", "rotate")

    assert "3 secrets were sealed again" in said.text
    assert under(installed) == {2: 5}


def test_a_row_that_somebody_writes_meanwhile_keeps_what_they_wrote(
    installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    [integration_id] = installed.with_integrations(1)
    installed.run("keys", "new")
    real = secrets.Safe.reseal
    fresh = {"secret_key": "fresh"}

    def write_first(self: secrets.Safe, sealed: secrets.Sealed) -> bool:
        current = Secret.get_by_id(sealed.id)
        if bytes(current.blob) == sealed.blob and not done:
            done.append(True)
            self.put(integrations.get(None, integration_id), CREDENTIALS, fresh)
        return real(self, sealed)

    done: list[bool] = []
    monkeypatch.setattr(secrets.Safe, "reseal", write_first)
    assert installed.run("keys", "rotate").code == 0
    monkeypatch.undo()

    assert opened(installed, integration_id) == fresh
    assert under(installed) == {2: 1}


def test_a_blob_that_does_not_open_is_quarantined_and_the_others_go_on(installed: Installation) -> None:
    ids = installed.with_integrations(3)
    with installed.daemon():
        row = Secret.get(Secret.owner_id == ids[1])
        Secret.update(blob=bytes(row.blob)[:-1] + b"\0").where(Secret.id == row.id).execute()
    installed.run("keys", "new")

    said = installed.run("keys", "rotate")

    assert said.code == 1
    assert "1 did not open" in said.text
    with installed.daemon():
        assert integrations.get(None, ids[1]).state == "error"
        assert integrations.get(None, ids[2]).state == "active"
        [event] = events.latest(types=["credential.quarantined"])
        assert event.integration_id == ids[1]
        assert secrets.quarantined() == [ids[1]]
        assert secrets.not_under(2, limit=10) == []


# --- with a daemon ------------------------------------------------------------------------------------


def test_nothing_is_sealed_with_a_key_that_the_running_daemon_does_not_have(
    installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed.with_integrations(1)
    installed.run("keys", "new")
    monkeypatch.setattr(command, "PATIENCE_S", 0.0)
    lock = FileLock(installed.database.with_name("daemon.lock"))
    assert lock.acquire()

    said = installed.run("keys", "rotate")

    lock.release()
    assert said.code == 2
    assert "systemctl restart wispbill" in said.text
    assert under(installed) == {1: 1}


def test_a_running_daemon_learns_the_key_by_a_hang_up(installed: Installation) -> None:
    installed.with_integrations(1)
    with installed.daemon() as daemon:
        assert meta.get(meta.KEYS) == [1]
        installed.run("keys", "new")

        daemon.safe.refresh(installed.settings, installed.environ)

        assert daemon.safe.vault.key_ids() == [1, 2]
        assert daemon.safe.vault.active_id == 1
        assert meta.get(meta.KEYS) == [1, 2]


def test_a_daemon_that_meets_an_unknown_key_reads_the_key_file_again(installed: Installation) -> None:
    [integration_id] = installed.with_integrations(1)
    settings, environ = installed.settings, installed.environ
    daemon = house_builder.build(settings, environ=environ, migrating=True)
    installed.run("keys", "new")
    installed.run("keys", "rotate")
    daemon.close()
    with installed.daemon() as other:
        daemon.store = other.store
        daemon.safe._store = other.store
        assert daemon.safe.vault.key_ids() == [1]

        found = daemon.safe.open(integrations.get(None, integration_id), CREDENTIALS)

        assert found == {"secret_key": SECRET, "of": integration_id}
        assert secrets.quarantined() == []


def test_a_key_that_is_not_at_hand_is_no_damage(installed: Installation) -> None:
    [integration_id] = installed.with_integrations(1)
    with installed.daemon() as house:
        Secret.update(blob=b"WB\x01\x00\x00\x00\x09" + bytes(40)).execute()

        with pytest.raises(VaultError, match="master key 9, which is not at hand"):
            house.safe.open(integrations.get(None, integration_id), CREDENTIALS)

        assert secrets.quarantined() == []


def test_a_wrong_key_file_is_not_learned(installed: Installation) -> None:
    installed.with_integrations(1)
    with installed.daemon() as house:
        MasterKeys({1: bytes(32)}).write(installed.key)

        house.safe.refresh(installed.settings, installed.environ)

        assert secrets.count_by_key() == {1: 1}
        for row in integrations.listing():
            assert house.safe.open(row, CREDENTIALS) is not None


# --- list and retire ----------------------------------------------------------------------------------


def test_the_list_says_what_each_key_opens_and_whether_it_may_go(installed: Installation) -> None:
    installed.with_integrations(2)
    installed.run("backup")
    installed.run("keys", "new")
    installed.run("keys", "rotate")

    first, second = json.loads(installed.run("keys", "list", "--json").text)["keys"]

    assert (first["active"], first["secrets"], first["backups"], first["mayBeRetired"]) == (
        False,
        0,
        1,
        False,
    )
    assert (second["active"], second["secrets"], second["mayBeRetired"]) == (True, 2, False)
    assert len(second["checkValue"]) == 32


def test_a_key_is_retired_when_nothing_needs_it_any_more(installed: Installation) -> None:
    installed.with_integrations(1)
    installed.run("backup")
    installed.run("keys", "new")
    assert "keys rotate" in installed.run("keys", "retire", "1").text
    installed.run("keys", "rotate")
    assert "backups need key 1" in installed.run("keys", "retire", "1").text
    for path in (installed.folder / "state" / "backups").iterdir():
        path.unlink()

    said = installed.run("keys", "retire", "1")

    assert said.code == 0, said.text
    assert installed.key.read_text().startswith("2:")
    assert len(json.loads(installed.run("keys", "list", "--json").text)["keys"]) == 1
    with installed.daemon():
        assert [row.action for row in audit.latest(tenant_id=audit.PLATFORM)][:2] == [
            "key.retired",
            "key.activated",
        ]


def test_the_key_that_seals_cannot_be_retired(installed: Installation) -> None:
    said = installed.run("keys", "retire", "1")

    assert said.code == 2
    assert "key 1 seals" in said.text


# --- lost ---------------------------------------------------------------------------------------------


def test_after_a_lost_key_the_daemon_starts_again_and_asks_for_the_credentials(
    installed: Installation,
) -> None:
    [integration_id] = installed.with_integrations(1)
    installed.key.unlink()
    installed.run("keys", "new")
    with pytest.raises(VaultError):
        under(installed)
    assert installed.run("keys", "lost", "1").code == 2

    said = installed.run("keys", "lost", "1", "--yes")

    assert said.code == 0, said.text
    assert f"wispbill integrations rotate {integration_id}" in said.text
    with installed.daemon() as house:
        hurt = integrations.get(None, integration_id)
        assert (hurt.state, secrets.count_by_key()) == ("error", {})
        house.store.write("test", lambda: house.safe.put(hurt, CREDENTIALS, {"secret_key": "new"}))
    assert opened(installed, integration_id) == {"secret_key": "new"}
