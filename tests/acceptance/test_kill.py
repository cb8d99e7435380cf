"""kill -9: real daemons, a double of Stripe on real ports, and a SIGKILL at a random moment, again and
again. At the end there is one invoice of each, sent once, and every payment is in the books.

One daemon on SQLite; three that share the work on PostgreSQL.

WISPBILL_KILLS says how often (5); the simulation covers each point by its name, this covers the real thing.
"""

from __future__ import annotations

import base64
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from daemon import app
from daemon.clock import SystemClock, SystemEntropy
from daemon.house import House
from daemon.jobs import intake
from daemon.model import AccountInfo, FactKind, Hint, Mode
from daemon.reconcile import effective
from daemon.sandbox.faults import Faults
from daemon.sandbox.server import Served, serve
from daemon.sandbox.stripe import Account, StripeDouble
from daemon.settings import load
from daemon.store import audit, changes, customers, hints, integrations, invoices, links, records, tenants
from daemon.store.secrets import CREDENTIALS
from daemon.vault import MasterKeys
from daemon.wakeup import nudge
from tests import postgres

KILLS = int(os.environ.get("WISPBILL_KILLS", "5"))
KEY = "sk_test_kill0123456789abcdef"
ACCOUNT = "acct_kill000000000001"
REST_S = 90.0
MASTER = base64.b64encode(bytes(range(32))).decode()


class Daemon:
    """`wispbill run` as a process of its own."""

    def __init__(self, config: Path, log: Path) -> None:
        self._config = config
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._begins = 0

    def start(self) -> None:
        """Harmless where it runs."""
        if self._process is not None:
            return
        environ = os.environ | {"CREDENTIAL_ENCRYPTION_KEY": MASTER}
        with self._log.open("ab") as log:
            self._begins = log.tell()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "daemon", "--config", str(self._config), "run"],
                stdout=log,
                stderr=log,
                env=environ,
                cwd=Path(__file__).parents[2],
            )

    def is_ready(self) -> bool:
        return b"daemon.ready" in self._log.read_bytes()[self._begins :]

    def kill(self) -> None:
        """Without a chance to clean up."""
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()[-2000:]
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(timeout=10)
        self._process = None

    def stop(self) -> int | None:
        if self._process is None:
            return None
        self._process.terminate()
        try:
            return self._process.wait(timeout=30)
        finally:
            self._process.kill()
            self._process = None


class Wisp:
    """The platform's side: it enters invoices into the daemon's database, as the CLI does."""

    def __init__(self, configs: Sequence[Path]) -> None:
        keys = MasterKeys({1: bytes(range(32))})
        settings, *others = (load(config, os.environ) for config in configs)
        self._setup = lambda migrating: app.build(
            settings, clock=SystemClock(), entropy=SystemEntropy(), keys=keys, migrating=migrating
        )
        self._folders = [one.runtime_dir() for one in (settings, *others)]
        first = self._setup(True)
        self.integration_id = _connect(first)
        first.close()
        self.house: House = self._setup(False)

    def enter(self, number: str, subscriber: int, cents: int) -> None:
        tenant = tenants.only()
        due = (self.house.clock.now() + timedelta(days=14)).date()
        bill = {
            "number": number,
            "customer": f"sub-{subscriber}",
            "due_on": due.isoformat(),
            "lines": [{"description": "Internet", "amount": f"{cents // 100}.{cents % 100:02d}"}],
        }
        intake.enter(self.house, tenant, bill, actor="platform")
        self._nudge("push")

    def look(self) -> None:
        """A person asks for a look at everything."""
        now = self.house.clock.now()
        (integration,) = integrations.listing()
        hint = Hint(f"person:{now.isoformat()}", None)
        self.house.store.write(
            "look",
            lambda: hints.note(integration.tenant_id, integration.id, [hint], source="person", now=now),
        )
        self._nudge("pull")

    def _nudge(self, verb: str) -> None:
        for folder in self._folders:
            nudge(folder, verb)

    def booked(self, number: str) -> tuple[records.Invoice, records.Link, dict[tuple[FactKind, str], int]]:
        invoice = invoices.get(None, number)
        facts = effective(changes.facts_of([invoice.id]).get(invoice.id, ()))
        booked = {(fact.kind, fact.external_id): fact.amount.minor for fact in facts}
        return invoice, links.of_invoice(invoice.id), booked


def _connect(house: House) -> str:
    now = house.clock.now()

    def work() -> str:
        tenant = tenants.add(
            reference="wisp-1",
            name="WISP 1",
            zone="UTC",
            currency="USD",
            actor="test",
            now=now,
            entropy=house.entropy,
        )
        for n in (1, 2, 3):
            customers.add(
                tenant_id=tenant.id,
                reference=f"sub-{n}",
                name=f"Subscriber 000{n}",
                email=f"subscriber000{n}@example.com",
                actor="test",
                now=now,
                entropy=house.entropy,
            )
        integration = integrations.add(
            tenant_id=tenant.id,
            customer_id=None,
            provider="stripe",
            mode=Mode.SANDBOX.value,
            label="Stripe",
            settings={},
            account=AccountInfo(ACCOUNT, "WISP 1", Mode.SANDBOX),
            base_url=None,
            pace="realtime",
            actor="test",
            now=now,
            entropy=house.entropy,
        )
        house.safe.put(integration, CREDENTIALS, {"secret_key": KEY})
        return integration.id

    return house.store.write("test.connect", work)


