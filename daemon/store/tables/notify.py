"""Who is told what: the platform's endpoints, each telling of an event, and the alerts that are open."""

from __future__ import annotations

import peewee as pw

from daemon.store.fields import JsonField, UtcField
from daemon.store.tables.base import Table


class Endpoint(Table):
    """Where a tenant's events go; tenant `*`: those of all tenants and of the platform itself."""

    id = pw.TextField(primary_key=True)
    tenant_id = pw.TextField(index=True)
    label = pw.TextField()
    url = pw.TextField()
    types = JsonField()
    state = pw.TextField()
    cursor_seq = pw.BigIntegerField()
    failures = pw.IntegerField()
    failing_since = UtcField(null=True)
    resume_at = UtcField(null=True)
    succeeded_at = UtcField(null=True)
    last_status = pw.IntegerField(null=True)
    fault_text = pw.TextField(null=True)
    lease_owner = pw.TextField(null=True)
    lease_until = UtcField(null=True)
    created_at = UtcField()
    removed_at = UtcField(null=True)


class Delivery(Table):
    id = pw.BigAutoField()
    endpoint_id = pw.TextField()
    tenant_id = pw.TextField()
    event_id = pw.BigIntegerField()
    seq = pw.BigIntegerField()
    type = pw.TextField()
    state = pw.TextField()
    attempts = pw.IntegerField()
    next_at = UtcField(null=True)
    created_at = UtcField()
    first_at = UtcField(null=True)
    last_at = UtcField(null=True)
    ended_at = UtcField(null=True)
    last_status = pw.IntegerField(null=True)
    answer = pw.TextField(null=True)

    class Meta:
        indexes = (
            (("endpoint_id", "event_id"), True),
            (("endpoint_id", "state", "next_at"), False),
            (("endpoint_id", "state", "seq"), False),
            (("state", "ended_at"), False),
        )


class Alert(Table):
    """A cause, open until `closed_at`; `gone_at`: since when it is no more, but not told yet."""

    id = pw.BigAutoField()
    key = pw.TextField()
    tenant_id = pw.TextField()
    cause = pw.TextField()
    title = pw.TextField()
    text = pw.TextField()
    count = pw.IntegerField()
    customers = pw.IntegerField()
    money = JsonField()
    first_at = UtcField()
    last_at = UtcField()
    told_at = UtcField(null=True)
    gone_at = UtcField(null=True)
    closed_at = UtcField(null=True, index=True)
