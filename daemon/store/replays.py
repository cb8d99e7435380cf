"""Answers to POSTs with an Idempotency-Key, given again for a day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from daemon.store import records
from daemon.store.tables import Replay as Table

KEPT = timedelta(hours=24)
ABANDONED = timedelta(minutes=3)
"""Who has not answered by then never will: longer than any call to a provider takes."""


@dataclass(frozen=True, slots=True)
class Replay(records.Record):
    table = Table
    token_id: str
    key: str
    digest: str
    status: int | None
    headers: dict[str, str] | None
    body: str | None
    created_at: datetime


def claim(token_id: str, key: str, digest: str, now: datetime) -> Replay | None:
    """Inside a transaction: None where the work is now the caller's; else what is there: an answer, other
    content, or somebody at work (no status)."""
    there = Replay.first(_is(token_id, key))
    if there is not None:
        unanswered = there.status is None and there.digest == digest
        if now - there.created_at < (ABANDONED if unanswered else KEPT):
            return there
        forget(token_id, key)
    Table.insert(token_id=token_id, key=key, digest=digest, created_at=now).execute()
    return None


def keep(token_id: str, key: str, *, status: int, headers: Mapping[str, str], body: str) -> None:
    """Inside a transaction."""
    Table.update(status=status, headers=dict(headers), body=body).where(_is(token_id, key)).execute()


def forget(token_id: str, key: str) -> None:
    """Inside a transaction: the next one with this key does the work."""
    Table.delete().where(_is(token_id, key)).execute()


def forget_old(now: datetime) -> int:
    """Inside a transaction."""
    return int(Table.delete().where(Table.created_at <= now - KEPT).execute())


def _is(token_id: str, key: str) -> object:
    return (Table.token_id == token_id) & (Table.key == key)
