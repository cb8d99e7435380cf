"""A visit: one worker at one integration, for the length of one run of one job.

Claim the lease, build the adapter, do the work, write down what became of it, give the lease back.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from daemon.errors import (
    BrakeApplied,
    LeaseLost,
    Rationed,
    RemoteError,
    Stopping,
    Throttled,
    Unauthorised,
    VaultError,
    WispbillError,
)
from daemon.gate import IntegrationGate
from daemon.house import House
from daemon.model import RUNNING, IntegrationState
from daemon.policy import poll_interval_s, retry_at
from daemon.providers.base import Provider
from daemon.store import events, integrations, leases, meta, records, runs, secrets, tenants, usage
from daemon.store.journal import Book
from daemon.store.leases import Lease

PAUSE_S = 60.0
"""After a fault of ours, so that what breaks a run does not break one at every tick."""

PASSING = (Throttled, Stopping, LeaseLost, BrakeApplied)
"""These say nothing bad about the integration."""

log = structlog.get_logger()


@dataclass(slots=True)
class Tally:
    """What one run did: counts for its row and log line, the fault that ended it early, and the last
    `trouble` with the provider that it went on in spite of."""

    counts: dict[str, int] = field(default_factory=dict)
    fault: Exception | None = None
    trouble: RemoteError | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str, count: int = 1) -> None:
        with self._lock:
            self.counts[name] = self.counts.get(name, 0) + count


@dataclass(slots=True)
class Visit:
    """What a job works with at one integration."""

    house: House
    integration: records.Integration
    provider: Provider
    gate: IntegrationGate
    lease: Lease
    tally: Tally
    recovery: bool
    turn_ends: float = math.inf

    @property
    def turn_is_over(self) -> bool:
        """Whether the job is to leave the rest to its next run: others wait for this integration."""
        return self.house.clock.monotonic() >= self.turn_ends

    def take_turn(self, seconds: float) -> None:
        self.turn_ends = self.house.clock.monotonic() + seconds

    @property
    def now(self) -> datetime:
        return self.house.clock.now()

    @property
    def reread_s(self) -> float:
        """How soon an open invoice is read again: without a change feed, at the integration's pace."""
        can = self.provider.can
        if can.change_feed and can.feed_tells_all:
            return self.house.settings.pull.reread_open
        return poll_interval_s(self.integration.pace, can.min_poll_s)

    def book(self) -> Book:
        tenant = tenants.get(self.integration.tenant_id)
        return Book(
            store=self.house.store,
            lease=self.lease,
            tenant_id=tenant.id,
            tenant_reference=tenant.reference,
            integration_id=self.integration.id,
            account=self.integration.account_id or self.integration.id,
            can=self.provider.can,
            look_first=self.recovery,
        )


Work = Callable[[Visit], None]


def visit(
    house: House,
    integration_id: str,
    job: str,
    work: Work,
    *,
    states: Sequence[IntegrationState] = RUNNING,
) -> Tally | None:
    """Run `work` at the integration; None where somebody else is there, or it is in none of these states
    (any more). Never raises a RemoteError: faults become states, counts and one log line."""
    with house.store.session():
        lease = leases.claim(house.store, integration_id, house.name)
        if lease is None:
            return None
        started_at = house.clock.now()
        integration = integrations.get(None, integration_id)
        if integration.state not in states:
            lease.release()
            return None
        tally = Tally()
        try:
            provider = _enter(house, integration)
            recovery = meta.get(meta.RECOVERY) is not None
            gate = house.providers.gate(integration)
            work(Visit(house, integration, provider, gate, lease, tally, recovery))
        except LeaseLost as error:
            tally.fault = error
        except WispbillError as error:
            tally.fault = error
        except Exception:
            tally.fault = WispbillError("an internal error; the log has it")
            raise
        finally:
            _leave(house, integration, lease, job, started_at, tally)
        return tally


def _enter(house: House, integration: records.Integration) -> Provider:
    house.providers.gate(integration).load(integration.budget, integration.breaker)
    return house.providers(integration)


