"""A wispbill at the command line: a state folder, a sandbox behind its wire, and a runner."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import structlog
import typer.testing
from typer.main import get_command
from typer.testing import CliRunner, Result

from daemon.cli import app
from daemon.cli.context import Desk
from daemon.sandbox.stripe import Account, StripeDouble
from daemon.sandbox.transport import SandboxTransport
from daemon.wire import Gate, HttpWire, Wire
from tests.fakes import FrozenClock, SeededEntropy

typer.testing._get_command = cache(get_command)  # building 50 commands anew takes longer than running one

KEY = "sk_test_aaaaaaaaaaaaaaaa"
DUE = "2026-04-01"


@dataclass
class Shell:
    """Types commands. `ran` says what exit code is expected and returns the result."""

    folder: Path
    clock: FrozenClock
    entropy: SeededEntropy
    double: StripeDouble
    account: Account
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        return self.folder / "wispbill.toml"

    def desk(self) -> Desk:
        return Desk(
            self.config,
            environ=self.environ,
            clock=self.clock,
            entropy=self.entropy,
            make_wire=self._wire,
            fast=True,
        )

    def run(self, *words: str, given: str | bytes | None = None) -> Result:
        return CliRunner().invoke(app, list(words), input=given, obj=self.desk(), catch_exceptions=False)

    def ran(self, *words: str, given: str | bytes | None = None, code: int = 0) -> Result:
        result = self.run(*words, given=given)
        assert result.exit_code == code, f"{words}: {result.exit_code}\n{result.output}"
        return result

    def json(self, *words: str, given: str | bytes | None = None, code: int = 0) -> Any:
        return json.loads(self.ran(*words, "--json", given=given, code=code).stdout)

    def refused(self, *words: str, given: str | bytes | None = None, code: int = 2) -> str:
        """What is said on standard error; nothing goes to standard output."""
        result = self.ran(*words, given=given, code=code)
        assert "Traceback" not in result.output
        return result.stderr

    # --- common ground --------------------------------------------------------------------------------

    def a_tenant(self, currency: str = "USD") -> None:
        self.ran("tenants", "add", "wisp", "--zone", "UTC", "--currency", currency)

    def an_integration(self) -> str:
        credentials = json.dumps({"secret_key": KEY})
        return str(self.json("integrations", "add", "stripe", "--credentials", "-", given=credentials)["id"])

    def a_customer(self, reference: str = "C-1") -> None:
        self.ran(
            "customers",
            "add",
            reference,
            "--name",
            "Subscriber 0001",
            "--email",
            "subscriber0001@example.com",
        )

    def an_invoice(self, number: str = "1001", amount: str = "45.00", code: int = 0, **more: str) -> str:
        words = {
            "number": number,
            "customer": "C-1",
            "due-on": DUE,
            "description": "Internet",
            "amount": amount,
        }
        options = [word for name, value in (words | more).items() for word in (f"--{name}", value)]
        return str(self.ran("invoices", "add", *options, code=code).output)

    def all_set(self) -> str:
        """A tenant with an active integration, a customer and a pending invoice 1001."""
        self.a_tenant()
        integration = self.an_integration()
        self.a_customer()
        self.an_invoice()
        return integration

    def _wire(self, party: str, gate: Gate, deadline_s: float) -> Wire:
        return HttpWire(
            party, clock=self.clock, gate=gate, deadline_s=deadline_s, transport=SandboxTransport(self.double)
        )


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """A command sets up the logs of its process; the next test has its own."""
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level, shows = root.handlers[:], root.level, logging.raiseExceptions
    yield
    structlog.configure(**before)
    root.handlers[:], logging.raiseExceptions = handlers, shows
    root.setLevel(level)
    logging.captureWarnings(False)


@pytest.fixture
def shell(tmp_path: Path, empty_database: Path, clock: FrozenClock, entropy: SeededEntropy) -> Shell:
    shutil.copy(empty_database, tmp_path / "wispbill.db")
    key = tmp_path / "master.key"
    key.touch(mode=0o600)
    key.write_text("11" * 32)
    (tmp_path / "wispbill.toml").write_text(
        f'[daemon]\nstate_dir = "{tmp_path}"\n[receiver]\npublic_url = "https://billing.example.com"\n'
    )
    double = StripeDouble(clock, entropy, rates=False)
    return Shell(tmp_path, clock, entropy, double, double.add_account(key=KEY))
