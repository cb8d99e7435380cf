"""A provider in this process: its double over the in-process transport, connected to a House as the daemon
has it, on a clock that waits by moving. Rates of the double are off, our own limits are on.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from pydantic import SecretStr

from bench.harness import folder
from daemon import app
from daemon.clock import SystemEntropy
from daemon.house import House
from daemon.jobs.pull import pull
from daemon.jobs.push import push
from daemon.jobs.visit import Work, visit
from daemon.model import AccountInfo, Limit, Mode, PaymentStatus, SyncState
from daemon.money import Money
from daemon.policy import left, restored
from daemon.sandbox.faults import Faults
from daemon.sandbox.seats import AppSeat, Ground, Seat, seat
from daemon.sandbox.stripe import StripeDouble
from daemon.sandbox.transport import SandboxTransport, Wsgi
from daemon.settings import load
from daemon.store import apps, customers, grants, integrations, invoices, links, records, tenants
from daemon.store.secrets import CLIENT_SECRET, CREDENTIALS
from daemon.store.tables import Invoice, Link
from daemon.store.writer import GroupWriter
from daemon.vault import MasterKeys
from daemon.wire import Gate, HttpWire, Wire

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
STRIPE_KEY = "sk_test_bench000000000000000"
STEP = 500
TOKENS = re.compile(r"/oauth2?/|/connect/token")
"""One an hour or so, whatever is pushed or read."""


class MovingClock:
    """Waiting takes no time and moves the clock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._elapsed_s = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self._elapsed_s)

    def monotonic(self) -> float:
        return self._elapsed_s

    def wait(self, seconds: float, stop: threading.Event | None = None) -> bool:
        self.move(max(0.0, seconds))
        return stop is not None and stop.is_set()

    def move(self, seconds: float) -> None:
        with self._lock:
            self._elapsed_s += seconds


class Counting(httpx.BaseTransport):
    """Counts requests but those for tokens, and the processor time that the double takes for them."""

    def __init__(self, double: Wsgi) -> None:
        self._inner = SandboxTransport(double)
        self._lock = threading.Lock()
        self.requests = 0
        self.cpu_s = 0.0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        began_s = time.thread_time()
        try:
            return self._inner.handle_request(request)
        finally:
            with self._lock:
                self.requests += not TOKENS.search(request.url.path)
                self.cpu_s += time.thread_time() - began_s


@dataclass(slots=True)
class World:
    """One provider, connected as the tenant's default."""

    house: House
    clock: MovingClock
    transport: Counting
    place: Seat | StripeDouble
    integration_id: str = ""
    months: int = 0
    _spent: tuple[int, float, float] = field(default=(0, 0.0, 0.0))

    def mark(self) -> None:
        """From now on is counted."""
        self._spent = self.transport.requests, time.process_time(), self.transport.cpu_s

    def spent(self) -> tuple[int, float]:
        """Requests since the mark, and our own seconds of processor."""
        requests, cpu_s, theirs_s = self._spent
        ours_s = time.process_time() - cpu_s - (self.transport.cpu_s - theirs_s)
        return self.transport.requests - requests, ours_s

    def enter(self, count: int) -> None:
        """Each of the same customers has an invoice more."""
        self.months += 1
        tenant = tenants.only()
        for start in range(1, count + 1, STEP):
            numbers = range(start, min(start + STEP, count + 1))
            self.house.store.write("bench.enter", lambda numbers=numbers: self._enter(tenant, numbers))
        self.house.store.write("bench.assign", lambda: links.assign(self.clock.now()))

    def _enter(self, tenant: records.Tenant, numbers: range) -> None:
        now, entropy = self.clock.now(), self.house.entropy
        line = invoices.NewLine("Internet, one month", Money(5000, "USD"), Money(0, "USD"))
        for n in numbers:
            if self.months == 1:
                name, email = f"Subscriber {n:05}", f"subscriber{n:05}@example.com"
                row = customers.drawn(tenant.id, f"C-{n:05}", name, email, now=now, entropy=entropy)
                customers.insert(row)
            else:
                row = customers.get(tenant.id, f"ref:C-{n:05}")
            number = f"{self.months}-{n:05}"
            due_on = now.date() + timedelta(days=14)
            new = invoices.NewInvoice(tenant.id, row.id, number, number, "USD", now.date(), due_on, (line,))
            invoices.add(new, actor="bench", now=now, entropy=entropy)

    def push(self) -> None:
        """As the daemon does, run after run, until nothing waits."""
        for _ in range(100_000):
            waiting = Link.select(Link.next_push_at).where(Link.next_push_at.is_null(False))
            if not waiting.exists():
                break
            if integrations.due_for_push(self.clock.now()):
                self.visit("push", push)
            else:
                self.clock.move(30)
        wrong = Link.select().where(Link.state != SyncState.SYNCED.value)
        assert not wrong.exists(), [(one.state, one.fault_code, one.fault_text) for one in wrong.limit(3)]

    def poll(self) -> None:
        """What is due by the next poll, and what that leads to."""
        integration = integrations.get(None, self.integration_id)
        due_at = integration.next_poll_at or self.clock.now()
        self.clock.move(max(0.0, (due_at - self.clock.now()).total_seconds()) + 1)
        for _ in range(1000):
            if not integrations.due_for_pull(self.clock.now()):
                return
            self.visit("pull", pull)
        raise AssertionError("a poll comes to no end")

    def visit(self, job: str, work: Work) -> None:
        tally = visit(self.house, self.integration_id, job, work)
        assert tally is not None and tally.fault is None and tally.trouble is None, tally

    def open(self) -> list[str]:
        """What the provider calls the invoices that are open here."""
        unpaid = Invoice.select(Invoice.id).where(Invoice.payment_status == PaymentStatus.OPEN.value)
        rows = Link.select(Link.external_id).where(Link.invoice_id.in_(unpaid)).order_by(Link.id)
        return [str(row.external_id) for row in rows]

    def budget(self, name: str) -> tuple[Limit, float]:
        """A limit as we keep it, and the calls left of it by what the last run wrote down."""
        integration = integrations.get(None, self.integration_id)
        limits = app.limits_of(self.house.settings, integration.provider, Mode(integration.mode))
        limit = next(limit for limit in limits if limit.name == name)
        meters = {key: restored(kept) for key, kept in integration.budget.items()}
        return limit, left(meters, limit, self.clock.now())

    def pay(self, ref: str) -> None:
        if isinstance(self.place, StripeDouble):
            self.place.account_of(STRIPE_KEY).pay(ref)
        else:
            self.place.hands.pay(ref)

    def seed(self, count: int) -> list[str]:
        """So many open invoices of Stripe's own making; their ids."""
        assert isinstance(self.place, StripeDouble)
        return self.place.account_of(STRIPE_KEY).seed(count)


