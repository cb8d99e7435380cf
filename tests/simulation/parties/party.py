"""What a world knows of the other side, whichever provider it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import httpx

from daemon.house import House
from daemon.model import AccountInfo, DocStatus, Mode
from daemon.providers import provider_class
from daemon.sandbox.faults import FaultKind, Faults
from daemon.store import integrations, records, webhook
from daemon.store.secrets import CREDENTIALS
from daemon.store.webhook import WebhookKeys
from tests.simulation.chance import Chance, TrueTime
from tests.simulation.points import Plan

PROVIDER_FAULTS: tuple[FaultKind, ...] = (
    FaultKind.THROTTLED,
    FaultKind.LOCK_TIMEOUT,
    FaultKind.ERROR_BEFORE,
    FaultKind.ERROR_STORED,
    FaultKind.ERROR_AFTER,
    FaultKind.GARBLED,
)
HOOK_FAULTS = (
    FaultKind.HOOK_DROPPED,
    FaultKind.HOOK_DUPLICATED,
    FaultKind.HOOK_DELAYED,
    FaultKind.HOOK_REORDERED,
    FaultKind.HOOK_FORGED,
)


@dataclass(frozen=True, slots=True)
class Record:
    """An invoice as it really stands at the provider. `settled`: somebody paid or ended it, sent or not;
    `told`: whether the provider would still tell that it was sent."""

    ref: str
    number: str
    reference: str
    payer: str
    status: DocStatus
    total: int
    sent: int
    settled: bool
    told: bool = True


class Party(ABC):
    """One account at the double of a provider. The account's id and the credentials are the same in every
    world; everything else comes from the seed."""

    provider: ClassVar[str]
    beyond: ClassVar[tuple[str, ...]] = ("grant.",)
    """Beginnings of the crash points that worlds of this provider never come to."""
    faults_of: ClassVar[tuple[FaultKind, ...]] = PROVIDER_FAULTS
    clock_off_s: ClassVar[tuple[float, ...]] = (0.0, -7000.0, -400.0, 400.0, 7000.0)
    """How wrong our clock may be: less where each request is signed with it."""

    transport: httpx.BaseTransport

    def __init__(self, time: TrueTime, entropy: Chance, people: Chance) -> None:
        self.time = time
        self.entropy = entropy
        self.people = people
        self.faults = Faults(entropy=entropy)

    # --- how it is connected --------------------------------------------------------------------------

    @classmethod
    def base_url(cls) -> str:
        return f"http://{cls.provider.replace('_', '-')}.simulation"

    @classmethod
    @abstractmethod
    def account(cls) -> str:
        """The provider's id of our account."""

    @classmethod
    def mode(cls) -> Mode:
        return Mode.SANDBOX

    @classmethod
    @abstractmethod
    def credentials(cls) -> dict[str, Any]: ...

    @classmethod
    def settings(cls) -> dict[str, Any]:
        return {}

    @classmethod
    @abstractmethod
    def webhook_secret(cls) -> str: ...

    @classmethod
    def connect(cls, house: House, tenant: records.Tenant) -> str:
        """Inside a transaction: the tenant's integration with this account; its id."""
        integration = integrations.add(
            tenant_id=tenant.id,
            customer_id=None,
            provider=cls.provider,
            mode=cls.mode().value,
            label=cls.provider,
            settings=cls.settings(),
            account=AccountInfo(cls.account(), "WISP 1", cls.mode()),
            base_url=cls.base_url(),
            pace="realtime",
            actor="test",
            now=house.clock.now(),
            entropy=house.entropy,
        )
        house.safe.put(integration, CREDENTIALS, cls.credentials())
        keys = WebhookKeys(f"{cls.base_url()}/hook", (cls.webhook_secret(),))
        webhook.keep(house.safe, integration, keys)
        return integration.id

    @classmethod
    def settle_s(cls) -> float:
        """After that an unanswered call can no longer land."""
        return provider_class(cls.provider).can.settle_s

    @classmethod
    def reread_s(cls) -> tuple[float, float]:
        """After how long an open invoice that was read is read again by itself: (least, most)."""
        can = provider_class(cls.provider).can
        if can.change_feed and can.feed_tells_all:
            return 30 * 86400.0, 400 * 86400.0
        return can.min_poll_s, 1.5 * can.min_poll_s

    @classmethod
    def hook_path(cls, integration_id: str) -> str:
        return f"integrations/{integration_id}"

    # --- bad days -------------------------------------------------------------------------------------

    @abstractmethod
    def misbehave(self, plan: Plan) -> None:
        """From now on things go wrong, as the seed and the plan have it."""

    @abstractmethod
    def behave(self) -> None:
        """From now on nothing does."""

    # --- what people do -------------------------------------------------------------------------------

    @abstractmethod
    def act(self, plan: Plan) -> Iterator[str]:
        """Somebody does something with one of our invoices; yields what, for the trace."""

    def may_be_lost(self) -> bool:
        """Whether the provider itself would by now have let our access die, whatever we did."""
        return False

    def reconnect(self, house: House) -> None:
        """The account's owner gives us access again, where there is any that can be lost."""
        raise LookupError(f"nobody has to connect {self.provider} again")

    @abstractmethod
    def pay_by_number(self, number: str) -> Iterator[str]: ...

    def deed(self, what: str, do: Callable[[], object]) -> Iterator[str]:
        try:
            do()
        except (ValueError, KeyError):
            return
        yield what

    @abstractmethod
    def deliveries(self) -> Iterator[tuple[dict[str, Any], Callable[[bool], None]]]:
        """(WSGI environment of the POST, how to report whether it was answered 2xx)."""

    # --- the truth ------------------------------------------------------------------------------------

    def writes(self, request: httpx.Request) -> bool:
        """Whether the provider's world is another one after this request."""
        return request.method != "GET"

    def feeds(self, request_url: str) -> str | None:
        """Which point of the change feed this read is; None where it is another read."""
        return None

    def keys_of(self, request: httpx.Request, expected: str) -> bool | None:
        """Whether the request carries this key of ours; None where this provider's requests carry none."""
        return None

    def refresh_token(self, request: httpx.Request) -> str | None:
        """The refresh token that the request spends; None where it spends none."""
        return None

    @abstractmethod
    def records(self) -> list[Record]:
        """Every invoice that carries a reference of ours."""

    def record(self, ref: str) -> Record | None:
        return next((record for record in self.records() if record.ref == ref), None)

    @abstractmethod
    def payers(self, reference: str) -> list[str] | None:
        """Ids of the payers that carry our reference; None where the provider keeps no payers."""

    @abstractmethod
    def difference(self, invoice: records.Invoice, record: Record) -> str | None:
        """What of this invoice's money is otherwise there than here; None where nothing is."""
