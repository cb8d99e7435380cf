"""When an event is tried again, and how long an endpoint rests after a failure. Seconds and counts."""

from __future__ import annotations

SCHEDULE_S = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""After each failed try; with the first, at once, ten tries in 75 h 35 min
(standard-webhooks, spec/standard-webhooks.md, "Deliverability and reliability")."""

DAILY_S = 86_400
JITTER = 0.1
IN_ORDER = 2
"""An event that failed so often, or less, holds back the later ones, for five minutes in all; after that it
steps aside."""

MAX_RETRY_AFTER_S = 86_400.0
REST_S, LONGEST_REST_S = 5.0, 300.0


def next_try_s(
    attempts: int, *, for_ever: bool, retry_after_s: float | None, fraction: float
) -> float | None:
    """Seconds until the next try after the `attempts`-th (from 1) failed; None: give up. `for_ever`: beyond
    the schedule daily. `fraction` of [0, 1) spreads it by a tenth either way; what the endpoint asked for
    (Retry-After) is never cut short."""
    if attempts <= len(SCHEDULE_S):
        planned = float(SCHEDULE_S[attempts - 1])
    elif for_ever:
        planned = float(DAILY_S)
    else:
        return None
    spread = planned * (1 - JITTER + 2 * JITTER * fraction)
    return max(spread, min(retry_after_s or 0.0, MAX_RETRY_AFTER_S))


def rest_s(failures: int, *, retry_after_s: float | None, fraction: float) -> float:
    """Seconds in which an endpoint is sent nothing after so many failures in a row."""
    planned = min(REST_S * (1 << min(failures - 1, 10)), LONGEST_REST_S)
    spread = planned * (1 - JITTER + 2 * JITTER * fraction)
    return max(spread, min(retry_after_s or 0.0, MAX_RETRY_AFTER_S))
