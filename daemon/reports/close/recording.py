"""Closing a month, and reopening it: a row with its sums, and a row of the audit."""

from __future__ import annotations

from daemon.errors import InvalidInput
from daemon.house import House
from daemon.reports.asking import Asked
from daemon.reports.close.reporting import reckon, verdict
from daemon.reports.close.since import frozen
from daemon.store import closes
from daemon.store.closes import Closed


def record(house: House, asked: Asked, *, note: str | None, actor: str) -> Closed:
    """Close the month with the sums that it has now, whether they tie or not: the row says which. Raises
    InvalidInput on a month that is not over, or that is closed."""

    known = reckon(asked)  # before the transaction, which is to be short
    if asked.now < known.span.until:
        raise InvalidInput("WB-CLOSE-STATE", f"{known.month} is not over yet")
    return house.store.write(
        "close.record",
        lambda: closes.record(
            asked.tenant.id,
            str(known.month),
            frozen(known.sums),
            verdict=verdict(known, asked.now),
            note=note,
            actor=actor,
            now=asked.now,
            entropy=house.entropy,
        ),
    )


def reopen(house: House, asked: Asked, *, reason: str, actor: str) -> Closed:
    """Raises InvalidInput on a month that is not closed."""
    month = str(asked.month())
    return house.store.write(
        "close.reopen",
        lambda: closes.reopen(asked.tenant.id, month, reason=reason, actor=actor, now=asked.now),
    )
