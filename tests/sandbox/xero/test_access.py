"""The double's doors: consents, tokens that rotate, organisations, limits, keys, webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.xero import App
from tests.sandbox.xero.harness import CLIENT, REDIRECT, SCOPES, SECRET, Desk, an_invoice


def token(desk: Desk, client: str = CLIENT, secret: str = SECRET, **form: str) -> httpx.Response:
    return desk.plain.post("/connect/token", data=form, auth=(client, secret))


def authorize(desk: Desk, **changes: str) -> httpx.Response:
    query = {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": REDIRECT,
        "scope": SCOPES,
        "state": "s1",
        **changes,
    }
    return desk.plain.get(f"/identity/connect/authorize?{urlencode(query)}")


def code_of(reply: httpx.Response) -> dict[str, str]:
    return dict(httpx.URL(reply.headers["location"]).params)


def test_a_consent_answers_with_code_and_state_and_the_code_works_once() -> None:
    desk = Desk()
    back = code_of(authorize(desk))
    form = {"grant_type": "authorization_code", "code": back["code"], "redirect_uri": REDIRECT}

    first, second = token(desk, **form), token(desk, **form)

    assert back["state"] == "s1" and first.json()["expires_in"] == 1800
    assert (second.status_code, second.json()) == (400, {"error": "invalid_grant"})


def test_broad_scopes_and_unknown_addresses_are_refused() -> None:
    desk = Desk()

    assert code_of(authorize(desk, scope="accounting.transactions"))["error"] == "invalid_scope"
    assert authorize(desk, redirect_uri="https://elsewhere.example/").status_code == 400


@pytest.mark.parametrize("how", ["late", "verifier", "redirect"])
def test_a_code_is_bound_to_time_verifier_and_address(how: str) -> None:
    desk = Desk()
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"verifier").digest()).decode().rstrip("=")
    back = code_of(authorize(desk, code_challenge=digest, code_challenge_method="S256"))
    form = {
        "grant_type": "authorization_code",
        "code": back["code"],
        "redirect_uri": "https://elsewhere.example/" if how == "redirect" else REDIRECT,
        "code_verifier": "wrong" if how == "verifier" else "verifier",
    }
    if how == "late":
        desk.clock.move(301)

    assert token(desk, **form).json() == {"error": "invalid_grant"}


def test_a_refresh_token_is_good_once_and_for_half_an_hour_more() -> None:
    desk = Desk()
    form = {"grant_type": "refresh_token", "refresh_token": desk.token["refresh_token"]}
    first = token(desk, **form).json()
    desk.clock.move(1799)
    rescued = token(desk, **form).json()
    desk.clock.move(2)

    assert token(desk, **form).json() == {"error": "invalid_grant"}
    assert first["refresh_token"] != rescued["refresh_token"]


def test_a_refresh_token_dies_unused_after_sixty_days() -> None:
    desk = Desk()
    desk.clock.move(days=60, seconds=1)
    form = {"grant_type": "refresh_token", "refresh_token": desk.token["refresh_token"]}

    assert token(desk, **form).json() == {"error": "invalid_grant"}


def test_another_secret_is_an_invalid_client() -> None:
    desk = Desk()

    assert token(desk, secret="x", grant_type="refresh_token").json() == {"error": "invalid_client"}


def test_a_revoked_consent_takes_tokens_and_connections_along() -> None:
    desk = Desk()
    form = {"token": desk.token["refresh_token"]}

    assert desk.plain.post("/connect/revocation", data=form, auth=(CLIENT, SECRET)).status_code == 200
    assert desk.ask("GET", "/Organisation").status == 401
    assert desk.double.identity.connections == {}


def test_connections_are_told_by_consent_and_can_be_dropped() -> None:
    desk = Desk()
    other = desk.double.add_account("Wisp Two")
    second = desk.double.consent(desk.app, [other.id], SCOPES)
    claims = json.loads(base64.urlsafe_b64decode(second["access_token"].split(".")[1] + "=="))

    every = desk.ask("GET", "/connections").doc
    mine = desk.ask("GET", "/connections", authEventId=claims["authentication_event_id"]).doc

    assert {row["tenantId"] for row in every} == {desk.account.id, other.id}
    assert [row["tenantName"] for row in mine] == ["Wisp Two"]
    assert desk.ask("DELETE", f"/connections/{mine[0]['id']}").status == 204
    assert len(desk.ask("GET", "/connections").doc) == 1


def test_a_custom_connection_mints_for_its_one_organisation() -> None:
    desk = Desk()
    desk.double.add_app(App("custom", "s", custom_tenant=desk.account.id))
    scope = "accounting.invoices accounting.settings.read"
    told = token(desk, "custom", "s", grant_type="client_credentials", scope=scope).json()

    assert "refresh_token" not in told
    bearer = {"authorization": f"Bearer {told['access_token']}"}
    assert desk.ask("GET", "/Organisation", headers=bearer).status == 200
    refused = token(desk, "custom", "s", grant_type="refresh_token", refresh_token="x")
    assert refused.json() == {"error": "unsupported_grant_type"}


def test_an_old_token_an_unknown_one_and_another_organisation() -> None:
    desk = Desk()
    unknown = {"authorization": "Bearer x", "xero-tenant-id": desk.account.id}
    elsewhere = desk.headers(xero_tenant_id="430fa14a-f945-44d3-9f97-5df5e28441b8")

    assert desk.ask("GET", "/Organisation", headers=unknown).status == 401
    forbidden = desk.ask("GET", "/Organisation", headers=elsewhere)
    assert (forbidden.status, forbidden.doc["detail"]) == (403, "AuthenticationUnsuccessful")
    desk.clock.move(1801)
    old = desk.ask("GET", "/Organisation")
    assert old.status == 401 and old.doc["Detail"].startswith("TokenExpired")


def test_a_scope_for_reading_does_not_write() -> None:
    desk = Desk()
    scopes = "accounting.invoices.read accounting.contacts"
    desk.token = desk.double.consent(desk.app, [desk.account.id], scopes)
    contact = desk.contact()

    assert desk.ask("GET", "/Invoices", page="1").status == 200
    assert desk.create(an_invoice(contact)).status == 401
    assert desk.ask("GET", "/Payments", page="1").status == 401


# --- limits -------------------------------------------------------------------------------------------


def test_sixty_a_minute_then_a_429_with_its_reason_and_end() -> None:
    desk = Desk(rates=True)
    for _ in range(60):
        assert desk.ask("GET", "/Organisation").status == 200
    desk.clock.move(15)

    told = desk.ask("GET", "/Organisation")

    assert (told.status, told.headers["x-rate-limit-problem"], told.headers["retry-after"]) == (
        429,
        "minute",
        "45",
    )
    desk.clock.move(45)
    assert desk.ask("GET", "/Organisation").headers["x-minlimit-remaining"] == "59"


def test_a_day_is_counted_for_each_organisation() -> None:
    desk = Desk(rates=True)
    desk.double.limits.per_day = 1
    assert desk.ask("GET", "/Organisation").headers["x-daylimit-remaining"] == "0"

    told = desk.ask("GET", "/Organisation")

    assert (told.headers["x-rate-limit-problem"], told.headers["retry-after"]) == ("day", "86400")
    other = desk.double.add_account("Wisp Two")
    desk.double.consent(desk.app, [other.id], SCOPES)
    assert desk.ask("GET", "/Organisation", headers=desk.headers(xero_tenant_id=other.id)).status == 200


# --- keys ---------------------------------------------------------------------------------------------


def create(desk: Desk, invoice: dict[str, Any], key: str) -> Any:
    body = {"Invoices": [invoice]}
    return desk.ask(
        "PUT", "/Invoices", body, headers=desk.headers(idempotency_key=key), summarizeErrors="false"
    )


def test_a_key_repeats_its_answer_for_six_minutes() -> None:
    desk = Desk()
    invoice = an_invoice(desk.contact())
    first = create(desk, invoice, "k")
    desk.clock.move(359)
    again = create(desk, invoice, "k")
    desk.clock.move(2)

    assert again.rows == first.rows
    assert create(desk, invoice, "k").faults == ["Invoice # must be unique."]


def test_a_key_repeats_an_error_too() -> None:
    desk = Desk()
    invoice = an_invoice(desk.contact(), CurrencyCode="GBP")
    refused = create(desk, invoice, "k")
    desk.account.books.currencies.append("GBP")

    assert create(desk, invoice, "k").faults == refused.faults != []
    assert create(desk, invoice, "another").faults == []


def test_a_stored_500_is_repeated_too() -> None:
    desk = Desk()
    invoice = an_invoice(desk.contact())
    desk.double.faults.add(Fault(FaultKind.ERROR_STORED, "PUT"))

    assert [create(desk, invoice, "k").status for _ in range(2)] == [500, 500]
    assert desk.account.standing() == [] and create(desk, invoice, "other").status == 200


def test_a_key_with_another_request_is_refused() -> None:
    desk = Desk()
    contact = desk.contact()
    create(desk, an_invoice(contact), "k")

    told = create(desk, an_invoice(contact, "A-2"), "k")

    assert told.status == 400 and "used with a different request" in told.doc["Message"]
    assert create(desk, an_invoice(contact, "A-2"), "k" * 129).status == 400


# --- webhooks -----------------------------------------------------------------------------------------


def test_changes_are_posted_signed_in_sequence_and_again_for_a_day() -> None:
    desk = Desk()
    ref = desk.live()
    desk.account.void(ref)
    posted = list(desk.double.deliveries())

    bodies = [json.loads(one.body) for one in posted]
    assert [body["firstEventSequence"] for body in bodies] == [1, 2, 3]
    assert [body["events"][0]["eventCategory"] for body in bodies] == ["CONTACT", "INVOICE", "INVOICE"]
    assert bodies[-1]["events"][0] | {"resourceUrl": ""} == {
        "resourceUrl": "",
        "resourceId": ref,
        "eventDateUtc": "2026-03-02T09:00:00.000",
        "eventType": "UPDATE",
        "eventCategory": "INVOICE",
        "tenantId": desk.account.id,
        "tenantType": "ORGANISATION",
    }
    for one in posted:
        digest = hmac.new(b"webhook-key", one.body, hashlib.sha256).digest()
        assert one.headers["x-xero-signature"] == base64.b64encode(digest).decode()


def test_a_delivery_that_fails_comes_at_once_and_then_every_quarter_of_an_hour() -> None:
    desk = Desk()
    desk.contact()
    first = desk.double.next_delivery()
    assert first is not None
    desk.double.failed(first)
    second = desk.double.next_delivery()
    assert second is not None and second.attempt == 2
    desk.double.failed(second)

    assert desk.double.next_delivery() is None
    desk.clock.move(900)
    assert desk.double.next_delivery() is not None


def test_a_payment_is_no_event_of_its_own() -> None:
    desk = Desk()
    ref = desk.live()
    list(desk.double.deliveries())

    desk.account.pay(ref)

    assert list(desk.double.deliveries()) == []


def test_the_same_calls_give_the_same_bytes() -> None:
    def story(seed: int) -> bytes:
        desk = Desk(seed=seed)
        ref = desk.live()
        desk.account.pay(ref)
        return desk.ask("GET", f"/Invoices/{ref}").raw + b"".join(
            one.body for one in desk.double.deliveries()
        )

    assert story(1) == story(1) != story(2)
