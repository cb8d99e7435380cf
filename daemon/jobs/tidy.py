"""Tidy: a verified backup, retention, the destruction of secrets nobody needs, integrity checks.

Called every minute; which of its chores is due is a function of the rows of past runs and the time:

1. Watch the disk: with too little of it nothing is pushed.
2. Each chore has a period (a night, a week, an hour). The first to note a run for it does it; a run that
   a crash cut off is begun anew an hour later. A clock that was set back finds its periods done.
3. The backup comes first in the night, so that nothing is forgotten before it was kept once more.
"""

from __future__ import annotations

import hashlib
import hmac
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import partial

import structlog

from daemon.errors import StoreError, WispbillError
from daemon.house import House
from daemon.model import Document, IntegrationState
from daemon.store import (
    audit,
    backup,
    events,
    integrations,
    invariants,
    links,
    portal_links,
    replays,
    retention,
    runs,
    secrets,
    sessions,
    statistics,
    switching,
)
from daemon.store.database import said_plainly

LEFT_BEHIND = timedelta(hours=1)
"""A run without an end for so long was cut off by a crash."""

Work = Callable[[House, datetime], Document]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Chore:
    """One piece of tidying: its job name, the period that a moment falls into, what it does."""

    name: str
    period: Callable[[datetime, time], str]
    work: Work


def tidy(house: House) -> None:
    """Do what is due now. Faults of a chore become rows, events and log lines; raised is only that not even
    these can be written (StoreError), or Stopping."""
    watch_disk(house)
    for chore in CHORES:
        if house.stop.is_set():
            return
        _do(house, chore)


# --- the disk -----------------------------------------------------------------------------------------


def watch_disk(house: House) -> None:
    """Set or clear the pause for a full disk."""
    folder, least = house.settings.daemon.state_dir, house.settings.daemon.min_free_disk
    free = shutil.disk_usage(folder).free
    if free >= least:
        if house.pauses.pop("disk", None):
            log.info("disk.enough", free_mib=free >> 20)
            house.wake("push")
        return
    if "disk" not in house.pauses:
        log.error("disk.low", free_mib=free >> 20, least_mib=least >> 20)
    house.pauses["disk"] = f"{free >> 20} MiB are free in {folder}; at least {least >> 20} MiB are needed"


# --- when ---------------------------------------------------------------------------------------------


def _night(now: datetime, at: time) -> str:
    """The date of the last `at` that has passed, in UTC."""
    return (now - timedelta(hours=at.hour, minutes=at.minute)).date().isoformat()


def _week(now: datetime, at: time) -> str:
    year, week, _day = (now - timedelta(hours=at.hour, minutes=at.minute)).isocalendar()
    return f"{year}-W{week:02}"


def _hour(now: datetime, _at: time) -> str:
    return f"{now:%Y-%m-%dT%H}"


def _do(house: House, chore: Chore) -> None:
    """Claim the period, do the work, and write down what became of it; what a stopping daemon gave up is
    left as begun."""
    now = house.clock.now()
    due = chore.period(now, house.settings.tidy.at)
    if runs.is_done(chore.name, due):
        return
    run_id = house.store.write(f"{chore.name}.start", lambda: _claim(chore.name, due, now))
    if run_id is None:
        return
    counts, fault = _attempt(house, chore, now)
    if house.stop.is_set():
        return
    code = getattr(fault, "code", "WB-INTERNAL") if fault else None
    text = str(fault)[:500] if fault else None

    def finish() -> None:
        runs.finish(run_id, house.clock.now(), counts, fault_code=code, fault_text=text)
        if fault:
            events.append(
                audit.PLATFORM,
                f"{chore.name}.failed",
                now=house.clock.now(),
                data={"code": code, "period": due, "sentence": text},
            )

    house.store.write(f"{chore.name}.finish", finish)
    if fault:
        log.error(f"{chore.name}.failed", period=due, code=code, text=text)
    else:
        log.info(f"{chore.name}.finished", period=due, **counts)


def _claim(name: str, period: str, now: datetime) -> int | None:
    """Inside a transaction: the run's id, where the period is ours to do."""
    begun = runs.start(name, now, period=period)
    return begun or runs.take_over(name, period, now, older_than=now - LEFT_BEHIND)


def _attempt(house: House, chore: Chore, now: datetime) -> tuple[Document, Exception | None]:
    try:
        with said_plainly():
            return chore.work(house, now), None
    except WispbillError as error:
        return {}, error
    except Exception as error:
        log.exception(f"{chore.name}.crashed")
        return {}, error


# --- what ---------------------------------------------------------------------------------------------


def back_up(house: House, now: datetime) -> Document:
    """A verified backup; the oldest go. PostgreSQL has its own tools (docs/operating.md)."""
    path, folder = house.store.path, house.settings.backup_dir()
    if path is None:
        return {"skipped": "PostgreSQL is backed up with pg_dump"}
    made, facts = backup.make(path, folder, kind=backup.NIGHTLY, now=now, is_stopping=house.stop.is_set)
    gone = backup.prune(folder, kind=backup.NIGHTLY, keep=house.settings.tidy.keep_backups, now=now)
    return {
        "file": made.path.name,
        "bytes": facts.size,
        "rows": sum(facts.rows.values()),
        "removed": len(gone),
    }


