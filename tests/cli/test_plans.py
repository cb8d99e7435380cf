"""Plans at the command line: from a plan to an invoice, looked at first; wrong input is named."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Shell

NET = ("--description", "Internet 100/20", "--amount", "50.00", "--tax", "4.00", "--tax-rate", "county")


@pytest.fixture
def ready(shell: Shell) -> Shell:
    """A customer C-1 and a plan `basic`; it is the 2nd of March 2026."""
    shell.a_tenant()
    shell.a_customer()
    shell.ran("plans", "add", "basic", *NET)
    return shell


@pytest.fixture
def subscribed(ready: Shell) -> Shell:
    ready.ran("plans", "subscribe", "C-1", "basic", "--start", "2026-03-01")
    return ready


def invoices(shell: Shell) -> list[Any]:
    return list(shell.json("invoices", "list")["invoices"])


def actions(shell: Shell) -> list[str]:
    return [row["action"] for row in shell.json("audit", "list")["audit"]]


# --- from a plan to an invoice ------------------------------------------------------------------------


def test_a_subscriber_is_billed_once_and_explain_says_for_what(subscribed: Shell) -> None:
    first = subscribed.json("bill")["tenants"][0]
    again = subscribed.json("bill")["tenants"][0]

    assert (first["invoices"], first["sums"]) == (1, [{"currency": "USD", "total": "54.00"}])
    assert (again["invoices"], again["held"]) == (0, 0)
    [row] = invoices(subscribed)
    assert (row["number"], row["dueOn"]) == ("2026-00001", "2026-03-16")
    said = subscribed.ran("explain", "2026-00001").stdout
    assert "generated from the plan basic (subscription C-1.basic) for 2026-03-01 to 2026-03-31" in said
    assert subscribed.json("invoices", "show", "2026-00001")["billedFor"] == {
        "plan": "basic",
        "subscription": "C-1.basic",
        "startOn": "2026-03-01",
        "lastOn": "2026-03-31",
    }
    shown = subscribed.json("plans", "subscription", "C-1.basic")
    assert shown["nextOn"] == "2026-04-01"
    assert [period["number"] for period in shown["periods"]] == ["2026-00001"]
    subscribed.ran("audit", "verify")


def test_what_was_generated_is_pushed_like_any_other(subscribed: Shell) -> None:
    rates = json.dumps({"tax_rates": {"county": {"display_name": "Tax", "percentage": "8"}}})
    credentials = json.dumps({"secret_key": "sk_test_aaaaaaaaaaaaaaaa"})
    subscribed.ran(
        "integrations", "add", "stripe", "--credentials", "-", "--settings", rates, given=credentials
    )
    subscribed.ran("bill")
    subscribed.ran("push")
    [doc] = subscribed.account.invoices()
    assert (doc.number, doc.status) == ("2026-00001", "open")


def test_every_change_by_a_person_leaves_a_row_of_audit(subscribed: Shell) -> None:
    run = subscribed.ran
    run("plans", "change", "basic", "--due-days", "7")
    run("plans", "adjust", "C-1.basic", "--quantity", "2")
    run("plans", "pause", "C-1.basic")
    run("plans", "resume", "C-1.basic")
    run("plans", "skip", "C-1.basic", "2026-05-01")
    run("plans", "unsubscribe", "C-1.basic", "--on", "2026-06-30")
    run("plans", "numbering", "--next", "10")
    run("plans", "end", "basic")
    assert actions(subscribed)[:10] == [
        *("plan.ended", "numbering.changed", "subscription.ended", "subscription.skipped"),
        *("subscription.resumed", "subscription.paused", "subscription.adjusted", "plan.changed"),
        *("subscription.added", "plan.added"),
    ]


def test_the_same_again_is_harmless_and_other_content_is_refused(subscribed: Shell) -> None:
    assert "was there already" in subscribed.ran("plans", "add", "basic", *NET).stdout
    assert "WB-PLAN-TAKEN" in subscribed.refused("plans", "add", "basic", *NET, "--due-days", "3")
    same = ("plans", "subscribe", "C-1", "basic", "--start", "2026-03-01")
    assert "was there already" in subscribed.ran(*same).stdout
    assert "WB-SUBSCRIPTION-TAKEN" in subscribed.refused(*same, "--quantity", "2")
    subscribed.ran(*same, "--quantity", "2", "--reference", "second line")
    assert len(subscribed.json("plans", "subscriptions")["subscriptions"]) == 2


def test_a_plan_of_several_lines_comes_as_json_and_is_changed_as_json(ready: Shell) -> None:
    lines = [
        {"description": "Internet", "amount": "50.00", "tax": "4.00", "taxRate": "county"},
        {"description": "Discount", "amount": "-5.00"},
    ]
    made = ready.json("plans", "add", "pro", "-", "--unit", "years", given=json.dumps({"lines": lines}))
    assert (made["total"], made["interval"], len(made["lines"])) == ("49.00", "1 year", 2)
    assert "give all of them as JSON" in ready.refused("plans", "change", "pro", "--amount", "60.00")
    changed = ready.json("plans", "change", "pro", "-", given=json.dumps({"lines": lines[:1]}))
    assert changed["total"] == "54.00"


def test_ending_a_plan_lets_who_has_it_go_on_unless_they_end_too(subscribed: Shell) -> None:
    subscribed.ran("plans", "end", "basic")
    assert "WB-PLAN-ENDED" in subscribed.refused("plans", "subscribe", "C-1", "basic", "--reference", "x")
    assert subscribed.json("bill")["tenants"][0]["invoices"] == 1
    said = subscribed.ran("plans", "end", "basic", "--unsubscribe", "2026-03-31").stdout
    assert "1 subscription to it end with 2026-03-31" in said
    assert subscribed.json("plans", "list")["plans"][0]["subscriptions"] == 0


def test_unsubscribing_says_what_was_billed_beyond(subscribed: Shell) -> None:
    subscribed.ran("bill")
    result = subscribed.ran("plans", "unsubscribe", "C-1.basic", "--on", "2026-03-10")
    assert "billed to 2026-03-31 already" in result.stderr


def test_numbers_go_on_where_the_books_before_ended(subscribed: Shell) -> None:
    shown = subscribed.json("plans", "numbering", "--format", "R-{counter}", "--next", "1501")
    assert shown["next"] == "R-1501"
    subscribed.ran("bill")
    assert [row["number"] for row in invoices(subscribed)] == ["R-1501"]
    assert "given out already" in subscribed.refused("plans", "numbering", "--next", "1501")


def test_what_cannot_be_billed_is_named_and_a_person_skips_it(ready: Shell) -> None:
    ready.ran("plans", "subscribe", "C-1", "basic", "--start", "2020-01-01")
    result = ready.ran("bill", code=1)
    assert "WB-BILL-HELD" in result.stderr
    [row] = ready.json("plans", "subscriptions", "--held")["subscriptions"]
    assert "2020-01-01 to 2020-01-31 was never billed" in row["fault"]["text"]
    assert "not billed: WB-BILL-HELD: 1" in ready.run("doctor").stdout
    ready.ran("plans", "skip", "C-1.basic", "2026-03-01")
    assert ready.json("bill")["tenants"][0]["invoices"] == 1
    assert ready.json("plans", "subscriptions", "--held")["subscriptions"] == []


# --- looked at first ----------------------------------------------------------------------------------


def test_a_dry_run_counts_and_sums_and_changes_nothing(subscribed: Shell) -> None:
    before = actions(subscribed)
    dry = subscribed.json("bill", "--dry-run", "--date", "2026-04-05")
    assert dry["dryRun"] is True
    [shape] = dry["tenants"]
    assert (shape["invoices"], shape["sums"]) == (2, [{"currency": "USD", "total": "108.00"}])
    assert invoices(subscribed) == []
    assert actions(subscribed) == before
    assert "this is a dry run" in subscribed.ran("bill", "--dry-run").stderr


def a_plan_file(shell: Shell) -> str:
    path = shell.folder / "bill.jsonl"
    path.unlink(missing_ok=True)
    shell.ran("bill", "--dry-run", "--plan", str(path))
    return str(path)


def test_a_plan_file_is_billed_as_it_stands_and_once(subscribed: Shell) -> None:
    path = a_plan_file(subscribed)
    line = json.loads(Path(path).read_text().splitlines()[1])
    assert (line["number"], line["total"], line["customer"]) == ("2026-00001", "54.00", "C-1")

    done = subscribed.json("bill", "--apply", path)

    assert done["tenants"][0]["invoices"] == 1
    assert [(row["number"], row["total"]) for row in invoices(subscribed)] == [("2026-00001", "54.00")]
    assert "would not be billed now" in subscribed.refused("bill", "--apply", path)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("plans", "change", "basic", "--amount", "60.00", "--tax", "4.80"), "total 54.00 is now 64.80"),
        (("plans", "change", "basic", "--due-days", "20"), "dueOn 2026-03-16 is now 2026-03-22"),
        (("plans", "pause", "C-1.basic"), "would not be billed now"),
        (("plans", "subscribe", "C-1", "basic", "--reference", "new"), "would be billed as well"),
        (("plans", "numbering", "--next", "7"), "number 2026-00001 is now 2026-00007"),
    ],
)
def test_a_plan_file_is_refused_when_the_world_has_changed(
    subscribed: Shell, words: tuple[str, ...], told: str
) -> None:
    path = a_plan_file(subscribed)
    subscribed.ran(*words)
    said = subscribed.refused("bill", "--apply", path)
    assert told in said
    assert "WB-BILL-CHANGED" in said
    assert invoices(subscribed) == []


def test_a_plan_file_of_yesterday_is_refused(subscribed: Shell) -> None:
    path = a_plan_file(subscribed)
    subscribed.clock.move(days=1)
    assert "today is 2026-03-03" in subscribed.refused("bill", "--apply", path)


def test_a_plan_file_is_never_written_over(subscribed: Shell) -> None:
    path = a_plan_file(subscribed)
    assert "File exists" in subscribed.refused("bill", "--dry-run", "--plan", path)


def test_billing_ahead_is_for_a_month_at_most_and_never_for_a_day_gone_by(subscribed: Shell) -> None:
    for day in ("2026-03-01", "2026-04-03", "2026-13-01", "soon"):
        assert "date: " in subscribed.refused("bill", "--date", day)
    assert subscribed.json("bill", "--date", "2026-04-01")["tenants"][0]["invoices"] == 2


@pytest.mark.parametrize(
    "words",
    [("--plan", "x"), ("--apply", "x", "--dry-run"), ("--apply", "none.jsonl"), ("--tenant", "nobody")],
)
def test_wrong_use_of_bill_is_refused(subscribed: Shell, words: tuple[str, ...]) -> None:
    subscribed.refused("bill", *words)


@pytest.fixture
def many(ready: Shell) -> Shell:
    """A daily plan and forty subscribers; by now hundreds of periods are due."""
    ready.ran("plans", "add", "often", "--amount", "1.00", "--unit", "days", "--every", "30")
    rows = "".join(f"C-1,often,2026-03-01,s{n}\n" for n in range(40))
    ready.ran("plans", "import", a_file(ready, f"customer,plan,start,reference\n{rows}"))
    return ready


def a_process(shell: Shell) -> subprocess.Popen[bytes]:
    """`wispbill bill`, in real time and without a daemon."""
    command = [sys.executable, "-m", "daemon", "--config", str(shell.config), "bill", "--json", "--long-past"]
    environ = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ)


def billed(shell: Shell) -> list[str]:
    """The numbers of all invoices; each period has one, and none is left out."""
    with closing(sqlite3.connect(shell.folder / "wispbill.db", isolation_level=None)) as db:
        db.execute("BEGIN")
        numbers = [row[0] for row in db.execute("SELECT number FROM invoice ORDER BY number")]
        periods = db.execute("SELECT COUNT(DISTINCT subscription_id || start_on) FROM billed_period")
        assert periods.fetchone()[0] == len(numbers) == len(set(numbers))
    counters = [int(number.split("-")[1]) for number in numbers]
    assert counters == list(range(1, len(numbers) + 1))
    return numbers


def test_two_processes_at_once_bill_each_period_once(many: Shell) -> None:
    running = [a_process(many) for _ in range(2)]
    said = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    counts = [json.loads(out)["tenants"][0]["invoices"] for out, _err in said]
    assert sum(counts) == len(billed(many)) >= 40


def test_a_process_that_is_killed_leaves_whole_periods_and_the_next_one_goes_on(many: Shell) -> None:
    before = 0
    for _ in range(3):
        process = a_process(many)
        while process.poll() is None and len(billed(many)) == before:
            pass
        process.kill()
        process.communicate(timeout=60)
        before = len(billed(many))
    last = a_process(many)
    last.communicate(timeout=120)
    assert last.returncode == 0
    assert len(billed(many)) >= before >= 40
    assert len(billed(many)) % 40 == 0
    many.ran("audit", "verify")


# --- wrong input --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--amount", "12,50"), "WB-MONEY-AMOUNT"),
        (("--amount", "12.505"), "WB-MONEY-DECIMALS"),
        (("--amount", "0"), "WB-MONEY-AMOUNT"),
        (("--amount", "-5"), "WB-MONEY-AMOUNT"),
        ((), "lines.1.amount: it is missing"),
        (("--amount", "5", "--tax", "1"), "a tax needs the name of its rate"),
        (("--amount", "5", "--tax", "-1", "--tax-rate", "x"), "the tax is negative"),
        (("--amount", "5", "--every", "0"), "every: it is 1 at least"),
        (("--amount", "5", "--every", "121"), "every: at most 120 months"),
        (("--amount", "5", "--due-days", "999"), "due_days: it is 365 at most"),
        (("--amount", "5", "--ahead-days", "-1"), "ahead_days: it is 0 at least"),
        (("--amount", "5", "--proration", "hourly"), "it is one of 'none' or 'daily'"),
        (("--amount", "5", "--currency", "XYZ"), "WB-MONEY-CURRENCY"),
        (("--amount", "5", "--name", "a\nb"), "not allowed"),
        (("--amount", "5", "extra"), "give - for JSON"),
    ],
)
def test_a_wrong_plan_is_refused_and_not_there(ready: Shell, words: tuple[str, ...], told: str) -> None:
    assert told in ready.refused("plans", "add", "pro", *words)
    assert [row["reference"] for row in ready.json("plans", "list")["plans"]] == ["basic"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nobody", "basic"), "WB-NOT-FOUND"),
        (("C-1", "nothing"), "WB-NOT-FOUND"),
        (("C-1", "basic", "--start", "1.4.2026"), "start: a date is written like 2026-04-01"),
        (("C-1", "basic", "--start", "1926-04-01"), "start: it is 2000-01-01 at least"),
        (("C-1", "basic", "--end", "2026-01-01"), "lies before the start"),
        (("C-1", "basic", "--billed-to", "2026-01-01"), "lies before the start"),
        (("C-1", "basic", "--anchor-day", "32"), "anchor_day: it is 31 at most"),
        (("C-1", "weekly", "--anchor-day", "8"), "anchor_day: 1 (Monday) to 7"),
        (("C-1", "daily", "--anchor-day", "1"), "not for a plan that counts days"),
        (("C-1", "basic", "--quantity", "0"), "quantity: it is 1 at least"),
        (("C-1", "basic", "--amount", "40.00"), "tax: the plan's line has one"),
        (("C-1", "basic", "--tax", "4.00"), "there is no amount"),
        (("C-1", "basic", "--amount", "-40", "--tax", "0"), "WB-MONEY-AMOUNT"),
        (("C-1", "basic", "--reference", "x" * 61), "60 characters at most"),
    ],
)
def test_a_wrong_subscription_is_refused_and_not_there(
    ready: Shell, words: tuple[str, ...], told: str
) -> None:
    for unit, name in (("weeks", "weekly"), ("days", "daily")):
        ready.ran("plans", "add", name, *NET, "--unit", unit)
    assert told in ready.refused("plans", "subscribe", *words)
    assert ready.json("plans", "subscriptions")["subscriptions"] == []


@pytest.mark.parametrize(
    "words",
    [
        ("unsubscribe", "C-1.basic", "--on", "2026-02-01"),
        ("unsubscribe", "nothing"),
        ("resume", "C-1.basic"),
        ("skip", "C-1.basic", "2026-02-01"),
        ("skip", "C-1.basic", "soon"),
        ("adjust", "C-1.basic"),
        ("adjust", "C-1.basic", "--tax", "1"),
        ("adjust", "C-1.basic", "--plan-price", "--amount", "1"),
        ("adjust", "C-1.basic", "--quantity", "0"),
        ("change", "basic"),
        ("change", "basic", "--amount", "60.00"),
        ("change", "basic", "--unit", "weeks"),
        ("end", "basic", "--unsubscribe", "never"),
        ("numbering", "--format", "{year}"),
        ("numbering", "--next", "0"),
    ],
)
def test_a_wrong_change_is_refused_and_changes_nothing(subscribed: Shell, words: tuple[str, ...]) -> None:
    before = actions(subscribed)
    subscribed.refused("plans", *words)
    assert actions(subscribed) == before


# --- from a file --------------------------------------------------------------------------------------

HEAD = "customer,plan,start,anchor_day,quantity,amount,tax,reference\n"


def a_file(shell: Shell, text: str, name: str = "subscribers.csv") -> str:
    path = shell.folder / name
    path.write_text(text)
    return str(path)


def test_a_file_of_subscribers_goes_in_and_the_same_again_is_harmless(ready: Shell) -> None:
    rows = "C-1,basic,2026-03-10,1,,,,a\nC-1,basic,2026-03-10,,3,40.00,3.20,b\nC-1,basic,2026-03-10,,,,,\n"
    path = a_file(ready, HEAD + rows)
    dry = ready.json("plans", "import", path, "--dry-run")
    assert ready.json("plans", "subscriptions")["subscriptions"] == []
    done, again = ready.json("plans", "import", path), ready.json("plans", "import", path)
    assert (dry["added"], done["added"], again["added"], again["there"]) == (3, 3, 0, 3)
    found = {row["reference"]: row for row in ready.json("plans", "subscriptions")["subscriptions"]}
    assert (found["a"]["anchorDay"], found["b"]["quantity"], found["b"]["price"]) == (1, 3, "43.20")
    assert found["C-1.basic"]["anchorDay"] == 10
    assert actions(ready).count("subscription.added") == 3


@pytest.mark.parametrize("dry", [("--dry-run",), ()])
def test_rows_with_a_mistake_are_named_by_line_and_the_others_go_in(
    ready: Shell, dry: tuple[str, ...]
) -> None:
    rows = [
        "C-1,basic,2026-03-10,,,,,good",
        "C-9,basic,2026-03-10,,,,,",
        "C-1,gold,2026-03-10,,,,,",
        "C-1,basic,10.3.2026,,,,,",
        "C-1,basic,2026-03-10,,many,,,",
        "C-1,basic,2026-03-10,,2,,,good",
        "C-1,basic,2026-03-10",
        "C-1,basic,,,,,,",
        "C-1,basic,2026-03-10,,,,,good",
    ]
    report = ready.json("plans", "import", a_file(ready, HEAD + "\n".join(rows)), *dry, code=1)
    assert (report["added"], report["there"], report["failed"]) == (1, 1, 7)
    assert [(one["line"], one["code"]) for one in report["problems"]][:2] == [
        (3, "WB-NOT-FOUND"),
        (4, "WB-NOT-FOUND"),
    ]
    assert [one["line"] for one in report["problems"]] == [3, 4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("customer,plan\n", "the columns start are missing"),
        (HEAD.replace("quantity", "colour"), "there is no column 'colour'"),
    ],
)
def test_a_header_that_cannot_be_used_refuses_the_file(ready: Shell, text: str, told: str) -> None:
    assert told in ready.refused("plans", "import", a_file(ready, text))
    assert ".csv" in ready.refused("plans", "import", a_file(ready, text, "subscribers.xlsx"))
