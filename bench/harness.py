"""What the rows share: a sandbox in a process of its own, a House as the daemon has it, a stopwatch."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from daemon import app
from daemon.clock import SystemEntropy
from daemon.house import House
from daemon.model import AccountInfo, Mode
from daemon.money import Money
from daemon.settings import Settings, load
from daemon.store import customers, integrations, invoices, links, records, tenants
from daemon.store.secrets import CREDENTIALS
from daemon.store.tables import Link
from daemon.store.writer import GroupWriter
from daemon.vault import MasterKeys

KEY = "sk_test_bench000000000000000"


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table."""

    what: str
    ours: str
    bare: str
    ratio: str
    aim: str
    met: bool | None


@dataclass(slots=True)
class Sandbox:
    """The Stripe double in a process of its own."""

    process: subprocess.Popen[str]
    url: str
    control: str
    account: str
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=300, trust_env=False))

    def post(self, path: str, **body: Any) -> Any:
        answer = self.client.post(self.control + path, json=body)
        answer.raise_for_status()
        return answer.json()

    def requests(self) -> int:
        """How many API requests came since `reset`."""
        return sum(self.client.get(f"{self.control}/control/stats").json()["requests"].values())

    def reset(self) -> None:
        self.post("/control/reset-stats")


@contextmanager
def sandbox(latency_ms: int = 0) -> Iterator[Sandbox]:
    command = [
        sys.executable,
        "-m",
        "daemon.sandbox",
        "--key",
        KEY,
        "--no-rates",
        "--latency-ms",
        str(latency_ms),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        yield Sandbox(process, ready["url"], ready["control_url"], ready["accounts"][KEY])
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextmanager
def folder() -> Iterator[Path]:
    """On a real disk, since commits are part of what is measured."""
    path = Path(tempfile.mkdtemp(prefix="wispbill-bench-", dir=Path.cwd()))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def settings(path: Path, base_url: str) -> Settings:
    config = path / "wispbill.toml"
    config.write_text(
        f'[daemon]\nstate_dir = "{path}"\nmin_free_disk = "1MiB"\n'
        f'[receiver]\nlisten = "127.0.0.1:0"\nper_minute = 1000000\nper_address = 1000\n'
        f'[monitoring]\nlisten = "127.0.0.1:0"\n'
        f"[api]\nper_minute = 1000000\n"
        f'[providers.stripe]\nbase_url = "{base_url}"\ncalls_per_second = 1000\n'
    )
    return load(config, {})


@contextmanager
def house(path: Path, base_url: str) -> Iterator[House]:
    """As the daemon has it: real SQLite with synchronous=FULL, and the writer that commits in groups."""
    entropy = SystemEntropy()
    built = app.build(
        settings(path, base_url), environ={}, keys=MasterKeys({1: entropy.bytes(32)}), migrating=True
    )
    writer = GroupWriter(built.store, lambda _within_s: None)
    writer.start()
    try:
        yield built
    finally:
        built.stop.set()
        writer.stop()
        built.close()


def connect(built: House) -> records.Integration:
    """A tenant with a Stripe account as its default integration."""
    now, entropy = built.clock.now(), built.entropy
    account = AccountInfo("acct_bench", "bench", Mode.SANDBOX, currencies=("USD",))

    def work() -> records.Integration:
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
            provider="stripe",
            mode="sandbox",
            label="Stripe",
            settings={},
            account=account,
            base_url=None,
            pace="realtime",
            actor="bench",
            now=now,
            entropy=entropy,
        )
        built.safe.put(made, CREDENTIALS, {"secret_key": KEY})
        return made

    return built.store.write("bench.connect", work)


def enter(built: House, count: int, first: int = 1) -> list[str]:
    """`count` invoices of one line, each of a customer of its own; returns their ids."""
    tenant = tenants.only()
    ids: list[str] = []
    for start in range(first, first + count, 500):
        numbers = range(start, min(start + 500, first + count))
        built.store.write("bench.enter", lambda numbers=numbers: ids.extend(_enter(built, tenant, numbers)))
    return ids


def _enter(built: House, tenant: records.Tenant, numbers: range) -> list[str]:
    now, entropy = built.clock.now(), built.entropy
    today = now.date()
    return [_one(built, tenant, n, now, today, entropy) for n in numbers]


def _one(
    built: House, tenant: records.Tenant, n: int, now: datetime, today: date, entropy: SystemEntropy
) -> str:
    customer = customers.add(
        tenant_id=tenant.id,
        reference=f"C-{n:06}",
        name=f"Subscriber {n:06}",
        email=f"subscriber{n:06}@example.com",
        actor="bench",
        now=now,
        entropy=entropy,
    )
    line = invoices.NewLine("Internet, one month", Money(5000, "USD"), Money(0, "USD"))
    new = invoices.NewInvoice(
        tenant.id,
        customer.id,
        f"INV-{n:06}",
        f"INV-{n:06}",
        "USD",
        today,
        today + timedelta(days=14),
        (line,),
    )
    return invoices.add(new, actor="bench", now=now, entropy=entropy)[0].id


def link_to(built: House, integration: records.Integration, pairs: list[tuple[str, str]]) -> None:
    """Make (invoice id, external id) pairs look pushed, and due for their first read."""
    now = built.clock.now()

    def work(part: list[tuple[str, str]]) -> None:
        for invoice_id, ref in part:
            Link.update(integration_id=integration.id).where(Link.invoice_id == invoice_id).execute()
            link = links.of_invoice(invoice_id)
            links.synced(link.id, reference="", external_id=ref, number=None, now=now, next_pull_at=now)

    for start in range(0, len(pairs), 500):
        part = pairs[start : start + 500]
        built.store.write("bench.link", lambda part=part: work(part))


class Stopwatch:
    """`with Stopwatch() as watch: …; watch.seconds`."""

    def __enter__(self) -> Stopwatch:
        self._from = time.perf_counter()
        return self

    def __exit__(self, *_args: object) -> None:
        self.seconds = time.perf_counter() - self._from


def peak_mib() -> float:
    """The largest resident size of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def rss_mib(pid: int | str = "self") -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def hwm_mib(pid: int | str = "self") -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
