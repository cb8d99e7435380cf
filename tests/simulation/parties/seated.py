"""The parties that sit at the sandbox's seats: what is peculiar to each in a simulated world."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import httpx
from pydantic import SecretStr

from daemon import connect
from daemon.house import House
from daemon.model import Mode
from daemon.sandbox.faults import Faults
from daemon.sandbox.seats import Ground, Seat, seat
from daemon.store import apps, grants, integrations, records, webhook
from daemon.store.secrets import CLIENT_SECRET
from daemon.store.webhook import WebhookKeys
from tests.simulation.chance import Chance, TrueTime
from tests.simulation.parties.hands import HandsParty


class Source:
    """The entropy of a double: first the same in every world, then the seed's."""

    def __init__(self) -> None:
        self.of = Chance(0, "birth")

    def bytes(self, count: int) -> bytes:
        return self.of.bytes(count)

    def fraction(self) -> float:
        return self.of.fraction()


def _seat(provider: str, time: TrueTime, faults: Faults, url: str) -> tuple[Seat, Source]:
    source = Source()
    ground = Ground(time, source, faults, public_url=url, currency="EUR")
    return seat(provider, ground), source


class SeatedParty(HandsParty):
    def found(self) -> tuple[Any, Any]:
        self.seat, source = _seat(self.provider, self.time, self.faults, self.base_url())
        source.of = self.entropy
        return self.seat.double, self.seat.hands

    @classmethod
    @cache
    def _born(cls) -> Seat:
        return _seat(cls.provider, TrueTime(), Faults(), cls.base_url())[0]

    @classmethod
    def account(cls) -> str:
        return cls._born().account_id

    @classmethod
    def mode(cls) -> Mode:
        return Mode(cls._born().mode)

    @classmethod
    def credentials(cls) -> dict[str, Any]:
        return cls._born().credentials

    @classmethod
    def settings(cls) -> dict[str, Any]:
        return cls._born().settings

    @classmethod
    def webhook_secret(cls) -> str:
        return cls._born().hook_secret

    def hook(self) -> None:
        if self.seat.hook is not None:
            self.seat.hook(f"{self.base_url()}/hook")

    def unhook(self) -> None:
        if self.seat.hook is not None:
            self.seat.hook("")


class CustomParty(SeatedParty):
    provider = "custom_webhook"
    feed_path = "updated_since"
    clock_off_s = (0.0, -200.0, 200.0)


class SquareParty(SeatedParty):
    provider = "square"


class PayPalParty(SeatedParty):
    """Its tokens are minted, by nobody's consent."""

    provider = "paypal"
    feed_path = "search-invoices"
    beyond = ("grant.claim", "grant.mark", "grant.store", "grant.release")

    def keys_of(self, request: httpx.Request, expected: str) -> bool | None:
        key = request.headers.get("paypal-request-id")
        return None if key is None else key == expected


class Watched(httpx.BaseTransport):
    """Shows each request to somebody."""

    def __init__(self, inner: httpx.BaseTransport, watch: Callable[[httpx.Request], None]) -> None:
        self._inner, self._watch = inner, watch

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._watch(request)
        return self._inner.handle_request(request)


def consent(house: House, row: records.Integration, place: Seat, base_url: str) -> records.App:
    """Inside a transaction: our app there, and the tenant's consent to it, given without a browser."""
    registered, now = place.app, house.clock.now()
    assert registered is not None
    app = apps.add(
        provider=row.provider,
        mode=row.mode,
        client_id=registered.client_id,
        redirect_uri=registered.redirect_uri,
        label=row.provider,
        actor="test",
        now=now,
        entropy=house.entropy,
    )
    house.safe.put(app, CLIENT_SECRET, {"client_secret": registered.client_secret})
    webhook.keep(house.safe, app, WebhookKeys(f"{base_url}/hook", (registered.webhook_secret,)))
    told = registered.tokens
    refresh_s = told.get("x_refresh_token_expires_in") or 60 * 86400
    tokens = grants.Tokens(SecretStr(told["access_token"]), SecretStr(told["refresh_token"]))
    life = grants.Life(
        now,
        now + timedelta(seconds=float(told["expires_in"])),
        now + timedelta(seconds=float(refresh_s)),
        None,
    )
    grant = grants.add(house.safe, app, row.tenant_id, tokens, life, actor="test", entropy=house.entropy)
    integrations.update(row.id, grant_id=grant.id)
    return app


class GrantParty(SeatedParty):
    """Connected by a tenant's consent to our app; webhooks come to the app's one address."""

    beyond = ("grant.mint",)
    rescue_s: ClassVar[float]
    """How long a refresh token that was used can be used again, where its answer was lost."""

    def __init__(self, time: TrueTime, entropy: Chance, people: Chance) -> None:
        super().__init__(time, entropy, people)
        self._used: dict[str, float] = {}
        self._too_late = False
        self.transport = Watched(self.transport, self._watch)

    def refresh_token(self, request: httpx.Request) -> str | None:
        if "token" not in request.url.path:
            return None
        return dict(parse_qsl(request.read().decode())).get("refresh_token")

    def _watch(self, request: httpx.Request) -> None:
        token = self.refresh_token(request)
        if token is not None:
            first_s = self._used.setdefault(token, self.time.elapsed_s)
            self._too_late |= self.time.elapsed_s - first_s > self.rescue_s

    def may_be_lost(self) -> bool:
        return self._too_late

    @classmethod
    def connect(cls, house: House, tenant: records.Tenant) -> str:
        integration_id = super().connect(house, tenant)
        cls.app_id = consent(house, integrations.get(None, integration_id), cls._born(), cls.base_url()).id
        return integration_id

    app_id = ""

    def reconnect(self, house: House) -> None:
        """The owner walks through the browser once more."""
        (integration,) = integrations.listing()
        asked = connect.begin(
            house,
            apps.get(self.app_id),
            tenant_id=integration.tenant_id,
            customer_id=None,
            label=integration.label,
            settings=integration.settings,
            actor="owner",
        )
        answer = self.transport.handle_request(httpx.Request("GET", asked.url))
        if answer.status_code == 302:
            connect.answer(house, self.provider, dict(httpx.URL(answer.headers["location"]).params))

    @classmethod
    def hook_path(cls, integration_id: str) -> str:
        return f"apps/{cls.provider}/{cls.app_id}"


class QuickBooksParty(GrantParty):
    provider = "quickbooks"
    rescue_s = 86400.0
    feed_path = "/cdc"


class XeroParty(GrantParty):
    """It mails each invoice, which is the step that can be done twice."""

    provider = "xero"
    rescue_s = 1800.0
    feed_path = "/Invoices"

    @classmethod
    def settings(cls) -> dict[str, Any]:
        return super().settings() | {"send_email": True}

    def feeds(self, request_url: str) -> str | None:
        url = httpx.URL(request_url)
        return "feed:page-1" if url.path.endswith("/Invoices") and "IDs" not in url.params else None
