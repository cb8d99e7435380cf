"""Deliveries: an event to be told to an endpoint, each try of it, and what came back. At least once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any

import peewee as pw

from daemon.errors import NotFound
from daemon.model.event_types import NO_CHANGE, SERVICE, is_service_change
from daemon.policy.delivery import IN_ORDER
from daemon.store import audit, endpoints, events, plain, tables
from daemon.store.database import Store
from daemon.store.endpoints import Endpoint, EndpointState
from daemon.store.records import Record
from daemon.store.tables import Delivery as Table
from daemon.store.tables import Endpoint as EndpointTable
from daemon.store.tables import Event

BATCH = 500


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    """Given up after the last try of the schedule; `resend` tries again."""
    DROPPED = "dropped"


PENDING = DeliveryState.PENDING.value


@dataclass(frozen=True, slots=True)
class Delivery(Record):
    table = tables.Delivery
    id: int
    endpoint_id: str
    tenant_id: str
    event_id: int
    seq: int
    type: str
    state: str
    attempts: int
    next_at: datetime | None
    created_at: datetime
    first_at: datetime | None
    last_at: datetime | None
    ended_at: datetime | None
    last_status: int | None
    answer: str | None

    @property
    def is_service(self) -> bool:
        return is_service_change(self.type)


# --- from the feed ------------------------------------------------------------------------------------


def enlist(store: Store) -> int:
    """Make a delivery of each new event for each endpoint that wants it; returns how many."""
    count = 0
    for endpoint_id in _behind():
        while True:
            seen, made = store.write("notify.enlist", partial(_enlist, store, endpoint_id))
            count += made
            if seen < BATCH:
                break
    return count


def _behind() -> list[str]:
    """Active endpoints with something after their place in the feed."""
    everybody = EndpointTable.tenant_id == audit.PLATFORM
    later = Event.select(pw.SQL("1")).where(Event.seq > EndpointTable.cursor_seq)
    own = later.where(Event.tenant_id == EndpointTable.tenant_id)
    new = (everybody & pw.fn.EXISTS(later)) | (~everybody & pw.fn.EXISTS(own))
    active = EndpointTable.state == EndpointState.ACTIVE.value
    return [row.id for row in EndpointTable.select(EndpointTable.id).where(active & new)]


def _enlist(store: Store, endpoint_id: str) -> tuple[int, int]:
    """Inside a transaction: (events seen, deliveries made). Its place moves with them, or not at all."""
    row = endpoints.get(endpoint_id)
    found = events.feed(row.cursor_seq, tenant_id=row.tenant_id, limit=BATCH)
    if not found or row.state != EndpointState.ACTIVE:
        return 0, 0
    place = (EndpointTable.id == row.id) & (EndpointTable.cursor_seq == row.cursor_seq)
    if not EndpointTable.update(cursor_seq=found[-1].seq).where(place).execute():
        return 0, 0  # another daemon was here
    wanted = [event for event in found if row.wants(event.type)]
    now = store.clock.now()
    for event in wanted:
        values = {
            "endpoint_id": row.id,
            "tenant_id": event.tenant_id,
            "event_id": event.id,
            "seq": event.seq,
            "type": event.type,
            "state": PENDING,
            "attempts": 0,
            "next_at": now,
            "created_at": now,
        }
        plain.insert(Table, values)
        _supersede(row.id, event, now)
    return len(found), len(wanted)


def _supersede(endpoint_id: str, event: Any, now: datetime) -> None:
    """Inside a transaction: the last word about a customer's service is the one that counts. An older one
    that was not taken yet must not come after it: a service that is paid for would be cut off."""
    if event.customer_id is None or not is_service_change(event.type):
        return
    same = Event.select(pw.SQL("1")).where(
        (Event.id == Table.event_id) & (Event.customer_id == event.customer_id)
    )
    older = (Table.endpoint_id == endpoint_id) & (Table.state == PENDING) & (Table.seq < event.seq)
    dropped = {"state": DeliveryState.DROPPED.value, "next_at": None, "ended_at": now}
    text = f"superseded by {event.seq}"
    Table.update(**dropped, answer=text).where(older & _is_service() & pw.fn.EXISTS(same)).execute()


# --- what is due --------------------------------------------------------------------------------------


def due_endpoints(now: datetime) -> list[str]:
    """Those that something is due for and that do not rest, the longest waiting first."""
    resting = EndpointTable.resume_at > now
    held = EndpointTable.lease_until.is_null(False) & (EndpointTable.lease_until >= now)
    waits = Table.select(pw.SQL("1")).where(
        (Table.endpoint_id == EndpointTable.id) & (Table.state == PENDING) & (Table.next_at <= now)
    )
    ready = (EndpointTable.state == EndpointState.ACTIVE.value) & pw.fn.EXISTS(waits)
    ready &= EndpointTable.resume_at.is_null() | ~resting
    query = EndpointTable.select(EndpointTable.id).where(ready & ~held)
    return [row.id for row in query.order_by(EndpointTable.succeeded_at, EndpointTable.id)]


def due(endpoint_id: str, now: datetime, *, limit: int) -> list[Delivery]:
    """What is to be sent now, in the feed's order. An event that failed a few times holds back those after
    it; one that failed more often has stepped aside. A change of service waits for none: of one customer's
    only the last is there."""
    waiting = (Table.endpoint_id == endpoint_id) & (Table.state == PENDING)
    holding = waiting & (Table.attempts >= 1) & (Table.attempts <= IN_ORDER) & (Table.next_at > now)
    first = Table.select(pw.fn.MIN(Table.seq)).where(holding).scalar()
    ready = waiting & (Table.next_at <= now)
    if first is not None:
        ready &= (Table.seq < first) | _is_service()
    return list(Delivery.select(ready, order=Table.seq, limit=limit))


# --- what came back -----------------------------------------------------------------------------------


def succeeded(row: Delivery, status: int, answer: str, now: datetime) -> None:
    """Inside a transaction."""
    _tried(
        row,
        now,
        state=DeliveryState.DELIVERED.value,
        next_at=None,
        ended_at=now,
        status=status,
        answer=answer,
    )


def failed(row: Delivery, status: int | None, answer: str, now: datetime, next_at: datetime | None) -> None:
    """Inside a transaction: to be tried again at `next_at`; None: given up."""
    if row.state != PENDING:  # dropped while it was under way
        state, next_at, ended = row.state, None, row.ended_at
    else:
        state = PENDING if next_at else DeliveryState.FAILED.value
        ended = None if next_at else now
    _tried(row, now, state=state, next_at=next_at, ended_at=ended, status=status, answer=answer)


def _tried(row: Delivery, now: datetime, *, status: int | None, **values: Any) -> None:
    values |= {"attempts": row.attempts + 1, "last_at": now, "last_status": status}
    plain.update(Table, "id", row.id, values | {"first_at": row.first_at or now})


def hasten(endpoint_id: str, now: datetime) -> None:
    """Inside a transaction: the endpoint is back after a long silence, and its backlog need not wait."""
    waiting = (Table.endpoint_id == endpoint_id) & (Table.state == PENDING) & (Table.next_at > now)
    Table.update(next_at=now).where(waiting).execute()


# --- looking, and sending again -----------------------------------------------------------------------


def get(delivery_id: int) -> Delivery:
    """Raises NotFound."""
    found = Delivery.first(Table.id == delivery_id)
    if found is None:
        raise NotFound("delivery", str(delivery_id))
    return found


def listing(
    *,
    endpoint_id: str | None = None,
    tenant_id: str | None = None,
    state: str | None = None,
    before: int | None = None,
    limit: int,
) -> list[Delivery]:
    """The newest first, from behind the number `before`."""
    pairs = ((Table.endpoint_id, endpoint_id), (Table.tenant_id, tenant_id), (Table.state, state))
    where = [column == value for column, value in pairs if value is not None]
    where += [] if before is None else [Table.id < before]
    return list(Delivery.select(*where, order=Table.id.desc(), limit=limit))


def counts(endpoint_ids: list[str]) -> dict[str, dict[str, int]]:
    """By endpoint and state."""
    found: dict[str, dict[str, int]] = {one: {} for one in endpoint_ids}
    query = Table.select(Table.endpoint_id, Table.state, pw.fn.COUNT(Table.id)).where(
        Table.endpoint_id.in_(endpoint_ids)
    )
    rows: Any = query.group_by(Table.endpoint_id, Table.state).tuples()
    for endpoint_id, state, count in rows:
        found[endpoint_id][state] = count
    return found


def resend(
    endpoint: Endpoint, now: datetime, *, from_seq: int, to_seq: int, only_failed: bool = False
) -> int:
    """Inside a transaction: tell these events again, whatever became of them; returns how many. What the
    endpoint was never told of (it came later, or did not want it then) is told now."""
    span = (Event.seq >= from_seq) & (Event.seq <= min(to_seq, endpoint.cursor_seq))
    if endpoint.tenant_id != audit.PLATFORM:
        span &= Event.tenant_id == endpoint.tenant_id
    told = (Table.endpoint_id == endpoint.id) & (Table.seq >= from_seq) & (Table.seq <= to_seq)
    if only_failed:
        told &= Table.state == DeliveryState.FAILED.value
    again = {"state": PENDING, "attempts": 0, "next_at": now, "ended_at": None}
    count = int(Table.update(again).where(told & ~(_is_service() & _is_outdated(Table.event_id))).execute())
    return count if only_failed else count + _never_told(endpoint, span, now)


def _is_outdated(event_id: Any) -> Any:
    """Whether a later event says another thing about the same customer's service."""
    this, later = Event.alias(), Event.alias()
    query = (
        this.select(pw.SQL("1"))
        .join(later, on=(later.customer_id == this.customer_id))
        .where(
            (this.id == event_id)
            & (later.tenant_id == this.tenant_id)
            & (later.seq > this.seq)
            & _is_service(this)
            & _is_service(later)
        )
    )
    return pw.fn.EXISTS(query)


