"""The payment facts that count, as SQL: what `reconcile.effective` decides, for a whole tenant at once."""

from __future__ import annotations

COUNTED = """
SELECT p.invoice_id, p.integration_id, p.kind, p.reverses, p.method, p.currency, p.amount_minor,
       CASE WHEN p.at IS NULL THEN (
                SELECT MIN(f.seen_at) FROM payment f
                WHERE f.integration_id = p.integration_id AND f.external_id = p.external_id
                  AND f.invoice_id = p.invoice_id AND f.kind = p.kind)
            WHEN p.at - p.at / 86400000000 * 86400000000 = 43200000000 THEN p.at - :offset
            ELSE p.at END AS moment
FROM payment p
WHERE p.tenant_id = :tenant
  AND substr(p.external_id, 1, 5) <> 'gone:'
  AND NOT EXISTS (
    SELECT 1 FROM payment n
    WHERE n.integration_id = p.integration_id AND n.external_id = p.external_id
      AND n.invoice_id = p.invoice_id AND n.kind = p.kind AND n.revision > p.revision)
  AND NOT EXISTS (
    SELECT 1 FROM payment g
    WHERE g.integration_id = p.integration_id AND g.kind = 'reversal' AND g.invoice_id = p.invoice_id
      AND g.external_id = 'gone:' || p.kind || ':' || p.external_id AND g.revision >= p.revision)
"""
"""The latest revision of each fact that was not taken back since. `moment` is when the provider says that it
happened; of a bare day (noon in UTC, `model.days`) the noon of the tenant's zone; of one without a date, when
it was first seen."""
