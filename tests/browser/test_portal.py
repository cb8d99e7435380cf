"""The portal in a real browser: in by the link, invoices, an invoice, the set-up with a wrong key and then
the right one; on a phone, without JavaScript, in the dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from daemon.store import records
from tests.browser.looking import accessible, enter, fits, shows
from tests.browser.running import Running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

INVOICES = "/customer-portal/billing/invoices"
SETUP = "/customer-portal/billing/setup"
FRESH = "sk_test_sandboxfresh00001"


@pytest.fixture(scope="module")
def billed(running: Running) -> tuple[records.Customer, list[records.Invoice]]:
    """A customer with four invoices at Stripe: to pay, part paid, overdue, paid."""
    running.an_integration("stripe")
    customer = running.a_customer()
    rows = [running.an_invoice(customer, "50.00", due_in=days) for days in (14, 20, -12, 3)]
    running.work()
    running.pay(rows[1], 2000)
    running.pay(rows[3])
    running.work()
    return customer, rows


def test_a_link_leads_to_the_invoices_and_to_one_of_them(
    page: Page, running: Running, billed: tuple[records.Customer, list[records.Invoice]]
) -> None:
    customer, rows = billed
    enter(page, running.link(customer))
    shows(page.get_by_role("heading", name="Invoices"))
    shows(page.get_by_text("Part paid: $20.00 of $50.00"))
    accessible(page)

    page.get_by_role("link", name=rows[1].number, exact=True).click()

    shows(page.get_by_role("heading", name=f"Invoice {rows[1].number}"))
    shows(page.get_by_text("Stripe has the invoice"))
    accessible(page)


def test_the_search_answers_in_place(
    page: Page, running: Running, billed: tuple[records.Customer, list[records.Invoice]]
) -> None:
    customer, rows = billed
    enter(page, running.link(customer))

    page.get_by_label("Search").fill(rows[2].number)
    page.get_by_role("button", name="Search").click()
    page.wait_for_url("**q=*")

    page.get_by_role("link", name=rows[0].number, exact=True).wait_for(state="detached")
    shows(page.get_by_role("link", name=rows[2].number, exact=True))
    page.reload()
    shows(page.get_by_role("link", name=rows[2].number, exact=True))


def test_the_pay_page_is_the_provider_s_own(
    page: Page, running: Running, billed: tuple[records.Customer, list[records.Invoice]]
) -> None:
    customer, rows = billed
    enter(page, running.link(customer))
    page.goto(f"{running.url}{INVOICES}/{rows[0].id}")

    page.get_by_role("link", name="Pay with Stripe").click()
    page.wait_for_url("**/i/**")

    assert page.url.startswith(running.stands["stripe"].served.url)


def test_the_paper_is_downloaded(
    page: Page, running: Running, billed: tuple[records.Customer, list[records.Invoice]]
) -> None:
    customer, rows = billed
    enter(page, running.link(customer))
    page.goto(f"{running.url}{INVOICES}/{rows[0].id}")

    with page.expect_download() as given:
        page.get_by_role("link", name="Download PDF").click()

    assert given.value.suggested_filename == f"invoice-{rows[0].number}.pdf"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_a_phone_and_axe_finds_nothing_serious(
    chromium: Browser,
    running: Running,
    billed: tuple[records.Customer, list[records.Invoice]],
    scheme: str,
) -> None:
    customer, rows = billed
    pages = [INVOICES, f"{INVOICES}/{rows[1].id}", f"{INVOICES}/{rows[2].id}", "/customer-portal/service"]
    pages += ["/customer-portal/tickets", "/customer-portal/tickets/new", "/customer-portal/sessions"]
    context = chromium.new_context(
        viewport={"width": 390, "height": 844}, color_scheme=scheme, is_mobile=True, has_touch=True
    )
    page = context.new_page()
    link = running.link(customer)
    page.goto(link)
    accessible(page)
    enter(page, link)
    for path in pages:
        page.goto(running.url + path)
        fits(page)
        accessible(page)
    page.goto(f"{running.url}/customer-portal/nothing")
    accessible(page)
    context.close()


def test_all_of_it_works_without_javascript(
    plain: Page, running: Running, billed: tuple[records.Customer, list[records.Invoice]]
) -> None:
    customer, rows = billed
    enter(plain, running.link(customer))
    plain.get_by_label("Search").fill(rows[2].number)
    plain.get_by_role("button", name="Search").click()
    plain.wait_for_url("**q=*")
    assert plain.get_by_role("link", name=rows[0].number, exact=True).count() == 0
    plain.get_by_role("link", name=rows[2].number, exact=True).click()
    plain.get_by_role("button", name="Sync now").click()
    shows(plain.get_by_text("is looked at again now"))

    plain.get_by_role("link", name="Ask about it").click()
    plain.get_by_label("Your question").fill("Why 50?")
    plain.get_by_role("button", name="Send").click()
    shows(plain.get_by_text("Your question was sent"))
    plain.get_by_role("button", name="Sign out").click()

    shows(plain.get_by_role("heading", name="You are signed out"))
    plain.goto(f"{running.url}{INVOICES}")
    shows(plain.get_by_text("ask your internet provider for a new one"))


def test_the_keyboard_alone_is_enough(
    page: Page, running: Running, billed: tuple[records.Customer, list[records.Invoice]]
) -> None:
    customer, _rows = billed
    page.goto(running.link(customer))
    page.get_by_role("button", name="Open my account").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{INVOICES}")

    page.keyboard.press("Tab")

    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_a_link_that_was_used_says_what_to_do(
    page: Page, running: Running, billed: tuple[records.Customer, list[records.Invoice]]
) -> None:
    customer, _rows = billed
    link = running.link(customer)
    enter(page, link)
    page.context.clear_cookies()

    page.goto(link)

    shows(page.get_by_role("heading", name="This link does not work any more"))
    accessible(page)


def test_a_wrong_key_is_told_and_the_right_one_connects(phone: Page, running: Running) -> None:
    customer = running.a_customer(may_connect=True)
    running.stands["stripe"].seat.double.add_account(FRESH, default_currency="usd")
    enter(phone, running.link(customer, "setup"))
    fits(phone)
    accessible(phone)
    phone.get_by_role("link", name="Stripe").click()
    shows(phone.get_by_role("heading", name="Connect Stripe"))
    fits(phone)
    accessible(phone)

    phone.locator("input[type=password]").fill("sk_test_thisisnotthekey1234")
    phone.get_by_role("button", name="Test connection").click()
    shows(phone.get_by_role("alert"))
    accessible(phone)
    assert phone.locator("input[type=password]").input_value() == ""

    phone.locator("input[type=password]").fill(FRESH)
    phone.get_by_role("button", name="Test connection").click()
    shows(phone.get_by_text("The keys are accepted."))
    fits(phone)
    accessible(phone)
    phone.get_by_role("button", name="Save").click()

    shows(phone.get_by_text("Stripe is connected."))
    fits(phone)
    accessible(phone)
    phone.get_by_role("button", name="Test connection").click()
    shows(phone.get_by_text("nothing is missing", exact=False).first)
    phone.get_by_label("How often").select_option("daily")
    phone.get_by_role("button", name="Save").click()
    shows(phone.get_by_text("It is saved, and counts at once."))
    assert phone.get_by_label("How often").input_value() == "daily"
    phone.get_by_role("link", name="Settings").click()
    shows(phone.get_by_role("heading", name="Settings of Stripe"))
    fits(phone)
    accessible(phone)
    phone.go_back()
    phone.get_by_role("link", name="Remove…").click()
    phone.get_by_role("button", name="Remove it").click()
    shows(phone.get_by_text("its keys are destroyed"))
