"""Another provider in the place of the one that serves: planned, done, and undone until something was sent.

1. The new account stands by: connected and tested, it takes nothing yet.
2. The switch: the old one drains, the new one takes what is new and whatever nothing was sent of. What was
   begun stays where it was begun: no invoice is ever at two providers.
3. Until the first send to the new one the switch can be undone as if it had not been.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from daemon.connect import accounts
from daemon.connect.accounts import Check, NewAccount
from daemon.errors import InvalidInput, WispbillError
from daemon.house import House
from daemon.jobs.drafts import drafts
from daemon.model import IntegrationState, InvoiceDraft, Mode
from daemon.model.states import Duty
from daemon.money import Money
from daemon.providers.base import Provider
from daemon.store import billing, integrations, meta, records, switching
from daemon.store.switching import Lot, Pile

S = IntegrationState
REFUSED_SHOWN = 100
CODE = "WB-SWITCH"


@dataclass(frozen=True, slots=True)
class Refused:
    """An invoice that would move and that the new provider would not take."""

    invoice_id: str
    number: str
    total: Money
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a switch does, or did. `refused` tells the first of `refused_count`; `new` is None where its
    account is not stored yet; `waits`: what moves is sent only when somebody asks."""

    old: records.Integration
    new: records.Integration | None
    provider: str
    account: str
    piles: tuple[Pile, ...]
    refused: tuple[Refused, ...]
    refused_count: int
    waits: bool = False

    def pile(self, lot: Lot) -> Pile:
        return next(pile for pile in self.piles if pile.lot is lot)


# --- what would be ------------------------------------------------------------------------------------


def plan(house: House, old: records.Integration, new: records.Integration) -> Plan:
    """What the switch would do now; nothing is changed. Raises InvalidInput where it is not possible."""
    insist(old, new)
    return _plan(house, old, new, house.providers(new))


def plan_for(house: House, old: records.Integration, new: NewAccount, adapter: Provider) -> Plan:
    """As `plan`, for an account that was tested and is not stored. Raises InvalidInput."""
    _insist_on_old(old)
    _insist_on_mode(old, new.account.mode.value)
    integrations.refuse_taken_account(new.kind.name, new.account.mode.value, new.account.account_id)
    account = new.account.account_id or None
    imagined = replace(old, id="", provider=new.kind.name, account_id=account, settings=new.settings)
    made = _plan(house, old, imagined, adapter)
    return replace(made, new=None, account=new.account.name, waits=False)


def _plan(house: House, old: records.Integration, new: records.Integration, adapter: Provider) -> Plan:
    refused = _refused(house, old, new, adapter)
    return Plan(
        old=old,
        new=new,
        provider=new.provider,
        account=new.account_name or new.id,
        piles=tuple(switching.piles(old)),
        refused=tuple(refused[:REFUSED_SHOWN]),
        refused_count=len(refused),
        waits=not new.create_automatically,
    )


def _refused(
    house: House, old: records.Integration, new: records.Integration, adapter: Provider
) -> list[Refused]:
    """Of what would move, what the new provider would refuse whatever it says today."""
    found: list[Refused] = []
    for link, invoice, draft in drafts(new, switching.moving(old), house.clock.now()):
        error = None if link.void_requested_at is not None else _objection(adapter, draft)
        if error is not None:
            found.append(Refused(invoice.id, invoice.number, draft.total, error.code, error.message))
    return found


def _objection(adapter: Provider, draft: InvoiceDraft) -> WispbillError | None:
    """Such as a number that is too long there."""
    try:
        adapter.accepts(draft)
    except WispbillError as error:
        return error
    return None


# --- what is allowed ----------------------------------------------------------------------------------


