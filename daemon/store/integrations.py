"""Integrations: one account at one provider, of a customer or as the tenant's default."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import peewee as pw

from daemon.clock import Entropy
from daemon.errors import InvalidInput, NotFound
from daemon.model import RUNNING, AccountInfo, Document, IntegrationState, SyncState
from daemon.model.ids import INTEGRATION, new_id
from daemon.model.states import Duty
from daemon.store import audit, events, leases, plain, receipts, records
from daemon.store.tables import Grant, Hint, Integration, Link, Secret

S = IntegrationState


def add(
    *,
    tenant_id: str,
    customer_id: str | None,
    provider: str,
    mode: str,
    label: str,
    settings: Document,
    account: AccountInfo | None,
    base_url: str | None,
    pace: str,
    actor: str,
    now: datetime,
    entropy: Entropy,
    beside: records.Integration | None = None,
) -> records.Integration:
    """Inside a transaction. Raises InvalidInput where the account is connected already, or where the
    tenant (or this customer) has an integration that serves. `beside` that one it stands by, until the
    two are switched, with its sync settings."""
    duty = Duty.SERVES if beside is None else Duty.STANDS_BY
    _refuse_second(tenant_id, customer_id, duty)
    if account is not None and account.account_id:
        refuse_taken_account(provider, mode, account.account_id)
    integration_id = new_id(INTEGRATION, now, entropy)
    Integration.insert(
        id=integration_id,
        tenant_id=tenant_id,
        customer_id=customer_id,
        provider=provider,
        mode=mode,
        label=label,
        state=(_working(duty) if account is not None and not account.missing else S.TESTING).value,
        account_id=(account.account_id or None) if account else None,
        account_name=account.name if account else None,
        settings=settings,
        create_automatically=beside.create_automatically if beside else True,
        pull_status=beside.pull_status if beside else True,
        pace=beside.pace if beside else pace,
        approved=customer_id is None,
        base_url=base_url,
        next_poll_at=now,
        tested_at=now if account else None,
        test_missing=list(account.missing) if account else [],
        budget={},
        breaker={},
        fence=0,
        duty=duty.value,
        follows_id=beside.id if beside else None,
        created_at=now,
    ).execute()
    audit.append(
        tenant_id,
        actor=actor,
        action="integration.added",
        subject=integration_id,
        data={"provider": provider, "mode": mode, "account": account.account_id if account else None},
        now=now,
    )
    return get(tenant_id, integration_id)


def _refuse_second(tenant_id: str, customer_id: str | None, duty: Duty) -> None:
    for row in listing(tenant_id):
        if row.customer_id != customer_id or row.duty != duty:
            continue
        if duty is Duty.STANDS_BY:
            raise InvalidInput(
                "WB-INPUT",
                f"{row.id} stands by there already: wispbill integrations remove {row.id} makes room",
            )
        way = f"authorize {row.provider}" if row.grant_id else f"rotate {row.id}"
        raise InvalidInput(
            "WB-INPUT",
            f"there is an integration already: wispbill integrations {way} replaces its credentials, "
            f"wispbill integrations switch {row.id} puts another account in its place",
        )


def refuse_taken_account(provider: str, mode: str, account_id: str) -> None:
    """One provider account serves once: raises InvalidInput where it is connected."""
    same = Integration.select().where(
        (Integration.provider == provider)
        & (Integration.mode == mode)
        & (Integration.account_id == account_id)
        & Integration.removed_at.is_null()
    )
    if same.exists():
        raise InvalidInput("WB-ACCOUNT-TAKEN", "this provider account is already connected")


def get(tenant_id: str | None, name: str) -> records.Integration:
    """By our id, within the tenant (None: the daemon itself asks); raises NotFound."""
    where = Integration.id == name
    found = records.Integration.first(
        where if tenant_id is None else where & (Integration.tenant_id == tenant_id)
    )
    if found is None:
        raise NotFound("integration", name)
    return found


def at_address(customer_id: str, provider: str) -> list[records.Integration]:
    """What a customer's webhook address means: the active integration, and those that still drain."""
    where = (Integration.customer_id == customer_id) & (Integration.provider == provider) & running()
    return list(records.Integration.select(where, order=(Integration.state, Integration.id)))


def serving(tenant_id: str, customer_id: str) -> records.Integration | None:
    """Where this customer's next invoice goes: its own approved integration, else the tenant's default,
    else nowhere yet. One that stands by or leaves takes no new invoices."""
    return serving_among(listing(tenant_id), customer_id)


