"""The one HTTP client of the house: bounded in time and size, paced, honest about what may have landed."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from daemon.clock import Clock
from daemon.errors import Garbled, OutcomeUnknown, Stopping, Throttled, Unreachable
from daemon.wire.deadline import Deadline, DeadlineTransport
from daemon.wire.departure import depart
from daemon.wire.protocol import Gate, Reply

DEADLINE_S = 45.0
MAX_BYTES = 5 * 1024 * 1024
CONNECTIONS = 16
RESOLVING_S = 20.0
"""Name resolution knows no timeout: resolv.conf's default is two rounds of 5 s for each of two servers."""

_NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds for each single operation; the deadline bounds their sum."""

    connect_s: float = 5.0
    read_s: float = 20.0
    write_s: float = 10.0

    def httpx(self) -> httpx.Timeout:
        return httpx.Timeout(
            connect=self.connect_s, read=self.read_s, write=self.write_s, pool=self.connect_s
        )


class HttpWire:
    """The wire over httpx: no redirects, no retries, no cookies, nothing from the environment.

    `party` names the provider in each error; `beat` is told, before each call, how many seconds it may
    take at most; a set `stop` ends work between calls, never inside one.
    """

    def __init__(
        self,
        party: str,
        *,
        gate: Gate,
        clock: Clock,
        stop: threading.Event | None = None,
        beat: Callable[[float], None] | None = None,
        transport: httpx.BaseTransport | None = None,
        deadline_s: float = DEADLINE_S,
        timeouts: Timeouts = Timeouts(),
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self.party = party
        self._gate, self._clock, self._stop, self._beat = gate, clock, stop, beat
        self._deadline_s, self._max_bytes = deadline_s, max_bytes
        self._deadline = Deadline()
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        self._client = httpx.Client(
            transport=transport or DeadlineTransport(self._deadline, clock.monotonic, limits),
            timeout=timeouts.httpx(),
            follow_redirects=False,
            trust_env=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={"accept-encoding": "gzip"},
        )

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
        if self._stop is not None and self._stop.is_set():
            raise Stopping
        seconds = deadline_s or self._deadline_s
        try:
            request = self._client.build_request(method, url, headers=headers, params=params, content=body)
        except httpx.InvalidURL as error:
            raise Unreachable(f"the address of {self.party} is not a URL", party=self.party) from error
        self._gate.enter(scope)
        if not depart(self._clock.monotonic()):
            self._gate.leave(scope, ok=None)
            raise Throttled("held up for too long; nothing was sent", party=self.party, retry_after=1)
        ok = False
        try:
            if self._beat is not None:
                self._beat(seconds + RESOLVING_S)
            reply = self._call(request, seconds)
            ok = reply.status_code < 500 and reply.status_code != 429
            return reply
        finally:
            self._gate.leave(scope, ok=ok)

    def told(self, name: str, remaining: float, resets_in_s: float | None = None) -> None:
        self._gate.told(name, remaining, resets_in_s)

    def close(self) -> None:
        self._client.close()

    def _call(self, request: httpx.Request, seconds: float) -> Reply:
        self._deadline.ends_at = self._clock.monotonic() + seconds
        try:
            with closing(self._client.send(request, stream=True)) as response:
                kept = {name.lower(): value for name, value in response.headers.items()}
                return Reply(response.status_code, kept, self._read(response, seconds))
        except _NOTHING_SENT as error:
            raise Unreachable(
                f"{self.party} could not be reached ({type(error).__name__}); nothing was sent",
                party=self.party,
            ) from error
        except httpx.TransportError as error:
            raise self._silence(seconds, type(error).__name__) from error
        finally:
            self._deadline.ends_at = None

    def _read(self, response: httpx.Response, seconds: float) -> bytes:
        body = bytearray()
        for piece in self._decoded(response):
            body += piece
            if len(body) > self._max_bytes:
                raise self._garbled(response, f"is larger than {self._max_bytes} bytes")
            if self._deadline.ends_at is not None and self._clock.monotonic() > self._deadline.ends_at:
                raise self._silence(seconds, "deadline")
        return bytes(body)

    def _decoded(self, response: httpx.Response) -> Iterator[bytes]:
        """The body in pieces, each at most a byte beyond the cap: 194 KB of gzip can hold 200 MB."""
        if response.is_stream_consumed:  # a transport in memory may hand over a body already read
            yield response.content
            return
        coding = response.headers.get("content-encoding", "identity").strip().lower()
        if coding == "identity":
            yield from response.iter_raw()
            return
        if coding != "gzip":
            raise self._garbled(response, "has a content coding that was not asked for")
        unzip = zlib.decompressobj(16 + zlib.MAX_WBITS)
        try:
            for raw in response.iter_raw():
                yield unzip.decompress(raw, self._max_bytes + 1)
        except zlib.error as error:
            raise self._garbled(response, "is not the gzip that it says it is") from error
        if not unzip.eof:
            raise OutcomeUnknown(
                f"the answer of {self.party} was cut off", party=self.party, status_code=response.status_code
            )

    def _garbled(self, response: httpx.Response, what: str) -> Garbled:
        return Garbled(
            f"the answer of {self.party} {what}", party=self.party, status_code=response.status_code
        )

    def _silence(self, seconds: float, why: str) -> OutcomeUnknown:
        return OutcomeUnknown(
            f"{self.party} gave no whole answer within {seconds:g} s ({why}); the request may have landed",
            party=self.party,
        )
