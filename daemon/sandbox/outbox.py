"""Webhook deliveries: queued, written and signed when they are due, and spoilt by the fault menu."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from daemon.clock import Clock
from daemon.sandbox.faults import FaultKind, Faults


@dataclass(frozen=True, slots=True)
class Posting:
    """One POST to make; `attempt` counts from 1."""

    url: str
    headers: dict[str, str]
    body: bytes
    id: str
    attempt: int = 1


Write = Callable[[bool], Posting | None]
"""Writes and signs the POST of an event as it is when it leaves (True: with somebody else's secret); None
where there is nobody to send it to any more."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    due: float
    id: str
    write: Write
    attempt: int = 1
    forged: bool = False


@dataclass(slots=True)
class Outbox:
    """Deliveries in the order in which they became due; used under the double's lock. `retry_after_s` are
    the pauses before each further try, in seconds."""

    clock: Clock
    faults: Faults
    retry_after_s: Sequence[float] = (60.0, 3600.0, 3 * 3600.0)
    _waiting: deque[_Waiting] = field(default_factory=deque)
    _sent: dict[str, _Waiting] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, delivery_id: str, kind: str, write: Write) -> None:
        """Queue a delivery of an event of this `kind` (what scripted faults name)."""
        waiting = _Waiting(self.clock.monotonic(), delivery_id, write)
        fault = self.faults.draw_hook(kind)
        match fault.kind if fault else None:
            case FaultKind.HOOK_DROPPED:
                return
            case FaultKind.HOOK_FORGED:
                waiting = replace(waiting, forged=True)
            case FaultKind.HOOK_DELAYED:
                waiting = replace(waiting, due=waiting.due + (fault.lasts_s if fault else 0))
            case FaultKind.HOOK_REORDERED:
                self._waiting.appendleft(waiting)
                return
            case FaultKind.HOOK_DUPLICATED:
                self._waiting.append(waiting)
        self._waiting.append(waiting)

    def pop(self) -> Posting | None:
        """The next delivery that is due, signed now; None where nothing is."""
        now = self.clock.monotonic()
        for waiting in [waiting for waiting in self._waiting if waiting.due <= now]:
            self._waiting.remove(waiting)
            posting = waiting.write(waiting.forged)
            if posting is not None:
                self._sent[waiting.id] = waiting
                return replace(posting, id=waiting.id, attempt=waiting.attempt)
        return None

    def done(self, delivery: Posting) -> None:
        """The endpoint answered 2xx."""
        self._sent.pop(delivery.id, None)

    def failed(self, delivery: Posting) -> None:
        """No 2xx: try again later, a few times."""
        waiting = self._sent.pop(delivery.id, None)
        if waiting is not None and waiting.attempt <= len(self.retry_after_s):
            due = self.clock.monotonic() + self.retry_after_s[waiting.attempt - 1]
            self._waiting.append(replace(waiting, due=due, attempt=waiting.attempt + 1))
