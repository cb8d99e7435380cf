"""Webhook deliveries: signed, queued, and spoilt by the fault menu on request."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import deque
from dataclasses import dataclass, replace

from daemon.clock import Clock, Entropy, to_unix
from daemon.sandbox.faults import FaultKind, Faults
from daemon.sandbox.stripe import render
from daemon.sandbox.stripe.ledger import Ledger, token
from daemon.sandbox.stripe.records import Endpoint, Event

RETRY_AFTER_S = (60.0, 3600.0, 3 * 3600.0)
"""In test mode three tries over a few hours (third parties; Stripe says only "three times")."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST to make. `account`, `event` and `endpoint` are ids; `attempt` counts from 1."""

    url: str
    headers: dict[str, str]
    body: bytes
    account: str
    event: str
    endpoint: str
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class _Waiting:
    due: float
    ledger: Ledger
    event: Event
    endpoint: str
    attempt: int = 1
    forged: bool = False


def sign(secret: str, body: bytes, at: int) -> str:
    """The Stripe-Signature header: HMAC-SHA256 over "t.body", keyed by the secret as it is written."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


class Outbox:
    """All accounts' deliveries in the order they became due; used under the double's lock."""

    def __init__(self, clock: Clock, entropy: Entropy, faults: Faults | None) -> None:
        self._clock = clock
        self._entropy = entropy
        self._faults = faults
        self._waiting: deque[_Waiting] = deque()
        self._sent: dict[tuple[str, str], _Waiting] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def collect(self, ledger: Ledger) -> None:
        """Take over what the ledger queued."""
        while ledger.outbox:
            event, endpoint = ledger.outbox.popleft()
            self._place(_Waiting(self._clock.monotonic(), ledger, event, endpoint))

    def pop(self) -> Delivery | None:
        """The next delivery that is due, signed now; None where nothing is."""
        while (waiting := self._next_due()) is not None:
            delivery = self._written(waiting)
            if delivery is not None:
                return delivery
        return None

    def _next_due(self) -> _Waiting | None:
        now = self._clock.monotonic()
        for position, waiting in enumerate(self._waiting):
            if waiting.due <= now:
                del self._waiting[position]
                return waiting
        return None

    def done(self, delivery: Delivery) -> None:
        """The endpoint answered 2xx."""
        waiting = self._sent.pop((delivery.event, delivery.endpoint), None)
        if waiting is not None:
            _count_down(waiting)

    def failed(self, delivery: Delivery) -> None:
        """No 2xx: try again later, a few times."""
        waiting = self._sent.pop((delivery.event, delivery.endpoint), None)
        if waiting is not None and waiting.attempt <= len(RETRY_AFTER_S):
            due = self._clock.monotonic() + RETRY_AFTER_S[waiting.attempt - 1]
            self._waiting.append(replace(waiting, due=due, attempt=waiting.attempt + 1))

    def _place(self, waiting: _Waiting) -> None:
        fault = self._faults.draw_hook(waiting.event.type) if self._faults else None
        kind = fault.kind if fault else None
        if fault is not None and kind is FaultKind.HOOK_DELAYED:
            waiting = replace(waiting, due=waiting.due + fault.lasts_s)
        if kind is FaultKind.HOOK_FORGED:
            self._waiting.append(replace(waiting, forged=True))
            return
        if kind is FaultKind.HOOK_DROPPED:
            return
        if kind is FaultKind.HOOK_REORDERED:
            self._waiting.appendleft(waiting)
            return
        self._waiting.append(waiting)
        if kind is FaultKind.HOOK_DUPLICATED:
            self._waiting.append(waiting)

    def _written(self, waiting: _Waiting) -> Delivery | None:
        endpoint = waiting.ledger.endpoints.get(waiting.endpoint)
        if endpoint is None or endpoint.status != "enabled":
            _count_down(waiting)
            return None
        self._sent[waiting.event.id, endpoint.id] = waiting
        body = json.dumps(render.event(waiting.ledger, waiting.event)).encode()
        return Delivery(
            endpoint.url,
            {
                "Content-Type": "application/json; charset=utf-8",
                "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
                "Stripe-Signature": sign(self._secret(waiting, endpoint), body, to_unix(self._clock.now())),
            },
            body,
            waiting.ledger.id,
            waiting.event.id,
            endpoint.id,
            waiting.attempt,
        )

    def _secret(self, waiting: _Waiting, endpoint: Endpoint) -> str:
        return f"whsec_{token(self._entropy, 32)}" if waiting.forged else endpoint.secret


def _count_down(waiting: _Waiting) -> None:
    left = waiting.ledger.undelivered.pop(waiting.event.id, 0) - 1
    if left > 0:
        waiting.ledger.undelivered[waiting.event.id] = left
