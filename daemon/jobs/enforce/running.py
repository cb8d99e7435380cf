"""Running: who was paid for is looked at within seconds, everybody overdue once an hour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

import structlog

from daemon.dunning import QUIET, Verdict, decide
from daemon.errors import Stopping, StoreError
from daemon.house import House
from daemon.jobs.enforce import braking
from daemon.jobs.enforce.acting import Outcome, look
from daemon.jobs.enforce.gathering import Ground, gather, ground_of
from daemon.model import Document
from daemon.store import audit, customers, events, records, runs, service, tenants

DAEMON = "daemon"
BATCH = 100
"""Customers looked at in one transaction."""

LEFT_BEHIND = timedelta(minutes=15)
"""A run without an end for so long was cut off by a crash; one that merely is slow is harmless to meet."""

AGAIN = timedelta(minutes=10)
"""When a look that failed is tried again."""

log = structlog.get_logger()


def enforce(house: House) -> None:
    """Called every few seconds, and whenever money moved: looks at whom something concerns, and the first
    to note the run of this hour looks at everybody who is overdue."""
    with suppress(Stopping):
        look_at_woken(house)
        _hourly(house)


# --- woken --------------------------------------------------------------------------------------------


def look_at_woken(house: House, *, actor: str = DAEMON, cutting: bool = True) -> Outcome:
    """All who wait for a look, the longest waiting first. A look that breaks keeps no other back. Unless
    `cutting`, nobody is cut off by it; whoever may be is by the next hour's run."""
    started, total = house.clock.now(), Outcome()
    while not house.stop.is_set():
        waiting = service.waiting(house.clock.now(), BATCH)
        if not waiting:
            break
        by_tenant: dict[str, list[str]] = {}
        for tenant_id, customer_id in waiting:
            by_tenant.setdefault(tenant_id, []).append(customer_id)
        for tenant_id, customer_ids in by_tenant.items():
            total.take(_look_safely(house, tenant_id, customer_ids, actor, cutting=cutting))
            total.add("looked", len(customer_ids))
    if set(total.counts) - {"looked"}:
        _record(house, started, total.counts)
    return total


def _look_safely(
    house: House, tenant_id: str, customer_ids: Sequence[str], actor: str, *, cutting: bool
) -> Outcome:
    """Where not even the tenant can be looked at, its customers wait a while, and others do not wait."""
    try:
        return enforce_some(house, tenants.get(tenant_id), customer_ids, actor=actor, cutting=cutting)
    except (Stopping, StoreError):
        raise
    except Exception:
        log.exception("enforce.tenant_failed", tenant=tenant_id)
        _postpone(house, customer_ids)
        return Outcome({"failed": len(customer_ids)})


def _postpone(house: House, customer_ids: Sequence[str]) -> None:
    until = house.clock.now() + AGAIN

    def work() -> None:
        for customer_id in customer_ids:
            service.postpone(customer_id, until)

    house.store.write("enforce.postpone", work)


def _record(house: House, started: datetime, counts: dict[str, int]) -> None:
    now = house.clock.now()
    house.store.write(
        "enforce.record",
        lambda: runs.record("enforce.woken", started_at=started, finished_at=now, counts=counts),
    )
    log.info("enforce.woken", **counts)


# --- every hour ---------------------------------------------------------------------------------------


def _hourly(house: House) -> None:
    now = house.clock.now()
    hour = f"{now:%Y-%m-%dT%H}"
    if runs.is_done("enforce", hour):
        return
    run_id = house.store.write("enforce.start", lambda: _claim(hour, now))
    if run_id is None:
        return
    total, fault = _everyone(house)
    if house.stop.is_set():
        return
    code = str(getattr(fault, "code", "WB-INTERNAL")) if fault else None
    text = str(fault)[:500] if fault else None

    def finish() -> None:
        runs.finish(run_id, house.clock.now(), total.counts, fault_code=code, fault_text=text)

    house.store.write("enforce.finish", finish)
    log.info("enforce.finished", period=hour, fault=code, **total.counts)


def _claim(hour: str, now: datetime) -> int | None:
    begun = runs.start("enforce", now, period=hour)
    return begun or runs.take_over("enforce", hour, now, older_than=now - LEFT_BEHIND)


def _everyone(house: House) -> tuple[Outcome, Exception | None]:
    """One tenant's trouble keeps no other's back; returned is the last."""
    total, fault = Outcome({"tenants": 0}), None
    for tenant in tenants.everyone():
        if house.stop.is_set():
            break
        try:
            total.take(enforce_tenant(house, tenant))
            total.add("tenants")
        except Stopping:
            break
        except Exception as error:
            log.exception("enforce.failed", tenant=tenant.reference)
            fault = error
            data: Document = {
                "code": str(getattr(error, "code", "WB-INTERNAL")),
                "sentence": f"Looking at overdue invoices failed: {error}",
            }
            house.store.write("enforce.failed", partial(_note_failure, tenant.id, data, house.clock.now()))
    return total, fault


def _note_failure(tenant_id: str, data: Document, now: datetime) -> None:
    events.append(tenant_id, "enforce.failed", now=now, data=data)


# --- one tenant ---------------------------------------------------------------------------------------


