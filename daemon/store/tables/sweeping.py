"""What the nightly comparison is at, and what it found."""

from __future__ import annotations

import peewee as pw

from daemon.store.fields import UtcField
from daemon.store.tables.base import Table


class Sweep(Table):
    """The pass at an integration: under way from `started_at` to `finished_at`; `period` is the night that it
    belongs to, `asked_at` when somebody asked for another. At `proven_at` both sides were equal."""

    integration_id = pw.TextField(primary_key=True)
    tenant_id = pw.TextField()
    period = pw.TextField(null=True)
    asked_at = UtcField(null=True)
    started_at = UtcField(null=True)
    listed_at = UtcField(null=True)
    finished_at = UtcField(null=True)
    resume_at = UtcField(null=True)
    proven_at = UtcField(null=True)


class Swept(Table):
    """When a link was last compared by a sweep."""

    link_id = pw.TextField(primary_key=True)
    at = UtcField()


class Difference(Table):
    """Between the provider's books and ours: repaired (settled by "daemon"), or waiting for a person. `ref`
    is the provider's document, `fingerprint` what is different, `times` how often it came anew."""

    id = pw.TextField(primary_key=True)
    tenant_id = pw.TextField()
    integration_id = pw.TextField()
    kind = pw.TextField()
    ref = pw.TextField()
    link_id = pw.TextField(null=True, index=True)
    invoice_id = pw.TextField(null=True)
    fingerprint = pw.TextField()
    amount_minor = pw.BigIntegerField(null=True)
    currency = pw.TextField(null=True)
    sentence = pw.TextField()
    command = pw.TextField()
    times = pw.IntegerField()
    found_at = UtcField()
    seen_at = UtcField()
    settled_at = UtcField(null=True)
    settled_by = pw.TextField(null=True)
    note = pw.TextField(null=True)

    class Meta:
        indexes = (
            (("integration_id", "kind", "ref"), True),
            (("tenant_id", "settled_at"), False),
        )
