"""Asked too fast, or too many at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from daemon.errors import InvalidInput


class TooFast(InvalidInput):
    """More than the limit allows; come again after `retry_after` seconds."""

    def __init__(self, retry_after: float, message: str = "too many requests with this token") -> None:
        super().__init__("WB-INPUT-TOO-FAST", message)
        self.retry_after = retry_after


class Few:
    """What takes long runs a few times at once; who comes beside them is told to come again."""

    def __init__(self, at_once: int, again_s: float, message: str) -> None:
        self._free = threading.BoundedSemaphore(at_once)
        self._again_s, self._message = again_s, message

    @contextmanager
    def one(self) -> Iterator[None]:
        """Raises TooFast where enough run already."""
        if not self._free.acquire(blocking=False):
            raise TooFast(self._again_s, self._message)
        try:
            yield
        finally:
            self._free.release()
