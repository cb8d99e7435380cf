"""What a push that did not get through means for its invoice."""

from __future__ import annotations

from datetime import datetime

from daemon.errors import (
    LeaseLost,
    NotYet,
    PayerUndecided,
    Rejected,
    RemoteError,
    Stopping,
    Throttled,
    Unauthorised,
    Unreachable,
    WispbillError,
)
from daemon.jobs.visit import Visit
from daemon.model import SyncState
from daemon.policy import retry_at
from daemon.store import records


def verdict(
    visit: Visit, link: records.Link, error: WispbillError, now: datetime
) -> tuple[SyncState, datetime | None, str]:
    """The link's state after a failed try, its next try, and the code to show."""
    if isinstance(error, Unauthorised | PayerUndecided):
        return SyncState.PARKED, None, error.code
    in_doubt = link.state in (SyncState.UNCONFIRMED, SyncState.SENDING)
    unsent = SyncState.UNCONFIRMED if in_doubt else SyncState.PENDING
    if isinstance(error, Stopping | LeaseLost):
        return unsent, now, error.code
    if isinstance(error, Rejected) or not isinstance(error, RemoteError | NotYet):
        return SyncState.FAILED, None, error.code
    rules = visit.house.settings.push
    tried_s = (now - (link.first_tried_at or now)).total_seconds()
    if link.attempts >= rules.max_tries or tried_s > rules.give_up_after:
        return SyncState.FAILED, None, "WB-PUSH-EXHAUSTED"
    next_at = retry_at(error, link.attempts, now, visit.house.entropy.fraction())
    landed_maybe = not isinstance(error, Throttled | Unreachable)
    return (SyncState.UNCONFIRMED if landed_maybe else unsent), next_at, error.code
