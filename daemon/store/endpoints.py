"""Endpoints: where the platform is told of events; their states, their rests, and their signing secrets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from daemon.clock import Entropy, from_micros, to_micros
from daemon.errors import InvalidInput, NotFound, VaultError
from daemon.model import ids
from daemon.store import audit, events, tables
from daemon.store.database import Store
from daemon.store.records import Record
from daemon.store.secrets import Safe
from daemon.store.tables import Delivery
from daemon.store.tables import Endpoint as Table

SIGNING = "signing"
"""The field of its secrets: {"secrets": [newest, the one before], "rotated_at": microseconds}."""

OVERLAP = timedelta(hours=72)
"""After a rotation everything is signed with both secrets for so long."""

LEASE = timedelta(seconds=90)


class EndpointState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    """By a person, or since it did not answer well for days; what happens meanwhile waits."""
    DISABLED = "disabled"
    """It answered 410 Gone: it wants nothing more."""
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Endpoint(Record):
    table = tables.Endpoint
    id: str
    tenant_id: str
    label: str
    url: str
    types: list[str]
    state: str
    cursor_seq: int
    failures: int
    failing_since: datetime | None
    resume_at: datetime | None
    succeeded_at: datetime | None
    last_status: int | None
    fault_text: str | None
    created_at: datetime
    removed_at: datetime | None

    @property
    def provider(self) -> str:
        """As an owner of secrets."""
        return "endpoint"

    def wants(self, type_: str) -> bool:
        """Whether an event of this type goes there."""
        return any(
            want in ("*", type_) or (want.endswith(".*") and type_.startswith(want[:-1]))
            for want in self.types
        )


def add(
    safe: Safe,
    *,
    tenant_id: str,
    label: str,
    url: str,
    types: Sequence[str],
    secret: str,
    after: int | None,
    actor: str,
    now: datetime,
    entropy: Entropy,
) -> Endpoint:
    """Inside a transaction: a new one, told what follows `after` in the feed, or what happens from now on."""
    endpoint_id = ids.new_id(ids.ENDPOINT, now, entropy)
    Table.insert(
        id=endpoint_id,
        tenant_id=tenant_id,
        label=label,
        url=url,
        types=list(types),
        state=EndpointState.ACTIVE.value,
        cursor_seq=events.last_seq() if after is None else after,
        failures=0,
        created_at=now,
    ).execute()
    row = get(endpoint_id)
    safe.put(row, SIGNING, {"secrets": [secret], "rotated_at": None})
    note(row, "endpoint.added", actor=actor, now=now)
    return row


def note(row: Endpoint, action: str, *, actor: str, now: datetime) -> None:
    """Inside a transaction: a row of the audit. The URL may hold a secret, and stays out of it."""
    audit.append(
        row.tenant_id, actor=actor, action=action, subject=row.id, data={"types": row.types}, now=now
    )


def get(endpoint_id: str, *, tenant_id: str | None = None) -> Endpoint:
    """Of the tenant (None: any); raises NotFound."""
    where = Table.id == endpoint_id
    found = Endpoint.first(where if tenant_id is None else where & (Table.tenant_id == tenant_id))
    if found is None:
        raise NotFound("endpoint", endpoint_id)
    return found


def listing(tenant_id: str | None = None, *, removed: bool = False) -> list[Endpoint]:
    """Of one tenant (with those that are told of all), or everybody's."""
    where = [] if removed else [Table.removed_at.is_null()]
    if tenant_id is not None:
        where.append(Table.tenant_id.in_([tenant_id, audit.PLATFORM]))
    return list(Endpoint.select(*where, order=Table.id))


def update(endpoint_id: str, **values: Any) -> None:
    """Inside a transaction."""
    Table.update(values).where(Table.id == endpoint_id).execute()


# --- states -------------------------------------------------------------------------------------------


def stop(row: Endpoint, state: EndpointState, text: str, *, actor: str, now: datetime) -> None:
    """Inside a transaction: nothing more is sent there, for this reason."""
    update(row.id, state=state.value, fault_text=text)
    data = {"endpoint": row.id, "state": state.value, "sentence": text}
    events.append(row.tenant_id, f"endpoint.{state.value}", now=now, data=data)
    note(row, f"endpoint.{state.value}", actor=actor, now=now)


