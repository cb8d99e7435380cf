"""What is done to an integration on somebody's word: connected, given other credentials or settings, paused,
removed. The same for every face; `check` runs inside the transaction and may refuse it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from daemon.errors import InvalidInput
from daemon.house import House
from daemon.model import AccountInfo, Document, IntegrationState, Mode
from daemon.model.states import Duty
from daemon.policy import PACES_S
from daemon.providers import provider_class
from daemon.providers.base import Credentials, Provider
from daemon.store import audit, billing, grants, integrations, links, meta, records, switching
from daemon.store.secrets import CREDENTIALS

S = IntegrationState

Check = Callable[[records.Integration], None]
"""Raises InvalidInput where the integration, as it stands inside the transaction, forbids what is asked."""


def anyhow(_row: records.Integration) -> None:
    """Without another condition."""


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account that passed its connection test: whose, at which provider, and how it is used."""

    tenant_id: str
    customer_id: str | None
    kind: type[Provider]
    document: Document = field(repr=False)
    account: AccountInfo
    settings: Document
    label: str = ""


def mode_of(credentials: Credentials, wanted: Mode | None) -> Mode:
    """The mode that the credentials are of, or the one wanted where they do not tell; raises InvalidInput
    where another one is wanted, or nobody says."""
    found = credentials.mode or wanted
    if found is None:
        raise InvalidInput(
            "WB-CREDENTIALS-MODE",
            "these credentials do not tell whether they are live: say which mode, live or sandbox",
            field="mode",
        )
    if wanted is not None and wanted is not found:
        raise InvalidInput(
            "WB-CREDENTIALS-MODE",
            f"these credentials are for {found.value}, and {wanted.value} was asked for",
            field="mode",
        )
    return found


# --- connecting ---------------------------------------------------------------------------------------


def connect(
    house: House,
    new: NewAccount,
    *,
    actor: str,
    beside: records.Integration | None = None,
    check: Check = anyhow,
) -> records.Integration:
    """Add it with its credentials sealed; `beside` another one it stands by. `check` is given the one that
    serves there, if any. Raises InvalidInput."""

    def work() -> records.Integration:
        there = integrations.at_place(new.tenant_id, new.customer_id)
        if there is not None:
            check(there)
        return added(house, new, actor=actor, beside=beside)

    row = billing.write_once(house.store, "integrations.add", work)
    house.wake("push")
    return row


def added(
    house: House, new: NewAccount, *, actor: str, beside: records.Integration | None = None
) -> records.Integration:
    """Inside a transaction."""
    row = integrations.add(
        tenant_id=new.tenant_id,
        customer_id=new.customer_id,
        provider=new.kind.name,
        mode=new.account.mode.value,
        label=new.label or new.kind.label,
        settings=new.settings,
        account=new.account,
        base_url=None,
        pace=house.settings.pull.pace,
        actor=actor,
        now=house.clock.now(),
        entropy=house.entropy,
        beside=beside,
    )
    house.safe.put(row, CREDENTIALS, new.document)
    return row


def rotate(
    house: House,
    row: records.Integration,
    document: Document,
    account: AccountInfo,
    settings: Document,
    *,
    actor: str,
    check: Check = anyhow,
) -> records.Integration:
    """Other credentials of the same account, which were tested. Raises InvalidInput."""

    def work() -> None:
        current = _held(row, check)
        integrations.tested(current, account, now=house.clock.now(), actor=actor)
        integrations.update(row.id, resume_at=None, settings=settings)
        house.safe.put(current, CREDENTIALS, document)
        note(house, row, "integration.rotated", {"account": account.account_id}, actor)

    return _done(house, row, "integrations.rotate", work, "push")


def insist_on_keys(row: records.Integration) -> None:
    """Raises InvalidInput where the integration has no credentials of its own to be replaced."""
    if row.state == S.REMOVED:
        raise InvalidInput("WB-INTEGRATION-STATE", "it is removed; connect the account anew")
    if row.grant_id is not None:
        raise InvalidInput(
            "WB-INTEGRATION-STATE",
            f"it works by consent: wispbill integrations authorize {row.provider} renews that",
        )


def tested(
    house: House, row: records.Integration, account: AccountInfo, *, actor: str, check: Check = anyhow
) -> records.Integration:
    """A connection test that worked is written down. Raises InvalidInput."""

    def work() -> None:
        current = _held(row, check)
        integrations.tested(current, account, now=house.clock.now(), actor=actor)

    return _done(house, row, "integrations.test", work, "push")


