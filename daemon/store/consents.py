"""Consents under way: a state that is used once and for ten minutes, and what came back with it.

The state itself stands in the browser only; here is its hash, and the PKCE verifier sealed.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

from daemon.clock import Entropy
from daemon.errors import InvalidInput
from daemon.model import Document, ids
from daemon.store import records
from daemon.store.secrets import VERIFIER, Safe
from daemon.store.tables import Consent

OPEN, TAKEN, CHOOSING, DONE, FAILED = "open", "taken", "choosing", "done", "failed"

LIFE = timedelta(minutes=10)
FORGOTTEN = timedelta(days=1)


def hashed(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()


def start(
    safe: Safe,
    app: records.App,
    state: str,
    verifier: str | None,
    *,
    tenant_id: str,
    customer_id: str | None,
    label: str,
    settings: Document,
    actor: str,
    now: datetime,
    entropy: Entropy,
    beside_id: str | None = None,
) -> records.Consent:
    """Inside a transaction. `beside_id`: what comes of it stands by that integration."""
    consent_id = ids.new_id(ids.CONSENT, now, entropy)
    Consent.insert(
        id=consent_id,
        state_hash=hashed(state),
        tenant_id=tenant_id,
        customer_id=customer_id,
        app_id=app.id,
        provider=app.provider,
        label=label,
        settings=settings,
        actor=actor,
        stage=OPEN,
        beside_id=beside_id,
        accounts=[],
        created_at=now,
        expires_at=now + LIFE,
    ).execute()
    consent = get(consent_id)
    if verifier is not None:
        safe.put(consent, VERIFIER, {"verifier": verifier})
    return consent


def get(consent_id: str) -> records.Consent:
    found = records.Consent.first(Consent.id == consent_id)
    if found is None:
        raise _unknown()
    return found


def take(provider: str | None, state: str, now: datetime) -> records.Consent:
    """Inside a transaction: use the state up. Raises InvalidInput where it is unknown, used or too old, or
    was given out for another `provider` (None: any)."""
    return _move(provider, state, OPEN, {"stage": TAKEN, "used_at": now}, now)


def take_choice(provider: str | None, state: str, now: datetime) -> records.Consent:
    """Inside a transaction: the choice among several accounts is being made, once at a time."""
    return _move(provider, state, CHOOSING, {"stage": TAKEN}, now)


def _move(
    provider: str | None, state: str, stage: str, values: dict[str, Any], now: datetime
) -> records.Consent:
    same = Consent.state_hash == hashed(state)
    if provider is not None:
        same &= Consent.provider == provider
    here = same & (Consent.stage == stage) & (Consent.expires_at > now)
    if not Consent.update(values).where(here).execute():
        raise _unknown()
    found = records.Consent.first(same)
    if found is None:
        raise _unknown()
    return found


def _unknown() -> InvalidInput:
    text = "this link is unknown, was used already, or is older than ten minutes; ask for a new one"
    return InvalidInput("WB-CONSENT-STATE", text)


def choosing(state: str, now: datetime) -> records.Consent:
    """One that waits for a choice. Raises InvalidInput."""
    here = (Consent.state_hash == hashed(state)) & (Consent.stage == CHOOSING) & (Consent.expires_at > now)
    found = records.Consent.first(here)
    if found is None:
        raise _unknown()
    return found


def verifier(safe: Safe, consent: records.Consent) -> str | None:
    """Raises VaultError."""
    document = safe.open(consent, VERIFIER)
    return None if document is None else str(document["verifier"])


def update(consent_id: str, **values: Any) -> None:
    """Inside a transaction."""
    Consent.update(values).where(Consent.id == consent_id).execute()


def forget_old(safe: Safe, now: datetime) -> int:
    """Inside a transaction: those of yesterday, and the verifiers of those that are over."""
    over = (Consent.stage != OPEN) | (Consent.expires_at <= now)
    for row in Consent.select(Consent.id).where(over):
        safe.destroy(row.id)
    return int(Consent.delete().where(Consent.created_at < now - FORGOTTEN).execute())
