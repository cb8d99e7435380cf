"""The bad days of a life: drawn once from the seed, each with its beginning and its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from daemon.sandbox.faults import FaultKind
from tests.simulation.chance import Chance
from tests.simulation.life.places import Place
from tests.simulation.parties.party import HOOK_FAULTS
from tests.simulation.points import Blow

LIVED = (
    "bill.start",
    "bill.batch",
    "bill.finish",
    "enforce.start",
    "enforce.look",
    "enforce.cut",
    "enforce.record",
    "enforce.brake",
    "enforce.release",
    "enforce.finish",
    "sweep.begin",
    "sweep.listed",
    "sweep.listed_page",
    "sweep.finish_pass",
    "events.stamp",
    "notify.enlist",
    "notify.record",
    "endpoint.claim",
    "endpoint.release",
    "push.assign",
    "push.mark",
    "push.record",
    "push.finish",
    "pull.feed",
    "pull.apply",
    "pull.foreign",
    "pull.polled",
    "pull.finish",
    "sweep.finish",
    "keepalive.tested",
    "keepalive.finish",
    "lease.claim",
    "lease.release",
    "receiver.hint",
    "grant.claim",
    "grant.mark",
    "grant.store",
    "grant.release",
    "grant.mint",
    "grant.forget",
    "tidy.backup.start",
    "tidy.backup.finish",
    "tidy.retention.finish",
    "tidy.invariants.finish",
)
"""The transactions at which a life crashes, each before and after its commit."""

POINTS = tuple(f"{label}:{side}" for label in LIVED for side in ("before-commit", "after-commit"))

OFTEN = ("bill.", "enforce.", "sweep.", "notify.")
"""What no other simulation lives through: armed three times as often as the rest."""


@dataclass(frozen=True, slots=True)
class Mishap:
    """Something that is so from `at` until `until`."""

    what: str
    place: Place | None
    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Wear:
    """Shares of calls and webhooks that go wrong on any day."""

    calls: float = 0.003
    hooks: float = 0.04
    lost: float = 0.004


def drawn(chance: Chance, places: list[Place], first: datetime, last: datetime) -> list[Mishap]:
    """Everything that will go wrong by the calendar, for a year's share of the span."""
    span_s = (last - first).total_seconds()
    share = span_s / (365 * 86400)

    def some(yearly: float) -> range:
        whole = yearly * share
        return range(int(whole) + chance.happens(whole - int(whole)))

    def mishap(what: str, place: Place | None, hours: float) -> Mishap:
        at = first + timedelta(seconds=chance.between(0.02, 0.95) * span_s)
        return Mishap(what, place, at, min(last, at + timedelta(hours=hours)))

    found: list[Mishap] = []
    for place in places:
        found += [mishap("outage", place, chance.between(0.5, 9)) for _ in some(6)]
        found += [mishap("outage", place, chance.between(20, 40)) for _ in some(1)]
        found += [mishap("throttled", place, chance.between(0.5, 3)) for _ in some(4)]
        found += [mishap("hooks off", place, chance.between(24, 120)) for _ in some(2)]
        if place.app_id:
            found += [mishap("grant lost", place, 48) for _ in range(max(1, len(some(1))))]
    found += [mishap("platform down", None, chance.between(20, 30)) for _ in range(max(1, len(some(3))))]
    found += [mishap("machine off", None, chance.between(0.2, 14)) for _ in some(8)]
    return sorted(found, key=lambda one: one.at)


def odds(wear: Wear, place: Place) -> dict[FaultKind, float]:
    """What goes wrong there on any day."""
    calls = dict.fromkeys((*place.noise, FaultKind.THROTTLED), wear.calls)
    return calls | dict.fromkeys(HOOK_FAULTS, wear.hooks)


def blows(chance: Chance, every_s: float) -> Iterator[tuple[float, str, int, Blow]]:
    """Seconds until the next blow is armed, at which point, and at which of its next visits it strikes."""
    rota = [*POINTS, *(point for point in POINTS if point.startswith(OFTEN) for _ in range(2))]
    while True:
        blow = Blow.SIGTERM if chance.happens(0.1) else Blow.CRASH
        yield chance.between(0, 2 * every_s), chance.choice(rota), chance.choice((1, 1, 2, 5)), blow
