"""`wispbill sandbox`: what it prints can be typed as it stands, and what it cannot serve is said."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from daemon.cli.sandbox import instructions
from daemon.clock import SystemClock, SystemEntropy
from daemon.sandbox.faults import Faults
from daemon.sandbox.seats import SEATED, Ground
from daemon.sandbox.stands import Ports, close, put_up
from daemon.settings import load
from tests.cli.conftest import Shell
from tests.test_docs import commands_in, leaf

ROOT = Path(__file__).parents[2]
PUBLIC = "https://wispbill.example"


@pytest.fixture(scope="module")
def facts() -> Iterator[dict[str, Any]]:
    ground = Ground(SystemClock(), SystemEntropy(), Faults(), demo=True)
    stands = put_up(SEATED, ground, Ports(threads=1), public_url=PUBLIC)
    yield {stand.seat.provider: stand.facts() for stand in stands}
    close(stands)


@pytest.mark.parametrize("name", SEATED)
def test_the_commands_that_connect_it_can_be_typed_as_they_stand(facts: dict[str, Any], name: str) -> None:
    lines = [line for line in instructions({name: facts[name]}) if line.startswith("  ")]
    typed = [words for line in lines for words in commands_in(line)]
    assert typed
    for words in typed:
        command, rest = leaf(words)
        try:
            command.make_context(command.name, rest)
        except typer.TyperException as error:
            pytest.fail(error.format_message())


@pytest.mark.parametrize("name", SEATED)
def test_each_document_that_is_piped_is_what_that_provider_takes(facts: dict[str, Any], name: str) -> None:
    lines = [line for line in instructions({name: facts[name]}) if line.startswith("  echo ")]
    given = [json.loads(shlex.split(line)[1]) for line in lines]
    app = facts[name]["app"]
    if app is None:
        assert given == [facts[name]["credentials"]]
    else:
        assert given == [{key: app[key]} for key in ("client_secret", "webhook_secret")]


def test_what_goes_into_the_configuration_is_one(facts: dict[str, Any], tmp_path: Path) -> None:
    lines = instructions(facts)
    section = lines[lines.index("In wispbill.toml:") + 1 : lines.index("Connect stripe:")]
    config = tmp_path / "wispbill.toml"
    config.write_text("\n".join(section))
    settings = load(config, {})
    assert {name: settings.provider(name).base_url for name in SEATED} == {
        name: facts[name]["url"] for name in SEATED
    }


def test_the_configuration_in_the_tree_fits_a_sandbox_of_all() -> None:
    settings, ports = load(ROOT / "config" / "sandbox.toml", {}), Ports(port=12111, control_port=12112)
    assert [settings.provider(name).base_url for name in SEATED] == [
        f"http://127.0.0.1:{ports.of(place)[0]}" for place in range(len(SEATED))
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--provider", "visa"), "visa is none of stripe, paypal, square, quickbooks, xero, custom_webhook"),
        (("--key", "pk_test_1"), "a key begins with sk_test_"),
        (("--provider", "square", "--key", "sk_test_1"), "a key is Stripe's"),
        (("--public-url", "billing.example.com"), "--public-url: must be an https address"),
        (("--forward", "https://a:b@example.com"), "--forward: must be an address without user"),
        (("--port", "65535", "--all"), "not so many ports"),
    ],
)
def test_what_it_cannot_serve_is_said(shell: Shell, words: tuple[str, ...], told: str) -> None:
    assert told in shell.refused("sandbox", *words)


def test_it_serves_until_it_is_ended_and_says_how_to_use_it() -> None:
    command = [sys.executable, "-m", "daemon", "sandbox", "--port", "0", "--control-port", "0"]
    command += ["--provider", "custom"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    rest, told = process.communicate(timeout=20)
    assert (process.returncode, rest) == (0, "")
    assert list(ready["providers"]) == ["custom_webhook"]
    assert "wispbill integrations add custom_webhook --mode sandbox" in told
    assert "Traceback" not in told
