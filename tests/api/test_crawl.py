"""Every route asked by everybody about everything, with a secret planted wherever one can be: none comes out,
neither in an answer, nor in a log line, the feed, a delivery, the metrics or the database."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from daemon import log
from daemon.beats import Beats
from daemon.clock import Entropy
from daemon.jobs.notify import deliver, notify
from daemon.store import apps, endpoints, grants, integrations, tables, webhook
from daemon.store.endpoints import SIGNING
from daemon.store.grants import Life, Tokens
from daemon.store.secrets import CLIENT_SECRET
from daemon.store.tokens import Role
from daemon.store.webhook import WebhookKeys
from daemon.web.api.routing import Route
from daemon.web.api.table import ROUTES
from daemon.web.monitoring import monitoring_app
from daemon.wire.signing import new_secret
from tests.api.asking import KEY, OTHER_KEY, Got, Office, build_office
from tests.api.world import FRESH_KEY, MISSING, OWN_KEY, World, body_of, filled
from tests.canaries import Canaries, Crawl, canary
from tests.platform import Platform, connected

ONCE = {
    "NewToken": "token",
    "NewEndpoint": "secret",
    "PortalSessionShown": "url",
    "ConsentShown": "consentUrl",
}
"""What is shown once, by the model of the answer; from then on it is a canary too."""


@dataclass
class Planted:
    world: World
    crawl: Crawl
    platform: Platform
    lines: io.StringIO

    @property
    def office(self) -> Office:
        return self.world.office

    def asks(self, route: Route, path: str, body: object, **more: Any) -> None:
        got = self.office.ask(route.method, path, body, **more)
        self.reads(f"{route.name} as {more.get('as_')}", got)

    def reads(self, where: str, got: Got) -> None:
        text = got.body
        shown = json.loads(text) if got.status < 400 and text.startswith(b"{") else {}
        for name in set(ONCE.values()) & shown.keys():
            secret = shown[name]
            if isinstance(secret, str) and got.status in (200, 201, 202) and len(secret) > 30:
                self.crawl.canaries[f"shown once: {name} {len(self.crawl.canaries)}"] = secret
                text = text.replace(json.dumps(secret)[1:-1].encode(), b"(once)")
        self.crawl.read(where, text + json.dumps(got.headers).encode())


@pytest.fixture
def planted(tmp_path_factory: pytest.TempPathFactory, empty_database: Any) -> Iterator[Planted]:
    before, root, lines = structlog.get_config(), logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    log.configure("debug", "json", lines)
    office = build_office(tmp_path_factory.mktemp("crawl"), empty_database, api__per_minute=1_000_000)
    platform = Platform()
    connected(office.house, ("platform.example.com", platform))
    world = World(office)
    yield Planted(world, Crawl(planted_in(world)), platform, lines)
    office.house.close()
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def plain(entropy: Entropy) -> str:
    return canary("", entropy)


def planted_in(world: World) -> Canaries:
    office, found = world.office, Canaries()
    for name, key in {"default": KEY, "own": OWN_KEY, "fresh": FRESH_KEY, "other's": OTHER_KEY}.items():
        found[f"API key, {name}"] = key
    for name, token in office.tokens.items():
        found[f"token of {name}"] = token[12:]

    def sung(name: str, make: Callable[[Entropy], str] = plain) -> str:
        found[name] = make(office.house.entropy)
        return found[name]

    def work() -> None:
        safe = office.house.safe
        for tenant, names in (("own", world.own), ("other", world.other)):
            row = integrations.get(None, names["integrationId"])
            secrets = tuple(sung(f"webhook secret {n}, {tenant}", new_secret) for n in (1, 2))
            webhook.keep(safe, row, WebhookKeys("https://billing.example.com/x", secrets))
            endpoint = endpoints.get(names["endpointId"])
            signing = [sung(f"signing secret {n}, {tenant}", new_secret) for n in (1, 2)]
            safe.put(endpoint, SIGNING, {"secrets": signing, "rotated_at": None})
        with_consent(office, sung)

    office.house.store.write("test", work)
    return found


def with_consent(office: Office, sung: Any) -> None:
    """Inside a transaction: an OAuth client and a consent to it."""
    safe, now, entropy = office.house.safe, office.clock.now(), office.house.entropy
    app = apps.add(
        provider="xero",
        mode="live",
        client_id="client-1",
        redirect_uri="https://billing.example.com/oauth/xero/callback",
        label="Ours",
        actor="test",
        now=now,
        entropy=entropy,
    )
    safe.put(app, CLIENT_SECRET, {"secret": sung("client secret")})
    webhook.keep(safe, app, WebhookKeys("https://billing.example.com/y", (sung("webhook secret of an app"),)))
    tokens = Tokens(*(SecretStr(sung(f"{kind} token")) for kind in ("access", "refresh", "previous")))
    life = Life(now, now, None, None)
    grants.add(safe, app, office.tenant.id, tokens, life, actor="test", entropy=entropy)


def test_no_secret_comes_out_of_anything(planted: Planted) -> None:
    everybody_asks_everything(planted)
    secrets_are_given_where_none_belongs(planted)
    all_else_is_read(planted)

    assert list(planted.crawl.leaks()) == []
    assert len(planted.crawl.texts) > 10 * len(ROUTES)
    assert planted.platform.told and "web.request" in planted.lines.getvalue()
    assert [name for name in planted.crawl.canaries if name.startswith("shown once")]


def test_the_crawl_hears_a_canary(planted: Planted) -> None:
    """Else it would prove nothing."""
    planted.crawl.read("a page", f"…{planted.crawl.canaries['refresh token']}…".encode().hex())
    assert [leak.split(" (")[0] for leak in planted.crawl.leaks()] == ["refresh token"]


def everybody_asks_everything(planted: Planted) -> None:
    """What takes things away comes last."""
    office, world = planted.office, planted.world
    office.ask("PATCH", f"/api/customers/{office.customer.id}", {"mayConnect": True})
    for route in sorted(ROUTES, key=lambda route: route.method == "DELETE"):
        body = body_of(route)
        for role in Role:
            for names in (world.own, world.other, MISSING) if route.parameters else (world.own,):
                planted.asks(route, filled(route, names), body, as_=role.value)
            if role in route.rule.roles and route.given:
                planted.asks(route, filled(route, world.own), {"unknown": KEY}, as_=role.value)
        for tenant in ("*", "wisp-2", "nobody"):
            planted.asks(route, filled(route, world.own), body, as_="platform_admin", tenant=tenant)
        if route.method == "POST":
            again = {"as_": "tenant_admin", "idempotency_key": "again"}
            for _ in range(2):
                planted.asks(route, filled(route, world.own), body, **again)


def secrets_are_given_where_none_belongs(planted: Planted) -> None:
    """In paths, queries, headers, fields of another name, and as broken JSON."""
    office, token = planted.office, planted.office.tokens["tenant_admin"]
    for secret in (token, KEY):
        for ask in (
            ("GET", f"/api/customers/{secret}", None, {}),
            ("GET", f"/api/{secret}", None, {}),
            ("GET", f"/api/customers?after={secret}&{secret}=1", None, {}),
            ("GET", f"/api/find?text={secret}", None, {}),
            ("GET", "/api/customers", None, {"tenant": secret}),
            ("GET", "/api/customers", None, {"token": f"{secret}x"}),
            ("POST", "/api/customers", None, {"raw": json.dumps({"reference": {"a": secret}}).encode()}),
            ("POST", "/api/customers", None, {"raw": f'{{"reference": "{secret}'.encode()}),
            ("POST", "/api/customers", {secret: secret}, {}),
            (
                "POST",
                "/api/integrations",
                {"provider": "stripe", "credentials": {"secret_key": secret, "x": secret}},
                {},
            ),
            (
                "POST",
                "/api/integrations",
                {"provider": "stripe", "settings": {"account": secret}, "credentials": {}},
                {},
            ),
            ("PATCH", "/api/customers/ref:C-1", {"name": "x"}, {"if_match": secret}),
        ):
            method, path, body, more = ask
            planted.reads(f"{method} with a secret astray", office.ask(method, path, body, **more))


def all_else_is_read(planted: Planted) -> None:
    office, crawl = planted.office, planted.crawl
    notify(office.house)
    for row in endpoints.listing():
        deliver(office.house, row.id)
    crawl.read("the feed", office.ask("GET", "/api/events?limit=500", as_="platform_admin", tenant="*").body)
    for told in planted.platform.told:
        crawl.read("a delivery", told.body + json.dumps(told.headers).encode())
    monitoring = monitoring_app(office.house, Beats(office.clock))
    for path in ("/metrics", "/healthz", "/readyz"):
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path}
        crawl.read(path, b"".join(monitoring(environ, lambda *_started: None)))
    for path in ("/api/openapi.json", "/api/docs", "/api/docs/style.css"):
        crawl.read(path, office._answered(office._environ("GET", path, None, None)).body)
    crawl.read("the log", planted.lines.getvalue())
    for table in tables.ALL:
        rows: Any = table.select().tuples()
        crawl.read(f"table {table.__name__}", "\n".join(repr(row) for row in rows))
