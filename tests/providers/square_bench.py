"""Square at the bench: the adapter over the real wire, before a double that knows nothing of it."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import httpx

from daemon.model import Delivery, DocStatus, InvoiceDraft, LineDraft, Mode, PayerDraft
from daemon.money import Money
from daemon.providers.base import Context
from daemon.providers.contract import Bench
from daemon.providers.square import Square
from daemon.providers.square.setup import SquareCredentials, SquareSettings
from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.square import SquareDouble
from daemon.sandbox.transport import SandboxTransport, SpoilingTransport
from daemon.wire import HttpWire
from tests.fakes import FrozenClock, SeededEntropy
from tests.providers.square_spec import SquareSpecTransport

URL = "https://sandbox.test"
HOOK = "https://wisp.example/hook"
TOKEN = "EAAA-" + "x1Y2z3" * 10
REFERENCE = "WB-ABCDEFGHIJKLMNOP"
PAYER = "WB-QRSTUVWXYZ234567"


class OpenGate:
    def __init__(self) -> None:
        self.scopes: Counter[str] = Counter()

    def enter(self, scope: str) -> None:
        self.scopes[scope] += 1

    def leave(self, scope: str, *, ok: bool | None) -> None: ...


class Network(httpx.BaseTransport):
    """Counts requests by "METHOD /path/{id}", loses one write or its answer, and throttles once told so."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self.inner = inner
        self.lose: tuple[int, bool] | None = None
        self.always: httpx.Response | None = None
        self.seen: list[str] = []
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(f"{request.method} {request.url.path}")
        self.requests.append(request)
        if self.always is not None:
            return self.always
        if not _writes(request) or self.lose is None:
            return self.inner.handle_request(request)
        after, lands = self.lose
        self.lose = (after - 1, lands) if after else None
        if after:
            return self.inner.handle_request(request)
        if lands:
            self.inner.handle_request(request)
        raise httpx.ReadTimeout("lost", request=request)


def _writes(request: httpx.Request) -> bool:
    reads = ("/search", "/batch-retrieve", "/token/status")
    return request.method != "GET" and not request.url.path.endswith(reads)


class SquareBench(Bench):
    secrets = (TOKEN,)

    def __init__(
        self,
        *,
        lag_s: float = 0.0,
        currency: str = "USD",
        clock: FrozenClock | None = None,
        **account: Any,
    ) -> None:
        self.currency = currency
        self.clock = clock or FrozenClock()
        self.double = SquareDouble(self.clock, SeededEntropy(), public_url=URL, rates=False, lag_s=lag_s)
        self.account = self.double.add_account(TOKEN, currency=currency, **account)
        self.network = Network(SquareSpecTransport(SandboxTransport(self.double)))
        self.spoiling = SpoilingTransport(self.network)
        self.gate = OpenGate()
        self.hook: tuple[str, str] | None = None

    def adapter(self, token: str = TOKEN, **settings: Any) -> Square:
        wire = HttpWire("Square", gate=self.gate, clock=self.clock, transport=self.spoiling)
        given = SquareSettings(**{"location_id": self.account.location_id, **settings})
        return Square(Context(SquareCredentials(access_token=token), given, wire, Mode.SANDBOX, base_url=URL))

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
        self.account.revoke(TOKEN)

    def throttle(self) -> None:
        error = {"category": "RATE_LIMIT_ERROR", "code": "RATE_LIMITED", "detail": "slow down"}
        self.network.always = httpx.Response(429, json={"errors": [error]})

    def live(self, reference: str) -> int:
        gone = (DocStatus.VOID, DocStatus.MISSING)
        return sum(one.reference == reference and one.status not in gone for one in self.account.standing())

    def sent(self, ref: str) -> int:
        return next(one.sent for one in self.account.standing() if one.ref == ref)

    def payers(self) -> int:
        return self.account.payers()

    def pay(self, ref: str, amount: Money) -> None:
        if self.hook is None:
            hook = self.adapter().register_webhook(HOOK)
            self.hook = (hook.external_id, hook.secret)
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

    def refund(self, ref: str, amount: Money) -> None:
        self.account.refund(ref, amount.minor)

    def dispute(self, ref: str) -> None:
        self.account.dispute(ref)

    def lose_dispute(self, ref: str) -> None:
        self.account.close_dispute(ref, won=False)

    def delivery(self, ref: str) -> Delivery:
        assert self.hook is not None
        found = [one for one in self.double.deliveries() if ref.encode() in one.body][-1]
        return Delivery(found.body, found.headers, HOOK, (self.hook[1],), self.clock.now())

    def fault(self, kind: FaultKind, on: str = "", seconds: float | None = None) -> None:
        self.double.faults.add(Fault(kind, on, seconds))


def a_line(net: str, tax: str = "0", currency: str = "USD", **more: Any) -> LineDraft:
    return LineDraft("Internet", Money.parse(net, currency), Money.parse(tax, currency), **more)


def a_payer(**changed: Any) -> PayerDraft:
    fields: dict[str, Any] = {
        "reference": PAYER,
        "platform_reference": "S-1",
        "name": "Subscriber 0001",
        "email": "subscriber0001@example.com",
    }
    return PayerDraft(**{**fields, **changed})


def a_draft(*lines: LineDraft, currency: str = "USD", **changed: Any) -> InvoiceDraft:
    lines = lines or changed.get("lines") or (a_line("45.00", currency=currency),)
    fields: dict[str, Any] = {
        "reference": REFERENCE,
        "platform_reference": "A-1",
        "number": "A-1",
        "payer": a_payer(),
        "currency": currency,
        "total": Money.total((line.gross for line in lines), currency),
        "issued_on": date(2026, 3, 2),
        "due_on": date(2026, 3, 16),
        "lines": lines,
    }
    return InvoiceDraft(**{**fields, **changed})
