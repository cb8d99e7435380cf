"""Where a daemon can die, and the plan of a seed: which of these points strike it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from tests.simulation.chance import Chance

TRANSACTIONS = (
    "intake.add",
    "push.assign",
    "lease.claim",
    "push.mark",
    "push.record",
    "push.fault",
    "push.fell_short",
    "push.void",
    "push.void_refused",
    "push.finish",
    "pull.feed",
    "pull.start_over",
    "pull.foreign",
    "pull.apply",
    "pull.hold",
    "pull.polled",
    "pull.finish",
    "lease.release",
    "receiver.hint",
    "grant.claim",
    "grant.mark",
    "grant.store",
    "grant.release",
    "grant.mint",
)
"""Every transaction of the daemon by its label; each is a point before and one after its commit."""

CALLS = (
    "send:before-first-byte",
    "send:mid-request",
    "send:provider-committed",
    "send:reply-before-record",
    "look:during",
    "look:after",
    "read:during",
    "read:after",
    "feed:page-1",
    "feed:page-n",
    "backup:copying",
)
"""Inside a call: `send` is a write of a push, `look` a question of a push, `read` one of a pull, `feed` a
page of events."""

POINTS = (
    *(f"{label}:{side}" for label in TRANSACTIONS for side in ("before-commit", "after-commit")),
    *CALLS,
)


class Blow(StrEnum):
    CRASH = "crash"
    SIGTERM = "sigterm"


class Crash(BaseException):
    """The process is gone. Not an Exception: no code of ours may catch it."""


class Broken(BaseException):
    """A promise is broken. Not an Exception, so that nothing on the way takes it for a fault of the world."""


FREQUENT = ("push.mark", "lease.", "push.finish", "pull.feed", "pull.polled", "pull.finish", "send:", "look:")
"""Points that a seed comes to several times."""

RARE = ("push.void", "pull.", "receiver.", "read:", "feed:")
"""Points that many a seed never comes to: they are armed twice as often."""

BRAKE = tuple(point for point in POINTS if point.startswith("pull.hold"))
"""Points that need much bad news at once and a person: seeds of their own are about them."""
BRAKE_EVERY = 10

ROTA = tuple(point for point in POINTS if point not in BRAKE)
ROTA += tuple(point for point in ROTA if point.startswith(RARE))
ROTA += tuple(
    point
    for point in ROTA
    if point.startswith(
        ("pull.apply", "pull.foreign", "push.void", "push.record", "receiver.hint", "feed:page-n")
    )
)

CRASHES, SIGTERMS = 12, 2
"""How many points each seed arms."""


@dataclass(slots=True)
class Plan:
    """The points armed in one seed, each with the visit at which it strikes, and the log of what struck."""

    armed: dict[str, tuple[int, Blow]] = field(default_factory=dict)
    visits: Counter[str] = field(default_factory=Counter)
    struck: Counter[tuple[str, Blow]] = field(default_factory=Counter)

    @classmethod
    def of(cls, seed: int, chance: Chance, beyond: tuple[str, ...] = ()) -> Plan:
        """`beyond` are beginnings of points that worlds of this provider never come to."""
        plan = cls()
        if seed % BRAKE_EVERY == 0:
            plan.armed = dict.fromkeys(BRAKE, (1, Blow.CRASH))
            return plan
        for blow, count in ((Blow.SIGTERM, SIGTERMS), (Blow.CRASH, CRASHES)):
            for point in chance.sample([point for point in ROTA if not point.startswith(beyond)], count):
                nth = chance.choice((1, 1, 2, 3)) if point.startswith(FREQUENT) else 1
                if point.startswith("pull.feed"):
                    nth = chance.choice((1, 4, 7, 10))  # what an early page tells is told again by later ones
                plan.armed[point] = (nth, blow)
        return plan

    def needs(self, *labels: str) -> bool:
        """Whether a point of these transactions is still to be reached, so that the world brings it about."""
        return any(point.startswith(labels) for point in self.armed)

    def visit(self, point: str) -> Blow | None:
        """Count a visit; the blow that falls at it, if one does."""
        self.visits[point] += 1
        nth, blow = self.armed.get(point, (0, Blow.CRASH))
        if self.visits[point] != nth:
            return None
        del self.armed[point]
        self.struck[point, blow] += 1
        return blow
