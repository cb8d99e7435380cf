"""`wispbill report`: the books as a table, as text for programs, into a file; wrong use gets a sentence."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from defusedxml.ElementTree import fromstring

from tests.cli.conftest import Shell


@pytest.fixture
def paid(shell: Shell) -> Shell:
    """One invoice paid, another open."""
    shell.all_set()
    shell.an_invoice("1002", "20.00", **{"due-on": "2026-03-10"})
    shell.ran("push")
    there = next(one for one in shell.account.invoices() if one.number == "1001")
    shell.account.pay(there.id)
    shell.clock.move(minutes=2)
    shell.ran("pull")
    return shell


def test_the_reports_are_listed_with_what_they_take(shell: Shell) -> None:
    listed = {row["name"]: row["takes"] for row in shell.json("report")["reports"]}
    assert listed["ageing"] == ["--as-of"]
    assert listed["collections"] == ["--from", "--to"]


def test_ageing_as_a_table_has_a_row_for_the_customer_and_the_sum(paid: Shell) -> None:
    said = paid.ran("report", "ageing").stdout
    assert "Subscriber 0001" in said
    total = next(line for line in said.splitlines() if line.startswith("Total"))
    assert total.split()[-1] == "20.00"


def test_what_is_not_due_now_is_overdue_later(paid: Shell) -> None:
    (now,) = paid.json("report", "ageing")["rows"]
    paid.clock.move(days=40)
    (later,) = paid.json("report", "ageing")["rows"]
    (then,) = paid.json("report", "ageing", "--as-of", "2026-03-02")["rows"]
    assert (now["notDue"], now["owed"]) == (then["notDue"], then["owed"]) == ("20.00", "20.00")
    assert (later["days31To60"], later["notDue"]) == ("20.00", "0.00")


def test_collections_come_as_csv_and_as_json_with_the_same_amounts(paid: Shell) -> None:
    rows = list(csv.DictReader(io.StringIO(paid.ran("report", "collections", "--format", "csv").stdout)))
    document = json.loads(paid.ran("report", "collections", "--format", "json").stdout)
    assert [(row["month"], row["provider"], row["net"]) for row in rows] == [("2026-03", "stripe", "45.00")]
    assert document["rows"][0]["net"] == rows[0]["net"]
    assert document["parameters"] == {"from": "2025-04", "to": "2026-03"}


@pytest.mark.parametrize("ending", ["csv", "json", "xlsx", "svg"])
def test_a_file_gets_the_format_that_its_name_ends_in(paid: Shell, tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"collections.{ending}"
    paid.ran("report", "collections", "--out", str(file))
    content = file.read_bytes()
    if ending == "svg":
        assert fromstring(content).tag.endswith("svg")
    assert content.startswith({"csv": b"month,", "json": b"{", "xlsx": b"PK", "svg": b"<svg"}[ending])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing"], "there is no report 'nothing' here"),
        (["ageing", "--month", "2026-03"], "this report takes as-of, not month"),
        (["ageing", "--as-of", "2026-13-01"], "as-of: a day is written like 2026-03-31"),
        (["ageing", "--as-of", "2027-01-01"], "as-of: the day has not come yet"),
        (["collections", "--from", "2026-3"], "from: a month is written like 2026-03"),
        (["collections", "--from", "2026-03", "--to", "2026-01"], "from: it lies behind to"),
        (["collections", "--from", "2001-01"], "at most 120 months at once"),
        (["ageing", "--format", "csv", "--json"], "contradict each other"),
        (["ageing", "--out", "/nowhere/a.csv"], "cannot be written"),
        (["ageing", "--out", "a.txt"], "a table goes to the screen"),
        (["ageing", "--format", "svg"], "there is nothing to draw in ageing"),
    ],
)
def test_wrong_use_gets_a_plain_sentence(shell: Shell, words: list[str], said: str) -> None:
    shell.a_tenant()
    assert said in shell.refused("report", *words)


def test_a_name_that_a_spreadsheet_would_run_is_text(shell: Shell) -> None:
    shell.a_tenant()
    shell.ran("customers", "add", "C-1", "--name", "=HYPERLINK(0)")
    shell.an_invoice()
    (row,) = csv.DictReader(io.StringIO(shell.ran("report", "ageing", "--format", "csv").stdout))
    assert row["name"] == "'=HYPERLINK(0)"


def test_a_month_is_closed_and_reopened_at_the_command_line(paid: Shell) -> None:
    paid.clock.move(days=31)
    said = paid.ran("report", "close", "--month", "2026-03", "--record", "--note", "as agreed").stdout
    assert "March 2026 ties to the cent. Closed by cli:" in said
    assert "was closed already" in paid.refused("report", "close", "--month", "2026-03", "--record")

    paid.ran("report", "close", "--month", "2026-03", "--reopen", "a late invoice")
    assert "Closed by" not in paid.ran("report", "close", "--month", "2026-03").stdout


def test_a_close_that_does_not_tie_ends_with_exit_code_1_and_the_command_that_settles_it(paid: Shell) -> None:
    paid.an_invoice("1003", "12.00")
    made = json.loads(paid.ran("report", "close", "--month", "2026-03", "--json", code=1).stdout)
    assert made["verdict"] == "March 2026 is not over; so far it does not tie: 12.00 USD on 1 invoice."
    (row,) = made["parts"]["differences"]["rows"]
    assert (row["number"], row["amount"]) == ("1003", "-12.00")
    assert "1003" in paid.ran("report", "close", "--month", "2026-03", code=1).stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ageing", "--record"], "--record goes with: report close --month 2026-03"),
        (["close", "--reopen", "x"], "--reopen goes with: report close --month 2026-03"),
        (["close", "--note", "x"], "--note goes with --record"),
        (["close", "--month", "2026-03", "--record"], "2026-03 is not over yet"),
        (["close", "--month", "2026-02", "--reopen", "x"], "2026-02 is not closed"),
        (["close", "--month", "2026-04"], "month: it has not begun yet"),
    ],
)
def test_a_month_that_cannot_be_closed_gets_a_plain_sentence(
    shell: Shell, words: list[str], said: str
) -> None:
    shell.a_tenant()
    assert said in shell.refused("report", *words)
