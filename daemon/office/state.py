"""Is everything in agreement? In one sentence, for one tenant, and in a word for each of many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from daemon.house import House
from daemon.jobs.exceptions import Matter, gather
from daemon.model import RUNNING
from daemon.office.health import Health, Mood, all_of, stands
from daemon.store import attention, differences, integrations, overviews, records, service, tenants
from daemon.store.recurring import Subscription


@dataclass(frozen=True, slots=True)
class State:
    """`matters` need a person, the most money first; `open_count` invoices are not settled; `proven_at` is
    when all integrations were last proven equal (None: not all were yet)."""

    sentence: str
    mood: Mood
    matters: Sequence[Matter]
    health: Sequence[Health]
    open_count: int
    under_way: int
    held: int
    proven_at: datetime | None


def state_of(house: House, tenant_id: str) -> State:
    now = house.clock.now()
    rows = integrations.listing(tenant_id)
    health = all_of(rows, house.settings, now)
    matters = gather(tenant_id)
    open_count = overviews.count_open(tenant_id)
    under_way = sum(one.waiting for one in health) + overviews.unassigned(tenant_id)
    proven = [one.proven_at for one in health if one.row.state in RUNNING]
    proven_at = min(at for at in proven if at) if proven and all(proven) else None
    troubled = [one for one in health if one.mood in (Mood.WARN, Mood.BAD)]
    known = {one.integration_id for one in matters}
    needs = len(matters) + sum(one.row.id not in known for one in troubled)
    sentence, mood = _told(needs, rows, open_count, under_way, proven_at, now)
    held = sum(1 for one in matters if one.group == "cutoff")
    return State(sentence, mood, matters, health, open_count, under_way, held, proven_at)


def _told(
    needs: int,
    rows: Sequence[records.Integration],
    open_count: int,
    under_way: int,
    proven_at: datetime | None,
    now: datetime,
) -> tuple[str, Mood]:
    if needs:
        return f"{counted(needs, 'thing')} {'needs' if needs == 1 else 'need'} you.", Mood.WARN
    if not rows:
        return "No billing system is connected yet.", Mood.NOTE
    moving = f", {under_way:,} on {'its' if under_way == 1 else 'their'} way" if under_way else ""
    proof = f"last proven equal {ago(proven_at, now)}" if proven_at else "to be proven equal tonight"
    return f"Everything agrees: {counted(open_count, 'open invoice')}{moving}, {proof}.", Mood.GOOD


def counted(count: int, noun: str) -> str:
    """`1 invoice`, `1,204 invoices`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def ago(at: datetime, now: datetime) -> str:
    """`3 hours ago`"""
    seconds = max(0, int((now - at).total_seconds()))
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            return f"{counted(seconds // length, unit)} ago"
    return "just now"


# --- many tenants ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Word:
    """A tenant's state in a word, and how bad that is (0: nothing to do)."""

    tenant: records.Tenant
    word: str
    mood: Mood
    rank: int
    customers: int
    open_count: int


def words(house: House) -> list[Word]:
    """All tenants, the worst first."""
    now = house.clock.now()
    there: dict[str, list[records.Integration]] = {}
    for row in integrations.listing(None):
        there.setdefault(row.tenant_id, []).append(row)
    refused, people, unsettled = overviews.refused(), overviews.customers(), overviews.open_of_all()
    disputed, unbilled = overviews.disputed(), _tenants_of(attention.unbilled(None))
    differing = _tenants_of(differences.waiting(None))
    braked = {row.tenant_id for row in service.brakes() if row.released_at is None}
    held = _tenants_of(service.held())
    found = []
    for tenant in tenants.everyone():
        marks = {"refused": refused.get(tenant.id, 0), "differing": differing.get(tenant.id, 0)}
        marks |= {"disputed": disputed.get(tenant.id, 0), "unbilled": unbilled.get(tenant.id, 0)}
        marks |= {"held": held.get(tenant.id, 0), "brake": tenant.id in braked}
        moods = [stands(row, house.settings, now)[:2] for row in there.get(tenant.id, [])]
        word, mood, rank = _word(moods, marks)
        found.append(Word(tenant, word, mood, rank, people.get(tenant.id, 0), unsettled.get(tenant.id, 0)))
    return sorted(found, key=lambda one: (-one.rank, one.tenant.reference))


def _tenants_of(rows: Iterable[differences.Difference | service.Held | Subscription]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows:
        found[row.tenant_id] = found.get(row.tenant_id, 0) + 1
    return found


def _word(moods: Sequence[tuple[str, Mood]], marks: Mapping[str, int]) -> tuple[str, Mood, int]:
    stopped = next((word for word, mood in moods if mood is Mood.BAD), None)
    troubled = next((word for word, mood in moods if mood is Mood.WARN), None)
    ladder = (
        (stopped, stopped or "", Mood.BAD, 6),
        (marks["brake"], "cut-offs braked", Mood.BAD, 5),
        (marks["refused"], counted(marks["refused"], "invoice") + " refused", Mood.WARN, 4),
        (marks["differing"], counted(marks["differing"], "difference"), Mood.WARN, 3),
        (marks["disputed"], counted(marks["disputed"], "payment") + " disputed", Mood.WARN, 3),
        (marks["unbilled"], counted(marks["unbilled"], "subscription") + " not billed", Mood.WARN, 3),
        (troubled, troubled or "", Mood.WARN, 2),
        (marks["held"], counted(marks["held"], "cut-off") + " held", Mood.WARN, 1),
        (not moods, "nothing connected", Mood.NOTE, 0),
    )
    return next(((word, mood, rank) for is_so, word, mood, rank in ladder if is_so), ("agrees", Mood.GOOD, 0))
