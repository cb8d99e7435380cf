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
    """`months`: name, first moment, first moment after it, in the tenant's zone; `offset` is the zone's, in
    microseconds."""
    values: dict[str, object] = {"tenant": tenant_id, "offset": offset}
    for n, (name, since, until) in enumerate(months):
        values |= {f"m{n}": name, f"s{n}": since, f"u{n}": until}
    table = " UNION ALL ".join(
        f"SELECT CAST(:m{n} AS TEXT) AS month, CAST(:s{n} AS BIGINT) AS since, CAST(:u{n} AS BIGINT) AS until"
        for n in range(len(months))
    )
    sql = _BY_MONTH.format(months=table)
    for month, provider, method, currency, *counts in ask(sql, **values):
        yield Collected(month, provider, method, currency, *(int(one) for one in counts))


_BY_MONTH = f"""
SELECT m.month, n.provider, f.method, f.currency,
       SUM(CASE WHEN f.kind IN ('payment', 'entered') THEN 1 ELSE 0 END),
       SUM(CASE WHEN f.kind IN ('payment', 'entered') THEN f.amount_minor ELSE 0 END),
       SUM(CASE WHEN f.kind = 'refund' THEN f.amount_minor
                WHEN f.kind = 'reversal' AND f.reverses = 'refund' THEN -f.amount_minor ELSE 0 END),
       SUM(CASE WHEN f.kind = 'reversal' AND f.reverses = 'payment' THEN f.amount_minor ELSE 0 END)
FROM ({COUNTED}) f
JOIN ({{months}}) m ON f.moment >= m.since AND f.moment < m.until
JOIN integration n ON n.id = f.integration_id
WHERE f.kind IN ('payment', 'entered', 'refund')
   OR (f.kind = 'reversal' AND f.reverses IN ('payment', 'refund'))
GROUP BY m.month, n.provider, f.method, f.currency
ORDER BY m.month, f.currency, n.provider, f.method
"""
