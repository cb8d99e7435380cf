"""Switching over the API: planned, done, undone; by whom."""

from __future__ import annotations

from typing import Any

from tests.api.asking import KEY, OTHER_KEY, Office

SECOND = "sk_test_canarysecond56789op"
NOWHERE = "wbn_00000000000000000000000000"
OWN = "/api/customers/ref:C-1/billing-integration"


def stripe(key: str = KEY, **more: Any) -> dict[str, Any]:
    return {"provider": "stripe", "credentials": {"secret_key": key}} | more


def an_invoice(office: Office, number: str) -> None:
    lines = [{"description": "Internet", "amount": "45.00"}]
    office.post("/api/customers/ref:C-1/invoices", {"number": number, "dueOn": "2026-04-01", "lines": lines})


def both(office: Office) -> tuple[str, str]:
    office.double.add_account(key=SECOND)
    old = office.post("/api/integrations", stripe())["id"]
    new = office.post("/api/integrations", stripe(SECOND, standsBy=True))
    assert (new["duty"], new["followsId"], new["status"]) == ("stands_by", old, "inactive")
    return old, new["id"]


def test_it_is_planned_done_and_undone(office: Office) -> None:
    old, new = both(office)
    an_invoice(office, "1")
    office.push()
    path = f"/api/integrations/{old}/switch"

    planned = office.post(path, {"to": new, "dryRun": True}, status=200)
    assert (planned["dryRun"], planned["invoices"]["drains"]["count"]) == (True, 1)
    assert planned["old"]["state"] == "active"
    done = office.post(path, {"to": new}, status=200)
    assert (done["old"]["state"], done["new"]["state"]) == ("draining", "active")
    undone = office.post(f"{path}/undo", status=200)
    assert (undone["old"]["state"], undone["new"]["duty"]) == ("active", "stands_by")

    office.post(path, {"to": new}, status=200)
    an_invoice(office, "2")
    office.push()
    got = office.ask("POST", f"{path}/undo", {})
    assert (got.status, got.code) == (409, "WB-SWITCH")


def test_it_may_be_connected_in_the_same_step(office: Office) -> None:
    old, spare = both(office)
    office.ask("DELETE", f"/api/integrations/{spare}?force=true")
    body = {"setup": stripe(SECOND)}

    planned = office.post(f"/api/integrations/{old}/switch", body | {"dryRun": True}, status=200)
    assert planned["new"] is None
    done = office.post(f"/api/integrations/{old}/switch", body, status=200)

    assert done["new"]["duty"] == "serves"
    assert SECOND.encode() not in office.everything


def test_a_customers_own_waits_for_the_tenants_word(office: Office) -> None:
    """Else who may connect could connect one that says paid."""
    office.double.add_account(key=SECOND)
    office.ask("PATCH", "/api/customers/ref:C-1", {"mayConnect": True})
    owner: dict[str, Any] = {"as_": "customer_owner"}
    old = office.post(f"{OWN}/setup", stripe(), **owner)["id"]
    office.post(f"/api/integrations/{old}/approve", status=200)
    new = office.post(f"{OWN}/setup", stripe(SECOND, standsBy=True), **owner)["id"]

    refused = office.ask("POST", f"{OWN}/switch", {"to": new}, **owner)
    assert (refused.status, refused.code) == (409, "WB-SWITCH")
    office.post(f"/api/integrations/{new}/approve", status=200)
    done = office.post(f"{OWN}/switch", {"to": new}, status=200, **owner)
    assert done["new"]["id"] == new
    assert office.post(f"{OWN}/switch/undo", status=200, **owner)["old"]["id"] == old


def test_whose_account_it_is_not_is_told_nothing_of_it(office: Office) -> None:
    office.ask("PATCH", "/api/customers/ref:C-1", {"mayConnect": True})
    default, _spare = both(office)
    office.double.add_account(key=OTHER_KEY)
    office.post(f"{OWN}/setup", stripe(OTHER_KEY), as_="customer_owner")

    for dry in (True, False):
        got = office.ask("POST", f"{OWN}/switch", {"to": default, "dryRun": dry}, as_="customer_owner")
        none = office.ask("POST", f"{OWN}/switch", {"to": NOWHERE, "dryRun": dry}, as_="customer_owner")
        assert (got.status, got.code) == (none.status, none.code) == (404, "WB-NOT-FOUND")


def test_one_or_the_other_is_named(office: Office) -> None:
    old, new = both(office)
    for body in ({}, {"to": new, "setup": stripe(SECOND)}):
        assert office.ask("POST", f"/api/integrations/{old}/switch", body).code == "WB-INPUT"


def test_nothing_stands_by_where_nothing_serves(office: Office) -> None:
    got = office.ask("POST", "/api/integrations", stripe(standsBy=True))
    assert got.code == "WB-INTEGRATION-STATE"
    assert office.get("/api/integrations")["integrations"] == []
