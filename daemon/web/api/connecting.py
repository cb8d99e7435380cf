"""Connecting an account: credentials tested and sealed, or the link where its owner consents.

The connection test is the one call to a provider that a request makes; only a few run at once, so that a
provider that hangs holds up nobody else's request.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from daemon import app, connect
from daemon.errors import InvalidInput
from daemon.house import House
from daemon.model import AccountInfo, Document, IntegrationState, Mode
from daemon.providers import provider_class
from daemon.providers.base import Provider
from daemon.store import apps, audit, billing, integrations, records
from daemon.store.secrets import CREDENTIALS
from daemon.web.api import given, seen, shown
from daemon.web.api.pace import TooFast
from daemon.web.api.routing import Answer, Request

AT_ONCE = 2
AGAIN_S = 5
_testing = threading.BoundedSemaphore(AT_ONCE)


@contextmanager
def one_of_few() -> Iterator[None]:
    """Around what asks a provider; raises TooFast where enough do already."""
    if not _testing.acquire(blocking=False):
        raise TooFast(AGAIN_S, "other connections are being tested")
    try:
        yield
    finally:
        _testing.release()


def setup(request: Request, customer_id: str | None) -> Answer:
    """Of the customer's own integration, or of the tenant's default."""
    body = request.given(given.SetupGiven)
    kind = provider_class(body.provider)
    if kind.oauth is not None and (body.credentials is None or not kind.mints):
        return _consent(request, customer_id)
    there = integrations.at_place(request.tenant.id, customer_id)
    if there is not None:
        raise InvalidInput("WB-INTEGRATION-TAKEN", f"{there.provider} is connected there")
    if body.credentials is None:
        raise InvalidInput("WB-INPUT", "credentials: they are missing", field="credentials")
    mode = mode_of(kind.name, body.credentials, body.wanted_mode)
    adapter = request.house.providers.build(
        kind.name, body.credentials, settings=body.settings, mode=mode, base_url=None
    )
    account = tested(adapter)
    row = _stored(request, customer_id, body, kind, account)
    return Answer(seen.integration(request.house, row), 201, seen.version(row))


def rotate(request: Request, row: records.Integration) -> records.Integration:
    """Other credentials of the same account."""
    body = request.given(given.CredentialsGiven)
    document, settings = body.credentials, row.settings if body.settings is None else body.settings
    if row.grant_id is not None:
        raise InvalidInput("WB-INTEGRATION-STATE", "it works by consent: set it up again to renew that")
    mode = mode_of(row.provider, document, Mode(row.mode))
    adapter = request.house.providers.build(
        row.provider, document, settings=settings, mode=mode, base_url=row.base_url
    )
    account = tested(adapter)

    def work() -> None:
        integrations.hold(row.id)
        _insist_that_it_is_there(request, row)
        request.insist_on(seen.version(integrations.get(None, row.id)))
        integrations.tested(row, account, now=request.now, actor=request.actor)
        integrations.update(row.id, resume_at=None, settings=settings)
        request.house.safe.put(row, CREDENTIALS, document)
        data = {"account": account.account_id}
        note(request, row, "integration.rotated", data)

    request.write("integrations.rotate", work, wake="push")
    return integrations.get(None, row.id)


def test(request: Request, row: records.Integration) -> Answer:
    account = tested(request.house.providers(row), close=False)

    def work() -> None:
        _insist_that_it_is_there(request, row)
        integrations.tested(row, account, now=request.now, actor=request.actor)

    request.write("integrations.test", work, wake="push")
    row = integrations.get(None, row.id)
    return Answer(
        shown.TestShown(
            ok=not account.missing,
            account_id=account.account_id or None,
            account_name=account.name,
            mode=account.mode.value,
            currencies=list(account.currencies),
            missing_permissions=list(account.missing),
            notes=list(account.notes),
            integration=seen.integration(request.house, row),
        )
    )


def tested(adapter: Provider, *, close: bool = True) -> AccountInfo:
    """The connection test; raises RemoteError or TooFast. `close`: the adapter was built for this alone."""
    try:
        with one_of_few():
            return adapter.check()
    finally:
        if close:
            adapter.close()


def insist_on_same_hosts(row: records.Integration, settings: Document) -> None:
    """Raises InvalidInput where settings lead credentials that are here to a host that they were not given
    for: who may change settings need not know them."""
    if provider_class(row.provider).public and _hosts(settings) - _hosts(row.settings):
        raise InvalidInput(
            "WB-INTEGRATION-STATE", "settings: another host needs the credentials anew", field="settings"
        )


def _hosts(value: object) -> set[str]:
    """Of every address in a document, with scheme and port."""
    if isinstance(value, dict):
        return set().union(*map(_hosts, value.values()))
    if isinstance(value, list):
        return set().union(*map(_hosts, value))
    if isinstance(value, str) and "://" in value:
        return {value.strip().lower().partition("://")[2].partition("/")[0]}
    return set()


def mode_of(provider: str, document: Document, wanted: Mode | None) -> Mode:
    """The mode that the credentials are of, or the one wanted where they do not tell; raises InvalidInput."""
    found = app.read_credentials(provider, document).mode or wanted
    if found is None:
        raise InvalidInput(
            "WB-CREDENTIALS-MODE", "these credentials do not tell whether they are live", field="mode"
        )
    if wanted is not None and wanted is not found:
        raise InvalidInput(
            "WB-CREDENTIALS-MODE",
            f"these credentials are for {found.value}, and {wanted.value} was asked for",
            field="mode",
        )
    return found


def note(request: Request, row: records.Integration, action: str, data: Document) -> None:
    """Inside a transaction: who did what to the integration."""
    audit.append(
        row.tenant_id, actor=request.actor, action=action, subject=row.id, data=data, now=request.now
    )


# --- shared -------------------------------------------------------------------------------------------


def _consent(request: Request, customer_id: str | None) -> Answer:
    """Connected by the owner's consent: where to give it."""
    body = request.given(given.SetupGiven)
    if body.credentials is not None:
        raise InvalidInput("WB-INPUT", "credentials: it is connected by consent", field="credentials")
    kind = provider_class(body.provider)
    if body.settings:
        app.read_settings(kind.name, body.settings)
    link = connect.begin(
        request.house,
        apps.choose(kind.name, body.app),
        tenant_id=request.tenant.id,
        customer_id=customer_id,
        label=body.label or kind.label,
        settings=body.settings,
        actor=request.actor,
    )
    answer = shown.ConsentShown(consent_url=link.url, expires_at=link.expires_at)
    return Answer(answer, 202, kept=False)


