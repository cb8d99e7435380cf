"""Grants: what a tenant consented to at a provider, and the tokens that live and die with it.

Who refreshes holds the row's lease. The columns say when the access token was got and when it ends, and
when the refresh token does (by idleness, or for good); the tokens themselves are sealed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import peewee as pw
from pydantic import SecretStr

from daemon.clock import Entropy
from daemon.errors import LeaseLost, NotFound, VaultError, WispbillError
from daemon.model import IntegrationState, ids
from daemon.store import audit, integrations, records
from daemon.store.database import Store
from daemon.store.leases import LEASE_S, LONGEST
from daemon.store.secrets import TOKENS, Safe
from daemon.store.tables import Grant, Integration

ACTIVE, DEAD, ENDED = "active", "dead", "ended"
"""It works; the provider says that it is worth nothing; nobody needs it and its tokens are destroyed."""

USED_SHARE = 0.8
"""Of an access token's life: a token that is older is refreshed before it is used."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The sealed set. `previous` is the refresh token that got this set: it stays until the new one has
    worked."""

    access: SecretStr
    refresh: SecretStr | None = None
    previous: SecretStr | None = None

    def document(self) -> dict[str, str | None]:
        return {
            "access": self.access.get_secret_value(),
            "refresh": self.refresh.get_secret_value() if self.refresh else None,
            "previous": self.previous.get_secret_value() if self.previous else None,
        }


@dataclass(frozen=True, slots=True)
class Life:
    """When the tokens end, counted from the moment before they were asked for."""

    asked_at: datetime
    access_expires_at: datetime
    refresh_expires_at: datetime | None
    hard_expires_at: datetime | None
    scopes: tuple[str, ...] = ()


def add(
    safe: Safe, app: records.App, tenant_id: str, tokens: Tokens, life: Life, *, actor: str, entropy: Entropy
) -> records.Grant:
    """Inside a transaction: a grant with its first tokens."""
    now = life.asked_at
    grant_id = ids.new_id(ids.GRANT, now, entropy)
    Grant.insert(
        id=grant_id,
        tenant_id=tenant_id,
        app_id=app.id,
        provider=app.provider,
        mode=app.mode,
        state=ACTIVE,
        scopes=list(life.scopes),
        refreshed_at=now,
        access_expires_at=life.access_expires_at,
        refresh_expires_at=life.refresh_expires_at,
        hard_expires_at=life.hard_expires_at,
        fence=0,
        created_at=now,
    ).execute()
    grant = get(grant_id)
    safe.put(grant, TOKENS, tokens.document())
    data = {"provider": app.provider, "app": app.id}
    audit.append(tenant_id, actor=actor, action="grant.added", subject=grant_id, data=data, now=now)
    return grant


def get(grant_id: str) -> records.Grant:
    """Raises NotFound."""
    found = records.Grant.first(Grant.id == grant_id)
    if found is None:
        raise NotFound("grant", grant_id)
    return found


def active() -> list[records.Grant]:
    return list(records.Grant.select(Grant.state == ACTIVE, order=Grant.id))


def by_ids(wanted: set[str]) -> dict[str, records.Grant]:
    found = records.Grant.select(Grant.id.in_(sorted(wanted))) if wanted else ()
    return {row.id: row for row in found}


def tokens(safe: Safe, grant: records.Grant) -> Tokens:
    """The sealed set, opened. Raises VaultError."""
    document = safe.open(grant, TOKENS)
    if document is None or not isinstance(document.get("access"), str):
        raise VaultError("the tokens of this grant are gone: wispbill integrations authorize")

    def kept(name: str) -> SecretStr | None:
        value = document.get(name)
        return SecretStr(value) if isinstance(value, str) else None

    return Tokens(SecretStr(document["access"]), kept("refresh"), kept("previous"))


def stale_at(grant: records.Grant) -> datetime:
    """From when on its access token is refreshed before use."""
    return grant.refreshed_at + (grant.access_expires_at - grant.refreshed_at) * USED_SHARE


def ends_at(grant: records.Grant) -> datetime | None:
    """When nothing but a new consent helps, unless it is refreshed before; None: no end is known."""
    known = [at for at in (grant.refresh_expires_at, grant.hard_expires_at) if at is not None]
    return min(known, default=None)


# --- the lease ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to refresh a grant, held by one thread of one process."""

    store: Store
    grant_id: str
    fence: int

    @property
    def mine(self) -> pw.Expression:
        held = (Grant.id == self.grant_id) & (Grant.fence == self.fence)
        return held & Grant.lease_owner.is_null(False)

    def write(self, **values: Any) -> None:
        """Inside a transaction: change the row, which must still be ours. Raises LeaseLost."""
        if not Grant.update(values).where(self.mine).execute():
            raise LeaseLost

    def mark(self) -> None:
        """Commit that a call is about to be made, before any byte leaves; the lease is renewed with it."""
        now = self.store.clock.now()
        until = now + timedelta(seconds=LEASE_S)
        self.store.write("grant.mark", lambda: self.write(refresh_started_at=now, lease_until=until))

    def release(self) -> None:
        """Give it back; harmless where it was given back, or lost."""
        free = Grant.update(lease_owner=None, lease_until=None).where(self.mine)
        self.store.write("grant.release", free.execute)


def claim(store: Store, grant_id: str, owner: str) -> Turn | None:
    """Take the turn if nobody has it (or its holder's time ran out); None otherwise."""

    def work() -> Turn | None:
        now = store.clock.now()
        until = Grant.lease_until
        free = until.is_null() | (until < now) | (until > now + LONGEST)
        values = {
            "lease_owner": owner,
            "lease_until": now + timedelta(seconds=LEASE_S),
            "fence": Grant.fence + 1,
        }
        if not Grant.update(values).where((Grant.id == grant_id) & free).execute():
            return None
        return Turn(store, grant_id, get(grant_id).fence)

    return store.write("grant.claim", work)