def _never_told(endpoint: Endpoint, span: Any, now: datetime) -> int:
    there = Table.select(Table.event_id).where(Table.endpoint_id == endpoint.id)
    query = Event.select(Event.id, Event.seq, Event.type, Event.tenant_id).where(
        span & Event.id.not_in(there) & ~(_is_service(Event) & _is_outdated(Event.id))
    )
    wanted = [event for event in query if endpoint.wants(event.type)]
    for event in wanted:
        Table.insert(
            endpoint_id=endpoint.id,
            tenant_id=event.tenant_id,
            event_id=event.id,
            seq=event.seq,
            type=event.type,
            state=PENDING,
            attempts=0,
            next_at=now,
            created_at=now,
        ).execute()
    return len(wanted)


# --- what alerts ask ----------------------------------------------------------------------------------


def _is_service(table: Any = Table) -> Any:
    """As `is_service_change`."""
    return table.type.startswith(SERVICE) & ~table.type.startswith(NO_CHANGE)


def unconfirmed_service(before: datetime) -> list[Delivery]:
    """Service changes that were first to be told before this, and that nobody confirmed."""
    late = _is_service() & (Table.state == PENDING) & (Table.created_at < before)
    return list(Delivery.select(late, order=Table.seq, limit=1000))


def has_pending_service(endpoint_id: str) -> bool:
    mine = (Table.endpoint_id == endpoint_id) & (Table.state == PENDING) & _is_service()
    return bool(Table.select().where(mine).exists())


def given_up(since: datetime) -> list[Delivery]:
    """Given up since then."""
    where = (Table.state == DeliveryState.FAILED.value) & (Table.ended_at >= since)
    return list(Delivery.select(where, order=Table.seq, limit=1000))
