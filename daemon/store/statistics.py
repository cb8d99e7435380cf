"""What SQLite's query planner knows of our rows."""

from __future__ import annotations

from daemon.store.database import Store

SKEWED = ("link_tenant_id_state_invoice_id", "link_integration_id_state", "link_faulted")
"""Nearly all links are synced, and we ask for the few that are not. The planner counts rows for each state on
average, takes the few for many, and walks all of them; without a number it takes the index."""


def refresh(store: Store) -> None:
    """Inside a transaction: fresh statistics (https://sqlite.org/pragma.html#pragma_optimize), but none where
    an average misleads (https://sqlite.org/optoverview.html, section 8.1)."""
    for statement in ("PRAGMA analysis_limit=400", "PRAGMA optimize"):
        store.db.execute_sql(statement)
    known = store.db.execute_sql("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'").fetchone()
    if known:
        marks = ", ".join("?" for _ in SKEWED)
        store.db.execute_sql(f"DELETE FROM sqlite_stat1 WHERE idx IN ({marks})", SKEWED)
        store.db.execute_sql("ANALYZE sqlite_master")
