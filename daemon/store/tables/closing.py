"""Months that somebody closed."""

from __future__ import annotations

import peewee as pw

from daemon.store.fields import JsonField, UtcField
from daemon.store.tables.base import Table


class MonthClose(Table):
    """A tenant's month as it was closed: its sums, and what was said of it. One that is reopened stays, and
    another may follow it."""

    id = pw.TextField(primary_key=True)
    tenant_id = pw.TextField()
    month = pw.TextField()
    sums = JsonField()
    verdict = pw.TextField()
    note = pw.TextField(null=True)
    closed_by = pw.TextField()
    closed_at = UtcField()
    reopened_by = pw.TextField(null=True)
    reopened_at = UtcField(null=True)
    reason = pw.TextField(null=True)

    class Meta:
        indexes = ((("tenant_id", "month"), False),)
