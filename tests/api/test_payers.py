"""Who a customer is at the provider already: looked at there before it is believed."""

from __future__ import annotations

import pytest

from daemon.store import audit
from tests.api.asking import Office
from tests.api.test_flow import INVOICE, INVOICES, STRIPE

PAYER = "/api/customers/ref:C-1/payer"


@pytest.fixture
def billed(office: Office) -> str:
    """The id of somebody whom the account bills already."""
    office.post("/api/integrations", STRIPE)
    office.post("/api/customers/ref:C-2/invoices", INVOICE)
    office.push()
    [row] = office.get("/api/customers/ref:C-2/payer")["payers"]
    return str(row["payer"])


def test_a_customer_is_billed_as_whom_the_office_says(office: Office, billed: str) -> None:
    got = office.ask("PUT", PAYER, {"payer": billed}, as_="tenant_staff")
    assert (got.status, got.json["payer"], got.json["name"]) == (200, billed, "Subscriber 0001")
    office.post(INVOICES, INVOICE | {"number": "1002"})
    office.push()
    assert [row["payer"] for row in office.get(PAYER)["payers"]] == [billed]
    assert len(list(office.account.customers())) == 1
    actions = [row.action for row in audit.latest(tenant_id=office.tenant.id)]
    assert "customer.payer_preset" in actions


def test_nobody_is_billed_as_one_who_is_not_there(office: Office, billed: str) -> None:
    got = office.ask("PUT", PAYER, {"payer": "cus_none"})
    assert (got.status, got.json["field"]) == (422, "payer")
    assert office.get(PAYER)["payers"] == []
    office.account.delete_customer(billed)
    assert office.ask("PUT", PAYER, {"payer": billed}).status == 422


def test_before_anything_is_connected_there_is_nobody_to_ask(office: Office) -> None:
    assert office.ask("PUT", PAYER, {"payer": "cus_1"}).code == "WB-CUSTOMER-NO-INTEGRATION"
    assert office.ask("PUT", PAYER, {"payer": "cus_1"}, as_="customer_owner").status == 403
