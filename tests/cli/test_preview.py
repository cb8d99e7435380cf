"""Preview: a person sees what would be sent, and nothing is."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Shell
from tests.cli.custom_shell import CustomShell
from tests.providers.custom_webhook_bench import API_KEY, CURRENT


@pytest.fixture
def ready(shell: Shell) -> CustomShell:
    return CustomShell.of(shell)


def test_an_invoice_is_shown_as_it_would_be_sent_and_nothing_is_sent(ready: CustomShell) -> None:
    name = ready.connected()
    ready.a_customer()
    ready.an_invoice("1001", "45.00")

    shown = ready.json("integrations", "preview", name, "--invoice", "1001")

    body = json.loads(shown["body"])
    assert (shown["method"], shown["contentType"]) == ("POST", "application/json")
    assert (body["data"]["number"], body["data"]["total"]) == ("1001", "45.00")
    assert shown["bytes"] == len(shown["body"].encode())
    assert ready.there.standing() == []


def test_without_an_invoice_a_sample_shows_the_mapping(ready: CustomShell) -> None:
    name = ready.connected(mapping={"cents": {"$path": "/total", "$fmt": "minor"}}, json_schema=None)

    said = ready.ran("integrations", "preview", name).stdout

    assert '{"cents":17850}' in said
    assert CURRENT not in said and API_KEY not in said


def test_what_is_pushed_is_what_was_shown(ready: CustomShell) -> None:
    name = ready.connected()
    ready.a_customer()
    ready.an_invoice("1001", "45.00")
    shown = ready.json("integrations", "preview", name, "--invoice", "1001")

    ready.ran("push")

    assert list(ready.there.answered) == [shown["webhookId"]]


def test_other_providers_say_that_they_cannot(shell: Shell) -> None:
    name = shell.all_set()

    assert "cannot show what it would send" in shell.refused("integrations", "preview", name, code=1)
