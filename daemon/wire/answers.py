"""What a status code means to the caller, the same for every provider that keeps to HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from daemon.errors import (
    Garbled,
    Missing,
    OutcomeUnknown,
    Rejected,
    RemoteError,
    Throttled,
    Unauthorised,
)
from daemon.wire.protocol import Reply

MAX_RETRY_AFTER_S = 3600.0

_BY_STATUS: dict[int, type[RemoteError]] = {
    401: Unauthorised,
    403: Unauthorised,
    404: Missing,
    429: Throttled,
}


def raise_for(
    reply: Reply,
    party: str,
    *,
    message: str | None = None,
    provider_code: str | None = None,
    ref: str | None = None,
    param: str | None = None,
    replayed: bool = False,
) -> None:
    """Return on 2xx, else raise what the status means.

    429 Throttled, 401 and 403 Unauthorised, 404 Missing, any other 4xx Rejected, 5xx OutcomeUnknown, and
    anything else (a redirect where none is promised) Garbled. `message`, `provider_code` and `ref` are
    what the caller read from the body.
    """
    status = reply.status_code
    if 200 <= status < 300:
        return
    kind = _BY_STATUS.get(status) or _by_class(status)
    raise kind(
        f"{party}: {message}" if message else f"{party} answered {status}",
        party=party,
        ref=ref,
        status_code=status,
        provider_code=provider_code,
        retry_after=retry_after_s(reply.headers),
        param=param,
        replayed=replayed,
    )


def retry_after_s(headers: Mapping[str, str], most_s: float = MAX_RETRY_AFTER_S) -> float | None:
    """`Retry-After` in seconds, at most `most_s` (an hour; longer where a day's limit is said to be used up,
    for `Wire.told`); None where there is none. A date counts from the reply's own `Date`, so that no clock
    of ours is in it (RFC 9110, 10.2.3)."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    seconds = float(text) if text.isascii() and text.isdigit() else _until(text, headers.get("date", ""))
    return None if seconds is None else min(max(seconds, 0.0), most_s)


def _until(then: str, now: str) -> float | None:
    try:
        return (parsedate_to_datetime(then) - parsedate_to_datetime(now)).total_seconds()
    except (ValueError, TypeError):
        return None


def _by_class(status: int) -> type[RemoteError]:
    if 400 <= status < 500:
        return Rejected
    return OutcomeUnknown if status >= 500 else Garbled
