"""What really happened to an invoice, written down by whoever did it: neither our fold, nor our rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

FOR_EVER = timedelta(days=36_500)


@dataclass(frozen=True, slots=True)
class State:
    """How an invoice stood from `at` on, in minor units. `unsure`: money is on its way, or disputed."""

    at: datetime
    owed: int
    unsure: bool = False

    @property
    def is_debt(self) -> bool:
        return self.owed > 0 and not self.unsure


@dataclass(slots=True)
class Bill:
    """One invoice at its provider, as payer, bank and office know it."""

    ref: str
    number: str
    customer: str
    total: int
    due_on: date
    born_at: datetime
    paid: int = 0
    reversed: int = 0
    refunded: int = 0
    credited: int = 0
    void: bool = False
    in_flight: bool = False
    disputed: bool = False
    states: list[State] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.states.append(State(self.born_at, self.owed))

    @property
    def owed(self) -> int:
        """A refund leaves nothing owed; only what bounced is owed again."""
        return 0 if self.void else max(0, self.total - self.credited - (self.paid - self.reversed))

    @property
    def now(self) -> State:
        return self.states[-1]

    def moved(self, at: datetime) -> None:
        """Something was done to it; from now on it stands otherwise."""
        self.states.append(State(at, self.owed, self.in_flight or self.disputed))

    def was_a_debt(self, since: datetime, until: datetime) -> bool:
        """Whether it was owed for sure at some moment of this span."""
        ends = [after.at for _state, after in pairwise(self.states)] + [until + FOR_EVER]
        spans = zip(self.states, ends, strict=True)
        return any(state.is_debt and state.at <= until and end >= since for state, end in spans)

    def owed_since(self, until: datetime) -> datetime | None:
        """Since when it was owed without a break, as of `until`."""
        since: datetime | None = None
        for state in self.states:
            if state.at > until:
                break
            since = (since or state.at) if state.owed > 0 else None
        return since

    def settled_at(self) -> datetime | None:
        """Since when nothing is owed on it; None where something is."""
        if self.now.owed > 0 and not self.now.unsure:
            return None
        return next(
            (after.at for before, after in reversed([*pairwise(self.states)]) if before.is_debt), self.born_at
        )

    def overdue_days(self, at: datetime, zone: ZoneInfo) -> int:
        """Days for which it was owed and past its date without a break, in the tenant's zone. What is owed
        again on the day after its date counts from its date."""
        since = self.owed_since(at)
        if since is None:
            return -1
        day = since.astimezone(zone).date()
        begun = self.due_on if day <= self.due_on + timedelta(days=1) else day
        return (at.astimezone(zone).date() - begun).days
