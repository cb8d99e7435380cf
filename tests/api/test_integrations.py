"""Accounts over the API: connected, tested, rotated, changed, removed; and never seen inside."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from daemon.model import IntegrationState, Mode
from daemon.providers import provider_class
from daemon.sandbox.faults import Fault, FaultKind
from daemon.store import apps, audit, integrations
from daemon.store.secrets import CLIENT_SECRET
from daemon.web.api import connecting
from tests.api.asking import KEY, OTHER_KEY, Office
from tests.providers.custom_webhook_bench import json_settings

OWN = "/api/customers/ref:C-1/billing-integration"
ROTATED = "sk_test_canaryrotated56789mn"


def stripe(key: str = KEY, **more: Any) -> dict[str, Any]:
    return {"provider": "stripe", "credentials": {"secret_key": key}} | more


def grant(office: Office) -> None:
    office.ask("PATCH", "/api/customers/ref:C-1", {"mayConnect": True})


# --- credentials go in and never come out -------------------------------------------------------------


def test_of_credentials_no_more_is_shown_than_the_last_four_and_a_fingerprint(office: Office) -> None:
    made = office.post("/api/integrations", stripe())
    assert set(made["credentials"]) == {
        "provider",
        "lastFour",
        "fingerprint",
        "testedAt",
        "missingPermissions",
    }
    assert made["credentials"]["lastFour"] == KEY[-4:]
    assert len(made["credentials"]["fingerprint"]) == 16
    for path in ("/api/integrations", f"/api/integrations/{made['id']}", f"{OWN}/status"):
        office.get(path)
    assert KEY.encode() not in office.everything
    assert KEY[8:24].encode() not in office.everything


def test_the_fingerprint_is_no_plain_hash_and_differs_between_tenants(office: Office) -> None:
    """Or a short secret could be guessed from it."""
    mine = office.post("/api/integrations", stripe())["credentials"]["fingerprint"]
    office.ask(
        "DELETE", f"/api/integrations/{office.get('/api/integrations')['integrations'][0]['id']}?force=true"
    )
    theirs = office.post("/api/integrations", stripe(), as_="other_admin")["credentials"]["fingerprint"]
    assert mine != theirs


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (stripe("pk_test_canary0123456789abcd"), "WB-CREDENTIALS-FORMAT"),
        (stripe(mode="live"), "WB-CREDENTIALS-MODE"),
        (stripe("sk_test_canarynobody456789ab"), "WB-REMOTE-UNAUTHORISED"),
        ({"provider": "stripe"}, "WB-INPUT"),
        ({"provider": "stripe", "credentials": {}}, "WB-INPUT"),
        (
            {"provider": "stripe", "credentials": {"secret_key": KEY, "base_url": "x"}},
            "WB-CREDENTIALS-FORMAT",
        ),
        ({"provider": "stripe", "credentials": {"secretKey": KEY}}, "WB-CREDENTIALS-FORMAT"),
        (stripe(settings={"nothing": 1}), "WB-CREDENTIALS-FORMAT"),
        (stripe(base_url="https://example.com"), "WB-INPUT"),
        (stripe(baseUrl="https://example.com"), "WB-INPUT"),
        ({"provider": "nobody", "credentials": {"a": "b"}}, "WB-NOT-FOUND"),
    ],
)
def test_what_cannot_be_connected_is_refused_and_not_repeated(
    office: Office, body: object, code: str
) -> None:
    got = office.ask("POST", "/api/integrations", body)
    assert got.code == code
    assert b"canary" not in got.body
    assert office.get("/api/integrations")["integrations"] == []


def test_an_account_serves_once(office: Office) -> None:
    office.post("/api/integrations", stripe())
    assert office.ask("POST", "/api/integrations", stripe(OTHER_KEY)).code == "WB-INTEGRATION-TAKEN"
    got = office.ask("POST", "/api/integrations", stripe(), as_="other_admin")
    assert (got.status, got.code) == (409, "WB-ACCOUNT-TAKEN")
    assert b"acct" not in got.body


def test_new_credentials_are_of_the_same_account(office: Office) -> None:
    row = office.post("/api/integrations", stripe())
    path = f"/api/integrations/{row['id']}/credentials"
    got = office.ask("PUT", path, {"credentials": {"secret_key": OTHER_KEY}})
    assert (got.status, got.code) == (409, "WB-ACCOUNT-DIFFERS")
    same = office.ask("PUT", path, {"credentials": {"secret_key": KEY}})
    assert same.json["credentials"]["fingerprint"] == row["credentials"]["fingerprint"]
    assert audit.latest(tenant_id=office.tenant.id)[0].action == "integration.rotated"


# --- the short name, and consent ----------------------------------------------------------------------


def test_custom_is_the_customers_own_system(office: Office) -> None:
    assert provider_class("custom").name == "custom_webhook"
    got = office.ask("POST", f"{OWN}/setup", {"provider": "custom", "credentials": {"url": "ftp://x"}})
    assert got.code == "WB-CREDENTIALS-FORMAT"


def test_where_consent_is_needed_the_answer_is_where_to_give_it(office: Office) -> None:
    def work() -> None:
        made = apps.add(
            provider="xero",
            mode=Mode.SANDBOX.value,
            client_id="0123456789ABCDEF0123456789ABCDEF",
            redirect_uri="https://billing.example.com/oauth/callback/xero",
            label="Xero",
            actor="test",
            now=office.clock.now(),
            entropy=office.house.entropy,
        )
        office.house.safe.put(made, CLIENT_SECRET, {"client_secret": "canary-of-the-app"})

    office.house.store.write("test", work)
    body = {"provider": "xero"}
    first = office.ask("POST", f"{OWN}/setup", body, idempotency_key="c-1")
    assert first.status == 202
    assert first.json["consentUrl"].startswith("https://")
    again = office.ask("POST", f"{OWN}/setup", body, idempotency_key="c-1")
    assert again.json["consentUrl"] != first.json["consentUrl"], "a link is for one use, and is not kept"
    got = office.ask("POST", f"{OWN}/setup", {"provider": "quickbooks", "credentials": {"a": "canary"}})
    assert (got.status, got.json["field"]) == (422, "credentials")
    assert b"canary" not in office.everything


# --- a customer's own ---------------------------------------------------------------------------------


def test_a_customers_own_account_serves_after_the_tenant_approved_it(office: Office) -> None:
    grant(office)
    office.post("/api/integrations", stripe(OTHER_KEY))
    own = office.post(f"{OWN}/setup", stripe(), as_="customer_owner")
    assert (own["scope"], own["approved"]) == ("customer", False)

    invoice = {"number": "1", "dueOn": "2026-04-01", "lines": [{"description": "x", "amount": "1.00"}]}
    office.post("/api/customers/ref:C-1/invoices", invoice)
    office.push()
    path = "/api/customers/ref:C-1/invoices/ref:1"
    assert office.get(path)["integrationId"] is None

    approved = office.ask("POST", f"/api/integrations/{own['id']}/approve", as_="customer_owner")
    assert approved.status == 403
    office.post(f"/api/integrations/{own['id']}/approve", status=200)
    office.push()
    assert office.get(path)["integrationId"] == own["id"]
    assert office.get(f"{OWN}/status", as_="customer_owner")["id"] == own["id"]


def test_a_customer_does_not_see_the_tenants_account(office: Office) -> None:
    office.post("/api/integrations", stripe())
    assert office.get(f"{OWN}/status")["scope"] == "tenant"
    assert office.ask("GET", f"{OWN}/status", as_="customer_owner").status == 404


def test_a_customer_cannot_cut_off_what_is_followed(office: Office) -> None:
    grant(office)
    office.post(f"{OWN}/setup", stripe(), as_="customer_owner")
    forced = office.ask("DELETE", f"{OWN}?force=true", as_="customer_owner")
    assert (forced.status, forced.code) == (403, "WB-ACCESS-ROLE")
    assert office.ask("DELETE", OWN, as_="customer_owner").json["status"] == "inactive"


# --- settings, state ----------------------------------------------------------------------------------


def test_how_it_syncs_is_changed_under_its_version(office: Office) -> None:
    row = office.post("/api/integrations", stripe())
    path = f"/api/integrations/{row['id']}"
    version = office.ask("GET", path).headers["etag"]
    changes = {"createAutomatically": False, "pullStatus": False, "pace": "daily"}
    got = office.ask("PATCH", path, changes, if_match=version)
    assert {name: got.json[name] for name in changes} == changes
    assert got.headers["etag"] != version
    late = office.ask("PATCH", path, {"pace": "hourly"}, if_match=version)
    assert (late.status, late.code) == (412, "WB-INPUT-CHANGED")
    assert office.get(path)["pace"] == "daily"
    assert (
        office.ask("PATCH", path, {"pace": "hourly"}, if_match=f'W/"x", {got.headers["etag"]}').status == 200
    )


def test_what_the_daemon_does_is_no_new_version(office: Office) -> None:
    row = office.post("/api/integrations", stripe())
    path = f"/api/integrations/{row['id']}"
    version = office.ask("GET", path).headers["etag"]
    office.clock.move(minutes=5)
    office.pull()
    assert office.ask("GET", path).headers["etag"] == version


def test_the_staff_changes_how_it_syncs_and_not_where_it_sends_to(office: Office) -> None:
    path = f"/api/integrations/{office.post('/api/integrations', stripe())['id']}"
    assert office.ask("PATCH", path, {"pace": "daily"}, as_="tenant_staff").status == 200
    got = office.ask("PATCH", path, {"settings": {}}, as_="tenant_staff")
    assert (got.status, got.code) == (403, "WB-ACCESS-ROLE")


def test_nobody_leads_credentials_to_a_host_that_they_were_not_given_for(office: Office) -> None:
    def work() -> str:
        row = integrations.add(
            tenant_id=office.tenant.id,
            customer_id=None,
            provider="custom_webhook",
            mode="sandbox",
            label="Own",
            settings=json_settings(),
            account=None,
            base_url=None,
            pace="realtime",
            actor="test",
            now=office.clock.now(),
            entropy=office.house.entropy,
        )
        return row.id

    path = f"/api/integrations/{office.house.store.write('test', work)}"
    text = json.dumps(json_settings())
    host = str(json_settings()["create"]["url"]).split("/")[2]
    for other in ("evil.example.net", f"{host}.example.net", f"{host}:8443"):
        moved = json.loads(text.replace(f"//{host}", f"//{other}"))
        got = office.ask("PATCH", path, {"settings": moved})
        assert (got.status, got.code) == (409, "WB-INTEGRATION-STATE"), other
    same = json.loads(text.replace(f"//{host}/", f"//{host}/v2/"))
    assert office.ask("PATCH", path, {"settings": same}).status == 200


@pytest.mark.parametrize(
    "body", [{}, {"pace": "never"}, {"pace": None}, {"label": ""}, {"settings": {"x": 1}}]
)
def test_a_change_that_makes_no_sense_is_refused(office: Office, body: object) -> None:
    row = office.post("/api/integrations", stripe())
    assert office.ask("PATCH", f"/api/integrations/{row['id']}", body).status == 422


def test_it_is_paused_resumed_and_removed(office: Office) -> None:
    row = office.post("/api/integrations", stripe())
    path = f"/api/integrations/{row['id']}"
    assert office.post(f"{path}/pause", status=200)["status"] == "inactive"
    assert office.post(f"{path}/resume", status=200)["status"] == "active"
    removed = office.ask("DELETE", path)
    assert (removed.json["state"], removed.json["credentials"]["lastFour"]) == ("removed", None)
    assert office.get("/api/integrations")["integrations"] == []
    assert len(office.get("/api/integrations?removed=true")["integrations"]) == 1
    for method, more in (("POST", "/test"), ("POST", "/pause"), ("POST", "/approve"), ("DELETE", "")):
        got = office.ask(method, path + more, {} if method == "POST" else None)
        assert (got.status, got.code) == (409, "WB-INTEGRATION-STATE")


def test_one_with_open_invoices_drains(office: Office) -> None:
    row = office.post("/api/integrations", stripe())
    invoice = {"number": "1", "dueOn": "2026-04-01", "lines": [{"description": "x", "amount": "1.00"}]}
    office.post("/api/customers/ref:C-1/invoices", invoice)
    office.push()
    got = office.ask("DELETE", f"/api/integrations/{row['id']}")
    assert (got.json["state"], got.json["status"]) == ("draining", "active")


@pytest.mark.parametrize("state", IntegrationState)
def test_the_apis_word_for_each_state(office: Office, state: IntegrationState) -> None:
    row = office.post("/api/integrations", stripe())
    office.house.store.write("test", lambda: integrations.update(row["id"], state=state.value))
    words = {"testing": "testing", "active": "active", "draining": "active", "paused": "inactive"}
    expected = words | {"removed": "inactive", "needs_reconnect": "error", "error": "error"}
    assert office.get(f"/api/integrations/{row['id']}")["status"] == expected[state.value]


# --- the connection test ------------------------------------------------------------------------------


def test_the_connection_test_tells_the_account_and_wakes_what_waited(office: Office) -> None:
    row = office.post("/api/integrations", stripe())
    office.house.store.write(
        "test",
        lambda: integrations.update(row["id"], state="needs_reconnect", fault_code="WB-REMOTE-UNAUTHORISED"),
    )
    got = office.post(f"/api/integrations/{row['id']}/test", status=200)
    assert (got["ok"], got["accountId"]) == (True, row["accountId"])
    assert got["integration"]["status"] == "active"


def test_a_provider_that_fails_is_told_as_such(office: Office) -> None:
    row = office.post("/api/integrations", stripe())
    office.double.faults.add(Fault(FaultKind.REFUSED))
    got = office.ask("POST", f"/api/integrations/{row['id']}/test")
    assert (got.status, got.code) == (502, "WB-REMOTE-UNREACHABLE")


def test_only_a_few_connections_are_tested_at_once(office: Office) -> None:
    """A provider that hangs takes no more than these of the server's threads."""
    row = office.post("/api/integrations", stripe())
    held = [connecting.one_of_few() for _ in range(connecting.AT_ONCE)]
    for one in held:
        one.__enter__()
    try:
        got = office.ask("POST", f"/api/integrations/{row['id']}/test")
        assert (got.status, got.headers["retry-after"]) == (429, str(connecting.AGAIN_S))
        assert office.ask("GET", f"/api/integrations/{row['id']}").status == 200
    finally:
        for one in held:
            one.__exit__(None, None, None)
    assert office.ask("POST", f"/api/integrations/{row['id']}/test").status == 200


# --- webhooks -----------------------------------------------------------------------------------------


def test_our_webhook_is_registered_there_and_its_secret_stays_here(office: Office) -> None:
    row = office.post("/api/integrations", stripe())
    path = f"/api/integrations/{row['id']}/webhook"
    made = office.post(path, status=200)
    assert made["webhookUrl"] == f"https://billing.example.com/api/webhooks/billing/integrations/{row['id']}"
    assert b"whsec_" not in office.everything
    assert office.ask("DELETE", path).json["webhookUrl"] is None
    assert office.ask("DELETE", path).status == 422


def test_two_who_connect_the_same_place_at_once_make_one(office: Office) -> None:
    found: list[int] = []
    threads = [
        threading.Thread(
            target=lambda key=key: found.append(office.ask("POST", "/api/integrations", stripe(key)).status)
        )
        for key in (KEY, OTHER_KEY)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [201, 409]
