"""A seller at the double, and a client that checks each answer against Square's API document."""

from __future__ import annotations

from typing import Any

import httpx

from daemon.sandbox.faults import Faults
from daemon.sandbox.square import SquareDouble
from daemon.sandbox.transport import SandboxTransport
from tests.fakes import FrozenClock, SeededEntropy
from tests.providers.square_spec import SquareSpecTransport

TOKEN = "EAAA-double"
HOOK = "https://wispbill.example.com/hook"
Doc = dict[str, Any]


class Bench:
    def __init__(
        self, *, lag_s: float = 0.0, rates: bool = False, faults: Faults | None = None, **account: Any
    ) -> None:
        self.clock = FrozenClock()
        self.double = SquareDouble(self.clock, SeededEntropy(), rates=rates, lag_s=lag_s, faults=faults)
        self.account = self.double.add_account(TOKEN, **account)
        self.place = self.account.location_id
        self.client = httpx.Client(
            base_url="https://sandbox.test",
            transport=SquareSpecTransport(SandboxTransport(self.double), requests=False),
        )
        self.headers = {"authorization": f"Bearer {TOKEN}", "square-version": "2026-09-16"}

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        return self.client.request(method, path, headers=self.headers, json=body, params=query or None)

    def post(self, path: str, body: Any = None) -> Doc:
        reply = self.ask("POST", path, {} if body is None else body)
        assert reply.status_code == 200, reply.text
        answer: Doc = reply.json()
        return answer

    def get(self, path: str, **query: Any) -> Doc:
        reply = self.ask("GET", path, **query)
        assert reply.status_code == 200, reply.text
        answer: Doc = reply.json()
        return answer

    def refusal(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, str, str | None]:
        """Status, code and field."""
        reply = self.ask(method, path, body, **query)
        error = reply.json()["errors"][0]
        return reply.status_code, error["code"], error.get("field")

    # --- things ---------------------------------------------------------------------------------------

    def customer(self, **given: Any) -> str:
        body = {"given_name": "Subscriber 0001", "email_address": "subscriber0001@example.com", **given}
        return str(self.post("/v2/customers", body)["customer"]["id"])

    def order(self, amount: int = 4500, **given: Any) -> Doc:
        line = {
            "name": "Internet",
            "quantity": "1",
            "base_price_money": {"amount": amount, "currency": "USD"},
        }
        order = {"location_id": self.place, "line_items": [line], **given}
        found: Doc = self.post("/v2/orders", {"order": order})["order"]
        return found

    def invoice_body(self, **given: Any) -> Doc:
        request = {"request_type": "BALANCE", "due_date": "2026-03-16"}
        body: Doc = {
            "location_id": self.place,
            "payment_requests": [request],
            "delivery_method": "EMAIL",
            "accepted_payment_methods": {"card": True},
            **given,
        }
        body.setdefault("order_id", self.order()["id"])
        body.setdefault("primary_recipient", {"customer_id": self.customer()})
        return body

    def draft(self, **given: Any) -> Doc:
        found: Doc = self.post("/v2/invoices", {"invoice": self.invoice_body(**given)})["invoice"]
        return found

    def published(self, **given: Any) -> Doc:
        draft = self.draft(**given)
        path = f"/v2/invoices/{draft['id']}/publish"
        found: Doc = self.post(path, {"version": draft["version"]})["invoice"]
        return found

    def invoice(self, ref: str) -> Doc:
        found: Doc = self.get(f"/v2/invoices/{ref}")["invoice"]
        return found
