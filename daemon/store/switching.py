"""Switching the provider: what becomes of each invoice, and the writes that make it so.

An invoice of which a step was ever sent stays with the integration that it was sent to, whatever came of it.
The others go with the switch, and back with its undoing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import peewee as pw

from daemon.model import CLOSED, PaymentStatus, StepState, SyncState
from daemon.model.states import Duty
from daemon.money import Money
from daemon.store import audit, events, links, records
from daemon.store.tables import Integration, Invoice, Link, Step

CHUNK = 500


_FRESH: dict[str, Any] = {
    "state": SyncState.PENDING.value,
    "reference": None,
    "fault_code": None,
    "fault_text": None,
    "first_tried_at": None,
    "attempts": 0,
}
"""A link that was never tried."""


class Lot(StrEnum):
    """What becomes of an invoice when its integration leaves."""

    MOVES = "moves"
    """Nothing of it was sent: it goes to the new one."""
    STAYS = "stays"
    """It is being sent, or may have landed: the old one finds out, and finishes it."""
    PARKED = "parked"
    """As above, and the old one is down: it waits until that works again."""
    STOPPED = "stopped"
    """The old one refused it after something had been sent: a person decides."""
    DRAINS = "drains"
    """It is at the old one and still owed there: followed until it closes."""
    CLOSED = "closed"
    """It is at the old one, and nothing more is expected."""


@dataclass(frozen=True, slots=True)
class Pile:
    """The invoices of one lot: how many, and what is still owed on them, by currency."""

    lot: Lot
    count: int
    due: tuple[Money, ...]


def piles(old: records.Integration) -> list[Pile]:
    """All invoices of an integration, and those that it would be given next, by lot; empty lots too. Voided
    ones that never left are none's."""
    rows: Any = (
        _of(old)
        .select(_lot(), Invoice.currency, pw.fn.COUNT(Link.id), pw.fn.SUM(Invoice.due_minor))
        .group_by(pw.SQL("1"), Invoice.currency)
        .order_by(pw.SQL("1"), Invoice.currency)
        .tuples()
    )
    counts = dict.fromkeys(Lot, 0)
    due: dict[Lot, list[Money]] = {lot: [] for lot in Lot}
    for name, currency, count, minor in rows:
        counts[Lot(name)] += count
        if minor:
            due[Lot(name)].append(Money(int(minor), currency))
    return [Pile(lot, counts[lot], tuple(due[lot])) for lot in Lot]


def moving(old: records.Integration) -> list[records.Link]:
    """The links that would go with a switch, oldest first."""
    rows: Any = _of(old).select(Link.id).where(_untouched()).order_by(Link.id).tuples()
    ids = [row[0] for row in rows]
    found: list[records.Link] = []
    for start in range(0, len(ids), CHUNK):
        found += records.Link.select(Link.id.in_(ids[start : start + CHUNK]), order=Link.id)
    return found


def move(old: records.Integration, new: records.Integration, *, waits: bool, now: datetime) -> list[str]:
    """Inside a transaction: whatever nothing was sent of goes to the other integration, to be sent at once
    or (`waits`) when somebody asks. Returns the ids of the links. One that is being marked this very moment
    stays: its row decides, not what was read before."""
    still = ((Link.integration_id == old.id) | Link.integration_id.is_null()) & _untouched()
    moved: list[str] = []
    for link in moving(old):
        due = None if waits and link.void_requested_at is None else now
        values = _FRESH | {"integration_id": new.id, "next_push_at": due}
        if Link.update(values).where((Link.id == link.id) & still).execute():
            moved.append(link.id)
            _tell(link, old, new, now)
    return moved


def let_go(old: records.Integration, *, now: datetime) -> int:
    """Inside a transaction: whatever nothing was sent of belongs to none any more, and goes to whichever
    integration serves its customer next. Returns how many there were."""
    still = (Link.integration_id == old.id) & _untouched()
    ids = [link.id for link in moving(old)]
    values = _FRESH | {"integration_id": None, "next_push_at": now}
    return sum(int(Link.update(values).where((Link.id == one) & still).execute()) for one in ids)


