"""What every double is, and the way of a request through one.

A double is a WSGI app over a world of accounts. `Standing` and `Hands` are what the demo, the contract and
the simulation know of it: what stands in the books there, and what people do without asking us.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from email.utils import format_datetime
from functools import cached_property
from typing import Any, Protocol

from daemon.clock import Clock, Entropy
from daemon.errors import Unsupported
from daemon.model import DocStatus
from daemon.sandbox.faults import Fault, FaultKind, Faults, LostAnswer
from daemon.sandbox.http import Answer, Environ, Request, StartResponse, TooLarge, read
from daemon.sandbox.outbox import Outbox, Posting

BEFORE = frozenset({FaultKind.REFUSED, FaultKind.TIMEOUT_BEFORE, FaultKind.RESET_BEFORE, FaultKind.HALF_OPEN})
AFTER = frozenset({FaultKind.TIMEOUT_AFTER, FaultKind.RESET_AFTER})
PAGE = b"<!DOCTYPE html><html><body><h1>Please sign in</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Standing:
    """An invoice as it stands at the provider, in minor units of `currency`; `paid` before refunds.

    `reference` is what stands where our reference goes, `sent` how often it was sent to the payer."""

    ref: str
    number: str
    reference: str
    payer: str
    currency: str
    total: int
    paid: int
    refunded: int
    status: DocStatus
    sent: int


class Hands(ABC):
    """One account as the world outside acts on it: payers, banks, and people in the provider's own pages.
    Amounts are minor units. An unknown ref raises KeyError, what the provider would refuse ValueError, and
    what does not exist there Unsupported."""

    id: str

    @abstractmethod
    def standing(self) -> list[Standing]:
        """Every invoice, oldest first; deleted ones too where they were ours once, as MISSING."""

    @abstractmethod
    def payers(self) -> int:
        """How many customers the account has."""

    @abstractmethod
    def pay(self, ref: str, amount: int | None = None) -> str:
        """The subscriber pays the rest, or `amount` of it; returns the payment's id."""

    def pay_several(self, amounts: dict[str, int]) -> str:
        """One payment that settles several invoices of one payer."""
        raise Unsupported

    def overpay(self, ref: str, amount: int) -> str:
        """Pay the rest and `amount` more."""
        raise Unsupported

    def refund(self, ref: str, amount: int | None = None) -> None:
        """Give the newest payment back, in part or whole."""
        raise Unsupported

    def reverse(self, ref: str) -> None:
        """The newest payment bounces, or is deleted or unapplied by the office."""
        raise Unsupported

    def credit(self, ref: str, amount: int) -> None:
        """A credit note over `amount`, applied to the invoice."""
        raise Unsupported

    def dispute(self, ref: str) -> None:
        raise Unsupported

    def close_dispute(self, ref: str, *, won: bool) -> None:
        raise Unsupported

    def void(self, ref: str) -> None:
        raise Unsupported

    def delete(self, ref: str) -> None:
        """The office deletes it."""
        raise Unsupported

    def edit(self, ref: str, total: int) -> None:
        """The office changes the amount."""
        raise Unsupported

    def enrol(self, name: str, *, email: str = "", phone: str = "", reference: str = "") -> str:
        """The office makes a customer of its own; its ref. `reference` is what it writes where another
        system's name may stand."""
        raise Unsupported

    def retire(self, payer: str) -> None:
        """The office deletes a customer, or archives it where none is ever deleted."""
        raise Unsupported

    def merge(self, payer: str, into: str) -> None:
        """The office merges a customer into another: its invoices are the other's from then on."""
        raise Unsupported

    def strangers(self, number: str, total: int) -> str:
        """An invoice of the merchant's own, under this number, for another payer; its ref."""
        raise Unsupported


class Parcel(Protocol):
    """One POST to make."""

    @property
    def url(self) -> str: ...

    @property
    def headers(self) -> dict[str, str]: ...

    @property
    def body(self) -> bytes: ...


class Double(Protocol):
    """What a server and a deliverer of webhooks know of a double."""

    clock: Clock
    faults: Faults
    lock: threading.RLock
    stats: Counter[str]
    statuses: Counter[int]

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]: ...

    def set_public_url(self, url: str) -> None: ...

    def next_delivery(self) -> Any: ...

    def delivered(self, delivery: Any) -> None: ...

    def failed(self, delivery: Any) -> None: ...


@dataclass(frozen=True, slots=True)
class Route:
    """`template` like "/v2/invoicing/invoices/{id}": a name stands for one segment. `operation` is what
    the fault menu and the statistics call it."""

    method: str
    template: str
    handler: str
    writes: bool = False
    lists: bool = False

    @property
    def operation(self) -> str:
        return f"{self.method} {self.template}"

    def match(self, method: str, segments: Sequence[str]) -> tuple[str, ...] | None:
        """The path's own words, in order; None where it is another route."""
        wanted = self.template.split("/")
        if method != self.method or len(wanted) != len(segments):
            return None
        args = []
        for want, got in zip(wanted, segments, strict=True):
            if want.startswith("{"):
                if not got:
                    return None
                args.append(got)
            elif want != got:
                return None
        return tuple(args)


