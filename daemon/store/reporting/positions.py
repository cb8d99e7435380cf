"""Where each invoice stood at a moment, as SQL: `reconcile.fold`, as far as it is about what is owed."""

from __future__ import annotations

from daemon.store.reporting.facts import COUNTED


def net(kind: str, before: str) -> str:
    """SQL: what the facts of a kind come to before a moment, less what was taken back of them."""
    told = f"SUM(CASE WHEN kind = '{kind}' AND moment < {before} THEN amount_minor ELSE 0 END)"
    undone = (
        f"SUM(CASE WHEN kind = 'reversal' AND reverses = '{kind}' AND moment < {before} "
        "THEN amount_minor ELSE 0 END)"
    )
    return f"CASE WHEN {told} > {undone} THEN {told} - {undone} ELSE 0 END"


PAID = f"""
{net("payment", ":until")}
+ SUM(CASE WHEN kind = 'entered' AND moment < :until THEN amount_minor ELSE 0 END)
"""
"""What was paid at the provider, and what was entered here beside it."""

CLOSED_AT = """
COALESCE((SELECT MAX(e.at) FROM event e
          WHERE e.invoice_id = i.id AND e.type = 'invoice.' || i.payment_status), i.status_at)
"""
"""Of an invoice that is void or uncollectible: since when, as far as it was seen here."""

POSITIONS = f"""
SELECT i.id AS invoice_id, i.customer_id, i.currency, i.due_on, i.total_minor,
       CASE WHEN i.payment_status IN ('void', 'uncollectible') AND {CLOSED_AT} < :until THEN 0
            WHEN i.total_minor > COALESCE(f.credited, 0) + COALESCE(f.written_off, 0) + COALESCE(f.paid, 0)
            THEN i.total_minor - COALESCE(f.credited, 0) - COALESCE(f.written_off, 0) - COALESCE(f.paid, 0)
            ELSE 0 END AS due
FROM invoice i LEFT JOIN (
    SELECT invoice_id, {PAID} AS paid, {net("credit", ":until")} AS credited,
           {net("write_off", ":until")} AS written_off
    FROM ({COUNTED}) counted WHERE moment < :until GROUP BY invoice_id
) f ON f.invoice_id = i.id
WHERE i.tenant_id = :tenant AND i.issued_on <= :day
"""
