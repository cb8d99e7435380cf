"""Customers, tenants, plans, subscriptions, invoices in lists, everything at once, and the feed."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.store import audit, events, links
from daemon.store.events import stamp
from tests.api.asking import Office
from tests.api.test_flow import INVOICE, INVOICES, STRIPE
from tests.api.world import PLAN

ONE = "/api/customers/ref:C-1"


# --- customers and tenants ----------------------------------------------------------------------------


def test_a_customer_is_added_once_and_changed_under_its_version(office: Office) -> None:
    body = {"reference": "C-7", "name": "Subscriber 0007", "email": "Subscriber0007@example.com"}
    first, again = office.ask("POST", "/api/customers", body), office.ask("POST", "/api/customers", body)
    assert (first.status, again.status) == (201, 200)
    assert first.json["id"] == again.json["id"]
    other = office.ask("POST", "/api/customers", body | {"name": "Subscriber 0008"})
    assert (other.status, other.code) == (409, "WB-CUSTOMER-TAKEN")

    path = f"/api/customers/{first.json['id']}"
    version = office.ask("GET", path).headers["etag"]
    changed = office.ask("PATCH", path, {"email": None, "phone": "+1 555 0100"}, if_match=version)
    assert (changed.json["email"], changed.json["phone"]) == (None, "+1 555 0100")
    assert office.ask("PATCH", path, {"name": "x"}, if_match=version).status == 412


@pytest.mark.parametrize("body", [{"name": None}, {"mayConnect": None}, {"email": "nobody"}, {"phone": ""}])
def test_a_change_of_a_customer_that_makes_no_sense_is_refused(office: Office, body: Any) -> None:
    assert office.ask("PATCH", ONE, body).status == 422


def pages(office: Office, path: str, name: str) -> list[Any]:
    found, after, most = [], "", 20
    while most:
        page = office.get(f"{path}?limit=2&after={after}")
        assert len(page[name]) <= 2
        found += page[name]
        if page["next"] is None:
            return found
        after, most = page["next"], most - 1
    raise AssertionError("the pages do not end")


def test_every_list_is_walked_in_pages_and_each_thing_comes_once(office: Office) -> None:
    for n in range(5):
        office.a_customer(office.tenant, f"D-{n}")
        office.post(INVOICES, INVOICE | {"number": f"{n}"})
    for path, name, count in (
        ("/api/customers", "customers", 7),
        (INVOICES, "invoices", 5),
        ("/api/invoices", "invoices", 5),
        ("/api/tokens", "tokens", 4),
    ):
        ids = [row["id"] for row in pages(office, path, name)]
        assert len(ids) == len(set(ids)) == count


def test_invoices_are_listed_by_state(office: Office) -> None:
    office.post(INVOICES, INVOICE)
    assert len(office.get(f"{INVOICES}?sync=pending&paymentStatus=open")["invoices"]) == 1
    assert office.get(f"{INVOICES}?sync=failed")["invoices"] == []
    assert office.ask("GET", f"{INVOICES}?sync=gone").status == 422


def test_tenants_are_the_platforms(office: Office) -> None:
    made = office.post("/api/tenants", {"reference": "wisp-3", "zone": "Europe/Berlin"}, as_="platform_admin")
    assert made["zone"] == "Europe/Berlin"
    for zone in ("Europe/Nowhere", "Europe", "../UTC", "", "\x00"):
        bad = {"reference": "wisp-4", "zone": zone}
        assert office.ask("POST", "/api/tenants", bad, as_="platform_admin").status == 422, zone
    assert len(office.get("/api/tenants", as_="platform_admin")["tenants"]) == 3
    assert office.get(f"/api/tenants/{office.tenant.id}")["reference"] == "wisp-1"
    assert office.ask("GET", f"/api/tenants/{made['id']}").status == 404


# --- invoices -----------------------------------------------------------------------------------------


def test_an_invoice_of_another_customer_is_not_below_this_one(office: Office) -> None:
    made = office.post(INVOICES, INVOICE)
    for name in (made["id"], "ref:1001"):
        for more in ("", "/status"):
            assert office.ask("GET", f"/api/customers/ref:C-2/invoices/{name}{more}").status == 404
        for more in ("/sync", "/void"):
            assert office.ask("POST", f"/api/customers/ref:C-2/invoices/{name}{more}", {}).status == 404


def test_the_same_number_with_other_content_is_refused(office: Office) -> None:
    office.post(INVOICES, INVOICE)
    got = office.ask("POST", INVOICES, INVOICE | {"memo": "other"})
    assert (got.status, got.code) == (409, "WB-INVOICE-TAKEN")


def test_an_invoice_is_withdrawn_once(office: Office) -> None:
    office.post(INVOICES, INVOICE)
    asked = office.post(f"{INVOICES}/ref:1001/void", status=202)
    assert asked["voidRequestedAt"]
    again = office.ask("POST", f"{INVOICES}/ref:1001/void")
    assert (again.status, again.code) == (409, "WB-INVOICE-STATE")


def test_a_customer_sees_the_invoice_and_nothing_of_the_tenants_account(office: Office) -> None:
    row = office.post("/api/integrations", STRIPE)
    office.post(INVOICES, INVOICE)
    office.push()
    path = f"{INVOICES}/ref:1001"
    assert office.get(path)["integrationId"] == row["id"]
    assert office.get(path)["viewUrl"]
    mine = office.get(path, as_="customer_owner")
    assert (mine["integrationId"], mine["viewUrl"], mine["fault"]) == (None, None, None)
    assert mine["payUrl"]


def test_an_invoice_is_read_at_once_when_it_is_synced(office: Office) -> None:
    office.post("/api/integrations", STRIPE)
    office.post(INVOICES, INVOICE)
    office.push()
    ref = office.get(f"{INVOICES}/ref:1001")["externalId"]
    office.account.pay(ref)
    assert office.get(f"{INVOICES}/ref:1001/status")["status"] == "pending"
    office.post(f"{INVOICES}/ref:1001/sync", status=202)
    office.pull()
    assert office.get(f"{INVOICES}/ref:1001/status")["status"] == "paid"


# --- everything at once -------------------------------------------------------------------------------


def test_all_that_is_pending_goes_out_although_nothing_is_created_automatically(office: Office) -> None:
    row = office.post("/api/integrations", STRIPE)
    office.ask("PATCH", f"/api/integrations/{row['id']}", {"createAutomatically": False})
    for number in ("1", "2"):
        office.post(INVOICES, INVOICE | {"number": number})
    office.post(f"{INVOICES}/ref:2/void", status=202)
    office.push()
    assert office.get(f"{INVOICES}/ref:1")["syncState"] == "pending"

    assert office.post("/api/billing/sync-all-pending", status=202) == {"asked": 1}
    office.push()
    assert office.get(f"{INVOICES}/ref:1")["syncState"] == "synced"
    assert office.get(f"{INVOICES}/ref:2")["externalId"] is None
    assert audit.latest(tenant_id=office.tenant.id)[0].data == {"asked": 1}


def test_one_tenants_wish_moves_nothing_of_anothers(office: Office) -> None:
    office.post("/api/customers/ref:C-3/invoices", INVOICE, as_="other_admin")
    assert office.post("/api/billing/sync-all-pending", status=202) == {"asked": 0}
    whole = office.post("/api/billing/sync-all-pending", status=202, as_="platform_admin", tenant="*")
    assert whole == {"asked": 1}


def test_what_was_withdrawn_before_it_left_is_not_sent_after_all(office: Office) -> None:
    office.post("/api/integrations", STRIPE)
    office.post(INVOICES, INVOICE)
    office.post(f"{INVOICES}/ref:1001/void", status=202)
    office.push()
    assert office.get(f"{INVOICES}/ref:1001")["status"] == "cancelled"
    assert office.post("/api/billing/sync-all-pending", status=202) == {"asked": 0}


def test_how_the_integrations_stand(office: Office) -> None:
    office.post("/api/integrations", STRIPE)
    office.post(INVOICES, INVOICE)
    assert office.get("/api/billing/integration-status")["unassigned"] == 1
    office.house.store.write("test", lambda: links.assign(office.clock.now()))
    (row,) = office.get("/api/billing/integration-status")["integrations"]
    assert (row["status"], row["queue"], row["tenantId"]) == ("active", {"pending": 1}, office.tenant.id)
    assert row["oldestWaitingAt"].startswith("2026-03-02T09:00:00")
    assert office.get("/api/billing/integration-status", as_="other_admin")["integrations"] == []


# --- the feed -----------------------------------------------------------------------------------------


def test_the_feed_goes_on_behind_what_was_read_and_shows_each_event_once(office: Office) -> None:
    for number in range(5):
        office.post(INVOICES, INVOICE | {"number": f"{number}"})
    office.post("/api/customers/ref:C-3/invoices", INVOICE, as_="other_admin")
    assert office.get("/api/events")["events"] == [], "not before they have their place"
    stamp(office.house.store)

    seen, after = [], 0
    while page := office.get(f"/api/events?after={after}&limit=2"):
        if not page["events"]:
            assert page["next"] == after
            break
        seen += page["events"]
        after = page["next"]
    assert [one["type"] for one in seen] == ["invoice.added"] * 5
    assert [one["seq"] for one in seen] == sorted({one["seq"] for one in seen})
    assert {one["tenantId"] for one in seen} == {office.tenant.id}

    assert len(office.get("/api/events", as_="platform_admin", tenant="*")["events"]) == 6
    assert events.last_seq() >= 6


# --- plans and subscriptions --------------------------------------------------------------------------


def test_a_plan_is_added_changed_and_ended(office: Office) -> None:
    first, again = office.ask("POST", "/api/plans", PLAN), office.ask("POST", "/api/plans", PLAN)
    assert (first.status, again.status, first.json["total"]) == (201, 200, "30.00")
    path = f"/api/plans/{first.json['id']}"
    lines = [{"description": "Home 100", "amount": "35.00", "tax": "3.50", "taxRate": "VAT"}]
    changed = office.ask("PATCH", path, {"lines": lines, "memo": None}, if_match=first.headers["etag"])
    assert (changed.json["total"], changed.json["lines"][0]["taxRate"]) == ("38.50", "VAT")
    assert office.ask("PATCH", path, {"name": "x"}, if_match=first.headers["etag"]).status == 412
    assert office.post(f"{path}/end", status=200)["endedAt"]
    got = office.ask("POST", "/api/subscriptions", {"customer": "ref:C-1", "plan": "ref:home"})
    assert (got.status, got.code) == (409, "WB-PLAN-ENDED")


def test_a_customer_is_subscribed_paused_resumed_and_leaves(office: Office) -> None:
    office.post("/api/plans", PLAN)
    body = {"customer": "ref:C-1", "plan": "home", "amount": "20.00"}
    made = office.post("/api/subscriptions", body)
    assert (made["state"], made["price"], made["reference"]) == ("active", "20.00", "C-1.home")
    path = "/api/subscriptions/ref:C-1.home"
    assert office.get(path)["id"] == made["id"]
    assert office.post(f"{path}/pause", status=200)["state"] == "paused"
    assert office.post(f"{path}/resume", {"on": "2026-03-10"}, status=200)["nextOn"] == "2026-03-10"
    early = office.ask("POST", f"{path}/end", {"on": "2026-01-01"})
    assert (early.status, early.json["field"]) == (422, "on")
    assert office.post(f"{path}/end", {"on": "2026-03-09"}, status=200)["state"] == "ended"
    assert len(office.get("/api/subscriptions?plan=home&customer=C-1")["subscriptions"]) == 1
    assert office.get("/api/plans")["plans"][0]["subscriptions"] == 0


# --- what is changed of a subscription ------------------------------------------------------------------


def test_days_are_skipped_and_quantity_and_price_adjusted(office: Office) -> None:
    office.post("/api/plans", PLAN)
    made = office.post("/api/subscriptions", {"customer": "ref:C-1", "plan": "ref:home"})
    path = f"/api/subscriptions/{made['id']}"
    assert office.post(f"{path}/skip", {"to": "2026-05-01"}, status=200)["nextOn"] == "2026-05-01"
    assert office.ask("POST", f"{path}/skip", {"to": "2026-05-01"}).json["field"] == "to"

    own = {"quantity": 3, "amount": "20.00", "tax": "0"}
    adjusted = office.post(f"{path}/adjust", own, status=200)
    assert (adjusted["quantity"], adjusted["price"]) == (3, "20.00")
    assert office.post(f"{path}/adjust", {"planPrice": True}, status=200)["price"] is None
    for nonsense in ({}, {"tax": "1.00", "quantity": 1}, {"amount": "1.00", "planPrice": True}):
        assert office.ask("POST", f"{path}/adjust", nonsense).status == 422
    assert office.get(path)["quantity"] == 3


# --- what is told -----------------------------------------------------------------------------------------


def test_the_feed_tells_what_the_catalogue_names_and_nothing_else(office: Office) -> None:
    data = {
        "sentence": "Look: sk_live_0123456789abcdefghij",
        "overdue_days": 3,
        "step": "x",
        "inner": "secret",
    }
    office.house.store.write(
        "test",
        lambda: events.append(office.tenant.id, "service.warned", now=office.clock.now(), data=data),
    )
    stamp(office.house.store)
    [told] = [row["data"] for row in office.get("/api/events")["events"] if row["type"] == "service.warned"]
    assert (told["overdueDays"], told["step"]) == (3, "x")
    assert "inner" not in told
    assert "sk_live" not in told["sentence"]


def test_a_customer_is_told_what_happened_to_the_invoice_and_not_what_did_between_us_and_the_provider(
    office: Office,
) -> None:
    made = office.post(INVOICES, INVOICE)
    for type_ in ("invoice.sync_failed", "invoice.synced", "invoice.difference"):
        office.house.store.write(
            "test",
            lambda type_=type_: events.append(
                office.tenant.id, type_, now=office.clock.now(), data={}, invoice_id=made["id"]
            ),
        )
    path = f"{INVOICES}/{made['id']}"
    theirs = [one["type"] for one in office.get(path, as_="customer_owner")["syncHistory"]]
    assert theirs == ["invoice.added", "invoice.synced"]
    assert len(office.get(path, as_="read_only")["syncHistory"]) == 4
