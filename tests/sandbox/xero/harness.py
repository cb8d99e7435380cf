"""The double with a clock that stands still, and a client whose requests and answers the specification
judges; what is wrong on purpose goes past it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import httpx

from daemon.sandbox.transport import SandboxTransport
from daemon.sandbox.xero import App, XeroDouble
from tests.fakes import FrozenClock, SeededEntropy
from tests.providers.xero_spec import XeroSpecTransport

URL = "https://sandbox.test"
ROOT = "/api.xro/2.0"
CLIENT, SECRET, REDIRECT = "client0123456789", "secret-x", "https://wisp.example/connected"
SCOPES = (
    "offline_access openid accounting.invoices accounting.payments accounting.contacts "
    "accounting.settings.read"
)


@dataclass(frozen=True, slots=True)
class Told:
    status: int
    doc: Any
    headers: httpx.Headers
    raw: bytes

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The elements of the envelope's one list."""
        (found,) = [value for value in self.doc.values() if isinstance(value, list)]
        return found

    @property
    def faults(self) -> list[str]:
        elements = self.doc.get("Elements") or self.rows
        return [one["Message"] for row in elements for one in row.get("ValidationErrors", ())]


class Desk:
    """One organisation with one app connected to it."""

    def __init__(self, *, rates: bool = False, seed: int = 1, **books: Any) -> None:
        self.clock = FrozenClock()
        self.double = XeroDouble(self.clock, SeededEntropy(seed), public_url=URL, rates=rates)
        self.account = self.double.add_account()
        for name, value in books.items():
            setattr(self.account.books, name, value)
        hook = "https://wisp.example/hook"
        self.app = self.double.add_app(App(CLIENT, SECRET, (REDIRECT,), "webhook-key", hook))
        self.token = self.double.consent(self.app, [self.account.id], SCOPES)
        self.plain = httpx.Client(transport=SandboxTransport(self.double), base_url=URL)
        self.judged = httpx.Client(transport=XeroSpecTransport(SandboxTransport(self.double)), base_url=URL)

    def headers(self, **more: str) -> dict[str, str]:
        return {
            "authorization": f"Bearer {self.token['access_token']}",
            "xero-tenant-id": self.account.id,
            "accept": "application/json",
            **{name.replace("_", "-"): value for name, value in more.items()},
        }

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        judged: bool = True,
        headers: Any = None,
        **query: Any,
    ) -> Told:
        client = self.judged if judged else self.plain
        address = path if path.startswith(("/connect", "/identity")) else ROOT + path
        content = None if body is None else json.dumps(body).encode()
        sent = headers if headers is not None else self.headers()
        if content is not None:
            sent = {**sent, "content-type": "application/json"}
        reply = client.request(method, address, params=query or None, content=content, headers=sent)
        doc = reply.json() if reply.content[:1] in (b"{", b"[") else None
        return Told(reply.status_code, doc, reply.headers, reply.content)

    def contact(self, name: str = "Subscriber 0001", number: str = "WB-1") -> str:
        body = {"Contacts": [{"Name": name, "ContactNumber": number, "EmailAddress": "a@example.com"}]}
        told = self.ask("PUT", "/Contacts", body, summarizeErrors="false")
        return str(told.rows[0]["ContactID"])

    def create(self, *invoices: dict[str, Any], method: str = "PUT", **query: str) -> Told:
        return self.ask(
            method, "/Invoices", {"Invoices": list(invoices)}, **{"summarizeErrors": "false", **query}
        )

    def live(self, number: str = "A-1", **changes: Any) -> str:
        contact = changes.pop("contact", None) or self.contact(f"Payer of {number}", f"WB-{number}")
        told = self.create(an_invoice(contact, number, Status="AUTHORISED", **changes))
        assert told.faults == []
        return str(told.rows[0]["InvoiceID"])

    def pay(self, ref: str, amount: float, **more: Any) -> Told:
        payment = {"Invoice": {"InvoiceID": ref}, "Account": {"Code": "090"}, "Amount": amount, **more}
        return self.ask("PUT", "/Payments", {"Payments": [payment]})


def an_invoice(contact: str, number: str = "A-1", **changes: Any) -> dict[str, Any]:
    return {
        "Type": "ACCREC",
        "Contact": {"ContactID": contact},
        "InvoiceNumber": number,
        "Reference": "WB-ABCDEFGHIJKLMNOP",
        "Date": "2026-03-02",
        "DueDate": "2026-03-16",
        "CurrencyCode": "USD",
        "LineAmountTypes": "Exclusive",
        "LineItems": [a_line()],
        **changes,
    }


def a_line(amount: float = 45.0, **changes: Any) -> dict[str, Any]:
    return {
        "Description": "Internet",
        "Quantity": 1,
        "UnitAmount": amount,
        "AccountCode": "200",
        "TaxType": "NONE",
        **changes,
    }
