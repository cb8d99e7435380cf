"""Facts about this database itself: its version, its recovery mode."""

from __future__ import annotations

from typing import Any

from daemon.store import plain
from daemon.store.tables import Meta

RECOVERY = "recovery"
"""Since when (and from which backup) every first push looks before it sends."""

CLOCK = "clock"
"""The latest wall time that a daemon saw, in microseconds."""

LEAPT = "leapt"
"""The recovery for which the event feed leapt ahead."""

ALARM = "alarm"
"""Which daemon sends the alerts, and until when nobody else does."""

KEYS = "keys"
"""The ids of the master keys that the daemon has at hand; only under one of these may the CLI seal."""


def get(key: str, default: Any = None) -> Any:
    found = plain.select(Meta, ("value",), "key", [key])
    return found[0][0] if found else default


def put(key: str, value: Any) -> None:
    """Inside a transaction."""
    Meta.insert(key=key, value=value).on_conflict(
        conflict_target=[Meta.key], update={Meta.value: value}
    ).execute()


def drop(key: str) -> bool:
    """Inside a transaction; True where there was one."""
    return bool(Meta.delete().where(Meta.key == key).execute())
