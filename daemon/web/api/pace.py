"""Asked too fast."""

from __future__ import annotations

from daemon.errors import InvalidInput


class TooFast(InvalidInput):
    """More than the limit allows; come again after `retry_after` seconds."""

    def __init__(self, retry_after: float, message: str = "too many requests with this token") -> None:
        super().__init__("WB-INPUT-TOO-FAST", message)
        self.retry_after = retry_after
