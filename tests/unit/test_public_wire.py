"""The wire to customers' addresses: https, public, judged at every send, and never led elsewhere."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import httpcore
import pytest

from daemon.clock import SystemClock
from daemon.errors import AddressRefused, Garbled, OutcomeUnknown, Unreachable
from daemon.wire.http import RESOLVING_S
from daemon.wire.public import DEADLINE_S, PublicBackend, PublicWire, is_public, judge, resolve
from tests.providers.stripe_script import OpenGate
from tests.unit.test_wire import a_server, drips_its_body, drips_its_head, half_open

PUBLIC = "93.184.215.14"
BAD = [
    "0.0.0.0",
    "10.0.0.5",
    "100.64.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "ff02::1",
    "nonsense",
]
FORMS = [
    "http://billing.example.com/hook",
    "ftp://billing.example.com/hook",
    "https://billing.example.com:22/hook",
    "https://user@billing.example.com/hook",
    "https://billing.example.com@127.0.0.1/hook",
    "https://billing.example.com/hook#part",
    "https://127.0.0.1/hook",
    "https://127.1/hook",
    "https://0x7f000001/hook",
    "https://0x7f.0x1/hook",
    "https://2130706433/hook",
    "https://017700000001/hook",
    "https://[::1]/hook",
    "https://93.184.215.14/hook",
    "https://localhost/hook",
    "https://db.localhost/hook",
    "https://intranet/hook",
    "https://nas.local/hook",
    "https://nas.local./hook",
    "https://metadata.google.internal/hook",
    "https://router.home.arpa/hook",
    "https://billing.test/hook",
    "https://abc.onion/hook",
    "https:///hook",
    "billing.example.com/hook",
    "https://billing.example.com/" + "a" * 2048,
]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


class Network(httpcore.NetworkBackend):
    """Remembers where connections went, and for which name TLS was begun."""

    def __init__(self, answer: bytes = OK, *, deaf: Sequence[str] = ()) -> None:
        self.answer, self.deaf = answer, deaf
        self.connected: list[tuple[str, int]] = []
        self.named: list[str | None] = []

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        self.connected.append((host, port))
        if host in self.deaf:
            raise httpcore.ConnectError("no route to host")
        return Stream(self, [self.answer])


class Stream(httpcore.MockStream):
    def __init__(self, network: Network, pieces: list[bytes]) -> None:
        super().__init__(pieces)
        self.network, self.written = network, b""

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        self.network.named.append(server_hostname)
        return self


class Names:
    """A resolver that answers in turn; the last answer stays."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers, self.asked = list(answers), 0

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def a_wire(network: Network, names: Names, allow: Sequence[tuple[str, int]] = ()) -> PublicWire:
    wire = PublicWire("the customer", gate=OpenGate(), clock=SystemClock(), allow=allow, resolve=names)
    pool = wire._client._transport._pool  # type: ignore[attr-defined]
    pool._network_backend = PublicBackend(network, allow, names)
    return wire


