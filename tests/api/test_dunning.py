"""Service over the API: how it stands, what people say, what is held, what a day will do."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from daemon.jobs.enforce import enforce
from daemon.store import audit, service
from daemon.web.api.dunning import looking
from tests.api.asking import Office
from tests.api.test_flow import INVOICE, INVOICES, STRIPE

SERVICE = "/api/customers/ref:C-1/service"


@pytest.fixture
def owed(office: Office) -> Office:
    """An invoice over 45.00 USD, sent, and due on 2026-04-01 (a Wednesday)."""
    office.post("/api/integrations", STRIPE)
    office.post(INVOICES, INVOICE)
    office.push()
    return office


def at(office: Office, when: str) -> None:
    moment = datetime.fromisoformat(when).replace(tzinfo=UTC)
    office.clock.move(seconds=(moment - office.clock.now()).total_seconds())


def run_on(office: Office, *days: str) -> None:
    for day in days:
        at(office, f"2026-04-{day} 10:00")
        enforce(office.house)


def test_service_says_how_it_stands_and_what_happens_next_and_when(owed: Office) -> None:
    run_on(owed, "02", "03")
    shown = owed.get(SERVICE)
    assert (shown["status"], shown["next"]["status"], shown["next"]["at"]) == (
        "active",
        "warned",
        "2026-04-06T09:00:00Z",
    )
    assert "45.00 USD for invoice 1001" in shown["next"]["sentence"]
    run_on(owed, "06")
    later = owed.get(SERVICE, as_="customer_owner")
    assert (later["status"], later["since"]) == ("warned", "2026-04-06T10:00:00Z")
    assert later["why"] == "Overdue: 1001 (45.00 USD, due 2026-04-01)."


def test_what_people_say_counts_at_once_and_is_taken_back(owed: Office) -> None:
    run_on(owed, "02", "06")
    promised = owed.post(f"{SERVICE}/promise", {"until": "2026-04-20"}, status=200, as_="tenant_staff")
    assert promised["status"] == "active"
    assert (promised["said"][0]["kind"], promised["said"][0]["untilOn"]) == ("promise", "2026-04-20")
    assert promised["said"][0]["actor"] == f"token:{owed.rows['tenant_staff'].id}"
    assert owed.get(SERVICE, as_="customer_owner")["said"][0]["actor"] is None

    assert owed.post(f"{SERVICE}/release", status=200)["status"] == "warned"
    assert owed.post(f"{SERVICE}/hold", {"reason": "a complaint"}, status=200)["said"][0]["kind"] == "hold"
    assert owed.post(f"{SERVICE}/exempt", {"reason": "ours"}, status=200)["status"] == "active"
    assert owed.post(f"{SERVICE}/close", {"reason": "moved"}, status=200)["status"] == "closed"
    actions = [row.action for row in audit.latest(tenant_id=owed.tenant.id) if "dunning" in row.action]
    assert actions[:5][::-1] == [
        *("dunning.promise", "dunning.released", "dunning.hold", "dunning.exempt", "dunning.closed")
    ]


@pytest.mark.parametrize(
    ("word", "body", "field"),
    [
        ("promise", {"until": "2026-03-01"}, "until"),
        ("promise", {}, "until"),
        ("hold", {"until": "2026-05-01"}, "reason"),
        ("hold", {"reason": "a\u202eb"}, "reason"),
        ("exempt", {"reason": "."}, "reason"),
        ("close", {"reason": "x" * 201}, "reason"),
    ],
)
def test_what_makes_no_sense_is_not_said(office: Office, word: str, body: object, field: str) -> None:
    got = office.ask("POST", f"{SERVICE}/{word}", body)
    assert (got.status, got.json["field"]) == (422, field)
    assert office.ask("POST", f"{SERVICE}/release", {}).status == 422


def test_a_cut_off_that_is_held_is_listed_with_its_reason(owed: Office) -> None:
    run_on(owed, "02", "06", "13")
    [row] = owed.get("/api/dunning/held")["held"]
    assert (row["number"], row["status"], row["due"], row["customerReference"]) == (
        *("1001", "throttled", "45.00", "C-1"),
    )
    assert row["reason"]
    assert owed.get("/api/dunning/held", as_="other_admin")["held"] == []


def test_a_day_is_looked_at_before_it_comes(owed: Office) -> None:
    run_on(owed, "02")
    tomorrow = owed.get("/api/dunning/preview")
    assert (tomorrow["date"], tomorrow["customers"]) == ("2026-04-03", [])
    [row] = owed.get("/api/dunning/preview?date=2026-04-06")["customers"]
    assert (row["was"], row["becomes"], row["numbers"]) == ("active", "warned", ["1001"])
    owed.post(f"{SERVICE}/hold", {"reason": "left out", "until": "2026-04-06"}, status=200)
    [row] = owed.get("/api/dunning/preview?date=2026-04-06")["customers"]
    assert row["spared"] == "hold: left out"
    for day in ("2026-04-01", "2027-01-01", "tomorrow"):
        assert owed.ask("GET", f"/api/dunning/preview?date={day}").status == 422
    assert owed.get("/api/dunning/preview?date=2026-04-06&limit=1")["next"] is None
    assert owed.get(f"/api/dunning/preview?date=2026-04-06&after={row['customerId']}")["customers"] == []


def test_the_brake_is_released_by_an_administrator(office: Office) -> None:
    assert office.post("/api/dunning/release-brake", status=200) == {"released": False}
    office.house.store.write("test", lambda: service.apply_brake(office.tenant.id, 9, 10, office.clock.now()))
    assert office.ask("POST", "/api/dunning/release-brake", {}, as_="tenant_staff").status == 403
    assert office.post("/api/dunning/release-brake", status=200) == {"released": True}
    rows = [row.action for row in audit.latest(tenant_id=office.tenant.id)]
    assert rows[0] == "service.brake_released"


def test_a_few_look_ahead_at_once_and_the_next_comes_again(office: Office) -> None:
    with looking.one(), looking.one():
        got = office.ask("GET", "/api/dunning/preview")
        assert (got.status, got.headers["retry-after"]) == (429, "2")
    assert office.ask("GET", "/api/dunning/preview").status == 200
