"""Intuit's consent: one company, tokens that change, and no secret in any error."""

from __future__ import annotations

import httpx
import pytest
from pydantic import SecretStr

from daemon.errors import (
    Garbled,
    GrantDead,
    InvalidInput,
    OutcomeUnknown,
    Rejected,
    RemoteError,
    Throttled,
    Unauthorised,
)
from daemon.model import Mode
from daemon.providers.oauth import AppRegistration, Consented
from daemon.providers.quickbooks import QuickBooks
from daemon.providers.quickbooks.oauth import QuickBooksOAuth
from tests.providers.quickbooks_bench import URL, QuickBooksBench


@pytest.fixture
def bench() -> QuickBooksBench:
    return QuickBooksBench()


def test_the_owner_is_sent_to_intuit_and_comes_back_with_a_company(bench: QuickBooksBench) -> None:
    callback = bench.consent("state-7")

    tokens = bench.oauth().exchange(callback["code"])
    (company,) = bench.oauth().accounts(tokens.access, callback)

    assert callback["state"] == "state-7"
    assert company == Consented(bench.account.id, "Example Wireless")
    assert QuickBooks.credentials.model_validate(bench.oauth().credentials(company))
    assert (tokens.expires_in_s, tokens.refresh_expires_in_s) == (3600, 100 * 86_400)
    assert tokens.hard_expires_in_s == 5 * 365 * 86_400


def test_intuits_own_addresses_are_used_where_no_other_is_named() -> None:
    app = AppRegistration("AB 1", SecretStr("s"), "https://wisp.example/back", Mode.LIVE)

    url = httpx.URL(QuickBooksOAuth(app, None).authorize_url("s t"))  # type: ignore[arg-type]

    assert str(url).startswith("https://appcenter.intuit.com/connect/oauth2?")
    assert dict(url.params) == {
        "client_id": "AB 1",
        "response_type": "code",
        "scope": "com.intuit.quickbooks.accounting",
        "redirect_uri": "https://wisp.example/back",
        "state": "s t",
    }


def test_a_code_serves_once_and_its_second_use_kills_the_first_tokens(bench: QuickBooksBench) -> None:
    callback = bench.consent()
    tokens = bench.oauth().exchange(callback["code"])

    with pytest.raises(Rejected):
        bench.oauth().exchange(callback["code"])

    assert tokens.refresh is not None
    with pytest.raises(GrantDead):
        bench.oauth().refresh(tokens.refresh)


def test_a_refresh_token_changes_after_a_day_and_a_lost_answer_is_survived(bench: QuickBooksBench) -> None:
    first = bench.oauth().exchange(bench.consent()["code"]).refresh
    assert first is not None
    bench.clock.move(hours=12)
    same = bench.oauth().refresh(first).refresh
    bench.clock.move(hours=13)
    bench.oauth().refresh(first)  # the answer to this is lost
    second = bench.oauth().refresh(first).refresh

    assert same == first and second is not None and second != first
    assert bench.oauth().refresh(second).refresh == second
    with pytest.raises(GrantDead):
        bench.oauth().refresh(first)


def test_a_hundred_idle_days_end_a_consent(bench: QuickBooksBench) -> None:
    refresh = bench.oauth().exchange(bench.consent()["code"]).refresh
    assert refresh is not None
    bench.clock.move(days=101)

    with pytest.raises(GrantDead):
        bench.oauth().refresh(refresh)


def test_a_revoked_consent_is_dead_and_revoking_again_is_harmless(bench: QuickBooksBench) -> None:
    refresh = bench.oauth().exchange(bench.consent()["code"]).refresh
    assert refresh is not None

    for _ in range(2):
        bench.oauth().revoke(refresh)

    with pytest.raises(GrantDead):
        bench.oauth().refresh(refresh)


def test_a_wrong_secret_is_the_apps_fault_and_no_dead_grant(bench: QuickBooksBench) -> None:
    refresh = bench.keeper.tokens.refresh
    assert refresh is not None
    wrong = AppRegistration(
        bench.app.client_id, SecretStr("wrong-secret"), bench.app.redirect_uri, Mode.SANDBOX
    )

    with pytest.raises(Unauthorised) as caught:
        QuickBooksOAuth(wrong, bench.wire(bench.inner), URL).refresh(refresh)

    assert not isinstance(caught.value, GrantDead)
    assert "wrong-secret" not in str(caught.value) + repr(vars(caught.value))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(200, content=b""), Garbled),
        (httpx.Response(200, content=b"<html>"), Garbled),
        (httpx.Response(200, json={"access_token": "a"}), Garbled),
        (
            httpx.Response(200, json={"access_token": "a", "refresh_token": "b", "expires_in": "3600"}),
            Garbled,
        ),
        (httpx.Response(200, json=[]), Garbled),
        (httpx.Response(400, content=b"<html>a proxy</html>"), Garbled),
        (httpx.Response(400, json={"error": "invalid_grant", "error_description": "stale"}), GrantDead),
        (httpx.Response(400, json={"error": "invalid_request"}), Rejected),
        (httpx.Response(401, json={"error": "invalid_client"}), Unauthorised),
        (httpx.Response(400, json={"error": "invalid_client"}), Unauthorised),
        (httpx.Response(429, content=b""), Throttled),
        (httpx.Response(503, content=b"<html>"), OutcomeUnknown),
        (httpx.Response(302, headers={"location": "https://elsewhere.test"}), Garbled),
    ],
)
def test_what_the_token_endpoint_may_answer(
    bench: QuickBooksBench, answer: httpx.Response, kind: type[RemoteError]
) -> None:
    transport = httpx.MockTransport(lambda request: answer)

    with pytest.raises(RemoteError) as caught:
        bench.oauth(transport).refresh(SecretStr("RT1-a-refresh-token"))

    assert type(caught.value) is kind
    assert "RT1-a-refresh-token" not in str(caught.value) + repr(vars(caught.value))


@pytest.mark.parametrize("realm", ["", "abc", "1/../2", "9" * 40])
def test_a_callback_without_a_company_is_refused(bench: QuickBooksBench, realm: str) -> None:
    with pytest.raises(InvalidInput):
        bench.oauth().accounts(bench.keeper.tokens.access, {"realmId": realm})


def test_tokens_are_not_shown(bench: QuickBooksBench) -> None:
    tokens = bench.oauth().exchange(bench.consent()["code"])

    assert tokens.access.get_secret_value() not in repr(tokens) + repr(bench.oauth().app)