def enforce_tenant(house: House, tenant: records.Tenant, *, actor: str = DAEMON) -> Outcome:
    """Everybody who is overdue, or without full service."""
    ground = ground_of(house, tenant)
    outcome = enforce_some(
        house, tenant, service.concerned(tenant.id, ground.moment.today), actor=actor, sweeping=True
    )
    if service.brake(tenant.id) is not None:
        house.store.write("enforce.brake", lambda: _ease_brake(tenant.id, house.clock.now()))
    return outcome


def enforce_some(
    house: House,
    tenant: records.Tenant,
    customer_ids: Sequence[str],
    *,
    actor: str = DAEMON,
    sweeping: bool = False,
    cutting: bool = True,
) -> Outcome:
    """Better comes at once; who may be cut off is counted, and cut off unless that is too many. While
    everybody is looked at, who was paid for meanwhile goes first."""
    ground, outcome = ground_of(house, tenant), Outcome()
    for chunk in _chunks(customer_ids):
        if house.stop.is_set():
            raise Stopping
        if sweeping:
            look_at_woken(house)
        outcome.take(_look(house, ground, chunk, actor, cutting=False))
    if _brakes(house, ground, outcome):
        ground = ground_of(house, tenant)
    for chunk in _chunks(list(dict.fromkeys(outcome.ready)) if cutting else ()):
        if house.stop.is_set():
            raise Stopping
        outcome.take(_look(house, ground, chunk, actor, cutting=True))
    if outcome.asked:
        house.wake("pull")
    return outcome


def _look(house: House, ground: Ground, chunk: Sequence[str], actor: str, *, cutting: bool) -> Outcome:
    """Each batch at its own moment: the reads that the guard leans on must not grow old meanwhile. A customer
    at whom the look breaks keeps no other back."""
    label = "enforce.cut" if cutting else "enforce.look"

    def work() -> Outcome:
        return look(house, ground_of(house, ground.tenant), chunk, actor=actor, cutting=cutting)

    try:
        return house.store.write(label, work)
    except (Stopping, StoreError):
        raise
    except Exception as error:
        if len(chunk) == 1:
            log.exception("enforce.look_failed", tenant=ground.tenant.reference, customer=chunk[0])
            _postpone(house, chunk)
            return Outcome({"failed": 1})
        log.warning("enforce.batch_failed", tenant=ground.tenant.reference, text=str(error))
    outcome = Outcome()
    for customer_id in chunk:
        outcome.take(_look(house, ground, [customer_id], actor, cutting=cutting))
    return outcome


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]


# --- the brake ----------------------------------------------------------------------------------------


def _brakes(house: House, ground: Ground, outcome: Outcome) -> bool:
    """Whether those who would be cut off are too many, those who merely wait for a read counted too."""
    tenant, now = ground.tenant, house.clock.now()
    if not outcome.ready and not outcome.counts.get("held"):
        return False
    would = {row.customer_id for row in service.held(tenant.id) if row.code in QUIET} | set(outcome.ready)
    if not braking.too_many(tenant.id, would, house.settings.enforce, now):
        return False

    def work() -> None:
        service.take_turns(tenant.id)
        braking.apply(tenant, would, now)

    house.store.write("enforce.brake", work)
    return True


def _ease_brake(tenant_id: str, now: datetime) -> None:
    """Inside a transaction: the brake goes where it holds nothing, or was released a day ago."""
    known = service.brake(tenant_id)
    if known is None:
        return
    holds = known.released_at is None and service.held(tenant_id)
    lasts = known.released_at is not None and known.released_at > now - service.DAY
    if not holds and not lasts:
        service.drop_brake(tenant_id)


def release_brake(house: House, tenant: records.Tenant, *, actor: str) -> bool:
    """Let what the brake holds go on, for a day. False where it holds nothing."""
    now = house.clock.now()
    known = service.brake(tenant.id)

    def work() -> bool:
        if known is None or not service.release_brake(tenant.id, now):
            return False
        service.note(tenant.id, [row.customer_id for row in service.held(tenant.id)], now)
        data = {"count": known.count, "customers": known.customers}
        told = data | {"sentence": "The brake on cut-offs was released for a day."}
        events.append(tenant.id, "service.brake_released", now=now, data=told)
        audit.append(
            tenant.id, actor=actor, action="service.brake_released", subject=tenant.id, data=data, now=now
        )
        return True

    released = house.store.write("enforce.release", work)
    if released:
        house.wake("enforce")
    return released


# --- a look alone -------------------------------------------------------------------------------------


def plan_tenant(
    house: House, tenant: records.Tenant, *, after: str = ""
) -> Iterator[tuple[records.Customer, Verdict]]:
    """What a run would do now; nothing is written. By customer id, from behind `after`."""
    ground = ground_of(house, tenant)
    ids = [one for one in service.concerned(tenant.id, ground.moment.today) if one > after]
    for chunk in _chunks(ids):
        gathered = gather(ground, chunk)
        for person in gathered.people:
            verdict = decide(person, ground.rules, ground.moment)
            if not verdict.is_idle or verdict.held is not None:
                yield gathered.rows[person.customer_id], verdict


def look_up(house: House, tenant: records.Tenant, customer_id: str) -> tuple[Ground, Verdict]:
    """One customer as they stand now."""
    ground = ground_of(house, tenant)
    row = customers.get(tenant.id, customer_id)
    (person,) = gather(ground, [row.id]).people
    return ground, decide(person, ground.rules, ground.moment)
