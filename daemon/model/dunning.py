"""Words of dunning: service statuses, the steps of a plan, when they may happen, what people say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from enum import StrEnum

from daemon.money import Money, exponent


class ServiceStatus(StrEnum):
    """Of a customer, from good to bad; `closed` is said by a person alone."""

    ACTIVE = "active"
    WARNED = "warned"
    THROTTLED = "throttled"
    SUSPENDED = "suspended"
    CLOSED = "closed"

    @property
    def rank(self) -> int:
        return list(ServiceStatus).index(self)

    @property
    def cuts(self) -> bool:
        """Whether it takes something away, so that it needs the cut-off guard."""
        return self in (ServiceStatus.THROTTLED, ServiceStatus.SUSPENDED)


class StandingKind(StrEnum):
    """`promise` and `exempt` give service in spite of debts, `hold` lets nothing get worse."""

    PROMISE = "promise"
    HOLD = "hold"
    EXEMPT = "exempt"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class DunningStep:
    """After `days` overdue the service becomes `status`, from `at` o'clock in the tenant's zone (None: as
    soon as the hours begin), for debts of at least `minimum`, in units of their currency."""

    days: int
    status: ServiceStatus
    at: time | None = None
    minimum: Decimal = Decimal(0)

    @property
    def key(self) -> str:
        return f"{self.status.value}@{self.days}"

    def is_worth(self, due: Money) -> bool:
        return due.minor >= self.minimum.scaleb(exponent(due.currency))


@dataclass(frozen=True, slots=True)
class DunningRules:
    """A tenant's plan; `steps` by rising days. The hours are of the tenant's zone."""

    steps: tuple[DunningStep, ...]
    opens: time = time(9)
    closes: time = time(17)
    weekends: bool = False
    holidays: frozenset[date] = frozenset()
