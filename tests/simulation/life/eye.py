"""A look into the database of a life, by a connection of its own: it sees what is committed, and no more."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

RUNNING = "('active', 'draining')"

RESTS = "COALESCE(n.resume_at, 0), COALESCE(n.lease_until, 0)"

DUE = f"""
SELECT 'push', MIN(MAX(l.next_push_at, COALESCE(n.resume_at, 0), COALESCE(n.lease_until, 0)))
FROM link l LEFT JOIN integration n ON n.id = l.integration_id
WHERE l.next_push_at IS NOT NULL AND (n.state IN {RUNNING} OR (n.id IS NULL AND EXISTS (
    SELECT 1 FROM integration d WHERE d.tenant_id = l.tenant_id AND d.state IN {RUNNING})))
UNION ALL
SELECT 'pull', MIN(at) FROM (
    SELECT MAX(l.next_pull_at, {RESTS}) AS at
    FROM link l JOIN integration n ON n.id = l.integration_id
    WHERE l.next_pull_at IS NOT NULL AND n.state IN {RUNNING}
    UNION ALL
    SELECT MAX(COALESCE(n.next_poll_at, 0), {RESTS})
    FROM integration n WHERE n.state IN {RUNNING}
    UNION ALL
    SELECT MAX(h.received_at, {RESTS})
    FROM hint h JOIN integration n ON n.id = h.integration_id
    WHERE h.used_at IS NULL AND n.state IN {RUNNING}
)
UNION ALL
SELECT 'enforce', MIN(at) FROM service_check
UNION ALL
SELECT 'sweep', MIN(MAX(COALESCE(s.resume_at, 0), s.started_at, {RESTS}))
FROM sweep s JOIN integration n ON n.id = s.integration_id
WHERE s.started_at IS NOT NULL AND s.finished_at IS NULL AND n.state IN {RUNNING}
UNION ALL
SELECT 'notify', MIN(at) FROM (
    SELECT at FROM event WHERE seq IS NULL
    UNION ALL
    SELECT MAX(COALESCE(e.resume_at, 0), COALESCE(e.lease_until, 0), MIN(d.next_at),
               COALESCE((SELECT h.next_at FROM delivery h WHERE h.endpoint_id = e.id AND h.state = 'pending'
                AND h.attempts BETWEEN 1 AND 3 ORDER BY h.seq LIMIT 1), 0))
    FROM endpoint e JOIN delivery d ON d.endpoint_id = e.id AND d.state = 'pending'
    WHERE e.state = 'active' GROUP BY e.id
)
"""
"""When the rows of each job are due next, in microseconds."""


class Eye:
    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)

    def ask(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._db.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> Any:
        """The first column of the first row; None where there is none."""
        row = self._db.execute(sql, values).fetchone()
        return row[0] if row else None

    def due(self) -> dict[str, int]:
        """By job: when it has something to do."""
        return {job: at for job, at in self._db.execute(DUE) if at is not None}

    def close(self) -> None:
        self._db.close()
