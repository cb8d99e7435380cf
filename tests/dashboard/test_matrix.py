"""Every page for every role, with what is one's own, another tenant's, and nobody's: from the table."""

from __future__ import annotations

import re

import pytest

from daemon.store.tokens import Role
from daemon.web.dashboard.addresses import WITHIN
from daemon.web.dashboard.face import SPOTS, dashboard
from daemon.web.dashboard.within import Spot
from tests.api.asking import Office
from tests.browsing import Browser
from tests.dashboard.staffed import MISSING, ROLES, ROOT, World, filled

FORMS = {
    "sync": {},
    "needs/{differenceId}/settle": {"note": "it is ours"},
    "customers/{customerId}/say": {"kind": "hold", "reason": "asked for"},
    "customers/{customerId}/grant": {"may_connect": "yes"},
    "invoices/{invoiceId}/void": {"sure": "INV-wisp-1"},
    "integrations/{integrationId}/release-brake": {"sure": "yes"},
    "integrations/{integrationId}/settings": {"pace": "hourly", "pull_status": "yes"},
    "tickets/{ticketId}/say": {"text": "It was."},
    "held/release-brake": {"sure": "yes"},
    "invoices/{invoiceId}/payments": {"amount": "1.00", "method": "cash", "once": "form-1"},
}
DONE = (200, 303)
CANNOT = {
    "invoices/{invoiceId}/void": 409,
    "customers/{customerId}/approve": 404,
    "integrations/{integrationId}/release-brake": 422,
    "held/release-brake": 422,
}
"""What these two tenants have nothing for."""


def ask(browser: Browser, spot: Spot, names: dict[str, str]) -> int:
    path = filled(f"{WITHIN}/{spot.path}", names)
    if spot.path == "sync" and spot.method == "GET":
        path += "?since=1000000"
    if spot.method == "GET":
        return browser.get(path).status
    browser.see(f"{ROOT}/account")
    return browser.post(path, FORMS.get(spot.path, {})).status


@pytest.mark.parametrize("role", ROLES)
def test_each_page_is_open_to_its_roles_and_shows_one_s_own_alone(world: World, role: Role) -> None:
    browser = world.browser(role)
    is_platform = role is Role.PLATFORM_ADMIN
    for spot in SPOTS:
        name = f"{spot.method} {spot.path} as {role.value}"
        allowed = role in spot.rule.roles
        own, other = ask(browser, spot, world.own), ask(browser, spot, world.other)
        if not allowed:
            assert (own, other) == (403, 403), name
            continue
        usual = (CANNOT[spot.path],) if spot.path in CANNOT else DONE
        assert own in usual, name
        assert other == 404 if not is_platform else other in (*DONE, 404, 422), name
        mixed = world.other | {"tenantId": world.own["tenantId"]}
        if spot.path.count("{") and not spot.path.startswith("reports"):
            assert ask(browser, spot, mixed) == 404, f"{name}, another's below one's own"
        assert ask(browser, spot, MISSING) == 404, f"{name}, missing"


@pytest.mark.parametrize("spot", SPOTS, ids=lambda spot: f"{spot.method} {spot.path}")
def test_nobody_sees_a_page_without_signing_in(world: World, spot: Spot) -> None:
    path = filled(f"{WITHIN}/{spot.path}", world.own)
    seen = Browser(world.office.app).ask(spot.method, path)
    assert (seen.status, (seen.to or "").partition("?")[0]) == (303, f"{ROOT}/sign-in")


def test_every_page_has_a_rule(office: Office) -> None:
    assert all(page.rule.anybody or page.rule.roles for page in dashboard(office.house).pages)
    open_to_all = {page.name for page in dashboard(office.house).pages if page.rule.anybody}
    assert open_to_all == {
        "GET /dashboard/sign-in",
        "POST /dashboard/sign-in",
        "GET /dashboard/oidc/start",
        "GET /dashboard/oidc",
    }


def test_who_may_only_read_is_shown_no_button(world: World) -> None:
    browser = world.browser(Role.READ_ONLY)
    for spot in SPOTS:
        if (
            spot.method == "GET"
            and "format" not in spot.path
            and "pdf" not in spot.path
            and Role.READ_ONLY in spot.rule.roles
        ):
            path = filled(f"{WITHIN}/{spot.path}", world.own)
            seen = browser.get(f"{path}?since=1000000" if spot.path == "sync" else path)
            posting = re.findall(r'<form method="post" action="([^"]+)"', seen.html)
            assert posting == [f"{ROOT}/sign-out"], spot.path


def test_the_platform_chooses_a_tenant_and_the_choice_is_in_that_tenants_audit(world: World) -> None:
    browser = world.browser(Role.PLATFORM_ADMIN)
    assert browser.get(ROOT).to == f"{ROOT}/tenants"
    assert browser.see(f"{ROOT}/tenants").html.count("/overview") == 2
    for _ in range(3):
        browser.see(f"{ROOT}/{world.own['tenantId']}/overview")
    seen = browser.see(f"{ROOT}/{world.own['tenantId']}/audit")
    assert seen.text.count("staff: crossed") == 1


def test_the_list_of_tenants_is_the_platform_s_alone(world: World) -> None:
    assert world.browser(Role.TENANT_ADMIN).get(f"{ROOT}/tenants").status == 403
