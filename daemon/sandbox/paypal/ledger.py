"""The books of one merchant: invoices with their payments, disputes, webhooks, and what search shows.

A change is kept as a snapshot, so that search can be as far behind as an index is.
"""

from __future__ import annotations

import copy
from collections import deque
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from daemon.clock import Clock, Entropy
from daemon.sandbox.faults import MAX_STALE_S
from daemon.sandbox.paypal.errors import PayPalError, not_found

Doc = dict[str, Any]
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
LIVE = ("SENT", "UNPAID", "PARTIALLY_PAID")


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(slots=True)
class Payment:
    """`external` is recorded by the merchant; `pending` is not money yet (an eCheck, a review)."""

    id: str
    amount: Decimal
    on: date
    method: str
    external: bool = False
    pending: bool = False
    note: str = ""


@dataclass(slots=True)
class Refund:
    id: str
    amount: Decimal
    on: date
    external: bool = False


@dataclass(slots=True)
class Invoice:
    id: str
    given: Doc
    status: str
    created: datetime
    updated: datetime
    code: str
    sent_at: datetime | None = None
    cancelled_at: datetime | None = None
    mails: int = 0
    mail_wanted: bool = True
    payments: list[Payment] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    deleted: bool = False
    archived: bool = False

    @property
    def number(self) -> str:
        return str(self.given["detail"]["invoice_number"])

    @property
    def currency(self) -> str:
        return str(self.given["detail"]["currency_code"])

    @property
    def day(self) -> date:
        return date.fromisoformat(self.given["detail"]["invoice_date"])

    @property
    def billing(self) -> Doc:
        recipients = self.given.get("primary_recipients") or [{}]
        found: Doc = recipients[0].get("billing_info") or {}
        return found

    @property
    def paid(self) -> Decimal:
        """What is money already."""
        return sum((one.amount for one in self.payments if not one.pending), Decimal(0))

    @property
    def refunded(self) -> Decimal:
        return sum((one.amount for one in self.refunds), Decimal(0))


@dataclass(slots=True)
class Dispute:
    id: str
    transaction: str
    number: str
    amount: Doc
    created: datetime
    updated: datetime
    status: str = "OPEN"
    outcome: str = ""


@dataclass(slots=True)
class Hook:
    id: str
    url: str
    types: tuple[str, ...]


@dataclass(slots=True)
class Ledger:
    """One account. `search_lag_s` is how far search is behind; `shows_update_time` whether its rows tell
    when an invoice changed, `lists_pending` whether a payment that is not money yet is listed, and
    `representation` whether `Prefer: return=representation` is heeded: the documentation leaves each open."""

    id: str
    email: str
    name: str
    zone: ZoneInfo
    clock: Clock
    entropy: Entropy
    search_lag_s: float
    public_url: str
    shows_update_time: bool = False
    lists_pending: bool = False
    representation: bool = True
    resend_refused: bool = True
    invoices: dict[str, Invoice] = field(default_factory=dict)
    scheduled: set[str] = field(default_factory=set)
    disputes: dict[str, Dispute] = field(default_factory=dict)
    hooks: dict[str, Hook] = field(default_factory=dict)
    events: list[tuple[str, str, Doc]] = field(default_factory=list)
    shown: dict[str, deque[tuple[datetime, Doc | None]]] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()

    def token(self, count: int = 16) -> str:
        value = int.from_bytes(self.entropy.bytes(count), "big")
        return "".join(_ALPHABET[(value >> 5 * place) % 32] for place in range(count))

    def open(self, invoice_id: str) -> Invoice:
        """Raises PayPalError where there is no such invoice, or no more."""
        invoice = self.invoices.get(invoice_id)
        if invoice is None or invoice.deleted:
            raise not_found()
        return invoice

    def has_number(self, number: str, but: str = "") -> bool:
        """A deleted draft frees its number; a cancelled invoice does not."""
        return any(
            not one.deleted and one.number == number and one.id != but for one in self.invoices.values()
        )

    def keep(self, invoice: Invoice, document: Doc | None) -> None:
        """Remember how the invoice is shown from now on; None: it is gone."""
        snapshots = self.shown.setdefault(invoice.id, deque())
        snapshots.append((self.now, copy.deepcopy(document)))
        horizon = self.now - timedelta(seconds=self.search_lag_s + MAX_STALE_S)
        while len(snapshots) > 1 and snapshots[1][0] <= horizon:
            snapshots.popleft()

    def as_of(self, moment: datetime) -> list[Doc]:
        """Every invoice as it was shown then, newest first."""
        found = []
        for snapshots in reversed(self.shown.values()):
            seen = [document for at, document in snapshots if at <= moment]
            if seen and seen[-1] is not None:
                found.append(seen[-1])
        return found

    def emit(self, kind: str, resource_type: str, resource: Doc) -> None:
        self.events.append((kind, resource_type, copy.deepcopy(resource)))


def forbid(condition: bool, error: PayPalError) -> None:
    if condition:
        raise error
