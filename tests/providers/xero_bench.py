"""Xero at the bench: the adapter over the real wire, before a double that knows nothing of it, with a small
keeper of tokens in front."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import httpx
from pydantic import SecretStr

from daemon.model import Delivery, DocStatus, InvoiceDraft, LineDraft, Mode, PayerDraft
from daemon.model.ids import our_reference
from daemon.money import Money
from daemon.providers.base import Context
from daemon.providers.contract import Bench
from daemon.providers.oauth import AppRegistration, OAuth, TokenKeeper, TokenSet
from daemon.providers.xero import Xero
from daemon.providers.xero.oauth import XeroOAuth
from daemon.providers.xero.setup import XeroCredentials, XeroSettings
from daemon.providers.xero.words import SCOPES
from daemon.sandbox.outbox import Posting
from daemon.sandbox.transport import SandboxTransport, SpoilingTransport
from daemon.sandbox.xero import App, XeroAccount, XeroDouble
from daemon.wire import HttpWire
from tests.fakes import FrozenClock, SeededEntropy
from tests.providers.xero_spec import XeroSpecTransport

URL = "https://sandbox.test"
HOOK = "https://wisp.example/apps/xero/hook"
CLIENT_ID = "0123456789ABCDEF0123456789ABCDEF"
CLIENT_SECRET = "app-secret-x1y2z3"
WEBHOOK_KEY = "webhook-key-x1y2z3"
REDIRECT = "https://wisp.example/connected"
SALES, BANK = "200", "090"


class OpenGate:
    """Lets everything through, and keeps what it was told."""

    def __init__(self) -> None:
        self.scopes: Counter[str] = Counter()
        self.heard: list[tuple[str, float, float | None]] = []

    def enter(self, scope: str) -> None:
        self.scopes[scope] += 1

    def leave(self, scope: str, *, ok: bool) -> None: ...

    def told(self, name: str, remaining: float, resets_in_s: float | None = None) -> None:
        self.heard.append((name, remaining, resets_in_s))


@dataclass
class Keeper:
    """A TokenKeeper over one refresh token, in memory; what a restart would find is in `refresh`."""

    oauth: OAuth
    clock: FrozenClock
    held: SecretStr | None
    refresh: SecretStr
    ends: float
    refreshes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def access(self) -> SecretStr:
        with self._lock:
            if self.held is None or self.clock.monotonic() >= self.ends:
                self._refresh()
            assert self.held is not None
            return self.held

    def renewed(self, refused: SecretStr) -> SecretStr:
        with self._lock:
            if self.held == refused:
                self._refresh()
            assert self.held is not None
            return self.held

    def _refresh(self) -> None:
        self.refreshes += 1
        answer = self.oauth.refresh(self.refresh)
        assert answer.refresh is not None
        self.held, self.refresh = answer.access, answer.refresh
        self.ends = self.clock.monotonic() + 0.8 * answer.expires_in_s


@dataclass
class MintKeeper:
    """The token of a custom connection, made anew when it is refused."""

    context: Context
    held: TokenSet | None = None

    def access(self) -> SecretStr:
        self.held = self.held or Xero.mint(self.context)
        return self.held.access

    def renewed(self, refused: SecretStr) -> SecretStr:
        self.held = None
        return self.access()


class Network(httpx.BaseTransport):
    """Counts requests by "METHOD /path", loses one write or its answer, and throttles once told so."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self.inner = inner
        self.lose: tuple[int, bool] | None = None
        self.always: httpx.Response | None = None
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.always is not None:
            return self.always
        if request.method == "GET" or self.lose is None:
            return self.inner.handle_request(request)
        after, lands = self.lose
        self.lose = (after - 1, lands) if after else None
        if after:
            return self.inner.handle_request(request)
        if lands:
            self.inner.handle_request(request)
        raise httpx.ReadTimeout("lost", request=request)

    def seen(self) -> Counter[str]:
        """How often each method and collection was asked."""
        return Counter(f"{one.method} {one.url.path.removeprefix('/api.xro/2.0')}" for one in self.requests)


