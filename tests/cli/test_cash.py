"""`invoices pay` and `unpay`, and what they leave for a person."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Shell


@pytest.fixture
def sent(shell: Shell) -> Shell:
    shell.all_set()
    shell.ran("push")
    return shell


def test_a_payment_is_entered_recorded_and_read_back(sent: Shell) -> None:
    said = sent.ran("invoices", "pay", "1001", "--amount", "45.00", "--on", "2026-03-01", "--note", "slip 7")
    assert "Invoice 1001 is paid" in said.output

    sent.ran("push")

    shown = sent.json("invoices", "show", "1001")
    assert (shown["paymentStatus"], shown["due"]) == ("paid", "0.00")


def test_a_part_waits_for_a_person_and_is_settled(sent: Shell) -> None:
    made = sent.json("invoices", "pay", "1001", "--amount", "20.00")
    sent.ran("push")

    [matter] = sent.json("exceptions", code=1)["exceptions"]
    assert matter["id"] == made["id"]
    said = sent.ran("exceptions", "settle", made["id"], "--note", "closed there").output
    assert "20.00 USD" in said
    assert sent.json("exceptions")["exceptions"] == []


def test_a_mistake_is_taken_back(sent: Shell) -> None:
    made = sent.json("invoices", "pay", "1001", "--amount", "45.00")

    said = sent.ran("invoices", "unpay", made["id"]).output

    assert "open again" in said
    assert "take it back" not in said
    assert "already" in sent.refused("invoices", "unpay", made["id"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--amount", "45.01"), "more than the 45.00 USD that is due"),
        (("--amount", "-1"), "more than nothing"),
        (("--amount", "5.00", "--on", "2026-03-03"), "still to come"),
        (("--amount", "5.00", "--on", "soon"), "a date is written like"),
        (("--amount", "5.00", "--currency", "EUR"), "in USD, not in EUR"),
        (("--amount", "5.00", "--method", "shells"), "one of cash"),
    ],
)
def test_what_cannot_be_is_refused(sent: Shell, words: tuple[str, ...], said: str) -> None:
    assert said in sent.refused("invoices", "pay", "1001", *words)
