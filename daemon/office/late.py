"""Whether an integration is read as often as it should be."""

from __future__ import annotations

from datetime import datetime

from daemon.model import RUNNING
from daemon.policy import poll_interval_s
from daemon.providers import provider_class
from daemon.settings import Settings
from daemon.store import records

LATE_POLLS = 3


def is_late(row: records.Integration, settings: Settings, now: datetime) -> bool:
    """Whether several polls that were due did not happen."""
    if row.state not in RUNNING or not row.pull_status:
        return False
    every_s = poll_interval_s(row.pace, provider_class(row.provider).can.min_poll_s)
    patience_s = max(LATE_POLLS * every_s, settings.monitoring.stale_after)
    return (now - (row.polled_at or row.created_at)).total_seconds() > patience_s
