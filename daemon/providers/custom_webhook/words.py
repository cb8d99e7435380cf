"""The words of a customer's system for the state of an invoice, and ours."""

from __future__ import annotations

from typing import Literal

from daemon.model import DocStatus

STATES = Literal[
    "pending", "open", "partially_paid", "paid", "refunded", "voided", "uncollectible", "deleted"
]

WORDS: dict[str, str] = {
    "draft": "pending",
    "pending": "pending",
    "open": "open",
    "sent": "open",
    "unpaid": "open",
    "issued": "open",
    "overdue": "open",
    "late": "open",
    "partial": "partially_paid",
    "partially_paid": "partially_paid",
    "paid": "paid",
    "settled": "paid",
    "closed": "paid",
    "refunded": "refunded",
    "void": "voided",
    "voided": "voided",
    "cancelled": "voided",
    "canceled": "voided",
    "written_off": "uncollectible",
    "uncollectible": "uncollectible",
}
"""The table where the customer gives none; a word that stands in neither changes nothing."""

STATUS: dict[str, DocStatus] = {
    "pending": DocStatus.DRAFT,
    "open": DocStatus.OPEN,
    "partially_paid": DocStatus.OPEN,
    "paid": DocStatus.PAID,
    "refunded": DocStatus.PAID,
    "voided": DocStatus.VOID,
    "uncollectible": DocStatus.UNCOLLECTIBLE,
    "deleted": DocStatus.MISSING,
}


def folded(word: str) -> str:
    return word.strip().casefold()
