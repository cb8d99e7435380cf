"""The server: what is too large, too slow, too much or malformed gets a clear answer and costs little."""

from __future__ import annotations

import contextlib
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from daemon.beats import Beats
from daemon.clock import SystemClock
from daemon.errors import ConfigError
from daemon.web.server import LARGEST_BODY, WebServer

CLOCK = SystemClock()
POST = b"POST /here HTTP/1.1\r\nHost: h\r\n"
Start = Callable[..., WebServer]


class App:
    """Answers with what it was given, and counts."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.calls.append(environ["REMOTE_ADDR"])
        self.gate.wait(5)
        body: bytes = environ["wsgi.input"].read()
        answer = f"{environ['REMOTE_ADDR']} {len(body)}".encode()
        start_response("200 OK", [("Content-Length", str(len(answer)))])
        return [answer]


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def serve(app: App) -> Iterator[Start]:
    servers: list[WebServer] = []

    def start(**options: Any) -> WebServer:
        options = {"name": "receiver", "host": "127.0.0.1", "port": 0, "clock": CLOCK, "threads": 4} | options
        server = WebServer(app, **options)
        server.start()
        servers.append(server)
        return server

    yield start
    app.gate.set()
    for server in servers:
        server.stop(within_s=2)


def connect(server: WebServer, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=5, source_address=(source, 0))


def read_all(sock: socket.socket) -> bytes:
    """Until the server closes."""
    heard = b""
    while chunk := sock.recv(65_536):
        heard += chunk
    return heard


def read_answer(sock: socket.socket) -> bytes:
    """One answer of the app, on a connection that stays open."""
    heard = b""
    while not heard.partition(b"\r\n\r\n")[2]:
        heard += sock.recv(65_536)
    return heard


def ask(server: WebServer, request: bytes, source: str = "127.0.0.1") -> bytes:
    with connect(server, source) as sock:
        sock.sendall(request)
        return read_all(sock)


def honest(server: WebServer, source: str = "127.0.0.1") -> bytes:
    return ask(server, POST + b"Connection: close\r\nContent-Length: 2\r\n\r\nok", source)


def is_let_in(server: WebServer, source: str) -> bool:
    """Who is turned away while it speaks may see a reset instead of the answer."""
    try:
        return status(honest(server, source)) == 200
    except ConnectionError:
        return False


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


# --- body ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 411),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 411),
        (b"Transfer-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello", 400),
        (b"\r\nhello", 411),
        (b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400),
        (b"Content-Length: 5, 5\r\n\r\nhello", 400),
        (b"Content-Length: +5\r\n\r\nhello", 400),
        (b"Content-Length: -1\r\n\r\n", 400),
        (b"Content-Length: 99999999999999999999\r\n\r\n", 413),
        (b"Content-Length: 262145\r\n\r\n", 413),
        (b"Expect: 100-continue\r\nContent-Length: 1073741824\r\n\r\n", 413),
        (b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"X: " + b"x" * 17_000 + b"\r\nContent-Length: 0\r\n\r\n", 431),
    ],
)
def test_a_body_of_no_stated_or_no_bearable_length_is_refused_by_its_header(
    serve: Start, app: App, headers: bytes, code: int
) -> None:
    answer = ask(serve(), POST + headers)

    assert status(answer) == code
    assert b"X-Error-Code: WB-INPUT" in answer
    assert answer.endswith(b"\r\n\r\n")
    assert b"waitress" not in answer
    assert app.calls == []


def test_http_1_0_may_not_send_chunks_either(serve: Start, app: App) -> None:
    answer = ask(serve(), b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")

    assert (status(answer), app.calls) == (411, [])


def test_a_body_of_exactly_the_limit_is_read(serve: Start) -> None:
    server = serve(max_body=1000)
    head = POST + b"Connection: close\r\nContent-Length: "

    assert ask(server, head + b"1000\r\n\r\n" + b"x" * 1000).endswith(b"127.0.0.1 1000")
    assert status(ask(server, head + b"1001\r\n\r\n" + b"x" * 1001)) == 413


@pytest.mark.parametrize(
    "head", [b"Content-Length: 1073741824\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n40000000\r\n"]
)
def test_a_gigabyte_is_neither_read_nor_kept(serve: Start, head: bytes) -> None:
    server = serve()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sent, block = 0, b"\0" * 1_048_576
    with connect(server) as sock:
        sock.sendall(POST + head)
        with contextlib.suppress(OSError):
            while sent < 1 << 30:
                sent += sock.send(block)
        answer = sock.recv(4096)

    assert status(answer) in (411, 413)
    assert sent < 64 << 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024
    assert status(honest(server)) == 200


def test_a_client_that_sends_all_before_it_reads_still_hears_why_it_was_refused(serve: Start) -> None:
    server = serve()

    for _ in range(10):
        answer = ask(server, POST + b"Content-Length: 1000000\r\n\r\n" + b"x" * 1_000_000)
        assert status(answer) == 413


# --- slowness -----------------------------------------------------------------------------------------


def test_a_connection_that_says_nothing_is_closed(serve: Start) -> None:
    with connect(serve(header_timeout_s=0.2)) as sock:
        assert sock.recv(100) == b""


@pytest.mark.parametrize("beginning", [b"POST / HTTP/1.1\r\nHost:", POST + b"Content-Length: 100\r\n\r\nabc"])
def test_half_a_request_is_answered_with_408(serve: Start, app: App, beginning: bytes) -> None:
    answer = ask(serve(header_timeout_s=0.2, body_timeout_s=0.2), beginning)

    assert status(answer) == 408
    assert app.calls == []


@pytest.mark.parametrize("beginning", [b"POST / HTTP/1.1\r\nX: ", POST + b"Content-Length: 100000\r\n\r\n"])
def test_dripping_does_not_prolong_the_time(serve: Start, beginning: bytes) -> None:
    server = serve(header_timeout_s=0.3, body_timeout_s=0.3)
    began = time.monotonic()
    with connect(server) as sock:
        sock.sendall(beginning)
        sock.settimeout(0.02)
        answer = b""
        while not answer and time.monotonic() - began < 5:
            with contextlib.suppress(TimeoutError):
                sock.sendall(b"x")
                answer = sock.recv(4096)

    assert status(answer) == 408
    assert time.monotonic() - began < 2


def test_a_kept_connection_has_the_time_anew_for_each_request(serve: Start) -> None:
    whole = POST + b"Content-Length: 2\r\n\r\nok"
    with connect(serve(header_timeout_s=0.2)) as sock:
        for pause_s in (0, 0.5, 0):
            time.sleep(pause_s)
            sock.sendall(whole)
            assert read_answer(sock).endswith(b"127.0.0.1 2")
        sock.sendall(whole[:10])
        assert status(read_all(sock)) == 408


# --- number -------------------------------------------------------------------------------------------


def test_idle_and_half_open_connections_silence_nobody(serve: Start) -> None:
    server = serve(header_timeout_s=30)
    with contextlib.ExitStack() as held:
        for number in range(300):
            sock = held.enter_context(connect(server, f"127.0.1.{number // 20 + 1}"))
            if number % 2:
                sock.sendall(POST)
        began = time.monotonic()

        assert status(honest(server)) == 200
        assert time.monotonic() - began < 1


def test_one_address_has_so_many_connections_and_no_more(serve: Start) -> None:
    server = serve(per_address=5)
    with contextlib.ExitStack() as held:
        kept = [held.enter_context(connect(server, "127.0.0.7")) for _ in range(5)]
        answer = ask(server, b"", "127.0.0.7")

        assert status(answer) == 429
        assert b"Retry-After" in answer
        assert status(honest(server, "127.0.0.8")) == 200
        kept[0].close()
        until = time.monotonic() + 5
        while not (let_in := is_let_in(server, "127.0.0.7")) and time.monotonic() < until:
            pass
        assert let_in


def test_when_all_places_are_taken_the_oldest_idle_connection_gives_way(serve: Start) -> None:
    server = serve(connections=10)
    with contextlib.ExitStack() as held:
        idle = [held.enter_context(connect(server, f"127.0.0.{number + 2}")) for number in range(10)]

        assert status(honest(server)) == 200
        assert idle[0].recv(10) == b""
        idle[9].sendall(POST + b"Content-Length: 0\r\n\r\n")
        assert status(idle[9].recv(4096)) == 200


def test_a_trusted_proxy_is_spared_and_its_word_on_the_client_counts(serve: Start) -> None:
    server = serve(per_address=2, trusted_proxy="127.0.0.9")
    forwarded = (
        POST + b"X-Forwarded-For: 198.51.100.7, 203.0.113.5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    )
    with contextlib.ExitStack() as held:
        for _ in range(6):
            held.enter_context(connect(server, "127.0.0.9"))

        assert ask(server, forwarded, "127.0.0.9").endswith(b"203.0.113.5 0")
        assert ask(server, forwarded, "127.0.0.1").endswith(b"127.0.0.1 0")


# --- life ---------------------------------------------------------------------------------------------


def test_stopping_answers_what_has_arrived_and_takes_nothing_new(serve: Start, app: App) -> None:
    server = serve()
    app.gate.clear()
    with connect(server) as sock:
        sock.sendall(POST + b"Content-Length: 2\r\n\r\nok")
        until = time.monotonic() + 5
        while not app.calls and time.monotonic() < until:
            time.sleep(0.005)
        stopping = threading.Thread(target=server.stop, kwargs={"within_s": 5})
        stopping.start()
        app.gate.set()

        assert status(sock.recv(4096)) == 200
        stopping.join(5)
        assert not stopping.is_alive()
        with pytest.raises(OSError):
            connect(server)


def test_an_address_that_is_taken_is_a_sentence(serve: Start) -> None:
    taken = serve().port

    with pytest.raises(ConfigError, match=rf"\[receiver\] listen: 127.0.0.1:{taken} cannot be had"):
        serve(port=taken)


def test_the_serving_thread_beats_while_it_lives_and_promises_nothing_after(serve: Start) -> None:
    told: list[str] = []

    class Watched(Beats):
        def beat(self, within_s: float = 30) -> None:
            told.append(threading.current_thread().name)
            super().beat(within_s)

        def rest(self) -> None:
            told.append("rest")
            super().rest()

    server = serve(beats=Watched(CLOCK))
    honest(server)
    server.stop(within_s=1)

    assert told[0] == "receiver"
    assert told[-1] == "rest"


def test_a_path_may_take_more_than_the_others_up_to_the_largest_of_all(serve: Start, app: App) -> None:
    sizes = {"/large": 5000, "/endless": 1 << 40}
    asked: list[str] = []

    def max_body_of(path: str) -> int:
        asked.append(path)
        return sizes.get(path, 0)

    server = serve(max_body=1000, max_body_of=max_body_of)

    def post(path: str, length: int, body: bytes = b"") -> bytes:
        head = f"POST {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        return ask(server, head.encode() + body)

    assert post("/here", 1000, b"x" * 1000).endswith(b" 1000")
    assert asked == []
    assert status(post("/here", 1001)) == 413
    assert post("/large", 5000, b"x" * 5000).endswith(b" 5000")
    assert status(post("/large", 5001)) == 413
    assert status(post("/endless", LARGEST_BODY + 1)) == 413
    assert len(app.calls) == 2