class BaseDouble(ABC):
    """The way of a request: found, counted, spoilt by the fault menu, answered under one lock.

    A subclass gives `routes` (the first that fits), `serve`, its refusals, and webhooks by `self.outbox`.
    Waits never hold the lock. `rates` is whether limits apply."""

    name: str
    routes: Sequence[Route]
    request_id_header = ""

    def __init__(
        self,
        clock: Clock,
        entropy: Entropy,
        *,
        public_url: str = "https://sandbox.test",
        faults: Faults | None = None,
        rates: bool = True,
    ) -> None:
        self.clock = clock
        self.entropy = entropy
        self.public_url = public_url.rstrip("/")
        self.faults = faults or Faults()
        self.rates = rates
        self.lock = threading.RLock()
        self.stats: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.outbox = Outbox(clock, self.faults)

    # --- what a provider is ---------------------------------------------------------------------------

    @abstractmethod
    def serve(self, route: Route, args: tuple[str, ...], request: Request, *, stale_s: float) -> Answer:
        """Check everything and run it, under the lock; refusals are answers. A list answers as of `stale_s`
        seconds ago."""

    @abstractmethod
    def no_such_route(self, request: Request) -> Answer:
        """The provider's 404 for an address that it does not have."""

    @abstractmethod
    def too_many(self, retry_after_s: float | None) -> Answer:
        """The provider's 429."""

    @abstractmethod
    def server_error(self) -> Answer:
        """The provider's 500."""

    @abstractmethod
    def forbidden(self) -> Answer:
        """The provider's refusal of credentials that it does not know (any more)."""

    def revoke(self, request: Request) -> None:
        """From now on the credentials of this request are worth nothing."""
        raise Unsupported

    # --- webhooks -------------------------------------------------------------------------------------

    def set_public_url(self, url: str) -> None:
        with self.lock:
            self.public_url = url.rstrip("/")

    def deliveries(self) -> Iterator[Posting]:
        """What is due for delivery now, each counted as delivered unless `failed` is told otherwise."""
        while (delivery := self.next_delivery()) is not None:
            self.delivered(delivery)
            yield delivery

    def next_delivery(self) -> Posting | None:
        with self.lock:
            return self.outbox.pop()

    def delivered(self, delivery: Posting) -> None:
        with self.lock:
            self.outbox.done(delivery)

    def failed(self, delivery: Posting) -> None:
        """The endpoint did not answer 2xx: the delivery comes back later."""
        with self.lock:
            self.outbox.failed(delivery)

    # --- requests -------------------------------------------------------------------------------------

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Raises LostAnswer where no answer is to reach the caller."""
        try:
            request = read(environ)
        except TooLarge:
            return Answer(413, b"").send(start_response)
        answer, fault = self._answer(request)
        answer.headers.append(("Date", format_datetime(self.clock.now(), usegmt=True)))
        with self.lock:
            self.statuses[answer.status] += 1
        if fault is not None and fault.kind is FaultKind.DRIP:
            return answer.drip(start_response, self.clock, fault.lasts_s)
        return answer.send(start_response)

    def _answer(self, request: Request) -> tuple[Answer, Fault | None]:
        found = self._find(request)
        if found is None:
            return self.no_such_route(request), None
        route, args = found
        with self.lock:
            self.stats[route.operation] += 1
        fault = self.faults.draw(route.operation, writes=route.writes, lists=route.lists)
        answer = self._instead(fault, request)
        if answer is not None:
            return answer, fault
        if self.faults.latency_s:
            self.clock.wait(self.faults.latency_s)
        stale_s = fault.lasts_s if fault is not None and fault.kind is FaultKind.STALE_LIST else 0.0
        with self.lock:
            answer = self.serve(route, args, request, stale_s=stale_s)
        return self._spoilt(fault, answer), fault

    def _find(self, request: Request) -> tuple[Route, tuple[str, ...]] | None:
        segments = request.path.split("/")
        for route in self.routes:
            args = route.match(request.method, segments)
            if args is not None:
                return route, args
        return None

    def _instead(self, fault: Fault | None, request: Request) -> Answer | None:
        """What comes instead of an answer, with nothing done."""
        if fault is None:
            return None
        if fault.kind in BEFORE:
            raise LostAnswer(fault, after_commit=False)
        if fault.kind is FaultKind.REVOKED_KEY:
            with self.lock:
                self.revoke(request)
        instead = self._made_up.get(fault.kind)
        return instead(fault) if instead else None

    @cached_property
    def _made_up(self) -> Mapping[FaultKind, Callable[[Fault], Answer]]:
        """The answers of faults that do nothing."""
        return {
            FaultKind.THROTTLED: lambda fault: self.too_many(fault.seconds),
            FaultKind.LOCK_TIMEOUT: lambda fault: self.too_many(fault.seconds),
            FaultKind.ERROR_BEFORE: lambda _: self.server_error(),
            FaultKind.ERROR_STORED: lambda _: self.server_error(),
            FaultKind.FORBIDDEN: lambda _: self.forbidden(),
            FaultKind.HTML: lambda _: Answer(200, PAGE, content_type="text/html; charset=utf-8"),
            FaultKind.REDIRECT: lambda _: Answer(302, b"", [("Location", "https://elsewhere.test/")]),
        }

    def _spoilt(self, fault: Fault | None, answer: Answer) -> Answer:
        """What became of an answer on its way, with everything done."""
        if fault is None:
            return answer
        match fault.kind:
            case kind if kind in AFTER:
                raise LostAnswer(fault, after_commit=True)
            case FaultKind.ERROR_AFTER:
                return self.server_error()
            case FaultKind.GARBLED:
                return replace(answer, body=answer.body[: len(answer.body) // 2])
            case FaultKind.EMPTY:
                return replace(answer, body=b"")
        return answer
