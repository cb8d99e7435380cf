"""`integrations switch` and the sync settings at the command line."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Shell

SECOND = "sk_test_bbbbbbbbbbbbbbbb"
GIVEN = json.dumps({"secret_key": SECOND})


@pytest.fixture
def both(shell: Shell) -> tuple[Shell, str]:
    """One invoice is sent, one waits, and Stripe has a second account."""
    old = shell.all_set()
    shell.ran("push")
    shell.an_invoice("1002", "20.00")
    shell.double.add_account(key=SECOND)
    return shell, old


def connect(shell: Shell, old: str, *more: str) -> str:
    words = ("integrations", "add", "stripe", "--credentials", "-", "--beside", old, *more)
    return str(shell.json(*words, given=GIVEN)["id"])


def test_it_is_planned_then_done_then_undone(both: tuple[Shell, str]) -> None:
    shell, old = both
    new = connect(shell, old)
    assert shell.json("integrations", "show", new)["duty"] == "stands_by"

    planned = shell.json("integrations", "switch", old, "--to", new, "--dry-run")
    assert planned["invoices"]["moves"] == {"count": 1, "due": [{"currency": "USD", "amount": "20.00"}]}
    assert planned["invoices"]["drains"] == {"count": 1, "due": [{"currency": "USD", "amount": "45.00"}]}
    assert shell.json("integrations", "show", old)["state"] == "active"

    shell.ran("integrations", "switch", old, "--to", new)
    assert [shell.json("integrations", "show", x)["state"] for x in (old, new)] == ["draining", "active"]

    shell.ran("integrations", "switch", old, "--undo")
    assert [shell.json("integrations", "show", x)["duty"] for x in (old, new)] == ["serves", "stands_by"]

    shell.ran("integrations", "switch", old, "--to", new)
    shell.ran("push")
    assert shell.json("invoices", "show", "1002")["provider"] == "stripe"
    said = shell.refused("integrations", "switch", old, "--undo")
    assert f"wispbill integrations switch {new} --to {old}" in said
    assert "WB-SWITCH" in said


def test_the_account_is_connected_and_switched_to_in_one_step(both: tuple[Shell, str]) -> None:
    shell, old = both
    words = ("integrations", "switch", old, "--to", "stripe", "--credentials", "-")

    dry = shell.ran(*words, "--dry-run", given=GIVEN).output
    assert "1 invoice drains" in dry
    assert "45.00 USD due" in dry
    assert len(shell.json("integrations", "list")["integrations"]) == 1

    done = shell.json(*words, given=GIVEN)
    assert shell.json("integrations", "show", done["to"])["state"] == "active"
    assert SECOND.encode() not in (shell.folder / "wispbill.db").read_bytes()


def test_the_very_account_that_serves_is_no_other(both: tuple[Shell, str]) -> None:
    from tests.cli.conftest import KEY

    shell, old = both
    words = ("integrations", "switch", old, "--to", "stripe", "--credentials", "-")
    for more in ((), ("--dry-run",)):
        assert "WB-ACCOUNT-TAKEN" in shell.refused(*words, *more, given=json.dumps({"secret_key": KEY}))


def test_other_accounts_credentials_are_refused_with_the_way(both: tuple[Shell, str]) -> None:
    shell, old = both
    said = shell.refused("integrations", "rotate", old, "--credentials", "-", given=GIVEN)
    assert "WB-ACCOUNT-DIFFERS" in said
    assert f"wispbill integrations switch {old}" in said


def test_a_second_one_is_refused_with_the_way(both: tuple[Shell, str]) -> None:
    shell, old = both
    said = shell.refused("integrations", "add", "stripe", "--credentials", "-", given=GIVEN)
    assert f"wispbill integrations switch {old}" in said


def test_one_by_consent_stands_by_first(both: tuple[Shell, str]) -> None:
    shell, old = both
    said = shell.refused("integrations", "switch", old, "--to", "quickbooks")
    assert f"wispbill integrations authorize quickbooks --beside {old}" in said


def test_one_that_stands_by_is_no_trouble_and_is_not_resumed(both: tuple[Shell, str]) -> None:
    shell, old = both
    new = connect(shell, old)
    assert shell.json("exceptions")["exceptions"] == []
    assert f"switch {old} --to {new}" in shell.refused("integrations", "resume", new)


@pytest.mark.parametrize("words", [(), ("--undo", "--dry-run"), ("--undo", "--to", "stripe")])
def test_what_makes_no_sense_is_refused(both: tuple[Shell, str], words: tuple[str, ...]) -> None:
    shell, old = both
    assert "--to" in shell.refused("integrations", "switch", old, *words)


# --- sync settings ------------------------------------------------------------------------------------


def test_without_creating_automatically_an_invoice_waits_until_it_is_synced(shell: Shell) -> None:
    integration = shell.all_set()
    shell.ran("integrations", "set", integration, "--no-create-automatically")

    shell.ran("push")
    assert shell.json("invoices", "show", "1001")["sync"] == "pending"

    shell.ran("invoices", "sync", "1001")
    shell.ran("push")
    assert shell.json("invoices", "show", "1001")["sync"] == "synced"


def test_switched_off_it_holds_back_what_is_due_already(shell: Shell) -> None:
    integration = shell.all_set()
    shell.ran("push", "--dry-run")
    shell.an_invoice("1002")
    shell.ran("integrations", "pause", integration)
    shell.ran("integrations", "resume", integration)
    shell.ran("integrations", "set", integration, "--no-create-automatically")

    shell.ran("push")

    assert [shell.json("invoices", "show", n)["sync"] for n in ("1001", "1002")] == ["pending"] * 2
