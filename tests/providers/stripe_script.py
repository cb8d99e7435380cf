"""Stripe as a script: each test says what is answered, and every request is checked against the spec."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import httpx

from daemon.clock import SystemClock
from daemon.model import InvoiceDraft, LineDraft, Mode, PayerDraft
from daemon.model.ids import step_key
from daemon.money import Money
from daemon.providers.base import Context
from daemon.providers.stripe import Stripe
from daemon.providers.stripe.setup import StripeCredentials, StripeSettings
from daemon.wire import HttpWire
from tests.providers.spec import SpecTransport, decode

KEY = "sk_test_abcdefghijklmnop"
REFERENCE = "WB-ABCDEFGHIJKLMNOP"
PAYER = "WB-QRSTUVWXYZ234567"
T0 = 1_772_442_000
"""2026-03-02 09:00 UTC."""
DATE = {"date": "Mon, 02 Mar 2026 09:00:00 GMT"}


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    params: dict[str, Any]
    headers: httpx.Headers

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"


Answer = Any
"""A document (200), an httpx.Response, an exception to raise, or a function of the call giving one."""


@dataclass
class Script:
    """Answers by "METHOD /path"; a list is used up one by one, its last answer stays."""

    routes: dict[str, Answer] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        query, body = request.url.query.decode(), request.read().decode()
        path = request.url.path.removeprefix("/v1/")
        call = Call(request.method, path, decode(query) | decode(body), request.headers)
        self.calls.append(call)
        assert call.line in self.routes, f"{call.line} was not expected"
        answer = self.routes[call.line]
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if callable(answer):
            answer = answer(call)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            return answer
        return httpx.Response(200, content=json.dumps(answer), headers={"request-id": "req_1", **DATE})

    @property
    def lines(self) -> list[str]:
        return [call.line for call in self.calls]

    def sent(self, line: str) -> Call:
        return next(call for call in self.calls if call.line == line)


class OpenGate:
    def enter(self, scope: str) -> None: ...

    def leave(self, scope: str, *, ok: bool | None) -> None: ...

    def told(self, name: str, remaining: float, resets_in_s: float | None = None) -> None: ...


def a_stripe(script: Callable[[httpx.Request], httpx.Response], **settings: Any) -> Stripe:
    wire = HttpWire(
        "Stripe",
        gate=OpenGate(),
        clock=SystemClock(),
        transport=SpecTransport(httpx.MockTransport(script)),
    )
    return Stripe(Context(StripeCredentials(secret_key=KEY), StripeSettings(**settings), wire, Mode.SANDBOX))


def a_draft(*lines: LineDraft, currency: str = "USD", **changed: Any) -> InvoiceDraft:
    lines = lines or (a_line("45.00", currency=currency),)
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


def a_payer(**changed: Any) -> PayerDraft:
    fields = {"name": "Subscriber 0001", "email": "subscriber0001@example.com"}
    return PayerDraft(**{"reference": PAYER, "platform_reference": "c1", **fields, **changed})


def a_line(net: str, tax: str = "0", *, currency: str = "USD", **changed: Any) -> LineDraft:
    return LineDraft("Internet", Money.parse(net, currency), Money.parse(tax, currency), **changed)


def an_invoice(ref: str = "in_1", **changed: Any) -> dict[str, Any]:
    total = changed.pop("total", 4500)
    document = {
        "id": ref,
        "object": "invoice",
        "status": "open",
        "number": "A-1",
        "customer": "cus_1",
        "currency": "usd",
        "created": T0,
        "due_date": 1773705599,
        "total": total,
        "amount_due": total,
        "amount_paid": 0,
        "amount_remaining": total,
        "amount_overpaid": 0,
        "amount_paid_off_stripe": 0,
        "pre_payment_credit_notes_amount": 0,
        "post_payment_credit_notes_amount": 0,
        "starting_balance": 0,
        "ending_balance": 0,
        "status_transitions": {"finalized_at": T0, "paid_at": None},
        "hosted_invoice_url": f"https://invoice.stripe.com/i/acct_1/{ref}",
        "invoice_pdf": f"https://pay.stripe.com/invoice/{ref}/pdf",
        "customer_email": "subscriber0001@example.com",
        "metadata": {"wispbill_invoice": REFERENCE},
        "lines": a_list({"id": "il_1", "amount": total, "metadata": {"wispbill_line": "1"}}),
        "payments": a_list(),
        "livemode": False,
    }
    return document | changed


def paid(document: dict[str, Any], *payments: dict[str, Any]) -> dict[str, Any]:
    total = document["total"]
    return document | {
        "status": "paid",
        "amount_paid": total,
        "amount_remaining": 0,
        "payments": a_list(*(payments or (a_payment(amount=total),))),
    }


def a_payment(
    ref: str = "inpay_1", intent: Any = "pi_1", *, amount: int = 4500, status: str = "paid"
) -> dict[str, Any]:
    return {
        "id": ref,
        "object": "invoice_payment",
        "status": status,
        "amount_requested": amount,
        "amount_paid": amount if status == "paid" else None,
        "currency": "usd",
        "created": T0 + 60,
        "status_transitions": {"paid_at": T0 + 90 if status == "paid" else None},
        "payment": {"type": "payment_intent", "payment_intent": intent},
    }


def an_event(
    ref: str, kind: str, thing: dict[str, Any], *, at: int = T0, key: str | None = None
) -> dict[str, Any]:
    return {
        "id": ref,
        "object": "event",
        "type": kind,
        "created": at,
        "request": {"id": "req_1", "idempotency_key": key},
        "data": {"object": thing},
    }


def a_list(*rows: dict[str, Any], more: bool = False) -> dict[str, Any]:
    return {"object": "list", "url": "/v1/things", "has_more": more, "data": list(rows)}


def a_refusal(status: int, message: str = "no", **fields: Any) -> httpx.Response:
    headers = fields.pop("headers", {})
    fault = {"type": "invalid_request_error", "message": message, **fields}
    return httpx.Response(status, json={"error": fault}, headers={"request-id": "req_9", **headers})


DRAFT = an_invoice(status="draft", number=None)
CREATE, ADD, FINALIZE, SEND = (
    "POST invoices",
    "POST invoices/in_1/add_lines",
    "POST invoices/in_1/finalize",
    "POST invoices/in_1/send",
)
GONE = httpx.ReadTimeout("slow")


def a_script(**changed: Any) -> Script:
    """A Stripe at which everything goes well."""
    script = Script(
        {
            "GET customers": a_list(),
            "POST customers": {"id": "cus_1", "object": "customer"},
            CREATE: DRAFT,
            ADD: DRAFT,
            FINALIZE: an_invoice(),
            SEND: an_invoice(),
        }
    )
    script.routes |= changed
    return script


OUR_KEY = step_key(tenant="t", reference="r", account="a", operation="send", revision=0, send_no=0)
