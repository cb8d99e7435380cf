"""Import: the good invoices go in, the bad ones are named by line, and the same file again is harmless."""

from __future__ import annotations

import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from daemon.jobs.importing import Item, read_csv, read_json_lines
from daemon.jobs.importing.files import MAX_LINE
from tests.cli.conftest import DUE, Shell

HEADER = "number,customer,due_on,description,amount\n"


def row(number: object, amount: str = "10.00", customer: str = "C-1") -> str:
    return f"{number},{customer},{DUE},Internet,{amount}\n"


def a_file(shell: Shell, text: str | bytes, name: str = "invoices.csv") -> str:
    path = shell.folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


@pytest.fixture
def ready(shell: Shell) -> Shell:
    shell.a_tenant()
    shell.a_customer()
    return shell


def imported(shell: Shell, text: str | bytes, *more: str, name: str = "invoices.csv", code: int = 0) -> Any:
    return shell.json("invoices", "import", a_file(shell, text, name), *more, code=code)


def items(text: str | bytes) -> list[Item]:
    return list(read_csv(io.BytesIO(text.encode() if isinstance(text, str) else text)))


# --- what goes in -------------------------------------------------------------------------------------


def test_of_ten_thousand_lines_with_one_bad_one_all_others_go_in_and_it_is_named(ready: Shell) -> None:
    rows = [row(n) for n in range(10_000)]
    rows[4_999] = row(4_999, amount="10.005")

    report = imported(ready, HEADER + "".join(rows), code=1)

    assert (report["added"], report["failed"]) == (9_999, 1)
    assert report["sums"] == [{"currency": "USD", "total": "99990.00"}]
    ready.ran("audit", "verify")
    (problem,) = report["problems"]
    assert (problem["line"], problem["number"], problem["code"]) == (5_001, "4999", "WB-MONEY-DECIMALS")


def test_the_same_file_again_changes_nothing_and_other_content_is_a_mistake(ready: Shell) -> None:
    imported(ready, HEADER + row(1) + row(2))
    again = imported(ready, HEADER + row(1) + row(2, amount="11.00") + row(3), code=1)
    assert (again["added"], again["there"], again["failed"]) == (1, 1, 1)
    assert again["problems"][0]["code"] == "WB-INVOICE-TAKEN"


def test_a_dry_run_says_what_a_real_one_does_and_leaves_nothing(ready: Shell) -> None:
    text = HEADER + row(1) + row(2, customer="C-2") + row(3, amount="x") + row(1) + row(4, customer="C-2")
    text = text.replace("amount\n", "amount,customer_name\n").replace("\n", ",Subscriber 0009\n", 1)
    text = HEADER.replace("\n", ",customer_name\n") + "".join(
        line + ",Subscriber 0009\n" for line in text.splitlines()[1:]
    )

    dry = imported(ready, text, "--dry-run", "--create-customers", code=1)
    assert ready.json("invoices", "list")["invoices"] == []
    assert [c["reference"] for c in ready.json("customers", "list")["customers"]] == ["C-1"]

    real = imported(ready, text, "--create-customers", code=1)
    assert dry.pop("dryRun") is True
    assert real.pop("dryRun") is False
    assert dry == real
    assert (real["added"], real["there"], real["failed"], real["customersAdded"]) == (3, 1, 1, 1)


def test_customers_are_created_only_when_asked_and_never_for_a_bad_invoice(ready: Shell) -> None:
    head = HEADER.replace("\n", ",customer_name,customer_email\n")
    good = row(1, customer="C-2").replace("\n", ",Subscriber 0002,subscriber0002@example.com\n")
    bad = row(2, amount="0", customer="C-3").replace("\n", ",Subscriber 0003,\n")

    assert imported(ready, head + good, code=1)["problems"][0]["code"] == "WB-NOT-FOUND"
    imported(ready, head + good + bad, "--create-customers", code=1)

    people = {c["reference"]: c for c in ready.json("customers", "list")["customers"]}
    assert people.keys() == {"C-1", "C-2"}
    assert people["C-2"]["email"] == "subscriber0002@example.com"


def test_json_lines_take_what_the_api_takes(ready: Shell) -> None:
    good = {
        "number": "1",
        "customer": "C-1",
        "dueOn": DUE,
        "lines": [{"description": "Internet", "amount": "10.00", "tax": "1.90", "taxRate": "VAT 19"}],
    }
    text = "\n".join([json.dumps(good), "", "{", "[]", '{"number": "1", "number": "2"}', json.dumps(good)])
    report = imported(ready, text, name="invoices.jsonl", code=1)
    assert (report["added"], report["there"], report["failed"]) == (1, 1, 3)
    assert [problem["line"] for problem in report["problems"]] == [3, 4, 5]
    assert report["sums"] == [{"currency": "USD", "total": "11.90"}]


def test_a_file_of_another_kind_or_none_is_refused(ready: Shell) -> None:
    assert ".csv or .jsonl" in ready.refused("invoices", "import", a_file(ready, "", name="invoices.xlsx"))
    assert "cannot be read" in ready.refused("invoices", "import", str(ready.folder / "none.csv"))


