"""The wire: how the house talks HTTP. What only speaks of a wire does not load a client: `HttpWire`, of
`daemon.wire.http`, comes when it is asked for."""

from typing import TYPE_CHECKING, Any

from daemon.wire.answers import MAX_RETRY_AFTER_S, raise_for, retry_after_s
from daemon.wire.protocol import Gate, Reply, Wire

if TYPE_CHECKING:
    from daemon.wire.http import HttpWire

__all__ = ["MAX_RETRY_AFTER_S", "Gate", "HttpWire", "Reply", "Wire", "raise_for", "retry_after_s"]


def __getattr__(name: str) -> Any:
    if name == "HttpWire":
        from daemon.wire.http import HttpWire

        return HttpWire
    raise AttributeError(name)
