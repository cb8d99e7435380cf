"""What every command keeps: plain sentences, exit codes, whole ids, one JSON document."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, date, datetime

import pytest
import typer
from typer.testing import CliRunner

from daemon.cli import errors, output
from daemon.cli.context import find_config, login_name
from daemon.errors import (
    CATALOGUE,
    BrakeApplied,
    ConfigError,
    InvalidInput,
    Rejected,
    StoreError,
    WispbillError,
)
from daemon.model import SyncState
from daemon.money import Money
from daemon.store.locks import FileLock
from tests.cli.conftest import Shell


def test_json_has_camel_case_names_decimal_strings_and_times_in_utc() -> None:
    value = {
        "due_on": date(2026, 4, 1),
        "paid_at": datetime(2026, 3, 2, 9, 0, 1, tzinfo=UTC),
        "total": Money(1250, "EUR"),
        "sync": SyncState.SYNCED,
        "counts": output.Named(in_flight=2),
        "lines": [{"tax_rate": None}],
    }
    assert output.plain(value) == {
        "dueOn": "2026-04-01",
        "paidAt": "2026-03-02T09:00:01Z",
        "total": "12.50",
        "sync": "synced",
        "counts": {"in_flight": 2},
        "lines": [{"taxRate": None}],
    }


def test_a_listing_off_the_terminal_is_plain_and_cuts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    long = "wbi_" + "x" * 300
    output.table([[long, "a"], ["b", "c"]], ["ID", "NAME"])
    first, second, _ = capsys.readouterr().out.splitlines()
    assert first.startswith("ID ")
    assert second == f"{long}  a"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidInput("WB-INPUT", "no"), 2),
        (ConfigError("no"), 2),
        (StoreError("WB-DB-LOCKED", "no"), 1),
        (Rejected("no"), 1),
        (BrakeApplied(), 1),
        (KeyError("secret"), 1),
    ],
)
def test_every_error_becomes_one_sentence_and_an_exit_code(error: Exception, code: int) -> None:
    text = errors.sentence(error)
    assert errors.exit_code(error) == code
    assert "\n" not in text
    assert text.startswith("WB-")
    assert "tried again" in text
    assert "secret" not in text


def test_the_sentence_says_who_acts_and_when_it_is_tried_again() -> None:
    assert errors.sentence(BrakeApplied("12 of 20 are gone")) == (
        "WB-BRAKE: 12 of 20 are gone. The operator acts; tried again after `wispbill pull --release-brake`."
    )


def test_every_code_of_the_catalogue_has_its_words() -> None:
    for code in CATALOGUE:
        error = WispbillError("something")
        error.code = code
        assert errors.sentence(error).startswith(f"{code}: something. ")


@pytest.mark.parametrize(
    ("raised", "code"), [(KeyboardInterrupt(), 130), (RuntimeError("x"), 1), (ConfigError("x"), 2)]
)
def test_no_error_leaves_as_a_traceback(raised: BaseException, code: int) -> None:
    app = typer.Typer(cls=errors.Sentences, rich_markup_mode=None)

    @app.command("one")
    def one() -> None:
        raise raised

    @app.command("two")
    def two() -> None:
        pass

    result = CliRunner().invoke(app, ["one"])
    assert result.exit_code == code
    assert "Traceback" not in result.output
    assert result.stdout == ""


def test_the_debug_variable_asks_for_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WISPBILL_DEBUG", "1")
    app = typer.Typer(cls=errors.Sentences, rich_markup_mode=None)

    @app.command("one")
    def one() -> None:
        raise RuntimeError("seen")

    @app.command("two")
    def two() -> None:
        pass

    assert isinstance(CliRunner().invoke(app, ["one"]).exception, RuntimeError)


# --- configuration ------------------------------------------------------------------------------------


def test_the_configuration_is_the_one_that_was_named_then_the_variable_then_a_usual_place(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shell.folder)
    named = shell.folder / "other.toml"
    named.touch()
    assert find_config(named, {"WISPBILL_CONFIG": "/nowhere"}) == named
    assert find_config(None, {"WISPBILL_CONFIG": str(named)}) == named
    found = find_config(None, {})
    assert found is not None
    assert found.name == "wispbill.toml"
    with pytest.raises(ConfigError):
        find_config(None, {"WISPBILL_CONFIG": "/nowhere"})


def test_behind_sudo_the_audit_names_the_caller() -> None:
    assert login_name({"SUDO_USER": "office"}) in ("office", login_name({}))


# --- the database -------------------------------------------------------------------------------------


def test_a_database_that_another_process_writes_is_said_to_be_locked(shell: Shell) -> None:
    shell.a_tenant()
    lock = FileLock(shell.folder / "write.lock")
    assert lock.acquire()
    try:
        said = shell.refused("customers", "add", "C-1", code=1)
    finally:
        lock.release()
    assert said.startswith("WB-DB-LOCKED")


def test_a_database_of_a_newer_version_is_refused(shell: Shell) -> None:
    with sqlite3.connect(shell.folder / "wispbill.db") as db:
        table = next(
            name
            for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='table'")
            if "migration" in name
        )
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        last = dict(zip(columns, db.execute(f"SELECT * FROM {table}").fetchall()[-1], strict=True))
        last |= {"name": "9999_later"}
        last.pop("id", None)
        marks = ", ".join("?" for _ in last)
        db.execute(f"INSERT INTO {table} ({', '.join(last)}) VALUES ({marks})", list(last.values()))
    assert shell.refused("tenants", "list", code=1).startswith("WB-DB-NEWER")


def test_a_database_that_was_never_made_names_the_command_that_makes_it(shell: Shell) -> None:
    (shell.folder / "wispbill.db").unlink()
    said = shell.refused("tenants", "list", code=1)
    assert said.startswith("WB-DB-OLDER")
    assert "wispbill db upgrade" in said


def test_a_file_that_is_no_database_is_called_damaged(shell: Shell) -> None:
    (shell.folder / "wispbill.db").write_bytes(b"hello" * 1000)
    assert shell.refused("tenants", "list", code=1).startswith("WB-DB-CORRUPT")


def test_a_master_key_that_others_can_read_is_refused(shell: Shell) -> None:
    (shell.folder / "master.key").chmod(0o644)
    assert shell.refused("tenants", "list").startswith("WB-SECRET-FILE")


def test_the_wrong_master_key_is_refused(shell: Shell) -> None:
    shell.a_tenant()
    (shell.folder / "master.key").write_text("22" * 32)
    assert "master key 1" in shell.refused("tenants", "list", code=1)


# --- status, inbox ------------------------------------------------------------------------------------


def test_status_says_that_everything_is_in_agreement_once_it_is(shell: Shell) -> None:
    shell.all_set()
    shell.ran("push")
    shell.ran("pull")
    lock = FileLock(shell.folder / "daemon.lock")
    assert lock.acquire()
    try:
        status = shell.json("status")
        assert status["sentence"] == "Everything is in agreement."
        assert status["integrations"][0]["queue"] == {"synced": 1}
        assert status["totals"][0]["due"] == "45.00"
        shell.clock.move(hours=2)
        late = shell.json("status", code=1)
    finally:
        lock.release()
    assert "was not read since" in late["problems"][0]["sentence"]
    assert late["problems"][0]["command"].startswith("wispbill pull --integration")


def test_status_without_a_daemon_says_so_first(shell: Shell) -> None:
    shell.all_set()
    status = shell.json("status", code=1)
    assert status["daemonRunning"] is False
    assert status["problems"][0]["command"] == "systemctl start wispbill"


def test_status_names_invoices_that_nobody_will_send(shell: Shell) -> None:
    shell.a_tenant()
    shell.a_customer()
    shell.an_invoice()
    sentences = [problem["sentence"] for problem in shell.json("status", code=1)["problems"]]
    assert "1 invoice has no integration." in sentences

    shell.an_integration()
    sentences = [problem["sentence"] for problem in shell.json("status", code=1)["problems"]]
    assert "1 invoice has no integration." not in sentences


def test_a_hint_can_be_shown_and_replayed(shell: Shell) -> None:
    shell.all_set()
    shell.ran("push")
    shell.ran("pull")
    shell.ran("invoices", "sync", "1001")
    (hint,) = shell.json("inbox", "list")["hints"]
    assert (hint["source"], hint["usedAt"]) == ("person", None)
    shell.ran("pull")
    number = str(hint["id"])
    assert shell.json("inbox", "show", number)["usedAt"] is not None
    assert shell.json("inbox", "show", number)["invoice"] == "1001"

    assert shell.json("inbox", "replay", number)["usedAt"] is None
    assert "WB-NOT-FOUND" in shell.refused("inbox", "replay", "999")


def test_providers_tells_what_each_can_do_and_what_it_asks_for(shell: Shell) -> None:
    stripe = next(p for p in shell.json("providers")["providers"] if p["name"] == "stripe")
    assert stripe["changeFeed"] is True
    assert stripe["credentials"][0]["name"] == "secret_key"
    assert stripe["credentials"][0]["secret"] is True


def test_every_listing_has_a_json_of_one_document(shell: Shell) -> None:
    shell.all_set()
    for words in (
        ["tenants", "list"],
        ["customers", "list"],
        ["integrations", "list"],
        ["invoices", "list"],
        ["inbox", "list"],
        ["providers"],
        ["find", "1001"],
        ["tenants", "show", "wisp"],
        ["customers", "show", "C-1"],
        ["invoices", "show", "1001"],
        ["explain", "1001"],
        ["push", "--dry-run"],
        ["pull", "--dry-run"],
    ):
        people, programs = shell.ran(*words).stdout, shell.ran(*words, "--json").stdout
        assert isinstance(json.loads(programs), dict), words
        assert people.strip(), words
