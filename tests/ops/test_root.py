"""Root's CLI leaves no file behind that the daemon's user could not open."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.store.locks import FileLock
from tests.ops.conftest import Installation

DAEMON_UID = 61184  # the first of systemd's dynamic users

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for another user")


@pytest.fixture
def served(installed: Installation) -> Installation:
    """The state folder is another user's, and lies where only root may pass, as with DynamicUser=."""
    folder = installed.database.parent
    for path in (folder, *folder.iterdir()):
        os.chown(path, DAEMON_UID, DAEMON_UID)
    folder.parent.chmod(0o700)
    return installed


def of_others(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.stat().st_uid != DAEMON_UID]


@pytest.mark.parametrize(
    "command",
    [
        ("tenants", "add", "t1"),
        ("backup",),
        ("db", "check"),
        ("doctor",),
        ("keys", "list"),
        ("recovery", "begin"),
    ],
    ids=" ".join,
)
def test_what_it_makes_belongs_to_the_daemon(served: Installation, command: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "daemon", "--config", str(served.config), *command],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert of_others(served.database.parent) == []


def test_a_restored_database_belongs_to_the_daemon(served: Installation, tmp_path: Path) -> None:
    served.run("backup", "--to", str(tmp_path / "roots"))
    [file] = (tmp_path / "roots").iterdir()

    assert served.run("restore", str(file)).code == 0

    assert of_others(served.database.parent) == []


def test_a_lock_that_root_made_can_be_taken_by_the_daemon(tmp_path: Path) -> None:
    os.chown(tmp_path, DAEMON_UID, DAEMON_UID)
    lock = FileLock(tmp_path / "write.lock")

    assert lock.acquire()
    lock.release()

    assert lock.path.stat().st_uid == DAEMON_UID
