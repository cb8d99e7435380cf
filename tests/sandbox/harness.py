"""A double with a clock that stands still, and a client that checks every answer."""

from __future__ import annotations

import json
import random
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from daemon.clock import to_unix
from daemon.sandbox.faults import Faults
from daemon.sandbox.stripe import VERSION, StripeDouble
from daemon.sandbox.stripe.routes import find
from daemon.sandbox.transport import SandboxTransport
from tests.sandbox.oracle import stripe_oracle

KEY = "sk_test_0123456789abcdef"
DAY = 86_400


class StillClock:
    """Stands still until told otherwise; waiting moves it."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, 9, tzinfo=UTC)
        self.mono = 1000.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.mono

    def wait(self, seconds: float, stop: threading.Event | None = None) -> bool:
        self.at += timedelta(seconds=seconds)
        self.mono += seconds
        return False


class Dice:
    """Entropy that is the same in every run."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)

    def bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)

    def fraction(self) -> float:
        return self._random.random()


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    doc: dict[str, Any]
    headers: httpx.Headers
    raw: bytes

    def __getitem__(self, name: str) -> Any:
        return self.doc[name]

    @property
    def error(self) -> dict[str, Any]:
        return self.doc["error"]

    @property
    def ids(self) -> list[str]:
        return [entry["id"] for entry in self.doc["data"]]


class Bench:
    """`params` are written as they go over the wire: {"lines[0][amount]": 500}."""

    def __init__(
        self, *, key: str = KEY, seed: int = 1, faults: Faults | None = None, **options: Any
    ) -> None:
        self.clock = StillClock()
        self.faults = faults or Faults()
        self.double = StripeDouble(self.clock, Dice(seed), faults=self.faults, **{"rates": False, **options})
        self.account = self.double.add_account(key)
        self.transport = SandboxTransport(self.double)
        self.client = httpx.Client(transport=self.transport, base_url="https://sandbox.test")
        self.headers = {"Authorization": f"Bearer {key}", "Stripe-Version": VERSION}

    @property
    def now(self) -> int:
        return to_unix(self.clock.now())

    def get(self, path: str, params: Any = None, **headers: str) -> Reply:
        return self._send("GET", path, headers, params=params)

    def post(self, path: str, params: Any = None, *, key: str | None = None, **headers: str) -> Reply:
        if key is not None:
            headers["Idempotency-Key"] = key
        return self._send("POST", path, headers, data=params or {})

    def delete(self, path: str, **headers: str) -> Reply:
        return self._send("DELETE", path, headers)

    def _send(self, method: str, path: str, headers: dict[str, str], **content: Any) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self.client.request(method, path, headers={**self.headers, **named}, **content)
        reply = Reply(response.status_code, json.loads(response.content), response.headers, response.content)
        route = find(method, path.partition("?")[0])
        oracle = stripe_oracle()
        if route is not None and oracle is not None:
            oracle.check(route[0].operation, reply.status, reply.doc)
        return reply

    # Shorthand for what most tests need first

    def customer(self, **fields: Any) -> str:
        given = {"email": "subscriber0001@example.com", "name": "Subscriber 0001", **fields}
        return made(self.post("/v1/customers", given))

    def draft(self, customer: str | None = None, *, key: str | None = None, **fields: Any) -> str:
        given = {
            "customer": customer or self.customer(),
            "collection_method": "send_invoice",
            "days_until_due": 14,
            "auto_advance": "false",
            **fields,
        }
        return made(self.post("/v1/invoices", {k: v for k, v in given.items() if v is not None}, key=key))

    def billed(self, *amounts: int, customer: str | None = None, **fields: Any) -> str:
        """A draft with lines."""
        invoice = self.draft(customer, **fields)
        lines: dict[str, Any] = {}
        for position, amount in enumerate(amounts):
            lines |= {f"lines[{position}][amount]": amount, f"lines[{position}][description]": "Access"}
        made(self.post(f"/v1/invoices/{invoice}/add_lines", lines))
        return invoice

    def opened(self, *amounts: int, customer: str | None = None, **fields: Any) -> str:
        """A finalised invoice."""
        invoice = self.billed(*(amounts or (4500,)), customer=customer, **fields)
        made(self.post(f"/v1/invoices/{invoice}/finalize"))
        return invoice

    def invoice(self, invoice_id: str, **params: Any) -> Reply:
        return self.get(f"/v1/invoices/{invoice_id}", params)

    def event_types(self) -> list[str]:
        """Newest first."""
        return [event["type"] for event in self.get("/v1/events", {"limit": 100})["data"]]


def made(reply: Reply) -> str:
    assert reply.status == 200, reply.doc
    return str(reply["id"])


def refused(reply: Reply, status: int, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    assert reply.status == status, reply.doc
    assert code is None or reply.error.get("code") == code, reply.doc
    assert param is None or reply.error.get("param") == param, reply.doc
    return reply.error
