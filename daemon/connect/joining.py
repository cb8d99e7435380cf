"""What comes back from the provider: code for tokens, tokens for accounts, an account for an integration.

1. The state is used up, and committed, before anything is sent: a code is never exchanged twice.
2. The tokens are stored before they are used; from there on the grant is like any other.
3. One account: the connection test, then the integration is added, or reconnected where it is of this very
   account. Several: a choice. Another account than the one connected here is refused.

Tokens of a consent that came to nothing are destroyed here and not revoked there: at Xero that would end
the user's other connections to the same app.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from daemon.connect.asking import desk_of, in_place
from daemon.errors import InvalidInput, Rejected, WispbillError
from daemon.house import House
from daemon.model import AccountInfo, Document, IntegrationState, Mode
from daemon.providers.oauth import Consented, OAuth
from daemon.store import apps, audit, consents, grants, integrations, records
from daemon.store.consents import CHOOSING, DONE, FAILED
from daemon.store.grants import Tokens
from daemon.store.secrets import CREDENTIALS
from daemon.tokens import life_of

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Connected:
    """`is_new`: added, else reconnected. `missing` are permissions that the connection test found lacking."""

    integration: records.Integration
    is_new: bool

    @property
    def missing(self) -> list[str]:
        return self.integration.test_missing


@dataclass(frozen=True, slots=True)
class Choice:
    """The consent covers several accounts; `finish` with this state and one of them."""

    state: str
    accounts: tuple[Consented, ...]


def answer(house: House, provider: str | None, query: Mapping[str, str]) -> Connected | Choice:
    """Take what the browser was sent back with (`provider` None: whichever the state was for). Raises
    InvalidInput (the state; consent denied; another account), RemoteError, VaultError or StoreError; the
    state is used up either way."""
    state, now = query.get("state", ""), house.clock.now()
    consent = house.store.write("grant.answered", lambda: consents.take(provider, state, now))
    try:
        app = apps.get(consent.app_id)
        oauth = desk_of(house).oauth(app)
        consent = _exchanged(house, consent, app, oauth, query)
        accounts = _accounts(house, consent, oauth, query)
        chosen = _chosen(consent, accounts)
        if chosen is None:
            return _ask(house, consent, state)
        return _join(house, consent, oauth, chosen)
    except WispbillError as error:
        _fail(house, consent, error)
        raise


def finish(house: House, state: str, account_id: str, provider: str | None = None) -> Connected:
    """Connect the account that was chosen. Raises as `answer`; a wrong choice may be made again."""
    now = house.clock.now()
    chosen = _offered(consents.choosing(state, now), account_id)
    consent = house.store.write("grant.chosen", lambda: consents.take_choice(provider, state, now))
    try:
        oauth = desk_of(house).oauth(apps.get(consent.app_id))
        return _join(house, consent, oauth, chosen)
    except WispbillError as error:
        _fail(house, consent, error)
        raise


def _offered(consent: records.Consent, account_id: str) -> Consented:
    for account in consent.accounts:
        if account["id"] == account_id:
            return Consented(account["id"], account["name"])
    raise InvalidInput("WB-CONSENT-CHOICE", "this consent covers no such account", field="account")


def _fail(house: House, consent: records.Consent, error: WispbillError) -> None:
    log.warning("grant.not_connected", provider=consent.provider, tenant=consent.tenant_id, code=error.code)

    def work() -> None:
        fault = {"fault_code": error.code, "fault_text": error.message[:500]}
        consents.update(consent.id, stage=FAILED, **fault)
        house.safe.destroy(consent.id)
        if consent.grant_id:
            grants.abandon(house.safe, consent.grant_id, now=house.clock.now())

    house.store.write("grant.failed", work)


# --- tokens -------------------------------------------------------------------------------------------


def _exchanged(
    house: House, consent: records.Consent, app: records.App, oauth: OAuth, query: Mapping[str, str]
) -> records.Consent:
    """The code for tokens, stored as a grant. Raises InvalidInput where consent was not given."""
    if query.get("error") or not query.get("code"):
        raise InvalidInput("WB-CONSENT-DENIED", "the provider says that consent was not given")
    verifier, asked_at = consents.verifier(house.safe, consent), house.clock.now()
    tokens = oauth.exchange(query["code"], verifier)
    life = life_of(tokens, asked_at, oauth)

    def work() -> records.Consent:
        held = Tokens(tokens.access, tokens.refresh)
        grant = grants.add(
            house.safe, app, consent.tenant_id, held, life, actor=consent.actor, entropy=house.entropy
        )
        consents.update(consent.id, grant_id=grant.id)
        return consents.get(consent.id)

    return house.store.write("grant.consented", work)


def _accounts(
    house: House, consent: records.Consent, oauth: OAuth, query: Mapping[str, str]
) -> tuple[Consented, ...]:
    """What the consent covers, noted down. Raises Rejected where it covers nothing."""
    access = desk_of(house).keeper(str(consent.grant_id)).access()
    accounts = tuple(oauth.accounts(access, query))
    if not accounts:
        raise Rejected("the consent covers no account", party=consent.provider)
    listed = [{"id": account.account_id, "name": account.name} for account in accounts]
    house.store.write("grant.accounts", lambda: consents.update(consent.id, accounts=listed))
    return accounts


def _chosen(consent: records.Consent, accounts: Sequence[Consented]) -> Consented | None:
    """The account that is meant; None: somebody must say. Raises InvalidInput where the account that is
    connected here is not among them."""
    there = _there(consent)
    if there is None or not there.account_id:
        return accounts[0] if len(accounts) == 1 else None
    for account in accounts:
        if account.account_id == there.account_id:
            return account
    raise InvalidInput(
        "WB-ACCOUNT-DIFFERS",
        f"the consent is for {accounts[0].name}, the integration {there.id} is {there.account_name}'s; "
        f"to put another account in its place: wispbill integrations switch {there.id}",
    )


def _there(consent: records.Consent) -> records.Integration | None:
    return in_place(consent.tenant_id, consent.customer_id, consent.beside_id)


def _ask(house: House, consent: records.Consent, state: str) -> Choice:
    until = house.clock.now() + consents.LIFE
    house.store.write("grant.choice", lambda: consents.update(consent.id, stage=CHOOSING, expires_at=until))
    offered = consents.get(consent.id).accounts
    return Choice(state, tuple(Consented(account["id"], account["name"]) for account in offered))


# --- the integration ----------------------------------------------------------------------------------


def _join(house: House, consent: records.Consent, oauth: OAuth, account: Consented) -> Connected:
    """Test the connection, then add the integration, or give it its new grant."""
    there = _there(consent)
    settings = consent.settings or (there.settings if there else {})
    document = oauth.credentials(account)
    info = _tested(house, consent, oauth, account, document, settings)

    def work() -> records.Integration:
        row = _reconnected(house, there, info, consent) if there else _added(house, info, consent)
        house.safe.put(row, CREDENTIALS, document)
        integrations.update(row.id, grant_id=consent.grant_id, settings=settings, resume_at=None)
        _bring_along(consent, row.id, house)
        consents.update(consent.id, stage=DONE, integration_id=row.id)
        house.safe.destroy(consent.id)
        grants.end_unused(house.safe, consent.tenant_id, now=house.clock.now())
        return integrations.get(None, row.id)

    row = house.store.write("grant.connected", work)
    log.info("grant.connected", integration=row.id, provider=row.provider, is_new=there is None)
    house.wake("push")
    return Connected(row, is_new=there is None)


def _tested(
    house: House,
    consent: records.Consent,
    oauth: OAuth,
    account: Consented,
    document: Document,
    settings: Document,
) -> AccountInfo:
    """Raises InvalidInput where the account that answers is another one."""
    adapter = house.providers.build(
        consent.provider,
        document,
        settings=settings,
        mode=Mode(oauth.app.mode),
        base_url=None,
        tokens=desk_of(house).keeper(str(consent.grant_id)),
    )
    try:
        info = adapter.check()
    finally:
        adapter.close()
    if info.account_id != account.account_id:
        raise InvalidInput(
            "WB-ACCOUNT-DIFFERS", f"the consent is for {account.account_id}, {info.account_id} answers"
        )
    return info


def _added(house: House, info: AccountInfo, consent: records.Consent) -> records.Integration:
    beside = consent.beside_id
    return integrations.add(
        tenant_id=consent.tenant_id,
        customer_id=consent.customer_id,
        provider=consent.provider,
        mode=info.mode.value,
        label=consent.label,
        settings=consent.settings,
        account=info,
        base_url=None,
        pace=house.settings.pull.pace,
        actor=consent.actor,
        now=house.clock.now(),
        entropy=house.entropy,
        beside=integrations.get(consent.tenant_id, beside) if beside else None,
    )


def _reconnected(
    house: House, row: records.Integration, info: AccountInfo, consent: records.Consent
) -> records.Integration:
    now = house.clock.now()
    integrations.tested(row, info, now=now, actor=consent.actor)
    data = {"account": info.account_id, "grant": consent.grant_id}
    audit.append(
        row.tenant_id,
        actor=consent.actor,
        action="integration.reconnected",
        subject=row.id,
        data=data,
        now=now,
    )
    return row


def _bring_along(consent: records.Consent, joined_id: str, house: House) -> None:
    """One consent may cover several integrations of the tenant: those that wait for one go on with it."""
    covered = {account["id"] for account in consents.get(consent.id).accounts}
    for row in integrations.of_app(consent.app_id):
        waits = row.state == IntegrationState.NEEDS_RECONNECT and row.account_id in covered
        if waits and row.tenant_id == consent.tenant_id and row.id != joined_id:
            integrations.update(row.id, grant_id=consent.grant_id, resume_at=None)
            integrations.set_state(row, IntegrationState.ACTIVE, now=house.clock.now(), actor=consent.actor)
