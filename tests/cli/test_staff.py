"""Staff at the command line: passwords by prompt or standard input, kept as Argon2id alone."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Shell

PASSWORD = "a long enough canary"


@pytest.fixture
def office(shell: Shell) -> Shell:
    shell.a_tenant()
    shell.ran("staff", "add", "office@example.com", "tenant_staff", "--password-stdin", given=f"{PASSWORD}\n")
    return shell


def stored(shell: Shell) -> bytes:
    return b"".join(path.read_bytes() for path in shell.folder.glob("wispbill.db*"))


def test_a_password_is_kept_as_argon2id_and_nowhere_as_it_is(office: Shell) -> None:
    (row,) = office.json("staff", "list")["staff"]
    assert (row["email"], row["role"], row["signsIn"]) == ("office@example.com", "tenant_staff", "password")
    assert PASSWORD.encode() not in stored(office)
    assert b"$argon2id$v=19$m=19456,t=2,p=1$" in stored(office)


def test_every_change_of_staff_is_in_the_audit(office: Shell) -> None:
    office.ran("staff", "passwd", "Office@Example.com", "--password-stdin", given="another long canary\n")
    office.ran("staff", "disable", "office@example.com")
    office.ran("staff", "enable", "office@example.com")
    office.ran("staff", "remove", "office@example.com")
    actions = [row["action"] for row in office.json("audit", "list")["audit"]]
    told = [one for one in reversed(actions) if one.startswith("staff.")]
    assert told == [
        "staff.added",
        "staff.password_changed",
        "staff.disabled",
        "staff.enabled",
        "staff.removed",
    ]
    assert office.json("staff", "list")["staff"] == []


def test_a_platform_admin_belongs_to_no_tenant_and_may_have_no_password(shell: Shell) -> None:
    shell.a_tenant()
    row = shell.json("staff", "add", "ops@example.com", "platform_admin", "--no-password")
    assert (row["tenantId"], row["signsIn"]) == ("*", "OIDC")


@pytest.mark.parametrize(
    ("words", "password"),
    [
        (("new@example.com", "root"), PASSWORD),
        (("new@example.com", "customer_owner"), PASSWORD),
        (("nobody", "tenant_staff"), PASSWORD),
        (("OFFICE@example.com", "tenant_staff"), PASSWORD),
        (("new@example.com", "tenant_staff"), "short"),
        (("new@example.com", "tenant_staff"), "x" * 201),
        (("new@example.com", "tenant_staff"), "aaaaaaaaaaaaaaaa"),
        (("longer.new@example.com", "tenant_staff"), "longer.new@example.com"),
    ],
)
def test_staff_that_makes_no_sense_is_refused(office: Shell, words: tuple[str, ...], password: str) -> None:
    said = office.refused("staff", "add", *words, "--password-stdin", given=f"{password}\n")
    assert said.startswith("WB-INPUT")
    assert password not in said or password in words


def test_where_nobody_can_be_asked_standard_input_is_named(office: Shell) -> None:
    assert "--password-stdin" in office.refused("staff", "passwd", "office@example.com")
