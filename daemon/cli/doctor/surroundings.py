"""The doctor on what lies around the database: configuration, key, folder, disk, SQLite, daemon, systemd."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

from daemon.cli.context import Desk
from daemon.cli.doctor.finding import Finding, bad, ok, warn
from daemon.cli.ground import lock_of
from daemon.errors import ConfigError, InvalidInput

UNITS = (Path("/etc/systemd/system/wispbill.service"), Path("/usr/lib/systemd/system/wispbill.service"))
BOOTED = Path("/run/systemd/system")
"""There exactly where systemd runs the machine: sd_booted(3)."""

WAL_RESET = ((3, 7, 0), (3, 51, 2))
"""First and last SQLite with the WAL-reset bug: https://sqlite.org/wal.html#walresetbug"""


def configuration(desk: Desk) -> Iterator[Finding]:
    try:
        _ = desk.settings
    except ConfigError as error:
        for line in error.message.splitlines():
            yield bad("configuration", line, "put it right, then wispbill doctor")
        return
    if desk.path is None:
        yield warn("configuration", "there is no file: every setting has its default", "wispbill init")
    else:
        yield ok("configuration", f"{desk.path} is valid")


def examine(desk: Desk) -> Iterator[Finding]:
    yield from master_key(desk)
    yield from state_folder(desk)
    yield from disk(desk)
    yield sqlite()
    yield from running(desk)
    yield from unit()


def master_key(desk: Desk) -> Iterator[Finding]:
    from daemon.vault import KEY_VARIABLE, MasterKeys, key_path

    path = key_path(desk.settings, desk.environ)
    try:
        keys = MasterKeys.load(desk.settings, desk.environ)
    except InvalidInput as error:
        remedy = f"chmod 600 {path}" if "by others" in error.message else "wispbill keys new"
        if "by others" not in error.message and path.exists():
            remedy = f"put the right file at {path}"
        yield bad("master key", error.message, remedy)
        return
    if desk.environ.get(KEY_VARIABLE):
        yield warn(
            "master key",
            f"it comes from {KEY_VARIABLE}, which every child process and /proc can show",
            f"put it into a file and hand it over by LoadCredential=master.key:{path}",
        )
    else:
        ids = ", ".join(str(key_id) for key_id in keys)
        yield ok("master key", f"{path}, readable by its owner only; ids: {ids}")


def state_folder(desk: Desk) -> Iterator[Finding]:
    folder = desk.settings.daemon.state_dir
    if not folder.is_dir():
        yield warn("state folder", f"{folder} is not there yet; the daemon makes it at its first start")
        return
    facts = folder.stat()
    mode = stat.S_IMODE(facts.st_mode)
    if mode & 0o077:
        yield bad("state folder", f"{folder} is open to others (mode {mode:04o})", f"chmod 700 {folder}")
    elif facts.st_uid != os.geteuid() and os.geteuid() != 0:
        yield bad(
            "state folder", f"{folder} belongs to user {facts.st_uid}, not to you", "sudo wispbill doctor"
        )
    else:
        yield ok("state folder", f"{folder} is its owner's alone")


def disk(desk: Desk) -> Iterator[Finding]:
    folder, least = desk.settings.daemon.state_dir, desk.settings.daemon.min_free_disk
    if not folder.is_dir():
        return
    free = shutil.disk_usage(folder).free
    sentence = f"{free >> 20} MiB are free; nothing is pushed below {least >> 20} MiB"
    if free < least:
        yield bad("disk", sentence, f"make room on the disk of {folder}")
    elif free < 4 * least:
        yield warn("disk", sentence, f"make room on the disk of {folder}")
    else:
        yield ok("disk", sentence)


def sqlite() -> Finding:
    version = sqlite3.sqlite_version
    if WAL_RESET[0] <= sqlite3.sqlite_version_info <= WAL_RESET[1]:
        return warn(
            "SQLite",
            f"{version} has the WAL-reset bug (until 3.51.2); wispbill keeps clear of it",
            "open the database with nothing else while the daemon runs",
        )
    return ok("SQLite", version)


def running(desk: Desk) -> Iterator[Finding]:
    """The daemon, by its lock, and the socket that wakes it."""
    if not desk.settings.daemon.state_dir.is_dir():
        yield warn("daemon", "it does not run", "systemctl start wispbill")
        return
    lock = lock_of(desk)
    try:
        is_free = lock.acquire()
    except OSError as error:
        yield bad("daemon", f"its lock cannot be opened: {error.strerror}", "sudo wispbill doctor")
        return
    if is_free:
        lock.release()
        yield warn("daemon", "it does not run: nothing is pushed or read", "systemctl start wispbill")
        return
    yield ok("daemon", f"it runs ({lock.read() or 'its lock is held'})")
    from daemon.wakeup import NAME

    socket = desk.settings.runtime_dir() / NAME
    if socket.is_socket():
        yield ok("wake-up", f"{socket} is there")
    else:
        yield warn(
            "wake-up",
            f"{socket} is not there: commands wait for the schedule",
            "set daemon.runtime_dir as the daemon has it",
        )


def unit() -> Iterator[Finding]:
    if not BOOTED.is_dir():
        return
    path = next((place for place in UNITS if place.is_file()), None)
    if path is None:
        yield warn("systemd", "there is no unit", f"wispbill init --systemd > {UNITS[0]}")
        return
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    if "WatchdogSec=" in text and "Type=notify" in text:
        yield ok("systemd", f"{path} has a watchdog")
    else:
        yield warn("systemd", f"{path} has no watchdog", "compare it with wispbill init --systemd")
