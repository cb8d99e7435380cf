"""Signing in: who may, how often they may try, where they land, and when it is over."""

from __future__ import annotations

import peewee as pw
import psycopg
import pytest

from daemon.store import audit, sessions, staff
from daemon.store.tokens import Role
from daemon.web.dashboard import entering
from tests.api.asking import Office
from tests.browsing import Browser
from tests.dashboard.staffed import PASSWORD, ROOT, SIGN_IN, a_member, hashed, signed_in, try_in

COOKIE = "__Host-wb-dashboard"


def test_a_password_opens_the_tenant_s_overview(office: Office) -> None:
    row = a_member(office, Role.TENANT_STAFF)
    browser = signed_in(office, row)

    assert browser.get(ROOT).to == f"{ROOT}/{office.tenant.id}/overview"
    assert "Overview" in browser.see(f"{ROOT}/{office.tenant.id}/overview").text
    actions = [one.action for one in audit.latest(tenant_id=office.tenant.id)]
    assert "staff.signed_in" in actions


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("tenant-staff@example.com", "another long canary"),
        ("nobody@example.com", PASSWORD),
        ("", ""),
        ("tenant-staff@example.com", ""),
        ("tenant-staff@example.com", "x" * 60_000),
        ("' OR 1=1 --", "' OR 1=1 --"),
        ("tenant-staff@example.com\n", "x\ny"),
    ],
)
def test_what_is_wrong_signs_nobody_in_and_says_no_more_than_that(
    office: Office, email: str, password: str
) -> None:
    a_member(office, Role.TENANT_STAFF)
    browser = Browser(office.app)
    seen = try_in(browser, email, password)

    assert seen.status == 403
    assert "do not belong together" in seen.text
    assert COOKIE not in browser.cookies
    assert not password or password not in seen.html


def test_who_has_no_password_signs_in_with_none(office: Office) -> None:
    a_member(office, Role.TENANT_STAFF, password=None)
    for password in ("", "None", PASSWORD):
        assert try_in(Browser(office.app), "tenant-staff@example.com", password).status == 403


def test_the_page_says_what_to_do_where_nobody_may_sign_in(office: Office) -> None:
    assert "wispbill staff add" in Browser(office.app).see(SIGN_IN).text


# --- brute force --------------------------------------------------------------------------------------


def test_guessing_is_slowed_down_and_the_right_password_does_not_help(office: Office) -> None:
    a_member(office, Role.TENANT_STAFF)
    browser = Browser(office.app)
    answers = [try_in(browser, "tenant-staff@example.com", f"guess number {n}").status for n in range(8)]

    assert answers == [403] * 5 + [429] * 3
    assert try_in(browser, "tenant-staff@example.com").status == 429
    office.clock.move(minutes=1)
    assert try_in(browser, "tenant-staff@example.com").status == 303


def test_an_address_may_not_try_everybody(office: Office) -> None:
    browser = Browser(office.app)
    answers = [try_in(browser, f"somebody{n}@example.com").status for n in range(25)]
    assert answers == [403] * 20 + [429] * 5


def test_whoever_guesses_from_everywhere_does_not_lock_the_office_out(office: Office) -> None:
    row = a_member(office, Role.TENANT_STAFF)
    signed_in(office, row)
    answers = []
    for n in range(14):
        guesser = Browser(office.app, address=f"203.0.113.{n}")
        answers.append(try_in(guesser, row.email, "a guess").status)

    assert answers == [403] * 9 + [429] * 5, "strangers share a bucket, and one was taken above"
    assert try_in(Browser(office.app), row.email).status == 303, "the office has one of its own"


def test_a_flood_of_passwords_leaves_the_threads_to_others(office: Office) -> None:
    a_member(office, Role.TENANT_STAFF)
    browser = Browser(office.app)
    with entering.one_of_few(), entering.one_of_few():
        seen = try_in(browser, "tenant-staff@example.com")
    assert (seen.status, seen.header("X-Error-Code")) == (429, "WB-INPUT-TOO-FAST")
    assert try_in(browser, "tenant-staff@example.com").status == 303


# --- where it leads, and to whom ------------------------------------------------------------------------


def test_a_page_that_was_wanted_is_shown_after_signing_in(office: Office) -> None:
    row = a_member(office, Role.TENANT_STAFF)
    wanted = f"{ROOT}/{office.tenant.id}/invoices"
    browser = Browser(office.app)

    assert browser.get(wanted).to == f"{SIGN_IN}?next={wanted}"
    assert try_in(browser, row.email, following=wanted).to == wanted


@pytest.mark.parametrize(
    "following",
    [
        "https://evil.example.com/dashboard",
        "//evil.example.com/dashboard",
        "/\\evil.example.com/dashboard",
        "/dashboard\\@evil.example.com",
        "/dashboardevil",
        "/api/openapi.json",
        "/dashboard/../api/docs",
        "javascript:alert(1)",
        "/dashboard/sign-in",
        "/dashboard\r\nSet-Cookie: a=b",
        "x" * 3000,
    ],
)
def test_the_way_on_never_leads_away(office: Office, following: str) -> None:
    row = a_member(office, Role.TENANT_STAFF)
    browser = Browser(office.app)
    browser.see(SIGN_IN)
    seen = browser.post(SIGN_IN, {"email": row.email, "password": PASSWORD, "next": following})
    assert (seen.status, seen.to) == (303, ROOT)


