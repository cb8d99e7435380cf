"""Tokens: how they are read, how long they count, what they can give away, and what is written down."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daemon.errors import StoreError
from daemon.store import audit, tokens
from daemon.store.audit import PLATFORM
from daemon.store.tokens import Role
from tests.api.asking import Office


def test_a_token_is_shown_once_and_works_at_once(office: Office) -> None:
    made = office.post("/api/tokens", {"role": "tenant_staff", "label": "the desk"})
    assert office.get("/api/customers", token=made["token"])["customers"]
    listed = office.get("/api/tokens")["tokens"]
    assert made["id"] in [row["id"] for row in listed]
    assert all("token" not in row and "hash" not in row for row in listed)


def test_a_repeated_key_never_shows_a_token_again(office: Office) -> None:
    body = {"role": "read_only", "label": "x"}
    first = office.ask("POST", "/api/tokens", body, idempotency_key="k1")
    second = office.ask("POST", "/api/tokens", body, idempotency_key="k1")
    assert first.json["token"] != second.json["token"]
    stored = b"".join(
        path.read_bytes() for path in office.house.settings.daemon.state_dir.glob("wispbill.db*")
    )
    assert first.json["token"][12:].encode() not in stored


def test_a_revoked_and_an_expired_token_are_as_no_token(office: Office) -> None:
    made = office.post(
        "/api/tokens", {"role": "read_only", "label": "x", "expiresAt": "2026-03-02T10:00:00Z"}
    )
    assert office.ask("GET", "/api/customers", token=made["token"]).status == 200
    office.clock.move(hours=1)
    assert office.ask("GET", "/api/customers", token=made["token"]).code == "WB-ACCESS-TOKEN"

    other = office.post("/api/tokens", {"role": "read_only", "label": "y"})
    revoked = office.ask("DELETE", f"/api/tokens/{other['id']}")
    assert revoked.json["revokedAt"]
    got = office.ask("GET", "/api/customers", token=other["token"])
    assert (got.status, got.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer wb_00000000_" + "a" * 43, "Bearer wb_x", "wb_1"],
)
def test_what_is_no_token_is_refused(office: Office, header: str) -> None:
    got = office.ask("GET", "/api/customers", token="", authorization=header)
    assert (got.status, got.code) == (401, "WB-ACCESS-TOKEN")


def test_an_id_with_the_wrong_secret_is_refused(office: Office) -> None:
    token = office.tokens["tenant_admin"]
    wrong = token[:-1] + ("A" if token[-1] != "A" else "B")
    assert office.ask("GET", "/api/customers", token=wrong).status == 401


def test_who_guesses_is_slowed_down_and_who_knows_is_served_all_the_same(office: Office) -> None:
    for _ in range(office.house.settings.api.wrong_per_minute):
        assert office.ask("GET", "/api/customers", token="wb_guess").status == 401
    slowed = office.ask("GET", "/api/customers", token="wb_guess")
    assert (slowed.status, slowed.code) == (429, "WB-INPUT-TOO-FAST")
    assert int(slowed.headers["retry-after"]) >= 1
    assert office.ask("GET", "/api/customers").status == 200
    office.clock.move(minutes=1)
    assert office.ask("GET", "/api/customers", token="wb_guess").status == 401


def test_a_token_has_a_pace_of_its_own(office: Office) -> None:
    for _ in range(office.house.settings.api.per_minute):
        office.ask("GET", "/api/tenants/x", as_="read_only")
    assert office.ask("GET", "/api/customers", as_="read_only").status == 429
    assert office.ask("GET", "/api/customers", as_="tenant_staff").status == 200


def test_the_last_use_is_written_down(office: Office) -> None:
    office.get("/api/customers", as_="read_only")
    first = tokens.get(None, office.rows["read_only"].id).used_at
    assert first == office.clock.now()
    office.clock.move(minutes=5)
    office.get("/api/customers", as_="read_only")
    assert tokens.get(None, office.rows["read_only"].id).used_at == first + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("as_", "body", "code"),
    [
        ("tenant_admin", {"role": "platform_admin", "label": "x"}, "WB-ACCESS-ROLE"),
        ("tenant_admin", {"role": "customer_owner", "label": "x"}, "WB-INPUT"),
        ("tenant_admin", {"role": "read_only", "label": "x", "customer": "C-1"}, "WB-INPUT"),
        ("tenant_admin", {"role": "customer_owner", "label": "x", "customer": "C-3"}, "WB-NOT-FOUND"),
        ("tenant_admin", {"role": "root", "label": "x"}, "WB-INPUT"),
        ("tenant_admin", {"role": "read_only", "label": "x", "tenantId": "*"}, "WB-INPUT"),
        (
            "tenant_admin",
            {"role": "read_only", "label": "x", "expiresAt": "2026-01-01T00:00:00Z"},
            "WB-INPUT",
        ),
        ("tenant_admin", {"role": "read_only", "label": "x", "expiresAt": "2027-01-01T00:00:00"}, "WB-INPUT"),
    ],
)
def test_a_token_gives_away_no_more_than_it_has(office: Office, as_: str, body: object, code: str) -> None:
    assert office.ask("POST", "/api/tokens", body, as_=as_).code == code


def test_a_token_gives_none_that_outlives_it(office: Office) -> None:
    ends = office.clock.now() + timedelta(days=1)
    office.a_token("passing", Role.TENANT_ADMIN, office.tenant.id, expires_at=ends)
    body = {"role": "tenant_admin", "label": "x"}
    made = office.post("/api/tokens", body, as_="passing")
    assert made["expiresAt"] == ends.isoformat().replace("+00:00", "Z")
    sooner = (ends - timedelta(hours=1)).isoformat()
    assert (
        office.post("/api/tokens", body | {"expiresAt": sooner}, as_="passing")["expiresAt"]
        < ends.isoformat()
    )
    later = (ends + timedelta(seconds=1)).isoformat()
    got = office.ask("POST", "/api/tokens", body | {"expiresAt": later}, as_="passing")
    assert (got.status, got.code, got.json["field"]) == (403, "WB-ACCESS-ROLE", "expiresAt")


def test_there_are_so_many_tokens_of_a_tenant(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MOST", 5)
    made = office.post("/api/tokens", {"role": "read_only", "label": "x"})
    assert office.ask("POST", "/api/tokens", {"role": "read_only", "label": "x"}).status == 422
    office.ask("DELETE", f"/api/tokens/{made['id']}")
    assert office.ask("POST", "/api/tokens", {"role": "read_only", "label": "x"}).status == 201


def test_what_can_be_read_is_read_while_nothing_can_be_written(office: Office) -> None:
    def full(_label: str, _work: object) -> None:
        raise StoreError("WB-DB-FULL", "the disk is full")

    office.house.store.write = full  # type: ignore[method-assign, assignment]
    assert office.ask("GET", "/api/customers").status == 200
    assert office.ask("POST", "/api/customers", {"reference": "C-9"}).status == 503


def test_a_platform_admin_makes_tokens_of_a_tenant_and_of_the_platform(office: Office) -> None:
    own = office.post(
        "/api/tokens", {"role": "platform_admin", "label": "x"}, as_="platform_admin", tenant="*"
    )
    assert own["tenantId"] == PLATFORM
    theirs = office.post(
        "/api/tokens", {"role": "tenant_admin", "label": "x"}, as_="platform_admin", tenant="wisp-2"
    )
    assert theirs["tenantId"] == office.other.id
    both = office.get("/api/tokens", as_="platform_admin", tenant="*")["tokens"]
    assert {own["id"], theirs["id"]} <= {row["id"] for row in both}


def test_every_change_of_tokens_and_roles_is_in_the_audit(office: Office) -> None:
    made = office.post("/api/tokens", {"role": "read_only", "label": "x"})
    office.ask("DELETE", f"/api/tokens/{made['id']}")
    office.ask("PATCH", "/api/customers/ref:C-1", {"mayConnect": True})
    rows = audit.latest(tenant_id=office.tenant.id)
    mine = f"token:{office.rows['tenant_admin'].id}"
    assert [row.action for row in rows[:3]] == ["customer.changed", "token.revoked", "token.added"]
    assert {row.actor for row in rows[:3]} == {mine}
    assert audit.verify()[1] == []


def test_a_platform_admins_crossing_is_in_the_audit_of_whom_it_named(office: Office) -> None:
    for _ in range(2):
        office.get("/api/customers", as_="platform_admin", tenant="wisp-2")
        office.get("/api/billing/integration-status", as_="platform_admin", tenant="*")
    for chain in (office.other.id, PLATFORM):
        crossed = [row for row in audit.latest(tenant_id=chain) if row.action == "token.crossed"]
        assert [row.object for row in crossed] == [office.rows["platform_admin"].id]


def test_only_an_administrator_grants_the_right_to_connect(office: Office) -> None:
    got = office.ask("PATCH", "/api/customers/ref:C-1", {"mayConnect": True}, as_="tenant_staff")
    assert (got.status, got.code) == (403, "WB-ACCESS-ROLE")
    assert office.get("/api/customers/ref:C-1")["mayConnect"] is False


def test_roles_are_those_of_the_design() -> None:
    assert [role.value for role in Role] == [
        "platform_admin",
        "tenant_admin",
        "tenant_staff",
        "customer_owner",
        "read_only",
    ]
