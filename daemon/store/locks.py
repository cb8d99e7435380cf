"""File locks: `daemon.lock` for a daemon's life, `write.lock` around a CLI write and a checkpoint."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from daemon.clock import Clock
from daemon.errors import StoreError


class FileLock:
    """An exclusive flock on a file, which the kernel drops when the process dies."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    def acquire(self) -> bool:
        """Take the lock; False where another process (or another FileLock) has it."""
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.geteuid() == 0:  # the daemon, which is not root, must be able to open it
            owner = self.path.parent.stat()
            os.fchown(fd, owner.st_uid, owner.st_gid)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        self._fd = fd
        return True

    def release(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def note(self, text: str) -> None:
        """Leave a word for people in the locked file, such as who holds it."""
        if self._fd is not None:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, text.encode(), 0)

    def read(self) -> str:
        try:
            return self.path.read_text(encoding="utf-8")[:200]
        except OSError:
            return ""

    @contextmanager
    def held(self, *, timeout_s: float, clock: Clock) -> Iterator[None]:
        """The lock for the length of a block; raises StoreError when it stays taken."""
        until = clock.monotonic() + timeout_s
        while not self.acquire():
            if clock.monotonic() >= until:
                raise StoreError("WB-DB-LOCKED", f"another process holds {self.path.name}")
            clock.wait(0.01)
        try:
            yield
        finally:
            self.release()
