"""The wire: no answer, however slow or strange, outgrows its bounds or hides what may have landed."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from daemon.clock import SystemClock
from daemon.errors import (
    Garbled,
    Missing,
    OutcomeUnknown,
    Rejected,
    RemoteError,
    Stopping,
    Throttled,
    Unauthorised,
    Unreachable,
)
from daemon.wire import Reply, raise_for, retry_after_s
from daemon.wire.http import HttpWire

WHOLE = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


@dataclass
class OpenGate:
    seen: list[object] = field(default_factory=list)
    refuses: Exception | None = None

    def enter(self, scope: str) -> None:
        self.seen.append(("enter", scope))
        if self.refuses:
            raise self.refuses

    def leave(self, scope: str, *, ok: bool) -> None:
        self.seen.append(("leave", scope, ok))

    def told(self, name: str, remaining: float, resets_in_s: float | None = None) -> None:
        self.seen.append(("told", name, remaining, resets_in_s))


@contextmanager
def a_server(answer: Callable[[socket.socket, threading.Event], None]) -> Iterator[str]:
    """A listener that treats each connection, after its request's head, with `answer`."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    if answer is not half_open:
                        connection.recv(65536)
                    answer(connection, over)
                except OSError:
                    pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def half_open(connection: socket.socket, over: threading.Event) -> None:
    over.wait(5)


def drips_its_head(connection: socket.socket, over: threading.Event) -> None:
    for byte in WHOLE * 20:
        connection.send(bytes([byte]))
        if over.wait(0.02):
            return


def drips_its_body(connection: socket.socket, over: threading.Event) -> None:
    connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\n")
    while not over.wait(0.02):
        connection.send(b" ")


def cut_off(connection: socket.socket, over: threading.Event) -> None:
    connection.send(b'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"id":')


def sends(data: bytes) -> Callable[[socket.socket, threading.Event], None]:
    return lambda connection, over: connection.sendall(data)


def zipped(body: bytes, *, cut: int = 0) -> bytes:
    packed = gzip.compress(body)
    packed = packed[: len(packed) - cut]
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(packed)}\r\n\r\n"
    return head.encode() + packed


def a_wire(
    gate: OpenGate | None = None,
    handler: Callable[[httpx.Request], httpx.Response] | None = None,
    *,
    stop: threading.Event | None = None,
    beat: Callable[[float], None] | None = None,
    deadline_s: float = 0.25,
    max_bytes: int = 4096,
) -> HttpWire:
    return HttpWire(
        "Acme",
        gate=gate or OpenGate(),
        clock=SystemClock(),
        stop=stop,
        beat=beat,
        transport=httpx.MockTransport(handler) if handler else None,
        deadline_s=deadline_s,
        max_bytes=max_bytes,
    )


def ok(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"path": request.url.path})


def test_a_whole_answer_comes_back_with_lower_case_headers() -> None:
    with a_server(sends(b"HTTP/1.1 201 Created\r\nX-Thing: A\r\ncontent-length: 2\r\n\r\n{}")) as url:
        reply = a_wire().request("GET", url)

    assert (reply.status_code, reply.headers["x-thing"], reply.json()) == (201, "A", {})


@pytest.mark.parametrize("server", [half_open, drips_its_head, drips_its_body], ids=lambda s: s.__name__)
def test_a_server_that_never_finishes_is_left_at_the_deadline_and_may_have_landed(
    server: Callable[[socket.socket, threading.Event], None],
) -> None:
    clock = SystemClock()
    with a_server(server) as url:
        started = clock.monotonic()
        with pytest.raises(OutcomeUnknown, match="Acme gave no whole answer"):
            a_wire().request("POST", url, body=b"a=b")
        assert clock.monotonic() - started < 2


def test_nobody_listening_means_that_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
    with pytest.raises(Unreachable) as caught:
        a_wire().request("POST", url, body=b"a=b")
    assert caught.value.party == "Acme"


@pytest.mark.parametrize(
    "answer", [cut_off, sends(b""), sends(zipped(b"a" * 3000, cut=4))], ids=["body", "nothing", "gzip"]
)
def test_a_truncated_answer_may_have_landed(
    answer: Callable[[socket.socket, threading.Event], None],
) -> None:
    with a_server(answer) as url, pytest.raises(OutcomeUnknown):
        a_wire(deadline_s=2).request("POST", url, body=b"a=b")


@pytest.mark.parametrize(
    "data",
    [b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 9000, zipped(b"\0" * 50_000_000)],
    ids=["plain", "gzip bomb"],
)
def test_an_answer_over_the_cap_is_garbled(data: bytes) -> None:
    with a_server(sends(data)) as url, pytest.raises(Garbled, match="larger than 4096 bytes"):
        a_wire(deadline_s=5).request("GET", url)


