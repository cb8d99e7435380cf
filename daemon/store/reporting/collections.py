"""Money that moved, by month, provider and method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from daemon.store.reporting.asking import ask
from daemon.store.reporting.facts import COUNTED


@dataclass(frozen=True, slots=True)
class Collected:
    """Of a month: what was paid, given back, and taken back (bounced, lost in a dispute); in minor units."""

    month: str
    provider: str
    method: str | None
    currency: str
    payments: int
    paid: int
    refunded: int
    reversed: int


def by_month(
    tenant_id: str, months: Sequence[tuple[str, datetime, datetime]], *, offset: int
) -> Iterator[Collected]:
    """`months` without a gap: name, first moment, first moment after it, in the tenant's zone; `offset` is
    the zone's, in microseconds."""
    ends = {f"u{n}": until for n, (_name, _since, until) in enumerate(months)}
    whens = " ".join(f"WHEN moment < :u{n} THEN {n}" for n in range(len(months)))
    values = {"tenant": tenant_id, "offset": offset, "since": months[0][1], "until": months[-1][2]}
    for place, provider, method, currency, *counts in ask(_BY_MONTH.format(whens=whens), **values, **ends):
        yield Collected(months[int(place)][0], provider, method, currency, *(int(one) for one in counts))


_BY_MONTH = f"""
SELECT f.place, n.provider, f.method, f.currency,
       SUM(CASE WHEN f.kind IN ('payment', 'entered') THEN 1 ELSE 0 END),
       SUM(CASE WHEN f.kind IN ('payment', 'entered') THEN f.amount_minor ELSE 0 END),
       SUM(CASE WHEN f.kind = 'refund' THEN f.amount_minor
                WHEN f.kind = 'reversal' AND f.reverses = 'refund' THEN -f.amount_minor ELSE 0 END),
       SUM(CASE WHEN f.kind = 'reversal' AND f.reverses = 'payment' THEN f.amount_minor ELSE 0 END)
FROM (
    SELECT c.*, CASE {{whens}} END AS place
    FROM ({COUNTED}) c
    WHERE c.moment >= :since AND c.moment < :until
) f
JOIN integration n ON n.id = f.integration_id
WHERE f.kind IN ('payment', 'entered', 'refund')
   OR (f.kind = 'reversal' AND f.reverses IN ('payment', 'refund'))
GROUP BY f.place, n.provider, f.method, f.currency
ORDER BY f.place, f.currency, n.provider, f.method
"""
