"""Acknowledging: a person has looked at what waits for one, and says so."""

from __future__ import annotations

from datetime import datetime

from daemon.errors import InvalidInput
from daemon.model.ids import DIFFERENCE, RECEIPT
from daemon.store import differences, receipts


def settle(tenant_id: str | None, name: str, *, note: str, actor: str, now: datetime) -> str:
    """Inside a transaction: a person has looked, and says so. Returns what it was about. Raises NotFound, or
    InvalidInput for what is gone only once it is put right."""
    if name.startswith(f"{RECEIPT}_"):
        paid = receipts.get(tenant_id, name)
        receipts.settle(paid, note=note, actor=actor, now=now)
        return f"{paid.amount}, paid by {paid.method.replace('_', ' ')} on {paid.paid_on}."
    if not name.startswith(f"{DIFFERENCE}_"):
        raise InvalidInput(
            "WB-INPUT",
            f"only differences ({DIFFERENCE}_…) and payments ({RECEIPT}_…) are settled so; the others are "
            "gone when they are put right",
        )
    row = differences.get(tenant_id, name)
    differences.settle(row, note=note, actor=actor, now=now)
    return row.sentence
