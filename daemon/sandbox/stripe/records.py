"""What the double remembers. Records are never changed once stored: a change stores a new one, so that
an event or a stale list still holds the old one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Customer:
    """`balance` < 0 is credit. `percent_off` is a coupon that somebody gave in the dashboard."""

    id: str
    seq: int
    created: int
    prefix: str
    email: str | None = None
    name: str | None = None
    phone: str | None = None
    description: str | None = None
    address: Mapping[str, str] | None = None
    preferred_locales: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    balance: int = 0
    currency: str | None = None
    next_sequence: int = 1
    percent_off: int = 0


@dataclass(frozen=True, slots=True)
class Tax:
    amount: int
    taxable: int
    inclusive: bool
    rate: str
    reason: str = "standard_rated"


@dataclass(frozen=True, slots=True)
class Line:
    """`amount` is the line's total in minor units, without exclusive taxes."""

    id: str
    item: str
    amount: int
    description: str | None
    start: int
    end: int
    quantity: int = 1
    unit: str | None = None
    discountable: bool = True
    discount: int = 0
    taxes: tuple[Tax, ...] = ()
    rates: tuple[str, ...] | None = None
    metadata: Mapping[str, str] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True)
class Invoice:
    id: str
    seq: int
    created: int
    customer: str
    currency: str
    collection_method: str
    who: Customer
    status: str = "draft"
    number: str | None = None
    description: str | None = None
    footer: str | None = None
    statement_descriptor: str | None = None
    metadata: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    custom_fields: tuple[tuple[str, str], ...] = ()
    method_types: tuple[str, ...] | None = None
    default_rates: tuple[str, ...] = ()
    percent_off: int = 0
    auto_advance: bool = False
    finalizes_at: int | None = None
    effective_at: int | None = None
    due_date: int | None = None
    days_until_due: int | None = None
    lines: tuple[Line, ...] = ()
    subtotal: int = 0
    discount: int = 0
    tax: int = 0
    total: int = 0
    starting_balance: int = 0
    ending_balance: int | None = None
    amount_due: int = 0
    amount_paid: int = 0
    amount_overpaid: int = 0
    paid_off: int = 0
    credits_before: int = 0
    credits_after: int = 0
    attempts: int = 0
    finalized_at: int | None = None
    paid_at: int | None = None
    voided_at: int | None = None
    uncollectible_at: int | None = None
    revises: str | None = None
    revised_by: str | None = None
    secret: str = ""

    @property
    def amount_remaining(self) -> int:
        return max(0, self.amount_due - self.amount_paid)


@dataclass(frozen=True, slots=True)
class Payment:
    """An invoice payment, its payment intent, and the intent's latest charge: one thing here, since a
    double needs no intent with two invoices. `status` is the invoice payment's, `intent_status` the
    intent's, `charge` is None until something was attempted."""

    id: str
    seq: int
    created: int
    invoice: str
    customer: str | None
    intent: str
    amount: int
    currency: str
    is_default: bool
    status: str = "open"
    intent_status: str = "requires_payment_method"
    charge: str | None = None
    charge_status: str | None = None
    charged_at: int | None = None
    method: str | None = None
    amount_paid: int | None = None
    refunded: int = 0
    disputed: bool = False
    paid_at: int | None = None
    canceled_at: int | None = None


@dataclass(frozen=True, slots=True)
class Refund:
    id: str
    seq: int
    created: int
    charge: str
    payment_intent: str
    amount: int
    currency: str
    status: str
    method: str
    reason: str | None = None
    failure_reason: str | None = None
    metadata: Mapping[str, str] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True)
class Dispute:
    id: str
    seq: int
    created: int
    charge: str
    payment_intent: str
    amount: int
    currency: str
    status: str = "needs_response"
    reason: str = "general"


@dataclass(frozen=True, slots=True)
class CreditNote:
    id: str
    seq: int
    created: int
    invoice: str
    customer: str
    currency: str
    number: str
    amount: int
    before: int
    after: int
    credited: int = 0
    out_of_band: int | None = None
    refund: str | None = None
    refund_amount: int = 0
    status: str = "issued"
    reason: str | None = None
    memo: str | None = None
    voided_at: int | None = None
    effective_at: int | None = None
    metadata: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A webhook endpoint; `secret` is shown once, in the answer to its creation."""

    id: str
    seq: int
    created: int
    url: str
    enabled_events: tuple[str, ...]
    secret: str = field(repr=False)
    api_version: str | None = None
    description: str | None = None
    metadata: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    status: str = "enabled"


@dataclass(frozen=True, slots=True)
class Event:
    """`subject` is the record as it was, `kind` how to show it, `before` the previous attributes."""

    id: str
    seq: int
    created: int
    type: str
    kind: str
    subject: Any
    before: Mapping[str, Any] | None = None
    request: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class TaxRate:
    id: str
    name: str
    percentage: str
    inclusive: bool
