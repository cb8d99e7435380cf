"""Enforce: service follows the money; it alone writes a customer's service status.

1. A change of an invoice's status, its due date, or of what people say leaves a row in `service_check`, in
   the same transaction, and wakes the job: within seconds that customer is looked at. Better is immediate.
2. Once an hour everybody who is overdue is looked at, on the calendar of the tenant's zone: steps are taken
   once per debt, in their order, within the hours.
3. Nobody is throttled or suspended without a fresh read of the invoice (`daemon.dunning.guard`). Where only
   that is wanting a hint asks for it; pull reads and wakes this job, which then decides anew.
4. Who may be cut off is counted before anybody is; when it is too many in a day the brake holds all of them.
"""

from daemon.jobs.enforce.acting import Outcome
from daemon.jobs.enforce.gathering import ground_of
from daemon.jobs.enforce.holding import HeldCutoff, held_cutoffs
from daemon.jobs.enforce.running import (
    enforce,
    enforce_some,
    enforce_tenant,
    look_at_woken,
    look_up,
    plan_tenant,
    release_brake,
)

__all__ = [
    "HeldCutoff",
    "Outcome",
    "enforce",
    "enforce_some",
    "enforce_tenant",
    "ground_of",
    "held_cutoffs",
    "look_at_woken",
    "look_up",
    "plan_tenant",
    "release_brake",
]