def resume(row: Endpoint, *, actor: str, now: datetime) -> None:
    """Inside a transaction: it is told again, at once, what waited. Raises InvalidInput."""
    if row.state == EndpointState.REMOVED:
        raise InvalidInput("WB-INPUT", "this endpoint is removed")
    fresh = {"state": EndpointState.ACTIVE.value, "failures": 0, "fault_text": None}
    update(row.id, **fresh, failing_since=None, resume_at=None)
    Delivery.update(next_at=now).where(
        (Delivery.endpoint_id == row.id) & (Delivery.state == "pending")
    ).execute()
    data = {
        "endpoint": row.id,
        "state": EndpointState.ACTIVE.value,
        "sentence": "It is told of events again.",
    }
    events.append(row.tenant_id, "endpoint.active", now=now, data=data)
    note(row, "endpoint.resumed", actor=actor, now=now)


def remove(safe: Safe, row: Endpoint, *, actor: str, now: datetime) -> None:
    """Inside a transaction: forget its secrets; what waited is dropped."""
    safe.destroy(row.id)
    update(row.id, state=EndpointState.REMOVED.value, removed_at=now)
    waiting = (Delivery.endpoint_id == row.id) & (Delivery.state == "pending")
    Delivery.update(state="dropped", next_at=None, ended_at=now).where(waiting).execute()
    note(row, "endpoint.removed", actor=actor, now=now)


# --- secrets ------------------------------------------------------------------------------------------


def secrets_of(safe: Safe, row: Endpoint, now: datetime) -> list[str]:
    """What is signed with, newest first: two while a rotation is under way. Raises VaultError."""
    document = safe.open(row, SIGNING)
    if not document or not document.get("secrets"):
        raise VaultError(f"this endpoint has no signing secret: wispbill endpoints rotate {row.id}")
    found = [str(secret) for secret in document["secrets"]]
    rotated_at = document.get("rotated_at")
    both = rotated_at is not None and now < from_micros(int(rotated_at)) + OVERLAP
    return found[:2] if both else found[:1]


def rotate(safe: Safe, row: Endpoint, secret: str, *, actor: str, now: datetime) -> None:
    """Inside a transaction: sign with a new secret, and for `OVERLAP` with the one before as well."""
    try:
        document = safe.open(row, SIGNING) or {"secrets": []}
    except VaultError:  # it does not open: this one takes its place
        document = {"secrets": []}
    kept = [secret, *document["secrets"]][:2]
    safe.put(row, SIGNING, {"secrets": kept, "rotated_at": to_micros(now)})
    note(row, "endpoint.rotated", actor=actor, now=now)


def settle(safe: Safe, row: Endpoint, *, actor: str, now: datetime) -> None:
    """Inside a transaction: only the newest secret signs from now on."""
    document = safe.open(row, SIGNING) or {"secrets": []}
    safe.put(row, SIGNING, {"secrets": document["secrets"][:1], "rotated_at": None})
    note(row, "endpoint.settled", actor=actor, now=now)


# --- one worker at a time -----------------------------------------------------------------------------


def claim(store: Store, endpoint_id: str, owner: str) -> Endpoint | None:
    """Take it, where nobody holds it and it is active."""

    def work() -> Endpoint | None:
        now = store.clock.now()
        until = Table.lease_until
        free = until.is_null() | (until < now) | (until > now + timedelta(hours=1))
        active = (Table.id == endpoint_id) & (Table.state == EndpointState.ACTIVE.value) & free
        taken = Table.update(lease_owner=owner, lease_until=now + LEASE).where(active).execute()
        return get(endpoint_id) if taken else None

    return store.write("endpoint.claim", work)


def keep(endpoint_id: str, owner: str, now: datetime) -> bool:
    """Inside a transaction: hold it for longer; False where somebody else has it meanwhile."""
    mine = (Table.id == endpoint_id) & (Table.lease_owner == owner)
    return bool(Table.update(lease_until=now + LEASE).where(mine).execute())


def release(store: Store, endpoint_id: str, owner: str) -> None:
    mine = (Table.id == endpoint_id) & (Table.lease_owner == owner)
    free = Table.update(lease_owner=None, lease_until=None).where(mine)
    store.write("endpoint.release", free.execute)


def drop_dead(store: Store, is_alive: Callable[[str], bool]) -> None:
    """Free what processes that no longer run left behind."""
    held = {row.lease_owner for row in Table.select(Table.lease_owner).distinct()}
    dead = [owner for owner in held if owner and not is_alive(owner)]
    if dead:
        free = Table.update(lease_owner=None, lease_until=None).where(Table.lease_owner.in_(dead))
        store.write("endpoint.drop", free.execute)
