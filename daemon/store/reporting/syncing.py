"""How the integrations of a tenant did: runs that ended well or not, and how long news took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from daemon.clock import from_micros
from daemon.store.reporting.asking import ask


@dataclass(frozen=True, slots=True)
class Runs:
    """Of a job at an integration: how many runs ended well and how many did not; `last_good` is when the
    last good one ended."""

    done: int = 0
    failed: int = 0
    last_good: datetime | None = None


@dataclass(frozen=True, slots=True)
class Lag:
    """Of so many: the median, and what 95 of 100 stay within (nearest rank)."""

    count: int
    p50: timedelta
    p95: timedelta


Span = tuple[datetime, datetime]


def runs(tenant_id: str, span: Span) -> dict[tuple[str, str], Runs]:
    """By integration and job: of runs that began in the span."""
    rows = ask(_RUNS, tenant=tenant_id, since=span[0], until=span[1])
    return {
        (integration_id, job): Runs(int(done), int(failed), from_micros(int(last)) if last else None)
        for integration_id, job, done, failed, last in rows
    }


def refused(tenant_id: str) -> Mapping[str, int]:
    """By integration: invoices that were refused and wait for a person."""
    return {name: int(count) for name, count in ask(_REFUSED, tenant=tenant_id)}


def pushing(tenant_id: str, span: Span) -> dict[str, Lag]:
    """By integration: from entering an invoice to the provider having it; of those pushed in the span."""
    return _lags(_PUSHED, tenant_id, span)


def seeing(tenant_id: str, span: Span) -> dict[str, Lag]:
    """By integration: from a payment there to its being seen here; of those seen in the span and told with a
    time of day, made after the integration was connected."""
    return _lags(_SEEN, tenant_id, span)


def _lags(lags: str, tenant_id: str, span: Span) -> dict[str, Lag]:
    rows = ask(_PERCENTILES.format(lags=lags), tenant=tenant_id, since=span[0], until=span[1])
    return {
        name: Lag(int(count), timedelta(microseconds=int(p50)), timedelta(microseconds=int(p95)))
        for name, count, p50, p95 in rows
    }


_RUNS = """
SELECT r.integration_id, r.job,
       SUM(CASE WHEN r.fault_code IS NULL THEN 1 ELSE 0 END),
       SUM(CASE WHEN r.fault_code IS NOT NULL THEN 1 ELSE 0 END),
       MAX(CASE WHEN r.fault_code IS NULL THEN r.finished_at END)
FROM integration n JOIN run r ON r.integration_id = n.id
WHERE n.tenant_id = :tenant AND r.job IN ('push', 'pull')
  AND r.started_at >= :since AND r.started_at < :until AND r.finished_at IS NOT NULL
GROUP BY r.integration_id, r.job
"""

_REFUSED = """
SELECT integration_id, COUNT(*) FROM link
WHERE tenant_id = :tenant AND state = 'failed' AND integration_id IS NOT NULL
GROUP BY integration_id
"""

_PUSHED = """
SELECT l.integration_id AS name, l.pushed_at - i.created_at AS lag
FROM link l JOIN invoice i ON i.id = l.invoice_id
WHERE l.tenant_id = :tenant AND l.state = 'synced' AND l.pushed_at >= :since AND l.pushed_at < :until
"""

_SEEN = """
SELECT p.integration_id AS name, p.seen_at - p.at AS lag
FROM payment p JOIN integration n ON n.id = p.integration_id
WHERE p.tenant_id = :tenant AND p.kind = 'payment' AND p.revision = 0 AND p.at IS NOT NULL
  AND p.seen_at >= :since AND p.seen_at < :until AND p.seen_at >= p.at AND p.at >= n.created_at
  AND p.at - p.at / 86400000000 * 86400000000 <> 43200000000
  AND substr(p.external_id, 1, 5) NOT IN ('gone:', 'here:')
"""

_PERCENTILES = """
SELECT name, MAX(total),
       MAX(CASE WHEN place = (total + 1) / 2 THEN lag END),
       MAX(CASE WHEN place = (total * 95 + 99) / 100 THEN lag END)
FROM (
    SELECT name, lag, ROW_NUMBER() OVER (PARTITION BY name ORDER BY lag) AS place,
           COUNT(*) OVER (PARTITION BY name) AS total
    FROM ({lags}) lags
) ranked
GROUP BY name
"""
