"""Into the portal, as a customer goes in."""

from __future__ import annotations

from daemon.store import portal_links, records
from tests.api.asking import Office
from tests.browsing import Browser, Seen

ENTER = "/customer-portal/enter"


def a_link(office: Office, customer: records.Customer, page: str = "invoices", life_s: float = 900) -> str:
    """The token of a fresh link."""
    _row, token = office.house.store.write(
        "test",
        lambda: portal_links.add(
            customer,
            page=page,
            life_s=life_s,
            actor="test",
            now=office.clock.now(),
            entropy=office.house.entropy,
        ),
    )
    return token


def open_link(browser: Browser, token: str) -> Seen:
    """Open the link and press its button."""
    browser.see(f"{ENTER}?link={token}")
    return browser.post(ENTER, {"link": token})


def entered(office: Office, customer: records.Customer, *, language: str = "en-US") -> Browser:
    browser = Browser(office.app, language=language)
    assert open_link(browser, a_link(office, customer)).status == 303
    return browser
