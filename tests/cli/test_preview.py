"""Preview: a person sees what would be sent, and nothing is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from daemon.sandbox.custom_webhook import CustomAccount, CustomDouble
from daemon.sandbox.transport import SandboxTransport
from daemon.wire import Gate, HttpWire, Wire
from tests.cli.conftest import Shell
from tests.fakes import FrozenClock, SeededEntropy
from tests.providers.custom_webhook_bench import API_KEY, CURRENT, json_settings

CREDENTIALS = {"api_key": API_KEY, "signing_secret": CURRENT}


class CustomShell(Shell):
    """A shell whose wire leads to a customer's own system."""

    custom: CustomDouble

    def _wire(self, party: str, gate: Gate, deadline_s: float) -> Wire:
        return HttpWire(party, clock=self.clock, gate=gate, transport=SandboxTransport(self.custom))


@pytest.fixture
def ready(shell: Shell, tmp_path: Path, clock: FrozenClock, entropy: SeededEntropy) -> CustomShell:
    made = CustomShell(tmp_path, clock, entropy, shell.double, shell.account)
    made.custom = CustomDouble(clock, entropy, rates=False)
    made.custom.add_account(API_KEY, secrets=[CURRENT])
    made.a_tenant("EUR")
    return made


def connected(shell: CustomShell, **settings: object) -> str:
    words = ["integrations", "add", "custom", "--mode", "sandbox", "--credentials", "-"]
    words += ["--settings", json.dumps(json_settings(**settings))]
    row = shell.json(*words, given=json.dumps(CREDENTIALS))
    assert row["provider"] == "custom_webhook"
    return str(row["id"])


def account(shell: CustomShell) -> CustomAccount:
    return shell.custom.accounts()[0]


def test_an_invoice_is_shown_as_it_would_be_sent_and_nothing_is_sent(ready: CustomShell) -> None:
    name = connected(ready)
    ready.a_customer()
    ready.an_invoice("1001", "45.00")

    shown = ready.json("integrations", "preview", name, "--invoice", "1001")

    body = json.loads(shown["body"])
    assert (shown["method"], shown["contentType"]) == ("POST", "application/json")
    assert (body["data"]["number"], body["data"]["total"]) == ("1001", "45.00")
    assert shown["bytes"] == len(shown["body"].encode())
    assert account(ready).standing() == []


def test_without_an_invoice_a_sample_shows_the_mapping(ready: CustomShell) -> None:
    name = connected(ready, mapping={"cents": {"$path": "/total", "$fmt": "minor"}}, json_schema=None)

    said = ready.ran("integrations", "preview", name).stdout

    assert '{"cents":17850}' in said
    assert CURRENT not in said and API_KEY not in said


def test_what_is_pushed_is_what_was_shown(ready: CustomShell) -> None:
    name = connected(ready)
    ready.a_customer()
    ready.an_invoice("1001", "45.00")
    shown = ready.json("integrations", "preview", name, "--invoice", "1001")

    ready.ran("push")

    assert list(account(ready).answered) == [shown["webhookId"]]


def test_other_providers_say_that_they_cannot(shell: Shell) -> None:
    name = shell.all_set()

    assert "cannot show what it would send" in shell.refused("integrations", "preview", name, code=1)
