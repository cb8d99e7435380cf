"""What a command works with: the settings and the House, opened when they are first asked for.

Root's CLI reads what only root may read (the configuration, the master key), then becomes the owner of
the state folder before it opens the database, so that it leaves no file behind that the daemon cannot
write.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import typer

from daemon.errors import ConfigError

if TYPE_CHECKING:
    from datetime import datetime

    from daemon.house import House
    from daemon.settings import Settings
    from daemon.store import records

T = TypeVar("T")

USUAL_PLACES = (Path("wispbill.toml"), Path("/etc/wispbill/wispbill.toml"))


def find_config(given: Path | None, environ: Mapping[str, str] = os.environ) -> Path | None:
    """--config, else $WISPBILL_CONFIG, else the first of the usual places that is there; None: defaults.
    What was named but is not there raises ConfigError."""
    named = given or (Path(environ["WISPBILL_CONFIG"]) if environ.get("WISPBILL_CONFIG") else None)
    if named is None:
        return next((place for place in USUAL_PLACES if place.is_file()), None)
    if not named.is_file():
        raise ConfigError(f"there is no configuration file {named}")
    return named


def desk_of(ctx: typer.Context) -> Desk:
    """The desk of this command."""
    return cast(Desk, ctx.obj)


class Desk:
    """One command's settings, House and actor; `path` is the configuration's. `options` go to
    `app.build` (tests give a clock or wires)."""

    def __init__(self, path: Path | None, *, environ: Mapping[str, str] = os.environ, **options: Any) -> None:
        self.path = path
        self.environ = environ
        self.actor = f"cli:{login_name(environ)}"
        self._options = options

    @cached_property
    def settings(self) -> Settings:
        from daemon.settings import load

        return load(self.path, self.environ)

    @cached_property
    def house(self) -> House:
        """The House, not migrating, writing under `write.lock`, waking the daemon. Raises StoreError,
        VaultError or ConfigError."""
        from daemon import app, log, wakeup

        settings = self.settings
        log.configure("warning", settings.daemon.log_format)
        options = {"keys": self._keys(), "environ": self.environ} | self._options
        drop_privileges(settings.daemon.state_dir)
        house = app.build(settings, **options)
        house.wake = partial(wakeup.nudge, settings.runtime_dir())
        return house

    @property
    def now(self) -> datetime:
        return self.house.clock.now()

    def tenant(self, name: str | None) -> records.Tenant:
        """The named tenant, or the only one. Raises NotFound or InvalidInput."""
        from daemon.store import tenants

        store = self.house.store
        with store.session():
            return tenants.get(name) if name else tenants.only()

    def tenant_id(self, name: str | None) -> str | None:
        """The named tenant's id; None, for all of them, where none is named."""
        return self.tenant(name).id if name else None

    def write(self, label: str, work: Callable[[], T], *, wake: str = "") -> T:
        """Run `work` in one transaction of its own; then hasten the daemon's `wake`, if one runs."""
        answer = self.house.store.write(f"cli.{label}", work)
        if wake:
            self.house.wake(wake)
        return answer

    def open(self) -> House:
        """The House, before the store's questions are asked."""
        return self.house

    def close(self) -> None:
        if "house" in self.__dict__:
            self.house.close()

    def _keys(self) -> Any:
        from daemon.vault import MasterKeys

        return MasterKeys.load(self.settings, self.environ)


def login_name(environ: Mapping[str, str]) -> str:
    """Who is at the keyboard: behind sudo the one who called it, else the owner of this process."""
    if os.geteuid() == 0 and environ.get("SUDO_USER"):
        return environ["SUDO_USER"]
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def drop_privileges(folder: Path) -> None:
    """Where root calls, become the owner of the state folder (who is root: stay). Root stays also where
    that owner could not reach it: with DynamicUser= it lies below /var/lib/private, which is root's alone
    (systemd.exec(5)). SQLite as root gives the files that it makes to the owner of the database, and
    `FileLock` to the owner of the folder."""
    if os.geteuid() != 0 or not folder.exists():
        return
    owner = folder.stat()
    if owner.st_uid == 0 or not _may_reach(folder, owner):
        return
    os.setgroups([])
    os.setgid(owner.st_gid)
    os.setuid(owner.st_uid)


def _may_reach(folder: Path, who: os.stat_result) -> bool:
    """Whether a user may pass every folder on the way to this one."""
    for parent in folder.resolve().parents:
        facts = parent.stat()
        others = 0o010 if facts.st_gid == who.st_gid else 0o001
        if not facts.st_mode & (0o100 if facts.st_uid == who.st_uid else others):
            return False
    return True
