"""What the acceptance tests stand on: a folder with a configuration, the daemon as a process of its own,
systemd's end of the notify socket, and the house seen from beside the daemon."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from daemon import app
from daemon.house import House
from daemon.jobs import intake
from daemon.model import AccountInfo, Mode
from daemon.settings import load
from daemon.store import customers, integrations, invoices, links, records, tenants
from daemon.store.secrets import CREDENTIALS
from daemon.wakeup import nudge

ROOT = Path(__file__).parents[2]
KEY = "sk_test_acceptance0123456789"
ACCOUNT = "acct_acceptance00001"
MASTER = "5a" * 32
PATIENCE_S = 30.0


def until(what: str, holds: Callable[[], Any], *, within_s: float = PATIENCE_S) -> Any:
    """Wait for a condition; what it answers when it holds."""
    ends_at = time.monotonic() + within_s
    while not (answer := holds()):
        assert time.monotonic() < ends_at, f"waited {within_s:g} s in vain until {what}"
        time.sleep(0.02)
    return answer


class Systemd:
    """The service manager's end of $NOTIFY_SOCKET."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="notify-")  # a socket's path has 107 characters
        self.address = f"{self._folder.name}/notify"
        self.heard: list[str] = []
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.bind(self.address)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def environ(self, *, watchdog_s: float = 0.4) -> dict[str, str]:
        return {"NOTIFY_SOCKET": self.address, "WATCHDOG_USEC": str(int(watchdog_s * 1e6))}

    def count(self, word: str) -> int:
        return sum(word in message.splitlines() for message in list(self.heard))

    def hears(self, word: str, times: int = 1) -> None:
        """Wait until it was said (so often)."""
        until(f"the daemon says {word}", lambda: self.count(word) >= times)

    def close(self) -> None:
        self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()
        self._thread.join(timeout=5)
        self._folder.cleanup()

    def _listen(self) -> None:
        while True:
            try:
                message = self._sock.recv(4096).decode()
            except OSError:
                return
            if not message:
                return
            self.heard.append(message)


class Installation:
    """A state folder with config/tests.toml in it; `environ` is what the daemon and the commands get."""

    def __init__(self, folder: Path, stripe_url: str, **environ: str) -> None:
        self.folder = folder
        self.config = folder / "wispbill.toml"
        self.config.write_text((ROOT / "config" / "tests.toml").read_text())
        self.environ = {
            "PATH": os.environ["PATH"],
            "WISPBILL_DAEMON__STATE_DIR": str(folder),
            "WISPBILL_PROVIDERS__STRIPE__BASE_URL": stripe_url,
            "CREDENTIAL_ENCRYPTION_KEY": MASTER,
            **environ,
        }

    def set(self, section: str, **values: str) -> None:
        """Change the configuration; a value is written as it stands in TOML."""
        head, _, tail = self.config.read_text().partition(f"[{section}]\n")
        body, mark, rest = tail.partition("\n[")
        kept = [line for line in body.splitlines() if line.split(" = ")[0] not in values]
        lines = "\n".join([*kept, *(f"{key} = {value}" for key, value in values.items())])
        self.config.write_text(f"{head}[{section}]\n{lines}\n{mark}{rest}")

    def settings(self) -> Any:
        return load(self.config, self.environ)

    def house(self, *, migrating: bool = False) -> House:
        return app.build(self.settings(), environ=self.environ, migrating=migrating)

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "daemon", "--config", str(self.config), *words]

    def wispbill(
        self, *words: str, given: str | None = None, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words),
            input=given,
            env=self.environ | environ,
            cwd=ROOT,
            text=True,
            capture_output=True,
            timeout=60,
            check=False,
        )


class Daemon:
    """`wispbill run` as a process of its own; its log is a file of JSON lines."""

    def __init__(self, installation: Installation, name: str = "daemon", **environ: str) -> None:
        self.log = installation.folder / f"{name}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                installation.command("run"),
                stdout=log,
                stderr=log,
                env=installation.environ | environ,
                cwd=ROOT,
            )

    def lines(self, event: str) -> list[dict[str, Any]]:
        found = (json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{"))
        return [line for line in found if line["event"] == event]

    def says(self, event: str, times: int = 1) -> dict[str, Any]:
        """Wait for a line of the log; the last of its kind."""

        def told() -> bool:
            if len(self.lines(event)) >= times:
                return True
            assert self.process.poll() is None, f"it ended before {event}: {self.log.read_text()[-2000:]}"
            return False

        until(f"the log says {event}", told)
        return self.lines(event)[-1]

    def ready(self) -> Daemon:
        self.says("daemon.ready")
        return self

    def addresses(self) -> list[str]:
        return list(self.lines("daemon.ready")[-1]["listening"])

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ends(self, within_s: float = PATIENCE_S) -> int:
        """Its exit code, once it ended by itself."""
        return self.process.wait(timeout=within_s)

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.ends()

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Office:
    """The platform's side: a tenant with one Stripe account and one subscriber, and invoices for it."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        first = installation.house(migrating=True)
        self.integration_id = first.store.write("test.connect", lambda: _connect(first))
        first.close()
        self.house = installation.house()

    def bills(self, *numbers: str) -> None:
        due = (self.house.clock.now() + timedelta(days=14)).date().isoformat()
        for number in numbers:
            line = {"description": "Internet", "amount": "45.00"}
            bill = {"number": number, "customer": "C-1", "due_on": due, "lines": [line]}
            intake.enter(self.house, tenants.only(), bill, actor="platform")
        self.nudge("push")

    def nudge(self, verb: str) -> None:
        nudge(self.installation.settings().runtime_dir(), verb)

    def invoice(self, number: str) -> records.Invoice:
        return invoices.get(None, number)

    def link(self, number: str) -> records.Link:
        return links.of_invoice(self.invoice(number).id)

    def is_sent(self, *numbers: str) -> bool:
        return all(self.link(number).state == "synced" for number in numbers)

    def the_minute_is_over(self) -> None:
        """Stripe is polled at most once a minute."""
        now = self.house.clock.now()
        self.house.store.write(
            "test", lambda: integrations.update(self.integration_id, next_poll_at=now - timedelta(seconds=1))
        )
        self.nudge("pull")

    def close(self) -> None:
        self.house.close()


def _connect(house: House) -> str:
    known = {"actor": "test", "now": house.clock.now(), "entropy": house.entropy}
    tenant = tenants.add(reference="wisp", name="WISP 1", zone="UTC", currency="USD", **known)
    customers.add(
        tenant_id=tenant.id,
        reference="C-1",
        name="Subscriber 0001",
        email="subscriber0001@example.com",
        **known,
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
        **known,
    )
    house.safe.put(integration, CREDENTIALS, {"secret_key": KEY})
    return integration.id
