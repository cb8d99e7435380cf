"""What needs a person, as the rows say it now: each cause with whom and what it concerns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from daemon.errors import CATALOGUE, InvalidInput
from daemon.house import House
from daemon.jobs.notify import agreeing
from daemon.jobs.remedies import settling
from daemon.log import scrub
from daemon.model import RUNNING, IntegrationState
from daemon.policy import poll_interval_s
from daemon.providers import provider_class
from daemon.store import (
    alerts,
    audit,
    deliveries,
    endpoints,
    events,
    grants,
    integrations,
    runs,
    service,
    tenants,
    views,
)
from daemon.store.alerts import Cause
from daemon.store.endpoints import EndpointState

STUCK = timedelta(hours=2)
STALE = timedelta(hours=1)
BACKUP = timedelta(hours=36)
LATE = timedelta(hours=3)
FAILING = timedelta(hours=1)
UNCONFIRMED = timedelta(minutes=15)
DAY = timedelta(days=1)
STARTING_S = 900.0
"""The check at the start takes minutes on a large database, and is no alarm."""
TICKS_S = 180.0
"""A tick that failed and went well the next time is in the log alone."""
CATCHING_UP_S = 600.0
"""A daemon that was down for hours has this long to read and send what it missed."""

MOMENTS = {"payment.reversed": "Payments were taken back", "invoice.missing": "Invoices vanished there"}

BROKEN = (IntegrationState.ERROR, IntegrationState.NEEDS_RECONNECT)


def causes(house: House, now: datetime) -> list[Cause]:
    """All of them."""
    return [cause for source in SOURCES for cause in source(house, now)]


def _integrations(house: House, now: datetime) -> Iterator[Cause]:
    unsent = alerts.oldest_unsent()
    for row in integrations.listing():
        name = f"{row.provider} {row.account_name or row.id}"
        concern = None
        if row.state in BROKEN:
            concern = alerts.at_integration(row.id)
            word = "needs to be connected again" if row.state == BROKEN[1] else "stopped with a fault"
            text = f"{scrub(row.fault_text or '')} See: wispbill integrations show {row.id}".strip()
            yield Cause(
                f"integration:{row.id}", row.tenant_id, "integration", f"{name} {word}", text, concern=concern
            )
        if row.brake is not None and not row.brake.get("released"):
            concern = concern or alerts.at_integration(row.id)
            text = f"A read brought too much bad news; look there, then {settling(row)}"
            count = int(row.brake.get("count", 1))
            yield Cause(f"brake:{row.id}", row.tenant_id, "brake", f"{name}: brake on", text, count, concern)
        if row.state in RUNNING:
            yield from _stuck(row.id, row.tenant_id, name, unsent.get(row.id), now)
        late = row.polled_at or row.created_at
        if row.state == IntegrationState.ACTIVE and row.pull_status and house.settings.pull.enabled:
            allowed = timedelta(seconds=poll_interval_s(row.pace, _floor_s(row.provider))) + STALE
            if now - late > allowed:
                text = f"Nothing was read since {late:%Y-%m-%d %H:%M} UTC, so cut-offs are held."
                concern = concern or alerts.at_integration(row.id)
                yield Cause(
                    f"stale:{row.id}",
                    row.tenant_id,
                    "stale",
                    f"{name}: status is old",
                    text,
                    1,
                    concern,
                    grace_s=CATCHING_UP_S,
                )


def _stuck(
    integration_id: str, tenant_id: str, name: str, oldest: datetime | None, now: datetime
) -> Iterator[Cause]:
    if oldest is not None and now - oldest > STUCK:
        text = f"An invoice of {oldest:%Y-%m-%d %H:%M} UTC is not sent yet; see: wispbill status"
        yield Cause(
            f"stuck:{integration_id}",
            tenant_id,
            "push_stuck",
            f"{name}: invoices wait",
            text,
            grace_s=CATCHING_UP_S,
        )


def _floor_s(provider: str) -> float:
    try:
        return provider_class(provider).can.min_poll_s
    except InvalidInput:
        return 0.0


def _refused(_house: House, _now: datetime) -> Iterator[Cause]:
    concerned = alerts.with_refused()
    for tenant in tenants.everyone():
        if tenant.id not in concerned:
            continue
        counts: dict[str | None, int] = defaultdict(int)
        for one in views.causes(tenant.id, limit=1000):
            counts[one.code] += one.count
        for code, count in counts.items():
            known = CATALOGUE.get(code or "")
            text = (
                f"{known.sentence if known else ''} See: wispbill status --tenant {tenant.reference}".strip()
            )
            concern = alerts.refused(tenant.id, code)
            title = f"{tenant.reference}: invoices refused, {code or 'without a code'}"
            yield Cause(f"refused:{tenant.id}:{code}", tenant.id, "push_failed", title, text, count, concern)


def _unbilled(_house: House, _now: datetime) -> Iterator[Cause]:
    found = alerts.unbilled()
    for tenant in tenants.everyone() if found else ():
        if tenant.id in found:
            count, people = found[tenant.id]
            text = f"See: wispbill plans subscriptions --held --tenant {tenant.reference}"
            title = f"{tenant.reference}: subscriptions are not billed"
            concern = alerts.Concern(people)
            yield Cause(f"unbilled:{tenant.id}", tenant.id, "unbilled", title, text, count, concern)


def _consents(_house: House, _now: datetime) -> Iterator[Cause]:
    for grant in grants.active():
        ends = grants.ends_at(grant)
        if grant.warned_days is None or ends is None:
            continue
        text = f"It ends at {ends:%Y-%m-%d %H:%M} UTC; type: wispbill integrations authorize {grant.provider}"
        title = f"{grant.provider}: a consent ends soon"
        rows = integrations.under(grant.id)
        concern = alerts.at_integration(rows[0].id) if rows else alerts.Concern()
        yield Cause(
            f"consent:{grant.id}", grant.tenant_id, "consent", title, text, max(1, len(rows)), concern
        )


def _brakes(_house: House, _now: datetime) -> Iterator[Cause]:
    for row in service.brakes():
        if row.released_at is None:
            text = f"{row.count} of {row.customers} customers would have been cut off; nobody was."
            title = "Cut-offs held: too many at once"
            concern = alerts.Concern(row.count)
            key = f"service_brake:{row.tenant_id}"
            yield Cause(key, row.tenant_id, "service_brake", title, text, row.count, concern)


def _jobs(house: House, now: datetime) -> Iterator[Cause]:
    for run in runs.newest_of_each():
        if run.integration_id is None and run.fault_code:
            text = scrub(f"{run.fault_code}: {run.fault_text or ''}")
            name = "backup" if run.job == "tidy.backup" else run.job
            yield Cause(f"job:{run.job}", audit.PLATFORM, "job", f"The last run of {name} failed", text)
        if run.job == "tidy.backup" and now - run.started_at > BACKUP:
            text = f"The last one began at {run.started_at:%Y-%m-%d %H:%M} UTC."
            yield Cause(
                "late:tidy.backup", audit.PLATFORM, "backup", "No backup since the night before", text
            )
    for name, sentence in list(house.failing.items()):
        title = f"The job {name} breaks off"
        yield Cause(f"tick:{name}", audit.PLATFORM, "job", title, scrub(sentence), grace_s=TICKS_S)
    for name, sentence in list(house.pauses.items()):
        grace_s = STARTING_S if name == "check" else 0.0
        yield Cause(
            f"pause:{name}", audit.PLATFORM, name, "Nothing is pushed", scrub(sentence), grace_s=grace_s
        )


def _endpoints(_house: House, now: datetime) -> Iterator[Cause]:
    rows = endpoints.listing()
    waiting = deliveries.counts([row.id for row in rows])
    for row in rows:
        name, queue = row.label or row.id, waiting[row.id].get("pending", 0)
        gone = row.state == EndpointState.DISABLED or _is_behind(row, now)
        failing = row.failing_since is not None and now - row.failing_since > FAILING
        if gone or failing:
            text = f"{scrub(row.fault_text or '')} See: wispbill endpoints show {row.id}".strip()
            title = f"Endpoint {name} takes nothing"
            yield Cause(f"endpoint:{row.id}", row.tenant_id, "endpoint", title, text, max(1, queue))


def _is_behind(row: endpoints.Endpoint, now: datetime) -> bool:
    """Whether it is paused, by whomever, and something has waited for long."""
    if row.state != EndpointState.PAUSED:
        return False
    waiting = events.feed(row.cursor_seq, tenant_id=row.tenant_id, limit=1)
    return bool(waiting) and now - waiting[0].at > FAILING


def _service(_house: House, now: datetime) -> Iterator[Cause]:
    late = deliveries.unconfirmed_service(now - UNCONFIRMED)
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for one in late:
        counts[one.endpoint_id, one.tenant_id] += 1
    for (endpoint_id, tenant_id), count in counts.items():
        text = f"The platform has not confirmed them; see: wispbill endpoints deliveries {endpoint_id}"
        key = f"service:{endpoint_id}:{tenant_id}"
        title = "Changes of service do not get through"
        yield Cause(key, tenant_id, "service", title, text, count, alerts.Concern(count), grace_s=120.0)


def _moments(_house: House, now: datetime) -> Iterator[Cause]:
    found: dict[tuple[str, str], list[str | None]] = defaultdict(list)
    for event in alerts.happened(list(MOMENTS), now - DAY):
        found[event.tenant_id, event.type].append(event.customer_id)
    for (tenant_id, type_), people in found.items():
        concern = alerts.Concern(len(set(people)))
        text = "Within a day; see: wispbill events"
        yield Cause(
            f"{type_}:{tenant_id}",
            tenant_id,
            type_,
            MOMENTS[type_],
            text,
            len(people),
            concern,
            lasting=False,
        )


def _given_up(_house: House, now: datetime) -> Iterator[Cause]:
    counts: dict[str, int] = defaultdict(int)
    for one in deliveries.given_up(now - DAY):
        counts[one.endpoint_id] += 1
    for endpoint_id, count in counts.items():
        text = f"To tell them again: wispbill endpoints resend {endpoint_id} --failed"
        title = "Events were given up after days of tries"
        yield Cause(f"given_up:{endpoint_id}", audit.PLATFORM, "given_up", title, text, count, lasting=False)


def _late(house: House, now: datetime) -> Iterator[Cause]:
    """Billing and service are looked at every hour; what pauses billing says so itself."""
    wanted = {
        "bill": house.settings.bill.enabled and not house.pushes_paused,
        "enforce": house.settings.enforce.enabled,
    }
    for job in (name for name, runs_now in wanted.items() if runs_now):
        last = runs.last_ended(job)
        if last is not None and now - last.started_at > LATE:
            text = f"The last run that came to its end began at {last.started_at:%Y-%m-%d %H:%M} UTC."
            title = f"The hourly {job} is late"
            yield Cause(f"late:{job}", audit.PLATFORM, "job", title, text, grace_s=CATCHING_UP_S)


Source = Callable[[House, datetime], Iterator[Cause]]

SOURCES: tuple[Source, ...] = (
    _integrations,
    _refused,
    _unbilled,
    _consents,
    _brakes,
    _jobs,
    _late,
    agreeing.differences,
    agreeing.unproven,
    _endpoints,
    _service,
    _moments,
    _given_up,
)
LASTING_NOT = frozenset({*MOMENTS, "given_up"})
"""Causes that were one moment's: nothing is told when they are over."""
