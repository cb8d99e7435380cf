"""When to try again, when to stop, when to hold, what may be sent: pure functions over rows and times."""

from daemon.policy.budget import Bucket, Meter, Window, left, others_go, restored, share_of, take, told
from daemon.policy.rules import (
    PACES_S,
    Breaker,
    Move,
    StepRules,
    StepView,
    brake_holds,
    next_move,
    poll_interval_s,
    retry_at,
    wait_before_sending_anew,
)

__all__ = [
    "PACES_S",
    "Breaker",
    "Bucket",
    "Meter",
    "Move",
    "StepRules",
    "StepView",
    "Window",
    "brake_holds",
    "left",
    "next_move",
    "others_go",
    "poll_interval_s",
    "restored",
    "retry_at",
    "share_of",
    "take",
    "told",
    "wait_before_sending_anew",
]
