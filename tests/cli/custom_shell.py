"""A shell whose wire leads to a customer's own system."""

from __future__ import annotations

import json

from daemon.sandbox.custom_webhook import CustomAccount, CustomDouble
from daemon.sandbox.transport import SandboxTransport
from daemon.wire import Gate, HttpWire, Wire
from tests.cli.conftest import Shell
from tests.providers.custom_webhook_bench import API_KEY, CURRENT, INBOUND, json_settings

CREDENTIALS = {"api_key": API_KEY, "signing_secret": CURRENT, "inbound_secret": INBOUND}


class CustomShell(Shell):
    custom: CustomDouble

    @classmethod
    def of(cls, shell: Shell) -> CustomShell:
        """With a tenant, and one account at the system behind it."""
        made = cls(shell.folder, shell.clock, shell.entropy, shell.double, shell.account)
        made.custom = CustomDouble(shell.clock, shell.entropy, rates=False)
        made.custom.add_account(API_KEY, secrets=[CURRENT], hint_secret=INBOUND)
        made.a_tenant("EUR")
        return made

    @property
    def there(self) -> CustomAccount:
        return self.custom.accounts()[0]

    def connected(self, **settings: object) -> str:
        words = ["integrations", "add", "custom", "--mode", "sandbox", "--credentials", "-"]
        words += ["--settings", json.dumps(json_settings(**settings))]
        row = self.json(*words, given=json.dumps(CREDENTIALS))
        assert row["provider"] == "custom_webhook"
        return str(row["id"])

    def _wire(self, party: str, gate: Gate, deadline_s: float) -> Wire:
        return HttpWire(party, clock=self.clock, gate=gate, transport=SandboxTransport(self.custom))
