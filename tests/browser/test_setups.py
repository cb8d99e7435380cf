"""Each provider's set-up in a real browser, against its sandbox: with a wrong key, with the right one, by
consent; and what a session's end or another site's form comes to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from daemon.store import integrations, records
from tests.browser.conftest import CHROMIUM, SKIPPED
from tests.browser.looking import accessible, enter, fits, shows
from tests.browser.running import Running, run

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.long

SETUP = "/customer-portal/billing/setup"


@pytest.fixture(scope="module")
def all_six(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    if CHROMIUM is None:
        pytest.skip(SKIPPED)
    made = run(tmp_path_factory.mktemp("wispbill"))
    yield made
    made.close()


def begin(page: Page, running: Running, provider: str) -> records.Customer:
    """At the provider's form, as a customer of one's own."""
    customer = running.a_customer(may_connect=True)
    enter(page, running.link(customer, "setup"))
    page.goto(f"{running.url}{SETUP}/new/{provider}")
    fits(page)
    accessible(page)
    return customer


def fill(page: Page, prefix: str, document: dict[str, object]) -> None:
    """Type a document into the fields that stand for it."""
    for name, value in document.items():
        if isinstance(value, dict):
            fill(page, f"{prefix}.{name}", value)
            continue
        field = page.locator(f'[name="{prefix}.{name}"]:not([type=hidden])').first
        field.evaluate("node => { for (let d = node.closest('details'); d; d = null) d.open = true; }")
        if field.evaluate("node => node.tagName") == "SELECT":
            field.select_option(str(value))
        else:
            field.fill(str(value))


def saved(page: Page, running: Running, customer: records.Customer) -> records.Integration:
    page.get_by_role("button", name="Test connection").click()
    page.get_by_text("The keys are accepted.").wait_for()
    accessible(page)
    page.get_by_role("button", name="Save").click()
    page.get_by_text("is connected.").wait_for()
    fits(page)
    accessible(page)
    row = integrations.at_place(customer.tenant_id, customer.id)
    assert row is not None
    return row


@pytest.mark.parametrize("provider", ["stripe", "paypal", "square", "custom_webhook"])
def test_keys_are_refused_then_accepted(page: Page, all_six: Running, provider: str) -> None:
    seat = all_six.stands[provider].seat
    customer = begin(page, all_six, provider)
    wrong = {name: _spoiled(value) for name, value in seat.credentials.items()}
    if page.locator('[name="mode"]').count():
        page.locator('[name="mode"][value="sandbox"]').check()
    fill(page, "credentials", wrong)
    fill(page, "settings", seat.settings)
    page.get_by_role("button", name="Test connection").click()
    page.get_by_role("alert").wait_for()
    accessible(page)
    for value in wrong.values():
        if len(str(value)) > 12:
            assert str(value) not in page.locator("input[type=password]").evaluate_all(
                "nodes => nodes.map(node => node.value)"
            )

    fill(page, "credentials", seat.credentials)
    row = saved(page, all_six, customer)

    assert (row.provider, row.account_id, row.state) == (provider, seat.account_id, "active")
    if provider == "square":
        proven(page, row)


def proven(page: Page, row: records.Integration) -> None:
    """Square's test delivery comes, verifies, and its time is shown."""
    shows(page.get_by_text("Registered by us."))
    assert row.webhook_url and page.get_by_text(row.webhook_url).is_visible()
    page.get_by_role("button", name="Send a test delivery").click()
    page.get_by_text("A test delivery was asked for.").wait_for()
    for _ in range(50):
        if integrations.get(None, row.id).webhook_seen_at is not None:
            break
        page.wait_for_timeout(100)
    page.reload()
    assert not page.get_by_text("none yet").is_visible()


def _spoiled(value: object) -> str:
    """The same form, another key."""
    text = str(value)
    return text[:-6] + ("a" * 6 if not text.endswith("a" * 6) else "b" * 6)


@pytest.mark.parametrize("provider", ["quickbooks", "xero"])
def test_consent_leads_there_and_back_into_the_portal(page: Page, all_six: Running, provider: str) -> None:
    all_six.an_app(provider)
    seat = all_six.stands[provider].seat
    customer = begin(page, all_six, provider)
    page.get_by_text("Settings, which you can change later").first.click()
    fill(page, "settings", seat.settings)

    page.get_by_role("button", name="Go on to").click()
    shows(page.get_by_role("heading", name="Go on at"))
    accessible(page)
    page.get_by_role("link", name="Go to").click()
    page.wait_for_url(lambda url: "/customer-portal/" not in url)
    consented(page)
    fits(page)
    accessible(page)
    page.get_by_role("link", name="Go on in your account").click()

    page.wait_for_url(f"{all_six.url}{SETUP}")
    fits(page)
    accessible(page)
    row = integrations.at_place(customer.tenant_id, customer.id)
    assert row is not None
    assert (row.provider, row.account_id, row.state) == (provider, seat.account_id, "active")
    assert row.grant_id


def consented(page: Page) -> None:
    """On the sandbox's own page, where it shows one."""
    button = page.get_by_role("button")
    if "/oauth/callback/" not in page.url and button.count():
        button.first.click()
    page.wait_for_url("**/oauth/callback/**")


def test_a_session_that_ended_under_way_loses_nothing_but_the_visit(page: Page, all_six: Running) -> None:
    begin(page, all_six, "stripe")
    page.context.clear_cookies()

    page.locator("input[type=password]").fill("sk_test_" + "0" * 24)
    page.get_by_role("button", name="Test connection").click()

    shows(page.get_by_text("ask your internet provider for a new one"))
    accessible(page)


def test_a_form_on_another_site_does_nothing(page: Page, all_six: Running) -> None:
    """The browser's own word about where a form comes from, and the cookie that it leaves at home."""
    customer = begin(page, all_six, "stripe")
    evil = (
        f'<form method="post" action="{all_six.url}/customer-portal/sign-out">'
        '<input name="token" value="x"><button>Win</button></form>'
    )
    page.route("http://evil.example/", lambda route: route.fulfill(body=evil, content_type="text/html"))
    page.goto("http://evil.example/")
    page.get_by_role("button", name="Win").click()
    page.wait_for_url(f"{all_six.url}/**")

    page.goto(f"{all_six.url}{SETUP}")

    shows(page.get_by_role("heading", name="Which billing system"))
    assert customer.may_connect