def serving_among(rows: Sequence[records.Integration], customer_id: str) -> records.Integration | None:
    """As `serving`, among the tenant's integrations."""
    taking = [row for row in rows if row.duty == Duty.SERVES and row.state != S.REMOVED]
    own = [row for row in taking if row.customer_id == customer_id]
    if own:
        return next((row for row in own if row.approved), None)
    return next((row for row in taking if row.customer_id is None), None)


def listing(tenant_id: str | None = None, *, removed: bool = False) -> list[records.Integration]:
    where = [] if tenant_id is None else [Integration.tenant_id == tenant_id]
    if not removed:
        where.append(Integration.removed_at.is_null())
    return list(records.Integration.select(*where, order=Integration.id))


def at_place(tenant_id: str, customer_id: str | None) -> records.Integration | None:
    """The customer's own, or the tenant's default one, that takes invoices."""
    rows = (row for row in listing(tenant_id) if row.customer_id == customer_id)
    return next((row for row in rows if row.duty == Duty.SERVES), None)


def standing_by(beside: records.Integration) -> records.Integration | None:
    """The one that is to take its place."""
    where = (Integration.follows_id == beside.id) & (Integration.duty == Duty.STANDS_BY.value)
    return records.Integration.first(where & Integration.removed_at.is_null())


def under(grant_id: str) -> list[records.Integration]:
    """Those that a grant serves and that are not removed."""
    where = (Integration.grant_id == grant_id) & Integration.removed_at.is_null()
    return list(records.Integration.select(where, order=Integration.id))


def of_app(app_id: str) -> list[records.Integration]:
    """Those that work under a grant of this app and are not removed."""
    grants = Grant.select(Grant.id).where(Grant.app_id == app_id)
    where = Integration.grant_id.in_(grants) & Integration.removed_at.is_null()
    return list(records.Integration.select(where, order=Integration.id))


def at_app(app: records.App, accounts: Sequence[str]) -> list[records.Integration]:
    """The running integrations of these accounts of the provider, under a grant of this app."""
    grants = Grant.select(Grant.id).where(Grant.app_id == app.id)
    under_it = (Integration.provider == app.provider) & Integration.grant_id.in_(grants) & running()
    found: list[records.Integration] = []
    for start in range(0, len(accounts), 500):
        some = Integration.account_id.in_(list(accounts[start : start + 500]))
        found += records.Integration.select(under_it & some, order=Integration.id)
    return found


def leaving() -> list[records.Integration]:
    """Those that drain, and removed ones whose secrets are still here."""
    sealed = Secret.select(Secret.owner_id).distinct()
    kept = (Integration.state == S.REMOVED.value) & Integration.id.in_(sealed)
    where = (Integration.state == S.DRAINING.value) | kept
    return list(records.Integration.select(where, order=Integration.id))


def running() -> pw.Expression:
    return Integration.state.in_([state.value for state in RUNNING])


LONGEST_PAUSE = timedelta(hours=25)
"""A day's quota that is used up pauses an integration for a day at most: a later end was written by a clock
that was wrong."""


def _free(now: datetime, mine: str | None) -> pw.Expression:
    """Not leased by another than `mine`, and not pausing after a fault."""
    unleased = leases.is_free(now)
    if mine is not None:
        unleased |= Integration.lease_owner == mine
    resume_at = Integration.resume_at
    return unleased & (resume_at.is_null() | (resume_at <= now) | (resume_at > now + LONGEST_PAUSE))


def due_for_push(now: datetime, *, mine: str | None = None) -> list[str]:
    """Ids of running integrations that have something to send and are free. Those leased by `mine` count
    too: who holds the lease can go on with them when it is done."""
    waiting = Link.select(Link.integration_id).where(Link.next_push_at <= now).distinct()
    query = Integration.select(Integration.id).where(
        running()
        & _free(now, mine)
        & (Integration.id.in_(waiting) | Integration.id.in_(receipts.places_due(now)))
    )
    return [row.id for row in query]


def due_for_pull(now: datetime, *, mine: str | None = None) -> list[str]:
    """Ids of running integrations whose poll is due, that have a hint waiting, or links to read; and are
    free, as above."""
    hinted = Hint.select(Hint.integration_id).where(Hint.used_at.is_null()).distinct()
    stale = Link.select(Link.integration_id).where(Link.next_pull_at <= now).distinct()
    due = (Integration.next_poll_at <= now) | Integration.id.in_(hinted) | Integration.id.in_(stale)
    wanted = running() & _free(now, mine) & due & Integration.pull_status
    query = Integration.select(Integration.id).where(wanted)
    return [row.id for row in query]


