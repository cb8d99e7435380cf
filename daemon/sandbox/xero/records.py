"""What stands in the books of one organisation. Amounts are integers in hundredths: Xero's totals have two
decimals in every currency."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

Doc = dict[str, Any]

CENT = Decimal("0.01")


def cents(amount: Decimal) -> int:
    """Rounded half up to two decimals, in hundredths."""
    return int((amount.quantize(CENT, ROUND_HALF_UP) * 100).to_integral_value())


@dataclass(slots=True)
class Contact:
    id: str
    name: str
    updated: datetime
    number: str | None = None
    email: str = ""
    status: str = "ACTIVE"
    merged_to: str | None = None
    account_number: str | None = None
    addresses: list[Doc] = field(default_factory=list)
    phones: list[Doc] = field(default_factory=list)


@dataclass(slots=True)
class Line:
    id: str
    description: str
    quantity: Decimal
    unit_amount: Decimal
    account_code: str | None
    tax_type: str | None
    net: int
    tax: int


@dataclass(slots=True)
class Payment:
    """Money received on one invoice; part of a batch where one deposit settled several."""

    id: str
    invoice_id: str
    amount: int
    day: date
    updated: datetime
    account_code: str
    reference: str = ""
    status: str = "AUTHORISED"
    batch_id: str | None = None


@dataclass(slots=True)
class Applied:
    """Part of a credit note, prepayment or overpayment that was allocated to an invoice."""

    kind: str
    id: str
    amount: int
    day: date


@dataclass(slots=True)
class Invoice:
    id: str
    number: str
    contact: Contact
    updated: datetime
    day: date
    due: date | None
    currency: str
    lines: list[Line]
    type: str = "ACCREC"
    status: str = "DRAFT"
    reference: str = ""
    line_amounts: str = "Exclusive"
    theme: str | None = None
    url: str | None = None
    sent_to_contact: bool = False
    created_by: str = ""
    payments: list[Payment] = field(default_factory=list)
    applied: list[Applied] = field(default_factory=list)
    fully_paid_on: date | None = None
    mails: int = 0

    @property
    def subtotal(self) -> int:
        return sum(line.net for line in self.lines)

    @property
    def tax(self) -> int:
        return sum(line.tax for line in self.lines)

    @property
    def total(self) -> int:
        return self.subtotal + self.tax

    @property
    def paid(self) -> int:
        return sum(row.amount for row in self.payments if row.status == "AUTHORISED")

    @property
    def credited(self) -> int:
        return sum(row.amount for row in self.applied)

    @property
    def owed(self) -> int:
        return 0 if self.status in ("VOIDED", "DELETED") else self.total - self.paid - self.credited


@dataclass(slots=True)
class CreditNote:
    id: str
    number: str
    contact: Contact
    total: int
    currency: str
    day: date
    updated: datetime
    allocations: list[tuple[str, int]] = field(default_factory=list)


@dataclass(slots=True)
class Account:
    id: str
    code: str
    name: str
    type: str = "REVENUE"
    account_class: str = "REVENUE"
    status: str = "ACTIVE"
    tax_type: str = "OUTPUT2"
    takes_payments: bool = False


@dataclass(slots=True)
class TaxRate:
    type: str
    name: str
    rate: Decimal
    status: str = "ACTIVE"
    on_revenue: bool = True


@dataclass(slots=True)
class Books:
    """One organisation. Options say what the documentation leaves open."""

    id: str
    name: str
    currency: str = "USD"
    currencies: list[str] = field(default_factory=lambda: ["USD", "EUR"])
    demo: bool = False
    email_limit: int = 1000
    lock_date: date | None = None
    forbidden_actions: set[str] = field(default_factory=set)
    accounts: dict[str, Account] = field(default_factory=dict)
    tax_rates: dict[str, TaxRate] = field(default_factory=dict)
    themes: dict[str, str] = field(default_factory=dict)
    contacts: dict[str, Contact] = field(default_factory=dict)
    invoices: dict[str, Invoice] = field(default_factory=dict)
    payments: dict[str, Payment] = field(default_factory=dict)
    credit_notes: dict[str, CreditNote] = field(default_factory=dict)
    mailed: list[tuple[datetime, str]] = field(default_factory=list)
    touched_by_payments: bool = False
    reuses_numbers: bool = False
    ignores_tax_amounts: bool = False
    or_filters: bool = False
    offline: bool = False
