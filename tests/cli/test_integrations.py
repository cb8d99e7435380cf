"""Integrations: credentials come in by prompt, standard input or private file; wrong ones are named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.cli import credentials
from daemon.providers.stripe.setup import StripeCredentials
from tests.cli.conftest import KEY, Shell

LIVE = "sk_live_bbbbbbbbbbbbbbbb"
OTHER = "sk_test_cccccccccccccccc"
REVOKED = "sk_test_dddddddddddddddd"


def given(key: str) -> str:
    return json.dumps({"secret_key": key})


@pytest.fixture
def ready(shell: Shell) -> Iterator[Shell]:
    shell.a_tenant()
    yield shell


def add(shell: Shell, key: str, *more: str, code: int = 0) -> str:
    result = shell.ran(
        "integrations", "add", "stripe", "--credentials", "-", *more, given=given(key), code=code
    )
    assert key not in result.output
    return result.stderr


def test_an_account_is_tested_shown_and_stored_sealed(ready: Shell) -> None:
    said = add(ready, KEY)

    assert ready.account.id in said
    assert "USD" in said
    (row,) = ready.json("integrations", "list")["integrations"]
    assert (row["state"], row["mode"], row["accountId"]) == ("active", "sandbox", ready.account.id)
    assert KEY.encode() not in (ready.folder / "wispbill.db").read_bytes()
    assert KEY not in json.dumps(ready.json("integrations", "show", row["id"]))


@pytest.mark.parametrize(
    ("key", "code", "word"),
    [
        ("pk_test_aaaaaaaaaaaaaaaa", "WB-CREDENTIALS-FORMAT", "publishable"),
        ("whsec_aaaaaaaaaaaaaaaaa", "WB-CREDENTIALS-FORMAT", "webhook"),
        ("hello", "WB-CREDENTIALS-FORMAT", "sk_live_"),
        ("", "WB-CREDENTIALS-FORMAT", "secret_key"),
    ],
)
def test_a_key_of_the_wrong_kind_is_refused_before_anything_is_sent(
    ready: Shell, key: str, code: str, word: str
) -> None:
    said = ready.refused("integrations", "add", "stripe", "--credentials", "-", given=given(key))
    assert said.startswith(code)
    assert word in said
    assert not key or key not in said


def test_a_live_key_is_refused_where_the_sandbox_was_asked_for(ready: Shell) -> None:
    ready.double.add_account(key=LIVE)
    assert add(ready, LIVE, "--mode", "sandbox", code=2).startswith("WB-CREDENTIALS-MODE")
    assert ready.json("integrations", "list")["integrations"] == []


def test_a_revoked_key_is_refused_in_one_sentence(ready: Shell) -> None:
    ready.double.add_account(key=REVOKED)
    ready.double.revoke(REVOKED)
    said = add(ready, REVOKED, code=1)
    assert said.startswith("WB-REMOTE-UNAUTHORISED")
    assert len(said.strip().splitlines()) == 1


def test_a_key_without_a_scope_is_stored_as_testing_and_each_missing_one_is_named(ready: Shell) -> None:
    restricted = "rk_test_eeeeeeeeeeeeeeee"
    ready.double.add_account(key=restricted, permissions=["accounts_read", "customer_write", "invoice_write"])

    said = add(ready, restricted, code=1)

    assert "WB-PERMISSION-MISSING: Disputes (read)" in said
    (row,) = ready.json("integrations", "list")["integrations"]
    assert row["state"] == "testing"
    assert "Disputes (read)" in row["missingPermissions"]
    assert (
        ready.json("status", code=1)["problems"][-1]["command"] == f"wispbill integrations test {row['id']}"
    )


def test_one_account_serves_once(ready: Shell) -> None:
    add(ready, KEY)
    ready.ran("tenants", "add", "other")
    said = ready.refused(
        "integrations", "add", "stripe", "--credentials", "-", "--tenant", "other", given=given(KEY)
    )
    assert "WB-ACCOUNT-TAKEN" in said


def test_a_credentials_file_that_others_can_read_is_refused(ready: Shell) -> None:
    path = ready.folder / "stripe.json"
    path.write_text(given(KEY))
    path.chmod(0o644)
    said = ready.refused("integrations", "add", "stripe", "--credentials", str(path))
    assert said.startswith("WB-SECRET-FILE")
    assert "chmod 600" in said

    path.chmod(0o600)
    ready.ran("integrations", "add", "stripe", "--credentials", str(path))


def test_nobody_is_prompted_where_there_is_no_terminal(ready: Shell) -> None:
    said = ready.refused("integrations", "add", "stripe")
    assert "--credentials -" in said


def test_prompts_are_made_from_the_model_and_do_not_echo_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, bool]] = []

    def prompt(text: str, *, hide_input: bool, **_: object) -> str:
        asked.append((text, hide_input))
        return KEY

    monkeypatch.setattr("typer.prompt", prompt)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert credentials.prompted(StripeCredentials) == {"secret_key": KEY}
    assert asked == [("Secret or restricted key", True)]


def test_no_option_takes_a_secret(shell: Shell) -> None:
    for verb in ("add", "rotate"):
        text = shell.ran("integrations", verb, "--help").stdout
        assert "--credentials" in text
        assert "--secret" not in text
        assert "--key" not in text


# --- rotation -----------------------------------------------------------------------------------------


def test_new_credentials_of_another_account_are_refused(ready: Shell) -> None:
    add(ready, KEY)
    (row,) = ready.json("integrations", "list")["integrations"]
    ready.double.add_account(key=OTHER)
    said = ready.refused("integrations", "rotate", row["id"], "--credentials", "-", given=given(OTHER))
    assert "WB-ACCOUNT-DIFFERS" in said


def test_after_a_revoked_key_rotation_reactivates_and_drains_what_waited(shell: Shell) -> None:
    integration = shell.all_set()
    shell.double.revoke(KEY)
    shell.ran("push", code=1)
    assert shell.json("invoices", "show", "1001")["sync"] == "parked"
    problems = shell.json("status", code=1)["problems"]
    assert f"wispbill integrations rotate {integration}" in [p["command"] for p in problems]

    shell.double.add_account(key=OTHER, account_id=shell.account.id)
    shell.ran("integrations", "rotate", integration, "--credentials", "-", given=given(OTHER))
    assert shell.json("integrations", "show", integration)["resumeAt"] is None
    shell.ran("push")

    assert shell.json("invoices", "show", "1001")["sync"] == "synced"


def test_a_process_that_keeps_its_adapter_takes_over_credentials_that_another_one_rotated(
    shell: Shell,
) -> None:
    from daemon.store import integrations

    integration = shell.all_set()
    daemon = shell.desk()
    before = daemon.house.providers(integrations.get(None, integration))
    assert daemon.house.providers(integrations.get(None, integration)) is before

    shell.clock.move(1)
    shell.double.add_account(key=OTHER, account_id=shell.account.id)
    shell.ran("integrations", "rotate", integration, "--credentials", "-", given=given(OTHER))

    again = shell.desk()
    assert daemon.house.providers is not again.house.providers
    after = daemon.house.providers(integrations.get(None, integration))
    assert after is not before


# --- state and settings -------------------------------------------------------------------------------


def test_a_paused_integration_sends_nothing_until_it_is_resumed(shell: Shell) -> None:
    integration = shell.all_set()
    shell.ran("integrations", "pause", integration)
    shell.ran("push")
    assert list(shell.account.invoices()) == []

    shell.ran("integrations", "resume", integration)
    shell.ran("push")
    assert len(list(shell.account.invoices())) == 1


def test_with_create_automatically_off_an_invoice_waits_until_somebody_syncs_it(shell: Shell) -> None:
    shell.a_tenant()
    integration = shell.an_integration()
    shell.ran("integrations", "set", integration, "--no-create-automatically")
    shell.a_customer()
    shell.an_invoice()
    shell.ran("push")
    assert shell.json("invoices", "show", "1001")["sync"] == "pending"
    assert "invoices sync 1001" in shell.json("explain", "1001")["next"]

    shell.ran("invoices", "sync", "1001")
    shell.ran("push")
    assert shell.json("invoices", "show", "1001")["sync"] == "synced"


def test_settings_that_the_provider_does_not_know_are_refused(shell: Shell) -> None:
    integration = shell.all_set()
    said = shell.refused("integrations", "set", integration, "--settings", '{"nonsense": 1}')
    assert "nonsense" in said
    assert "--pace is one of" in shell.refused("integrations", "set", integration, "--pace", "sometimes")


def test_removing_drains_first_and_destroys_the_secrets_at_once_by_force(shell: Shell) -> None:
    integration = shell.all_set()
    shell.ran("push")

    assert shell.json("integrations", "remove", integration)["state"] == "draining"
    assert shell.json("integrations", "remove", integration, "--force")["state"] == "removed"

    desk = shell.desk()
    from daemon.store import secrets

    desk.open()
    assert secrets.count_by_key() == {}
    assert desk.house.store.is_sqlite


def test_the_webhook_is_registered_at_our_public_address_and_taken_away(shell: Shell) -> None:
    integration = shell.all_set()

    url = shell.json("integrations", "webhook", integration)["webhookUrl"]
    assert url == f"https://billing.example.com/api/webhooks/billing/integrations/{integration}"

    assert shell.json("integrations", "webhook", integration, "--remove")["webhookUrl"] is None
    assert "no webhook" in shell.refused("integrations", "webhook", integration, "--remove")


def test_without_a_public_address_the_command_says_what_to_set(shell: Shell, tmp_path: Path) -> None:
    integration = shell.all_set()
    shell.config.write_text(f'[daemon]\nstate_dir = "{tmp_path}"\n')
    assert "public_url" in shell.refused("integrations", "webhook", integration)