# --- what a refresh came to ---------------------------------------------------------------------------


def keep(safe: Safe, turn: Turn, fresh: Tokens, life: Life) -> None:
    """Inside a transaction: the new tokens and all that is known of their life, at once; gives the turn
    back. Raises LeaseLost."""
    grant = get(turn.grant_id)
    hard = life.hard_expires_at or grant.hard_expires_at
    refresh_ends = life.refresh_expires_at or grant.refresh_expires_at
    told, passed = grant.warned_days, _passed(hard, life.asked_at)
    told = max(told, passed) if told is not None and passed is not None else None
    safe.put(grant, TOKENS, fresh.document())
    turn.write(
        refreshed_at=life.asked_at,
        access_expires_at=life.access_expires_at,
        refresh_expires_at=refresh_ends,
        hard_expires_at=hard,
        scopes=list(life.scopes) or grant.scopes,
        refresh_started_at=None,
        warned_days=told,
        fault_code=None,
        fault_text=None,
        fault_at=None,
        lease_owner=None,
        lease_until=None,
    )


def note_fault(turn: Turn, error: WispbillError, now: datetime) -> None:
    """Inside a transaction: a refresh that came to nothing this time; gives the turn back."""
    fault = {"fault_code": error.code, "fault_text": error.message[:500], "fault_at": now}
    turn.write(**fault, lease_owner=None, lease_until=None)


def bury(turn: Turn, error: WispbillError, now: datetime) -> None:
    """Inside a transaction: the provider says that it is worth nothing. Every integration under it waits
    for a new consent, and its queue parks."""
    note_fault(turn, error, now)
    Grant.update(state=DEAD).where(Grant.id == turn.grant_id).execute()
    for row in integrations.under(turn.grant_id):
        park(row, error, now)


def park(row: records.Integration, error: WispbillError, now: datetime) -> None:
    """Inside a transaction. Who paused it keeps it paused; it asks for a new consent when it goes on."""
    waits = (IntegrationState.PAUSED, IntegrationState.REMOVED, IntegrationState.ERROR)
    if row.state in waits:
        return
    state = IntegrationState.NEEDS_RECONNECT
    integrations.set_state(row, state, now=now, code=error.code, text=error.message)


def has_unused(tenant_id: str, now: datetime) -> bool:
    """Whether `end_unused` would find something."""
    return bool(Grant.select(Grant.id).where(_unused(tenant_id, now)).exists())


def end_unused(safe: Safe, tenant_id: str, *, now: datetime) -> int:
    """Inside a transaction: destroy the tokens of the tenant's grants that serve no integration any more."""
    found = [row.id for row in Grant.select(Grant.id).where(_unused(tenant_id, now))]
    for grant_id in found:
        safe.destroy(grant_id)
        Grant.update(state=ENDED, ended_at=now).where(Grant.id == grant_id).execute()
    return len(found)


def _unused(tenant_id: str, now: datetime) -> pw.Expression:
    serving = Integration.select(Integration.grant_id).where(
        Integration.grant_id.is_null(False) & Integration.removed_at.is_null()
    )
    mine = (Grant.tenant_id == tenant_id) & (Grant.state != ENDED) & (Grant.created_at < now - YOUNG)
    return mine & Grant.id.not_in(serving)


def abandon(safe: Safe, grant_id: str, *, now: datetime) -> None:
    """Inside a transaction: destroy the tokens of a grant that came to nothing."""
    if not integrations.under(grant_id):
        safe.destroy(grant_id)
        Grant.update(state=ENDED, ended_at=now).where(Grant.id == grant_id).execute()


YOUNG = timedelta(minutes=30)
"""A grant whose account is still being chosen serves nobody yet."""


# --- warnings -----------------------------------------------------------------------------------------

WARN_DAYS = (30, 14, 7, 1)
UNRENEWED = timedelta(days=2)
"""A refresh token that is renewed each day is nothing to warn of, however short its life."""


def _passed(ends: datetime | None, now: datetime) -> int | None:
    """The nearest threshold, in days, that is passed on the way to an end."""
    passed = [days for days in WARN_DAYS if ends is not None and ends - now <= timedelta(days=days)]
    return passed[-1] if passed else None


def threatens(grant: records.Grant, now: datetime) -> int | None:
    """The threshold that is passed on the way to an end that no refresh moves, or that refreshes do not."""
    is_renewed = now - grant.refreshed_at < UNRENEWED
    return _passed(grant.hard_expires_at if is_renewed else ends_at(grant), now)


def due_warning(grant: records.Grant, now: datetime) -> int | None:
    """The threshold that is passed and was not told yet."""
    days = threatens(grant, now)
    if days is None or (grant.warned_days is not None and grant.warned_days <= days):
        return None
    return days


def warned(grant_id: str, days: int) -> bool:
    """Inside a transaction: note that this threshold is told; False where another daemon told it."""
    untold = Grant.warned_days.is_null() | (Grant.warned_days > days)
    return bool(Grant.update(warned_days=days).where((Grant.id == grant_id) & untold).execute())


def drop_dead_owners(store: Store, is_alive: Any) -> None:
    """Free the turns of processes that no longer run."""
    owners = {row.lease_owner for row in Grant.select(Grant.lease_owner).distinct()}
    dead = [owner for owner in owners if owner and not is_alive(owner)]
    if dead:
        values = {"lease_owner": None, "lease_until": None}
        store.write("grant.drop", Grant.update(values).where(Grant.lease_owner.in_(dead)).execute)