def _tell(link: records.Link, old: records.Integration, new: records.Integration, now: datetime) -> None:
    events.append(
        link.tenant_id,
        "invoice.moved",
        now=now,
        invoice_id=link.invoice_id,
        customer_id=link.customer_id,
        integration_id=new.id,
        data={
            "from": old.id,
            "to": new.id,
            "sentence": f"It goes to {new.provider} ({new.id}) in place of {old.provider} ({old.id}); "
            "nothing of it had been sent.",
        },
    )


def sent(integration_id: str) -> int:
    """How many invoices something was ever sent of at this integration."""
    where = (Step.integration_id == integration_id) & Step.subject.startswith("invoice:")
    return int(Step.select(Step.subject).where(where).distinct().count())


def marks(integration_id: str) -> bool:
    """Whether anything, a payer too, was ever sent there."""
    return bool(Step.select(Step.id).where(Step.integration_id == integration_id).exists())


def can_be_undone(old: records.Integration) -> bool:
    """Whether an integration took over from this one, and nothing was sent to it yet."""
    new = successor(old)
    return new is not None and not marks(new.id)


def successor(old: records.Integration) -> records.Integration | None:
    """The one that took over from it, and serves."""
    where = (Integration.follows_id == old.id) & (Integration.duty == Duty.SERVES.value)
    return records.Integration.first(where & Integration.removed_at.is_null())


def hold_back(integration_id: str) -> int:
    """Inside a transaction: what is due, or parked, and nothing was sent of waits until somebody asks for
    it."""
    due = (Link.state == SyncState.PENDING.value) & Link.next_push_at.is_null(False)
    waiting = due | (Link.state == SyncState.PARKED.value)
    still = (Link.integration_id == integration_id) & Link.void_requested_at.is_null() & waiting
    values = {
        "state": SyncState.PENDING.value,
        "fault_code": None,
        "fault_text": None,
        "next_push_at": None,
    }
    return int(Link.update(values).where(still & ~pw.fn.EXISTS(_sends())).execute())


def note(
    row: records.Integration, action: str, data: dict[str, Any], sentence: str, *, actor: str, now: datetime
) -> None:
    """Inside a transaction: audit row and event of the switch, or of its undoing."""
    audit.append(row.tenant_id, actor=actor, action=action, subject=row.id, data=data, now=now)
    events.append(
        row.tenant_id,
        action,
        now=now,
        integration_id=row.id,
        customer_id=row.customer_id,
        data=data | {"sentence": sentence},
    )


# --- which ones ---------------------------------------------------------------------------------------


def _of(old: records.Integration) -> Any:
    """The links of an integration, and those without one that are its to take, with their invoices; not what
    was voided before it was sent."""
    its = Link.integration_id == old.id
    if old.duty == Duty.SERVES and old.approved:
        its |= Link.integration_id.is_null() & links.belongs_to(old)
    never = Link.external_id.is_null() & (Invoice.payment_status == PaymentStatus.VOID.value)
    return Link.select().join(Invoice, on=(Invoice.id == Link.invoice_id)).where(its & ~never)


def _unsent() -> Any:
    states = (SyncState.PENDING.value, SyncState.PARKED.value, SyncState.FAILED.value)
    return Link.external_id.is_null() & Link.pushed_at.is_null() & Link.state.in_(states)


def _sends() -> Any:
    """The steps of a link's invoice, at the link's integration, of which something may be there."""
    reference = Invoice.select(Invoice.reference).where(Invoice.id == Link.invoice_id)
    return Step.select(Step.id).where(
        (Step.integration_id == Link.integration_id)
        & (Step.subject == pw.Value("invoice:").concat(reference))
        & (Step.state != StepState.NEW.value)
    )


def _untouched() -> Any:
    return _unsent() & ~pw.fn.EXISTS(_sends())


def _lot() -> Any:
    closed = [status.value for status in CLOSED]
    there = Link.external_id.is_null(False)
    return pw.Case(
        None,
        (
            (there & Invoice.payment_status.in_(closed), Lot.CLOSED.value),
            (there, Lot.DRAINS.value),
            (_untouched(), Lot.MOVES.value),
            (Link.state == SyncState.PARKED.value, Lot.PARKED.value),
            (Link.state == SyncState.FAILED.value, Lot.STOPPED.value),
        ),
        Lot.STAYS.value,
    )