def test_people_read_counts_sums_and_the_lines_with_a_mistake(ready: Shell) -> None:
    result = ready.ran("invoices", "import", a_file(ready, HEADER + row(1) + row(2, amount="x")), code=1)
    assert "1 added over 10.00 USD" in result.stdout
    assert "line 3 (2): WB-MONEY-AMOUNT" in result.stderr


# --- how CSV is read ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        HEADER + row(1),
        "\ufeff" + HEADER + row(1),
        (HEADER + row(1)).replace("\n", "\r\n"),
        (HEADER + row(1)).replace(",", ";"),
        (HEADER + row(1)).replace(",", "\t"),
        (HEADER + row(1)).rstrip("\n"),
        "Number, Customer ,dueOn,DESCRIPTION,amount\n" + row(1),
        HEADER + "\n\n" + row(1) + "\n",
        HEADER + f'"1","C-1","{DUE}","Internet","10.00"\n',
    ],
)
def test_the_dialects_of_spreadsheets_are_all_the_same(text: str) -> None:
    (item,) = items(text)
    assert item.problem is None
    assert item.raw["number"] == "1"
    assert item.raw["due_on"] == DUE
    assert item.raw["lines"] == [{"description": "Internet", "amount": "10.00"}]


def test_rows_of_one_number_that_follow_one_another_are_its_lines() -> None:
    first, second = items(HEADER + row(1) + row(1, amount="5.00") + row(2))
    assert [line["amount"] for line in first.raw["lines"]] == ["10.00", "5.00"]
    assert (first.line, first.last, second.line) == (2, 3, 4)


def test_rows_of_one_number_that_disagree_are_a_mistake() -> None:
    (item,) = items(HEADER + row(1) + row(1, customer="C-2"))
    assert item.problem is not None
    assert "customer differs" in item.problem.message


def test_an_invoice_with_one_unreadable_line_does_not_go_in_without_it() -> None:
    (item,) = items(HEADER + row(1) + "1,C-1\n" + row(1))
    assert item.problem is not None
    assert item.problem.line == 3
    (item,) = items(HEADER + row(1) + ",,,Router,5.00\n")
    assert item.problem is not None
    assert "repeats" in item.problem.message


def test_an_invoice_of_too_many_lines_is_refused_whole(ready: Shell) -> None:
    report = imported(ready, HEADER + row(1) * 150 + row(2), code=1)
    assert (report["added"], report["failed"]) == (1, 1)


def test_a_row_in_another_encoding_is_named_and_the_others_go_in() -> None:
    first, second, third = items(
        (HEADER + row(1)).encode() + b"2,C-1,2026-04-01,M\xfcller,1\n" + row(3).encode()
    )
    assert first.problem is third.problem is None
    assert second.problem is not None
    assert second.problem.line == 3
    assert "UTF-8" in second.problem.message


def test_a_quote_that_is_never_closed_costs_only_what_it_swallows() -> None:
    found = items(HEADER + row(1) + '2,C-1,2026-04-01,"Internet,1\n' + row(3))
    assert found[0].problem is None
    assert found[1].problem is not None
    assert (found[1].line, found[1].problem.number) == (3, "2")


def test_a_field_with_line_ends_keeps_the_line_numbers_right() -> None:
    found = items(HEADER + f'1,C-1,{DUE},"two\nlines",1.00\n' + "2,C-1\n")
    assert (found[0].line, found[0].last) == (2, 3)
    assert found[1].problem is not None
    assert found[1].problem.line == 4


@pytest.mark.parametrize(
    ("header", "word"),
    [
        ("number,customer,due_on,description\n", "amount"),
        (HEADER.replace("\n", ",colour\n"), "colour"),
        (HEADER.replace("\n", ",amount\n"), "twice"),
        ("\n", "missing"),
    ],
)
def test_a_header_that_cannot_be_used_refuses_the_file(ready: Shell, header: str, word: str) -> None:
    assert word in ready.refused("invoices", "import", a_file(ready, header + row(1)))


def test_a_utf_16_file_is_told_what_it_is(ready: Shell) -> None:
    path = a_file(ready, (HEADER + row(1)).encode("utf-16"))
    assert "UTF-16" in ready.refused("invoices", "import", path)


def test_a_line_without_end_is_refused_and_the_next_one_read() -> None:
    huge = b'{"number": "' + b"x" * (3 * MAX_LINE) + b'"}\n'
    first, second = read_json_lines(io.BytesIO(huge + b"{}\n"))
    assert first.problem is not None
    assert first.problem.code == "WB-INPUT-TOO-LARGE"
    assert (second.line, second.problem) == (2, None)


def test_a_large_file_is_read_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    with path.open("w") as file:
        file.write(HEADER)
        for n in range(50_000):
            file.write(row(n))
    tracemalloc.start()
    with path.open("rb") as stream:
        count = sum(1 for _ in read_csv(stream))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 50_000
    assert peak < 1_000_000
