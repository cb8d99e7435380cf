"""What stands at Square: sellers with their locations, customers, orders, invoices, money, subscriptions.

Everything is kept as the document that Square would tell; names that begin with "_" are never told.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from daemon.clock import Clock, Entropy
from daemon.sandbox.outbox import Outbox, Posting
from daemon.sandbox.square.tables import Doc, Table

READS = (
    "INVOICES_READ",
    "ORDERS_READ",
    "CUSTOMERS_READ",
    "MERCHANT_PROFILE_READ",
    "PAYMENTS_READ",
    "DISPUTES_READ",
)
WRITES = ("INVOICES_WRITE", "ORDERS_WRITE", "CUSTOMERS_WRITE")
CLOSED = ("CANCELED", "FAILED")
"""What moves no more, whatever becomes of the money on it."""
SCOPES = frozenset((*READS, *WRITES))
RETRIES_S = (60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, *[3600.0] * 23)
"""1, 2, 4, 8, 16, 32 minutes, then hourly; a day in all."""


@dataclass(slots=True)
class Token:
    """A personal access token knows no scopes and no end; one of OAuth does."""

    scopes: frozenset[str] | None = None
    revoked: bool = False


@dataclass(slots=True)
class Switches:
    """What the documentation leaves open, and what an owner may switch."""

    tax_per_line: bool = True
    refund_lowers_completed: bool = False
    number_code: str = "INVALID_VALUE"
    token_status: bool = True


@dataclass
class World:
    """One seller: its tables, and what happens to them."""

    clock: Clock
    entropy: Entropy
    outbox: Outbox
    id: str
    locations: list[Doc]
    tokens: dict[str, Token] = field(default_factory=dict)
    customers: Table = field(default_factory=Table)
    orders: Table = field(default_factory=lambda: Table(1))
    invoices: Table = field(default_factory=Table)
    payments: Table = field(default_factory=lambda: Table(None))
    refunds: Table = field(default_factory=lambda: Table(None))
    disputes: Table = field(default_factory=Table)
    subscriptions: Table = field(default_factory=lambda: Table(None))
    replays: dict[tuple[str, str], tuple[float, str, Doc]] = field(default_factory=dict)
    switches: Switches = field(default_factory=Switches)

    # --- small things ---------------------------------------------------------------------------------

    def new_id(self, prefix: str = "", length: int = 22) -> str:
        text = base64.b32encode(self.entropy.bytes(16)).decode().rstrip("=")
        return (prefix + text)[: len(prefix) + length]

    @property
    def moment(self) -> float:
        return self.clock.monotonic()

    def stamp(self) -> str:
        return stamped(self.clock.now())

    def location(self, location_id: str) -> Doc | None:
        return next((one for one in self.locations if one["id"] == location_id), None)

    def today(self, location: Doc) -> str:
        return self.clock.now().astimezone(ZoneInfo(location["timezone"])).date().isoformat()

    def customer(self, customer_id: str) -> Doc | None:
        return self.customers.get(customer_id)

    # --- changes --------------------------------------------------------------------------------------

    def keep(self, table: Table, doc: Doc) -> Doc:
        """Store a document that was changed: one version on, at this moment."""
        if table.first is not None:
            doc["version"] = doc["version"] + 1 if "version" in doc else table.first
        doc["updated_at"] = self.stamp()
        table.put(doc["id"], doc, self.moment)
        return doc

    def invoice_of(self, order_id: str) -> Doc | None:
        rows = [one for one in self.invoices.all() if one["order_id"] == order_id]
        return rows[0] if rows else None

    def settle(self, invoice: Doc) -> Doc:
        """Status and totals of an invoice from its payments and refunds, and its order's."""
        paid = [one for one in self.payments_of(invoice) if one["status"] == "COMPLETED"]
        pending = [one for one in self.payments_of(invoice) if one["status"] == "PENDING"]
        request = invoice["payment_requests"][0]
        money = request["computed_amount_money"]
        amount = sum(one["amount_money"]["amount"] for one in paid)
        refunded = sum(one.get("refunded_money", {}).get("amount", 0) for one in paid)
        told = amount - refunded if self.switches.refund_lowers_completed else amount
        request["total_completed_amount_money"] = {**money, "amount": told}
        rounding = request.get("rounding_adjustment_included_money", {}).get("amount", 0)
        due = money["amount"] - amount + rounding
        closed = invoice["status"] in CLOSED
        if not closed:
            invoice["status"] = _status(amount=amount, refunded=refunded, due=due, pending=bool(pending))
        invoice["next_payment_amount_money"] = {**money, "amount": 0 if closed else max(due, 0)}
        self._settle_order(invoice, due, closed=closed)
        return self.keep(self.invoices, invoice)

    def _settle_order(self, invoice: Doc, due: int, *, closed: bool) -> None:
        order = self.orders.get(invoice["order_id"]) or {}
        rows = self.payments_of(invoice)
        tenders = [_tender(one) for one in rows if one["status"] in ("COMPLETED", "PENDING")]
        tenders += [
            _tender(one) for one in rows if one["status"] == "FAILED" and one["_type"] == "BANK_ACCOUNT"
        ]
        order["tenders"] = tenders
        order["net_amount_due_money"] = {**order["total_money"], "amount": max(due, 0)}
        order["state"] = "CANCELED" if closed else "COMPLETED" if due <= 0 else "OPEN"
        self.keep(self.orders, order)
        self.emit("order.updated", "order_updated", order["id"], {"order_updated": {"order_id": order["id"]}})

    def payments_of(self, invoice: Doc) -> list[Doc]:
        return [one for one in self.payments.all() if one["order_id"] == invoice["order_id"]]

    def cancel_order(self, order_id: str) -> None:
        order = self.orders.get(order_id)
        if order is not None:
            order["state"] = "CANCELED"
            self.keep(self.orders, order)

    # --- webhooks -------------------------------------------------------------------------------------

    def emit(self, kind: str, data_type: str, object_id: str, thing: Doc) -> None:
        event: Doc = {
            "merchant_id": self.id,
            "type": kind,
            "event_id": self.new_id("ev-"),
            "created_at": self.stamp(),
            "data": {"type": data_type, "id": object_id, "object": told(thing)},
        }
        for hook in self.subscriptions.all():
            if hook["enabled"] and kind in hook["event_types"]:
                self.post(hook, event)

    def emit_invoice(self, kind: str, invoice: Doc) -> None:
        self.emit(kind, "invoice", invoice["id"], {"invoice": invoice})

    def post(self, hook: Doc, event: Doc) -> None:
        body = json.dumps(event, separators=(",", ":")).encode()

        def write(forged: bool) -> Posting | None:
            current = self.subscriptions.get(hook["id"])
            if current is None:
                return None
            key = "somebody else's" if forged else current["signature_key"]
            headers = {
                "content-type": "application/json",
                "x-square-hmacsha256-signature": signature(key, current["notification_url"], body),
                "square-environment": "Sandbox",
                "square-subscription-id": hook["id"],
            }
            return Posting(current["notification_url"], headers, body, event["event_id"])

        self.outbox.put(f"{event['event_id']}/{hook['id']}", event["type"], write)


