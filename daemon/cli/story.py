"""The demo's story: real commands, a real daemon that is killed on the way, a sandbox that is paid into.

Everything lives in a temporary folder. What is shown at the end is read from the database and held
against what the sandbox knows; a difference makes the demo fail.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from rich.console import Console
from rich.table import Table

from daemon.clock import SystemClock, SystemEntropy
from daemon.errors import WispbillError
from daemon.sandbox.server import Served, serve
from daemon.sandbox.stripe import StripeDouble

KEY = "sk_test_demo0000000000000000"
PATIENCE_S = 90.0

console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 140)


class StoryError(WispbillError):
    """The demo did not go as told."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What the world does to one invoice, and what must be known of it afterwards."""

    told: str
    act: Callable[[Any, str], object]
    status: str


TURNS = (
    Turn("pays it by card", lambda a, ref: a.pay(ref), "paid"),
    Turn("pays 20.00 of it", lambda a, ref: a.pay(ref, 2000), "partially_paid"),
    Turn("pays in cash at the counter", lambda a, ref: a.pay_out_of_band(ref), "paid"),
    Turn("pays, and gets everything back", lambda a, ref: (a.pay(ref), a.refund(ref)), "refunded"),
    Turn("pays, and disputes the charge", lambda a, ref: (a.pay(ref), a.dispute(ref)), "disputed"),
    Turn("pays by bank debit, not settled yet", lambda a, ref: a.pay(ref, processing=True), "in_flight"),
    Turn("is let off: the office voids it there", lambda a, ref: a.void(ref), "void"),
    Turn("never pays: the office gives it up", lambda a, ref: a.mark_uncollectible(ref), "uncollectible"),
)


