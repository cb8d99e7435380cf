"""Causes that are about the two books: what waits for a person, and what was not proven equal for days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from daemon.house import House
from daemon.model import IntegrationState
from daemon.store import alerts, integrations, records, sweeps, tenants
from daemon.store.alerts import Cause

UNPROVEN = timedelta(days=3)
"""Two nights may fail: a quota, an outage."""


def differences(_house: House, _now: datetime) -> Iterator[Cause]:
    """By tenant."""
    found = alerts.differing()
    for tenant in tenants.everyone() if found else ():
        if tenant.id in found:
            count, concern = found[tenant.id]
            title = f"{tenant.reference}: the books differ"
            text = f"See: wispbill exceptions --tenant {tenant.reference}"
            yield Cause(f"difference:{tenant.id}", tenant.id, "difference", title, text, count, concern)


def unproven(house: House, now: datetime) -> Iterator[Cause]:
    """Not where differences wait, or the brake holds changes: these are causes of their own, and as long as
    they last nothing is proven."""
    if not house.settings.sweep.enabled:
        return
    rows = [row for row in integrations.listing() if _is_compared(row)]
    differs = alerts.where_books_differ()
    passes = sweeps.of_all([row.id for row in rows])
    for row in rows:
        state = passes.get(row.id)
        proven = state.proven_at if state else None
        since = proven or row.created_at
        if row.id not in differs and now - since > UNPROVEN:
            name = f"{row.provider} {row.account_name or row.id}"
            last = "were last found equal" if proven else "were never found equal; it was added"
            text = (
                f"Both books {last} at {since:%Y-%m-%d %H:%M} UTC. "
                f"Type: wispbill sweep --integration {row.id}"
            )
            title = f"{name}: not proven equal for days"
            yield Cause(f"unproven:{row.id}", row.tenant_id, "unproven", title, text)


def _is_compared(row: records.Integration) -> bool:
    return row.state == IntegrationState.ACTIVE and row.pull_status and row.brake is None
