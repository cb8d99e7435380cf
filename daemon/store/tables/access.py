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


class Staff(Table):
    """Who may sign in at the dashboard. A platform admin's tenant is `*`; `password` is a PHC string,
    `subject` who they are at the OIDC issuer; `places` are hashes of addresses from which they signed in."""

    id = pw.TextField(primary_key=True)
    tenant_id = pw.TextField(index=True)
    email = pw.TextField(unique=True)
    name = pw.TextField()
    role = pw.TextField()
    password = pw.TextField(null=True)
    subject = pw.TextField(null=True, unique=True)
    by_claim = pw.BooleanField()
    epoch = pw.IntegerField()
    places = JsonField()
    created_by = pw.TextField()
    created_at = UtcField()
    password_at = UtcField(null=True)
    signed_in_at = UtcField(null=True)
    disabled_at = UtcField(null=True)


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
