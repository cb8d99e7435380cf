"""What is held against every page in a browser: axe finds nothing serious, nobody scrolls sideways."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

BAD = ("serious", "critical")


def accessible(page: Page) -> None:
    """By axe's own count."""
    from axe_playwright_python.sync_playwright import Axe

    page.wait_for_load_state()
    found = Axe().run(page).response["violations"]
    serious = [
        f"{one['id']}: {one['help']}: {[node['html'][:120] for node in one['nodes'][:3]]}"
        for one in found
        if one["impact"] in BAD
    ]
    assert serious == [], page.url


def fits(page: Page) -> None:
    """No page is wider than the screen."""
    page.wait_for_load_state()
    over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert over <= 0, f"{page.url} is {over} pixels too wide"


def shows(what: Locator) -> None:
    """It is there to be seen, at once or as soon as the page has come."""
    what.first.wait_for(state="visible")


def enter(page: Page, link: str) -> None:
    """Open a link into the portal, press its button, and be inside."""
    page.goto(link)
    page.get_by_role("button", name="Open my account").click()
    page.wait_for_url(lambda url: "/enter" not in url)
