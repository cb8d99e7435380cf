"""Every page of both faces, opened and sent by everybody, with a secret planted wherever one can be: none is
shown, neither in a page nor in a header."""

from __future__ import annotations

from collections.abc import Callable

from daemon.clock import Entropy
from daemon.providers import names, provider_class
from daemon.store import integrations, webhook
from daemon.store.webhook import WebhookKeys
from daemon.web.dashboard.face import SPOTS
from daemon.web.portal.face import PORTAL
from daemon.wire.signing import new_secret
from tests.api.asking import KEY, OTHER_KEY, Office
from tests.api.test_crawl import plain, with_consent
from tests.browsing import Browser
from tests.canaries import Canaries, Crawl
from tests.dashboard.staffed import MISSING, PASSWORD, ROLES, World
from tests.dashboard.test_matrix import ask
from tests.portal.billed import grant
from tests.portal.entering import entered
from tests.portal.test_matrix import path_of

SETUP = "/customer-portal/billing/setup"
TYPED = "sk_test_canarytyped23456789ab"
"""A key that the provider does not take."""


def planted(office: Office, world: World) -> Crawl:
    found = Canaries({"API key": KEY, "API key, other's": OTHER_KEY, "password": PASSWORD, "typed": TYPED})
    found |= {f"token of {name}": token[12:] for name, token in office.tokens.items()}

    def sung(name: str, make: Callable[[Entropy], str] = plain) -> str:
        found[name] = make(office.house.entropy)
        return found[name]

    def work() -> None:
        for tenant, its in (("own", world.own), ("other", world.other)):
            row = integrations.get(None, its["integrationId"])
            secrets = tuple(sung(f"webhook secret {n}, {tenant}", new_secret) for n in (1, 2))
            webhook.keep(office.house.safe, row, WebhookKeys("https://billing.example.com/x", secrets))
        with_consent(office, sung)

    office.house.store.write("test", work)
    return Crawl(found)


def test_no_page_shows_a_secret(world: World) -> None:
    office, crawl = world.office, planted(world.office, world)
    for role in ROLES:
        browser = world.browser(role)
        for spot in SPOTS:
            for its in (world.own, world.other, MISSING):
                ask(browser, spot, its)
        crawl.read(f"the dashboard as {role.value}", bytes(browser.everything))
    grant(office)
    browser = entered(office, office.customer)
    type_keys(browser)
    browser.see("/customer-portal/service")  # its forms have the token for what follows
    for page in sorted(PORTAL.pages, key=lambda page: "sign-out" in page.path):
        if not page.rule.anybody:
            browser.ask(page.method, path_of(page, invoiceId=world.own["invoiceId"]))
            browser.post(path_of(page, invoiceId=world.own["invoiceId"]), {"note": TYPED})
    crawl.read("the portal", bytes(browser.everything))

    assert list(crawl.leaks()) == []
    assert all(len(text) > 10_000 for text in crawl.texts.values())


def type_keys(browser: Browser) -> None:
    """Into each secret field of each provider's form: refused, and the form comes back without them."""
    for name in names():
        where = f"{SETUP}/new/{name}"
        if browser.get(where).status == 200:
            fields = provider_class(name).credentials.model_fields.items()
            secret = [field for field, info in fields if "SecretStr" in str(info.annotation)]
            browser.send(where, {f"credentials.{field}": TYPED for field in secret})


def test_the_crawl_of_the_pages_hears_a_canary(world: World) -> None:
    """Else it would prove nothing."""
    crawl = planted(world.office, world)
    crawl.read("a page", f"<p>{crawl.canaries['refresh token']}</p>")
    assert {leak.partition(" (")[0] for leak in crawl.leaks()} == {"refresh token"}
