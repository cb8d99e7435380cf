"""Wrong input, everywhere an operator can give it: each is named in one plain sentence, nothing is lost,
and what was right goes on."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import pty
import sqlite3
import struct
import subprocess
import termios
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from daemon.cli import app, output
from daemon.cli.context import Desk
from daemon.clock import SystemClock, SystemEntropy
from daemon.sandbox.faults import FaultKind
from daemon.sandbox.server import Served, serve
from daemon.sandbox.stripe import Account, StripeDouble
from tests.acceptance.ground import ROOT, Daemon, Installation, until
from tests.cli.conftest import logs_as_before  # noqa: F401 - a fixture that is always used

KEY = "sk_test_wronginput0123456789"
NEXT_KEY = "sk_test_rolledkey0123456789"
OTHER = "sk_test_otheraccount01234567"
LIVE = "sk_live_otherworld0123456789"
FEW = "rk_test_maynothing0123456789"
ACCOUNT = "acct_wronginput0000001"
DUE = "2030-01-01"
JARGON = ("Traceback", "Input should", "String should", "Extra inputs", "Field required", "pattern", "None")


class Office:
    """An operator at the command line, in this process, and the sandbox on a real port."""

    def __init__(self, installation: Installation, double: StripeDouble, account: Account) -> None:
        self.installation, self.double, self.account = installation, double, account

    def run(self, *words: str, given: str | None = None) -> Result:
        desk = Desk(self.installation.config, environ=self.installation.environ, fast=True)
        return CliRunner().invoke(app, list(words), input=given, obj=desk, catch_exceptions=False)

    def ran(self, *words: str, given: str | None = None, code: int = 0) -> Result:
        result = self.run(*words, given=given)
        assert result.exit_code == code, f"{words}: {result.exit_code}\n{result.output}"
        return result

    def json(self, *words: str, given: str | None = None, code: int = 0) -> Any:
        return json.loads(self.ran(*words, "--json", given=given, code=code).stdout)

    def refused(self, *words: str, given: str | None = None, code: int = 2) -> str:
        """The one sentence on standard error; standard output stays empty."""
        result = self.ran(*words, given=given, code=code)
        assert result.stdout == ""
        assert [word for word in JARGON if word in result.stderr] == []
        return result.stderr

    def connects(self, key: str = KEY, *more: str) -> str:
        given = json.dumps({"secret_key": key})
        return str(self.json("integrations", "add", "stripe", "--credentials", "-", *more, given=given)["id"])

    def enters(self, code: int = 0, **changes: str) -> Result:
        facts = {
            "number": "1",
            "customer": "C-1",
            "due-on": DUE,
            "description": "Internet",
            "amount": "45.00",
        }
        options = [word for name, value in (facts | changes).items() for word in (f"--{name}={value}",)]
        return self.ran("invoices", "add", *options, code=code)

    def numbers(self) -> dict[str, Any]:
        return {row["number"]: row for row in self.json("invoices", "list", "--limit", "1000")["invoices"]}


@pytest.fixture(scope="module")
def served() -> Iterator[Served[StripeDouble]]:
    double = StripeDouble(SystemClock(), SystemEntropy(), rates=False)
    found = serve(double)
    yield found
    found.close()


@pytest.fixture
def office(served: Served[StripeDouble], tmp_path: Path) -> Iterator[Office]:
    """A tenant and a customer, and an account at the sandbox that nothing is connected to yet."""
    entropy = SystemEntropy()
    account = served.double.add_account(KEY, f"acct_{entropy.bytes(8).hex()}")
    served.double.add_account(OTHER)
    served.double.add_account(LIVE)
    served.double.add_account(FEW)
    installation = Installation(tmp_path, served.url)
    installation.house(migrating=True).close()
    found = Office(installation, served.double, account)
    found.ran("tenants", "add", "wisp", "--currency", "USD")
    found.ran("customers", "add", "C-1", "--name", "Subscriber 0001", "--email", "subscriber0001@example.com")
    yield found
    served.double.faults.clear()


# --- keys ---------------------------------------------------------------------------------------------

WRONG_KEYS: dict[str, tuple[Any, str]] = {
    "nothing": ({}, "secret_key: it is missing"),
    "an empty one": ({"secret_key": ""}, "looks like sk_live_… or rk_test_…"),
    "a publishable one": ({"secret_key": "pk_test_abcdefabcdefabcdef"}, "this is a publishable key"),
    "a webhook's": ({"secret_key": "whsec_abcdefabcdefabcdef"}, "this is a webhook's signing secret"),
    "a live one": ({"secret_key": LIVE}, "these credentials are for live, and sandbox was asked for"),
    "one that is a number": ({"secret_key": 7}, "secret_key: text is needed"),
    "a misspelt name": ({"secret_key": KEY, "secretkey": KEY}, "did you mean secret_key?"),
    "a list": ([KEY], "standard input is not a JSON object"),
}


@pytest.mark.parametrize(("document", "said"), WRONG_KEYS.values(), ids=WRONG_KEYS)
def test_a_key_of_the_wrong_kind_is_named_before_anybody_is_asked(
    office: Office, document: Any, said: str
) -> None:
    words = ("integrations", "add", "stripe", "--credentials", "-", "--mode", "sandbox")

    sentence = office.refused(*words, given=json.dumps(document))

    assert said in sentence
    assert KEY not in sentence
    assert office.json("integrations", "list")["integrations"] == []


def test_a_key_that_stripe_does_not_know_connects_nothing(office: Office) -> None:
    given = json.dumps({"secret_key": "sk_test_nobodyknowsthisone123"})

    sentence = office.refused("integrations", "add", "stripe", "--credentials", "-", given=given, code=1)

    assert "WB-REMOTE-UNAUTHORISED" in sentence
    assert office.json("integrations", "list")["integrations"] == []


def test_a_key_that_may_too_little_says_what_and_what_to_type_then(office: Office) -> None:
    given = json.dumps({"secret_key": FEW})

    result = office.ran("integrations", "add", "stripe", "--credentials", "-", given=given, code=1)

    integration = office.json("integrations", "list")["integrations"][0]
    assert integration["state"] == "testing"
    assert "WB-PERMISSION-MISSING: Invoices (read and write)" in result.stderr
    assert f"wispbill integrations test {integration['id']}" in result.stderr
    problems = office.json("status", code=1)["problems"]
    assert any("its credentials lack: " in problem["sentence"] for problem in problems)


def test_a_second_account_for_the_same_place_is_refused_with_the_command_that_helps(office: Office) -> None:
    there = office.connects()

    result = office.ran(
        "integrations",
        "add",
        "stripe",
        "--credentials",
        "-",
        given=json.dumps({"secret_key": OTHER}),
        code=2,
    )

    assert f"wispbill integrations rotate {there}" in result.stderr


def test_a_key_of_another_account_replaces_nothing(office: Office) -> None:
    there = office.connects()

    result = office.ran(
        "integrations",
        "rotate",
        there,
        "--credentials",
        "-",
        given=json.dumps({"secret_key": OTHER}),
        code=2,
    )

    assert "WB-ACCOUNT-DIFFERS" in result.stderr
    office.ran("integrations", "test", there)


def test_a_file_of_credentials_that_others_can_read_is_not_read(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    file.write_text(json.dumps({"secret_key": KEY}))
    file.chmod(0o644)

    sentence = office.refused("integrations", "add", "stripe", "--credentials", str(file))

    assert f"chmod 600 {file}" in sentence


# --- invoices -----------------------------------------------------------------------------------------

WRONG_INVOICES: dict[str, tuple[dict[str, str], str]] = {
    "too many decimals": ({"amount": "12.505"}, "'12.505' has more decimals than USD allows (2)"),
    "zero": ({"amount": "0"}, "an invoice over 0.00 USD cannot be sent"),
    "negative": ({"amount": "-5"}, "an invoice over -5.00 USD cannot be sent"),
    "a comma": ({"amount": "1,234.00"}, "is not an amount like 12.50"),
    "a power of ten": ({"amount": "1e3"}, "is not an amount like 12.50"),
    "no such currency": ({"currency": "QQQ"}, "'QQQ' is not a currency of ISO 4217"),
    "a fraction of a yen": ({"currency": "JPY", "amount": "10.5"}, "more decimals than JPY allows (0)"),
    "a date as Germans write it": ({"due-on": "31.12.2029"}, "due_on: a date is written like 2026-04-01"),
    "no such day": ({"due-on": "2030-02-30"}, "due_on: a date is written like 2026-04-01"),
    "no date": ({"due-on": ""}, "due_on: a date is written like 2026-04-01"),
    "a date in the past": ({"due-on": "2020-01-01"}, "the due date 2020-01-01 lies before today"),
    "no number": ({"number": ""}, "number: it is empty"),
    "a long number": ({"number": "9" * 41}, "number: it may have 40 characters at most"),
    "a line break": ({"number": "1\n2"}, "number: it holds characters that are not allowed"),
    "nobody": ({"customer": "C-9"}, "there is no customer 'C-9' here"),
}


@pytest.mark.parametrize(("changes", "said"), WRONG_INVOICES.values(), ids=WRONG_INVOICES)
def test_a_wrong_invoice_is_refused_in_plain_words(
    office: Office, changes: dict[str, str], said: str
) -> None:
    result = office.enters(code=2, **changes)

    assert said in result.stderr
    assert [word for word in JARGON if word in result.stderr] == []
    assert office.numbers() == {}


def test_currencies_keep_their_decimals(office: Office) -> None:
    office.enters(number="J", currency="JPY", amount="1200")
    office.enters(number="K", currency="KWD", amount="1.230")

    assert {number: row["total"] for number, row in office.numbers().items()} == {"J": "1200", "K": "1.230"}


def test_the_same_invoice_again_is_there_already_and_another_of_its_number_is_refused(office: Office) -> None:
    office.enters()

    assert "was there already" in office.enters().stdout
    assert "with other content" in office.enters(code=2, amount="46.00").stderr
    assert [row["total"] for row in office.numbers().values()] == ["45.00"]


def test_one_bad_line_among_many_is_named_the_others_go_in_and_progress_is_shown(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "SAY_EVERY_S", 0.0)
    file = tmp_path / "invoices.csv"
    with file.open("w", newline="") as opened:
        rows = csv.writer(opened)
        rows.writerow(["number", "customer", "due_on", "description", "amount"])
        for n in range(1, 2001):
            rows.writerow([f"B-{n}", "C-1", DUE, "Internet", "1.005" if n == 1000 else "10.00"])

    result = office.ran("invoices", "import", str(file), code=1)

    assert (
        "line 1001 (B-1000): WB-MONEY-DECIMALS: '1.005' has more decimals than USD allows (2)"
        in result.stderr
    )
    assert "1999 added" in result.stdout
    assert result.stderr.count("lines: ") >= 5
    again = office.ran("invoices", "import", str(file), code=1)
    assert "0 added, 1999 there already, 1 with a mistake" in again.stdout


def test_an_import_of_unknown_customers_says_how_they_are_created(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "invoices.csv"
    file.write_text(f"number,customer,due_on,description,amount\n1,C-9,{DUE},Internet,10.00\n")

    assert "--create-customers" in office.ran("invoices", "import", str(file), code=1).stderr


def test_a_customer_without_an_address_stops_one_invoice_and_says_what_to_type(office: Office) -> None:
    office.connects()
    office.ran("customers", "add", "C-2")
    office.enters(number="1", customer="C-2")
    office.enters(number="2")

    office.ran("push")

    assert {number: row["sync"] for number, row in office.numbers().items()} == {"1": "failed", "2": "synced"}
    told = office.ran("explain", "1").stdout
    assert "WB-CUSTOMER-EMAIL" in told
    assert "wispbill invoices sync 1" in told
    assert "WB-CUSTOMER-EMAIL" in office.ran("find", "C-2").stdout
    office.ran("customers", "set", "C-2", "--email", "subscriber0002@example.com")
    office.ran("invoices", "sync", "1")
    office.ran("push")
    assert {row["sync"] for row in office.numbers().values()} == {"synced"}


# --- the machine --------------------------------------------------------------------------------------


def test_a_database_of_a_newer_version_is_left_alone(office: Office, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "wispbill.db") as database:
        database.execute("INSERT INTO schema_migration (name, applied) VALUES ('9999_future', '2030-01-01')")

    assert "WB-DB-NEWER" in office.refused("status", code=1)


def test_what_is_no_database_is_told_so(office: Office, tmp_path: Path) -> None:
    for path in tmp_path.glob("wispbill.db*"):
        path.unlink()
    (tmp_path / "wispbill.db").write_bytes(bytes(range(256)) * 64)

    assert "WB-DB-CORRUPT" in office.refused("status", code=1)


def test_a_backup_that_is_not_there_replaces_nothing(office: Office) -> None:
    assert "wispbill backup list" in office.refused("restore", "/nowhere/backup.db")
    office.ran("tenants", "list")


# --- what is said -------------------------------------------------------------------------------------


def test_a_narrow_terminal_cuts_nothing(office: Office) -> None:
    office.connects()
    office.enters()
    for words in (("invoices", "list"), ("integrations", "list"), ("customers", "list"), ("audit", "list")):
        shown = on_a_terminal(office.installation, 80, *words)
        rows = next(iter(office.json(*words).values()))
        ids = {value for row in rows for key, value in row.items() if key in ("id", "chain", "object")}
        assert ids
        assert {one for one in ids if one not in shown} == set(), shown


def on_a_terminal(installation: Installation, columns: int, *words: str) -> str:
    """What a command prints on a terminal so wide."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    done = subprocess.Popen(
        installation.command(*words), stdout=theirs, stderr=theirs, env=installation.environ, cwd=ROOT
    )
    os.close(theirs)
    parts = []
    try:
        while part := os.read(ours, 65536):
            parts.append(part)
    except OSError:  # Linux says so when the other end is closed
        pass
    os.close(ours)
    assert done.wait(timeout=30) == 0
    return b"".join(parts).decode()