class Story:
    """A context manager: what it starts, it stops, and its folder goes with it."""

    def __init__(self, invoices: int) -> None:
        self._count = invoices
        self._clock = SystemClock()
        self._folder = Path(tempfile.mkdtemp(prefix="wispbill-demo-"))
        self._config = self._folder / "wispbill.toml"
        self._log = (self._folder / "daemon.log").open("ab")
        self._double = StripeDouble(self._clock, SystemEntropy(), rates=True)
        self._account = self._double.add_account(key=KEY)
        self._served: Served[StripeDouble] = serve(self._double)
        self._daemon: subprocess.Popen[bytes] | None = None
        self._monitor = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._daemon is not None and self._daemon.poll() is None:
            self._daemon.terminate()
            self._daemon.wait(timeout=90)
        self._served.close()
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    # --- the story ------------------------------------------------------------------------------------

    def tell(self) -> bool:
        """Returns whether everything that we know agrees with what happened at the sandbox."""
        self._say("A sandbox that behaves as Stripe does is up, with one test account in it.")
        self._prepare()
        self._connect()
        self._enter()
        self._kill_and_restart()
        refs = self._wait_until_sent()
        self._live_a_little(refs)
        self._forge()
        return self._show()

    def stay(self) -> None:
        """Until Ctrl-C."""
        command = f"{Path(sys.executable).parent / 'wispbill'} --config {self._config}"
        still_open = next(x for x in self._invoices() if x["paymentStatus"] == "open")
        console.print("\nIt goes on until you press Ctrl-C. Look at:")
        console.print(f"  pay the open invoice {still_open['number']} yourself: {still_open['payUrl']}")
        console.print(f"  {command} status")
        console.print(f"  {command} explain {still_open['number']}")
        console.print(f"  curl {self._monitor}/readyz    curl {self._monitor}/metrics")
        console.print(f"  the daemon's log: {self._folder / 'daemon.log'}")
        stop = threading.Event()
        try:
            while not self._clock.wait(1, stop):
                if self._daemon is not None and self._daemon.poll() is not None:
                    console.print("The daemon has stopped; its log is printed below.")
                    console.print((self._folder / "daemon.log").read_text()[-4000:])
                    return
        except KeyboardInterrupt:
            console.print("\nStopping the daemon; it finishes what is in flight.")

    # --- its parts ------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        receiver, monitor = _free_port(), _free_port()
        self._monitor = f"http://127.0.0.1:{monitor}"
        self._config.write_text(
            f"""[daemon]
state_dir = "{self._folder}"
min_free_disk = "1MiB"
log_format = "json"

[receiver]
listen = "127.0.0.1:{receiver}"
public_url = "http://127.0.0.1:{receiver}"

[monitoring]
listen = "127.0.0.1:{monitor}"

[providers.stripe]
base_url = "{self._served.url}"
""",
            encoding="utf-8",
        )
        key_file = self._folder / "master.key"
        key_file.touch(mode=0o600)
        key_file.write_text(SystemEntropy().bytes(32).hex(), encoding="utf-8")
        self._start()

    def _connect(self) -> None:
        self._run(
            "tenants", "add", "demo", "--name", "Demo WISP", "--zone", "Europe/Berlin", "--currency", "USD"
        )
        key = json.dumps({"secret_key": KEY})
        self._run("integrations", "add", "stripe", "--credentials", "-", given=key)
        integration = json.loads(self._run("integrations", "list", "--json", quiet=True))["integrations"][0]
        self._run("integrations", "webhook", integration["id"])
        self._address = f"/api/webhooks/billing/integrations/{integration['id']}"

    def _enter(self) -> None:
        path = self._folder / "invoices.csv"
        due = (self._clock.now() + timedelta(days=14)).date().isoformat()
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(
                ["number", "customer", "customer_name", "customer_email", "due_on", "description", "amount"]
            )
            for n in range(1, self._count + 1):
                name, email = f"Subscriber {n:04}", f"subscriber{n:04}@example.com"
                row = [f"INV-{n:04}", f"C-{n:04}", name, email, due, "Internet 100/20, one month", "50.00"]
                writer.writerow(row)
        self._run("invoices", "import", str(path), "--create-customers")

    def _kill_and_restart(self) -> None:
        some = max(3, self._count // 3)
        self._until("the first invoices arrive there", lambda: len(list(self._account.invoices())) >= some)
        assert self._daemon is not None  # noqa: S101 - started in _prepare
        self._daemon.send_signal(signal.SIGKILL)
        self._daemon.wait()
        there = list(self._account.invoices())
        half = sum(1 for doc in there if doc.status == "draft")
        self._say(
            f"The daemon was killed (kill -9) in the middle: {len(there)} invoices are at the sandbox, "
            f"{half} of them half made. It is started again."
        )
        self._start()

    def _wait_until_sent(self) -> dict[str, str]:
        self._until("every invoice is sent", lambda: all(x["sync"] == "synced" for x in self._invoices()))
        there = [str(doc.number) for doc in self._account.invoices() if doc.status == "open"]
        once = len(there) == len(set(there)) == self._count
        self._say(
            f"{len(there)} invoices are live at the sandbox, {len(set(there))} numbers: "
            + ("each exactly once." if once else "NOT each exactly once!")
        )
        return {str(doc.number): doc.id for doc in self._account.invoices()}

    def _live_a_little(self, refs: dict[str, str]) -> None:
        numbers = sorted(refs)
        for number, turn in zip(numbers, TURNS, strict=False):
            turn.act(self._account, refs[number])
            console.print(f"  the subscriber of {number} {turn.told}")
        self._expected = {n: turn.status for n, turn in zip(numbers, TURNS, strict=False)}
        self._expected |= dict.fromkeys(numbers[len(TURNS) :], "open")
        started = self._clock.monotonic()
        self._until("wispbill knows all of it", self._agrees)
        seconds = self._clock.monotonic() - started
        self._say(f"wispbill knew all of it {seconds:.1f} seconds later, told by webhooks, read by itself.")

    def _forge(self) -> None:
        """A stranger claims that an invoice was paid."""
        target = self._config.read_text(encoding="utf-8").split('public_url = "')[1].split('"')[0]
        body = json.dumps({"id": "evt_forged", "type": "invoice.paid", "data": {"object": {}}}).encode()
        headers = {"Stripe-Signature": "t=1,v1=00", "Content-Type": "application/json"}
        request = Request(target + self._address, data=body, headers=headers, method="POST")  # noqa: S310
        try:
            with urlopen(request, timeout=10) as answer:  # noqa: S310
                status = answer.status
        except HTTPError as error:
            status = error.code
        self._say(f"A forged webhook was answered with {status}, and changed nothing.")

    def _show(self) -> bool:
        table = Table(title="What became of each invoice, and why we believe it")
        for column in ("invoice", "total", "due", "sync", "payment", "because"):
            table.add_column(column, overflow="fold")
        for row in self._invoices():
            proof = row["proof"] or ""
            table.add_row(row["number"], row["total"], row["due"], row["sync"], row["paymentStatus"], proof)
        console.print(table)
        agreed = self._agrees()
        self._say("Our books and the sandbox agree." if agreed else "Our books and the sandbox DIFFER.")
        return agreed

    # --- hands ----------------------------------------------------------------------------------------

    def _start(self) -> None:
        command = [sys.executable, "-m", "daemon", "--config", str(self._config), "run"]
        self._daemon = subprocess.Popen(command, stdout=self._log, stderr=self._log)  # noqa: S603
        self._until("the daemon is ready", self._is_ready)

    def _is_ready(self) -> bool:
        try:
            with urlopen(f"{self._monitor}/readyz", timeout=2) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except OSError:
            return False

    def _agrees(self) -> bool:
        return {x["number"]: x["paymentStatus"] for x in self._invoices()} == self._expected

    def _invoices(self) -> list[dict[str, Any]]:
        listed = json.loads(self._run("invoices", "list", "--limit", "1000", "--json", quiet=True))[
            "invoices"
        ]
        return sorted(listed, key=lambda row: str(row["number"]))

    def _run(self, *words: str, given: str | None = None, quiet: bool = False) -> str:
        """One wispbill command as a person would type it; what it prints is shown. Raises StoryError."""
        if not quiet:
            console.print(f"[bold]$ wispbill {' '.join(words)}[/bold]" + (" < key" if given else ""))
        command = [sys.executable, "-m", "daemon", "--config", str(self._config), *words]
        done = subprocess.run(  # noqa: S603
            command,
            check=False,
            input=given,
            text=True,
            capture_output=True,
            env={**os.environ, "COLUMNS": "100"},
        )
        if done.returncode:
            raise StoryError(f"`wispbill {' '.join(words)}` failed: {done.stderr.strip()[-2000:]}")
        if not quiet:
            console.print(done.stdout.rstrip(), markup=False)
        return done.stdout

    def _until(self, what: str, holds: Callable[[], bool]) -> None:
        until = self._clock.monotonic() + PATIENCE_S
        while not holds():
            if self._clock.monotonic() > until:
                tail = (self._folder / "daemon.log").read_text(errors="replace")[-3000:]
                console.print(tail, markup=False)
                raise StoryError(f"waited {PATIENCE_S:.0f} s in vain until {what}; the daemon's log is above")
            self._clock.wait(0.2)

    def _say(self, sentence: str) -> None:
        console.print(f"\n{sentence}", style="bold cyan")


def _free_port() -> int:
    import socket

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