def _leave(
    house: House,
    integration: records.Integration,
    lease: Lease,
    job: str,
    started_at: datetime,
    tally: Tally,
) -> None:
    now = house.clock.now()
    gate = house.providers.gate(integration)
    budget, breaker = gate.dump()
    fault = tally.fault or tally.trouble
    code = getattr(fault, "code", None)
    text = str(fault)[:500] if fault else None
    worth_a_row = bool(tally.counts) or fault is not None

    def write() -> None:
        lease.guard()
        resume_at = _resume_at(house, gate, fault, now)
        integrations.update(integration.id, budget=budget, breaker=breaker, resume_at=resume_at)
        current = integrations.get(None, integration.id)
        if current.grant_id == integration.grant_id:  # else it was connected anew meanwhile
            _judge(current, fault, now)
        if worth_a_row:
            runs.record(
                job,
                integration_id=integration.id,
                started_at=started_at,
                finished_at=now,
                counts=tally.counts,
                fault_code=code,
                fault_text=text,
            )

    try:
        house.store.write(f"{job}.finish", write)
    except LeaseLost:
        log.warning(f"{job}.lease_lost", integration=integration.id)
    else:
        lease.release()
    _add_up(house, gate)
    if worth_a_row:
        log.info(
            f"{job}.finished",
            integration=integration.id,
            provider=integration.provider,
            calls=gate.calls,
            fault=code,
            **tally.counts,
        )


def _add_up(house: House, gate: IntegrationGate) -> None:
    """What was spent of a month's quota of our app, whoever held the lease, and what others spent."""
    spent = gate.shared.unsaved() if gate.shared else {}
    if gate.shared is not None and spent:
        app_id = gate.shared.app_id
        gate.shared.saved(spent, house.store.write("app.usage", lambda: usage.add(app_id, spent)))


def _judge(integration: records.Integration, fault: Exception | None, now: datetime) -> None:
    """What the run's fault means for the integration as a whole, as it is now: who paused or removed it
    meanwhile has the last word."""
    if integration.state not in RUNNING:
        return
    if isinstance(fault, Unauthorised):
        integrations.set_state(
            integration, IntegrationState.NEEDS_RECONNECT, now=now, code=fault.code, text=fault.message
        )
    elif isinstance(fault, VaultError):
        integrations.set_state(
            integration, IntegrationState.ERROR, now=now, code=fault.code, text=fault.message
        )
        if integration.id not in secrets.quarantined():
            return
        events.append(
            integration.tenant_id,
            "credential.quarantined",
            now=now,
            integration_id=integration.id,
            data={"sentence": "A sealed credential does not open; give the credentials again."},
        )
    elif isinstance(fault, WispbillError) and not isinstance(fault, PASSING):
        integrations.update(
            integration.id, fault_code=fault.code, fault_text=fault.message[:500], fault_at=now
        )
    elif fault is None and integration.fault_code:
        integrations.update(integration.id, fault_code=None, fault_text=None, fault_at=None)


def _resume_at(
    house: House, gate: IntegrationGate, fault: Exception | None, now: datetime
) -> datetime | None:
    """After trouble with the provider the integration pauses as a whole; others go on."""
    if gate.closed:
        return gate.closed
    if isinstance(fault, Throttled) and gate.used_up:
        return gate.used_up
    if isinstance(fault, Rationed):  # the other calls go on
        return now + timedelta(seconds=min(fault.retry_after or 0.0, PAUSE_S))
    if isinstance(fault, RemoteError):
        return retry_at(fault, gate.straight_failures, now, house.entropy.fraction())
    if isinstance(fault, WispbillError) and not isinstance(fault, PASSING):
        return now + timedelta(seconds=PAUSE_S)
    return None


def is_over(house: House, error: Exception) -> bool:
    """Whether an error ends the whole run, not only one invoice of it."""
    return house.stop.is_set() or isinstance(error, Unauthorised | LeaseLost | Stopping | VaultError)
