"""Our registrations at providers (OAuth clients). They belong to the platform: no tenant sees one."""

from __future__ import annotations

from datetime import datetime

from pydantic import SecretStr

from daemon.clock import Entropy
from daemon.errors import AppRefused, InvalidInput, NotFound, VaultError
from daemon.model import Document, IntegrationState, ids
from daemon.store import audit, integrations, records
from daemon.store.secrets import CLIENT_SECRET, Safe, quarantined
from daemon.store.tables import App, Grant


def add(
    *,
    provider: str,
    mode: str,
    client_id: str,
    redirect_uri: str,
    label: str,
    actor: str,
    now: datetime,
    entropy: Entropy,
) -> records.App:
    """Inside a transaction. Raises InvalidInput where this client is registered here already."""
    same = (App.provider == provider) & (App.mode == mode) & (App.client_id == client_id)
    for row in App.select(App.id).where(same & App.removed_at.is_null()):
        raise InvalidInput(
            "WB-INPUT", f"this client id is registered already, as {row.id}", field="client_id"
        )
    app_id = ids.new_id(ids.APP, now, entropy)
    App.insert(
        id=app_id,
        provider=provider,
        mode=mode,
        client_id=client_id,
        redirect_uri=redirect_uri,
        label=label,
        created_at=now,
    ).execute()
    note(app_id, "app.added", {"provider": provider, "mode": mode}, actor=actor, now=now)
    return get(app_id)


def note(app_id: str, action: str, data: Document, *, actor: str, now: datetime) -> None:
    """Inside a transaction: a row in the platform's own chain."""
    audit.append(audit.PLATFORM, actor=actor, action=action, subject=app_id, data=data, now=now)


def get(app_id: str) -> records.App:
    """Raises NotFound."""
    found = records.App.first(App.id == app_id)
    if found is None:
        raise NotFound("app", app_id)
    return found


def listing(*, removed: bool = False) -> list[records.App]:
    where = [] if removed else [App.removed_at.is_null()]
    return list(records.App.select(*where, order=App.id))


def choose(provider: str, app_id: str | None = None) -> records.App:
    """The named app, or the provider's only one. Raises NotFound or InvalidInput."""
    if app_id is not None:
        found = get(app_id)
        if found.removed_at is not None or found.provider != provider:
            raise NotFound(f"app for {provider}", app_id)
        return found
    there = [row for row in listing() if row.provider == provider]
    if not there:
        raise InvalidInput("WB-INPUT", f"there is no app for {provider}: wispbill apps add {provider}")
    if len(there) > 1:
        names = ", ".join(f"{row.id} ({row.mode})" for row in there)
        raise InvalidInput("WB-INPUT", f"there are several apps, name one with --app: {names}", field="app")
    return there[0]


def secret(safe: Safe, app: records.App) -> SecretStr:
    """Its client secret. Raises VaultError."""
    document = safe.open(app, CLIENT_SECRET)
    if document is None or not isinstance(document.get("client_secret"), str):
        raise VaultError(f"the app has no client secret: wispbill apps secret {app.id}")
    return SecretStr(document["client_secret"])


def replace_secret(
    safe: Safe, app: records.App, client_secret: SecretStr, *, now: datetime, actor: str
) -> None:
    """Inside a transaction: seal a new client secret; what waited for one goes on."""
    healed = {(IntegrationState.NEEDS_RECONNECT.value, AppRefused.code)}
    if app.id in quarantined():
        healed.add((IntegrationState.ERROR.value, VaultError.code))
    safe.put(app, CLIENT_SECRET, {"client_secret": client_secret.get_secret_value()})
    note(app.id, "app.secret_replaced", {}, actor=actor, now=now)
    for row in integrations.of_app(app.id):
        if (row.state, row.fault_code) in healed:
            integrations.set_state(row, IntegrationState.ACTIVE, now=now, actor=actor)
            integrations.update(row.id, resume_at=None)


def remove(safe: Safe, app: records.App, *, now: datetime, actor: str) -> None:
    """Inside a transaction: forget it and its secrets. Raises InvalidInput while an integration needs it."""
    needing = integrations.of_app(app.id)
    if needing:
        raise InvalidInput("WB-INPUT", f"{needing[0].id} works under it; remove or reconnect that first")
    for row in Grant.select(Grant.id).where(Grant.app_id == app.id):
        safe.destroy(row.id)
    safe.destroy(app.id)
    App.update(removed_at=now).where(App.id == app.id).execute()
    note(app.id, "app.removed", {}, actor=actor, now=now)
