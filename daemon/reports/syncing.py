"""Syncs: how each integration did, and how long news took in both directions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction
from typing import Any

from daemon.house import House
from daemon.office import quotas
from daemon.reports.accounts import name_of
from daemon.reports.asking import Asked
from daemon.reports.shape import Column, Kind, Report, Row
from daemon.store import integrations, records
from daemon.store.reporting import syncing
from daemon.store.reporting.syncing import Lag, Runs

TITLE = "Syncs"
USUAL_DAYS = 30

COLUMNS = (
    Column("account", "Account"),
    Column("state", "State"),
    Column("pushes_done", "Pushes", Kind.COUNT),
    Column("pushes_failed", "Failed", Kind.COUNT),
    Column("pulls_done", "Pulls", Kind.COUNT),
    Column("pulls_failed", "Failed", Kind.COUNT),
    Column("success", "Success", Kind.SHARE),
    Column("refused", "Refused", Kind.COUNT),
    Column("push_lag_p50", "Push lag, half", Kind.DURATION),
    Column("push_lag_p95", "95 of 100", Kind.DURATION),
    Column("pull_lag_p50", "Pull lag, half", Kind.DURATION),
    Column("pull_lag_p95", "95 of 100", Kind.DURATION),
    Column("last_push", "Last good push", Kind.MOMENT),
    Column("last_pull", "Last good pull", Kind.MOMENT),
    Column("quota", "Quota used"),
)

NOTES = (
    "A run fails where the account was not reached, refused it or answered nonsense; runs are kept for as "
    "long as keep_runs says.",
    "Push lag: from entering an invoice to the provider having it. Pull lag: from a payment there to its "
    "being seen here, of payments that the provider tells with a time of day.",
)


def report(house: House, asked: Asked) -> Report:
    asked.takes("since", "until")
    first, last = asked.days(USUAL_DAYS)
    span = (asked.begins(first), asked.begins(last + timedelta(days=1)))
    tenant_id = asked.tenant.id
    ran, refused = syncing.runs(tenant_id, span), syncing.refused(tenant_id)
    pushed, seen = syncing.pushing(tenant_id, span), syncing.seeing(tenant_id, span)
    accounts = integrations.listing(tenant_id)
    spent = quotas.of_integrations(house.settings, accounts, asked.now)
    rows = tuple(
        {
            **_account(one),
            **_ran(ran.get((one.id, "push"), Runs()), ran.get((one.id, "pull"), Runs())),
            "refused": refused.get(one.id, 0),
            **_lag("push", pushed.get(one.id)),
            **_lag("pull", seen.get(one.id)),
            "quota": _used(spent.get(one.id, {})),
        }
        for one in accounts
    )
    return Report(
        name="syncs",
        title=TITLE,
        tenant=asked.tenant,
        as_of=asked.now,
        parameters={"from": first.isoformat(), "to": last.isoformat()},
        columns=COLUMNS,
        rows=rows,
        notes=NOTES,
    )


def _account(one: records.Integration) -> Row:
    return {"account": name_of(one), "integration_id": one.id, "state": one.state.replace("_", " ")}


def _ran(push: Runs, pull: Runs) -> Row:
    done, whole = push.done + pull.done, push.done + pull.done + push.failed + pull.failed
    return {
        "pushes_done": push.done,
        "pushes_failed": push.failed,
        "pulls_done": pull.done,
        "pulls_failed": pull.failed,
        "success": Fraction(done, whole) if whole else None,
        "last_push": push.last_good,
        "last_pull": pull.last_good,
    }


def _lag(name: str, lag: Lag | None) -> Row:
    return {f"{name}_lag_p50": lag.p50 if lag else None, f"{name}_lag_p95": lag.p95 if lag else None}


def _used(spent: Mapping[str, Any]) -> str | None:
    """`12 of 4000 (day)`, for each limit that has a name."""
    told = [f"{x['calls'] - x['left']} of {x['calls']} ({x['name']})" for x in spent.get("quotas", ())]
    return ", ".join(told) or None
