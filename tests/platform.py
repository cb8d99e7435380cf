"""A platform that is told of events: a WSGI app that keeps what it was sent and answers as a test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks.webhooks import Webhook

from daemon.clock import Clock
from daemon.house import House
from daemon.sandbox.faults import Fault, FaultKind, LostAnswer
from daemon.sandbox.transport import SandboxTransport
from daemon.store import endpoints, events
from daemon.store.endpoints import Endpoint
from daemon.wire import Gate, HttpWire, Wire
from daemon.wire.signing import new_secret

Reply = tuple[int, dict[str, str], bytes]
WELL: Reply = (204, {}, b"")


@dataclass(frozen=True)
class Told:
    """One request as it came in."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def number(self) -> int:
        """The `reason` that `happens` numbered it with."""
        return int(self.document["data"]["sentence"].split()[-1])


@dataclass
class Platform:
    """`answer` is asked at each request; raising LostAnswer is silence."""

    told: list[Told] = field(default_factory=list)
    answer: Callable[[Told], Reply] = lambda _told: WELL
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        headers = {k[5:].lower().replace("_", "-"): v for k, v in environ.items() if k.startswith("HTTP_")}
        told = Told(headers, body)
        with self.lock:
            self.told.append(told)
        status, more, content = self.answer(told)
        start_response(f"{status} -", [*more.items(), ("Content-Length", str(len(content)))])
        return [content]

    @property
    def numbers(self) -> list[int]:
        return [told.number for told in self.told]

    def answers(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        self.answer = lambda _told: (status, headers or {}, body)

    def is_silent(self) -> None:
        def nobody(_told: Told) -> Reply:
            raise LostAnswer(Fault(FaultKind.TIMEOUT_AFTER), after_commit=True)

        self.answer = nobody


def connected(house: House, *platforms: tuple[str, Platform], clock: Clock | None = None) -> None:
    """The house's wires lead to these platforms, by the host of the address."""
    by_host = dict(platforms)

    def route(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        return by_host[environ["HTTP_HOST"].split(":")[0]](environ, start_response)

    def make(party: str, gate: Gate, deadline_s: float) -> Wire:
        return HttpWire(
            party,
            gate=gate,
            clock=house.clock,
            stop=house.stop,
            deadline_s=deadline_s,
            transport=SandboxTransport(route, clock),
        )

    house.make_public = make


def an_endpoint(
    house: House, tenant_id: str, *, host: str = "platform.example.com", types: Iterable[str] = ("*",)
) -> tuple[Endpoint, str]:
    """It, and its secret."""
    secret = new_secret(house.entropy)
    row = house.store.write(
        "test",
        lambda: endpoints.add(
            house.safe,
            tenant_id=tenant_id,
            label="",
            url=f"https://{host}/wispbill",
            types=list(types),
            secret=secret,
            after=None,
            actor="test",
            now=house.clock.now(),
            entropy=house.entropy,
        ),
    )
    return row, secret


def happens(house: House, tenant_id: str, *numbers: int, type_: str = "bill.failed", **ids: str) -> None:
    """An event for each number, which its sentence ends with."""
    for number in numbers:
        house.store.write(
            "test",
            lambda n=number: events.append(
                tenant_id, type_, now=house.clock.now(), data={"sentence": f"number {n}"}, **ids
            ),
        )


def verified(told: Told, secret: str) -> Any:
    """As the package of the specification verifies it, whatever the time; raises its error."""
    oracle = Webhook(secret)
    oracle._Webhook__verify_timestamp = _moment  # type: ignore[attr-defined]
    return oracle.verify(told.body, told.headers)


def _moment(header: str) -> Any:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(float(header), tz=UTC)