def test_every_listing_is_json_too(office: Office) -> None:
    integration = office.connects()
    office.enters()
    office.ran("push")
    office.ran("pull")
    listings = ("tenants", "customers", "integrations", "invoices", "inbox", "audit", "keys", "backup")
    for words in (
        *((noun, "list") for noun in listings),
        ("tenants", "show", "wisp"),
        ("customers", "show", "C-1"),
        ("integrations", "show", integration),
        ("invoices", "show", "1"),
        ("explain", "1"),
        ("explain", "WB-DB-LOCKED"),
        ("find", "C-1"),
        ("providers",),
        ("recovery", "show"),
        ("db", "version"),
        ("audit", "verify"),
        ("push",),
        ("pull", "--dry-run"),
    ):
        assert office.json(*words), words


def test_every_command_is_told_whole_in_the_list_of_its_group() -> None:
    cut = [
        " ".join([*path, name])
        for path, group in groups(get_command(app), ())
        for name, command in group.commands.items()
        if command.get_short_help_str(74 - max(map(len, group.commands))).endswith("...")
    ]
    assert cut == []


def groups(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if hasattr(command, "commands"):
        yield path, command
        for name, inner in command.commands.items():
            yield from groups(inner, (*path, name))


# --- a bad day ----------------------------------------------------------------------------------------


def test_a_bad_day_ends_with_one_document_for_each_invoice(office: Office) -> None:
    """Faults, a revoked key, a rolled one: the queue parks, says who must act, and drains."""
    integration = office.connects()
    daemon = Daemon(office.installation).ready()
    try:
        odds = {FaultKind.ERROR_BEFORE: 0.1, FaultKind.RESET_AFTER: 0.1, FaultKind.THROTTLED: 0.02}
        office.double.faults.set_odds(odds, SystemEntropy())
        for n in range(5):
            office.enters(number=f"D{n}")
        office.double.faults.set_odds({})
        office.double.revoke(KEY)
        office.enters(number="D5")
        until("the key is found dead", lambda: state_of(office) == "needs_reconnect")
        commands = [problem["command"] for problem in office.json("status", code=1)["problems"]]
        assert f"wispbill integrations rotate {integration}" in commands
        assert "wispbill integrations add stripe" not in commands
        office.enters(number="D6")
        assert f"wispbill integrations rotate {integration}" in office.ran("explain", "D6").stdout

        office.double.add_account(NEXT_KEY, office.account.id)
        given = json.dumps({"secret_key": NEXT_KEY})
        office.ran("integrations", "rotate", integration, "--credentials", "-", given=given)
        for n in range(7):
            office.run("invoices", "sync", f"D{n}")
        until("all are there", lambda: {row["sync"] for row in office.numbers().values()} == {"synced"})
    finally:
        daemon.kill()
    documents = Counter(invoice.number for invoice in office.account.invoices())
    assert documents == Counter({f"D{n}": 1 for n in range(7)})


def state_of(office: Office) -> str:
    return str(office.json("integrations", "list")["integrations"][0]["state"])
