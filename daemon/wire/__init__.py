"""The wire: how the house talks HTTP. The protocol stands here; `daemon.wire.http` is the one client,
kept apart so that what only speaks of a wire does not load one."""

from daemon.wire.answers import MAX_RETRY_AFTER_S, raise_for, retry_after_s
from daemon.wire.protocol import Gate, Reply, Wire

__all__ = ["MAX_RETRY_AFTER_S", "Gate", "Reply", "Wire", "raise_for", "retry_after_s"]
