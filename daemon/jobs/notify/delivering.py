"""Deliveries: each event to each endpoint that wants it, at least once, in order as far as they get through.

Every try is one request, and what came back is committed before the next is made: a crash anywhere repeats
at most one, under the same `webhook-id`. One worker serves an endpoint at a time; whoever fails is left alone
for a while, so that an endpoint that is slow or down delays nobody else.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog

from daemon.errors import Garbled, KeyAbsent, LeaseLost, RemoteError, Stopping, VaultError, WispbillError
from daemon.house import House
from daemon.jobs.notify import payload
from daemon.log import scrub
from daemon.model.ids import EVENT, new_id
from daemon.policy import delivery as policy
from daemon.store import deliveries, endpoints, events, records
from daemon.store.deliveries import Delivery
from daemon.store.endpoints import Endpoint, EndpointState
from daemon.store.fields import canonical
from daemon.wire import Wire, retry_after_s
from daemon.wire.signing import standard_headers

DEADLINE_S = 20.0
TURN = 50
"""Deliveries of one turn; then other endpoints have theirs."""
TURN_S = 30.0
SHOWN = 200
"""Characters of an answer that are kept."""
GONE = 410
BACK_AFTER = timedelta(minutes=10)
"""Down for longer than this, an endpoint that answers again is told its backlog at once."""

KEY_REST = timedelta(minutes=5)
"""Until it is looked again whether the master key is there."""

log = structlog.get_logger()


class OpenGate:
    """The platform's own endpoints have no rate of ours; what paces them is how they answer."""

    def enter(self, scope: str) -> None:
        pass

    def leave(self, scope: str, *, ok: bool | None) -> None:
        pass

    def told(self, name: str, remaining: float, resets_in_s: float | None = None) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status, or None where nobody answered; the text is scrubbed and short."""

    status: int | None
    text: str
    retry_after_s: float | None = None

    @property
    def ok(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def notify(house: House) -> list[str]:
    """Stamp what is new, make its deliveries; returns the endpoints that something is due for."""
    events.stamp(house.store)
    deliveries.enlist(house.store)
    return deliveries.due_endpoints(house.clock.now())


def deliver(house: House, endpoint_id: str) -> int:
    """One turn at an endpoint; returns how many events it took. Raises StoreError."""
    row = endpoints.claim(house.store, endpoint_id, house.name)
    if row is None:
        return 0
    try:
        return _turn(house, row)
    except (Stopping, LeaseLost):
        return 0
    finally:
        endpoints.release(house.store, row.id, house.name)


def _turn(house: House, row: Endpoint) -> int:
    try:
        secrets = endpoints.secrets_of(house.safe, row, house.clock.now())
    except KeyAbsent as error:  # the daemon says so elsewhere, and it heals by itself
        log.error("notify.key_absent", endpoint=row.id, text=error.message)
        rest = {"resume_at": house.clock.now() + KEY_REST, "fault_text": error.message}
        house.store.write("notify.rest", lambda: endpoints.update(row.id, **rest))
        return 0
    except VaultError as error:
        _stop(house, row, EndpointState.PAUSED, error.message)
        return 0
    taken, until = 0, house.clock.monotonic() + TURN_S
    with closing(wire_to(house, row)) as wire:
        while taken < TURN and house.clock.monotonic() < until and not house.stop.is_set():
            waiting = deliveries.due(row.id, house.clock.now(), limit=TURN - taken)
            if not waiting:
                break
            for one, event in zip(waiting, _events(waiting), strict=True):
                if not _tell(house, wire, row, secrets, one, event):
                    return taken
                taken += 1
                if house.clock.monotonic() >= until or house.stop.is_set():
                    break
    return taken


def _events(waiting: Sequence[Delivery]) -> list[records.Event]:
    found = events.by_ids(one.event_id for one in waiting)
    return [found[one.event_id] for one in waiting]


def _tell(
    house: House, wire: Wire, row: Endpoint, secrets: Sequence[str], one: Delivery, event: records.Event
) -> bool:
    """One try, and what came of it in one transaction; False ends the turn."""
    answer = send(house, wire, row, secrets, str(event.uid), payload.body_of(event))
    now = house.clock.now()
    record = _took if answer.ok else _refused
    state = house.store.write("notify.record", partial(record, house, row.id, one.id, answer, now))
    facts = {"endpoint": row.id, "message": event.uid, "type": event.type, "status": answer.status}
    if answer.ok:
        log.debug("notify.delivered", **facts)
    else:
        log.info("notify.failed", **facts, attempt=one.attempts + 1)
    return answer.ok and state == EndpointState.ACTIVE


def wire_to(house: House, row: Endpoint) -> Wire:
    """To public addresses, or to what `[network] allow` names."""
    if house.make_public is None:
        raise Stopping
    return house.make_public(f"endpoint {row.id}", OpenGate(), DEADLINE_S)


def send(
    house: House, wire: Wire, row: Endpoint, secrets: Sequence[str], message: str, body: bytes
) -> Answer:
    """One signed POST. Raises Stopping."""
    signed = standard_headers(message, house.clock.now(), body, secrets)
    headers = {"content-type": "application/json", "user-agent": "wispbill", **signed}
    try:
        reply = wire.request("POST", row.url, headers=headers, body=body)
    except Garbled as error:  # what it says beside its status does not matter
        return Answer(error.status_code, error.message[:SHOWN], error.retry_after)
    except RemoteError as error:
        return Answer(None, error.message[:SHOWN], error.retry_after)
    except Stopping:
        raise
    except WispbillError as error:
        return Answer(None, error.message[:SHOWN])
    text = _excerpt(reply.body, [*secrets, *signed.values()])
    return Answer(reply.status_code, text, retry_after_s(reply.headers, policy.MAX_RETRY_AFTER_S))


def _excerpt(body: bytes, hidden: Sequence[str]) -> str:
    """The beginning of an answer, without what was signed with and without what looks like a secret."""
    text = body[: SHOWN * 20].decode("utf-8", "replace")
    for secret in hidden:
        for part in secret.split():
            if len(part) >= 16:
                text = text.replace(part, "…")
    return scrub(text)[:SHOWN]


# --- what came back -----------------------------------------------------------------------------------


def _held(house: House, endpoint_id: str, delivery_id: int, now: datetime) -> tuple[Endpoint, Delivery]:
    """Inside a transaction: both as they are now; raises LeaseLost."""
    if not endpoints.keep(endpoint_id, house.name, now):
        raise LeaseLost
    return endpoints.get(endpoint_id), deliveries.get(delivery_id)


def _took(house: House, endpoint_id: str, delivery_id: int, answer: Answer, now: datetime) -> str:
    """Inside a transaction: the endpoint's state, which somebody may have changed meanwhile."""
    row, one = _held(house, endpoint_id, delivery_id, now)
    deliveries.succeeded(one, answer.status or 0, answer.text, now)
    fresh = {"failures": 0, "failing_since": None, "resume_at": None, "fault_text": None}
    endpoints.update(row.id, **fresh, succeeded_at=now, last_status=answer.status)
    if row.failing_since is not None and now - row.failing_since >= BACK_AFTER:
        deliveries.hasten(row.id, now)
    return row.state


