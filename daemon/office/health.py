"""How an integration stands, in a word and a sentence, with the one thing to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from daemon.errors import CATALOGUE
from daemon.jobs.remedies import settling
from daemon.model import IntegrationState
from daemon.model.states import Duty
from daemon.office import consents, quotas
from daemon.office.late import is_late
from daemon.providers import provider_class
from daemon.settings import Settings
from daemon.store import integrations, records, sweeps, views


class Mood(StrEnum):
    """How much it matters, the worst last."""

    GOOD = "good"
    NOTE = "note"
    WARN = "warn"
    BAD = "bad"


class Act(StrEnum):
    """What can be done where it is shown; COMMAND: only at the command line."""

    NONE = ""
    TEST = "test"
    RESUME = "resume"
    SYNC = "sync"
    RELEASE = "release-brake"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Health:
    """`word` and `sentence` for people; `fault` the catalogue's code; `waiting` invoices are not there yet,
    the oldest since `oldest_at`; `quotas` as `office.quotas` has them; `proven_at`: when both sides were last
    equal; `command` settles it where `act` is COMMAND."""

    row: records.Integration
    word: str
    mood: Mood
    sentence: str
    act: Act
    command: str
    waiting: int
    refused: int
    oldest_at: datetime | None
    proven_at: datetime | None
    quotas: Sequence[Mapping[str, Any]]
    reads_per_day: int
    reads_allowed_per_day: int | None
    consent_ends_at: datetime | None

    @property
    def name(self) -> str:
        return name_of(self.row)


_STANDS = {
    IntegrationState.TESTING: ("waits for its test", Mood.WARN, "Nothing is sent or read before its test."),
    IntegrationState.PAUSED: ("paused", Mood.WARN, "Nothing is sent or read until it is resumed."),
    IntegrationState.NEEDS_RECONNECT: (
        "needs new credentials",
        Mood.BAD,
        "It takes our credentials no longer; what waits for it is kept.",
    ),
    IntegrationState.ERROR: ("stopped", Mood.BAD, "It has stopped; what waits for it is kept."),
    IntegrationState.DRAINING: (
        "closing",
        Mood.NOTE,
        "It takes no new invoices, and follows the ones that it has until they close.",
    ),
    IntegrationState.REMOVED: ("removed", Mood.NOTE, "It is removed."),
}
_ACTS = {"test": Act.TEST, "resume": Act.RESUME, "--release-brake": Act.RELEASE}


def name_of(row: records.Integration) -> str:
    """`Stripe, Bench`: the provider and the account, as they call it."""
    return f"{provider_class(row.provider).label}, {row.account_name or row.label or row.id}"


def all_of(rows: Sequence[records.Integration], settings: Settings, now: datetime) -> list[Health]:
    ids = [row.id for row in rows]
    queues, proven = integrations.count_by_state(ids), sweeps.of_all(ids)
    budgets = quotas.of_integrations(settings, rows, now)
    ends = consents.of_integrations(rows, now)
    return [
        _one(row, queues[row.id], proven.get(row.id), budgets[row.id], ends[row.id], settings, now)
        for row in rows
    ]


def _one(
    row: records.Integration,
    queue: Mapping[str, int],
    swept: sweeps.Pass | None,
    budget: Mapping[str, Any],
    consent: Mapping[str, Any],
    settings: Settings,
    now: datetime,
) -> Health:
    word, mood, sentence, act, command = stands(row, settings, now)
    waiting = sum(count for state, count in queue.items() if state not in ("synced", "failed"))
    return Health(
        row=row,
        word=word,
        mood=mood,
        sentence=sentence,
        act=act,
        command=command,
        waiting=waiting,
        refused=queue.get("failed", 0),
        oldest_at=views.oldest_unsent(row.id) if waiting else None,
        proven_at=swept.proven_at if swept else None,
        quotas=budget["quotas"],
        reads_per_day=budget["reads_per_day"],
        reads_allowed_per_day=budget["reads_allowed_per_day"],
        consent_ends_at=consent["consent_ends_at"],
    )


def stands(row: records.Integration, settings: Settings, now: datetime) -> tuple[str, Mood, str, Act, str]:
    """Word, mood, sentence, what to do, and the command where that is one."""
    command = settling(row)
    act = next((act for verb, act in _ACTS.items() if f" {verb}" in f"{command} "), Act.COMMAND)
    act = act if command else Act.NONE
    if row.brake and not row.brake.get("released"):
        sentence = f"The brake holds {row.brake.get('count')} changes: look there first, then release it."
        return "held by the brake", Mood.BAD, sentence, act, command
    if row.duty == Duty.STANDS_BY:
        sentence = "It stands by to take new invoices over: wispbill integrations switch."
        return "stands by", Mood.NOTE, sentence, Act.NONE, ""
    known = _STANDS.get(IntegrationState(row.state))
    if known is not None:
        word, mood, sentence = known
        why = f" {_why(row)}" if row.fault_code else ""
        missing = f" It lacks: {', '.join(row.test_missing)}." if row.test_missing else ""
        return word, mood, f"{sentence}{why}{missing}", act, command
    return *_running(row, settings, now), ""


def _running(row: records.Integration, settings: Settings, now: datetime) -> tuple[str, Mood, str, Act]:
    if row.fault_code:
        return "in trouble", Mood.WARN, f"{_why(row)} It is tried again by itself.", Act.TEST
    if row.test_missing:
        return "lacks a right", Mood.WARN, f"It lacks: {', '.join(row.test_missing)}.", Act.TEST
    if is_late(row, settings, now):
        return "late", Mood.WARN, _late(row, now), Act.SYNC
    return "working", Mood.GOOD, "It is sent to and read on time.", Act.NONE


def _late(row: records.Integration, now: datetime) -> str:
    """Without a fault only a quota that is used up makes it wait."""
    if row.resume_at is not None and row.resume_at > now:
        return f"Its quota is used up until {row.resume_at:%Y-%m-%d %H:%M} UTC."
    return "It was not read when it should have been."


def _why(row: records.Integration) -> str:
    """In plain words: the catalogue's sentence, and what the provider said."""
    entry = CATALOGUE.get(row.fault_code or "")
    said = (row.fault_text or "").rstrip(".")
    return f"{entry.sentence} ({row.fault_code}: {said})" if entry else f"{row.fault_code}: {said}."
