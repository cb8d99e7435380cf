"""How often somebody may try to sign in.

A person from an address that they signed in from before has a bucket of their own, which nobody else can
empty: whoever guesses from elsewhere locks nobody out of the office. Everybody else shares the person's
bucket, and their address's.
"""

from __future__ import annotations

from daemon.clock import Clock
from daemon.web.limits import Budget

STRANGERS, ADDRESS = 2, 4
"""Times as many tries: for all strangers to one person together, for one address at everybody."""


class Throttle:
    """Safe for the server's threads."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._pairs = Budget(per_minute, clock)
        self._strangers = Budget(per_minute * STRANGERS, clock)
        self._addresses = Budget(per_minute * ADDRESS, clock)

    def take(self, email: str, client: str, *, known: bool) -> int:
        """Seconds to wait; 0: go on. `known`: this person signed in from there before."""
        name = email.strip().lower()[:200]
        if known:
            return self._pairs.take((name, client))
        return self._addresses.take(client) or self._pairs.take((name, client)) or self._strangers.take(name)

    def take_address(self, client: str) -> int:
        """As above, where it is not known yet who it is: by the address alone, so that nobody who tries from
        elsewhere stands in the way."""
        return self._addresses.take(client)
