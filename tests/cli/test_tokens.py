"""Tokens at the command line: shown once, kept as a hash, revoked at once; and the API's description."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Shell


def test_a_token_is_printed_once_and_never_stored(shell: Shell) -> None:
    shell.a_tenant()
    token = shell.ran("tokens", "add", "tenant_admin", "--label", "the platform").stdout.strip()

    assert len(token) == len("wb_") + 8 + 1 + 43
    (row,) = shell.json("tokens", "list")["tokens"]
    assert (row["role"], row["label"], row["expiresAt"]) == ("tenant_admin", "the platform", None)
    assert token[12:] not in json.dumps(row)
    stored = b"".join(path.read_bytes() for path in shell.folder.glob("wispbill.db*"))
    assert token[12:].encode() not in stored


def test_a_token_ends_after_its_days_and_when_it_is_revoked(shell: Shell) -> None:
    shell.a_tenant()
    row = shell.json("tokens", "add", "read_only", "--expires", "90d")
    assert row["expiresAt"].startswith("2026-05-31")
    assert shell.json("tokens", "revoke", row["id"])["revokedAt"]
    actions = [one["action"] for one in shell.json("audit", "list")["audit"]]
    assert {"token.added", "token.revoked"} <= set(actions)


def test_a_customers_token_names_the_customer_and_a_platform_admins_no_tenant(shell: Shell) -> None:
    shell.a_tenant()
    shell.a_customer()
    own = shell.json("tokens", "add", "customer_owner", "--customer", "C-1")
    assert own["customerId"].startswith("wbc_")
    assert shell.json("tokens", "add", "platform_admin")["tenantId"] == "*"


@pytest.mark.parametrize(
    "words",
    [
        ("root",),
        ("customer_owner",),
        ("read_only", "--customer", "C-1"),
        ("read_only", "--expires", "soon"),
        ("read_only", "--expires", "0d"),
        ("read_only", "--label", "a\nb"),
    ],
)
def test_a_token_that_makes_no_sense_is_refused(shell: Shell, words: tuple[str, ...]) -> None:
    shell.a_tenant()
    shell.a_customer()
    assert shell.refused("tokens", "add", *words).startswith("WB-INPUT")


def test_the_description_is_printed_without_a_database(shell: Shell) -> None:
    (shell.folder / "wispbill.db").unlink()
    document = json.loads(shell.ran("openapi").stdout)
    assert document["openapi"] == "3.1.0"