def test_an_unknown_content_coding_is_garbled() -> None:
    with (
        a_server(sends(b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 1\r\n\r\nx")) as url,
        pytest.raises(Garbled),
    ):
        a_wire().request("GET", url)


def test_gzip_is_decoded() -> None:
    with a_server(sends(zipped(b'{"a": 1}'))) as url:
        assert a_wire().request("GET", url).json() == {"a": 1}


def test_no_cookie_is_sent_back_and_no_redirect_followed() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(302, headers={"set-cookie": "a=b", "location": "https://acme.example/next"})

    wire = a_wire(handler=handler)
    for _ in range(2):
        assert wire.request("GET", "https://acme.example/").status_code == 302

    assert [request.headers.get("cookie") for request in seen] == [None, None]


@pytest.mark.parametrize(
    ("status", "good"), [(200, True), (404, True), (429, False), (500, False), (503, False)]
)
def test_the_gate_is_asked_before_and_told_after(status: int, good: bool) -> None:
    gate = OpenGate()

    a_wire(gate, lambda request: httpx.Response(status)).request("GET", "https://acme.example/", scope="read")

    assert gate.seen == [("enter", "read"), ("leave", "read", good)]


def test_silence_is_told_to_the_gate_as_a_failure() -> None:
    gate = OpenGate()

    def silent(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("slow", request=request)

    with pytest.raises(OutcomeUnknown):
        a_wire(gate, silent).request("GET", "https://acme.example/")

    assert gate.seen[-1] == ("leave", "", False)


def test_a_closed_gate_lets_no_request_out() -> None:
    sent: list[httpx.Request] = []
    gate = OpenGate(refuses=Throttled(party="Acme", retry_after=9))

    with pytest.raises(Throttled):
        a_wire(gate, lambda request: sent.append(request) or ok(request)).request(
            "GET", "https://acme.example/"
        )

    assert (sent, gate.seen) == ([], [("enter", "")])


def test_a_stopping_daemon_starts_no_new_call() -> None:
    stop, gate = threading.Event(), OpenGate()
    stop.set()

    with pytest.raises(Stopping):
        a_wire(gate, ok, stop=stop).request("GET", "https://acme.example/")

    assert gate.seen == []


def test_a_stop_during_a_call_lets_the_call_finish() -> None:
    stop = threading.Event()

    def stops_meanwhile(request: httpx.Request) -> httpx.Response:
        stop.set()
        return ok(request)

    assert (
        a_wire(handler=stops_meanwhile, stop=stop).request("GET", "https://acme.example/").status_code == 200
    )


def test_the_watchdog_is_told_how_long_each_call_may_take() -> None:
    told: list[float] = []

    a_wire(handler=ok, beat=told.append, deadline_s=45).request(
        "GET", "https://acme.example/", deadline_s=130
    )

    assert len(told) == 1 and 130 <= told[0] < 180


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, Throttled),
        (401, Unauthorised),
        (403, Unauthorised),
        (404, Missing),
        (400, Rejected),
        (422, Rejected),
        (500, OutcomeUnknown),
        (503, OutcomeUnknown),
        (302, Garbled),
    ],
)
def test_a_status_says_what_the_caller_may_do_next(status: int, kind: type[RemoteError]) -> None:
    with pytest.raises(RemoteError) as caught:
        raise_for(Reply(status, {}, b""), "Acme", provider_code="why", ref="req_1")

    error = caught.value
    assert type(error) is kind
    assert (error.party, error.status_code, error.provider_code, error.ref) == (
        "Acme",
        status,
        "why",
        "req_1",
    )


def test_success_raises_nothing() -> None:
    raise_for(Reply(204, {}, b""), "Acme")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "86400"}, 3600),
        ({"retry-after": "soon"}, None),
        ({}, None),
        (
            {
                "retry-after": "Mon, 02 Mar 2026 09:01:00 GMT",
                "date": "Mon, 02 Mar 2026 09:00:00 GMT",
            },
            60,
        ),
        ({"retry-after": "Mon, 02 Mar 2026 09:01:00 GMT"}, None),
    ],
)
def test_retry_after_is_honoured_up_to_an_hour(headers: dict[str, str], seconds: float | None) -> None:
    with pytest.raises(Throttled) as caught:
        raise_for(Reply(429, headers, b""), "Acme")
    assert caught.value.retry_after == seconds


def test_a_limit_of_a_day_may_be_waited_for_longer_than_an_hour() -> None:
    assert retry_after_s({"retry-after": "20000"}) == 3600
    assert retry_after_s({"retry-after": "20000"}, 86_400) == 20_000
    assert retry_after_s({"retry-after": "999999"}, 86_400) == 86_400


def test_what_an_adapter_reads_of_a_quota_reaches_the_gate() -> None:
    gate = OpenGate()
    wire = HttpWire("Acme", gate=gate, clock=SystemClock())

    wire.told("day", 12, 30)

    assert gate.seen == [("told", "day", 12, 30)]
    wire.close()


def test_an_answer_that_is_not_json_is_garbled() -> None:
    with pytest.raises(Garbled):
        Reply(200, {}, b"<html>").json()
