"""A POST with an Idempotency-Key is done once: its answer is kept for a day, and given again.

What is kept is found by token and key, and belongs to one content: a digest keyed by the token itself, which
is not kept here, so that it tells nobody what the content was. What was answered with 5xx, or "too fast", is
not kept. What is shown once is not kept either.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass

from daemon.errors import InvalidInput
from daemon.house import House
from daemon.store import billing, replays
from daemon.web.api.pace import TooFast

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_PASSING = (408, 429)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it goes out."""

    status: int
    headers: dict[str, str]
    body: bytes
    kept: bool = True


def checked_key(given: str | None) -> str | None:
    """Raises InvalidInput where it is no key."""
    if given is not None and not _KEY.fullmatch(given):
        raise InvalidInput("WB-INPUT", "Idempotency-Key: 1 to 255 printable ASCII characters are needed")
    return given


def digest(token: str, *parts: bytes) -> str:
    text = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    return hmac.new(token.encode(), text, hashlib.sha256).hexdigest()


def once(house: House, token_id: str, key: str, of: str, work: Callable[[], Reply]) -> Reply:
    """`work`, or the answer that it gave before. Raises InvalidInput (WB-INPUT-REPEATED) on other content,
    TooFast while another request with this key is being worked on."""
    now = house.clock.now()
    there = billing.write_once(house.store, "api.replay.claim", lambda: replays.claim(token_id, key, of, now))
    if there is not None:
        return _again(there, of)
    kept = False
    try:
        reply = work()
        if reply.kept and reply.status < 500 and reply.status not in _PASSING:
            body = reply.body.decode()
            house.store.write(
                "api.replay.keep",
                lambda: replays.keep(token_id, key, status=reply.status, headers=reply.headers, body=body),
            )
            kept = True
        return reply
    finally:
        if not kept:
            house.store.write("api.replay.forget", lambda: replays.forget(token_id, key))


def _again(there: replays.Replay, of: str) -> Reply:
    if not hmac.compare_digest(there.digest, of):
        raise InvalidInput("WB-INPUT-REPEATED", "this Idempotency-Key was used for something else")
    if there.status is None:
        raise TooFast(2, "a request with this Idempotency-Key is being worked on")
    headers = (there.headers or {}) | {"Idempotent-Replayed": "true"}
    return Reply(there.status, headers, (there.body or "").encode())
