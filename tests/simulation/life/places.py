"""The providers' side of a life: an account at each double, and what payers, banks and offices do there.

Whatever is done is written into the bill's own book in the same breath.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import httpx

from daemon import connect
from daemon.connect import hooks
from daemon.errors import Unsupported
from daemon.house import House
from daemon.model import AccountInfo, Mode
from daemon.providers import provider_class
from daemon.sandbox.double import Standing
from daemon.sandbox.faults import FaultKind, Faults
from daemon.sandbox.seats import Ground, Seat, seat
from daemon.sandbox.transport import SandboxTransport
from daemon.store import apps, integrations, records, webhook
from daemon.store.secrets import CREDENTIALS
from daemon.store.webhook import WebhookKeys
from tests.simulation.chance import Chance, TrueTime
from tests.simulation.life.books import Bill
from tests.simulation.parties.hands import environ_of, reference_in
from tests.simulation.parties.seated import consent

REFUSED = (ValueError, LookupError, Unsupported)
"""What hands raise where the provider does not let somebody do that."""

READ_TIMEOUT_S = 20.0


@dataclass(slots=True)
class Road(httpx.BaseTransport):
    """The way from the daemon to a provider. `cut` while nothing gets through."""

    inner: httpx.BaseTransport
    time: TrueTime
    chance: Chance
    cut: bool = False
    lost: float = 0.0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.time.wait(0.1)
        if self.cut:
            return self._nobody(request)
        lot = self.chance.fraction()
        if lot < self.lost / 2:
            return self._silent(request)
        answer = self.inner.handle_request(request)
        answer.read()
        return self._silent(request) if lot < self.lost else answer

    def _nobody(self, request: httpx.Request) -> httpx.Response:
        lot = self.chance.fraction()
        if lot < 0.4:
            raise httpx.ConnectError("refused", request=request)
        return httpx.Response(503, text="Service Unavailable") if lot < 0.8 else self._silent(request)

    def _silent(self, request: httpx.Request) -> httpx.Response:
        self.time.wait(READ_TIMEOUT_S)
        raise httpx.ReadTimeout("silence", request=request)


class Place:
    """One account. `debits`: whether a bank debit is seen while it is on its way."""

    provider: ClassVar[str]
    zone: ClassVar[str]
    currency: ClassVar[str]
    settings: ClassVar[dict[str, Any]] = {}
    debits: ClassVar[bool] = False
    noise: ClassVar[tuple[FaultKind, ...]] = (
        FaultKind.ERROR_BEFORE,
        FaultKind.ERROR_AFTER,
        FaultKind.GARBLED,
        FaultKind.EMPTY,
    )

    def __init__(self, time: TrueTime, entropy: Chance, chance: Chance) -> None:
        self.time = time
        self.faults = Faults(entropy=chance)
        ground = Ground(time, entropy, self.faults, public_url=self.base_url(), currency=self.currency)
        self.seat: Seat = seat(self.provider, ground)
        self.hands: Any = self.seat.hands
        self.road = Road(SandboxTransport(self.seat.double, time), time, chance)
        self.bills: dict[str, Bill] = {}
        self.integration_id = ""
        self.app_id = ""
        self.bad_until = time.now()
        """Until when something was wrong on the way to it, or with our access."""

    @classmethod
    def base_url(cls) -> str:
        return f"http://{cls.provider.replace('_', '-')}.life"

    # --- how it is connected --------------------------------------------------------------------------

    def connect(self, house: House, tenant: records.Tenant, pace: str) -> None:
        """Inside a transaction: as the tenant's default."""
        place, mode = self.seat, Mode(self.seat.mode)
        row = integrations.add(
            tenant_id=tenant.id,
            customer_id=None,
            provider=self.provider,
            mode=place.mode,
            label=self.provider,
            settings=place.settings | self.settings,
            account=AccountInfo(place.account_id, tenant.name, mode),
            base_url=self.base_url(),
            pace=pace,
            actor="test",
            now=house.clock.now(),
            entropy=house.entropy,
        )
        house.safe.put(row, CREDENTIALS, place.credentials)
        if place.app is not None:
            self.app_id = consent(house, row, place, self.base_url()).id
        elif place.hook is not None:
            webhook.keep(house.safe, row, WebhookKeys(f"{self.base_url()}/hook", (place.hook_secret,)))
        self.integration_id = row.id

    def hook(self, house: House) -> None:
        """Our webhook, through the provider's API or by hand."""
        if self.seat.hook is not None:
            self.seat.hook(f"{self.base_url()}/hook")
        else:
            hooks.set_up(house, integrations.get(None, self.integration_id), actor="test")

    def hook_path(self) -> str:
        if self.app_id:
            return f"apps/{self.provider}/{self.app_id}"
        return f"integrations/{self.integration_id}"

    def postings(self) -> Iterator[tuple[dict[str, Any], Callable[[bool], None]]]:
        """What it posts to us now, and how it hears whether that was answered well."""
        while (posting := self.seat.double.next_delivery()) is not None:

            def report(ok: bool, posting: Any = posting) -> None:
                double = self.seat.double
                (double.delivered if ok else double.failed)(posting)

            yield environ_of(posting), report

    def reconnect(self, house: House) -> None:
        """The owner walks through the browser once more."""
        row = integrations.get(None, self.integration_id)
        asked = connect.begin(
            house,
            apps.get(self.app_id),
            tenant_id=row.tenant_id,
            customer_id=None,
            label=row.label,
            settings=row.settings,
            actor="owner",
        )
        answer = self.road.inner.handle_request(httpx.Request("GET", asked.url))
        connect.answer(house, self.provider, dict(httpx.URL(answer.headers["location"]).params))

    def lose_grant(self) -> None:
        """The owner, or the provider, takes our access away; only a new consent helps."""
        raise Unsupported

    # --- the truth ------------------------------------------------------------------------------------

    def standing(self) -> dict[str, list[Standing]]:
        """Every invoice there that carries a reference of ours, by it."""
        found: dict[str, list[Standing]] = {}
        for one in self.hands.standing():
            reference = reference_in(one.reference)
            if reference:
                found.setdefault(reference, []).append(one)
        return found

    @classmethod
    def poll_s(cls) -> float:
        return provider_class(cls.provider).can.min_poll_s

    # --- what people do: False where the provider does not let them -----------------------------------

    def pay(self, bill: Bill, amount: int | None = None) -> bool:
        rest = bill.owed
        if rest == 0 or bill.in_flight:
            return False
        part = rest if amount is None else min(amount, rest)
        return self._do(bill, lambda: self._take(bill, part, rest), paid=part)

    def _take(self, bill: Bill, part: int, rest: int) -> object:
        return self.hands.pay(bill.ref) if part == rest else self.hands.pay(bill.ref, part)

    def pay_at_counter(self, bill: Bill) -> bool:
        """In cash, which the office writes into the provider's own pages."""
        return self.pay(bill)

    def overpay(self, bill: Bill, more: int) -> bool:
        rest = bill.owed
        return rest > 0 and self._do(bill, lambda: self.hands.overpay(bill.ref, more), paid=rest + more)

    def debit(self, bill: Bill) -> bool:
        """Money leaves the payer's bank, and is not there yet."""
        return False

    def settle(self, bill: Bill, *, well: bool) -> bool:
        """The bank's last word about it."""
        raise Unsupported

    def bounce(self, bill: Bill) -> bool:
        """What was paid comes back."""
        back = bill.paid - bill.reversed
        return self._do(bill, lambda: self.hands.reverse(bill.ref), reversed=back)

    def refund(self, bill: Bill) -> bool:
        given = bill.paid - bill.refunded - bill.reversed
        return given > 0 and self._do(bill, lambda: self.hands.refund(bill.ref), refunded=given)

    def dispute(self, bill: Bill) -> bool:
        return self._do(bill, lambda: self.hands.dispute(bill.ref), disputed=True)

    def close_dispute(self, bill: Bill, *, won: bool) -> bool:
        lost = 0 if won else bill.paid
        close = lambda: self.hands.close_dispute(bill.ref, won=won)  # noqa: E731
        return self._do(bill, close, disputed=False, reversed=lost)

    def covered(self, ref: str) -> int:
        """What money of the customer's that was there already paid of a new invoice."""
        return 0

    def credit(self, bill: Bill, amount: int) -> bool:
        return self._do(bill, lambda: self.hands.credit(bill.ref, amount), credited=amount)

    def void(self, bill: Bill) -> bool:
        if bill.paid or bill.in_flight:
            return False
        return self._do(bill, lambda: self.hands.void(bill.ref), void=True)

    def _do(self, bill: Bill, deed: Callable[[], object], **changes: int) -> bool:
        try:
            deed()
        except REFUSED:
            return False
        for name, value in changes.items():
            flag = isinstance(value, bool)
            setattr(bill, name, value if flag else getattr(bill, name) + value)
        bill.moved(self.time.now())
        return True


