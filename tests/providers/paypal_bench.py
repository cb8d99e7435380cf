"""One PayPal account at its double, over the real wire; and a small keeper of tokens."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
from pydantic import SecretStr

from daemon.clock import SystemClock
from daemon.model import Delivery, InvoiceDraft, LineDraft, Mode, PayerDraft
from daemon.model.ids import our_reference
from daemon.money import Money
from daemon.providers.base import Context
from daemon.providers.contract import Bench
from daemon.providers.paypal import PayPal
from daemon.providers.paypal.setup import PayPalCredentials, PayPalSettings
from daemon.sandbox.paypal import PayPalDouble
from daemon.sandbox.transport import SandboxTransport, SpoilingTransport
from daemon.wire import HttpWire
from tests.fakes import SeededEntropy
from tests.providers.paypal_spec import SpecTransport

URL = "https://sandbox.test"
HOOK = "https://wisp.example/hook"
CLIENT_ID = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCdEfGhIjKlMnOpQrStUvWxYz"
SECRET = "EfGhIjKlMnOpQrStUvWxYz0123456789-_AbCdEfGhIjKlMnOpQrStUvWxYzAbCd"
READS = ("/v2/invoicing/search-invoices", "/v1/oauth2/token")
"""POSTs that change nothing."""
SILENCE_S = 45.0


class SetClock:
    """Stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, 9, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def wait(self, seconds: float, stop: threading.Event | None = None) -> bool:
        self.at += timedelta(seconds=seconds)
        return False


class OpenGate:
    def enter(self, scope: str) -> None: ...

    def leave(self, scope: str, *, ok: bool | None) -> None: ...


class Keeper:
    """Mints a token when there is none, and shares it."""

    def __init__(self, mint: Callable[[], Any]) -> None:
        self._mint = mint
        self._token: SecretStr | None = None
        self.minted = 0

    def access(self) -> SecretStr:
        if self._token is None:
            self._token = self._mint().access
            self.minted += 1
        return self._token

    def renewed(self, refused: SecretStr) -> SecretStr:
        if self._token == refused:
            self._token = None
        return self.access()


