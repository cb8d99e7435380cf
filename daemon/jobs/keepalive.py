"""Keepalive: what would die of idleness is kept alive, and what is about to end is said in time.

One run: refresh grants ahead of their end, warn of ends that only a new consent moves, fetch the
certificates that webhooks wait for, forget consents that are over. The daily connection test of each
integration is a visit of its own (`check_connection`), so that a slow provider delays nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import structlog

from daemon.errors import GrantDead, LeaseLost, Stopping, WispbillError
from daemon.house import House
from daemon.jobs.certificates import fetch_wanted
from daemon.jobs.visit import Visit
from daemon.model import RUNNING, IntegrationState
from daemon.store import consents, events, grants, integrations, records, tenants
from daemon.tokens import GrantKeeper

IDLE = timedelta(days=1)
"""How old the tokens of a grant become that nothing asks for: its refresh token lives anew by it, and a
withdrawn consent is seen within the day."""

PAUSE = timedelta(minutes=15)
"""After a refresh that came to nothing, as long as nothing asks for the token."""

log = structlog.get_logger()


def keepalive(house: House) -> None:
    """One run. A step that fails stops none of the others."""
    for step in STEPS:
        if house.stop.is_set():
            return
        try:
            step(house)
        except Stopping:
            return
        except WispbillError as error:
            log.error("keepalive.failed", step=step.__name__, code=error.code, text=error.message)


# --- tokens -------------------------------------------------------------------------------------------


def refresh_grants(house: House) -> None:
    """Those whose access token is due, so that no push waits for it, and idle ones once a day. One that
    fails says so in its row; the others go on."""
    if house.tokens is None:
        return
    for grant in grants.active():
        if house.stop.is_set() or not is_due(grant, house.clock.now()):
            continue
        try:
            GrantKeeper(house.tokens, grant.id).refresh(grant)
        except (Stopping, LeaseLost):
            continue
        except GrantDead:
            house.wake("push")
        except WispbillError as error:
            log.warning("grant.not_refreshed", grant=grant.id, code=error.code, text=error.message)


def is_due(grant: records.Grant, now: datetime) -> bool:
    """Whether the grant is to be refreshed ahead."""
    if grant.fault_at is not None and now - grant.fault_at < PAUSE:
        return False
    if any(row.state in RUNNING for row in integrations.under(grant.id)):
        return now >= grants.stale_at(grant)
    ends = grants.ends_at(grant)
    half = (ends - grant.refreshed_at) / 2 if ends is not None else IDLE
    return now - grant.refreshed_at >= min(IDLE, half)


def warn_of_ends(house: House) -> None:
    """An event for each grant and threshold, once: so many days, then only a new consent helps."""
    for grant in grants.active():
        days = grants.due_warning(grant, house.clock.now())
        if days is not None:
            house.store.write("grant.warn", partial(_warn, house, grant, days))


def _warn(house: House, grant: records.Grant, days: int) -> None:
    """Inside a transaction."""
    now = house.clock.now()
    rows = integrations.under(grant.id)
    ends = grants.ends_at(grant)
    if not grants.warned(grant.id, days) or not rows or ends is None:
        return
    names = ", ".join(row.account_name or row.id for row in rows)
    when = "ends within a day" if days == 1 else f"ends within {days} days"
    events.append(
        grant.tenant_id,
        "grant.expires",
        now=now,
        integration_id=rows[0].id,
        customer_id=rows[0].customer_id,
        data={
            "code": "WB-GRANT-EXPIRES",
            "grant": grant.id,
            "days": days,
            "ends_at": ends.isoformat(),
            "integrations": [row.id for row in rows],
            "sentence": f"The consent of {names} {when}; give it again: "
            f"wispbill integrations authorize {grant.provider}",
        },
    )


# --- the rest -----------------------------------------------------------------------------------------


def fetch_certificates(house: House) -> None:
    """Those that a webhook's signature waits for."""
    fetch_wanted(house)


def forget_consents(house: House) -> None:
    """Links of yesterday, and tokens that serve nobody."""
    now = house.clock.now()
    house.store.write("grant.forget", lambda: consents.forget_old(house.safe, now))
    for tenant in tenants.everyone():
        if grants.has_unused(tenant.id, now):
            house.store.write("grant.end", partial(grants.end_unused, house.safe, tenant.id, now=now))


STEPS: tuple[Callable[[House], None], ...] = (
    refresh_grants,
    warn_of_ends,
    fetch_certificates,
    forget_consents,
)


# --- the connection test ------------------------------------------------------------------------------


def check_connection(visit: Visit) -> None:
    """The daily connection test, as a visit: what it found is written down, a permission that is missing
    since is an event, and where another account answers nothing more is sent to it. What it raises is the
    visit's to judge."""
    account = visit.provider.check()
    row, now = visit.integration, visit.now
    if not account.account_id and row.account_id:  # it does not say which one it is
        account = replace(account, account_id=row.account_id)

    def work() -> None:
        visit.lease.guard()
        if row.account_id and account.account_id != row.account_id:
            text = f"{account.account_id} answers to the credentials of {row.account_id}."
            integrations.set_state(row, IntegrationState.ERROR, now=now, code="WB-ACCOUNT-DIFFERS", text=text)
            return
        integrations.tested(row, account, now=now, actor="daemon")
        fresh = [one for one in account.missing if one not in row.test_missing]
        if fresh:
            _tell_of_missing(row, fresh, now)

    visit.house.store.write("keepalive.tested", work)
    visit.tally.add("tested")


def _tell_of_missing(row: records.Integration, missing: list[str], now: datetime) -> None:
    """Inside a transaction."""
    events.append(
        row.tenant_id,
        "integration.permission_missing",
        now=now,
        integration_id=row.id,
        customer_id=row.customer_id,
        data={
            "code": "WB-PERMISSION-MISSING",
            "missing": missing,
            "sentence": f"The account lacks since its last test: {', '.join(missing)}.",
        },
    )
