"""Each page of the portal, whoever asks: made from the table of its pages, so that none is forgotten."""

from __future__ import annotations

import re

import pytest

from daemon.store import sessions
from daemon.store.tokens import Role
from daemon.web.pages import Page
from daemon.web.portal.face import PORTAL
from tests.api.asking import Office
from tests.browsing import Browser
from tests.portal.billed import an_invoice, grant
from tests.portal.entering import entered

CLOSED = [page for page in PORTAL.pages if not page.rule.anybody]
EACH = pytest.mark.parametrize("page", CLOSED, ids=lambda page: page.name)
OPEN = {"GET /customer-portal/enter", "POST /customer-portal/enter"}


def path_of(page: Page, **names: str) -> str:
    """With an id that is nobody's where none is named."""
    return re.sub(r"\{(\w+)\}", lambda found: names.get(found[1], "wbi_nobody0000000000000000000"), page.path)


def ask(browser: Browser, page: Page, **names: str) -> int:
    path = path_of(page, **names)
    return (browser.get(path) if page.method == "GET" else browser.post(path)).status


def test_only_the_door_is_open_to_everybody() -> None:
    assert {page.name for page in PORTAL.pages if page.rule.anybody} == OPEN


@EACH
def test_without_a_session_nothing_is_there_but_what_to_do(office: Office, page: Page) -> None:
    stranger = Browser(office.app)
    stranger.get("/customer-portal/enter?link=x")

    assert ask(stranger, page) == 403


@EACH
def test_a_session_of_another_face_or_role_opens_nothing(office: Office, page: Page) -> None:
    """A member of staff is no customer, and the cookie of one face is none of another."""
    browser = Browser(office.app)
    browser.get("/customer-portal/enter?link=x")
    for face, role in (("dashboard", Role.TENANT_ADMIN), ("portal", Role.READ_ONLY)):
        _row, token = office.house.store.write(
            "test",
            lambda face=face, role=role: sessions.begin(
                face=face,
                tenant_id=office.tenant.id,
                role=role.value,
                customer_id=office.customer.id,
                idle_s=900,
                life_s=900,
                now=office.clock.now(),
                entropy=office.house.entropy,
            ),
        )
        browser.cookies["__Host-wb-portal"] = token
        assert ask(browser, page) == 403


@pytest.mark.parametrize("page", [p for p in CLOSED if "{" in p.path], ids=lambda page: page.name)
def test_what_is_nobody_s_is_not_there(office: Office, page: Page) -> None:
    grant(office)
    browser = entered(office, office.customer)
    browser.see("/customer-portal/service")

    assert ask(browser, page) == 404


@pytest.mark.parametrize("page", [p for p in CLOSED if p.method == "POST"], ids=lambda page: page.name)
def test_no_form_is_taken_without_its_token(office: Office, page: Page) -> None:
    grant(office)
    browser = entered(office, office.customer)
    browser.see("/customer-portal/service")

    assert browser.post(path_of(page), {"token": ""}).status == 403
    assert browser.post(path_of(page), origin="https://evil.example").status == 403


@EACH
def test_a_page_takes_its_own_method_alone(office: Office, page: Page) -> None:
    browser = entered(office, office.customer)
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        assert browser.ask(method, path_of(page)).status == 405


def test_a_neighbour_s_invoice_is_no_more_there_than_nobody_s(office: Office) -> None:
    browser = entered(office, office.customer)
    browser.see("/customer-portal/service")
    theirs = an_invoice(office, customer=office.neighbour)
    for page in (page for page in CLOSED if "{invoiceId}" in page.path):
        assert ask(browser, page, invoiceId=theirs.id) == 404
