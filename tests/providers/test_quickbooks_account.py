"""QuickBooks' connection test: the company by name, and each thing that it lacks."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from daemon.model import Mode
from daemon.providers.quickbooks.setup import QuickBooksCredentials, QuickBooksSettings
from daemon.sandbox.quickbooks.books import Company
from tests.providers.quickbooks_bench import QuickBooksBench


def missing(bench: QuickBooksBench, **settings: Any) -> str:
    return " | ".join(bench.adapter(**settings).check().missing)


def test_a_company_that_has_all_is_named_with_its_currency() -> None:
    bench = QuickBooksBench()

    info = bench.adapter().check()

    assert (info.account_id, info.name, info.mode) == (bench.account.id, "Example Wireless", Mode.SANDBOX)
    assert (info.country, info.currencies, info.missing) == ("US", ("USD",), ())


def test_several_currencies_are_named() -> None:
    bench = QuickBooksBench(Company(multicurrency=True))
    for code in ("USD", "EUR"):
        bench.account.books.add("CompanyCurrency", {"Code": code, "Name": code, "Active": True})

    assert bench.adapter(multicurrency=True).check().currencies == ("USD", "EUR")
    assert "Multicurrency: it is on in QuickBooks" in missing(bench)


@pytest.mark.parametrize(
    ("company", "settings", "sentence"),
    [
        ({}, {"item": ""}, "Product or service: choose one of 2 Internet access"),
        ({}, {"item": "99"}, "there is no item 99"),
        ({"custom_numbers": False}, {}, "Custom transaction numbers: turn them on"),
        ({"subscription": "EXPIRED"}, {}, "Subscription: it is EXPIRED"),
        ({}, {"home_currency": "EUR"}, "Home currency: it is USD, the settings say EUR"),
        ({}, {"multicurrency": True}, "Multicurrency: it is off in QuickBooks"),
        ({}, {"tax_codes": {"VAT": "5"}}, "Sales tax: it is not set up"),
        ({"sales_tax": True}, {"tax_codes": {"VAT": "5"}}, "Tax code: there is no active code 5"),
        ({"sales_tax": True, "country": "DE"}, {}, "Tax codes: each line needs one"),
        ({}, {"term": "77"}, "Terms: there are no active terms 77"),
    ],
)
def test_what_a_company_lacks_is_named(
    company: dict[str, Any], settings: dict[str, Any], sentence: str
) -> None:
    bench = QuickBooksBench(Company(**company))

    assert sentence in missing(bench, **settings)


def test_an_item_that_cannot_be_sold_is_named() -> None:
    bench = QuickBooksBench()
    books = bench.account.books
    category = books.add("Item", {"Name": "All", "Type": "Category", "Active": True}).id
    bare = books.add("Item", {"Name": "Bare", "Type": "Service", "Active": True}).id

    assert "is a Category" in missing(bench, item=category)
    assert "Income account" in missing(bench, item=bare)
    bench.account.archive_item()
    assert "is inactive" in missing(bench)


def test_without_custom_numbers_quickbooks_may_count() -> None:
    bench = QuickBooksBench(Company(custom_numbers=False))

    assert missing(bench, numbering="quickbooks") == ""


def test_what_should_be_known_is_noted() -> None:
    bench = QuickBooksBench(Company(auto_apply=True, closed_until="2025-12-31"))

    notes = " ".join(bench.adapter().check().notes)

    assert "applied by themselves" in notes and "closed until 2025-12-31" in notes


def test_the_test_changes_nothing_and_costs_four_reads() -> None:
    bench = QuickBooksBench()
    bench.adapter().check()

    assert [request.method for request in bench.network.requests] == ["GET"] * 3


@pytest.mark.parametrize("realm", ["", "abc", "12", "123 ", "9" * 30, "12345/6"])
def test_a_company_id_is_digits(realm: str) -> None:
    with pytest.raises(ValidationError):
        QuickBooksCredentials(realm_id=realm)


def test_a_company_id_may_be_copied_with_its_spaces() -> None:
    assert QuickBooksCredentials(realm_id="9130 0000 0000 0001").realm_id == "9130000000000001"


@pytest.mark.parametrize(
    "settings",
    [
        {"item": "Internet"},
        {"tax_codes": {"VAT": "5", "other": "TAX"}},
        {"untaxed_code": "zero"},
        {"home_currency": "DOLLAR"},
        {"numbering": "mine"},
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        QuickBooksSettings(**settings)
