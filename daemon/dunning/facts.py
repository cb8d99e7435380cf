"""What a decision about a customer's service looks at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from daemon.model import DocStatus, IntegrationState, PaymentStatus
from daemon.model.dunning import DunningStep, ServiceStatus, StandingKind
from daemon.money import Money

OWED = (PaymentStatus.OPEN, PaymentStatus.PARTIALLY_PAID)
UNDECIDED = (PaymentStatus.IN_FLIGHT, PaymentStatus.UNKNOWN)
"""Neither owed for sure nor settled."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When it is decided. `local` is `at` in the tenant's zone. `paused` says why nobody may be cut off now
    whatever the facts are; `trusting` is for previews, which suppose that every read confirms."""

    at: datetime
    local: datetime
    read_within: timedelta
    paused: tuple[str, str] | None = None
    trusting: bool = False

    @property
    def today(self) -> date:
        return self.local.date()


@dataclass(frozen=True, slots=True)
class View:
    """How well the provider's side of an invoice is known. `told_at`: when a read of this very invoice last
    said something definite; `moved_at`: when its status last changed here. `unsettled`: a payment was
    entered here that is not settled with the provider."""

    told_at: datetime | None
    moved_at: datetime
    state: IntegrationState = IntegrationState.ACTIVE
    doc_status: DocStatus | None = DocStatus.OPEN
    braked: bool = False
    trouble: str | None = None
    hinted: bool = False
    void_asked: bool = False
    unsettled: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """A step that was taken in this episode of a debt."""

    key: str
    status: ServiceStatus
    on: date

    @property
    def days(self) -> int:
        """Of the step as it was when it was taken."""
        return int(self.key.rpartition("@")[2])


@dataclass(frozen=True, slots=True)
class Debt:
    """An invoice as far as service goes. `due_on` is the later of our date and the provider's. `ignored`
    says why the service does not follow it, `covered` that the customer's money elsewhere pays for it.
    Episode 0: it was never overdue; `reopened`: it was settled since its episode began."""

    invoice_id: str
    number: str
    status: PaymentStatus
    due: Money
    due_on: date
    view: View
    ignored: str | None = None
    covered: str | None = None
    episode: int = 0
    since_on: date | None = None
    is_open: bool = False
    reopened: bool = False
    done: tuple[Done, ...] = ()

    @property
    def is_owed(self) -> bool:
        return self.status in OWED and self.due.minor > 0

    @property
    def is_settled(self) -> bool:
        return not self.is_owed and self.status not in UNDECIDED

    @property
    def level(self) -> ServiceStatus:
        """The worst that was done about it."""
        return max((one.status for one in self.done), key=lambda s: s.rank, default=ServiceStatus.ACTIVE)


@dataclass(frozen=True, slots=True)
class Said:
    """What a person said about the customer, until the end of a day or until it is taken back."""

    kind: StandingKind
    reason: str
    until_on: date | None = None

    def lasts(self, today: date) -> bool:
        return self.until_on is None or today <= self.until_on


@dataclass(frozen=True, slots=True)
class Person:
    """A customer: the service status now, what was said, and every invoice that may be a debt."""

    customer_id: str
    status: ServiceStatus
    debts: tuple[Debt, ...] = ()
    said: tuple[Said, ...] = ()

    def saying(self, today: date, *kinds: StandingKind) -> Said | None:
        return next((one for one in self.said if one.kind in kinds and one.lasts(today)), None)


@dataclass(frozen=True, slots=True)
class Held:
    """A cut-off that is due and not made. `ask`: a read of the invoice would settle it."""

    debt: Debt
    status: ServiceStatus
    code: str
    reason: str
    ask: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """A debt whose episode begins: the first time (1), or anew."""

    debt: Debt
    episode: int
    since_on: date


@dataclass(frozen=True, slots=True)
class Taken:
    """A step to write down."""

    debt: Debt
    episode: int
    step: DunningStep


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do about one customer now; nothing of it where all is as it was. `why` is for people; `asks`
    are the debts of which a read would settle whether a cut-off may be made."""

    person: Person
    target: ServiceStatus
    why: str
    opened: tuple[Opened, ...] = ()
    closed: tuple[Debt, ...] = ()
    taken: tuple[Taken, ...] = ()
    held: Held | None = None
    asks: tuple[Debt, ...] = ()
    cuts: bool = False

    @property
    def moves(self) -> bool:
        return self.target is not self.person.status

    @property
    def is_idle(self) -> bool:
        return not (self.moves or self.opened or self.closed or self.taken)
