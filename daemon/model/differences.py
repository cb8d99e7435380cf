"""The classes of difference between the provider's books and ours."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """Of a difference: what the provider shows, as against what we hold."""

    PAID_THERE = "paid_there"
    VOID_THERE = "void_there"
    DELETED_THERE = "deleted_there"
    AMOUNT_EDITED = "amount_edited"
    REFUNDED = "refunded"
    CREDITED = "credited"
    DISPUTED = "disputed"
    TAKEN_BACK = "taken_back"
    DUE_MOVED = "due_moved"
    STATUS_UNKNOWN = "status_unknown"
    SENT_DIFFERENTLY = "sent_differently"
    UNKNOWN_HERE = "unknown_here"
    DUPLICATE = "duplicate"