def signature(key: str, url: str, body: bytes) -> str:
    digest = hmac.new(key.encode(), url.encode() + body, hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def stamped(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def told(thing: Any) -> Any:
    """A document without what is the double's own."""
    if isinstance(thing, dict):
        return {name: told(one) for name, one in thing.items() if not name.startswith("_")}
    return [told(one) for one in thing] if isinstance(thing, list) else thing


def _status(*, amount: int, refunded: int, due: int, pending: bool) -> str:
    if pending:
        return "PAYMENT_PENDING"
    if refunded:
        return "REFUNDED" if refunded >= amount else "PARTIALLY_REFUNDED"
    if due <= 0:
        return "PAID"
    return "PARTIALLY_PAID" if amount else "UNPAID"


_DETAILS = {"CARD": "card_details", "BANK_ACCOUNT": "bank_account_details"}
_CARD_STATUS = {"COMPLETED": "CAPTURED", "PENDING": "AUTHORIZED", "FAILED": "FAILED"}


def _tender(payment: Doc) -> Doc:
    kind = payment["_type"]
    tender: Doc = {
        "id": payment["id"],
        "payment_id": payment["id"],
        "location_id": payment["location_id"],
        "type": kind,
        "created_at": payment["created_at"],
        "amount_money": payment["total_money"],
    }
    if "tip_money" in payment:
        tender["tip_money"] = payment["tip_money"]
    if kind in _DETAILS:
        status = payment["status"] if kind == "BANK_ACCOUNT" else _CARD_STATUS[payment["status"]]
        tender[_DETAILS[kind]] = {"status": status}
    return tender