def insist(old: records.Integration, new: records.Integration) -> None:
    """Raises InvalidInput, in a sentence that says what to do, where `new` cannot take over from `old`."""
    _insist_on_old(old)
    if new.id == old.id:
        raise InvalidInput(CODE, "it is the same integration; other credentials of its account: rotate")
    if new.customer_id != old.customer_id:
        raise InvalidInput(CODE, _elsewhere(old, new))
    if new.duty == Duty.SERVES or new.state == S.REMOVED:
        words = "is removed" if new.state == S.REMOVED else "serves already"
        raise InvalidInput(CODE, f"{new.id} {words}")
    if new.duty == Duty.STANDS_BY and new.follows_id != old.id:
        raise InvalidInput(CODE, f"{new.id} stands by for {new.follows_id}")
    if new.state not in (S.PAUSED, S.DRAINING):
        words = new.state.replace("_", " ")
        verb = "test" if new.state == S.TESTING or new.grant_id else "rotate"
        raise InvalidInput(CODE, f"{new.id} is {words}: wispbill integrations {verb} {new.id} comes first")
    if old.approved and not new.approved:
        raise InvalidInput(
            CODE, f"{new.id} is not approved: wispbill integrations approve {new.id} comes first"
        )
    _insist_on_mode(old, new.mode)


def _elsewhere(old: records.Integration, new: records.Integration) -> str:
    if new.customer_id is None:
        return (
            f"{new.id} is the tenant's default: wispbill integrations remove {old.id} drains the customer's "
            "own, and what is new goes to the default"
        )
    return f"{new.id} is not of the same customer"


def _insist_on_known() -> None:
    """Raises InvalidInput after a restore: what nothing was sent of, by these rows, may be somewhere."""
    if meta.get(meta.RECOVERY) is not None:
        raise InvalidInput(
            CODE, "the database was restored, and is not known to be complete: wispbill recovery show"
        )


def _insist_on_old(old: records.Integration) -> None:
    _insist_on_known()
    if old.duty == Duty.SERVES and old.state != S.REMOVED:
        return
    words = {Duty.STANDS_BY: "stands by; it is not in use", Duty.LEAVES: "is on its way out already"}
    raise InvalidInput(CODE, f"{old.id} {words[Duty(old.duty)]}")


def _insist_on_mode(old: records.Integration, mode: str) -> None:
    if old.mode == Mode.LIVE and mode != Mode.LIVE:
        raise InvalidInput(CODE, f"{old.id} is live: what is switched to a sandbox would be billed to nobody")


# --- standing by --------------------------------------------------------------------------------------


def beside(tenant_id: str, name: str, customer_id: str | None) -> records.Integration:
    """The integration that a new account may stand by. Raises NotFound or InvalidInput."""
    old = integrations.get(tenant_id, name)
    _insist_on_old(old)
    if old.customer_id != customer_id:
        raise InvalidInput(CODE, f"{old.id} is not of the same customer")
    return old


# --- the switch ---------------------------------------------------------------------------------------


def switch(
    house: House,
    old: records.Integration,
    new: records.Integration,
    *,
    actor: str,
    check: Check = accounts.anyhow,
) -> Plan:
    """Raises InvalidInput. Returns what became of each invoice."""
    planned = plan(house, old, new)

    def work() -> Plan:
        return _switch(house, planned, integrations.get(old.tenant_id, new.id), actor, check)

    done = house.store.write("integrations.switch", work)
    _wake(house)
    return done


def connect_and_switch(
    house: House,
    old: records.Integration,
    new: NewAccount,
    adapter: Provider,
    *,
    approves: bool,
    actor: str,
    check: Check = accounts.anyhow,
) -> Plan:
    """In one step: the account is stored and takes over, or neither. `approves`: whoever asks may let a
    customer's own account serve. Raises InvalidInput."""
    planned = plan_for(house, old, new, adapter)

    def work() -> Plan:
        integrations.hold(old.id)
        row = accounts.added(house, new, actor=actor, beside=old)
        if approves:
            integrations.update(row.id, approved=True)
        return _switch(house, planned, integrations.get(old.tenant_id, row.id), actor, check)

    done = billing.write_once(house.store, "integrations.switch", work)
    _wake(house)
    return done


