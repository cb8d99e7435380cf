"""Sealed credentials: blobs bound to their row, written by compare-and-swap, opened by the vault alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from daemon.errors import StoreError, VaultError
from daemon.model import Document
from daemon.store import records
from daemon.store.database import Store
from daemon.store.tables import Integration, Secret, VaultKey
from daemon.vault import Vault

CREDENTIALS, WEBHOOK = "credentials", "webhook"
"""The fields: what the adapter is built from; the webhook secrets now valid, newest first."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A secret as it is stored, to be swapped against."""

    id: int
    tenant_id: str
    integration_id: str
    provider: str
    field: str
    blob: bytes


class Safe:
    """Opens and seals the secrets of integrations. Plain values never leave as text: JSON documents
    whose secrets the caller wraps in SecretStr at once."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self.vault = vault

    def open(self, integration: records.Integration, field: str) -> Document | None:
        """The document, or None where there is none. Raises VaultError where it does not open, after
        the row was quarantined."""
        sealed = _find(integration, field)
        if sealed is None:
            return None
        try:
            return dict(json.loads(self._open(sealed)))
        except VaultError:
            self._store.write("vault.quarantine", lambda: quarantine(sealed.id, self._store.clock.now()))
            raise

    def put(self, integration: records.Integration, field: str, document: Document) -> None:
        """Inside a transaction: seal and store, in place of exactly what is there now. Raises StoreError
        where somebody else wrote it meanwhile."""
        now = self._store.clock.now()
        old = _find(integration, field)
        blob = self._seal(integration, field, document)
        values = {"blob": blob, "key_id": self.vault.key_id(blob), "updated_at": now, "quarantined_at": None}
        if old is None:
            Secret.insert(
                tenant_id=integration.tenant_id, integration_id=integration.id, field=field, **values
            ).execute()
            return
        same = (Secret.id == old.id) & (Secret.blob == old.blob)
        if not Secret.update(values).where(same).execute():
            raise StoreError("WB-DB-LOCKED", "the credentials were changed by somebody else; look again")

    def destroy(self, integration_id: str) -> None:
        """Inside a transaction: forget every secret of this integration."""
        Secret.delete().where(Secret.integration_id == integration_id).execute()

    def reseal(self, sealed: Sealed) -> bool:
        """Inside a transaction: the same plain text under the active key; False where the row changed
        meanwhile. Raises VaultError where it does not open."""
        plain = self._open(sealed)
        blob = self.vault.seal(
            plain,
            tenant=sealed.tenant_id,
            provider=sealed.provider,
            account=sealed.integration_id,
            record=sealed.integration_id,
            field=sealed.field,
        )
        same = (Secret.id == sealed.id) & (Secret.blob == sealed.blob)
        return bool(
            Secret.update(blob=blob, key_id=self.vault.key_id(blob), updated_at=self._store.clock.now())
            .where(same)
            .execute()
        )

    def _seal(self, integration: records.Integration, field: str, document: Document) -> bytes:
        return self.vault.seal(
            json.dumps(document).encode(),
            tenant=integration.tenant_id,
            provider=integration.provider,
            account=integration.id,
            record=integration.id,
            field=field,
        )

    def _open(self, sealed: Sealed) -> bytes:
        return self.vault.open(
            sealed.blob,
            tenant=sealed.tenant_id,
            provider=sealed.provider,
            account=sealed.integration_id,
            record=sealed.integration_id,
            field=sealed.field,
        )


def quarantine(secret_id: int, now: datetime) -> None:
    """Inside a transaction."""
    Secret.update(quarantined_at=now).where(Secret.id == secret_id).execute()


def not_under(key_id: int, *, limit: int) -> list[Sealed]:
    """Secrets sealed under other keys than this one, that can still be opened."""
    return list(_sealed((Secret.key_id != key_id) & Secret.quarantined_at.is_null(), limit=limit))


def count_by_key() -> dict[int, int]:
    counts: dict[int, int] = {}
    for row in Secret.select(Secret.key_id):
        counts[row.key_id] = counts.get(row.key_id, 0) + 1
    return counts


def everything() -> Iterator[Sealed]:
    return _sealed(Secret.quarantined_at.is_null(), limit=None)


def _find(integration: records.Integration, field: str) -> Sealed | None:
    same = (Secret.integration_id == integration.id) & (Secret.field == field)
    return next(_sealed(same, limit=1), None)


def _sealed(where: object, *, limit: int | None) -> Iterator[Sealed]:
    query = (
        Secret.select(Secret, Integration.provider)
        .join(Integration, on=(Secret.integration_id == Integration.id), attr="integration")
        .where(where)
        .order_by(Secret.id)
    )
    for row in query.limit(limit) if limit else query:
        yield Sealed(
            row.id,
            row.tenant_id,
            row.integration_id,
            row.integration.provider,
            row.field,
            bytes(row.blob),
        )


# --- key ring -----------------------------------------------------------------------------------------


def keys() -> list[tuple[int, str, bool, datetime]]:
    """Every key that this database knows: id, check value, whether it seals, since when."""
    return [(k.id, k.check_value, k.active, k.created_at) for k in VaultKey.select().order_by(VaultKey.id)]


def note_key(key_id: int, check_value: str, *, active: bool, now: datetime) -> None:
    """Inside a transaction: remember a key by its check value; the active one seals from now on."""
    if active:
        VaultKey.update(active=False).execute()
    VaultKey.insert(id=key_id, check_value=check_value, active=active, created_at=now).on_conflict(
        conflict_target=[VaultKey.id], update={VaultKey.active: active}
    ).execute()


def forget_key(key_id: int) -> None:
    """Inside a transaction."""
    VaultKey.delete().where(VaultKey.id == key_id).execute()
