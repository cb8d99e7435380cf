"""Intake: an invoice is right as a whole, or nothing of it is written."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.errors import InvalidInput, NotFound
from daemon.house import House
from daemon.jobs import intake
from daemon.store import invoices, records, tenants
from tests.builders import Builders
from tests.fakes import FrozenClock


@pytest.fixture
def customer(make: Builders) -> records.Customer:
    return make.a_customer()


@pytest.fixture
def tenant(customer: records.Customer) -> records.Tenant:
    return tenants.get(customer.tenant_id)


def an_input(customer: records.Customer, **changes: Any) -> dict[str, Any]:
    line = {"description": "Internet access", "amount": "37.82", "tax": "7.18", "tax_rate": "standard"}
    return {
        "number": "2026-0001",
        "customer": customer.reference,
        "due_on": "2026-03-16",
        "lines": [line],
    } | changes


def enter(house: House, tenant: records.Tenant, raw: dict[str, Any]) -> records.Invoice:
    return intake.enter(house, tenant, raw, actor="test")[0]


def test_an_invoice_is_entered_and_push_is_woken(
    house: House, tenant: records.Tenant, customer: records.Customer
) -> None:
    woken: list[str] = []
    house.wake = woken.append

    invoice, fresh = intake.enter(house, tenant, an_input(customer, total="45.00"), actor="test")

    assert fresh
    assert woken == ["push"]
    assert (invoice.total_minor, invoice.currency, invoice.reference) == (4500, "EUR", "2026-0001")
    assert invoice.issued_on.isoformat() == "2026-03-02"
    (line,) = invoices.lines_of(invoice.id)
    assert (line.net_minor, line.tax_minor, line.tax_rate) == (3782, 718, "standard")


LINE = {"description": "Internet access", "amount": "10.00"}

WRONG = {
    "an unknown field": ({"colour": "red"}, "WB-INPUT", "colour"),
    "no lines": ({"lines": []}, "WB-INPUT", "lines"),
    "too many lines": ({"lines": [LINE] * 101}, "WB-INPUT", "lines"),
    "an amount as a float": ({"lines": [LINE | {"amount": 10.1}]}, "WB-INPUT", "lines.0.amount"),
    "an amount that is true": ({"lines": [LINE | {"amount": True}]}, "WB-INPUT", "lines.0.amount"),
    "too many decimals": ({"lines": [LINE | {"amount": "1.005"}]}, "WB-MONEY-DECIMALS", "lines.0.amount"),
    "no amount at all": ({"lines": [LINE | {"amount": "ten"}]}, "WB-MONEY-AMOUNT", "lines.0.amount"),
    "nothing to pay": ({"lines": [LINE | {"amount": "0"}]}, "WB-MONEY-AMOUNT", "lines"),
    "less than nothing": ({"lines": [LINE | {"amount": "-1"}]}, "WB-MONEY-AMOUNT", "lines"),
    "a negative tax": (
        {"lines": [LINE | {"tax": "-1", "tax_rate": "x"}]},
        "WB-MONEY-AMOUNT",
        "lines.0.amount",
    ),
    "a tax of no rate": ({"lines": [LINE | {"tax": "1.90"}]}, "WB-INPUT", "lines.0.amount"),
    "a total that is not the sum": ({"total": "45.01"}, "WB-INPUT", "total"),
    "no such currency": ({"currency": "EUX"}, "WB-MONEY-CURRENCY", "lines.0.amount"),
    "no such day": ({"due_on": "2026-02-30"}, "WB-INPUT", "due_on"),
    "a due date in the past": ({"due_on": "2026-03-01"}, "WB-INVOICE-DUE", "due_on"),
    "a control character": ({"number": "A\n1"}, "WB-INPUT", "number"),
    "no number": ({"number": "  "}, "WB-INPUT", "number"),
}


@pytest.mark.parametrize(("changes", "code", "field"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named_and_nothing_is_written(
    house: House,
    tenant: records.Tenant,
    customer: records.Customer,
    changes: dict[str, Any],
    code: str,
    field: str,
) -> None:
    with pytest.raises(InvalidInput) as caught:
        enter(house, tenant, an_input(customer) | changes)

    assert (caught.value.code, caught.value.field) == (code, field)
    assert invoices.listing(tenant.id, limit=9) == []


def test_a_number_longer_than_the_provider_takes_is_refused(
    house: House, make: Builders, tenant: records.Tenant, customer: records.Customer
) -> None:
    from daemon.providers.memory import Memory

    make.an_integration(tenant)
    most = Memory.can.max_number_length
    assert most >= 40, "else this needs a provider that takes less"

    assert enter(house, tenant, an_input(customer, number="9" * 40)).number == "9" * 40


def test_another_tenant_s_customer_is_not_there(
    house: House, make: Builders, customer: records.Customer
) -> None:
    with pytest.raises(NotFound):
        enter(house, make.a_tenant(), an_input(customer))


def test_today_is_the_tenant_s(house: House, make: Builders, clock: FrozenClock) -> None:
    """23:30 UTC is tomorrow in Berlin, and today in Denver."""
    clock.move(hours=14.5)
    berlin, denver = make.a_tenant(), make.a_tenant(zone="America/Denver")

    with pytest.raises(InvalidInput, match="before today"):
        enter(house, berlin, an_input(make.a_customer(berlin), due_on="2026-03-02"))
    enter(house, denver, an_input(make.a_customer(denver), due_on="2026-03-02"))


def test_the_same_invoice_again_is_answered_even_after_its_due_date(
    house: House, tenant: records.Tenant, customer: records.Customer, clock: FrozenClock
) -> None:
    first = enter(house, tenant, an_input(customer))
    clock.move(days=60)

    again, fresh = intake.enter(house, tenant, an_input(customer), actor="test")

    assert (again.id, fresh) == (first.id, False)


def test_whole_numbers_and_currencies_without_decimals_are_clear(
    house: House, tenant: records.Tenant, customer: records.Customer
) -> None:
    lines = [LINE | {"amount": 1250}]

    invoice = enter(house, tenant, an_input(customer, currency="jpy", lines=lines))

    assert (invoice.total_minor, invoice.currency) == (1250, "JPY")


def test_a_discount_is_a_negative_line(
    house: House, tenant: records.Tenant, customer: records.Customer
) -> None:
    lines = [LINE, LINE | {"description": "Discount", "amount": "-2.50"}]

    assert enter(house, tenant, an_input(customer, lines=lines)).total_minor == 750
