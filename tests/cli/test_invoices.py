"""Invoices and customers at the command line: wrong input is named, the same again is harmless."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import DUE, Shell


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"amount": "12.505"}, "WB-MONEY-DECIMALS"),
        ({"amount": "0"}, "WB-MONEY-AMOUNT"),
        ({"amount": "-5.00"}, "WB-MONEY-AMOUNT"),
        ({"amount": "12,50"}, "WB-MONEY-AMOUNT"),
        ({"amount": "1e3"}, "WB-MONEY-AMOUNT"),
        ({"currency": "XYZ"}, "WB-MONEY-CURRENCY"),
        ({"currency": "JPY", "amount": "1000.5"}, "WB-MONEY-DECIMALS"),
        ({"currency": "KWD", "amount": "1.0005"}, "WB-MONEY-DECIMALS"),
        ({"due-on": "2026-02-28"}, "WB-INVOICE-DUE"),
        ({"due-on": "tomorrow"}, "WB-INPUT"),
        ({"customer": "nobody"}, "WB-NOT-FOUND"),
        ({"number": ""}, "WB-INPUT"),
        ({"tax": "1.00"}, "WB-INPUT"),
    ],
)
def test_a_wrong_invoice_is_refused_with_its_code_and_nothing_is_entered(
    shell: Shell, more: dict[str, str], code: str
) -> None:
    shell.a_tenant()
    shell.a_customer()
    assert shell.an_invoice(code=2, **more).startswith(f"{code}: ")
    assert shell.json("invoices", "list")["invoices"] == []


@pytest.mark.parametrize(("currency", "amount"), [("JPY", "1000"), ("KWD", "1.005")])
def test_amounts_keep_the_decimals_of_their_currency(shell: Shell, currency: str, amount: str) -> None:
    shell.a_tenant(currency)
    shell.a_customer()
    shell.an_invoice(amount=amount)
    (row,) = shell.json("invoices", "list")["invoices"]
    assert (row["total"], row["currency"]) == (amount, currency)


def test_the_same_invoice_again_is_there_already_and_other_content_is_refused(shell: Shell) -> None:
    shell.a_tenant()
    shell.a_customer()
    shell.an_invoice()
    assert "was there already" in shell.an_invoice()
    assert "WB-INVOICE-TAKEN" in shell.an_invoice(amount="46.00", code=2)


def test_an_invoice_of_several_lines_comes_as_json_in_camel_case(shell: Shell) -> None:
    shell.a_tenant()
    shell.a_customer()
    lines = [
        {"description": "Internet", "amount": "40.00"},
        {"description": "Router", "amount": "5.00", "tax": "0.95", "taxRate": "VAT 19"},
    ]
    document = {"number": "1001", "customer": "ref:C-1", "dueOn": DUE, "lines": lines}
    row = shell.json("invoices", "add", "-", given=json.dumps(document))
    assert (row["total"], row["isNew"]) == ("45.95", True)
    assert len(shell.json("invoices", "show", "1001")["lines"]) == 2


@pytest.mark.parametrize("text", ["", "[]", "{", '{"number": 1, "nope": 2}', "[" * 100_000])
def test_standard_input_that_is_no_invoice_is_refused(shell: Shell, text: str) -> None:
    shell.a_tenant()
    assert shell.refused("invoices", "add", "-", given=text).startswith("WB-INPUT: ")


def test_a_listing_goes_on_behind_what_it_showed(shell: Shell) -> None:
    shell.a_tenant()
    shell.a_customer()
    for n in range(5):
        shell.an_invoice(str(1001 + n))
        shell.clock.move(1)
    first = shell.json("invoices", "list", "--limit", "3")
    rest = shell.json("invoices", "list", "--limit", "3", "--after", first["next"])
    assert [x["number"] for x in first["invoices"] + rest["invoices"]] == [
        "1005",
        "1004",
        "1003",
        "1002",
        "1001",
    ]
    assert rest["next"] is None


def test_listings_filter_by_state_and_customer(shell: Shell) -> None:
    shell.all_set()
    assert len(shell.json("invoices", "list", "--sync", "pending", "--customer", "C-1")["invoices"]) == 1
    assert shell.json("invoices", "list", "--status", "paid")["invoices"] == []
    assert shell.ran("invoices", "list", "--status", "nonsense", code=2)


def test_without_a_tenant_the_command_to_add_one_is_told(shell: Shell) -> None:
    assert "wispbill tenants add" in shell.refused("invoices", "list")


def test_with_several_tenants_one_must_be_named_and_nothing_crosses(shell: Shell) -> None:
    shell.a_tenant()
    shell.a_customer()
    shell.an_invoice()
    shell.ran("tenants", "add", "other")
    assert "--tenant" in shell.refused("invoices", "list")
    assert shell.json("invoices", "list", "--tenant", "other")["invoices"] == []
    assert "WB-NOT-FOUND" in shell.refused("invoices", "show", "1001", "--tenant", "other")
    assert shell.ran("find", "Subscriber", "--tenant", "other", code=1).stdout == ""


def test_customers_are_added_once_changed_and_shown(shell: Shell) -> None:
    shell.a_tenant()
    shell.a_customer()
    shell.a_customer()
    assert "WB-CUSTOMER-TAKEN" in shell.refused("customers", "add", "C-1", "--name", "Subscriber 0002")
    shell.ran("customers", "set", "C-1", "--may-connect", "--name", "Subscriber 0003")
    row = shell.json("customers", "show", "C-1")
    assert (row["name"], row["mayConnect"]) == ("Subscriber 0003", True)
    assert shell.refused("customers", "set", "C-1", "--email", "not an address").startswith("WB-INPUT: email")
    assert "say what to change" in shell.refused("customers", "set", "C-1")


def test_a_preset_payer_is_the_one_that_is_billed(shell: Shell) -> None:
    integration = shell.all_set()
    shell.ran("push")
    (person,) = shell.account.customers()
    shell.ran("customers", "add", "C-2", "--name", "Subscriber 0002", "--payer", person.id)
    assert shell.json("customers", "show", "C-2")["payers"] == {integration: person.id}

    shell.an_invoice("1002", customer="C-2")
    shell.ran("customers", "set", "C-2", "--email", "subscriber0002@example.com")
    shell.ran("push")

    assert {invoice.customer for invoice in shell.account.invoices()} == {person.id}


def test_a_time_zone_or_currency_that_does_not_exist_is_refused(shell: Shell) -> None:
    assert "IANA" in shell.refused("tenants", "add", "wisp", "--zone", "Mars/Olympus")
    assert "WB-MONEY-CURRENCY" in shell.refused("tenants", "add", "wisp", "--currency", "ZZZ")