def due_for_test(now: datetime, every: timedelta, *, mine: str | None = None) -> list[str]:
    """Ids of running integrations whose connection was not tested for so long, and that are free."""
    late = Integration.tested_at.is_null() | (Integration.tested_at <= now - every)
    query = Integration.select(Integration.id).where(running() & _free(now, mine) & late)
    return [row.id for row in query]


def hold(integration_id: str) -> None:
    """Inside a transaction: nobody else changes the integration until its end."""
    plain.hold(Integration, integration_id)


def update(integration_id: str, **values: Any) -> None:
    """Inside a transaction."""
    Integration.update(values).where(Integration.id == integration_id).execute()


def set_state(
    integration: records.Integration,
    state: IntegrationState,
    *,
    now: datetime,
    code: str | None = None,
    text: str | None = None,
    actor: str = "daemon",
) -> None:
    """Inside a transaction: the new state, its event and audit row; links park and drain with it. What
    stands by, or leaves, does not become active."""
    duty = Duty.LEAVES if state in (S.DRAINING, S.REMOVED) else Duty(integration.duty)
    if state is S.ACTIVE:
        state = _working(duty)
    if integration.state == state and integration.fault_code == code:
        return
    update(
        integration.id,
        state=state.value,
        duty=duty.value,
        fault_code=code,
        fault_text=text,
        fault_at=now if code else None,
        removed_at=now if state is S.REMOVED else None,
    )
    if state in (S.NEEDS_RECONNECT, S.ERROR):
        _park(integration.id, code, text)
    elif state in RUNNING:
        _drain(integration.id, now)
    data = {"from": integration.state, "to": state.value, "code": code}
    events.append(
        integration.tenant_id,
        f"integration.{state.value}",
        now=now,
        integration_id=integration.id,
        customer_id=integration.customer_id,
        data=data | {"sentence": text or f"The integration is now {state.value}."},
    )
    audit.append(
        integration.tenant_id,
        actor=actor,
        action=f"integration.{state.value}",
        subject=integration.id,
        data=data,
        now=now,
    )


def _working(duty: Duty) -> IntegrationState:
    """The state of one that works as it should."""
    return {Duty.SERVES: S.ACTIVE, Duty.STANDS_BY: S.PAUSED, Duty.LEAVES: S.DRAINING}[duty]


WAITING = (SyncState.PENDING.value, SyncState.SENDING.value, SyncState.UNCONFIRMED.value)


def _park(integration_id: str, code: str | None, text: str | None) -> None:
    """What waits to be sent waits for the integration; the journal still knows what may have landed."""
    Link.update(state=SyncState.PARKED.value, fault_code=code, fault_text=text, next_push_at=None).where(
        (Link.integration_id == integration_id) & Link.state.in_(WAITING) & Link.next_push_at.is_null(False)
    ).execute()


def _drain(integration_id: str, now: datetime) -> None:
    Link.update(state=SyncState.PENDING.value, fault_code=None, fault_text=None, next_push_at=now).where(
        (Link.integration_id == integration_id) & (Link.state == SyncState.PARKED.value)
    ).execute()


def tested(integration: records.Integration, account: AccountInfo, *, now: datetime, actor: str) -> None:
    """Inside a transaction: a connection test that worked. Raises InvalidInput where it names another
    account than before."""
    if integration.account_id and integration.account_id != account.account_id:
        raise InvalidInput(
            "WB-ACCOUNT-DIFFERS",
            f"these credentials belong to {account.account_id}, the integration to {integration.account_id}; "
            f"to put another account in its place: wispbill integrations switch {integration.id}",
        )
    if not integration.account_id and account.account_id:
        refuse_taken_account(integration.provider, integration.mode, account.account_id)
    update(
        integration.id,
        account_id=account.account_id or None,
        account_name=account.name,
        tested_at=now,
        test_missing=list(account.missing),
    )
    waits_for_this = integration.state in (S.TESTING, S.NEEDS_RECONNECT, S.ERROR)
    if waits_for_this and not account.missing:
        set_state(integration, S.ACTIVE, now=now, actor=actor)


def count_by_state(ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """Per integration: how many links are in each sync state."""
    counts: dict[str, dict[str, int]] = {integration_id: {} for integration_id in ids}
    query = (
        Link.select(Link.integration_id, Link.state, pw.fn.COUNT(pw.SQL("1")).alias("n"))
        .where(Link.integration_id.in_(list(ids)))
        .group_by(Link.integration_id, Link.state)
    )
    rows: Any = query.tuples()
    for integration_id, state, n in rows:
        counts[integration_id][state] = n
    return counts