class StripePlace(Place):
    provider, zone, currency, debits = "stripe", "Europe/Berlin", "EUR", True

    def covered(self, ref: str) -> int:
        """What was paid too much is the customer's balance there, and pays the next invoice."""
        record = next(one for one in self.hands.account.invoices() if one.id == ref)
        return (record.ending_balance or 0) - record.starting_balance

    def pay_at_counter(self, bill: Bill) -> bool:
        rest = bill.owed
        return rest > 0 and self._do(bill, lambda: self.hands.account.pay_out_of_band(bill.ref), paid=rest)

    def debit(self, bill: Bill) -> bool:
        pay = lambda: self.hands.account.pay(bill.ref, method="sepa_debit", processing=True)  # noqa: E731
        return bill.owed > 0 and self._do(bill, pay, in_flight=True)

    def settle(self, bill: Bill, *, well: bool) -> bool:
        account = self.hands.account
        flying = [one for one in account.payments(bill.ref) if one.intent_status == "processing"]
        end = account.settle if well else account.fail
        rest = bill.owed if well else 0
        return self._do(bill, lambda: end(flying[-1]), in_flight=False, paid=rest)


class PayPalPlace(Place):
    provider, zone, currency, debits = "paypal", "America/New_York", "USD", True
    settings: ClassVar[dict[str, Any]] = {"allow_partial_payments": True, "time_zone": "America/New_York"}

    def pay_at_counter(self, bill: Bill) -> bool:
        rest = bill.owed
        return rest > 0 and self._do(bill, lambda: self.hands.record(bill.ref), paid=rest)

    def debit(self, bill: Bill) -> bool:
        return bill.owed > 0 and self._do(bill, lambda: self.hands.pay_pending(bill.ref), in_flight=True)

    def settle(self, bill: Bill, *, well: bool) -> bool:
        end = self.hands.clear if well else self.hands.reverse
        return self._do(bill, lambda: end(bill.ref), in_flight=False, paid=bill.owed if well else 0)


