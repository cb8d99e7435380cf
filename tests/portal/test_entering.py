"""The way in: a link works once, a session ends, and nobody else's form does anything."""

from __future__ import annotations

import re

import pytest

from daemon.store import audit, customers, portal_links, sessions
from tests.api.asking import Office
from tests.browsing import Browser
from tests.portal.entering import ENTER, a_link, entered, open_link

SESSIONS = "/customer-portal/sessions"
OUT = "/customer-portal/sign-out"


def test_a_link_opens_the_account_with_its_button(office: Office) -> None:
    browser = Browser(office.app)

    seen = open_link(browser, a_link(office, office.customer))

    assert (seen.status, seen.to) == (303, "/customer-portal/billing/invoices")
    assert browser.see(SESSIONS).text.count("Test browser") == 1


def test_a_scanner_that_opens_the_link_does_not_use_it_up(office: Office) -> None:
    token = a_link(office, office.customer)
    for _ in range(5):
        Browser(office.app).see(f"{ENTER}?link={token}")
        assert Browser(office.app).ask("HEAD", f"{ENTER}?link={token}").status == 200

    assert open_link(Browser(office.app), token).status == 303


def test_a_link_works_once_and_says_what_to_do_then(office: Office) -> None:
    token = a_link(office, office.customer)
    open_link(Browser(office.app), token)
    late = Browser(office.app)

    seen = late.get(f"{ENTER}?link={token}")
    pressed = late.post(ENTER, {"link": token})

    assert seen.status == 410 and "ask your internet provider for a new one" in seen.text
    assert pressed.status in (403, 410)
    assert not [name for name in late.cookies if not name.endswith("-visit")]


def test_two_buttons_at_once_begin_one_session(office: Office) -> None:
    token = a_link(office, office.customer)
    first, second = Browser(office.app), Browser(office.app)
    first.see(f"{ENTER}?link={token}")
    second.see(f"{ENTER}?link={token}")

    assert first.post(ENTER, {"link": token}).status == 303
    assert second.post(ENTER, {"link": token}).status == 410
    assert second.get(SESSIONS).status == 403


def test_a_link_is_good_for_a_quarter_of_an_hour(office: Office) -> None:
    token = a_link(office, office.customer)
    office.clock.move(minutes=15)

    assert Browser(office.app).get(f"{ENTER}?link={token}").status == 410


@pytest.mark.parametrize("token", ["", "x", "a" * 43, "a" * 5000, "é" * 43, "../../etc/passwd", "%00"])
def test_a_link_that_is_none_is_told_the_same(office: Office, token: str) -> None:
    assert Browser(office.app).get(f"{ENTER}?link={token}").status in (410, 413, 422)


def test_only_hashes_of_links_and_sessions_are_kept(office: Office) -> None:
    token = a_link(office, office.customer)
    browser = Browser(office.app)
    open_link(browser, token)
    cookie = browser.cookies["__Host-wb-portal"]

    dump = "\n".join(office.house.store.db.connection().iterdump())

    assert token not in dump and cookie not in dump
    assert sessions.hashed(token) in dump and sessions.hashed(cookie) in dump


