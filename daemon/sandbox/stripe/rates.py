"""Rate limits (https://docs.stripe.com/rate-limits): per account, per endpoint, for search."""

from __future__ import annotations

from daemon.sandbox.stripe.errors import throttled

LIVE_PER_S = 100
SANDBOX_PER_S = 25
ENDPOINT_PER_S = 25
SEARCH_PER_S = 20


class _Bucket:
    __slots__ = ("at", "left", "rate")

    def __init__(self, rate: float, now: float) -> None:
        self.rate = rate
        self.left = rate
        self.at = now

    def refill(self, now: float) -> float:
        self.left = min(self.rate, self.left + (now - self.at) * self.rate)
        self.at = now
        return self.left


class Rates:
    """Token buckets of one account with a second's burst; `take` raises StripeError 429."""

    def __init__(self, *, livemode: bool) -> None:
        self._global_per_s = LIVE_PER_S if livemode else SANDBOX_PER_S
        self._buckets: dict[str, _Bucket] = {}

    def take(self, operation: str, now: float) -> None:
        every = self._bucket("", self._global_per_s, now)
        one = self._bucket(operation, ENDPOINT_PER_S, now)
        search = self._bucket("search", SEARCH_PER_S, now) if operation.endswith("/search") else None
        if every.refill(now) < 1:
            raise throttled("global-rate")
        if one.refill(now) < 1 or (search is not None and search.refill(now) < 1):
            raise throttled("endpoint-rate")
        for bucket in filter(None, (every, one, search)):
            bucket.left -= 1

    def _bucket(self, name: str, rate: float, now: float) -> _Bucket:
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = _Bucket(rate, now)
        return bucket
