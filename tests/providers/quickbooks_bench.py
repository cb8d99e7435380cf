"""QuickBooks for tests: a double, a keeper that signs in at it, and a network that can be bad."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import httpx
from pydantic import SecretStr

from daemon.clock import SystemClock
from daemon.errors import GrantDead
from daemon.model import Delivery, DocStatus, InvoiceDraft, LineDraft, Mode, PayerDraft
from daemon.model.ids import our_reference
from daemon.money import Money
from daemon.providers.base import Context
from daemon.providers.contract import Bench, PlainJournal
from daemon.providers.oauth import AppRegistration, TokenSet
from daemon.providers.quickbooks import QuickBooks
from daemon.providers.quickbooks.oauth import QuickBooksOAuth
from daemon.providers.quickbooks.setup import QuickBooksCredentials, QuickBooksSettings
from daemon.sandbox.quickbooks import QuickBooksDouble
from daemon.sandbox.quickbooks.books import Company
from daemon.sandbox.transport import SandboxTransport, SpoilingTransport
from daemon.wire import HttpWire
from tests.fakes import FrozenClock, SeededEntropy
from tests.providers.quickbooks_spec import FieldsTransport
from tests.providers.stripe_script import OpenGate

URL = "https://sandbox.test"
HOOK = "https://wisp.example/hook"
VERIFIER = "test-verifier-token"


class Keeper:
    """Keeps one grant, refreshes it ahead of its end, and never loses a rotation."""

    def __init__(self, oauth: QuickBooksOAuth, tokens: TokenSet, clock: FrozenClock) -> None:
        self.oauth, self.clock = oauth, clock
        self.refreshed = 0
        self._keep(tokens)

    def _keep(self, tokens: TokenSet) -> None:
        self.tokens = tokens
        self.until: datetime = self.clock.now() + timedelta(seconds=tokens.expires_in_s * 0.8)

    def access(self) -> SecretStr:
        return self.tokens.access if self.clock.now() < self.until else self._refresh()

    def renewed(self, refused: SecretStr) -> SecretStr:
        if refused != self.tokens.access:
            return self.tokens.access
        return self._refresh()

    def _refresh(self) -> SecretStr:
        if self.tokens.refresh is None:
            raise GrantDead
        self.refreshed += 1
        self._keep(self.oauth.refresh(self.tokens.refresh))
        return self.tokens.access


class Network(httpx.BaseTransport):
    """Loses one write, or its answer; counts what is asked."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self.inner = inner
        self.lose: tuple[int, bool] | None = None
        self.always: httpx.Response | None = None
        self.seen: Counter[str] = Counter()
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        self.seen[f"{request.method} {request.url.path.rpartition('/')[2]}"] += 1
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

    def posted(self, end: str) -> list[Any]:
        """The JSON bodies that were posted to an address with this end."""
        return [
            json.loads(one.content)
            for one in self.requests
            if one.method == "POST" and one.url.path.endswith(end)
        ]


class QuickBooksBench(Bench):
    def __init__(self, company: Company | None = None, **settings: Any) -> None:
        self.clock = FrozenClock()
        self.double = QuickBooksDouble(
            self.clock, SeededEntropy(), public_url=URL, rates=False, verifier=VERIFIER
        )
        self.double.hook_url = HOOK
        self.account = self.double.add_account(company)
        self.currency = self.account.company.home_currency
        self.settings = {"item": self.account.item, "home_currency": self.currency, **settings}
        self.inner = SandboxTransport(self.double)
        self.network = Network(self.inner)
        self.spoiling = SpoilingTransport(FieldsTransport(self.network))
        self.app = self.double.add_app()
        self.keeper = Keeper(self.oauth(), self._consented(), self.clock)
        refresh = self.keeper.tokens.refresh
        assert refresh is not None
        self.secrets = (
            self.keeper.tokens.access.get_secret_value(),
            refresh.get_secret_value(),
            self.app.client_secret,
        )

    def wire(self, transport: httpx.BaseTransport) -> HttpWire:
        return HttpWire("QuickBooks", gate=OpenGate(), clock=SystemClock(), transport=transport)

    def oauth(self, transport: httpx.BaseTransport | None = None) -> QuickBooksOAuth:
        registered = AppRegistration(
            self.app.client_id, SecretStr(self.app.client_secret), self.app.redirect_uri, Mode.SANDBOX
        )
        return QuickBooksOAuth(registered, self.wire(transport or self.inner), URL)

    def consent(self, state: str = "state-1") -> dict[str, str]:
        """What the owner's browser comes back with."""
        url = self.oauth().authorize_url(state)
        answer = httpx.Client(transport=self.inner).get(url)
        return dict(httpx.URL(answer.headers["location"]).params)

    def _consented(self) -> TokenSet:
        return self.oauth().exchange(self.consent()["code"])

    def adapter(self, **settings: Any) -> QuickBooks:
        given = QuickBooksCredentials(realm_id=self.account.id)
        return QuickBooks(
            Context(
                given,
                QuickBooksSettings(**{**self.settings, **settings}),
                self.wire(self.spoiling),
                Mode.SANDBOX,
                base_url=URL,
                tokens=self.keeper,
            )
        )

    # --- the contract's hands -------------------------------------------------------------------------

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
        self.double.grants.revoke_realm(self.account.id)

    def throttle(self) -> None:
        self.network.always = httpx.Response(429, json={"fault": {"error": [{"code": "3001"}]}})

    def live(self, reference: str) -> int:
        gone = (DocStatus.VOID, DocStatus.MISSING)
        standing = self.account.standing()
        return sum(reference in one.reference and one.status not in gone for one in standing)

    def sent(self, ref: str) -> int:
        return sum(one == ref for one, _to in self.account.books.mails)

    def payers(self) -> int:
        return self.account.payers()

    def pay(self, ref: str, amount: Money) -> None:
        self.account.pay(ref, amount.minor)

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

    def delivery(self, ref: str) -> Delivery:
        last = list(self.double.deliveries())[-1]
        headers = {name.lower(): value for name, value in last.headers.items()}
        return Delivery(last.body, headers, HOOK, (VERIFIER,), self.clock.now())

    # --- drafts ---------------------------------------------------------------------------------------

    def a_draft(self, number: str = "A-1", *lines: LineDraft, **changed: Any) -> InvoiceDraft:
        lines = lines or (self.a_line("45.00"),)
        fields: dict[str, Any] = {
            "reference": our_reference(tenant="t", reference=number, account="a", operation="create"),
            "platform_reference": number,
            "number": number,
            "payer": self.a_payer(),
            "currency": self.currency,
            "total": Money.total((line.gross for line in lines), self.currency),
            "issued_on": date(2026, 3, 2),
            "due_on": date(2026, 3, 16),
            "lines": lines,
        }
        return InvoiceDraft(**{**fields, **changed})

    def a_payer(self, who: str = "1", **changed: Any) -> PayerDraft:
        reference = our_reference(tenant="t", reference=who, account="a", operation="payer")
        email = f"subscriber{who.zfill(4)}@example.com"
        return replace(PayerDraft(reference, who, f"Subscriber {who.zfill(4)}", email), **changed)

    def a_line(self, net: str, tax: str = "0", **changed: Any) -> LineDraft:
        named = {"description": "Internet", **changed}
        return LineDraft(net=Money.parse(net, self.currency), tax=Money.parse(tax, self.currency), **named)

    def pushed(self, number: str = "A-1", **changed: Any) -> str:
        return self.adapter().push_one(self.a_draft(number, **changed), PlainJournal()).ref
