"""Who may ask over the API, and what was answered."""

from __future__ import annotations

import peewee as pw

from daemon.store.fields import JsonField, UtcField
from daemon.store.tables.base import Table


class ApiToken(Table):
    """A token; of the token itself only the hash is kept. A platform admin's tenant is `*`."""

    id = pw.TextField(primary_key=True)
    tenant_id = pw.TextField(index=True)
    customer_id = pw.TextField(null=True)
    role = pw.TextField()
    label = pw.TextField()
    hash = pw.TextField()
    created_by = pw.TextField()
    created_at = UtcField()
    expires_at = UtcField(null=True)
    used_at = UtcField(null=True)
    revoked_at = UtcField(null=True)


class Replay(Table):
    """An answer to a POST with an Idempotency-Key; without a status it is being worked on."""

    token_id = pw.TextField()
    key = pw.TextField()
    digest = pw.TextField()
    status = pw.IntegerField(null=True)
    headers = JsonField(null=True)
    body = pw.TextField(null=True)
    created_at = UtcField(index=True)

    class Meta:
        primary_key = pw.CompositeKey("token_id", "key")