@pytest.mark.parametrize("address", BAD)
def test_an_address_that_is_not_public_is_none(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", [PUBLIC, "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::5db8:d70e"])
def test_a_public_address_is_one(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("url", FORMS)
def test_a_form_that_leads_elsewhere_is_refused_before_anything_is_looked_up(url: str) -> None:
    network, names = Network(), Names([PUBLIC])

    with pytest.raises(AddressRefused):
        a_wire(network, names).request("GET", url)
    assert (network.connected, names.asked) == ([], 0)


@pytest.mark.parametrize("port", ["", ":443", ":8443"])
def test_the_connection_goes_to_the_judged_address_and_tls_keeps_the_name(port: str) -> None:
    network = Network()

    reply = a_wire(network, Names([PUBLIC])).request("GET", f"https://Billing.example.com{port}/hook")

    assert reply.body == b"hi"
    assert network.connected == [(PUBLIC, int(port[1:] or 443))]
    assert network.named == ["billing.example.com"]


@pytest.mark.parametrize("others", [["127.0.0.1", PUBLIC], [PUBLIC, "10.0.0.1"], [PUBLIC, "::ffff:10.0.0.1"]])
def test_one_bad_address_among_good_ones_refuses_the_name(others: list[str]) -> None:
    network = Network()

    with pytest.raises(AddressRefused) as caught:
        a_wire(network, Names(others)).request("GET", "https://billing.example.com/")

    assert network.connected == []
    assert not any(address in str(caught.value) for address in others)


def test_where_one_judged_address_does_not_answer_the_next_one_is_tried() -> None:
    six = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"
    network = Network(deaf=[six])

    reply = a_wire(network, Names([six, PUBLIC])).request("GET", "https://billing.example.com/")

    assert reply.status_code == 200
    assert network.connected == [(six, 443), (PUBLIC, 443)]
    with pytest.raises(Unreachable):
        a_wire(Network(deaf=[six]), Names([six])).request("GET", "https://billing.example.com/")


def test_a_name_that_moves_after_it_was_judged_is_judged_anew_at_the_next_send() -> None:
    network, names = Network(), Names([PUBLIC], ["127.0.0.1"])
    wire = a_wire(network, names)
    wire.request("GET", "https://billing.example.com/")

    with pytest.raises(AddressRefused):
        wire.request("GET", "https://billing.example.com/")
    assert (network.connected, names.asked) == ([(PUBLIC, 443)], 2)


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: https://10.0.0.1/\r\nContent-Length: 0\r\n\r\n"
    network = Network(moved)

    assert a_wire(network, Names([PUBLIC])).request("GET", "https://billing.example.com/").status_code == 302
    assert len(network.connected) == 1


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    network = Network()

    a_wire(network, Names([PUBLIC])).request("GET", "https://billing.example.com/")

    assert network.connected == [(PUBLIC, 443)]


def test_what_the_operator_allows_is_reached_by_that_name_and_port_alone() -> None:
    network, allow = Network(), [("10.0.0.5", 8443), ("billing.lan", 80)]
    wire = a_wire(network, Names([PUBLIC]), allow)

    for url in ("https://10.0.0.5:8443/hook", "http://billing.lan/hook"):
        assert wire.request("GET", url).status_code == 200
    for url in ("https://10.0.0.5/hook", "https://10.0.0.6:8443/", "http://billing.lan:8080/"):
        with pytest.raises(AddressRefused):
            wire.request("GET", url)
    assert network.connected == [("10.0.0.5", 8443), ("billing.lan", 80)]


def test_a_compressed_answer_is_not_unpacked() -> None:
    packed = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi"

    with pytest.raises(Garbled):
        a_wire(Network(packed), Names([PUBLIC])).request("GET", "https://billing.example.com/")


def test_a_name_that_nobody_knows_is_unreachable() -> None:
    def nobody(host: str, port: int) -> Sequence[str]:
        raise OSError("no such name")

    wire = PublicWire("the customer", gate=OpenGate(), clock=SystemClock(), resolve=nobody)
    with pytest.raises(Unreachable):
        wire.request("GET", "https://billing.example.com/")


@pytest.mark.parametrize("server", [half_open, drips_its_head, drips_its_body], ids=lambda s: s.__name__)
def test_a_customers_server_that_never_finishes_is_left_at_the_deadline(
    server: Callable[[socket.socket, threading.Event], None],
) -> None:
    clock = SystemClock()
    with a_server(server) as url:
        pair = ("127.0.0.1", int(url.split(":")[2].strip("/")))
        wire = PublicWire("the customer", gate=OpenGate(), clock=clock, allow=[pair], deadline_s=0.3)
        started = clock.monotonic()
        with pytest.raises(OutcomeUnknown):
            wire.request("POST", url, body=b"{}")
        assert clock.monotonic() - started < 2


def test_no_call_to_a_customer_may_take_longer_than_twenty_seconds() -> None:
    told: list[float] = []
    wire = PublicWire(
        "the customer",
        gate=OpenGate(),
        clock=SystemClock(),
        resolve=Names([PUBLIC]),
        deadline_s=45,
        beat=told.append,
    )
    wire._client._transport._pool._network_backend = PublicBackend(  # type: ignore[attr-defined]
        Network(), (), Names([PUBLIC])
    )
    wire.request("GET", "https://billing.example.com/")

    assert told == [DEADLINE_S + RESOLVING_S]


@pytest.mark.parametrize("odd", ["127.1", "0x7f000001", "2130706433", "017700000001"])
def test_numbers_that_the_system_takes_for_addresses_are_judged_as_addresses(odd: str) -> None:
    assert all(not is_public(address) for address in resolve(odd, 443))


def test_an_international_name_is_looked_up_in_its_ascii_form() -> None:
    assert judge("https://büro.example.com/x").raw_host == b"xn--bro-hoa.example.com"