# --- settings and state -------------------------------------------------------------------------------


def change(
    house: House, row: records.Integration, changes: dict[str, Any], *, actor: str, check: Check = anyhow
) -> records.Integration:
    """Settings, each at once: a quicker pace reads sooner; `create_automatically` off holds back what is
    due and was not begun; `pull_status` on reads at the next tick. Raises InvalidInput."""

    def work() -> None:
        current = _held(row, check)
        integrations.update(row.id, **changes)
        if changes.get("create_automatically") is False:
            switching.hold_back(row.id)
        _read_sooner(house, current, changes)
        note(house, row, "integration.changed", {"fields": sorted(changes)}, actor)

    changed = _done(house, row, "integrations.change", work, "push")
    house.wake("pull")
    return changed


def _read_sooner(house: House, row: records.Integration, changes: dict[str, Any]) -> None:
    """The next poll comes at the new pace; what was not read for a while is read now."""
    now = house.clock.now()
    if changes.get("pull_status"):
        integrations.update(row.id, next_poll_at=now)
        links.read_all_open(row.id, now)
    elif "pace" in changes:
        soon = now + timedelta(seconds=PACES_S[changes["pace"]])
        integrations.update(row.id, next_poll_at=min(row.next_poll_at or soon, soon))
        can = provider_class(row.provider).can
        if not (can.change_feed and can.feed_tells_all):  # each is read at this pace
            links.read_by(row.id, soon)


def pause(
    house: House, row: records.Integration, *, actor: str, check: Check = anyhow
) -> records.Integration:
    return _move(house, row, S.PAUSED, (S.ACTIVE, S.TESTING), actor, check)


def resume(
    house: House, row: records.Integration, *, actor: str, check: Check = anyhow
) -> records.Integration:
    return _move(house, row, S.ACTIVE, (S.PAUSED,), actor, check)


def _move(
    house: House,
    row: records.Integration,
    to: IntegrationState,
    allowed: tuple[IntegrationState, ...],
    actor: str,
    check: Check,
) -> records.Integration:
    def work() -> None:
        current = _held(row, check)
        if current.duty == Duty.STANDS_BY:
            raise InvalidInput(
                "WB-INTEGRATION-STATE",
                f"it stands by: wispbill integrations switch {current.follows_id} --to {row.id}",
            )
        if current.state != to and current.state not in allowed:
            words = current.state.replace("_", " ")
            raise InvalidInput("WB-INTEGRATION-STATE", f"it is {words}; that cannot become {to.value}")
        integrations.set_state(current, to, now=house.clock.now(), actor=actor)

    return _done(house, row, f"integrations.{to.value}", work, "push")


def remove(
    house: House, row: records.Integration, *, force: bool, actor: str, check: Check = anyhow
) -> records.Integration:
    """Drained first; its secrets go when its last invoice closes, or at once with `force`, or where nothing
    is open. At once means that it sends nothing more: what it has not begun goes to whoever serves next
    (after a restore nobody knows what that is). Raises InvalidInput."""

    def work() -> None:
        current = _held(row, check)
        now = house.clock.now()
        at_once = force or links.all_closed(row.id)
        if at_once and meta.get(meta.RECOVERY) is None:
            switching.let_go(current, now=now)
        integrations.set_state(current, S.REMOVED if at_once else S.DRAINING, now=now, actor=actor)
        if at_once:
            house.safe.destroy(row.id)
            if row.grant_id:
                grants.abandon(house.safe, row.grant_id, now=now)

    return _done(house, row, "integrations.remove", work, "pull")


# --- shared -------------------------------------------------------------------------------------------


def note(house: House, row: records.Integration, action: str, data: Document, actor: str) -> None:
    """Inside a transaction: who did what to the integration."""
    now = house.clock.now()
    audit.append(row.tenant_id, actor=actor, action=action, subject=row.id, data=data, now=now)


def _held(row: records.Integration, check: Check) -> records.Integration:
    """Inside a transaction: the integration as it is now, which nobody else changes until its end."""
    integrations.hold(row.id)
    current = integrations.get(row.tenant_id, row.id)
    if current.state == S.REMOVED:
        raise InvalidInput("WB-INTEGRATION-STATE", "it is removed; connect the account anew")
    check(current)
    return current


def _done(
    house: House, row: records.Integration, label: str, work: Callable[[], None], wake: str
) -> records.Integration:
    house.store.write(label, work)
    house.wake(wake)
    return integrations.get(row.tenant_id, row.id)
