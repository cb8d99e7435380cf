"""What stands before every call to the Accounting API: rate limits and idempotency keys."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

from daemon.clock import Clock
from daemon.sandbox.http import Answer, Request
from daemon.sandbox.xero.errors import Refused, as_json, bad_request

KEPT_S = 360
MAX_KEY = 128


@dataclass(slots=True)
class _Window:
    started: float
    calls: int = 0


@dataclass(slots=True)
class Rates:
    """60 a minute and `per_day` a day for each app and organisation; fixed windows that begin with a call."""

    clock: Clock
    per_minute: int = 60
    per_day: int = 5000
    _windows: dict[tuple[str, str, str], _Window] = field(default_factory=dict)

    def take(self, app: str, tenant: str, *, enforced: bool) -> list[tuple[str, str]]:
        """The headers of the answer; raises Refused (429)."""
        now = self.clock.monotonic()
        left = {}
        for name, most, lasts in (("day", self.per_day, 86400), ("minute", self.per_minute, 60)):
            window = self._windows.setdefault((app, tenant, name), _Window(now))
            if now - window.started >= lasts:
                window.started, window.calls = now, 0
            if enforced and window.calls >= most:
                raise Refused(too_many(name, window.started + lasts - now))
            window.calls += 1
            left[name] = max(0, most - window.calls)
        return [
            ("X-DayLimit-Remaining", str(left["day"])),
            ("X-MinLimit-Remaining", str(left["minute"])),
            ("X-AppMinLimit-Remaining", "9999"),
        ]


def too_many(problem: str, retry_after_s: float | None) -> Answer:
    headers = [("X-Rate-Limit-Problem", problem)]
    if retry_after_s is not None:
        headers.append(("Retry-After", str(max(1, -int(-retry_after_s // 1)))))
    detail = "The API rate limit for your application/organisation has been reached."
    return as_json(
        {"Type": None, "Title": "Rate limit exceeded", "Status": 429, "Detail": detail}, 429, headers
    )


@dataclass(slots=True)
class _Kept:
    until: float
    print: str
    answer: Answer


@dataclass(slots=True)
class Replays:
    """Answers by key for six minutes from the first call, errors too; another request under the key is
    refused."""

    clock: Clock
    _kept: dict[tuple[str, str], _Kept] = field(default_factory=dict)

    def find(self, app: str, request: Request) -> Answer | None:
        key = request.headers.get("idempotency-key", "")
        if not key or request.method == "GET":
            return None
        if len(key) > MAX_KEY:
            raise bad_request("Idempotency Key is too long", 17, "InvalidIdempotencyKey")
        kept = self._kept.get((app, key))
        if kept is None or self.clock.monotonic() > kept.until:
            return None
        if kept.print != _print(request):
            message = f"Idempotency Key {key} is used with a different request"
            raise bad_request(message, 17, "IdempotencyKeyMismatch")
        return replace(kept.answer, headers=list(kept.answer.headers))

    def keep(self, app: str, request: Request, answer: Answer) -> None:
        key = request.headers.get("idempotency-key", "")
        if key and request.method != "GET":
            until = self.clock.monotonic() + KEPT_S
            kept = replace(answer, headers=list(answer.headers))
            self._kept[app, key] = _Kept(until, _print(request), kept)


def _print(request: Request) -> str:
    told = repr((request.method, request.path, request.query)).encode() + request.body
    return hashlib.sha256(told).hexdigest()
