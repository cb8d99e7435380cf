"""The fault menu: what a network and a provider do to a request on a bad day.

A double asks `Faults` once per request and once per webhook. A fault comes from a script (used up in
order) or from odds over an injected entropy; with neither, nothing ever goes wrong.

An answer that never arrives cannot be said in WSGI. The double then raises LostAnswer through its WSGI
call, and whoever carries the request says it in its own way: `transport.SandboxTransport` as an httpx
error, `server.serve` by closing the socket.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from daemon.clock import Entropy


class FaultKind(StrEnum):
    REFUSED = "refused"  # no connection: nothing was sent
    TIMEOUT_BEFORE = "timeout_before"  # silence, nothing done
    TIMEOUT_AFTER = "timeout_after"  # done, the answer lost in silence
    RESET_BEFORE = "reset_before"
    RESET_AFTER = "reset_after"
    HALF_OPEN = "half_open"  # the connection is held for long, nothing done
    THROTTLED = "throttled"  # 429; with Retry-After where `seconds` is set
    LOCK_TIMEOUT = "lock_timeout"  # 429 about one object under concurrent writes
    ERROR_BEFORE = "error_before"  # 500, nothing done, nothing stored under the key
    ERROR_STORED = "error_stored"  # 500, nothing done, yet stored under the key
    ERROR_AFTER = "error_after"  # 500 although done; stored under the key
    DRIP = "drip"  # the body comes a few bytes at a time, `seconds` apart
    GARBLED = "garbled"  # 200 with half a body
    HTML = "html"  # 200 with a page of something in between; nothing done
    EMPTY = "empty"  # done, and answered without a body
    REDIRECT = "redirect"  # 302 to elsewhere, nothing done
    FORBIDDEN = "forbidden"  # the provider's refusal of these credentials, this once
    STALE_LIST = "stale_list"  # a list as it was `seconds` ago
    REVOKED_KEY = "revoked_key"  # from now on the key of this request is unknown
    HOOK_DROPPED = "hook_dropped"
    HOOK_DUPLICATED = "hook_duplicated"
    HOOK_DELAYED = "hook_delayed"  # by `seconds`
    HOOK_REORDERED = "hook_reordered"  # overtakes those before it
    HOOK_FORGED = "hook_forged"  # a signature by somebody else's secret


HOOKS = frozenset(kind for kind in FaultKind if kind.value.startswith("hook_"))
_WRITES_ONLY = frozenset({FaultKind.ERROR_STORED, FaultKind.ERROR_AFTER, FaultKind.LOCK_TIMEOUT})
_DEFAULT_SECONDS = {
    FaultKind.TIMEOUT_BEFORE: 30.0,
    FaultKind.TIMEOUT_AFTER: 30.0,
    FaultKind.HALF_OPEN: 120.0,
    FaultKind.DRIP: 1.0,
    FaultKind.STALE_LIST: 30.0,
    FaultKind.HOOK_DELAYED: 600.0,
}

MAX_STALE_S = 300.0
"""How far back a stale list can look."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`on` is a prefix of "METHOD /path/{template}" ("" means any), `seconds` what the kind says."""

    kind: FaultKind
    on: str = ""
    seconds: float | None = None

    @property
    def lasts_s(self) -> float:
        return _DEFAULT_SECONDS.get(self.kind, 0.0) if self.seconds is None else self.seconds

    def fits(self, operation: str) -> bool:
        return operation.startswith(self.on)


class LostAnswer(Exception):
    """No answer reaches the caller. `after_commit` tells the test what the caller cannot know."""

    def __init__(self, fault: Fault, *, after_commit: bool) -> None:
        super().__init__(fault.kind.value)
        self.fault = fault
        self.after_commit = after_commit

    @property
    def silent(self) -> bool:
        """Silence until the caller gives up, as opposed to a connection that breaks."""
        return self.fault.kind in (FaultKind.TIMEOUT_BEFORE, FaultKind.TIMEOUT_AFTER, FaultKind.HALF_OPEN)


class Faults:
    """`script` is used up in order, each fault by the first operation that it fits; after that `odds`
    (kind to a share of calls in 0..1) decide over `entropy`. `latency_s` is added to every request."""

    def __init__(
        self,
        script: Iterable[Fault] = (),
        *,
        odds: Mapping[FaultKind, float] | None = None,
        entropy: Entropy | None = None,
        latency_s: float = 0.0,
    ) -> None:
        if odds and entropy is None:
            raise ValueError("odds need an entropy to draw from")
        self._lock = threading.Lock()
        self._script = list(script)
        self._odds = dict(odds or {})
        self._entropy = entropy
        self.latency_s = latency_s

    def add(self, *faults: Fault) -> None:
        with self._lock:
            self._script.extend(faults)

    def set_odds(self, odds: Mapping[FaultKind, float], entropy: Entropy | None = None) -> None:
        """Replace the odds; raises ValueError where there is no entropy to draw from."""
        with self._lock:
            self._entropy = entropy or self._entropy
            if odds and self._entropy is None:
                raise ValueError("odds need an entropy to draw from")
            self._odds = dict(odds)

    def clear(self) -> None:
        """From now on nothing goes wrong."""
        with self._lock:
            self._script.clear()
            self._odds.clear()
            self.latency_s = 0.0

    @property
    def pending(self) -> int:
        """How many scripted faults have not happened yet."""
        return len(self._script)

    def draw(self, operation: str, *, writes: bool, lists: bool) -> Fault | None:
        """What goes wrong with this request."""
        if not self._script and not self._odds:
            return None
        barred = HOOKS | (frozenset() if writes else _WRITES_ONLY)
        barred |= frozenset() if lists else frozenset({FaultKind.STALE_LIST})
        with self._lock:
            return self._scripted(operation, barred) or self._by_odds(barred)

    def draw_hook(self, event_type: str) -> Fault | None:
        """What goes wrong with this delivery; `on` of a scripted fault is a prefix of the event's type."""
        if not self._script and not self._odds:
            return None
        barred = frozenset(FaultKind) - HOOKS
        with self._lock:
            return self._scripted(event_type, barred) or self._by_odds(barred)

    def _scripted(self, operation: str, barred: frozenset[FaultKind]) -> Fault | None:
        for position, fault in enumerate(self._script):
            if fault.kind not in barred and fault.fits(operation):
                return self._script.pop(position)
        return None

    def _by_odds(self, barred: frozenset[FaultKind]) -> Fault | None:
        if not self._odds or self._entropy is None:
            return None
        left = self._entropy.fraction()
        for kind, share in self._odds.items():
            left -= share
            if left < 0:
                return None if kind in barred else Fault(kind)
        return None
