"""Event endpoints over the API: added with a secret that is shown once, told, paused, told again, removed."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.jobs.notify import deliver, notify
from daemon.store import audit, endpoints
from daemon.store.audit import PLATFORM
from tests.api.asking import Office
from tests.api.test_flow import INVOICE, INVOICES
from tests.platform import Platform, connected, verified

ROOT = "/api/endpoints"
URL = "https://platform.example.com/hooks?token=hidden-from-lists"


@pytest.fixture
def platform(office: Office) -> Platform:
    told = Platform()
    connected(office.house, ("platform.example.com", told))
    return told


def goes_out(office: Office) -> None:
    notify(office.house)
    for endpoint_id in [row.id for row in endpoints.listing()]:
        deliver(office.house, endpoint_id)


def added(office: Office, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = office.post(ROOT, {"url": URL} | more)
    return made


def test_the_platform_is_told_signed_with_a_secret_that_is_shown_once(
    office: Office, platform: Platform
) -> None:
    made = added(office, types=["invoice.*"], label="The platform")
    secret = made["secret"]
    office.post(INVOICES, INVOICE)
    goes_out(office)
    [told] = platform.told
    assert verified(told, secret)["type"] == "invoice.added"

    [delivery] = office.get(f"{ROOT}/{made['id']}/deliveries")["deliveries"]
    assert (delivery["type"], delivery["state"], delivery["lastStatus"]) == (
        "invoice.added",
        "delivered",
        204,
    )
    for path in (ROOT, f"{ROOT}/{made['id']}", f"{ROOT}/{made['id']}/deliveries"):
        got = office.ask("GET", path)
        assert secret.encode() not in got.body
        assert b"hidden-from-lists" not in got.body


def test_a_repeated_key_never_shows_a_secret_again(office: Office) -> None:
    first, second = (office.ask("POST", ROOT, {"url": URL}, idempotency_key="k") for _ in range(2))
    assert first.json["secret"] != second.json["secret"]


def test_a_secret_is_rotated_and_the_old_one_settled(office: Office, platform: Platform) -> None:
    made = added(office)
    fresh = office.post(f"{ROOT}/{made['id']}/rotate", status=200)["secret"]
    assert fresh != made["secret"]
    assert office.post(f"{ROOT}/{made['id']}/test", status=200) == {"ok": True, "status": 204, "answer": ""}
    for secret in (fresh, made["secret"]):
        assert verified(platform.told[-1], secret)["type"] == "endpoint.test"
    office.post(f"{ROOT}/{made['id']}/settle", status=200)
    office.post(f"{ROOT}/{made['id']}/test", status=200)
    verified(platform.told[-1], fresh)
    with pytest.raises(Exception, match="signature"):
        verified(platform.told[-1], made["secret"])


def test_an_endpoint_waits_while_it_is_paused_and_is_told_again_what_was(
    office: Office, platform: Platform
) -> None:
    name = added(office, types=["invoice.*"])["id"]
    assert office.post(f"{ROOT}/{name}/pause", status=200)["state"] == "paused"
    office.post(INVOICES, INVOICE)
    goes_out(office)
    assert platform.told == []
    assert office.post(f"{ROOT}/{name}/resume", status=200)["state"] == "active"
    goes_out(office)
    [first] = platform.told

    sequence = office.get(f"{ROOT}/{name}/deliveries")["deliveries"][0]["sequence"]
    again = {"first": sequence, "last": sequence}
    assert office.post(f"{ROOT}/{name}/resend", again, status=202) == {"resent": 1}
    goes_out(office)
    assert [told.id for told in platform.told] == [first.id, first.id]

    assert office.ask("DELETE", f"{ROOT}/{name}").json["state"] == "removed"
    assert office.get(ROOT)["endpoints"] == []
    assert office.ask("POST", f"{ROOT}/{name}/test", {}).status == 422
    actions = [row.action for row in audit.latest(tenant_id=office.tenant.id) if row.object == name]
    assert actions == [
        "endpoint.removed",
        "endpoint.resent",
        "endpoint.resumed",
        "endpoint.paused",
        "endpoint.added",
    ]


def test_deliveries_are_walked_in_pages(office: Office, platform: Platform) -> None:
    name = added(office, types=["invoice.added"])["id"]
    for n in range(5):
        office.post(INVOICES, INVOICE | {"number": f"{n}"})
    goes_out(office)
    seen: list[int] = []
    page = office.get(f"{ROOT}/{name}/deliveries?limit=2")
    while True:
        seen += [row["id"] for row in page["deliveries"]]
        if page["next"] is None:
            break
        page = office.get(f"{ROOT}/{name}/deliveries?limit=2&after={page['next']}")
    assert len(seen) == 5
    assert seen == sorted(set(seen), reverse=True)
    assert len(office.get(f"{ROOT}/{name}/deliveries?state=failed")["deliveries"]) == 0


@pytest.mark.parametrize(
    "body",
    [
        *(
            {"url": url}
            for url in ("http://platform.example.com/", "https://127.0.0.1/", "https://2130706433/")
        ),
        {"url": "https://user:word@platform.example.com/"},
        {"url": "https://metadata.internal/"},
        {"url": URL, "types": ["Invoice"]},
        {"url": URL, "types": ["invoice.paid"] * 51},
        {"url": URL, "after": -1},
        {"url": URL, "secret": "whsec_mine"},
        {"url": "https://platform.example.com/" + "a" * 2048},
    ],
)
def test_what_nothing_would_be_sent_to_is_refused(office: Office, body: object) -> None:
    got = office.ask("POST", ROOT, body)
    assert (got.status, got.code) == (422, "WB-INPUT")
    assert office.get(ROOT)["endpoints"] == []


def test_there_are_so_many_endpoints_of_a_tenant(office: Office) -> None:
    for _ in range(20):
        added(office)
    assert office.ask("POST", ROOT, {"url": URL}).status == 422
    assert office.ask("POST", ROOT, {"url": URL}, as_="other_admin").status == 201


@pytest.mark.parametrize("body", [{}, {"first": 5, "last": 4}, {"first": 1, "last": 20_000}, {"last": 3}])
def test_what_is_to_be_told_again_is_said(office: Office, body: object) -> None:
    name = added(office)["id"]
    assert office.ask("POST", f"{ROOT}/{name}/resend", body).status == 422


def test_the_platforms_own_endpoint_is_the_platforms(office: Office) -> None:
    made = office.post(ROOT, {"url": URL}, as_="platform_admin", tenant="*")
    assert made["tenantId"] == PLATFORM
    assert office.get(ROOT)["endpoints"] == []
    assert office.ask("GET", f"{ROOT}/{made['id']}").status == 404
    assert office.ask("DELETE", f"{ROOT}/{made['id']}").status == 404
    listed = office.get(ROOT, as_="platform_admin", tenant="*")["endpoints"]
    assert [row["id"] for row in listed] == [made["id"]]
