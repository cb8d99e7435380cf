"""An invoice in a customer's system, and its document."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from daemon.model import DocStatus
from daemon.money import Money


@dataclass(frozen=True, slots=True)
class Receipt:
    """Money that came in, or went back."""

    id: str
    amount: int
    at: datetime


@dataclass(slots=True)
class Invoice:
    """Amounts in minor units. `word` is set where the office chose a state by hand."""

    id: str
    reference: str
    number: str
    customer: str
    currency: str
    total: int
    due_date: str
    updated_at: datetime
    payments: list[Receipt] = field(default_factory=list)
    refunds: list[Receipt] = field(default_factory=list)
    credited: int = 0
    word: str = ""
    deleted: bool = False
    sent: int = 1

    @property
    def paid(self) -> int:
        return sum(receipt.amount for receipt in self.payments)

    @property
    def refunded(self) -> int:
        return sum(receipt.amount for receipt in self.refunds)

    @property
    def due(self) -> int:
        return 0 if self.word == "void" else max(0, self.total - self.paid - self.credited)

    @property
    def status(self) -> str:
        if self.word:
            return self.word
        if self.due == 0:
            return "paid"
        return "partially_paid" if self.paid else "open"

    @property
    def standing(self) -> DocStatus:
        if self.deleted:
            return DocStatus.MISSING
        words = {"paid": DocStatus.PAID, "void": DocStatus.VOID}
        return words.get(self.status, DocStatus.OPEN)

    def document(self) -> dict[str, Any]:
        def text(minor: int) -> str:
            return Money(minor, self.currency).text

        def receipts(rows: list[Receipt]) -> list[dict[str, str]]:
            return [{"id": row.id, "amount": text(row.amount), "at": _time(row.at)} for row in rows]

        return {
            "id": self.id,
            "reference": self.reference,
            "number": self.number,
            "customer": self.customer,
            "currency": self.currency,
            "status": self.status,
            "total": text(self.total),
            "amount_paid": text(self.paid),
            "amount_due": text(self.due),
            "due_date": self.due_date,
            "updated_at": _time(self.updated_at),
            "view_url": f"https://billing.example.com/invoices/{self.id}",
            "payments": receipts(self.payments),
            "refunds": receipts(self.refunds),
        }


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