class Network(httpx.BaseTransport):
    """Counts requests, and loses one write or its answer: silence, in which time passes. `instead` makes up
    an answer to a request, or None."""

    def __init__(self, inner: httpx.BaseTransport, clock: SetClock) -> None:
        self.inner, self.clock = inner, clock
        self.lose: tuple[int, bool] | None = None
        self.instead: Callable[[httpx.Request], httpx.Response | None] = lambda _: None
        self.changed: Callable[[httpx.Request, httpx.Response], httpx.Response] = lambda _, reply: reply
        self.seen: Counter[str] = Counter()
        self.requests: list[tuple[str, str, Any]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        path = request.url.path
        self.seen[f"{request.method} {_template(path)}"] += 1
        is_json = request.headers.get("content-type") == "application/json"
        self.requests.append((request.method, path, json.loads(body) if is_json and body else None))
        instead = self.instead(request)
        if instead is not None:
            return instead
        if self.lose is None or request.method == "GET" or path in READS:
            return self.changed(request, self.inner.handle_request(request))
        after, lands = self.lose
        self.lose = (after - 1, lands) if after else None
        if after:
            return self.changed(request, self.inner.handle_request(request))
        if lands:
            self.inner.handle_request(request)
        self.clock.wait(SILENCE_S)
        raise httpx.ReadTimeout("lost", request=request)

    @property
    def total(self) -> int:
        return sum(self.seen.values())


class PayPalBench(Bench):
    secrets = (SECRET,)

    def __init__(self, *, judged: bool = True, **double: Any) -> None:
        """`judged` is whether the answers must fit PayPal's documents."""
        self.clock = SetClock()
        self.double = PayPalDouble(self.clock, SeededEntropy(), public_url=URL, **{"rates": False, **double})
        self.account = self.double.add_account(CLIENT_ID, SECRET)
        paypal = SpecTransport(SandboxTransport(self.double), answers=judged)
        self.network = Network(paypal, self.clock)
        self.spoiling = SpoilingTransport(self.network)
        self.settings: dict[str, Any] = {"allow_partial_payments": True}
        self.keeper = Keeper(self._mint)
        self.keeper.access()
        self.hook = ""

    def context(self, **changed: Any) -> Context:
        wire = HttpWire("PayPal", gate=OpenGate(), clock=SystemClock(), transport=self.spoiling)
        given = PayPalCredentials(client_id=CLIENT_ID, client_secret=SecretStr(SECRET))
        settings = PayPalSettings(**{**self.settings, **changed})
        return Context(given, settings, wire, Mode.SANDBOX, URL, getattr(self, "keeper", None))

    def adapter(self, **settings: Any) -> PayPal:
        return PayPal(self.context(**settings))

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
        self.account.revoke()

    def throttle(self) -> None:
        body = {"name": "RATE_LIMIT_REACHED", "message": "Too many requests.", "links": []}
        self.network.instead = lambda _: httpx.Response(429, json=body)

    def live(self, reference: str) -> int:
        return sum(
            one.reference == reference and one.status.value not in ("void", "missing")
            for one in self.account.standing()
        )

    def sent(self, ref: str) -> int:
        return next(one.sent for one in self.account.standing() if one.ref == ref)

    def payers(self) -> int:
        return self.account.payers()

    def pay(self, ref: str, amount: Money) -> None:
        """Search shows it by the time that anybody asks."""
        if not self.hook:
            self.hook = self.adapter().register_webhook(HOOK).secret
        self.account.pay(ref, amount.minor)
        self.pass_time(self.double.search_lag_s)

    def void(self, ref: str) -> None:
        self.account.void(ref)

    def pass_time(self, seconds: float) -> None:
        self.clock.wait(seconds)

    def refund(self, ref: str, amount: Money) -> None:
        self.account.refund(ref, amount.minor)

    def dispute(self, ref: str) -> None:
        self.account.dispute(ref)

    def lose_dispute(self, ref: str) -> None:
        self.account.close_dispute(ref, won=False)

    def delivery(self, ref: str) -> Delivery:
        last = list(self.double.deliveries())[-1]
        headers = {name.lower(): value for name, value in last.headers.items()}
        url = headers["paypal-cert-url"]
        fetched = {url: self.adapter().certificate(url)}
        return Delivery(last.body, headers, HOOK, (self.hook,), self.clock.now(), fetched)

    def _mint(self) -> Any:
        return PayPal.mint(self.context())


def a_draft(*lines: LineDraft, name: str = "A-1", payer: str = "1", **changed: Any) -> InvoiceDraft:
    """45.00 USD where no line is given."""
    currency = changed.pop("currency", "USD")
    lines = lines or (a_line("45.00", currency=currency),)
    fields: dict[str, Any] = {
        "reference": our_reference(tenant="t", reference=name, account="a", operation="create"),
        "platform_reference": name,
        "number": name,
        "payer": a_payer(payer),
        "currency": currency,
        "total": Money.total((line.gross for line in lines), currency),
        "issued_on": date(2026, 3, 2),
        "due_on": date(2026, 3, 16),
        "lines": lines,
    }
    return InvoiceDraft(**{**fields, **changed})


def a_payer(name: str = "1", **changed: Any) -> PayerDraft:
    fields = {
        "reference": our_reference(tenant="t", reference=name, account="a", operation="payer"),
        "platform_reference": name,
        "name": f"Subscriber 000{name}",
        "email": f"subscriber000{name}@example.com",
    }
    return PayerDraft(**{**fields, **changed})


def a_line(net: str, tax: str = "0", *, currency: str = "USD", **changed: Any) -> LineDraft:
    return LineDraft("Internet", Money.parse(net, currency), Money.parse(tax, currency), **changed)


def _template(path: str) -> str:
    parts = [("{id}" if part.startswith(("INV2-", "PP-D-", "EXTR-")) else part) for part in path.split("/")]
    return "/".join(parts)
