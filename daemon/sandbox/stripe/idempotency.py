"""Idempotency keys as v1 keeps them (https://docs.stripe.com/api/idempotent_requests).

Status and body are stored once an endpoint has begun to execute, a 500 too, and given again for 24 hours;
after that the same key executes anew. What is refused before that is not stored.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from daemon.sandbox.stripe.errors import StripeError, invalid

KEPT_S = 24 * 3600
LONGEST = 255


@dataclass(slots=True)
class Entry:
    """`body` is None while the first request under the key still runs."""

    fingerprint: bytes
    at: int
    request: str
    status: int = 0
    packed: bytes | None = None

    @property
    def body(self) -> bytes:
        return zlib.decompress(self.packed or b"")


def fingerprint(method: str, path: str, pairs: Sequence[tuple[str, str]]) -> bytes:
    """The same for the same parameters in any order."""
    text = "\0".join([method, path, *(f"{name}\1{value}" for name, value in sorted(pairs))])
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


class Keys:
    """The keys of one account."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def begin(self, key: str, print_: bytes, *, now: int, request: str) -> Entry | None:
        """None: run it, then `finish` or `release`. An entry: answer with it. Raises StripeError where the
        key was used for something else, or is in use."""
        if len(key) > LONGEST:
            raise invalid(f"Idempotency-Key can be at most {LONGEST} characters.", param="Idempotency-Key")
        self._prune(now)
        entry = self._entries.get(key)
        if entry is None:
            self._entries[key] = Entry(print_, now, request)
            return None
        if entry.fingerprint != print_:
            raise StripeError(
                400,
                "Keys for idempotent requests can only be used with the same parameters they were first "
                f"used with. Try using a key other than '{key}' if you meant to execute a different request.",
                kind="idempotency_error",
            )
        if entry.packed is None:
            raise StripeError(
                409,
                f"There is currently another in-progress request using this Idempotent Key ({key}). "
                "Please try again later.",
                code="idempotency_key_in_use",
                kind="idempotency_error",
            )
        return entry

    def finish(self, key: str, status: int, body: bytes) -> None:
        entry = self._entries[key]
        entry.status = status
        entry.packed = zlib.compress(body, 1)

    def release(self, key: str) -> None:
        """Nothing was executed: the key is free again."""
        self._entries.pop(key, None)

    def _prune(self, now: int) -> None:
        entries = self._entries
        while entries:
            oldest = next(iter(entries))
            if entries[oldest].at > now - KEPT_S or entries[oldest].packed is None:
                return
            del entries[oldest]
