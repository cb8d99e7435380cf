"""Staff: who may sign in at the dashboard, with which role, for which tenant. Only the store writes a
password's hash, and nothing shows it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from daemon.clock import Entropy
from daemon.errors import InvalidInput, NotFound
from daemon.model.ids import STAFF, new_id
from daemon.store import audit, plain, records, sessions
from daemon.store.tables import Staff as Table
from daemon.store.tokens import Role

PLATFORM = audit.PLATFORM
ROLES = (Role.PLATFORM_ADMIN, Role.TENANT_ADMIN, Role.TENANT_STAFF, Role.READ_ONLY)
PLACES = 8
"""Addresses kept from which somebody signed in before."""


@dataclass(frozen=True, slots=True)
class Staff(records.Record):
    """`password` is a PHC string, None for who signs in elsewhere (`subject`, bound at the first time).
    `by_claim`: the role comes from there. A session of another `epoch` is over."""

    table = Table
    id: str
    tenant_id: str
    email: str
    name: str
    role: str
    password: str | None
    subject: str | None
    by_claim: bool
    epoch: int
    places: list[str]
    created_by: str
    created_at: datetime
    password_at: datetime | None
    signed_in_at: datetime | None
    disabled_at: datetime | None

    @property
    def actor(self) -> str:
        return f"staff:{self.email}"

    @property
    def is_platform(self) -> bool:
        return self.tenant_id == PLATFORM

    def knows(self, client: str) -> bool:
        """Whether they signed in from this address before."""
        return _place(client) in self.places


def add(
    *,
    tenant_id: str,
    email: str,
    name: str,
    role: Role,
    password: str | None = None,
    subject: str | None = None,
    by_claim: bool = False,
    actor: str,
    now: datetime,
    entropy: Entropy,
) -> Staff:
    """Inside a transaction; `password` is a PHC string. Raises InvalidInput where role and tenant do not fit,
    or the address is taken."""
    check_fits(role, tenant_id)
    address = email.lower()
    if find(address) is not None:
        raise InvalidInput("WB-INPUT", f"email: {address} is there already", field="email")
    row: dict[str, Any] = {
        "id": new_id(STAFF, now, entropy),
        "tenant_id": tenant_id,
        "email": address,
        "name": name,
        "role": role.value,
        "password": password,
        "subject": subject,
        "by_claim": by_claim,
        "epoch": 1,
        "places": [],
        "created_by": actor,
        "created_at": now,
        "password_at": now if password else None,
    }
    plain.insert(Table, row)
    made = get(None, row["id"])
    _note(made, "staff.added", {"email": address, "role": role.value}, actor, now)
    return made


def check_fits(role: Role, tenant_id: str) -> None:
    """Raises InvalidInput where nobody can have this role there."""
    if role not in ROLES:
        raise InvalidInput("WB-INPUT", "role: a customer is not staff", field="role")
    if (role is Role.PLATFORM_ADMIN) != (tenant_id == PLATFORM):
        raise InvalidInput("WB-INPUT", "role: a platform_admin, and nobody else, has no tenant", field="role")


def find(email: str) -> Staff | None:
    return Staff.first(Table.email == email.strip().lower())


def by_id(staff_id: str) -> Staff | None:
    return Staff.first(Table.id == staff_id)


def by_subject(subject: str) -> Staff | None:
    """Who signs in elsewhere under this name (issuer and subject)."""
    return Staff.first(Table.subject == subject)


def get(tenant_id: str | None, name: str) -> Staff:
    """By id or e-mail, within the tenant (None: any); raises NotFound."""
    where: Any = (Table.id == name) | (Table.email == name.strip().lower())
    if tenant_id is not None:
        where &= Table.tenant_id == tenant_id
    row = Staff.first(where)
    if row is None:
        raise NotFound("member of staff", name)
    return row


def listing(tenant_id: str | None, *, limit: int = 1000) -> list[Staff]:
    where = () if tenant_id is None else (Table.tenant_id == tenant_id,)
    return list(Staff.select(*where, order=Table.email, limit=limit))


def count() -> int:
    return int(Table.select().count())


def change(row: Staff, values: Mapping[str, Any], action: str, *, actor: str, now: datetime) -> Staff:
    """Inside a transaction: with an audit row. Password, role and disabling end all sessions."""
    ends = bool({"password", "role", "disabled_at"} & values.keys())
    plain.update(Table, "id", row.id, dict(values) | ({"epoch": row.epoch + 1} if ends else {}))
    if ends:
        _end_sessions(row, actor, now)
    shown = {key: value for key, value in values.items() if key in ("role", "name")}
    _note(row, action, shown, actor, now)
    return get(None, row.id)


def set_password(row: Staff, phc: str, *, actor: str, now: datetime) -> Staff:
    """Inside a transaction."""
    values = {"password": phc, "password_at": now}
    return change(row, values, "staff.password_changed", actor=actor, now=now)


def disable(row: Staff, *, actor: str, now: datetime) -> Staff:
    """Inside a transaction; again is harmless."""
    if row.disabled_at is not None:
        return row
    return change(row, {"disabled_at": now}, "staff.disabled", actor=actor, now=now)


def enable(row: Staff, *, actor: str, now: datetime) -> Staff:
    """Inside a transaction; again is harmless."""
    if row.disabled_at is None:
        return row
    return change(row, {"disabled_at": None}, "staff.enabled", actor=actor, now=now)


def remove(row: Staff, *, actor: str, now: datetime) -> None:
    """Inside a transaction: the address is free again; what they did stays in the audit."""
    _end_sessions(row, actor, now)
    Table.delete().where(Table.id == row.id).execute()
    _note(row, "staff.removed", {"email": row.email}, actor, now)


def signed_in(row: Staff, client: str, *, how: str, now: datetime) -> None:
    """Inside a transaction: from this address, which counts as known from now on."""
    places = [one for one in row.places if one != _place(client)][: PLACES - 1]
    plain.update(Table, "id", row.id, {"signed_in_at": now, "places": [_place(client), *places]})
    _note(row, "staff.signed_in", {"how": how}, row.actor, now)


def bind(row: Staff, subject: str, *, now: datetime) -> None:
    """Inside a transaction: at the first sign-in elsewhere, who they are there."""
    plain.update(Table, "id", row.id, {"subject": subject})
    _note(row, "staff.bound", {}, row.actor, now)


def _end_sessions(row: Staff, actor: str, now: datetime) -> None:
    there = sessions.listing(row.tenant_id, sessions.DASHBOARD, user_id=row.id, now=now)
    sessions.end_all(there, actor=actor, now=now)


def _note(row: Staff, action: str, data: Mapping[str, Any], actor: str, now: datetime) -> None:
    audit.append(row.tenant_id, actor=actor, action=action, subject=row.id, data=dict(data), now=now)


def _place(client: str) -> str:
    """An address as it is kept: enough to know it again, and no list of where people live."""
    return hashlib.sha256(client.encode()).hexdigest()[:16]
