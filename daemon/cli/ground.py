"""What commands stand on that work beside the House: the database file, the daemon's lock, who owns what."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from daemon.errors import StoreError

if TYPE_CHECKING:
    from daemon.cli.context import Desk
    from daemon.store.locks import FileLock

NO_SQLITE = "PostgreSQL is backed up with pg_dump and restored with pg_restore (docs/operating.md)"


def sqlite_path(desk: Desk) -> Path:
    """The database file, which need not be there; raises StoreError where the database is PostgreSQL."""
    url = desk.settings.database_url()
    if not url.startswith("sqlite:"):
        raise StoreError("WB-BACKUP", NO_SQLITE)
    return Path(url.removeprefix("sqlite://"))


def lock_of(desk: Desk) -> FileLock:
    """The lock that a daemon holds for life, not taken yet."""
    from daemon.store.locks import FileLock

    return FileLock(desk.settings.daemon.state_dir / "daemon.lock")


def daemon_lock(desk: Desk) -> FileLock:
    """That lock, taken, so that no daemon starts meanwhile; raises StoreError where one runs."""
    lock = lock_of(desk)
    if not lock.acquire():
        raise StoreError(
            "WB-DAEMON-RUNNING", f"a daemon runs on this database ({lock.read()}): systemctl stop wispbill"
        )
    return lock


def hand_over(folder: Path, *paths: Path) -> None:
    """What root made in the daemon's folder belongs to that folder's owner."""
    if os.geteuid() == 0:
        owner = folder.stat()
        for path in paths:
            os.chown(path, owner.st_uid, owner.st_gid)
