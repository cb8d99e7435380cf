"""Where the demo happens: a folder of its own, six sandboxes, a configuration, and a real daemon that can
be killed. What is started here is stopped here, and the folder goes with it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar
from urllib.request import urlopen

from daemon.cli.story.voice import StoryError, Voice
from daemon.clock import SystemClock, SystemEntropy
from daemon.sandbox.deliverer import Forward
from daemon.sandbox.double import BaseDouble
from daemon.sandbox.faults import Faults
from daemon.sandbox.seats import SEATED, Ground
from daemon.sandbox.stands import Ports, Stand, close, put_up

PUBLIC_URL = "https://wispbill.example"
"""Where providers and browsers reach the daemon, behind a proxy whose part the demo plays: PayPal takes no
address without https."""

RETRIES_S = (1.0, 2.0, 4.0, 8.0)
"""The sandboxes try a webhook again within seconds: nobody wants to watch for the minutes that providers
take."""

PATIENCE_S = 90.0
TOGETHER = 2
"""Commands at once."""

T = TypeVar("T")
R = TypeVar("R")


class Stage:
    def __init__(self, voice: Voice) -> None:
        self.voice = voice
        self.clock = SystemClock()
        self.daemon: subprocess.Popen[bytes] | None = None
        receiver, monitor = (f"127.0.0.1:{port}" for port in _free_ports(2))
        self.monitor = f"http://{monitor}"
        self.proxy = Forward(PUBLIC_URL, f"http://{receiver}")
        self.stands = self._put_up()
        self.folder = Path(tempfile.mkdtemp(prefix="wispbill-demo-"))
        self.config = self.folder / "wispbill.toml"
        self.log = self.folder / "daemon.log"
        self._configure(receiver, monitor)

    def _put_up(self) -> Mapping[str, Stand]:
        ground = Ground(self.clock, SystemEntropy(), Faults(), demo=True)
        stands = put_up(SEATED, ground, Ports(threads=16), public_url=PUBLIC_URL, forward=self.proxy)
        for stand in stands:
            if isinstance(stand.seat.double, BaseDouble):
                stand.seat.double.outbox.retry_after_s = RETRIES_S
        return {stand.seat.provider: stand for stand in stands}

    def _configure(self, receiver: str, monitor: str) -> None:
        lines = [
            f'[daemon]\nstate_dir = "{self.folder}"\nmin_free_disk = "1MiB"\nlog_format = "json"',
            f'[receiver]\nlisten = "{receiver}"\npublic_url = "{PUBLIC_URL}"',
            f'[monitoring]\nlisten = "{monitor}"',
            *(f'[providers.{name}]\nbase_url = "{one.served.url}"' for name, one in self.stands.items()),
        ]
        self.config.write_text("\n\n".join(lines) + "\n", encoding="utf-8")
        key = self.folder / "master.key"
        key.touch(mode=0o600)
        key.write_text(SystemEntropy().bytes(32).hex(), encoding="utf-8")

    def close(self) -> None:
        if self.runs():
            assert self.daemon is not None  # noqa: S101 - it runs
            self.daemon.terminate()
            self.daemon.wait(timeout=90)
        close(list(self.stands.values()))
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- the daemon -----------------------------------------------------------------------------------

    def start(self) -> None:
        command = [sys.executable, "-m", "daemon", "--config", str(self.config), "run"]
        with self.log.open("ab") as log:
            self.daemon = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603
        self.until("the daemon is ready", self._is_ready)

    def kill(self) -> None:
        assert self.daemon is not None  # noqa: S101 - it was started
        self.daemon.send_signal(signal.SIGKILL)
        self.daemon.wait()

    def runs(self) -> bool:
        return self.daemon is not None and self.daemon.poll() is None

    def _is_ready(self) -> bool:
        try:
            with urlopen(f"{self.monitor}/readyz", timeout=2) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except OSError:
            return False

    # --- commands -------------------------------------------------------------------------------------

    def run(
        self,
        *words: str,
        given: object = None,
        typed: str | None = None,
        called: str = "",
        shown: bool = True,
    ) -> str:
        """One wispbill command as a person would type it, on its standard input `given` as JSON or `typed`
        as it is (`called` so where it is shown); what it prints. Raises StoryError."""
        if shown:
            self.voice.command(words, given=called)
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "daemon", "--config", str(self.config), *words],
            check=False,
            input=json.dumps(given) if given is not None else typed,
            text=True,
            capture_output=True,
            env={**os.environ, "COLUMNS": "100"},
        )
        if done.returncode:
            raise StoryError(f"`wispbill {' '.join(words)}` failed: {done.stderr.strip()[-2000:]}")
        if shown:
            self.voice.output(done.stdout)
        return done.stdout

    def together(self, work: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
        """Work that is mostly commands, two at a time, in order."""
        with ThreadPoolExecutor(TOGETHER) as pool:
            yield from pool.map(work, items)

    # --- waiting --------------------------------------------------------------------------------------

    def until(self, what: str, holds: Callable[[], bool]) -> None:
        """Wait until it holds. Raises StoryError after a while, or where the daemon ends; shows its log."""
        ends = self.clock.monotonic() + PATIENCE_S
        while not holds():
            if self.clock.monotonic() > ends or not self.runs():
                self.voice.output(self.tail(3000))
                why = f"waited {PATIENCE_S:.0f} s in vain" if self.runs() else "the daemon ended"
                raise StoryError(f"{why} until {what}; the daemon's log is above")
            self.clock.wait(0.2)

    def tail(self, size: int) -> str:
        return self.log.read_text(errors="replace")[-size:] if self.log.exists() else ""


def _free_ports(count: int) -> list[int]:
    """All different: each is held until the last is found."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [int(sock.getsockname()[1]) for sock in sockets]
    finally:
        for sock in sockets:
            sock.close()
