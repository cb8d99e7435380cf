"""The dashboard in a real browser: sign in, the state, has this customer paid, the invoice and its story;
sync with its progress; on a phone, without JavaScript, in the dark."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from daemon.store import records, staff, tickets
from daemon.store.tickets import Author
from daemon.store.tokens import Role
from daemon.vault import passwords
from tests.browser.conftest import DESK, opened
from tests.browser.looking import accessible, fits
from tests.browser.running import Running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

EMAIL, PASSWORD = "office@example.com", "a long enough canary"
PAGES = (
    "overview",
    "needs",
    "search?q=subscriber",
    "customers",
    "invoices",
    "tickets",
    "reports",
    "reports/ageing",
    "integrations",
    "more",
    "held",
    "charts",
    "alerts",
    "inbox",
    "jobs",
    "audit",
    "access",
)


@pytest.fixture(scope="module")
def billed(running: Running) -> tuple[records.Customer, list[records.Invoice]]:
    """An office; a customer with three invoices at Stripe (to pay, overdue, paid) and a question."""
    house = running.house
    running.an_integration("stripe")
    customer = running.a_customer(name="Subscriber 0001")
    rows = [running.an_invoice(customer, "50.00", due_in=days) for days in (14, -12, 3)]
    running.work()
    running.pay(rows[2])
    running.work()
    phc = passwords.hashed(SecretStr(PASSWORD), house.entropy)

    def work() -> None:
        now, entropy = house.clock.now(), house.entropy
        for email, role, where in (
            (EMAIL, Role.TENANT_ADMIN, running.tenant.id),
            ("ops@example.com", Role.PLATFORM_ADMIN, staff.PLATFORM),
        ):
            staff.add(
                tenant_id=where,
                email=email,
                name="",
                role=role,
                password=phc,
                actor="test",
                now=now,
                entropy=entropy,
            )
        tickets.open_(
            customer,
            "My invoice",
            "Did my payment arrive?",
            author=Author.SUBSCRIBER,
            actor="test",
            now=now,
            entropy=entropy,
        )

    house.store.write("test", work)
    return customer, rows


def sign_in(page: Page, running: Running, email: str = EMAIL) -> str:
    """The address of the tenant's pages."""
    page.goto(f"{running.url}/dashboard")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile(r"/(overview|tenants)$"))
    return f"{running.url}/dashboard/{running.tenant.id}"


Billed = tuple[records.Customer, list[records.Invoice]]


def test_from_signing_in_to_the_proof_that_it_was_paid(page: Page, running: Running, billed: Billed) -> None:
    _customer, rows = billed
    page.goto(f"{running.url}/dashboard")
    accessible(page)
    sign_in(page, running)
    assert page.get_by_role("heading", name="Everything agrees: 2 open invoices").is_visible()
    page.get_by_role("link", name="The report").first.wait_for()
    accessible(page)

    page.get_by_role("searchbox").fill(rows[2].number)
    page.get_by_role("button", name="Find").click()
    assert page.get_by_text("Yes: $50.00 was paid by card").is_visible()
    accessible(page)

    page.get_by_role("link", name=f"Invoice {rows[2].number}").click()
    assert page.get_by_text("The whole story").is_visible()
    assert page.get_by_role("link", name="View in Stripe").is_visible()
    accessible(page)


def test_a_wrong_password_is_told_and_signs_nobody_in(page: Page, running: Running, billed: Billed) -> None:
    page.goto(f"{running.url}/dashboard/sign-in")
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    assert page.get_by_role("alert").is_visible()
    accessible(page)


def test_sync_shows_how_far_it_is_by_itself(page: Page, running: Running, billed: Billed) -> None:
    sign_in(page, running)
    page.get_by_role("button", name="Sync everything now").click()
    assert page.get_by_text("0 of 1 done.").is_visible()
    accessible(page)
    running.work()
    page.get_by_text("Done.").wait_for()
    assert page.get_by_text("all sent").is_visible()


def test_every_page_is_readable_by_everybody_at_a_desk_and_on_a_phone(
    chromium: Browser, running: Running, billed: Billed
) -> None:
    customer, rows = billed
    for options in ({}, {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}):
        for page in opened(chromium, **options):
            at = sign_in(page, running)
            for path in (*PAGES, f"customers/{customer.id}", f"invoices/{rows[0].id}"):
                page.goto(f"{at}/{path}")
                fits(page)
                if not options:
                    accessible(page)
            page.goto(f"{at}/integrations")
            page.locator("tbody th a").first.click()
            fits(page)
            page.goto(f"{running.url}/dashboard/account")
            fits(page)
            accessible(page)


def test_the_dark_is_as_readable(chromium: Browser, running: Running, billed: Billed) -> None:
    _customer, rows = billed
    for page in opened(chromium, viewport=DESK, color_scheme="dark"):
        at = sign_in(page, running)
        for path in ("overview", "invoices", f"invoices/{rows[1].id}", "integrations", "tickets"):
            page.goto(f"{at}/{path}")
            accessible(page)


def test_everything_works_without_a_script(plain: Page, running: Running, billed: Billed) -> None:
    customer, rows = billed
    at = sign_in(plain, running)
    plain.get_by_role("link", name="Collections and ageing, as charts").click()
    assert plain.locator("svg").first.is_visible()

    plain.goto(f"{at}/customers/{customer.id}")
    plain.get_by_text("Promise, hold or exempt").click()
    plain.get_by_label("What is so").select_option("hold")
    plain.get_by_label("Why").fill("they called")
    plain.get_by_role("button", name="Note it").click()
    assert plain.get_by_text("Dunning is held.").is_visible()
    plain.get_by_role("button", name="Take it back").click()

    plain.goto(f"{at}/overview")
    plain.get_by_role("button", name="Sync everything now").click()
    running.work()
    plain.get_by_role("link", name="Look again").click()
    assert plain.get_by_text("Done.").is_visible()

    plain.goto(f"{at}/tickets")
    plain.get_by_role("link", name="My invoice").click()
    plain.get_by_label("Your answer").fill("It did.")
    plain.get_by_role("button", name="Send").click()
    assert plain.get_by_text("It did.").is_visible()
    assert rows


def test_it_is_used_with_the_keyboard_alone(page: Page, running: Running, billed: Billed) -> None:
    page.goto(f"{running.url}/dashboard/sign-in")
    page.get_by_label("E-mail address").focus()
    page.keyboard.type(EMAIL)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/overview")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#content"


def test_the_platform_begins_at_its_tenants(page: Page, running: Running, billed: Billed) -> None:
    sign_in(page, running, "ops@example.com")
    accessible(page)
    page.get_by_role("link", name="Example Wireless").click()
    assert page.get_by_role("link", name="Overview").is_visible()
    page.get_by_role("button", name="Sign out").click()
    assert page.get_by_role("heading", name="You are signed out").is_visible()
    page.goto(f"{running.url}/dashboard/tenants")
    assert "/sign-in" in page.url
