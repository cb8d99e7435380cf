"""Connecting an account: credentials tested and sealed, or the link where its owner consents.

The connection test is the one call to a provider that a request makes; only a few run at once, so that a
provider that hangs holds up nobody else's request.
"""

from __future__ import annotations

from daemon import app, connect
from daemon.connect import accounts
from daemon.errors import InvalidInput
from daemon.model import AccountInfo, Document, Mode
from daemon.providers import provider_class
from daemon.providers.base import Provider
from daemon.store import apps, integrations, records
from daemon.web.api import given, seen, shown
from daemon.web.api.pace import Few
from daemon.web.api.routing import Answer, Request

AT_ONCE = 2
AGAIN_S = 5
one_of_few = Few(AT_ONCE, AGAIN_S, "other connections are being tested").one
"""Around what asks a provider."""


def setup(request: Request, customer_id: str | None) -> Answer:
    """Of the customer's own integration, or of the tenant's default."""
    body = request.given(given.SetupGiven)
    kind = provider_class(body.provider)
    if kind.oauth is not None and (body.credentials is None or not kind.mints):
        return _consent(request, customer_id)
    beside = _beside(request, customer_id, body)
    if body.credentials is None:
        raise InvalidInput("WB-INPUT", "credentials: they are missing", field="credentials")
    new, _adapter = new_account(request, customer_id, body)
    row = accounts.connect(request.house, new, actor=request.actor, beside=beside, check=_taken(beside))
    return Answer(seen.integration(request.house, row), 201, seen.version(row))


def new_account(
    request: Request, customer_id: str | None, body: given.SetupGiven
) -> tuple[accounts.NewAccount, Provider]:
    """An account, tested, with its (closed) adapter. Raises InvalidInput, RemoteError or TooFast."""
    kind = provider_class(body.provider)
    document = dict(body.credentials or {})
    mode = accounts.mode_of(app.read_credentials(kind.name, document), body.wanted_mode)
    adapter = request.house.providers.build(
        kind.name, document, settings=body.settings, mode=mode, base_url=None
    )
    account = tested(adapter)
    settings, label = body.settings, body.label or ""
    made = accounts.NewAccount(request.tenant.id, customer_id, kind, document, account, settings, label)
    return made, adapter


def rotate(request: Request, row: records.Integration) -> records.Integration:
    """Other credentials of the same account."""
    body = request.given(given.CredentialsGiven)
    settings = row.settings if body.settings is None else body.settings
    accounts.insist_on_keys(row)
    mode = accounts.mode_of(app.read_credentials(row.provider, body.credentials), Mode(row.mode))
    adapter = request.house.providers.build(
        row.provider, body.credentials, settings=settings, mode=mode, base_url=row.base_url
    )
    account = tested(adapter)
    return accounts.rotate(
        request.house,
        row,
        body.credentials,
        account,
        settings,
        actor=request.actor,
        check=unchanged(request),
    )


def unchanged(request: Request) -> accounts.Check:
    """As If-Match wants it."""
    return lambda row: request.insist_on(seen.version(row))


def test(request: Request, row: records.Integration) -> Answer:
    account = tested(request.house.providers(row), close=False)
    row = accounts.tested(request.house, row, account, actor=request.actor)
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
        beside=_beside(request, customer_id, body) if body.stands_by else None,
    )
    answer = shown.ConsentShown(consent_url=link.url, expires_at=link.expires_at)
    return Answer(answer, 202, kept=False)


def _beside(request: Request, customer_id: str | None, body: given.SetupGiven) -> records.Integration | None:
    """Which one it stands by; None where it is to serve. Raises InvalidInput where one serves already."""
    there = integrations.at_place(request.tenant.id, customer_id)
    if not body.stands_by:
        if there is not None:
            _taken(None)(there)
        return None
    if there is None:
        raise InvalidInput("WB-INTEGRATION-STATE", "standsBy: nothing serves there yet", field="standsBy")
    return there


def _taken(beside: records.Integration | None) -> accounts.Check:
    def check(there: records.Integration) -> None:
        if beside is None or there.id != beside.id:
            raise InvalidInput(
                "WB-INTEGRATION-TAKEN",
                f"{there.provider} is connected there; another account: set up with standsBy, then switch",
            )

    return check
