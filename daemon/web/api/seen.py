"""Integrations as they are shown: of their credentials no more than a fingerprint."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from daemon.errors import VaultError
from daemon.house import House
from daemon.model import IntegrationState
from daemon.providers import provider_class
from daemon.store import integrations, records
from daemon.store.fields import canonical
from daemon.store.secrets import CREDENTIALS
from daemon.web.api import shown
from daemon.web.api.etags import etag

S = IntegrationState
WORDS = {
    S.TESTING: "testing",
    S.ACTIVE: "active",
    S.DRAINING: "active",
    S.PAUSED: "inactive",
    S.REMOVED: "inactive",
    S.NEEDS_RECONNECT: "error",
    S.ERROR: "error",
}
LONG_ENOUGH = 20
"""Of a shorter secret, four characters are too many."""


def version(row: records.Integration) -> str:
    """Of what a person changes; what the daemon does to the row is no new version."""
    return etag(
        [
            row.id,
            row.label,
            row.settings,
            row.create_automatically,
            row.pull_status,
            row.pace,
            row.approved,
            row.duty,
            row.removed_at is None,
        ]
    )


def integration(
    house: House, row: records.Integration, queue: Mapping[str, int] | None = None
) -> shown.IntegrationShown:
    if queue is None:
        queue = integrations.count_by_state([row.id])[row.id]
    names = (
        *("id", "customer_id", "provider", "mode", "state", "label", "account_id", "account_name"),
        *("approved", "create_automatically", "pull_status", "pace", "settings"),
        *("pushed_at", "polled_at", "next_poll_at", "webhook_url", "webhook_seen_at"),
        *("duty", "follows_id", "created_at", "removed_at"),
    )
    facts: dict[str, Any] = {name: getattr(row, name) for name in names}
    return shown.IntegrationShown(
        **facts,
        scope="customer" if row.customer_id else "tenant",
        status=WORDS[S(row.state)],
        credentials=credentials(house, row),
        queue=dict(queue),
        fault=shown.fault(row.fault_code, row.fault_text, row.fault_at),
    )


def credentials(house: House, row: records.Integration) -> shown.CredentialsShown:
    last_four, fingerprint = _traces(house, row)
    return shown.CredentialsShown(
        provider=row.provider,
        last_four=last_four,
        fingerprint=fingerprint,
        tested_at=row.tested_at,
        missing_permissions=row.test_missing,
    )


def _traces(house: House, row: records.Integration) -> tuple[str | None, str | None]:
    """The last four characters of the longest secret, and a keyed fingerprint: one that nobody can try
    guesses against."""
    try:
        document = house.safe.open(row, CREDENTIALS)
    except VaultError:
        return None, None
    if not document or row.grant_id:
        return None, None
    fields = provider_class(row.provider).credentials.model_fields
    secret = [name for name, field in fields.items() if _is_secret(field.annotation)]
    longest = max((str(document.get(name) or "") for name in secret), key=len, default="")
    key = house.safe.vault.derive(b"wispbill/fingerprint/1")
    digest = hmac.new(key, f"{row.tenant_id}|{canonical(document)}".encode(), hashlib.sha256)
    return longest[-4:] if len(longest) >= LONG_ENOUGH else None, digest.hexdigest()[:16]


def _is_secret(annotation: Any) -> bool:
    return annotation is SecretStr or SecretStr in getattr(annotation, "__args__", ())