class XeroBench(Bench):
    secrets = (CLIENT_SECRET, WEBHOOK_KEY)

    def __init__(
        self,
        *,
        currency: str = "USD",
        scopes: str = " ".join(SCOPES),
        clock: FrozenClock | None = None,
        **options: Any,
    ) -> None:
        self.currency = currency
        self.clock = clock or FrozenClock()
        self.double = XeroDouble(self.clock, SeededEntropy(), public_url=URL, rates=False)
        self.account = self.double.add_account(currency=currency)
        for name, value in options.items():
            setattr(self.account.books, name, value)
        self.app = self.double.add_app(App(CLIENT_ID, CLIENT_SECRET, (REDIRECT,), WEBHOOK_KEY, HOOK))
        self.network = Network(XeroSpecTransport(SandboxTransport(self.double)))
        self.spoiling = SpoilingTransport(self.network)
        self.gate = OpenGate()
        self.keeper = self.consented(self.account, scopes)
        self.postings: list[Delivery] = []

    def wire(self) -> HttpWire:
        return HttpWire("Xero", gate=self.gate, clock=self.clock, transport=self.spoiling)

    def oauth(self) -> XeroOAuth:
        registration = AppRegistration(CLIENT_ID, SecretStr(CLIENT_SECRET), REDIRECT, Mode.LIVE)
        return XeroOAuth(registration, self.wire(), URL)

    def consented(self, account: XeroAccount, scopes: str = " ".join(SCOPES)) -> Keeper:
        told = self.double.consent(self.app, [account.id], scopes)
        access, refresh = SecretStr(told["access_token"]), SecretStr(told["refresh_token"])
        return Keeper(self.oauth(), self.clock, access, refresh, self.clock.monotonic() + 1440)

    def adapter(
        self, *, tokens: TokenKeeper | None = None, mode: Mode = Mode.LIVE, tenant: str = "", **settings: Any
    ) -> Xero:
        given = {"account_code": SALES, "payment_account": BANK, "send_email": True, **settings}
        credentials = XeroCredentials(tenant_id=tenant or self.account.id)
        tokens = tokens or self.keeper
        context = Context(credentials, XeroSettings(**given), self.wire(), mode, URL, tokens, self.clock)
        return Xero(context)

    def custom(self, secret: str = "custom-secret-x1y2z3", tenant: str = "", **settings: Any) -> Xero:
        """An adapter under a custom connection of the account."""
        client = "CUSTOM0123456789ABCDEF0123456789"
        if client not in self.double.identity.apps:
            app = App(client, "custom-secret-x1y2z3", custom_tenant=self.account.id)
            self.double.add_app(app)
        credentials = XeroCredentials(tenant_id=tenant, client_id=client, client_secret=SecretStr(secret))
        given = XeroSettings(**{"account_code": SALES, **settings})
        context = Context(credentials, given, self.wire(), Mode.LIVE, URL, None, self.clock)
        return Xero(replace(context, tokens=MintKeeper(context)))

    # --- what goes wrong ------------------------------------------------------------------------------

    def lose_answer(self, *, after: int) -> None:
        self.network.lose = (after, True)

    def lose_request(self, *, after: int) -> None:
        self.network.lose = (after, False)

    def spoil(self, fault: str, *, after: int) -> None:
        self.spoiling.spoil(fault, after=after)

    def unspoil(self) -> None:
        self.spoiling.unspoil()

    @property
    def spoilt(self) -> bool:
        return not self.spoiling.pending

    def refuse_credentials(self) -> None:
        for token in self.double.identity.refreshes.values():
            self.double.identity.kill(token.grant)

    def throttle(self) -> None:
        answer = self.double.too_many(30)
        self.network.always = httpx.Response(429, headers=dict(answer.headers), content=answer.body)

    # --- what stands there ----------------------------------------------------------------------------

    def live(self, reference: str) -> int:
        gone = (DocStatus.VOID, DocStatus.MISSING)
        return sum(one.reference == reference and one.status not in gone for one in self.account.standing())

    def sent(self, ref: str) -> int:
        return self.account.invoice(ref).mails

    def payers(self) -> int:
        return self.account.payers()

    def pay(self, ref: str, amount: Money) -> None:
        self.account.pay(ref, int(amount.text.replace(".", "")) if amount.currency != "JPY" else 0)

    def void(self, ref: str) -> None:
        self.account.void(ref)

    def enrol(self, name: str, **told: str) -> str:
        return self.account.enrol(name, **told)

    def retire(self, payer: str) -> None:
        self.account.retire(payer)

    def merge(self, payer: str, into: str) -> None:
        self.account.merge(payer, into)

    def pass_time(self, seconds: float) -> None:
        self.clock.move(seconds)

    def arrived(self, posting: Posting) -> Delivery:
        headers = {name.lower(): value for name, value in posting.headers.items()}
        return Delivery(posting.body, headers, HOOK, (WEBHOOK_KEY,), self.clock.now())

    def delivery(self, ref: str) -> Delivery:
        found = [
            Delivery(
                one.body,
                {k.lower(): v for k, v in one.headers.items()},
                HOOK,
                (WEBHOOK_KEY,),
                self.clock.now(),
            )
            for one in self.double.deliveries()
            if ref.encode() in one.body and b'"UPDATE"' in one.body
        ]
        return found[-1]


def a_line(net: str, tax: str = "0.00", rate: str | None = None, currency: str = "USD") -> LineDraft:
    return LineDraft("Internet", Money.parse(net, currency), Money.parse(tax, currency), tax_rate=rate)


def a_draft(number: int | str = 1, *lines: LineDraft, payer: str = "1", **changes: Any) -> InvoiceDraft:
    """45.00, or what its lines add up to."""
    lines = lines or (a_line("45.00"),)
    currency = lines[0].net.currency
    name = f"C-{number}" if isinstance(number, int) else number
    who = our_reference(tenant="t", reference=payer, account="a", operation="payer")
    draft = InvoiceDraft(
        reference=our_reference(tenant="t", reference=name, account="a", operation="create"),
        platform_reference=name,
        number=name,
        payer=PayerDraft(who, payer, f"Subscriber {payer:0>4}", f"subscriber{payer:0>4}@example.com"),
        currency=currency,
        total=Money.total((line.gross for line in lines), currency),
        issued_on=date(2026, 3, 2),
        due_on=date(2099, 3, 16),
        lines=lines,
    )
    return replace(draft, **changes)
