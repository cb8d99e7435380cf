"""Who looks at our pages: sessions, and the links that begin one."""

from __future__ import annotations

import peewee as pw

from daemon.store.fields import JsonField, UtcField
from daemon.store.tables.base import Table


class WebSession(Table):
    """A signed-in browser; of its cookie only the hash is kept. `face` is portal or dashboard; the tenant of
    a platform admin is `*`; `epoch` is that of the member of staff when it began. `said` waits to be shown
    once, on the next page."""

    id = pw.TextField(primary_key=True)
    hash = pw.TextField(unique=True)
    face = pw.TextField()
    tenant_id = pw.TextField()
    customer_id = pw.TextField(null=True)
    user_id = pw.TextField(null=True)
    role = pw.TextField()
    epoch = pw.IntegerField()
    client = pw.TextField()
    said = JsonField()
    created_at = UtcField()
    seen_at = UtcField()
    idle_at = UtcField()
    expires_at = UtcField(index=True)
    ended_at = UtcField(null=True)

    class Meta:
        indexes = ((("tenant_id", "face", "id"), False),)


class PortalLink(Table):
    """A link into the portal: used once, for a short while; its token is kept as a hash."""

    id = pw.TextField(primary_key=True)
    hash = pw.TextField(unique=True)
    tenant_id = pw.TextField()
    customer_id = pw.TextField()
    page = pw.TextField()
    created_by = pw.TextField()
    created_at = UtcField()
    expires_at = UtcField(index=True)
    used_at = UtcField(null=True)
    session_id = pw.TextField(null=True)
