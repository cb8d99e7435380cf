"""One account in one mode: its tables, its ids, its events."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

from daemon.clock import Clock, Entropy, to_unix
from daemon.sandbox.stripe.records import (
    CreditNote,
    Customer,
    Dispute,
    Endpoint,
    Event,
    Invoice,
    Payment,
    Refund,
    TaxRate,
)
from daemon.sandbox.stripe.tables import History, Table

VERSION = "2026-10-28.endive"
EVENTS_KEPT_S = 30 * 86_400

_ALPHABET = bytes((b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" * 5)[:256])


def token(entropy: Entropy, length: int) -> str:
    """Random letters and digits; a little uneven, which an id of a double may be."""
    return entropy.bytes(length).translate(_ALPHABET).decode()


class Cause(NamedTuple):
    """The API request that is being executed; events name it."""

    request: str | None = None
    key: str | None = None


NOBODY = Cause()


class Ledger:
    """Not thread-safe by itself: the double's lock is held around every use."""

    def __init__(
        self,
        account_id: str,
        *,
        livemode: bool,
        country: str,
        default_currency: str,
        clock: Clock,
        entropy: Entropy,
        public_url: str,
        keep_s: float,
    ) -> None:
        self.id = account_id
        self.livemode = livemode
        self.country = country
        self.default_currency = default_currency
        self.public_url = public_url
        self.clock = clock
        self._entropy = entropy
        self.created = self.now
        self.history = History(clock.monotonic, keep_s)
        self.cause = NOBODY
        self.seq = 0
        self._events_swept = 0
        self._quiet = False
        self.customers: Table[Customer] = Table("customer", self.history)
        self.invoices: Table[Invoice] = Table("invoice", self.history, ("customer",))
        self.payments: Table[Payment] = Table("payment", self.history, ("invoice",))
        self.refunds: Table[Refund] = Table("refund", self.history, ("charge", "payment_intent"))
        self.disputes: Table[Dispute] = Table("dispute", self.history, ("charge", "payment_intent"))
        self.credit_notes: Table[CreditNote] = Table("credit_note", self.history, ("invoice", "customer"))
        self.endpoints: Table[Endpoint] = Table("webhook_endpoint", self.history)
        self.events: Table[Event] = Table("event", self.history)
        self.deleted_customers: set[str] = set()
        self.numbers: dict[str, str] = {}
        self.by_intent: dict[str, str] = {}
        self.by_charge: dict[str, str] = {}
        self.loose_intents: dict[str, Payment] = {}
        self.failed_charges: dict[str, Payment] = {}
        self.tax_rates: dict[str, TaxRate] = {}
        self.undelivered: dict[str, int] = {}
        self.timers: list[tuple[int, str]] = []
        self.outbox: deque[tuple[Event, str]] = deque()

    @property
    def now(self) -> int:
        """Unix seconds."""
        return to_unix(self.clock.now())

    @property
    def mode(self) -> str:
        return "live" if self.livemode else "test"

    def new_id(self, prefix: str) -> str:
        return prefix + token(self._entropy, 24)

    def secret(self, length: int = 32) -> str:
        return token(self._entropy, length)

    def next_seq(self) -> int:
        self.seq += 1
        return self.seq

    def emit(self, name: str, kind: str, subject: Any, before: Mapping[str, Any] | None = None) -> None:
        """Something happened to `subject`; `before` holds what its changed fields were."""
        if self._quiet:
            return
        now = self.now
        event = self.events.put(
            Event(
                self.new_id("evt_"),
                self.next_seq(),
                now,
                name,
                kind,
                subject,
                before,
                self.cause.request,
                self.cause.key,
            )
        )
        self._queue(event)
        if now - self._events_swept > 86_400:
            self._events_swept = now
            self.events.forget_before(now - EVENTS_KEPT_S)

    @contextmanager
    def long_ago(self) -> Iterator[None]:
        """What is done inside leaves no events and no history, as if it were older than both reach."""
        self._quiet = self.history.paused = True
        try:
            yield
        finally:
            self._quiet = self.history.paused = False

    def payment_of_charge(self, charge: str) -> Payment | None:
        """The payment with this charge, as its latest or as one that failed."""
        payment_id = self.by_charge.get(charge)
        return self.payments.get(payment_id) if payment_id else self.failed_charges.get(charge)

    def payment_of_intent(self, intent: str) -> Payment | None:
        payment_id = self.by_intent.get(intent)
        return self.payments.get(payment_id) if payment_id else self.loose_intents.get(intent)

    def put_payment(self, payment: Payment) -> Payment:
        self.by_intent[payment.intent] = payment.id
        if payment.charge:
            self.by_charge[payment.charge] = payment.id
        return self.payments.put(payment)

    def change_balance(self, customer_id: str, by: int) -> Customer | None:
        """Move a customer's balance; negative is credit."""
        customer = self.customers.get(customer_id)
        if customer is None or by == 0:
            return customer
        changed = self.customers.put(replace(customer, balance=customer.balance + by))
        self.emit("customer.updated", "customer", changed, {"balance": customer.balance})
        return changed

    def _queue(self, event: Event) -> None:
        if not len(self.endpoints):
            return
        listening = [e.id for e in self.endpoints if e.status == "enabled" and wants(e, event.type)]
        if listening:
            self.undelivered[event.id] = len(listening)
            self.outbox.extend((event, endpoint) for endpoint in listening)


def wants(endpoint: Endpoint, name: str) -> bool:
    return "*" in endpoint.enabled_events or name in endpoint.enabled_events
