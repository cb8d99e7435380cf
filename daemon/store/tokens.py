"""API tokens: `wb_`, an id of 8 characters, `_`, 256 bits; shown once, kept as SHA-256."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from daemon.clock import Entropy
from daemon.errors import InvalidInput, NotFound
from daemon.store import audit, plain, records
from daemon.store.tables import ApiToken as Table

PLATFORM = audit.PLATFORM
_TOKEN = re.compile(r"wb_([0-9a-z]{8})_([A-Za-z0-9_-]{43})", re.ASCII)
_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
USED_EVERY = timedelta(minutes=1)
"""The last use is written down this often."""


MOST = 500
"""Tokens of a tenant that are not revoked."""


class Role(StrEnum):
    PLATFORM_ADMIN = "platform_admin"
    TENANT_ADMIN = "tenant_admin"
    TENANT_STAFF = "tenant_staff"
    CUSTOMER_OWNER = "customer_owner"
    READ_ONLY = "read_only"


@dataclass(frozen=True, slots=True)
class ApiToken(records.Record):
    table = Table
    id: str
    tenant_id: str
    customer_id: str | None
    role: str
    label: str
    hash: str
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    revoked_at: datetime | None

    def is_valid(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def add(
    *,
    tenant_id: str,
    role: Role,
    label: str,
    customer_id: str | None = None,
    expires_at: datetime | None = None,
    actor: str,
    now: datetime,
    entropy: Entropy,
) -> tuple[ApiToken, str]:
    """Inside a transaction; returns the row and the token itself, which nobody can show again. Raises
    InvalidInput where role, tenant and customer do not fit together."""
    if (role is Role.PLATFORM_ADMIN) != (tenant_id == PLATFORM):
        raise InvalidInput("WB-INPUT", "role: a platform_admin, and nobody else, has no tenant", field="role")
    if (role is Role.CUSTOMER_OWNER) != (customer_id is not None):
        raise InvalidInput("WB-INPUT", "customer: needed for a customer_owner, and for nobody else")
    if expires_at is not None and expires_at <= now:
        raise InvalidInput("WB-INPUT", "expiresAt: it lies in the past", field="expires_at")
    there = Table.select().where((Table.tenant_id == tenant_id) & Table.revoked_at.is_null())
    if there.count() >= MOST:
        raise InvalidInput("WB-INPUT", f"there are {MOST} tokens that are not revoked; revoke some first")
    token_id = "".join(_CROCKFORD[byte & 31] for byte in entropy.bytes(8))
    secret = base64.urlsafe_b64encode(entropy.bytes(32)).decode().rstrip("=")
    token = f"wb_{token_id}_{secret}"
    row = {
        "id": token_id,
        "tenant_id": tenant_id,
        "customer_id": customer_id,
        "role": role.value,
        "label": label,
        "hash": _hashed(token),
        "created_by": actor,
        "created_at": now,
        "expires_at": expires_at,
    }
    plain.insert(Table, row)
    data = {"role": role.value, "customer": customer_id, "label": label}
    audit.append(tenant_id, actor=actor, action="token.added", subject=token_id, data=data, now=now)
    return get(None, token_id), token


def find(token: str) -> ApiToken | None:
    """The row of a token as it was presented, valid or not; None where there is none such."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        return None
    row = next(iter(ApiToken.by("id", [match[1]])), None)
    return row if row is not None and hmac.compare_digest(row.hash, _hashed(token)) else None


def get(tenant_id: str | None, token_id: str) -> ApiToken:
    """Within the tenant (None: any); raises NotFound."""
    where = Table.id == token_id
    row = ApiToken.first(where if tenant_id is None else where & (Table.tenant_id == tenant_id))
    if row is None:
        raise NotFound("token", token_id)
    return row


def listing(tenant_id: str | None, *, limit: int, after: str = "") -> list[ApiToken]:
    """By id, from behind `after`."""
    where = [Table.id > after] + ([] if tenant_id is None else [Table.tenant_id == tenant_id])
    return list(ApiToken.select(*where, order=Table.id, limit=limit))


def revoke(row: ApiToken, *, actor: str, now: datetime) -> ApiToken:
    """Inside a transaction; again is harmless, also at once."""
    plain.hold(Table, row.id)
    row = get(None, row.id)
    if row.revoked_at is None:
        plain.update(Table, "id", row.id, {"revoked_at": now})
        audit.append(row.tenant_id, actor=actor, action="token.revoked", subject=row.id, data={}, now=now)
    return get(None, row.id)


def note_use(row: ApiToken, now: datetime) -> None:
    """Inside a transaction."""
    plain.update(Table, "id", row.id, {"used_at": now})


def is_worth_noting(row: ApiToken, now: datetime) -> bool:
    return row.used_at is None or now - row.used_at >= USED_EVERY


def note_crossing(row: ApiToken, tenant_id: str, data: Mapping[str, str], *, now: datetime) -> None:
    """Inside a transaction: a platform admin's token worked with this tenant, or with all of them (`*`)."""
    actor = actor_of(row)
    audit.append(tenant_id, actor=actor, action="token.crossed", subject=row.id, data=dict(data), now=now)


def actor_of(row: ApiToken) -> str:
    return f"token:{row.id}"


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
