"""A merchant at the double, called as any client would, each answer held against PayPal's documents."""

from __future__ import annotations

from typing import Any

import httpx

from daemon.sandbox.paypal import PayPalDouble
from daemon.sandbox.transport import SandboxTransport
from tests.fakes import FrozenClock, SeededEntropy
from tests.providers.paypal_spec import SpecTransport

URL = "https://sandbox.test"
INVOICES = "/v2/invoicing/invoices"


class Merchant:
    """`client_id` is "client", the secret "secret"."""

    def __init__(self, **double: Any) -> None:
        self.clock = FrozenClock()
        self.double = PayPalDouble(self.clock, SeededEntropy(), public_url=URL, **{"rates": False, **double})
        self.account = self.double.add_account("client", "secret")
        self.strict = httpx.Client(transport=SpecTransport(SandboxTransport(self.double), answers=True))
        self.loose = httpx.Client(transport=SandboxTransport(self.double))
        self.token = self.mint().json()["access_token"]

    def mint(self, **changed: Any) -> httpx.Response:
        given = {"data": {"grant_type": "client_credentials"}, "auth": ("client", "secret"), **changed}
        return self.loose.post(f"{URL}/v1/oauth2/token", **given)

    def call(self, method: str, path: str, *, loose: bool = False, **given: Any) -> httpx.Response:
        """`loose`: a request that breaks the documents on purpose."""
        headers = {"authorization": f"Bearer {self.token}", **given.pop("headers", {})}
        client = self.loose if loose else self.strict
        return client.request(method, f"{URL}{path}", headers=headers, **given)

    def create(self, *, loose: bool = False, **changed: Any) -> httpx.Response:
        headers = {"prefer": "return=representation"}
        return self.call("POST", INVOICES, json=a_body(**changed), headers=headers, loose=loose)

    def a_draft(self, **changed: Any) -> str:
        answer = self.create(**changed)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def a_sent(self, **changed: Any) -> str:
        ref = self.a_draft(**changed)
        assert self.call("POST", f"{INVOICES}/{ref}/send", json={}).status_code == 200
        return ref

    def get(self, ref: str) -> dict[str, Any]:
        answer = self.call("GET", f"{INVOICES}/{ref}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def search(self, query: str = "", **given: Any) -> dict[str, Any]:
        answer = self.call("POST", f"/v2/invoicing/search-invoices{query}", json=given)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def found(self, **given: Any) -> list[str]:
        return [row["id"] for row in self.rows(**given)]

    def rows(self, **given: Any) -> list[dict[str, Any]]:
        return list(self.search("?page_size=100", **given).get("items", []))


def issue(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    return answer.status_code, body.get("details", [{}])[0].get("issue") or body["name"]


def a_body(**changed: Any) -> dict[str, Any]:
    """An invoice over 45.00 USD; `detail` and the others are merged or replaced."""
    detail = {"currency_code": "USD", "invoice_date": "2026-03-02", **changed.pop("detail", {})}
    currency = detail["currency_code"]
    value = changed.pop("value", "45.00")
    return {
        "detail": detail,
        "primary_recipients": [{"billing_info": {"email_address": "subscriber0001@example.com"}}],
        "items": [
            {"name": "Internet", "quantity": "1", "unit_amount": {"currency_code": currency, "value": value}}
        ],
        **changed,
    }