def _stored(
    request: Request,
    customer_id: str | None,
    body: given.SetupGiven,
    kind: type[Provider],
    account: AccountInfo,
) -> records.Integration:
    house: House = request.house

    def work() -> records.Integration:
        there = integrations.at_place(request.tenant.id, customer_id)
        if there is not None:
            raise InvalidInput("WB-INTEGRATION-TAKEN", f"{there.provider} is connected there")
        row = integrations.add(
            tenant_id=request.tenant.id,
            customer_id=customer_id,
            provider=kind.name,
            mode=account.mode.value,
            label=body.label or kind.label,
            settings=body.settings,
            account=account,
            base_url=None,
            pace=house.settings.pull.pace,
            actor=request.actor,
            now=request.now,
            entropy=house.entropy,
        )
        house.safe.put(row, CREDENTIALS, dict(body.credentials or {}))
        return row

    row = billing.write_once(house.store, "api.integrations.add", work)
    house.wake("push")
    return row


def _insist_that_it_is_there(request: Request, row: records.Integration) -> None:
    """Inside a transaction: it may have been removed while the provider answered."""
    if integrations.get(request.tenant.id, row.id).state == IntegrationState.REMOVED:
        raise InvalidInput("WB-INTEGRATION-STATE", "it was removed meanwhile")
