"""The doctor on what the rows say: recovery, clock, integrations, webhooks, the last runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from daemon.cli.context import Desk
from daemon.cli.doctor.finding import Finding, bad, ok, warn
from daemon.clock import from_micros
from daemon.model import IntegrationState as S
from daemon.model.states import Duty

if TYPE_CHECKING:
    from daemon.store import records
    from daemon.store.database import Store

BEHIND = timedelta(minutes=5)
SILENT = timedelta(days=7)
STALE_POLLS = 3


def examine(desk: Desk, store: Store, now: datetime) -> Iterator[Finding]:
    from daemon.store import integrations

    yield from recovery()
    yield clock(now)
    yield from last_runs()
    yield from billing()
    yield from cutting(desk)
    found = integrations.listing()
    if not found:
        yield warn("integrations", "there is none: nothing is pushed", "wispbill integrations add stripe")
    for integration in found:
        yield from state(integration)
        yield from staleness(desk, integration, now)
    yield from webhooks(desk, found, now)
    yield from consents(desk, found, now)
    yield from queue()


def recovery() -> Iterator[Finding]:
    from daemon.store import restore

    found = restore.recovery()
    if found is not None:
        yield warn(
            "recovery",
            f"on since {from_micros(found['since']):%Y-%m-%d %H:%M} UTC, from {found['from']}: every first "
            f"push looks before it sends; still waiting: {sum(restore.still_waiting().values())}",
            "enter again what was pushed since, then wispbill recovery end",
        )


def cutting(desk: Desk) -> Iterator[Finding]:
    """Brakes on cut-offs, cut-offs that are held, and plans of tenants that are not there."""
    from daemon.store import service, tenants

    known = {tenant.id: tenant.reference for tenant in tenants.everyone()}
    for own in desk.settings.dunning.tenants:
        if own.tenant not in known.values():
            yield warn("dunning", f"[[dunning.tenants]] names {own.tenant!r}, and there is no such tenant")
    for brake in service.brakes():
        if brake.released_at is None:
            told = f"the brake holds {brake.count} of {known[brake.tenant_id]}: too many in a day"
            yield bad("cut-offs", told, f"wispbill enforce --tenant {known[brake.tenant_id]} --held")
    held = service.held()
    if held:
        since = f"{min(row.since for row in held):%Y-%m-%d %H:%M} UTC"
        yield ok("cut-offs", f"{len(held)} held, the oldest since {since}: wispbill enforce --held says why")


def clock(now: datetime) -> Finding:
    """Against the last time that a daemon wrote down."""
    from daemon.store import meta

    seen = meta.get(meta.CLOCK)
    if seen is None:
        return ok("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC; no daemon has seen another")
    ahead = now - from_micros(seen)
    if ahead < -BEHIND:
        return bad("clock", f"it is {-ahead} behind what the daemon last saw", "timedatectl set-ntp true")
    return ok("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC")


def last_runs() -> Iterator[Finding]:
    """The nightly chores that failed the last time."""
    from daemon.store import runs

    for run in runs.newest_of_each():
        if run.job.startswith("tidy.") and run.fault_code:
            yield bad(run.job, f"{run.fault_code}: {run.fault_text}", "wispbill backup, and look at the log")


def billing() -> Iterator[Finding]:
    """Subscriptions that wait for a person."""
    from daemon.store import subscriptions

    held = subscriptions.count_held()
    if held:
        told = ", ".join(f"{code}: {count}" for code, count in held.items())
        yield warn("billing", f"not billed: {told}", "wispbill plans subscriptions --held --tenant TENANT")


def state(integration: records.Integration) -> Iterator[Finding]:
    from daemon.jobs.remedies import settling

    about, fault = _about(integration), integration.fault_text or ""
    match S(integration.state):
        case S.NEEDS_RECONNECT | S.ERROR:
            yield bad(about, f"{integration.state}: {fault}", settling(integration))
        case S.TESTING:
            missing = ", ".join(integration.test_missing) or "it was not tested yet"
            yield warn(about, f"testing: {missing}", f"wispbill integrations test {integration.id}")
        case S.PAUSED if integration.duty == Duty.STANDS_BY:
            yield ok(about, f"stands by for {integration.follows_id}")
        case S.PAUSED:
            yield warn(about, "paused: it is neither pushed to nor read")
        case _ if integration.brake and not integration.brake.get("released"):
            yield bad(about, "the brake holds what was read", settling(integration))
        case _ if integration.fault_code:
            yield warn(about, f"{integration.fault_code}: {fault}; it is tried again by itself")
        case _:
            yield ok(about, f"{integration.state}, {integration.account_name or integration.account_id}")


def staleness(desk: Desk, integration: records.Integration, now: datetime) -> Iterator[Finding]:
    """Running, meant to be read, and not read for three times its pace."""
    from daemon.policy import poll_interval_s
    from daemon.providers import provider_class

    if integration.state not in (S.ACTIVE, S.DRAINING) or not integration.pull_status:
        return
    floor_s = provider_class(integration.provider).can.min_poll_s
    patience_s = max(
        STALE_POLLS * poll_interval_s(integration.pace, floor_s), desk.settings.monitoring.stale_after
    )
    since = integration.polled_at or integration.created_at
    if now - since > timedelta(seconds=patience_s):
        yield bad(
            _about(integration),
            f"last read {(now - since) // timedelta(minutes=1)} minutes ago",
            f"wispbill pull --integration {integration.id}",
        )


def webhooks(desk: Desk, found: list[records.Integration], now: datetime) -> Iterator[Finding]:
    registered = [x for x in found if x.webhook_id and x.state in (S.ACTIVE, S.DRAINING)]
    if registered and not desk.settings.receiver.public_url:
        yield warn(
            "webhooks",
            f"{len(registered)} are registered, but receiver.public_url is empty",
            "set receiver.public_url",
        )
    for integration in registered:
        heard = integration.webhook_seen_at
        if integration.pushed_at and (heard or integration.created_at) < now - SILENT:
            last = f"{heard:%Y-%m-%d}" if heard else "never"
            yield warn(
                _about(integration),
                f"its webhook is silent (last: {last}); the schedule misses nothing, only later",
                f"look whether {integration.webhook_url} can be reached from outside",
            )


def consents(desk: Desk, found: list[records.Integration], now: datetime) -> Iterator[Finding]:
    """Those that end soon, and apps whose owners' browsers are not sent back to us."""
    from daemon.cli import consents as shown
    from daemon.store import apps

    for problem in shown.problems(found, now):
        yield warn("consents", problem["sentence"], problem["command"])
    public, enabled = desk.settings.receiver.public_url, desk.settings.receiver.enabled
    for app in apps.listing():
        if not (enabled and public and app.redirect_uri.startswith(f"{public}/")):
            yield warn(
                "consents",
                f"{app.provider} {app.id} sends browsers to {app.redirect_uri}, which is not us",
                "wispbill integrations authorize --paste -",
            )


def queue() -> Iterator[Finding]:
    from daemon.jobs.remedies import giving_again
    from daemon.store import links, secrets

    counts = links.count_by_state()
    failed, unassigned = counts.get("failed", 0), links.unassigned()
    if failed:
        yield warn("invoices", f"{failed} failed and wait for a person", "wispbill status")
    if unassigned:
        yield warn(
            "invoices", f"{unassigned} have no integration that serves them", "wispbill integrations list"
        )
    for owner_id in secrets.quarantined():
        yield bad(
            "credentials",
            f"a secret of {owner_id} does not open and is quarantined",
            giving_again(owner_id),
        )


def _about(integration: records.Integration) -> str:
    return f"{integration.provider} {integration.id}"
