"""Keys, modes, versions, permissions, rates: who gets in, and how the others are told."""

from __future__ import annotations

import base64

import pytest

from tests.sandbox.harness import KEY, Bench, made, refused

LIVE = "sk_live_0123456789abcdef"


def test_a_secret_key_names_its_account() -> None:
    bench = Bench()
    account = bench.get("/v1/account")
    assert (account["id"], account["object"]) == (bench.account.id, "account")


def test_basic_authentication_works_as_bearer_does() -> None:
    bench = Bench()
    basic = base64.b64encode(f"{KEY}:".encode()).decode()
    assert bench.get("/v1/account", Authorization=f"Basic {basic}").status == 200


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("", None),
        ("Bearer sk_test_unknownunknown00", None),
        ("Bearer pk_test_0123456789abcdef", "secret_key_required"),
        ("Basic !!!", None),
        (f"Digest {KEY}", None),
    ],
)
def test_whoever_has_no_key_of_this_account_stays_out(authorization: str, code: str | None) -> None:
    error = refused(Bench().get("/v1/account", Authorization=authorization), 401, code)
    assert "unknownunknown00" not in error["message"]


def test_an_expired_key_says_so_and_a_revoked_one_is_unknown() -> None:
    bench = Bench()
    bench.double.expire(KEY)
    refused(bench.get("/v1/account"), 401, "api_key_expired")
    bench.double.revoke(KEY)
    assert "Invalid API Key" in refused(bench.get("/v1/account"), 401)["message"]


@pytest.mark.parametrize("version", ["", "2020-08-27", "2026-10-28.ENDIVE", "2026-09-30.endive"])
def test_any_other_version_than_ours_is_refused(version: str) -> None:
    refused(Bench().get("/v1/account", Stripe_Version=version), 400)


def test_another_accounts_name_in_the_header_is_refused() -> None:
    bench = Bench()
    refused(bench.get("/v1/account", Stripe_Account="acct_other"), 403, "account_invalid")
    assert bench.get("/v1/account", Stripe_Account=bench.account.id).status == 200


def test_a_restricted_key_is_told_which_permission_it_lacks() -> None:
    bench = Bench()
    narrow = "rk_test_0123456789abcdef"
    bench.double.add_account(narrow, bench.account.id, permissions={"invoice_write"})
    as_narrow = {"Authorization": f"Bearer {narrow}"}

    assert bench.get("/v1/invoices", **as_narrow).status == 200
    error = refused(bench.get("/v1/events", **as_narrow), 403)
    assert "rak_event_read" in error["message"]
    assert narrow not in error["message"]


def test_two_keys_of_an_account_see_the_same_things() -> None:
    bench = Bench()
    customer = bench.customer()
    bench.double.add_account("sk_test_second0123456789", bench.account.id)
    second = bench.get(f"/v1/customers/{customer}", Authorization="Bearer sk_test_second0123456789")
    assert second["id"] == customer


def test_test_and_live_mode_share_nothing_but_the_account() -> None:
    bench = Bench()
    live = bench.double.add_account(LIVE, bench.account.id)
    customer = bench.customer()
    reply = bench.get(f"/v1/customers/{customer}", Authorization=f"Bearer {LIVE}")

    assert live.livemode
    message = refused(reply, 404, "resource_missing")["message"]
    assert "a similar object exists in test mode, but a live mode key" in message


def test_two_accounts_know_nothing_of_each_other() -> None:
    bench = Bench()
    bench.double.add_account("sk_test_stranger01234567")
    invoice = bench.opened()
    reply = bench.get(f"/v1/invoices/{invoice}", Authorization="Bearer sk_test_stranger01234567")
    refused(reply, 404, "resource_missing")


def test_an_unknown_url_is_404_without_a_look_at_the_key() -> None:
    assert "Unrecognized request URL" in refused(Bench().get("/v1/nothing"), 404)["message"]
    assert "Unrecognized request URL" in refused(Bench().post("/v1/account"), 404)["message"]


def test_a_sandbox_takes_25_requests_a_second_and_says_why_not_more() -> None:
    bench = Bench(rates=True)
    paths = ["/v1/invoices", "/v1/customers"]
    replies = [bench.get(paths[number % 2]) for number in range(26)]

    assert [reply.status for reply in replies] == [200] * 25 + [429]
    assert replies[-1].headers["stripe-rate-limited-reason"] == "global-rate"
    assert replies[-1].error["code"] == "rate_limit"
    bench.clock.wait(1)
    assert bench.get("/v1/invoices").status == 200


def test_in_live_mode_one_endpoint_has_its_own_limit() -> None:
    bench = Bench(key=LIVE, rates=True)
    replies = [bench.get("/v1/invoices") for _ in range(26)]

    assert replies[-1].headers["stripe-rate-limited-reason"] == "endpoint-rate"
    assert bench.get("/v1/customers").status == 200


def test_search_has_a_limit_of_its_own() -> None:
    bench = Bench(rates=True)
    query = {"query": 'status:"open"'}
    assert [bench.get("/v1/invoices/search", query).status for _ in range(21)] == [200] * 20 + [429]


def test_every_answer_names_its_request() -> None:
    bench = Bench()
    ids = {bench.get("/v1/account").headers["request-id"], bench.get("/v1/nothing").headers["request-id"]}
    assert len(ids) == 2
    assert all(one.startswith("req_") for one in ids)


def test_a_refused_key_changes_nothing() -> None:
    bench = Bench()
    refused(bench.post("/v1/customers", {"email": "a@example.com"}, Authorization="Bearer sk_test_x"), 401)
    assert bench.get("/v1/customers").ids == []
    made(bench.post("/v1/customers", {"email": "a@example.com"}))
    assert len(bench.get("/v1/customers").ids) == 1
