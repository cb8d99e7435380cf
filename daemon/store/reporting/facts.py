"""The payment facts that count, as SQL: what `reconcile.effective` decides, for a whole tenant at once."""

from __future__ import annotations

_MOMENT = """
CASE WHEN p.at IS NULL THEN (
         SELECT MIN(f.seen_at) FROM payment f
         WHERE f.integration_id = p.integration_id AND f.external_id = p.external_id
           AND f.invoice_id = p.invoice_id AND f.kind = p.kind)
     WHEN p.at - p.at / 86400000000 * 86400000000 = 43200000000 THEN p.at - :offset
     ELSE p.at END
"""
"""When the provider says that it happened; of a bare day (noon in UTC, `model.days`) the noon of the tenant's
zone; of one without a date, when it was first seen."""

_STANDS = """
NOT EXISTS (
    SELECT 1 FROM payment n
    WHERE n.integration_id = p.integration_id AND n.external_id = p.external_id
      AND n.invoice_id = p.invoice_id AND n.kind = p.kind AND n.revision > p.revision)
AND NOT EXISTS (
    SELECT 1 FROM payment g
    WHERE g.integration_id = p.integration_id AND g.kind = 'reversal' AND g.invoice_id = p.invoice_id
      AND g.external_id = 'gone:' || p.kind || ':' || p.external_id AND g.revision >= p.revision)
"""
"""The latest revision of each fact that was not taken back since."""

_THEIRS = f"""
SELECT p.invoice_id, p.integration_id, p.kind, p.reverses, p.method, p.currency, p.amount_minor,
       {_MOMENT} AS moment
FROM payment p
WHERE p.tenant_id = :tenant AND substr(p.external_id, 1, 5) NOT IN ('gone:', 'here:') AND {_STANDS}
"""

_PAID_THERE = f"""
SELECT SUM(CASE WHEN p.kind = 'payment' THEN p.amount_minor ELSE -p.amount_minor END)
FROM payment p
WHERE p.invoice_id = o.invoice_id AND substr(p.external_id, 1, 5) NOT IN ('gone:', 'here:')
  AND (p.kind = 'payment' OR (p.kind = 'reversal' AND p.reverses = 'payment')) AND {_STANDS}
"""

_ENTERED = f"""
SELECT p.invoice_id, p.integration_id, p.kind, p.method, p.currency, p.amount_minor, p.external_id,
       COALESCE(p.beside_minor, 0) AS beside, {_MOMENT} AS moment,
       SUM(p.amount_minor) OVER (
           PARTITION BY p.invoice_id ORDER BY COALESCE(p.beside_minor, 0), p.external_id
           ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - p.amount_minor AS earlier
FROM payment p
WHERE p.tenant_id = :tenant AND p.external_id >= 'here:' AND p.external_id < 'here;' AND {_STANDS}
"""

_LEVELLED = f"""
SELECT o.*, COALESCE(({_PAID_THERE}), 0) - o.earlier - MAX(o.beside - o.earlier) OVER (
           PARTITION BY o.invoice_id ORDER BY o.beside, o.external_id
           ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS same
FROM ({_ENTERED}) o
"""

COUNTED = f"""
{_THEIRS}
UNION ALL
SELECT invoice_id, integration_id, 'entered', NULL, method, currency,
       CASE WHEN same <= 0 THEN amount_minor ELSE amount_minor - same END, moment
FROM ({_LEVELLED}) levelled
WHERE same < amount_minor
"""
"""What the provider tells; and, as kind "entered", of what was entered here as much as the provider does not
count too: what it counts beyond what it counted then is the same money (`reconcile.fold`)."""
