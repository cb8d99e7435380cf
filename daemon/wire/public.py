"""The wire to addresses that customers gave: https, public addresses, and nothing that leads elsewhere.

A name is resolved once for each connection, every address that it has is judged, and the connection goes to
one of exactly those: a name that means another address a moment later (DNS rebinding) gains nothing.
TLS and the Host header keep the name. No connection is kept, so that each send is judged anew. Exact
`host:port` pairs that the operator allows are trusted as they are, also over http.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import httpcore
import httpx

from daemon.clock import Clock
from daemon.errors import AddressRefused, Garbled
from daemon.wire.deadline import Deadline, DeadlineBackend, DeadlineTransport
from daemon.wire.http import CONNECTIONS, HttpWire, Timeouts
from daemon.wire.protocol import Gate, Reply

PORTS = frozenset({443, 8443})
DEADLINE_S = 20.0
RESOLVE_S = 3.0
TARGETS = 3
"""Addresses of a name that are tried in turn: a host without IPv6 is given such addresses too."""
MAX_URL = 2048
PRIVATE_NAMES = (".local", ".localhost", ".internal", ".home.arpa", ".test", ".onion")

Pair = tuple[str, int]
Resolve = Callable[[str, int], Sequence[str]]
"""The addresses of a name, as text; raises OSError."""
IP = ipaddress.IPv4Address | ipaddress.IPv6Address

_ROUTED = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_REFUSED = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud platform's own, which Python calls global
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",  # documentation too (RFC 9637), unknown to Python 3.11
    )
)


def is_public(text: str) -> bool:
    """Whether an address may be connected to. An IPv4 address inside an IPv6 one (mapped, 6to4, NAT64) is
    what counts; `is_global` alone calls many of these public (Python 3.11)."""
    try:
        address = _unwrapped(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return False
    if address.version == 6 and address not in _ROUTED:
        return False
    if any(address in net for net in _REFUSED if net.version == address.version):
        return False
    return address.is_global and not (
        address.is_multicast
        or address.is_reserved
        or address.is_link_local
        or address.is_private
        or address.is_unspecified
        or address.is_loopback
    )


def _unwrapped(address: IP) -> IP:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def judge(text: str, allow: Collection[Pair] = ()) -> httpx.URL:
    """The URL, parsed once; raises AddressRefused where its form alone forbids it."""
    try:
        url = httpx.URL(text)
        host, port = _host(url), url.port or {"https": 443, "http": 80}.get(url.scheme, 0)
    except (httpx.InvalidURL, ValueError, UnicodeError):
        raise AddressRefused("the address is not a URL") from None
    if len(text) > MAX_URL or url.userinfo or url.fragment:
        raise AddressRefused
    if (host, port) in allow and url.scheme in ("https", "http"):
        return url
    if url.scheme != "https" or port not in PORTS or not is_public_name(host):
        raise AddressRefused
    return url


def is_public_name(host: str) -> bool:
    """A name with a dot that is no IP address and no private name; numbers like 2130706433 or 127.1, which
    resolve to addresses, are none either."""
    last = host.rpartition(".")[2]
    if "." not in host or len(host) > 253 or ":" in host or last.isdigit() or last.startswith("0x"):
        return False
    return not host.endswith(PRIVATE_NAMES)


def _host(url: httpx.URL) -> str:
    return url.raw_host.decode("ascii").lower().removesuffix(".").strip("[]")


def resolve(host: str, port: int) -> Sequence[str]:
    """By the system, within 3 s: getaddrinfo knows no time limit, so that a thread of its own waits."""
    found: list[str] = []
    failed: list[OSError] = []

    def ask() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend(str(address[0]) for _family, _type, _proto, _name, address in answers)
        except OSError as error:
            failed.append(error)
        except UnicodeError:
            failed.append(OSError("the name cannot be looked up"))

    thread = threading.Thread(target=ask, name="resolve", daemon=True)
    thread.start()
    thread.join(RESOLVE_S)
    if thread.is_alive():
        raise TimeoutError("the name could not be looked up in time")
    if failed:
        raise failed[0]
    return found


class PublicBackend(httpcore.NetworkBackend):
    """Connects to a judged address in place of the name."""

    def __init__(self, inner: httpcore.NetworkBackend, allow: Collection[Pair], resolve: Resolve) -> None:
        self._inner, self._allow, self._resolve = inner, frozenset(allow), resolve

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        name = host.lower().removesuffix(".").strip("[]")
        targets = [host] if (name, port) in self._allow else self._judged(name, port)
        *others, last = targets[:TARGETS]
        for target in others:
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return self._inner.connect_tcp(target, port, timeout, local_address, socket_options)
        return self._inner.connect_tcp(last, port, timeout, local_address, socket_options)

    def _judged(self, name: str, port: int) -> list[str]:
        """Every address of the name, of which none is bad."""
        if port not in PORTS or not is_public_name(name):
            raise AddressRefused
        try:
            found = list(dict.fromkeys(self._resolve(name, port)))
        except OSError as error:
            raise httpcore.ConnectError("the name could not be looked up") from error
        if not found:
            raise httpcore.ConnectError("the name has no address")
        if not all(is_public(address) for address in found):
            raise AddressRefused
        return found


class PublicTransport(DeadlineTransport):
    """No connection is kept: each request resolves, judges and checks the certificate by itself."""

    def __init__(
        self,
        deadline: Deadline,
        monotonic: Callable[[], float],
        allow: Collection[Pair],
        resolve: Resolve,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=0)
        super().__init__(deadline, monotonic, limits)
        self._pool.close()
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl_context or httpx.create_ssl_context(trust_env=False),
            max_connections=CONNECTIONS,
            max_keepalive_connections=0,
            network_backend=PublicBackend(DeadlineBackend(deadline, monotonic), allow, resolve),
        )


class PublicWire(HttpWire):
    """HttpWire to addresses that customers gave. Raises AddressRefused where one is not allowed; its text
    never says what the name led to."""

    def __init__(
        self,
        party: str,
        *,
        gate: Gate,
        clock: Clock,
        allow: Collection[Pair] = (),
        resolve: Resolve = resolve,
        deadline_s: float = DEADLINE_S,
        ssl_context: ssl.SSLContext | None = None,
        **options: Any,
    ) -> None:
        deadline = Deadline()
        transport = PublicTransport(deadline, clock.monotonic, allow, resolve, ssl_context)
        super().__init__(
            party,
            gate=gate,
            clock=clock,
            transport=transport,
            deadline_s=min(deadline_s, DEADLINE_S),
            timeouts=Timeouts(connect_s=5.0, read_s=10.0, write_s=10.0),
            **options,
        )
        self._deadline = deadline
        self._allow = frozenset(allow)
        self._client.headers["accept-encoding"] = "identity"

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
        judged = judge(url, self._allow)
        return super().request(
            method,
            str(judged),
            headers=headers,
            params=params,
            body=body,
            deadline_s=deadline_s,
            scope=scope,
        )

    def _decoded(self, response: httpx.Response) -> Iterator[bytes]:
        """Bytes are counted as they come: what is compressed was not asked for."""
        coding = response.headers.get("content-encoding", "identity").strip().lower()
        if coding != "identity":
            raise Garbled(
                f"the answer of {self.party} is compressed, which was not asked for",
                party=self.party,
                status_code=response.status_code,
            )
        yield from super()._decoded(response)
