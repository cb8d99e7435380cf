"""The wake-up socket: a datagram that names a verb hastens the daemon; without it the schedule does."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path

NAME = "wake.sock"


def nudge(folder: Path, verb: str) -> None:
    """Tell the daemon of this runtime folder, if there is one, to look at `verb` now."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.sendto(verb.encode(), str(folder / NAME))


class Listener:
    """Receives nudges in the daemon. Whoever can write to the runtime folder may nudge; all that a nudge
    can do is make a job look at its rows."""

    def __init__(self, folder: Path, wake: Callable[[str], None]) -> None:
        self._path = folder / NAME
        self._wake = wake
        self._sock: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name="wakeup", daemon=True)

    def start(self) -> None:
        self._path.unlink(missing_ok=True)
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.bind(str(self._path))
        self._path.chmod(0o600)
        self._thread.start()

    def stop(self) -> None:
        if self._sock is not None:
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)
            self._sock.close()
            self._path.unlink(missing_ok=True)
            self._thread.join(timeout=5)

    def _run(self) -> None:
        sock = self._sock
        while sock is not None:
            try:
                message = sock.recv(64)
            except OSError:
                return
            if not message:
                return
            self._wake(message.decode(errors="replace"))
