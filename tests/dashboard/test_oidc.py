"""OpenID Connect: who comes back is who they say, asked for it in this browser, and is staff."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from daemon.store import staff
from daemon.store.tokens import Role
from daemon.web.dashboard import entering
from tests.api.asking import Office, build_office
from tests.browsing import Browser, Seen
from tests.dashboard.issuing import CLIENT_ID, CLIENT_SECRET, ISSUER, Issuer, another_key
from tests.dashboard.staffed import ROOT, a_member

START = f"{ROOT}/oidc/start"
COOKIE = "__Host-wb-dashboard"
Begin = Callable[..., Office]


@pytest.fixture
def begin(tmp_path: Path, empty_database: Path) -> Iterator[Begin]:
    """An office whose wire leads to an issuer; settings as `oidc__domains=…`."""
    built: list[Office] = []

    def make(**more: object) -> Office:
        secret = tmp_path / "secret"
        secret.write_text(CLIENT_SECRET)
        secret.chmod(0o600)
        given: dict[str, object] = {
            "oidc__issuer": ISSUER,
            "oidc__client_id": CLIENT_ID,
            "oidc__secret_file": secret,
            "dashboard__wrong_per_minute": 100,
        }
        office = build_office(tmp_path, empty_database, **(given | more))
        built.append(office)
        return office

    yield make
    for office in built:
        office.house.close()


def issuer_of(office: Office, **more: Any) -> Issuer:
    made = Issuer(office.clock.now, **more)
    office.house.make_wire = lambda _party, _gate, _deadline_s: made  # type: ignore[assignment,return-value]
    return made


def come_back(office: Office, issuer: Issuer, browser: Browser | None = None, following: str = "") -> Seen:
    browser = browser or Browser(office.app)
    browser.see(f"{ROOT}/sign-in")
    seen = browser.get(f"{START}?next={following}")
    assert seen.status == 303, seen.text
    there = urlsplit(issuer.consented(seen.to))
    return browser.get(f"{there.path}?{there.query}")


@pytest.fixture
def office(begin: Begin) -> Office:
    made = begin()
    a_member(made, Role.TENANT_STAFF, email="office@example.com", password=None)
    return made


def test_staff_signs_in_at_the_issuer(office: Office) -> None:
    issuer = issuer_of(office)
    browser = Browser(office.app)
    assert "Sign in with your organisation" in browser.see(f"{ROOT}/sign-in").text

    wanted = f"{ROOT}/{office.tenant.id}/invoices"
    seen = come_back(office, issuer, browser, wanted)

    assert (seen.status, seen.to, issuer.refused) == (303, wanted, [])
    assert browser.see(wanted).status == 200
    assert staff.get(None, "office@example.com").subject == f"{ISSUER} person-1"


def test_the_issuer_s_configuration_and_keys_are_kept(office: Office) -> None:
    issuer = issuer_of(office)
    for _ in range(3):
        assert come_back(office, issuer).status == 303
    assert len([one for one in issuer.asked if one.startswith("GET")]) == 2


def test_a_public_client_proves_itself_by_pkce_alone(begin: Begin) -> None:
    office = begin(oidc__secret_file="")
    a_member(office, Role.TENANT_STAFF, email="office@example.com", password=None)
    issuer = issuer_of(office, public=True)
    assert (come_back(office, issuer).status, issuer.refused) == (303, [])


@pytest.mark.parametrize(("kind", "algorithm"), [("EC", "ES256"), ("RSA", "PS256")])
def test_tokens_may_be_signed_in_several_ways(office: Office, kind: str, algorithm: str) -> None:
    issuer = issuer_of(office, keys=[another_key("k2", kind)], algorithm=algorithm)
    assert come_back(office, issuer).status == 303


def test_a_key_that_was_rotated_is_asked_for_once_in_a_minute(office: Office) -> None:
    issuer = issuer_of(office)
    assert come_back(office, issuer).status == 303
    issuer.keys.append(another_key("k2"))
    assert come_back(office, issuer).status == 403
    office.clock.move(minutes=2)
    assert come_back(office, issuer).status == 303


# --- what is refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://login.example.org"},
        {"iss": None},
        {"aud": "another-client"},
        {"aud": ["another-client", "a-third"]},
        {"aud": [CLIENT_ID, "another-client"]},
        {"aud": [CLIENT_ID, "another-client"], "azp": "another-client"},
        {"aud": None},
        {"azp": "another-client"},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": 1},
        {"exp": None},
        {"iat": 4_102_444_800},
        {"sub": None},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email": "stranger@example.com"},
        {"email": None},
        {"email": "office@example.com\n"},
        {"email": ["office@example.com"]},
    ],
    ids=str,
)
def test_a_token_that_is_not_for_us_here_and_now_signs_nobody_in(
    office: Office, claims: dict[str, Any]
) -> None:
    issuer = issuer_of(office, claims=claims)
    browser = Browser(office.app)
    seen = come_back(office, issuer, browser)
    assert (seen.status, seen.header("X-Error-Code")) == (403, "WB-ACCESS-OIDC")
    assert COOKIE not in browser.cookies


def unsigned(token: str) -> str:
    head = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).decode().rstrip("=")
    return f"{head}.{token.split('.')[1]}."


def signed_with_what_everybody_has(token: str) -> str:
    """HS256 over the public key: the oldest trick there is."""
    head = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": "k1"}).encode()).decode().rstrip("=")
    return f"{head}.{token.split('.')[1]}.{'A' * 43}"


@pytest.mark.parametrize(
    "spoil",
    [
        unsigned,
        signed_with_what_everybody_has,
        lambda token: token[:-8] + "AAAAAAAA",
        lambda token: token.replace(".", ".eyJzdWIiOiJ4In0", 1),
        lambda _token: "not.a.token",
        lambda _token: "",
        lambda _token: "x" * 20_000,
        lambda _token: 7,
    ],
)
def test_a_token_that_the_issuer_did_not_sign_signs_nobody_in(office: Office, spoil: Any) -> None:
    issuer = issuer_of(office, spoil=spoil)
    assert come_back(office, issuer).status in (403, 502)


def test_another_key_under_the_same_name_signs_nobody_in(office: Office) -> None:
    issuer = issuer_of(office, signing=another_key("k1"))
    assert come_back(office, issuer).status == 403


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://login.example.org"},
        {"token_endpoint": "http://login.example.net/token"},
        {"authorization_endpoint": None},
        {"jwks_uri": "file:///etc/passwd"},
    ],
    ids=str,
)
def test_an_issuer_that_leads_astray_is_not_followed(office: Office, document: dict[str, Any]) -> None:
    issuer_of(office, document=document)
    browser = Browser(office.app)
    browser.see(f"{ROOT}/sign-in")
    assert browser.get(START).status == 502


def test_what_was_begun_in_another_browser_ends_nowhere(office: Office) -> None:
    """Else somebody could sign another in as themselves."""
    issuer = issuer_of(office)
    theirs = Browser(office.app)
    theirs.see(f"{ROOT}/sign-in")
    there = urlsplit(issuer.consented(theirs.get(START).to))
    victim = Browser(office.app)
    victim.see(f"{ROOT}/sign-in")
    assert victim.get(f"{there.path}?{there.query}").status == 403
    assert Browser(office.app).get(f"{there.path}?{there.query}").status == 403


def test_a_code_works_once_and_a_state_for_ten_minutes(office: Office) -> None:
    issuer = issuer_of(office)
    browser = Browser(office.app)
    browser.see(f"{ROOT}/sign-in")
    first = urlsplit(issuer.consented(browser.get(START).to))
    late = urlsplit(issuer.consented(browser.get(START).to))
    assert browser.get(f"{first.path}?{first.query}").status == 303
    browser.cookies.pop(COOKIE)
    assert browser.get(f"{first.path}?{first.query}").status == 403
    office.clock.move(minutes=11)
    assert browser.get(f"{late.path}?{late.query}").status == 403


@pytest.mark.parametrize(
    "query", ["", "code=c", "state=s&code=c", "error=access_denied", "state=%00&code=c", f"state={'A' * 400}"]
)
def test_who_was_never_sent_there_does_not_come_back(office: Office, query: str) -> None:
    issuer_of(office)
    assert Browser(office.app).get(f"{ROOT}/oidc?{query}").status in (400, 403, 422)


def test_the_way_on_stays_here(office: Office) -> None:
    issuer = issuer_of(office)
    assert come_back(office, issuer, following="https://evil.example.com").to == ROOT


def test_a_state_tells_nothing_and_cannot_be_changed(office: Office) -> None:
    issuer = issuer_of(office)
    browser = Browser(office.app)
    browser.see(f"{ROOT}/sign-in")
    asked = parse_qs(urlsplit(browser.get(START).to).query)
    state = asked["state"][0]
    assert asked["nonce"][0].encode() not in base64.urlsafe_b64decode(state + "==")
    there = issuer.consented(f"{ISSUER}/authorize?{urlencode({k: v[0] for k, v in asked.items()})}")
    spoilt = there.replace(state[-12:], "AAAAAAAAAAAA")
    assert browser.get(f"{ROOT}/oidc?{urlsplit(spoilt).query}").status == 403


# --- who is staff ---------------------------------------------------------------------------------------


def test_an_address_that_was_bound_belongs_to_nobody_else_there(office: Office) -> None:
    issuer = issuer_of(office)
    assert come_back(office, issuer).status == 303
    issuer.claims = {"sub": "person-2"}
    assert come_back(office, issuer).status == 403
    issuer.claims = {"sub": "person-1", "email": "renamed@example.com"}
    assert come_back(office, issuer).status == 303


def test_who_is_disabled_does_not_come_in_by_the_issuer_either(office: Office) -> None:
    issuer = issuer_of(office)
    row, now = staff.get(None, "office@example.com"), office.clock.now()
    office.house.store.write("test", lambda: staff.disable(row, actor="test", now=now))
    assert come_back(office, issuer).status == 403


def test_only_addresses_of_the_named_domains_come_in(begin: Begin) -> None:
    office = begin(oidc__domains='["example.org"]')
    a_member(office, Role.TENANT_STAFF, email="office@example.com", password=None)
    a_member(office, Role.TENANT_ADMIN, email="office@example.org", password=None)
    issuer = issuer_of(office)
    assert come_back(office, issuer).status == 403
    issuer.claims = {"sub": "person-2", "email": "office@example.org"}
    assert come_back(office, issuer).status == 303


def test_a_claim_makes_somebody_staff_changes_their_role_and_takes_it_away(begin: Begin) -> None:
    office = begin(
        oidc__roles='["net-ops = platform_admin", "net-office = tenant_staff"]', oidc__tenant="wisp-1"
    )
    issuer = issuer_of(office, claims={"groups": ["everybody", "net-office"]})
    assert come_back(office, issuer).status == 303
    row = staff.get(None, "office@example.com")
    assert (row.role, row.tenant_id, row.by_claim) == ("tenant_staff", office.tenant.id, True)

    issuer.claims = {"groups": ["net-ops", "net-office"]}
    browser = Browser(office.app)
    assert come_back(office, issuer, browser).status == 303
    assert browser.get(ROOT).to == f"{ROOT}/tenants"

    issuer.claims = {"groups": ["everybody"]}
    assert come_back(office, issuer).status == 403
    issuer.claims = {}
    assert come_back(office, issuer).status == 403


def test_a_claim_without_a_tenant_makes_nobody_staff(begin: Begin) -> None:
    office = begin(oidc__roles='["net-office = tenant_staff"]')
    issuer = issuer_of(office, claims={"groups": "net-office"})
    assert come_back(office, issuer).status == 403
    assert staff.count() == 0


def test_without_an_issuer_there_is_no_such_page(begin: Begin) -> None:
    office = begin(oidc__issuer="")
    browser = Browser(office.app)
    assert "organisation" not in browser.see(f"{ROOT}/sign-in").text
    assert browser.get(START).status == 404


def test_who_tries_from_elsewhere_does_not_stand_in_the_way(begin: Begin) -> None:
    office = begin(dashboard__wrong_per_minute=5)
    a_member(office, Role.TENANT_STAFF, email="office@example.com", password=None)
    issuer = issuer_of(office)
    stranger = Browser(office.app, address="203.0.113.9")
    answers = [stranger.get(f"{ROOT}/oidc?state=x&code=y").status for _ in range(30)]
    assert answers.count(429) == 10
    assert come_back(office, issuer).status == 303


def test_an_issuer_that_hangs_leaves_the_threads_to_others(office: Office) -> None:
    issuer_of(office)
    browser = Browser(office.app)
    browser.see(f"{ROOT}/sign-in")
    with entering.one_of_few(entering._AT_ISSUER), entering.one_of_few(entering._AT_ISSUER):
        assert browser.get(START).status == 429
    assert browser.get(START).status == 303


def test_the_client_secret_is_in_no_answer_and_no_log(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    issuer = issuer_of(office)
    browser = Browser(office.app)
    come_back(office, issuer, browser)
    told = capsys.readouterr()
    assert CLIENT_SECRET.encode() not in browser.everything
    assert CLIENT_SECRET not in told.out + told.err
