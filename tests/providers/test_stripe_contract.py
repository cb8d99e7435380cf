"""Stripe keeps the contract, against a double that knows nothing of the adapter."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from daemon.clock import SystemClock
from daemon.model import Delivery, Mode
from daemon.money import Money
from daemon.providers.base import Context
from daemon.providers.contract import Bench, PlainJournal, ProviderContract
from daemon.providers.stripe import Stripe
from daemon.providers.stripe.setup import StripeCredentials, StripeSettings
from daemon.sandbox.stripe import StripeDouble
from daemon.sandbox.stripe.hands import StripeHands
from daemon.sandbox.transport import SandboxTransport, SpoilingTransport
from daemon.wire import HttpWire
from tests.providers.spec import SpecTransport
from tests.providers.stripe_script import KEY, OpenGate, a_draft, a_line

URL = "https://sandbox.test"
HOOK = "https://wisp.example/hook"


class SetClock:
    """Stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, 9, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def wait(self, seconds: float, stop: threading.Event | None = None) -> bool:
        self.at += timedelta(seconds=seconds)
        return False


class CountedEntropy:
    """Different each time, the same in each run."""

    def __init__(self) -> None:
        self.drawn = 0

    def bytes(self, count: int) -> bytes:
        self.drawn += 1
        return hashlib.shake_256(self.drawn.to_bytes(8, "big")).digest(count)

    def fraction(self) -> float:
        return 0.5


class DatedTransport(SandboxTransport):
    """Adds the Date that any HTTP server adds."""

    def __init__(self, app: StripeDouble) -> None:
        super().__init__(app)
        self.clock = app.clock

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        response.headers.setdefault("date", format_datetime(self.clock.now(), usegmt=True))
        return response


class LossyTransport(httpx.BaseTransport):
    """Loses one write, or its answer, and makes each answer bad once told so."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self.inner = inner
        self.lose: tuple[int, bool] | None = None
        self.always: httpx.Response | None = None
        self.seen: Counter[str] = Counter()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.seen[request.method] += 1
        if self.always is not None:
            return self.always
        if request.method == "GET" or self.lose is None:
            return self.inner.handle_request(request)
        after, lands = self.lose
        self.lose = (after - 1, lands) if after else None
        if after:
            return self.inner.handle_request(request)
        if lands:
            self.inner.handle_request(request)
        raise httpx.ReadTimeout("lost", request=request)


class StripeBench(Bench):
    secrets = (KEY,)

    def __init__(self) -> None:
        self.clock = SetClock()
        self.double = StripeDouble(self.clock, CountedEntropy(), public_url=URL, rates=False)
        self.account = self.double.add_account(KEY)
        self.network = LossyTransport(DatedTransport(self.double))
        self.spoiling = SpoilingTransport(SpecTransport(self.network))
        self.hook: tuple[str, str] | None = None

    def adapter(self, **settings: object) -> Stripe:
        wire = HttpWire("Stripe", gate=OpenGate(), clock=SystemClock(), transport=self.spoiling)
        given = StripeCredentials(secret_key=KEY)
        return Stripe(Context(given, StripeSettings(**settings), wire, Mode.SANDBOX, base_url=URL))

    def lose_answer(self, *, after: int) -> None:
        self.network.lose = (after, True)

    def lose_request(self, *, after: int) -> None:
        self.network.lose = (after, False)

    def spoil(self, fault: str, *, after: int) -> None:
        self.spoiling.spoil(fault, after=after)

    def unspoil(self) -> None:
        self.spoiling.unspoil()

    @property
    def spoilt(self) -> bool:
        return not self.spoiling.pending

    def refuse_credentials(self) -> None:
        self.double.revoke(KEY)

    def throttle(self) -> None:
        self.network.always = httpx.Response(429, json={"error": {"message": "slow down"}})

    def live(self, reference: str) -> int:
        return sum(
            invoice.metadata.get("wispbill_invoice") == reference and invoice.status != "void"
            for invoice in self.account.invoices()
        )

    def sent(self, ref: str) -> int:
        events = self.account.events()
        return sum(event.type == "invoice.sent" and event.subject.id == ref for event in events)

    def payers(self) -> int:
        return len(list(self.account.customers()))

    def pay(self, ref: str, amount: Money) -> None:
        if self.hook is None:
            hook = self.adapter().register_webhook(HOOK)
            self.hook = (hook.external_id, hook.secret)
        self.account.pay(ref, amount.minor)

    def void(self, ref: str) -> None:
        self.account.void(ref)

    def enrol(self, name: str, **told: str) -> str:
        return StripeHands(self.account).enrol(name, **told)

    def retire(self, payer: str) -> None:
        StripeHands(self.account).retire(payer)

    def pass_time(self, seconds: float) -> None:
        self.clock.wait(seconds)

    def refund(self, ref: str, amount: Money) -> None:
        self.account.refund(ref, amount.minor)

    def dispute(self, ref: str) -> None:
        self.disputed = self.account.dispute(ref).id

    def lose_dispute(self, ref: str) -> None:
        self.account.close_dispute(self.disputed, won=False)

    def delivery(self, ref: str) -> Delivery:
        assert self.hook is not None
        last = list(self.double.deliveries())[-1]
        headers = {name.lower(): value for name, value in last.headers.items()}
        return Delivery(last.body, headers, HOOK, (self.hook[1],), self.clock.now())


class TestStripe(ProviderContract):
    @pytest.fixture
    def bench(self) -> Bench:
        return StripeBench()


def test_tax_adds_up_to_our_own_total() -> None:
    bench = StripeBench()
    stripe = bench.adapter(tax_rates={"local": {"percentage": "8.25", "display_name": "Sales tax"}})
    draft = a_draft(a_line("10.01", "0.83", tax_rate="local"), a_line("3.33", "0.27", tax_rate="local"))

    pushed = stripe.push_one(draft, PlainJournal())

    assert pushed.observation.total == draft.total == Money(1444, "USD")


def test_a_discount_of_the_customer_does_not_reach_our_invoice() -> None:
    bench = StripeBench()
    first = bench.adapter().push_one(a_draft(), PlainJournal())
    bench.account.discount_customer(first.payer.external_id, 10)

    second = a_draft(number="A-2", reference="WB-ABCDEFGHIJKLMNO2")
    pushed = bench.adapter().push_one(second, PlainJournal())

    assert pushed.observation.total == second.total


def test_an_idle_poll_after_a_burst_costs_one_request() -> None:
    bench = StripeBench()
    stripe = bench.adapter()
    cursor = stripe.changed(None).cursor
    for number in range(3):
        draft = a_draft(number=f"B-{number}", reference=f"WB-ABCDEFGHIJKLMN2{'ABC'[number]}")
        bench.account.pay(stripe.push_one(draft, PlainJournal()).ref)
    more = True
    while more:
        changes = stripe.changed(cursor)
        cursor, more = changes.cursor, changes.more
    bench.pass_time(600)
    cursor = stripe.changed(cursor).cursor
    before = bench.network.seen["GET"]

    assert stripe.changed(cursor).hints == ()
    assert bench.network.seen["GET"] == before + 1
