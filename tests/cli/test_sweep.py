"""`sweep`, `exceptions` and `check` at the command line."""

from __future__ import annotations

import pytest

from daemon.store import differences, links
from daemon.store.tables import Invoice, database
from tests.cli.conftest import Shell


@pytest.fixture
def sent(shell: Shell) -> str:
    """A shell whose invoice 1001 is at the provider; its ref."""
    shell.all_set()
    shell.ran("push")
    shell.clock.move(hours=1)
    shell.desk().open()
    (invoice,) = Invoice.select()
    return str(links.of_invoice(invoice.id).external_id)


def test_a_sweep_that_finds_nothing_says_that_both_sides_are_equal(shell: Shell, sent: str) -> None:
    assert "both sides are equal" in shell.ran("sweep").stdout

    (told,) = shell.json("sweep")["integrations"]
    assert told["toSettle"] == 0 and told["provenEqualAt"]


def test_a_dry_run_tells_what_differs_and_changes_nothing(shell: Shell, sent: str) -> None:
    shell.account.pay(sent)
    before = list(database.execute_sql("SELECT payment_status FROM invoice").fetchall())

    (found,) = shell.json("sweep", "--dry-run")["differences"]

    assert (found["kind"], found["number"], found["amount"]) == ("paid_there", "1001", "45.00")
    assert list(database.execute_sql("SELECT payment_status FROM invoice").fetchall()) == before
    for table in ("payment", "difference", "swept", "sweep", "run WHERE job LIKE 'sweep%'"):
        assert database.execute_sql(f"SELECT COUNT(*) FROM {table}").fetchone()[0] == 0, table


def test_a_sweep_repairs_and_says_so(shell: Shell, sent: str) -> None:
    shell.account.pay(sent)

    assert "repaired 1" in shell.ran("sweep").stdout
    assert "paid" in shell.ran("invoices", "show", "1001").stdout


def a_difference(shell: Shell) -> str:
    """The row of what no longer agrees; its id."""
    shell.desk().open()
    database.execute_sql("UPDATE link SET external_number = NULL")
    database.execute_sql("UPDATE invoice SET number = '2001'")
    shell.ran("sweep", code=1)
    (row,) = differences.waiting()
    return row.id


def test_what_needs_a_person_comes_with_its_command_and_is_settled_by_it(shell: Shell, sent: str) -> None:
    assert "Nothing needs a person." in shell.ran("exceptions").stdout
    name = a_difference(shell)

    (told,) = shell.json("exceptions", code=1)["exceptions"]
    assert told["command"] == f'wispbill exceptions settle {name} --note "…"'
    assert (told["customer"], told["amount"], told["currency"]) == ("Subscriber 0001", "45.00", "USD")
    assert name in shell.ran("exceptions", code=1).stdout

    shell.ran("exceptions", "settle", name, "--note", "the number was put right")

    assert shell.json("exceptions") == {"exceptions": []}
    assert "difference.settled" in shell.ran("audit", "list").stdout


def test_what_was_settled_does_not_come_back_by_itself(shell: Shell, sent: str) -> None:
    name = a_difference(shell)
    shell.ran("exceptions", "settle", name, "--note", "known")
    shell.clock.move(hours=1)

    assert "both sides are equal" in shell.ran("sweep").stdout
    assert "is settled already" in shell.refused("exceptions", "settle", name, "--note", "again")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("settle", "wbd_none", "--note", "x"), "wbd_none"),
        (("settle", "refused:wbi_1", "--note", "x"), "only differences"),
        (("settle", "wbd_none", "--note", " "), "--note"),
        (("settle", "wbd_none"), "--note"),
    ],
)
def test_what_cannot_be_settled_is_refused(shell: Shell, words: tuple[str, ...], says: str) -> None:
    shell.a_tenant()
    result = shell.run("exceptions", *words)
    assert result.exit_code in (1, 2) and says in result.output


def test_what_was_refused_and_what_stands_still_are_exceptions(shell: Shell) -> None:
    integration = shell.all_set()
    shell.an_invoice("1002", "100.00")
    shell.desk().open()
    database.execute_sql("UPDATE link SET integration_id = (SELECT id FROM integration)")
    database.execute_sql(
        "UPDATE link SET state = 'failed', fault_code = 'WB-PUSH-EXHAUSTED', fault_text = 'no' "
        "WHERE invoice_id = (SELECT id FROM invoice WHERE number = '1001')"
    )
    shell.ran("integrations", "pause", integration)

    told = shell.json("exceptions", code=1)["exceptions"]

    assert [one["group"] for one in told] == ["integration", "refused"]
    assert [one["amount"] for one in told] == ["100.00", "45.00"]
    assert told[1]["command"].startswith("wispbill invoices sync wbi_")
    assert told[0]["command"] == f"wispbill integrations resume {integration}"


def test_a_sound_database_passes_and_a_broken_one_does_not(shell: Shell, sent: str) -> None:
    assert "all of them hold" in shell.ran("check").stdout
    database.execute_sql("UPDATE invoice SET due_minor = 1")

    (found,) = shell.json("check", code=1)["violations"]

    assert found["invariant"] == "payments fold to the invoice's columns"
    assert found["invariant"] in shell.ran("check", code=1).stdout