def test_a_session_from_before_is_worth_nothing_after_signing_in(office: Office) -> None:
    """Somebody who knows it, or put it there, sees nothing of what follows."""
    row = a_member(office, Role.TENANT_STAFF)
    planted = Browser(office.app)
    planted.cookies[COOKIE] = "A" * 43
    assert try_in(planted, row.email).status == 303
    assert planted.cookies[COOKIE] != "A" * 43

    first = dict(planted.cookies)
    planted.see(f"{ROOT}/account")
    planted.cookies.pop(COOKIE)
    assert try_in(planted, row.email).status == 303
    assert planted.cookies[COOKIE] != first[COOKIE]


def test_the_session_of_before_ends_also_where_the_database_repeats_the_transaction(office: Office) -> None:
    row = a_member(office, Role.TENANT_STAFF)
    browser = signed_in(office, row)
    browser.see(f"{ROOT}/account")
    refusals = [psycopg.errors.SerializationFailure()]

    def refuse_once(point: str) -> None:
        if point == "dashboard.sign_in:before-commit" and refusals:
            raise pw.OperationalError from refusals.pop()

    office.house.store.probe = refuse_once
    assert browser.post(SIGN_IN, {"email": row.email, "password": PASSWORD}).status == 303

    there = sessions.listing(row.tenant_id, sessions.DASHBOARD, user_id=row.id, now=office.clock.now())
    assert not refusals
    assert [one.hash for one in there] == [sessions.hashed(browser.cookies[COOKIE])]


def test_the_visit_of_before_cannot_send_the_session_s_forms(office: Office) -> None:
    row = a_member(office, Role.TENANT_STAFF)
    browser = Browser(office.app)
    browser.see(SIGN_IN)
    before = browser.token
    assert try_in(browser, row.email).status == 303
    browser.see(f"{ROOT}/account")
    assert browser.post(f"{ROOT}/sign-out", {"token": before}).status == 403
    assert browser.post(f"{ROOT}/sign-out").status == 200
    assert browser.get(f"{ROOT}/account").status == 303


def test_another_site_signs_nobody_in(office: Office) -> None:
    row = a_member(office, Role.TENANT_STAFF)
    browser = Browser(office.app)
    browser.see(SIGN_IN)
    fields = {"email": row.email, "password": PASSWORD}
    assert browser.post(SIGN_IN, fields, sec_fetch_site="cross-site").status == 403
    assert browser.post(SIGN_IN, fields | {"token": "x"}).status == 403
    assert COOKIE not in browser.cookies


# --- when it is over ------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["disabled", "removed", "password", "role"])
def test_a_session_ends_at_once_when_its_holder_changes(office: Office, what: str) -> None:
    row = a_member(office, Role.TENANT_STAFF)
    browser = signed_in(office, row)
    overview = f"{ROOT}/{office.tenant.id}/overview"
    browser.see(overview)
    now = office.clock.now()
    change = {
        "disabled": lambda: staff.disable(row, actor="test", now=now),
        "removed": lambda: staff.remove(row, actor="test", now=now),
        "password": lambda: staff.set_password(row, hashed("another long canary"), actor="test", now=now),
        "role": lambda: staff.change(row, {"role": "read_only"}, "staff.changed", actor="test", now=now),
    }[what]
    office.house.store.write("test", change)

    assert browser.get(overview).status == 303
    assert sessions.listing(office.tenant.id, sessions.DASHBOARD, user_id=row.id, now=now) == []


def test_who_is_disabled_cannot_come_back(office: Office) -> None:
    row = a_member(office, Role.TENANT_STAFF)
    now = office.clock.now()
    office.house.store.write("test", lambda: staff.disable(row, actor="test", now=now))
    assert try_in(Browser(office.app), row.email).status == 403


def test_a_session_ends_by_itself(office: Office) -> None:
    browser = signed_in(office, a_member(office, Role.TENANT_STAFF))
    office.clock.move(minutes=31)
    assert browser.get(f"{ROOT}/account").status == 303


def test_one_s_own_password_is_changed_with_the_old_one_and_others_are_out(office: Office) -> None:
    row = a_member(office, Role.TENANT_STAFF)
    here, there = signed_in(office, row), signed_in(office, row)
    change = f"{ROOT}/account/password"
    here.see(f"{ROOT}/account")

    wrong = here.post(change, {"old": "not the old one", "new": "another long canary"})
    short = here.post(change, {"old": PASSWORD, "new": "short"})
    assert (wrong.status, short.status) == (400, 400)
    assert "12 to 200 characters" in short.text

    assert here.send(change, {"old": PASSWORD, "new": "another long canary"}).status == 200
    assert there.get(f"{ROOT}/account").status == 303
    office.clock.move(minutes=1)
    assert try_in(Browser(office.app), row.email).status == 403
    assert try_in(Browser(office.app), row.email, "another long canary").status == 303


def test_one_ends_one_s_own_sessions_and_nobody_else_s(office: Office) -> None:
    row = a_member(office, Role.TENANT_STAFF)
    here, there = signed_in(office, row), signed_in(office, row)
    other = a_member(office, Role.TENANT_ADMIN)
    signed_in(office, other)
    now = office.clock.now()
    mine, theirs = (
        sessions.listing(office.tenant.id, sessions.DASHBOARD, user_id=one.id, now=now)
        for one in (row, other)
    )
    here.see(f"{ROOT}/account")

    assert here.post(f"{ROOT}/account/sessions/{theirs[0].id}/end").status == 404
    for session in mine:
        here.post(f"{ROOT}/account/sessions/{session.id}/end")
    assert there.get(f"{ROOT}/account").status == 303


def test_the_password_is_in_no_answer_and_no_log(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    browser = signed_in(office, a_member(office, Role.TENANT_STAFF))
    browser.see(f"{ROOT}/account")
    try_in(Browser(office.app), "nobody@example.com", PASSWORD)
    told = capsys.readouterr()
    assert PASSWORD.encode() not in browser.everything
    assert PASSWORD not in told.out + told.err
