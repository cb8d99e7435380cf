"""Between a daemon and the provider: the points at which a call can be cut, and what networks do."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from daemon.wire import HttpWire, Reply
from tests.simulation.chance import Chance, TrueTime
from tests.simulation.parties.party import Party
from tests.simulation.points import Crash

if TYPE_CHECKING:
    from tests.simulation.daemons import Daemon

READ_TIMEOUT_S = 20.0
SOONER_S = 5.0
"""A request that is held up reaches the provider so much sooner than `settle_s` of its adapter says, as its
provider promises."""


@dataclass(slots=True)
class Weather:
    """Shares of calls that go wrong on the way; all 0 once the world is calm."""

    lost_before: float = 0.0
    lost_after: float = 0.0
    refused: float = 0.0
    late: float = 0.0
    overtaken: float = 0.0

    @classmethod
    def bad(cls, chance: Chance, *, surely: bool) -> Weather:
        most = 0.25 if surely else chance.choice((0.0, 0.05, 0.2))
        return cls(*(chance.between(0, most) for _ in range(4)), overtaken=chance.choice((0.0, 0.08)))


@dataclass(slots=True)
class Network:
    """The network of one world. `late` holds the requests that are still on their way."""

    party: Party
    time: TrueTime
    chance: Chance
    weather: Weather
    late: list[tuple[float, httpx.Request]] = field(default_factory=list)

    def wait(self, seconds: float) -> None:
        """Time passes; requests that were held up reach the provider in the meantime, each at its moment.
        Nobody waits for their answers any more."""
        until_s = self.time.elapsed_s + seconds
        for item in sorted(self.late, key=lambda item: item[0]):
            if item[0] <= until_s:
                self.late.remove(item)
                self.time.elapsed_s = max(self.time.elapsed_s, item[0])
                with suppress(httpx.TransportError):
                    self.party.transport.handle_request(item[1]).read()
        self.time.elapsed_s = until_s

    def hold_up(self, request: httpx.Request) -> None:
        latest_s = self.party.settle_s() - SOONER_S
        self.late.append((self.time.elapsed_s + self.chance.between(1, latest_s), _copy(request)))


class Road(httpx.BaseTransport):
    """One daemon's way to the provider."""

    def __init__(self, daemon: Daemon, network: Network) -> None:
        self._daemon = daemon
        self._network = network

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        daemon, network = self._daemon, self._network
        daemon.insist_alive()
        writes = network.party.writes(request)
        if writes:
            daemon.world.promises.before_send(request)
        daemon.world.promises.before_refresh(request)
        network.wait(network.chance.between(0.05, 0.4))
        if writes:
            self._cut_off_in_the_middle(request)
        response = self._carry(request, writes)
        daemon.world.promises.after_refresh(request, response)
        daemon.reach(daemon.point_of(writes, str(request.url)))
        return response

    def _cut_off_in_the_middle(self, request: httpx.Request) -> None:
        """The daemon dies while it writes: whether the request arrived whole, nobody knows."""
        try:
            self._daemon.reach("send:mid-request")
        except Crash:
            if self._network.chance.happens(0.5):
                self._network.hold_up(request)
            raise

    def _carry(self, request: httpx.Request, writes: bool) -> httpx.Response:
        network, weather = self._network, self._network.weather
        lot = network.chance.fraction()
        for share, fate in (
            (weather.refused, self._refuse),
            (weather.lost_before, self._lose),
            (weather.late if writes else 0.0, self._delay),
            (weather.lost_after, self._lose_answer),
            (weather.overtaken, self._be_overtaken),
        ):
            lot -= share
            if lot < 0:
                return fate(request)
        return self._ask(request)

    def _ask(self, request: httpx.Request) -> httpx.Response:
        response = self._network.party.transport.handle_request(request)
        response.read()
        said = response.headers.get("idempotent-replayed")
        self._daemon.tell(
            f"{request.method} {request.url.raw_path.decode()} -> {response.status_code}"
            + (" replayed" if said == "true" else "")
        )
        return response

    def _refuse(self, request: httpx.Request) -> httpx.Response:
        self._daemon.tell(f"{request.method} {request.url.path} refused")
        raise httpx.ConnectError("refused", request=request)

    def _lose(self, request: httpx.Request) -> httpx.Response:
        self._daemon.tell(f"{request.method} {request.url.path} lost")
        self._network.wait(READ_TIMEOUT_S)
        raise httpx.ReadTimeout("lost", request=request)

    def _delay(self, request: httpx.Request) -> httpx.Response:
        self._daemon.tell(f"{request.method} {request.url.path} held up")
        self._network.hold_up(request)
        self._network.wait(READ_TIMEOUT_S)
        raise httpx.ReadTimeout("held up", request=request)

    def _lose_answer(self, request: httpx.Request) -> httpx.Response:
        self._ask(request)
        self._daemon.tell(f"{request.method} {request.url.path} answer lost")
        self._network.wait(READ_TIMEOUT_S)
        raise httpx.ReadTimeout("answer lost", request=request)

    def _be_overtaken(self, request: httpx.Request) -> httpx.Response:
        """The call takes so long that the lease runs out, and another daemon takes over meanwhile. What has
        not arrived by the time that its provider promises never does."""
        network = self._network
        arrives_by_s = network.time.elapsed_s + network.party.settle_s() - SOONER_S
        first = network.chance.happens(0.5)
        answer = self._ask(request) if first else None
        self._daemon.world.rival_takes_over(self._daemon)
        if answer is None and network.time.elapsed_s > arrives_by_s:
            self._daemon.tell(f"{request.method} {request.url.path} lost")
            raise httpx.ReadTimeout("lost", request=request)
        return answer or self._ask(request)


class ProbedWire(HttpWire):
    """Production's wire, with a point before the first byte and one after the last."""

    def __init__(self, daemon: Daemon, network: Network, party: str, **rest: Any) -> None:
        super().__init__(party, transport=Road(daemon, network), clock=daemon.clock, **rest)
        self._daemon = daemon
        self._network = network

    def request(self, method: str, url: str, **rest: Any) -> Reply:
        writes = self._network.party.writes(httpx.Request(method, url))
        if writes:
            self._daemon.reach("send:before-first-byte")
        reply = super().request(method, url, **rest)
        if writes:
            self._daemon.reach("send:reply-before-record")
        else:
            self._daemon.reach("look:after" if self._daemon.job == "push" else "read:after")
        return reply


def _copy(request: httpx.Request) -> httpx.Request:
    return httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