@pytest.fixture
def stripe() -> Iterator[tuple[Served[StripeDouble], Account]]:
    double = StripeDouble(SystemClock(), SystemEntropy(), faults=Faults(latency_s=0.02))
    account = double.add_account(KEY, ACCOUNT)
    served = serve(double)
    yield served, account
    served.close()


@pytest.fixture
def postgres_url() -> Iterator[str]:
    with postgres.server() as url:
        yield url


@pytest.fixture(
    params=[pytest.param(1, id="sqlite"), pytest.param(3, id="postgres", marks=pytest.mark.postgres)]
)
def configs(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    stripe: tuple[Served[StripeDouble], Account],
    monkeypatch: pytest.MonkeyPatch,
) -> list[Path]:
    """One for each daemon."""
    if request.param > 1:
        monkeypatch.setenv("WISPBILL_DATABASE__URL", request.getfixturevalue("postgres_url"))
    return [_config(tmp_path / f"daemon-{n}", stripe[0].url) for n in range(request.param)]


def _config(folder: Path, stripe_url: str) -> Path:
    folder.mkdir()
    path = folder / "wispbill.toml"
    path.write_text(
        f"""
        [daemon]
        state_dir = "{folder}"
        min_free_disk = "1MiB"
        [push]
        every = "1s"
        [pull]
        every = "1s"
        [receiver]
        listen = "127.0.0.1:0"
        [monitoring]
        enabled = false
        [providers.stripe]
        base_url = "{stripe_url}"
        """
    )
    return path


def test_daemons_killed_at_random_moments_lose_nothing_and_double_nothing(
    tmp_path: Path, configs: list[Path], stripe: tuple[Served[StripeDouble], Account]
) -> None:
    served, account = stripe
    dice = random.Random(KILLS)
    wisp = Wisp(configs)
    daemons = [Daemon(config, tmp_path / f"daemon-{n}.log") for n, config in enumerate(configs)]
    log = tmp_path / "daemon-0.log"
    paid: set[str] = set()
    numbers: list[str] = []
    try:
        for kill in range(KILLS):
            for n in range(dice.randint(1, 4)):
                numbers.append(f"KILL-{kill:04d}-{n}")
                wisp.enter(numbers[-1], dice.randint(1, 3), dice.randint(500, 9999))
            _some_pay(account, dice, paid)
            for daemon in daemons:
                daemon.start()
            _wait_for_traffic(served, before=served.double.stats.total())
            time.sleep(dice.uniform(0, 0.4))
            dice.choice(daemons).kill()
        _some_pay(account, dice, paid)
        for daemon in daemons:
            daemon.start()
        _wait_for_rest(wisp, account, numbers, log)
        _some_pay(account, dice, paid, share=0.8)
        wisp.look()
        _wait_for_books(wisp, account, numbers, log)
        _wait(lambda: all(daemon.is_ready() for daemon in daemons), "ready", log)
        assert [daemon.stop() for daemon in daemons] == [0] * len(daemons)
        _insist(wisp, account, numbers)
        assert paid
    finally:
        for daemon in daemons:
            daemon.stop()
        wisp.house.close()


def _some_pay(account: Account, dice: random.Random, paid: set[str], share: float = 0.4) -> None:
    for invoice in account.invoices():
        if invoice.status == "open" and dice.random() < share:
            account.pay(invoice.id)
            paid.add(invoice.id)


def _wait_for_traffic(served: Served[StripeDouble], before: int) -> None:
    """The kill should strike a daemon at work, not one that is still starting."""
    until = time.monotonic() + 20
    while served.double.stats.total() == before and time.monotonic() < until:
        time.sleep(0.005)


def _wait_for_rest(wisp: Wisp, account: Account, numbers: list[str], log: Path) -> None:
    _wait(lambda: all(wisp.booked(number)[1].state == "synced" for number in numbers), "pushed", log)


def _wait_for_books(wisp: Wisp, account: Account, numbers: list[str], log: Path) -> None:
    there = {invoice.number: invoice for invoice in account.invoices()}
    _wait(
        lambda: all(
            wisp.booked(number)[0].payment_status == ("paid" if there[number].status == "paid" else "open")
            for number in numbers
        ),
        "seen as paid",
        log,
    )


def _wait(done, what: str, log: Path) -> None:  # type: ignore[no-untyped-def]
    until = time.monotonic() + REST_S
    while not done():
        assert time.monotonic() < until, f"not everything is {what}; {log.read_text()[-3000:]}"
        time.sleep(0.1)


def _insist(wisp: Wisp, account: Account, numbers: list[str]) -> None:
    there = Counter(invoice.number for invoice in account.invoices())
    assert there == Counter(numbers)
    assert all(invoice.status in ("open", "paid") for invoice in account.invoices())
    sent = Counter(event.subject.id for event in account.events() if event.type == "invoice.sent")
    for doc in account.invoices():
        invoice, link, booked = wisp.booked(str(doc.number))
        assert (link.state, link.external_id) == ("synced", doc.id)
        assert invoice.total_minor == doc.total
        payments = {
            (FactKind.PAYMENT, p.id): p.amount_paid for p in account.payments(doc.id) if p.status == "paid"
        }
        assert booked == payments
        assert sent[doc.id] == 1 or (sent[doc.id] == 0 and doc.status == "paid")
    references = [customer.metadata["wispbill_customer"] for customer in account.customers()]
    assert len(references) == len(set(references))
    assert audit.verify()[1] == []
    if wisp.house.store.is_sqlite:
        words = wisp.house.store.db.execute_sql("PRAGMA integrity_check").fetchall()
        assert words == [("ok",)]
