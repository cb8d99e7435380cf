"""One Chromium for all, one wispbill with sandboxes for each file; skipped with a sentence where there is no
browser. `page` fails its test where the browser had to stop something (the policy), or a script broke."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.running import Running, run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SKIPPED = "no Chromium here: apt-get install chromium runs the browser tests"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage"]
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1200, "height": 900}
PATIENCE_MS = 10_000


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip(SKIPPED)
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """With a sandbox of Stripe."""
    if CHROMIUM is None:
        pytest.skip(SKIPPED)
    made = run(tmp_path_factory.mktemp("wispbill"), "stripe")
    yield made
    made.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """At a desk, in English."""
    yield from opened(chromium)


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Page]:
    yield from opened(chromium, viewport=PHONE, has_touch=True, is_mobile=True)


@pytest.fixture
def plain(chromium: Browser) -> Iterator[Page]:
    """Without JavaScript."""
    yield from opened(chromium, java_script_enabled=False)


def opened(chromium: Browser, **options: Any) -> Iterator[Page]:
    """A browser of its own, with its own cookies."""
    context = chromium.new_context(**({"viewport": DESK, "locale": "en-US"} | options))
    context.set_default_timeout(PATIENCE_MS)
    found = context.new_page()
    complaints: list[str] = []
    found.on("pageerror", lambda error: complaints.append(str(error)))
    found.on("console", lambda said: complaints.append(said.text) if is_complaint(said) else None)
    yield found
    context.close()
    assert complaints == []


def is_complaint(said: Any) -> bool:
    """An answer that is no 200 is an error to the console, and may be what a test is about."""
    return said.type == "error" and "Failed to load resource" not in said.text