class SquarePlace(Place):
    provider, zone, currency, debits = "square", "America/Los_Angeles", "USD", True

    def pay_at_counter(self, bill: Bill) -> bool:
        rest = bill.owed
        return rest > 0 and self._do(bill, lambda: self.hands.take(bill.ref, "CASH", rest), paid=rest)

    def debit(self, bill: Bill) -> bool:
        rest = bill.owed
        pay = lambda: self.hands.take(bill.ref, "BANK_ACCOUNT", rest, status="PENDING")  # noqa: E731
        return rest > 0 and self._do(bill, pay, in_flight=True)

    def settle(self, bill: Bill, *, well: bool) -> bool:
        end = lambda: self.hands.finish_debit(bill.ref, paid=well)  # noqa: E731
        return self._do(bill, end, in_flight=False, paid=bill.owed if well else 0)


class QuickBooksPlace(Place):
    provider, zone, currency = "quickbooks", "America/St_Johns", "CAD"

    def lose_grant(self) -> None:
        self.seat.double.grants.revoke_realm(self.seat.account_id)


class XeroPlace(Place):
    provider, zone, currency = "xero", "Australia/Lord_Howe", "AUD"

    def overpay(self, bill: Bill, more: int) -> bool:
        """What is too much is the contact's, and not on the invoice."""
        return self.pay(bill)

    def lose_grant(self) -> None:
        identity = self.seat.double.identity
        for token in list(identity.access.values()):
            if not token.grant.dead:
                identity.kill(token.grant)


class CustomPlace(Place):
    provider, zone, currency = "custom_webhook", "Europe/London", "GBP"


PLACES: tuple[type[Place], ...] = (
    StripePlace,
    PayPalPlace,
    SquarePlace,
    QuickBooksPlace,
    XeroPlace,
    CustomPlace,
)
