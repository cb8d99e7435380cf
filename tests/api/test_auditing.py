"""Who did what, the story of an invoice, and what is asked of an integration after a look."""

from __future__ import annotations

from daemon.store import audit, integrations, sweeps
from tests.api.asking import Office
from tests.api.test_flow import INVOICE, INVOICES, STRIPE


def test_the_chain_is_walked_in_pages_and_holds(office: Office) -> None:
    for n in range(5):
        office.post("/api/customers", {"reference": f"D-{n}"})
    found, after = [], ""
    while True:
        page = office.get(f"/api/audit?limit=2{after}")
        found += page["rows"]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert [row["seq"] for row in found] == list(range(len(found), 0, -1))
    assert found[0]["actor"] == f"token:{office.rows['tenant_admin'].id}"
    assert found[0]["hash"] == audit.latest(tenant_id=office.tenant.id)[0].hash
    assert office.ask("GET", "/api/audit", as_="tenant_staff").status == 403
    theirs = office.get("/api/audit", as_="other_admin")["rows"]
    assert {row["hash"] for row in theirs} & {row["hash"] for row in found} == set()
    platform = office.get("/api/audit", as_="platform_admin", tenant="*")["rows"]
    assert {row["action"] for row in platform} >= {"token.added"}


def test_an_invoice_tells_its_story_with_proof_and_the_customer_hears_what_is_theirs(office: Office) -> None:
    office.post("/api/integrations", STRIPE)
    office.post(INVOICES, INVOICE)
    office.push()
    office.account.pay(office.get(f"{INVOICES}/ref:1001")["externalId"])
    office.clock.move(minutes=2)
    office.pull()
    whole = office.get(f"{INVOICES}/ref:1001/timeline")["entries"]
    assert all(one["proof"] and one["actor"] for one in whole)
    assert [one["at"] for one in whole] == sorted(one["at"] for one in whole)
    theirs = office.get(f"{INVOICES}/ref:1001/timeline", as_="customer_owner")["entries"]
    assert 0 < len(theirs) < len(whole)
    assert all(one["proof"] is None and one["actor"] is None for one in theirs)


def test_a_comparison_is_asked_for(office: Office) -> None:
    name = office.post("/api/integrations", STRIPE)["id"]
    office.post(f"/api/integrations/{name}/sweep", status=202, as_="tenant_staff")
    state = sweeps.of(name)
    assert state is not None and state.is_asked_for
    assert audit.latest(tenant_id=office.tenant.id)[0].action == "sweep.requested"


def test_a_brake_is_released_by_an_administrator_who_looked(office: Office) -> None:
    name = office.post("/api/integrations", STRIPE)["id"]
    held = {"count": 20, "asked": 30, "at": office.clock.now().isoformat()}
    office.house.store.write("test", lambda: integrations.update(name, brake=held))
    path = f"/api/integrations/{name}/release-brake"
    assert office.ask("POST", path, {}, as_="tenant_staff").status == 403
    office.post(path, status=200)
    brake = integrations.get(None, name).brake
    assert brake is not None and brake["released"]
    assert audit.latest(tenant_id=office.tenant.id)[0].action == "brake.released"