@contextmanager
def world(provider: str, *, fast: bool = False) -> Iterator[World]:
    """`fast`: commits reach the disk some time, for tests that count requests alone."""
    clock, entropy = MovingClock(), SystemEntropy()
    if provider == "stripe":
        stripe = StripeDouble(clock, entropy, rates=False)
        stripe.add_account(STRIPE_KEY)
        place: Seat | StripeDouble = stripe
    else:
        place = seat(provider, Ground(clock, entropy, Faults(), rates=False))
    transport = Counting(place if isinstance(place, StripeDouble) else place.double)
    with folder() as path, _house(path, clock, transport, fast) as built:
        made = World(built, clock, transport, place)
        made.integration_id = _connect(built, provider, place)
        yield made


@contextmanager
def _house(path: Path, clock: MovingClock, transport: Counting, fast: bool) -> Iterator[House]:
    entropy = SystemEntropy()
    stop = threading.Event()

    def make_wire(party: str, gate: Gate, deadline_s: float) -> Wire:
        return HttpWire(party, gate=gate, clock=clock, stop=stop, transport=transport, deadline_s=deadline_s)

    environ = {"WISPBILL_DAEMON__STATE_DIR": str(path), "WISPBILL_DAEMON__MIN_FREE_DISK": "1MiB"}
    built = app.build(
        load(None, environ),
        environ={},
        clock=clock,
        keys=MasterKeys({1: entropy.bytes(32)}),
        make_wire=make_wire,
        migrating=True,
        fast=fast,
    )
    writer = GroupWriter(built.store, lambda _within_s: None)
    writer.start()
    try:
        yield built
    finally:
        stop.set()
        built.stop.set()
        writer.stop()
        built.close()


def _connect(built: House, provider: str, place: Seat | StripeDouble) -> str:
    """A tenant whose invoices all go to this account; its grant was given without a browser."""
    now, entropy = built.clock.now(), built.entropy
    if isinstance(place, StripeDouble):
        account_id, credentials, settings, mode = "acct_bench", {"secret_key": STRIPE_KEY}, {}, "sandbox"
    else:
        account_id, credentials = place.account_id, place.credentials
        settings, mode = place.settings, place.mode

    def work() -> str:
        tenant = tenants.add(
            reference="bench",
            name="Bench",
            zone="UTC",
            currency="USD",
            actor="bench",
            now=now,
            entropy=entropy,
        )
        made = integrations.add(
            tenant_id=tenant.id,
            customer_id=None,
            provider=provider,
            mode=mode,
            label=provider,
            settings=settings,
            account=AccountInfo(account_id, "bench", Mode(mode), currencies=("USD",)),
            base_url=None,
            pace="realtime",
            actor="bench",
            now=now,
            entropy=entropy,
        )
        built.safe.put(made, CREDENTIALS, credentials)
        if not isinstance(place, StripeDouble) and place.app is not None:
            _grant(built, provider, mode, tenant, place.app, made.id)
        return made.id

    return built.store.write("bench.connect", work)


def _grant(
    built: House, provider: str, mode: str, tenant: records.Tenant, seated: AppSeat, integration_id: str
) -> None:
    now, entropy = built.clock.now(), built.entropy
    registered = apps.add(
        provider=provider,
        mode=mode,
        client_id=seated.client_id,
        redirect_uri=seated.redirect_uri,
        label=provider,
        actor="bench",
        now=now,
        entropy=entropy,
    )
    built.safe.put(registered, CLIENT_SECRET, {"client_secret": seated.client_secret})
    told = seated.tokens
    tokens = grants.Tokens(SecretStr(told["access_token"]), SecretStr(told["refresh_token"]))
    expires_at = now + timedelta(seconds=float(told["expires_in"]))
    life = grants.Life(now, expires_at, now + timedelta(days=60), None)
    grant = grants.add(built.safe, registered, tenant.id, tokens, life, actor="bench", entropy=entropy)
    integrations.update(integration_id, grant_id=grant.id)