def _refused(house: House, endpoint_id: str, delivery_id: int, answer: Answer, now: datetime) -> str:
    """Inside a transaction: when this event is tried again, and how long the endpoint is left alone."""
    row, one = _held(house, endpoint_id, delivery_id, now)
    fraction = house.entropy.fraction()
    next_s = policy.next_try_s(
        one.attempts + 1,
        for_ever=one.is_service or answer.status == GONE or not _takes_others(row, one),
        retry_after_s=answer.retry_after_s,
        fraction=fraction,
    )
    next_at = now + timedelta(seconds=next_s) if next_s is not None else None
    deliveries.failed(one, answer.status, answer.text, now, next_at)
    rest_s = policy.rest_s(row.failures + 1, retry_after_s=answer.retry_after_s, fraction=fraction)
    fault = f"It answered {answer.status}." if answer.status else answer.text
    since = row.failing_since or now
    endpoints.update(
        row.id,
        failures=row.failures + 1,
        failing_since=since,
        resume_at=now + timedelta(seconds=rest_s),
        last_status=answer.status,
        fault_text=fault,
    )
    if row.state != EndpointState.ACTIVE:
        return row.state
    if answer.status == GONE:
        text = "It answered 410 Gone, so it is told nothing more until somebody resumes it."
        endpoints.stop(row, EndpointState.DISABLED, text, actor="daemon", now=now)
    elif now - since >= _patience(house, row):
        text = (
            f"It has taken nothing since {since:%Y-%m-%d %H:%M} UTC and is paused; its events wait. {fault}"
        )
        endpoints.stop(row, EndpointState.PAUSED, text, actor="daemon", now=now)
    return row.state


def _takes_others(row: Endpoint, one: Delivery) -> bool:
    """Whether it took something since this event was first told: then it is the event that it does not take.
    Else the whole endpoint is down, which costs no event its place."""
    return one.first_at is not None and row.succeeded_at is not None and row.succeeded_at > one.first_at


def _patience(house: House, row: Endpoint) -> timedelta:
    """How long an endpoint may fail before it is paused: longer while a change of service waits."""
    patience = house.settings.notify
    waits = deliveries.has_pending_service(row.id)
    return timedelta(seconds=patience.service_for if waits else patience.pause_after)


def _stop(house: House, row: Endpoint, state: EndpointState, text: str) -> None:
    now = house.clock.now()
    work = partial(endpoints.stop, row, state, text, actor="daemon", now=now)
    house.store.write("notify.stop", work)
    log.error("notify.endpoint_stopped", endpoint=row.id, state=state.value)


# --- a test -------------------------------------------------------------------------------------------


def send_test(house: House, row: Endpoint) -> Answer:
    """Send a signed `endpoint.test` now. Raises VaultError."""
    now = house.clock.now()
    secrets = endpoints.secrets_of(house.safe, row, now)
    uid = new_id(EVENT, now, house.entropy)
    body = canonical(payload.test_document(uid, now)).encode()
    with closing(wire_to(house, row)) as wire:
        return send(house, wire, row, secrets, uid, body)
