"""From the start of the process to READY, and memory at rest."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.harness import Figure, connect, enter, folder, house, hwm_mib, rss_mib, settings

BARE = "import httpx, peewee, stripe, pydantic_settings, apscheduler.schedulers.background, bottle, waitress"


def rows(quick: bool) -> Iterator[Figure]:
    with folder() as path:
        with house(path, "http://127.0.0.1:9") as built:
            connect(built)
            enter(built, 100 if quick else 1_000)
        _write_key(path)
        settings(path, "http://127.0.0.1:9")
        seconds, rest_mib, peak_mib = _start(path)
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", BARE], check=True)
    bare = time.perf_counter() - started
    yield Figure(
        "start of the daemon to READY",
        f"{seconds:.2f} s; {rest_mib:.0f} MiB at rest, {peak_mib:.0f} at peak",
        f"{bare:.2f} s to import its libraries",
        f"{seconds / bare:.1f} times",
        "2 s, 120 MB",
        seconds < 2 and peak_mib < 120,
    )


def _write_key(path: Path) -> None:
    """The database of `house` is sealed with a key that nobody kept: start from an empty one."""
    for name in ("wispbill.db", "wispbill.db-wal", "wispbill.db-shm"):
        (path / name).unlink(missing_ok=True)
    (path / "master.key").write_text(os.urandom(32).hex())
    (path / "master.key").chmod(0o600)


def _start(path: Path) -> tuple[float, float, float]:
    address = path / "notify.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(address))
        sock.settimeout(30)
        environ = {**os.environ, "NOTIFY_SOCKET": str(address)}
        command = [sys.executable, "-m", "daemon", "--config", str(path / "wispbill.toml"), "run"]
        started = time.perf_counter()
        with (path / "log").open("wb") as log:
            process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
        try:
            while b"READY=1" not in sock.recv(4096):
                pass
            seconds = time.perf_counter() - started
            time.sleep(2)
            return seconds, rss_mib(process.pid), hwm_mib(process.pid)
        finally:
            process.terminate()
            process.wait(timeout=60)
