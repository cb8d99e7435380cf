"""Versions of what can be changed, for ETag and If-Match."""

from __future__ import annotations

import hashlib

from daemon.store.fields import canonical


def etag(facts: list[object]) -> str:
    """Of what a change may change, and of nothing else: what the daemon does meanwhile is no collision."""
    return f'"{hashlib.sha256(canonical(facts).encode()).hexdigest()[:32]}"'
