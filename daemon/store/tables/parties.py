"""Who there is: tenants and their customers, accounts at providers, and the secrets of all these."""

from __future__ import annotations

import peewee as pw

from daemon.store.fields import JsonField, UtcField
from daemon.store.tables.base import Table


class Tenant(Table):
    id = pw.TextField(primary_key=True)
    reference = pw.TextField(unique=True)
    name = pw.TextField()
    zone = pw.TextField()
    currency = pw.TextField()
    letterhead = JsonField()
    created_at = UtcField()


class Customer(Table):
    id = pw.TextField(primary_key=True)
    tenant_id = pw.TextField()
    reference = pw.TextField()
    name = pw.TextField()
    email = pw.TextField(null=True)
    phone = pw.TextField(null=True)
    address = JsonField()
    may_connect = pw.BooleanField()
    service_status = pw.TextField()
    created_at = UtcField()

    class Meta:
        indexes = (
            (("tenant_id", "reference"), True),
            (("tenant_id", "service_status", "id"), False),
        )


class Integration(Table):
    id = pw.TextField(primary_key=True)
    tenant_id = pw.TextField()
    customer_id = pw.TextField(null=True)
    provider = pw.TextField()
    mode = pw.TextField()
    label = pw.TextField()
    state = pw.TextField()
    account_id = pw.TextField(null=True)
    account_name = pw.TextField(null=True)
    settings = JsonField()
    create_automatically = pw.BooleanField()
    pull_status = pw.BooleanField()
    pace = pw.TextField()
    approved = pw.BooleanField()
    base_url = pw.TextField(null=True)
    fault_code = pw.TextField(null=True)
    fault_text = pw.TextField(null=True)
    fault_at = UtcField(null=True)
    cursor = JsonField(null=True)
    next_poll_at = UtcField(null=True)
    resume_at = UtcField(null=True)
    polled_at = UtcField(null=True)
    pushed_at = UtcField(null=True)
    tested_at = UtcField(null=True)
    test_missing = JsonField()
    budget = JsonField()
    breaker = JsonField()
    brake = JsonField(null=True)
    lease_owner = pw.TextField(null=True)
    lease_until = UtcField(null=True)
    fence = pw.BigIntegerField()
    webhook_id = pw.TextField(null=True)
    webhook_url = pw.TextField(null=True)
    webhook_seen_at = UtcField(null=True)
    grant_id = pw.TextField(null=True, index=True)
    duty = pw.TextField()
    follows_id = pw.TextField(null=True)
    created_at = UtcField()
    removed_at = UtcField(null=True)

    class Meta:
        indexes = (
            (("tenant_id", "customer_id"), False),
            (("state", "next_poll_at"), False),
        )


class App(Table):
    """Our own registration at a provider."""

    id = pw.TextField(primary_key=True)
    provider = pw.TextField()
    mode = pw.TextField()
    client_id = pw.TextField()
    redirect_uri = pw.TextField()
    label = pw.TextField()
    created_at = UtcField()
    removed_at = UtcField(null=True)


class Grant(Table):
    """A tenant's consent to an app; its tokens are sealed. (`grant` is a word of PostgreSQL's own.)"""

    id = pw.TextField(primary_key=True)
    tenant_id = pw.TextField(index=True)
    app_id = pw.TextField(index=True)
    provider = pw.TextField()
    mode = pw.TextField()
    state = pw.TextField()
    scopes = JsonField()
    refresh_started_at = UtcField(null=True)
    refreshed_at = UtcField()
    access_expires_at = UtcField()
    refresh_expires_at = UtcField(null=True)
    hard_expires_at = UtcField(null=True)
    warned_days = pw.IntegerField(null=True)
    fault_code = pw.TextField(null=True)
    fault_text = pw.TextField(null=True)
    fault_at = UtcField(null=True)
    lease_owner = pw.TextField(null=True)
    lease_until = UtcField(null=True)
    fence = pw.BigIntegerField()
    created_at = UtcField()
    ended_at = UtcField(null=True)

    class Meta:
        table_name = "oauth_grant"


class Consent(Table):
    """A consent under way: who asked for it, and what came back. The state is kept as its hash."""

    id = pw.TextField(primary_key=True)
    state_hash = pw.TextField(unique=True)
    tenant_id = pw.TextField()
    customer_id = pw.TextField(null=True)
    app_id = pw.TextField()
    provider = pw.TextField()
    label = pw.TextField()
    settings = JsonField()
    actor = pw.TextField()
    stage = pw.TextField()
    grant_id = pw.TextField(null=True)
    integration_id = pw.TextField(null=True)
    beside_id = pw.TextField(null=True)
    accounts = JsonField()
    fault_code = pw.TextField(null=True)
    fault_text = pw.TextField(null=True)
    created_at = UtcField()
    expires_at = UtcField()
    used_at = UtcField(null=True)


class VaultKey(Table):
    id = pw.BigIntegerField(primary_key=True)
    check_value = pw.TextField()
    active = pw.BooleanField()
    created_at = UtcField()


class Secret(Table):
    """A sealed document of an integration, an app, a grant or a consent; an app's tenant is `*`."""

    id = pw.BigAutoField()
    tenant_id = pw.TextField()
    owner_id = pw.TextField()
    provider = pw.TextField()
    field = pw.TextField()
    blob = pw.BlobField()
    key_id = pw.BigIntegerField(index=True)
    quarantined_at = UtcField(null=True)
    updated_at = UtcField()

    class Meta:
        indexes = ((("owner_id", "field"), True),)


class Payer(Table):
    id = pw.TextField(primary_key=True)
    tenant_id = pw.TextField()
    integration_id = pw.TextField()
    customer_id = pw.TextField()
    external_id = pw.TextField()
    origin = pw.TextField()
    created_at = UtcField()

    class Meta:
        indexes = ((("integration_id", "customer_id"), True),)


class Certificate(Table):
    """What a provider signs its webhooks with, as an integration needs it; wanted until it is fetched."""

    integration_id = pw.TextField()
    url = pw.TextField()
    pem = pw.TextField(null=True)
    wanted_at = UtcField()
    fetched_at = UtcField(null=True)
    tried_at = UtcField(null=True)
    fault = pw.TextField(null=True)

    class Meta:
        primary_key = pw.CompositeKey("integration_id", "url")


class AppUsage(Table):
    """Calls under an app of ours in a calendar month (UTC, `2026-11`), of the limit of this name."""

    app_id = pw.TextField()
    name = pw.TextField()
    month = pw.TextField()
    calls = pw.BigIntegerField()

    class Meta:
        primary_key = pw.CompositeKey("app_id", "name", "month")
