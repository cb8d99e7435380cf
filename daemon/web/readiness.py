"""Is the daemon doing its work? Each reason why not is a sentence; tenants and customers are not named."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from daemon.beats import Beats
from daemon.errors import InvalidInput, StoreError
from daemon.house import House
from daemon.model import IntegrationState
from daemon.policy import poll_interval_s
from daemon.providers import provider_class
from daemon.store import integrations, records, secrets

NAMED = 10
"""Stale integrations named one by one; the rest is a number."""


def reasons(house: House, beats: Beats) -> list[str]:
    """Why the daemon is not ready; empty when it is. The house's own guard writes to the database every
    30 s and says in `house.pauses` when it cannot; here it is only read."""
    found = ["the daemon is stopping"] if house.stop.is_set() else []
    found += [f"nothing is pushed: {sentence}" for sentence in list(house.pauses.values())]
    found += [f"the thread {name!r} gave no sign of life in time" for name in beats.late()]
    try:
        with house.store.session():
            found += _missing_keys(house)
            found += _stale(house, house.clock.now())
    except StoreError as error:
        found.append(f"the database cannot be read: {error.message}")
    return found


def _missing_keys(house: House) -> Iterator[str]:
    for key_id, count in sorted(secrets.count_by_key().items()):
        if not house.safe.vault.has(key_id):
            yield f"master key {key_id} is missing, and {count} secrets are sealed with it"


def _stale(house: House, now: datetime) -> Iterator[str]:
    if not house.settings.pull.enabled:
        return
    slack_s = house.settings.monitoring.stale_after
    late = [row for row in integrations.listing() if _is_stale(row, now, slack_s)]
    for row in late[:NAMED]:
        since = f"since {row.polled_at:%Y-%m-%d %H:%M} UTC" if row.polled_at else "yet"
        fault = f"; its last fault is {row.fault_code}" if row.fault_code else ""
        yield f"integration {row.id} was not polled {since}, at the pace {row.pace}{fault}"
    if len(late) > NAMED:
        yield f"{len(late) - NAMED} more integrations were not polled in time"


def _is_stale(row: records.Integration, now: datetime, slack_s: float) -> bool:
    """An active integration whose last poll is older than its pace and the operator's slack allow."""
    if row.state != IntegrationState.ACTIVE or not row.pull_status:
        return False
    pace_s = poll_interval_s(row.pace, _floor_s(row.provider))
    return now - (row.polled_at or row.created_at) > timedelta(seconds=pace_s + slack_s)


def _floor_s(provider: str) -> float:
    """The provider's shortest sensible polling interval; none where its package is not installed."""
    try:
        return provider_class(provider).can.min_poll_s
    except InvalidInput:
        return 0.0
