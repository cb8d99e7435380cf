"""What a wire is, to those who send through one: bounded, paced, and honest about what may have landed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from daemon.errors import Garbled


@dataclass(frozen=True, slots=True)
class Reply:
    """A provider's answer, whatever its status; header names are lower-case, the body is decoded (gzip)."""

    status_code: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON; raises Garbled."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Garbled("the answer is not JSON", status_code=self.status_code) from error


class Gate(Protocol):
    """Asked before each request, told after it: rate budget and breaker of the integration."""

    def enter(self, scope: str) -> None:
        """Wait for the rate budget of `scope`; raises Throttled (the wait is too long, or the breaker is
        open) or Stopping."""
        ...

    def leave(self, scope: str, *, ok: bool | None) -> None:
        """`ok` is False for silence, 5xx and 429; None where nothing was sent, which says nothing."""
        ...

    def told(self, name: str, remaining: float, resets_in_s: float | None = None) -> None:
        """As `Wire.told`."""
        ...


class Wire(Protocol):
    """What an adapter sends through."""

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        deadline_s: float | None = None,
        scope: str = "",
    ) -> Reply:
        """One request, no redirects, no retries. Returns the reply whatever its status; raises
        Unreachable (nothing was sent), OutcomeUnknown (no whole answer in time), Garbled (too large),
        Throttled or Stopping (the gate did not open)."""
        ...

    def told(self, name: str, remaining: float, resets_in_s: float | None = None) -> None:
        """What the provider says is left of the limit of this `name`, and when it is whole again: 0 where
        it refused a call for that limit. Corrects our own count downward, never upward; a name that no
        limit has is ignored."""
        ...

    def close(self) -> None: ...