def forget_old(house: House, now: datetime) -> Document:
    """Retention, in small transactions."""
    store, keep = house.store, house.settings.tidy
    return {
        "observations": retention.thin_observations(store, now - timedelta(seconds=keep.keep_observations)),
        "hints": retention.drop_used_hints(store, now - timedelta(seconds=keep.keep_hints)),
        "answers": store.write("tidy.answers", lambda: replays.forget_old(now)),
        "sessions": store.write("tidy.sessions", lambda: sessions.forget_old(now)),
        "drafts": store.write("tidy.drafts", lambda: secrets.forget_drafts(now)),
        "portal_links": store.write("tidy.portal_links", lambda: portal_links.forget_old(now)),
        "runs": retention.drop_runs(store, now - timedelta(seconds=keep.keep_runs)),
        "deliveries": retention.drop_deliveries(store, now - timedelta(seconds=keep.keep_deliveries)),
    }


def destroy_secrets(house: House, now: datetime) -> Document:
    """Integrations that were drained and have nothing open any more lose their credentials for good."""
    count = 0
    for integration in integrations.leaving():
        count += house.store.write("tidy.destroy", partial(_destroy, house, integration.id, now))
        house.providers.forget(integration.id)
    return {"integrations": count}


def _destroy(house: House, integration_id: str, now: datetime) -> bool:
    """Inside a transaction; looks again, since an invoice may have come meanwhile. While a switch can be
    undone its old integration may be wanted again."""
    integration = integrations.get(None, integration_id)
    if not links.all_closed(integration_id) or switching.can_be_undone(integration):
        return False
    house.safe.destroy(integration_id)
    audit.append(
        integration.tenant_id,
        actor="daemon",
        action="integration.secrets_destroyed",
        subject=integration_id,
        data={"provider": integration.provider, "reason": "its last invoice is closed"},
        now=now,
    )
    integrations.set_state(
        integration,
        IntegrationState.REMOVED,
        now=now,
        text="Its last invoice is closed: the integration is removed, its credentials are destroyed.",
    )
    return True


def optimise(house: House, _now: datetime) -> Document:
    """Fresh statistics for the query planner (https://sqlite.org/pragma.html#pragma_optimize)."""
    if house.store.is_sqlite:
        house.store.write("tidy.optimise", lambda: statistics.refresh(house.store))
    return {}


def check_integrity(house: House, _now: datetime) -> Document:
    """Every page of the live database, and the audit chain of every tenant."""
    if house.store.is_sqlite:
        words = [row[0] for row in house.store.db.execute_sql("PRAGMA integrity_check(5)")]
        if words != ["ok"]:
            house.pauses["check"] = f"the database is damaged: {words[0]}"
            raise StoreError("WB-DB-CORRUPT", house.pauses["check"])
    rows, broken = audit.verify()
    if broken:
        first = broken[0]
        raise StoreError("WB-AUDIT-BROKEN", f"audit chain {first.tenant_id}, row {first.seq}: {first.reason}")
    return {"audit_rows": rows}


def check_invariants(house: House, _now: datetime) -> Document:
    """What must be true of the rows whatever happened; the first violation is named in the event."""
    found = []
    for one in invariants.ALL:
        if house.stop.is_set():
            return {}
        found += invariants.checked(one)
    if found:
        first = found[0]
        log.error("tidy.violations", count=len(found), invariant=first.name, subject=first.subject)
        raise StoreError(
            "WB-DB-INCONSISTENT",
            f"{len(found)} rows break what must hold, the first: {first.name}: {first.subject}: "
            f"{first.sentence}. wispbill check tells them all",
        )
    return {"invariants": len(invariants.ALL), "invoices": invariants.size()}


def log_audit_heads(house: House, now: datetime) -> Document:
    """The ends of all chains, in the log outside the database: who rewrites a chain from its middle gives
    it another end."""
    heads = audit.heads()
    text = "\n".join(f"{name} {seq} {digest}" for name, (seq, digest) in sorted(heads.items()))
    sealed = hmac.new(house.safe.vault.derive(b"wispbill/audit/1"), text.encode(), hashlib.sha256)
    return {"chains": len(heads), "rows": sum(seq for seq, _ in heads.values()), "head": sealed.hexdigest()}


CHORES = (
    Chore("tidy.audit_head", _hour, log_audit_heads),
    Chore("tidy.backup", _night, back_up),
    Chore("tidy.retention", _night, forget_old),
    Chore("tidy.secrets", _night, destroy_secrets),
    Chore("tidy.optimise", _night, optimise),
    Chore("tidy.invariants", _night, check_invariants),
    Chore("tidy.check", _week, check_integrity),
)