def test_the_cookie_is_for_this_host_alone_and_for_no_script(office: Office) -> None:
    browser = Browser(office.app)
    seen = open_link(browser, a_link(office, office.customer))

    [cookie] = [one for one in seen.all("Set-Cookie") if one.startswith("__Host-wb-portal=")]

    assert {"Path=/", "HttpOnly", "SameSite=Lax", "Secure"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert seen.header("Strict-Transport-Security")


def test_on_this_very_machine_it_works_without_tls(office: Office) -> None:
    browser = Browser(office.app, scheme="http", host="127.0.0.1:8470")

    seen = open_link(browser, a_link(office, office.customer))

    assert seen.status == 303 and "Secure" not in seen.header("Set-Cookie")
    assert not seen.header("Strict-Transport-Security")
    browser.see(SESSIONS)


def test_a_session_ends_when_nothing_happens(office: Office, browser: Browser) -> None:
    for _ in range(4):
        office.clock.move(minutes=25)
        browser.see(SESSIONS)
    office.clock.move(minutes=31)

    seen = browser.get(SESSIONS)

    assert seen.status == 403 and "ask your internet provider for a new one" in seen.text


def test_a_session_ends_after_half_a_day_in_any_case(office: Office, browser: Browser) -> None:
    for _ in range(29):
        office.clock.move(minutes=25)
        answer = browser.get(SESSIONS)

    assert answer.status == 403


def test_signing_out_ends_the_session_on_the_server_too(office: Office, browser: Browser) -> None:
    browser.see(SESSIONS)
    stolen = dict(browser.cookies)

    seen = browser.post(OUT)

    assert "You are signed out" in seen.text
    browser.cookies = stolen
    assert browser.get(SESSIONS).status == 403


def test_another_browser_can_be_ended_and_a_stranger_s_is_not_there(office: Office, browser: Browser) -> None:
    other = entered(office, office.customer)
    foreign = entered(office, office.foreigner)
    [foreign_id] = re.findall(r"/sessions/(wbw_\w+)/end", foreign.see(SESSIONS).html)
    own = set(re.findall(r"/sessions/(wbw_\w+)/end", browser.see(SESSIONS).html))
    assert foreign_id not in own and len(own) == 2

    assert browser.post(f"{SESSIONS}/{foreign_id}/end").status == 404
    for session_id in own:
        row = sessions.get(session_id)
        if row.hash != sessions.hashed(browser.cookies["__Host-wb-portal"]):
            assert "That browser is signed out." in browser.send(f"{SESSIONS}/{session_id}/end").text

    assert other.get(SESSIONS).status == 403 and foreign.get(SESSIONS).status == 200


def test_what_was_said_is_said_once(office: Office, browser: Browser) -> None:
    other = entered(office, office.customer)
    other.see(SESSIONS)
    for session_id in set(re.findall(r"/sessions/(wbw_\w+)/end", browser.see(SESSIONS).html)):
        if sessions.get(session_id).hash != sessions.hashed(browser.cookies["__Host-wb-portal"]):
            assert "That browser is signed out." in browser.send(f"{SESSIONS}/{session_id}/end").text

    assert "That browser is signed out." not in browser.see(SESSIONS).text


def test_signing_in_again_ends_the_session_before(office: Office, browser: Browser) -> None:
    before = dict(browser.cookies)

    assert open_link(browser, a_link(office, office.customer)).status == 303

    assert browser.cookies["__Host-wb-portal"] != before["__Host-wb-portal"]
    assert Browser(office.app, cookies=before).get(SESSIONS).status == 403


@pytest.mark.parametrize(
    "attack",
    [
        {"token": ""},
        {"token": "A" * 43},
        {"origin": "https://evil.example"},
        {"origin": "https://billing.example.com.evil.example"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "none"},
    ],
    ids=str,
)
def test_a_form_of_another_site_does_nothing(
    office: Office, browser: Browser, attack: dict[str, str]
) -> None:
    browser.see(SESSIONS)
    fields = {name: value for name, value in attack.items() if name == "token"}
    headers = {name: value for name, value in attack.items() if name != "token"}

    seen = browser.post(OUT, fields, **headers)

    assert seen.status == 403 and seen.header("X-Error-Code") == "WB-ACCESS-FORM"
    browser.see(SESSIONS)


def test_a_token_of_another_session_is_none(office: Office, browser: Browser) -> None:
    other = entered(office, office.neighbour)
    browser.see(SESSIONS)
    stranger_s = other.see(SESSIONS).token

    assert browser.post(OUT, {"token": stranger_s}).status == 403


def test_nobody_is_signed_in_by_a_form_of_another_site(office: Office) -> None:
    """Else a subscriber could be made to look at, and write into, an attacker's account."""
    attacker_s = a_link(office, office.foreigner)
    victim = Browser(office.app)

    assert victim.post(ENTER, {"link": attacker_s, "token": ""}).status == 403
    assert victim.post(ENTER, {"link": attacker_s}, sec_fetch_site="cross-site").status == 403
    assert "__Host-wb-portal" not in victim.cookies


def test_the_browser_s_own_word_counts_where_the_origin_is_hidden(office: Office, browser: Browser) -> None:
    """A page with `Referrer-Policy: no-referrer` makes browsers say `Origin: null` in its own forms."""
    browser.see(SESSIONS)

    assert browser.post(OUT, origin="null", sec_fetch_site="same-origin").status == 200


def test_a_customer_who_is_gone_sees_nothing(office: Office, browser: Browser) -> None:
    office.house.store.write(
        "test",
        lambda: customers.Customer.delete().where(customers.Customer.id == office.customer.id).execute(),
    )

    assert browser.get(SESSIONS).status == 403


def test_a_link_and_its_session_stand_in_the_audit(office: Office, browser: Browser) -> None:
    actions = [row.action for row in audit.latest(tenant_id=office.tenant.id)]

    assert {"portal.link_added", "session.begun"} <= set(actions)


def test_old_links_and_sessions_are_forgotten(office: Office, browser: Browser) -> None:
    now = office.clock.move(days=40)

    assert office.house.store.write("test", lambda: portal_links.forget_old(now)) == 1
    assert office.house.store.write("test", lambda: sessions.forget_old(now)) == 1


def test_the_address_without_a_page_leads_to_the_invoices(browser: Browser) -> None:
    for path in ("/customer-portal", "/customer-portal/"):
        assert browser.get(path).to == "/customer-portal/billing/invoices"
