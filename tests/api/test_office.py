"""What the office asks over the API: has this customer paid, what needs a person, what came in, what runs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daemon.store import alerts, audit, hints
from daemon.store.alerts import Cause
from tests.api.asking import Office
from tests.api.test_flow import INVOICE, INVOICES, STRIPE
from tests.api.world import World


def test_has_this_customer_paid_with_the_proof(office: Office) -> None:
    office.post("/api/integrations", STRIPE)
    office.post(INVOICES, INVOICE)
    office.push()
    ref = office.get(f"{INVOICES}/ref:1001")["externalId"]
    office.account.pay(ref)
    office.clock.move(minutes=2)
    office.pull()

    for text in ("C-1", "1001", "subscriber0001@example.com"):
        found = office.get(f"/api/find?text={text}")
        [row] = found["invoices"]
        assert (row["number"], row["status"], row["paid"]) == ("1001", "paid", "45.00")
        assert "45.00 USD" in row["proof"]
    [person] = office.get("/api/find?text=C-1")["customers"]
    assert (person["account"], person["owed"]) == (
        "Subscriber 0001 has paid everything: 1 paid.",
        [],
    )
    assert office.get("/api/find?text=C-1", as_="other_admin") == {"customers": [], "invoices": []}
    assert office.get("/api/find?text=1001", as_="other_admin") == {"customers": [], "invoices": []}


def test_what_somebody_owes_is_said_by_currency(office: Office) -> None:
    office.post(INVOICES, INVOICE)
    office.post(INVOICES, INVOICE | {"number": "1002", "currency": "EUR"})
    [person] = office.get("/api/find?text=C-1")["customers"]
    assert {(one["amount"], one["currency"]) for one in person["owed"]} == {
        ("45.00", "USD"),
        ("45.00", "EUR"),
    }


@pytest.mark.parametrize("query", ["", "text=", "text=%00", "text=%E2%80%AE", "text=a&limit=0", "text=a&x=1"])
def test_a_search_for_nothing_is_refused(office: Office, query: str) -> None:
    assert office.ask("GET", f"/api/find?{query}").status == 422


def test_what_needs_a_person_is_listed_and_a_difference_settled(office: Office) -> None:
    world = World(office)
    found = office.get("/api/exceptions")
    [row] = [one for one in found["exceptions"] if one["id"] == world.own["differenceId"]]
    assert (row["group"], row["settles"], row["tenantId"]) == ("difference", True, office.tenant.id)
    assert found["total"] == len(found["exceptions"])
    assert len(office.get("/api/exceptions?limit=1")["exceptions"]) == 1

    path = f"/api/exceptions/{row['id']}/settle"
    done = office.post(path, {"note": "agreed by phone"}, status=200, as_="tenant_staff")
    assert (done["note"], done["settledBy"]) == ("agreed by phone", f"token:{office.rows['tenant_staff'].id}")
    assert row["id"] not in [one["id"] for one in office.get("/api/exceptions")["exceptions"]]
    assert office.ask("POST", path, {"note": "again"}).status == 422
    assert audit.latest(tenant_id=office.tenant.id)[0].action == "difference.settled"
    assert office.ask("POST", "/api/exceptions/refused:wbi_1/settle", {"note": "x"}).status == 404


def test_a_tenants_alerts_are_the_tenants(office: Office) -> None:
    now = office.clock.now()
    causes = [Cause(f"x:{name}", name, "push", "Stuck", "Look.") for name in (office.tenant.id, "*")]
    office.house.store.write("test", lambda: alerts.note(causes, now))
    [row] = office.get("/api/alerts")["alerts"]
    assert (row["title"], row["tenantId"], row["closedAt"]) == ("Stuck", office.tenant.id, None)
    assert office.get("/api/alerts", as_="other_admin")["alerts"] == []
    assert len(office.get("/api/alerts", as_="platform_admin", tenant="*")["alerts"]) == 2

    office.house.store.write("test", lambda: alerts.close([row["id"]], now))
    assert office.get("/api/alerts")["alerts"] == []
    assert len(office.get("/api/alerts?all=true")["alerts"]) == 1


def test_jobs_say_when_they_ran_and_when_they_run_next(office: Office) -> None:
    before = {one["name"]: one for one in office.get("/api/jobs")["jobs"]}
    assert before["push"]["last"] is None
    assert before["push"]["nextAt"] is None
    office.post("/api/integrations", STRIPE)
    office.post(INVOICES, INVOICE)
    office.push()
    office.pull()
    jobs = {one["name"]: one for one in office.get("/api/jobs")["jobs"]}
    assert jobs["push"]["last"]["counts"] and jobs["push"]["last"]["fault"] is None
    assert jobs["pull"]["nextAt"] > office.clock.now().isoformat()[:19]
    hour = (office.clock.now() + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
    assert jobs["bill"]["nextAt"] == hour.isoformat().replace("+00:00", "Z")
    theirs = {one["name"]: one for one in office.get("/api/jobs", as_="other_admin")["jobs"]}
    assert theirs["push"]["last"] is None


def test_what_came_in_is_listed_shown_and_pointed_at_again(office: Office) -> None:
    world = World(office)
    number = world.own["hintId"]
    [row] = office.get("/api/inbox")["hints"]
    assert (str(row["id"]), row["source"], row["usedAt"]) == (number, "webhook", None)
    office.house.store.write("test", lambda: hints.used([row["id"]], office.clock.now()))
    assert office.get(f"/api/inbox/{number}")["usedAt"]
    assert office.post(f"/api/inbox/{number}/replay", status=202)["usedAt"] is None
    assert office.get(f"/api/inbox?integration={world.own['integrationId']}")["hints"]
    assert office.ask("GET", f"/api/inbox?integration={world.other['integrationId']}").status == 404
    assert office.get(f"/api/inbox?after={number}")["hints"] == []
    for name in ("0", "-1", "1e3", "٣", "9" * 30):
        assert office.ask("GET", f"/api/inbox/{name}").status == 404
