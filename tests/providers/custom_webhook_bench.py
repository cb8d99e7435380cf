"""A customer's system and an adapter to it, over a real wire."""

from __future__ import annotations

import base64
from collections import Counter
from typing import Any

import httpx

from daemon.model import Delivery, DocStatus, Mode
from daemon.money import Money
from daemon.providers.base import Context
from daemon.providers.contract import Bench
from daemon.providers.custom_webhook import CustomWebhook
from daemon.providers.custom_webhook.setup import CustomCredentials, CustomSettings
from daemon.sandbox.custom_webhook import CustomDouble
from daemon.sandbox.transport import SandboxTransport, SpoilingTransport
from daemon.wire import HttpWire
from tests.fakes import FrozenClock, SeededEntropy
from tests.providers.stripe_script import OpenGate

URL = "https://sandbox.test"
HOOK = "https://wisp.example/hook"
API_KEY = "test-api-key-0001"


def a_secret(byte: int) -> str:
    return "whsec_" + base64.b64encode(bytes([byte]) * 32).decode()


CURRENT, PREVIOUS, INBOUND = a_secret(1), a_secret(2), a_secret(3)

PATHS = {
    "status": "status",
    "external_id": "id",
    "reference": "reference",
    "number": "number",
    "customer": "customer",
    "currency": "currency",
    "total": "total",
    "amount_paid": "amount_paid",
    "amount_due": "amount_due",
    "due_date": "due_date",
    "updated_at": "updated_at",
    "view_url": "view_url",
    "payments": {"items": "payments", "id": "id", "amount": "amount", "at": "at"},
    "refunds": {"items": "refunds", "id": "id", "amount": "amount", "at": "at"},
}
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "data": {
            "type": "object",
            "properties": {
                "customer": {"type": "object", "required": ["name", "email"]},
                "total": {"type": "string", "pattern": r"^[0-9]+(\.[0-9]{2})?$"},
            },
        }
    },
}


def json_settings(**changed: Any) -> dict[str, Any]:
    """What the owner of the double, as JSON, would enter."""
    return {
        "create": {
            "url": "https://billing.example.com/hooks/invoices",
            "response": {"external_id": "id"},
        },
        "status": {
            "url_template": "https://billing.example.com/api/invoices/{external_id}",
            "lookup_url_template": "https://billing.example.com/api/references/{reference}",
            "changes": {
                "url_template": "https://billing.example.com/api/invoices?updated_since={since}&page={page}",
                "items": "invoice",
            },
            "paths": PATHS,
        },
        "void": {"url_template": "https://billing.example.com/api/invoices/{external_id}/void"},
        "json_schema": SCHEMA,
        "hint_path": "data.invoice",
        **changed,
    }


def _prefixed(value: Any) -> Any:
    """The same paths below the root element of an XML answer."""
    if isinstance(value, dict):
        return {
            name: _prefixed(inner) if name not in ("id", "amount", "at") else inner
            for name, inner in value.items()
        }
    return f"invoice.{value}"


XML_MAPPING = {
    "$el": "Invoice",
    "$attr": {
        "reference": {"$path": "/reference"},
        "number": {"$path": "/number"},
        "currency": {"$path": "/currency"},
    },
    "$children": [
        {
            "$el": "Customer",
            "$attr": {"ref": {"$path": "/customer/reference"}},
            "$text": {"$path": "/customer/name"},
        },
        {"$el": "Issued", "$text": {"$path": "/issue_date"}},
        {"$el": "Due", "$text": {"$path": "/due_date", "$fmt": "date:%Y-%m-%d"}},
        {
            "$each": "/lines",
            "$do": {
                "$el": "Line",
                "$attr": {"amount": {"$path": "amount"}},
                "$text": {"$path": "description"},
            },
        },
        {"$el": "Total", "$text": {"$path": "/total"}},
    ],
}


