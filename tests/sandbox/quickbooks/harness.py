"""QuickBooks' double with a clock that stands still, and a client whose every answer is checked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx

from daemon.sandbox.quickbooks import QuickBooksDouble
from daemon.sandbox.quickbooks.books import Company
from daemon.sandbox.transport import SandboxTransport
from tests.fakes import FrozenClock, SeededEntropy
from tests.providers.quickbooks_spec import quickbooks_fields


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    doc: dict[str, Any]
    headers: httpx.Headers
    raw: bytes

    def __getitem__(self, name: str) -> Any:
        return self.doc[name]

    @property
    def code(self) -> str:
        return str(self.doc["Fault"]["Error"][0]["code"])


class Desk:
    """One company, signed in."""

    def __init__(self, company: Company | None = None, *, rates: bool = False, seed: int = 1) -> None:
        self.clock = FrozenClock()
        self.double = QuickBooksDouble(self.clock, SeededEntropy(seed), rates=rates)
        self.account = self.double.add_account(company)
        self.app = self.double.add_app()
        self.token = str(self.double.grants.issue(self.app, self.account.id)["access_token"])
        self.client = httpx.Client(transport=SandboxTransport(self.double), base_url="https://sandbox.test")

    @property
    def base(self) -> str:
        return f"/v3/company/{self.account.id}"

    def ask(self, method: str, path: str, **given: Any) -> Reply:
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        headers |= given.pop("headers", {})
        answer = self.client.request(method, path, headers=headers, **given)
        fields = quickbooks_fields()
        is_json = answer.headers["content-type"].startswith("application/json")
        if fields is not None and is_json:
            fields.check_answer(answer.content)
        doc = json.loads(answer.content, parse_float=Decimal) if is_json and answer.content else {}
        return Reply(answer.status_code, doc, answer.headers, answer.content)

    def get(self, path: str, **params: str) -> Reply:
        return self.ask("GET", f"{self.base}/{path}", params=params)

    def post(self, path: str, body: Any, **params: str) -> Reply:
        return self.ask("POST", f"{self.base}/{path}", params=params, json=body)

    def query(self, text: str) -> Reply:
        return self.get("query", query=text)

    # Shorthand for what most tests need first

    def customer(self, name: str = "Subscriber 0001", **more: Any) -> str:
        return made(self.post("customer", {"DisplayName": name, **more}), "Customer")

    def body(self, customer: str, amount: float | int = 45, **more: Any) -> dict[str, Any]:
        detail = {"ItemRef": {"value": self.account.item}, "Qty": 1, "UnitPrice": amount}
        line = {"Amount": amount, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}
        return {"CustomerRef": {"value": customer}, "Line": [line], **more}

    def invoice(self, number: str = "A-1", **more: Any) -> str:
        name = f"Payer of {number}"
        return made(self.post("invoice", self.body(self.customer(name), DocNumber=number, **more)), "Invoice")

    def read(self, ref: str) -> dict[str, Any]:
        document: dict[str, Any] = self.get(f"invoice/{ref}")["Invoice"]
        return document


def made(reply: Reply, entity: str) -> str:
    assert reply.status == 200 and "Fault" not in reply.doc, reply.doc
    return str(reply[entity]["Id"])


def refused(reply: Reply, code: str, status: int = 400) -> str:
    assert (reply.status, reply.code) == (status, code), reply.doc
    return str(reply.doc["Fault"]["Error"][0]["Detail"])
