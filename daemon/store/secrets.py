"""Sealed credentials: blobs bound to their row, written by compare-and-swap, opened by the vault alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol, cast

import peewee as pw
import structlog

from daemon.errors import InvalidInput, StoreError, VaultError
from daemon.model import Document, IntegrationState, ids
from daemon.settings import Settings
from daemon.store import events, integrations, meta, records
from daemon.store.database import Store
from daemon.store.tables import Secret, VaultKey
from daemon.vault import MasterKeys, Vault

log = structlog.get_logger()

CREDENTIALS, WEBHOOK = "credentials", "webhook"
"""The fields: what the adapter is built from; the webhook secrets now valid, newest first."""

TOKENS, CLIENT_SECRET, VERIFIER = "tokens", "client_secret", "verifier"
"""Of a grant, or of credentials that mint; of an app; of a consent under way (PKCE)."""

DRAFT = "draft"
"""Of a browser's session: keys that were tested there and not saved yet."""

DRAFTS_KEPT = timedelta(hours=1)


class Owner(Protocol):
    """Whose a secret is: an integration, an app (its tenant is `*`), a grant, a consent."""

    @property
    def id(self) -> str: ...

    @property
    def tenant_id(self) -> str: ...

    @property
    def provider(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Sealed:
    """A secret as it is stored, to be swapped against."""

    id: int
    tenant_id: str
    owner_id: str
    provider: str
    field: str
    blob: bytes


class Safe:
    """Opens and seals the secrets of their owners. Plain values never leave as text: JSON documents
    whose secrets the caller wraps in SecretStr at once."""

    def __init__(self, store: Store, vault: Vault, *, source: Callable[[], MasterKeys] | None = None) -> None:
        """`source` reads the key file again, where a key is met that is not at hand."""
        self._store = store
        self._source = source
        self.vault = vault

    def refresh(self, settings: Settings, environ: Mapping[str, str]) -> None:
        """SIGHUP: read the key file again. What is wrong with it is logged; the keys at hand stay."""
        self._source = partial(MasterKeys.load, settings, environ)
        self._reread()

    def announce(self) -> None:
        """By the daemon: write down which keys it has at hand."""
        ids = self.vault.key_ids()
        self._store.write("vault.announce", lambda: meta.put(meta.KEYS, ids))

    def _reread(self) -> None:
        if self._source is None:
            return
        known = {key_id: check for key_id, check, _active, _since in keys()}
        try:
            self.vault.learn(self._source(), known)
        except (InvalidInput, VaultError) as error:
            log.error("vault.not_reread", code=error.code, text=error.message)
            return
        now = self._store.clock.now()
        new = [key_id for key_id in self.vault.key_ids() if key_id not in known]

        def note() -> None:
            for key_id in new:
                note_key(key_id, self.vault.check_value(key_id), active=False, now=now)
            meta.put(meta.KEYS, self.vault.key_ids())

        self._store.write("vault.reread", note)
        log.info("vault.reread", key_ids=self.vault.key_ids())

    def open(self, owner: Owner, field: str) -> Document | None:
        """The document, or None where there is none. Raises VaultError where it does not open, after
        the row was quarantined; a key that is not at hand is no fault of the row."""
        sealed = _find(owner.id, field)
        if sealed is None:
            return None
        if self._lacks_key(sealed):
            self._reread()
        try:
            return dict(json.loads(self._open(sealed)))
        except VaultError:
            if not self._lacks_key(sealed):
                self._store.write("vault.quarantine", lambda: quarantine(sealed.id, self._store.clock.now()))
            raise

    def _lacks_key(self, sealed: Sealed) -> bool:
        try:
            return not self.vault.has(self.vault.key_id(sealed.blob))
        except VaultError:
            return False

    def stamp(self, owner_id: str, field: str) -> datetime | None:
        """When it was last written, by whichever process; None where there is none."""
        same = (Secret.owner_id == owner_id) & (Secret.field == field)
        return next((row.updated_at for row in Secret.select(Secret.updated_at).where(same)), None)

    def put(self, owner: Owner, field: str, document: Document) -> None:
        """Inside a transaction: seal and store, in place of exactly what is there now. Raises StoreError
        where somebody else wrote it meanwhile."""
        now = self._store.clock.now()
        old = _find(owner.id, field)
        blob = self._seal(owner, field, document)
        values = {"blob": blob, "key_id": self.vault.key_id(blob), "updated_at": now, "quarantined_at": None}
        if old is None:
            place = {"tenant_id": owner.tenant_id, "owner_id": owner.id, "provider": owner.provider}
            Secret.insert(**place, field=field, **values).execute()
            return
        same = (Secret.id == old.id) & (Secret.blob == old.blob)
        if not Secret.update(values).where(same).execute():
            raise StoreError("WB-DB-LOCKED", "the credentials were changed by somebody else; look again")

    def destroy(self, owner_id: str) -> None:
        """Inside a transaction: forget every secret of this owner."""
        Secret.delete().where(Secret.owner_id == owner_id).execute()

    def reseal(self, sealed: Sealed) -> bool:
        """Inside a transaction: the same plain text under the active key; False where the row changed
        meanwhile. Raises VaultError where it does not open."""
        plain = self._open(sealed)
        blob = self.vault.seal(
            plain,
            tenant=sealed.tenant_id,
            provider=sealed.provider,
            account=sealed.owner_id,
            record=sealed.owner_id,
            field=sealed.field,
        )
        same = (Secret.id == sealed.id) & (Secret.blob == sealed.blob)
        return bool(
            Secret.update(blob=blob, key_id=self.vault.key_id(blob), updated_at=self._store.clock.now())
            .where(same)
            .execute()
        )

    def _seal(self, owner: Owner, field: str, document: Document) -> bytes:
        """Under the key that the database calls active: another process may have rotated."""
        active = active_key()
        if active is not None and self.vault.has(active):
            self.vault.activate(active)
        return self.vault.seal(
            json.dumps(document).encode(),
            tenant=owner.tenant_id,
            provider=owner.provider,
            account=owner.id,
            record=owner.id,
            field=field,
        )

    def _open(self, sealed: Sealed) -> bytes:
        return self.vault.open(
            sealed.blob,
            tenant=sealed.tenant_id,
            provider=sealed.provider,
            account=sealed.owner_id,
            record=sealed.owner_id,
            field=sealed.field,
        )


def quarantine(secret_id: int, now: datetime) -> None:
    """Inside a transaction."""
    Secret.update(quarantined_at=now).where(Secret.id == secret_id).execute()


def give_up(sealed: Sealed, error: VaultError, *, now: datetime) -> None:
    """Inside a transaction: quarantine a blob that does not open and stop the integrations that need it,
    which say so; the others go on."""
    quarantine(sealed.id, now)
    for integration in _needing(sealed.owner_id):
        integrations.set_state(
            integration, IntegrationState.ERROR, now=now, code=error.code, text=error.message
        )
        events.append(
            integration.tenant_id,
            "credential.quarantined",
            now=now,
            integration_id=integration.id,
            data={"sentence": "A sealed credential does not open; give the credentials again."},
        )


def lose(key_id: int, *, now: datetime) -> list[str]:
    """Inside a transaction: give up what only a lost key opens. What needs it stops and asks for it again;
    returns the ids of integrations, and of apps whose secrets are gone."""
    rows = Secret.select(Secret.owner_id).where(Secret.key_id == key_id).distinct()
    owners = {row.owner_id for row in rows}
    stopped = {row.id: row for owner in sorted(owners) for row in _needing(owner)}
    text = f"Master key {key_id} was lost, and the credentials with it; give them again."
    for integration in stopped.values():
        integrations.set_state(integration, IntegrationState.ERROR, now=now, code=VaultError.code, text=text)
    Secret.delete().where(Secret.key_id == key_id).execute()
    forget_key(key_id)
    kept = {owner for owner in owners if kind_of(owner) in (ids.INTEGRATION, ids.APP)}
    return sorted(stopped.keys() | kept)


def _needing(owner_id: str) -> list[records.Integration]:
    """The integrations that cannot work without the secrets of this owner; removed ones need nothing."""
    match kind_of(owner_id):
        case ids.INTEGRATION:
            found = [integrations.get(None, owner_id)]
        case ids.GRANT:
            found = integrations.under(owner_id)
        case ids.APP:
            found = integrations.of_app(owner_id)
        case _:
            found = []
    return [row for row in found if row.state != IntegrationState.REMOVED]


def kind_of(owner_id: str) -> str:
    """The prefix that tells what an owner is."""
    return owner_id.partition("_")[0]


def quarantined() -> list[str]:
    """Ids of owners with a secret that does not open."""
    rows = Secret.select(Secret.owner_id).where(Secret.quarantined_at.is_null(False)).distinct()
    return sorted(row.owner_id for row in rows)


def not_under(key_id: int, *, limit: int) -> list[Sealed]:
    """Secrets sealed under other keys than this one, that can still be opened."""
    return list(_sealed((Secret.key_id != key_id) & Secret.quarantined_at.is_null(), limit=limit))


def count_by_key() -> dict[int, int]:
    query = Secret.select(Secret.key_id, pw.fn.COUNT(Secret.id)).group_by(Secret.key_id)
    return dict(cast("Iterator[tuple[int, int]]", iter(query.tuples())))


def everything() -> Iterator[Sealed]:
    return _sealed(Secret.quarantined_at.is_null(), limit=None)


def _find(owner_id: str, field: str) -> Sealed | None:
    same = (Secret.owner_id == owner_id) & (Secret.field == field)
    return next(_sealed(same, limit=1), None)


def _sealed(where: object, *, limit: int | None) -> Iterator[Sealed]:
    query = Secret.select().where(where).order_by(Secret.id)
    rows: Iterable[Secret] = query.limit(limit) if limit else query
    for row in rows:
        yield Sealed(row.id, row.tenant_id, row.owner_id, row.provider, row.field, bytes(row.blob))


# --- key ring -----------------------------------------------------------------------------------------


def keys() -> list[tuple[int, str, bool, datetime]]:
    """Every key that this database knows: id, check value, whether it seals, since when."""
    return [(k.id, k.check_value, k.active, k.created_at) for k in VaultKey.select().order_by(VaultKey.id)]


def active_key() -> int | None:
    """The key that seals."""
    row = VaultKey.get_or_none(VaultKey.active)
    return None if row is None else int(row.id)


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


def forget_drafts(now: datetime) -> int:
    """Inside a transaction: what was tested and never saved."""
    old = (Secret.field == DRAFT) & (Secret.updated_at <= now - DRAFTS_KEPT)
    return int(Secret.delete().where(old).execute())