def xml_settings(**changed: Any) -> dict[str, Any]:
    """The same of a system that speaks XML."""
    paths = {name: _prefixed(path) for name, path in PATHS.items()}
    paths["external_id"] = "not_null(invoice.id, id)"
    paths["updated_at"] = "not_null(invoice.updated_at, updated_at)"
    return {
        "create": {
            "url": "https://billing.example.com/hooks/invoices",
            "response": {"external_id": "invoice.id"},
        },
        "status": {
            "url_template": "https://billing.example.com/api/invoices/{external_id}",
            "lookup_url_template": "https://billing.example.com/api/references/{reference}",
            "changes": {
                "url_template": "https://billing.example.com/api/invoices?updated_since={since}&page={page}",
                "items": "invoices.invoice",
            },
            "paths": paths,
        },
        "void": {"url_template": "https://billing.example.com/api/invoices/{external_id}/void"},
        "content_type": "application/xml",
        "mapping": XML_MAPPING,
        "hint_path": "data.invoice",
        **changed,
    }


class LossyTransport(httpx.BaseTransport):
    """Loses one write, or its answer, and gives another answer once told so; remembers the requests."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self.inner = inner
        self.lose: tuple[int, bool] | None = None
        self.always: httpx.Response | None = None
        self.instead: list[httpx.Response] = []
        self.requests: list[httpx.Request] = []

    @property
    def seen(self) -> Counter[str]:
        return Counter(f"{request.method} {request.url.path}" for request in self.requests)

    def posts(self) -> list[httpx.Request]:
        return [request for request in self.requests if request.method != "GET"]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.always is not None:
            return self.always
        if self.instead:
            return self.instead.pop(0)
        if request.method == "GET" or self.lose is None:
            return self.inner.handle_request(request)
        after, lands = self.lose
        self.lose = (after - 1, lands) if after else None
        if after:
            return self.inner.handle_request(request)
        if lands:
            self.inner.handle_request(request)
        raise httpx.ReadTimeout("lost", request=request)


class CustomBench(Bench):
    secrets = (API_KEY, CURRENT, PREVIOUS, INBOUND)

    def __init__(self, settings: dict[str, Any] | None = None, **options: Any) -> None:
        self.clock = FrozenClock()
        self.double = CustomDouble(self.clock, SeededEntropy(), public_url=URL, rates=False)
        self.account = self.double.add_account(
            API_KEY, secrets=[CURRENT], hint_url=HOOK, hint_secret=INBOUND, **options
        )
        self.settings = settings or json_settings()
        self.network = LossyTransport(SandboxTransport(self.double))
        self.spoiling = SpoilingTransport(self.network)

    def adapter(self, credentials: dict[str, Any] | None = None, **settings: Any) -> CustomWebhook:
        wire = HttpWire("the customer", gate=OpenGate(), clock=self.clock, transport=self.spoiling)
        given = {"api_key": API_KEY, "signing_secret": CURRENT, "inbound_secret": INBOUND}
        return CustomWebhook(
            Context(
                CustomCredentials.model_validate(given | (credentials or {})),
                CustomSettings.model_validate(self.settings | settings),
                wire,
                Mode.SANDBOX,
                base_url=URL,
                clock=self.clock,
            )
        )

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
        self.account.revoked = True

    def throttle(self) -> None:
        self.network.always = httpx.Response(429, json={"error": {"message": "slow down"}})

    def live(self, reference: str) -> int:
        gone = (DocStatus.VOID, DocStatus.MISSING)
        return sum(one.reference == reference and one.status not in gone for one in self.account.standing())

    def sent(self, ref: str) -> int:
        return next(one.sent for one in self.account.standing() if one.ref == ref)

    def payers(self) -> int:
        return self.account.payers()

    def pay(self, ref: str, amount: Money) -> None:
        self.account.pay(ref, amount.minor)

    def void(self, ref: str) -> None:
        self.account.void(ref)

    def pass_time(self, seconds: float) -> None:
        self.clock.move(seconds)

    def refund(self, ref: str, amount: Money) -> None:
        self.account.refund(ref, amount.minor)

    def delivery(self, ref: str) -> Delivery:
        last = list(self.double.deliveries())[-1]
        headers = {name.lower(): value for name, value in last.headers.items()}
        return Delivery(last.body, headers, HOOK, (INBOUND,), self.clock.now())