def _switch(house: House, planned: Plan, new: records.Integration, actor: str, check: Check) -> Plan:
    """Inside a transaction."""
    integrations.hold(planned.old.id)
    integrations.hold(new.id)
    old = integrations.get(new.tenant_id, planned.old.id)
    new = integrations.get(new.tenant_id, new.id)
    check(old)
    insist(old, new)
    now, waits = house.clock.now(), not new.create_automatically
    piles = tuple(switching.piles(old))
    moved = switching.move(old, new, waits=waits, now=now)
    _leave(house, old, actor)
    integrations.update(new.id, duty=Duty.SERVES.value, follows_id=old.id, next_poll_at=now)
    taking = integrations.get(old.tenant_id, new.id)
    integrations.set_state(taking, S.ACTIVE, now=now, actor=actor)
    data = {"from": old.id, "to": new.id, "count": len(moved)}
    sentence = (
        f"{new.provider} ({new.id}) takes over from {old.provider} ({old.id}): {len(moved)} invoices that "
        "were not sent go along, what was sent stays and is followed to its end."
    )
    switching.note(taking, "integration.switched", data, sentence, actor=actor, now=now)
    left, serving = integrations.get(None, old.id), integrations.get(None, new.id)
    return replace(planned, old=left, new=serving, piles=piles, waits=waits)


def _leave(house: House, old: records.Integration, actor: str) -> None:
    """Inside a transaction: it drains; one that is down leaves as it is, and drains once it works again."""
    down = old.state in (S.NEEDS_RECONNECT, S.ERROR)
    integrations.update(old.id, duty=Duty.LEAVES.value, follows_id=None)
    if not down:
        leaving = integrations.get(old.tenant_id, old.id)
        integrations.set_state(leaving, S.DRAINING, now=house.clock.now(), actor=actor)


# --- undone -------------------------------------------------------------------------------------------


def undo(
    house: House, old: records.Integration, *, actor: str, check: Check = accounts.anyhow
) -> tuple[records.Integration, records.Integration, int]:
    """The old one serves again, the new one stands by, and what moved moves back; returns them and how many
    moved. Raises InvalidInput once anything was sent to the new one."""

    def work() -> tuple[str, int]:
        integrations.hold(old.id)
        current = integrations.get(old.tenant_id, old.id)
        check(current)
        _insist_on_known()
        new = _successor(current)
        integrations.hold(new.id)
        now = house.clock.now()
        insist_on_undo(current, new)
        moved = switching.move(new, current, waits=not current.create_automatically, now=now)
        integrations.update(new.id, duty=Duty.STANDS_BY.value)
        waiting = integrations.get(old.tenant_id, new.id)
        integrations.set_state(waiting, S.PAUSED, now=now, actor=actor)
        integrations.update(old.id, duty=Duty.SERVES.value)
        serving = integrations.get(old.tenant_id, old.id)
        if serving.state == S.DRAINING:
            integrations.set_state(serving, S.ACTIVE, now=now, actor=actor)
        insist_on_undo(current, new)  # what was marked while this waited for its row has stayed there
        data = {"from": new.id, "to": old.id, "count": len(moved)}
        sentence = f"The switch to {new.provider} ({new.id}) is undone; {len(moved)} invoices come back."
        switching.note(serving, "integration.switch_undone", data, sentence, actor=actor, now=now)
        return new.id, len(moved)

    new_id, moved = house.store.write("integrations.switch_undone", work)
    _wake(house)
    return integrations.get(None, old.id), integrations.get(None, new_id), moved


def _successor(old: records.Integration) -> records.Integration:
    new = switching.successor(old)
    if new is None or old.duty != Duty.LEAVES:
        raise InvalidInput(CODE, f"nothing took over from {old.id}: there is nothing to undo")
    if old.state == S.REMOVED:
        raise InvalidInput(
            CODE,
            f"{old.id} is removed and its credentials are destroyed: connect its account beside {new.id}",
        )
    return new


def insist_on_undo(old: records.Integration, new: records.Integration) -> None:
    """Raises InvalidInput once anything was sent to the new one."""
    if not switching.marks(new.id):
        return
    raise InvalidInput(
        CODE,
        f"something was sent to {new.provider} already ({switching.sent(new.id)} invoices): "
        f"wispbill integrations switch {new.id} --to {old.id} goes back, and {new.id} drains",
    )


def _wake(house: House) -> None:
    house.wake("push")
    house.wake("pull")
