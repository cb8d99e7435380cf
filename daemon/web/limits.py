"""What a request may ask of us: body, pace, and who counts as one client. Pure, or bounded memory."""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from daemon.clock import Clock

KEYS = 8192
"""Buckets kept; the least used one is forgotten first, which is the same as full."""

WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer without a body: the status line, a code of the catalogue, seconds to wait, other headers."""

    status: str
    code: str
    retry_after_s: int | None = None
    more: tuple[tuple[str, str], ...] = ()

    @property
    def headers(self) -> list[tuple[str, str]]:
        wait = [] if self.retry_after_s is None else [("Retry-After", str(self.retry_after_s))]
        return [("X-Error-Code", self.code), *wait, *self.more]

    def to_response(self, ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
        """As waitress asks its own errors."""
        return self.status, self.headers, b""


BAD_REQUEST = Refusal("400 Bad Request", "WB-INPUT")
TOO_SLOW = Refusal("408 Request Timeout", "WB-INPUT-TOO-SLOW")
LENGTH_REQUIRED = Refusal("411 Length Required", "WB-INPUT")
TOO_LARGE = Refusal("413 Content Too Large", "WB-INPUT-TOO-LARGE")
TOO_MANY = Refusal("429 Too Many Requests", "WB-INPUT-TOO-FAST", 5)
HEADER_TOO_LARGE = Refusal("431 Request Header Fields Too Large", "WB-INPUT-TOO-LARGE")


def judge_body(command: str, headers: Mapping[str, str], fits: Callable[[int], bool]) -> Refusal | None:
    """What the header block alone says about the body. `headers` by CGI name, repeated ones joined with
    a comma (so that two Content-Lengths are no number); `fits` is asked about a length."""
    if "TRANSFER_ENCODING" in headers:
        return LENGTH_REQUIRED
    length = headers.get("CONTENT_LENGTH")
    if length is None:
        return LENGTH_REQUIRED if command in WITH_BODY else None
    if not (length.isascii() and length.isdigit()):
        return BAD_REQUEST
    return TOO_LARGE if len(length) > 12 or not fits(int(length)) else None


@lru_cache(maxsize=4096)
def client_of(address: str) -> str:
    """Who counts as one client: an IPv4 address, or the /64 of an IPv6 one, which one host owns whole."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, 64), strict=False).network_address)


class Budget:
    """`per_minute` for each key, as a token bucket that holds a minute's worth."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._most = float(per_minute)
        self._clock = clock
        self._lock = threading.Lock()
        self._left: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, key: Hashable) -> int:
        """Take one; 0, or the whole seconds until there is one."""
        return self._ask(key, taken=1.0)

    def wait_s(self, key: Hashable) -> int:
        """What `take` would answer, without taking."""
        if key not in self._left:
            return 0
        return self._ask(key, taken=0.0)

    def _ask(self, key: Hashable, *, taken: float) -> int:
        now = self._clock.monotonic()
        with self._lock:
            left, at = self._left.get(key, (self._most, now))
            left = min(self._most, left + (now - at) * self._most / 60)
            if left < 1:
                return max(1, int((1 - left) * 60 / self._most + 0.999))
            if taken:
                self._left[key] = (left - taken, now)
                self._left.move_to_end(key)
                if len(self._left) > KEYS:
                    self._left.popitem(last=False)
            return 0


class Sparingly:
    """What would be said too often: once in `every_s` for each key, with how often it happened."""

    def __init__(self, clock: Clock, every_s: float = 60.0) -> None:
        self._clock = clock
        self._every_s = every_s
        self._lock = threading.Lock()
        self._untold: OrderedDict[Hashable, tuple[float, int]] = OrderedDict()

    def due(self, key: Hashable, count: int = 1) -> int:
        """How many there were since it was last said, where it is to be said now; else 0."""
        now = self._clock.monotonic()
        with self._lock:
            said_at, untold = self._untold.get(key, (float("-inf"), 0))
            if now - said_at < self._every_s:
                self._untold[key] = (said_at, untold + count)
                return 0
            self._untold[key] = (now, 0)
            self._untold.move_to_end(key)
            if len(self._untold) > KEYS:
                self._untold.popitem(last=False)
            return untold + count
