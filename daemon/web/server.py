"""waitress in a thread, with limits on size, slowness and number of its clients."""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from daemon.beats import Beats
from daemon.clock import Clock
from daemon.errors import ConfigError
from daemon.web.access import WSGI
from daemon.web.channel import Channel
from daemon.web.limits import TOO_MANY, client_of

IDLE_S = 60
"""A connection between two requests is kept this long; one that has sent nothing yet, `header_timeout_s`."""

MAX_HEADER = 16_384
LARGEST_BODY = 4 << 20
"""Whatever a path allows."""

EVERY_S = 1.0
"""How often it is looked who is late; more often where less time is given."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Patience:
    """How many clients, and for how long."""

    connections: int
    per_address: int
    header_timeout_s: float
    body_timeout_s: float


class WebServer:
    """Serves one WSGI application on one address. `port` 0 lets the system choose; `trusted_proxy` is
    the one address whose X-Forwarded-For counts, and which the limit per address spares; `max_body_of`
    says of a path how long a body may be there, up to `LARGEST_BODY`, where that is more than `max_body`."""

    def __init__(
        self,
        app: WSGI,
        *,
        name: str,
        host: str,
        port: int,
        clock: Clock,
        beats: Beats | None = None,
        threads: int = 8,
        connections: int = 1000,
        per_address: int = 20,
        max_body: int = 262_144,
        max_body_of: Callable[[str], int] | None = None,
        header_timeout_s: float = 5.0,
        body_timeout_s: float = 10.0,
        trusted_proxy: str = "",
        at_thread_end: Callable[[], object] = lambda: None,
    ) -> None:
        self.host = host
        self._app = app
        self._name = name
        self._clock = clock
        self._beats = beats
        self._threads = threads
        self._asked_port = port
        self._at_thread_end = at_thread_end
        self._patience = Patience(connections, per_address, header_timeout_s, body_timeout_s)
        self._every_s = min(EVERY_S, header_timeout_s, body_timeout_s)
        self._max_body, self._max_body_of = max_body, max_body_of
        most = max(max_body, LARGEST_BODY) if max_body_of else max_body
        self._adjustments: dict[str, Any] = {
            # waitress refuses this many.
            "max_request_body_size": most + 1,
            "inbuf_overflow": max(max_body + 1, 524_288),
        }
        if trusted_proxy:
            self._adjustments["trusted_proxy"] = trusted_proxy
            self._adjustments["trusted_proxy_headers"] = {"x-forwarded-for", "x-forwarded-proto"}
        self._server: Listener | None = None
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port that is listened on, once started."""
        return int(self._server.effective_port) if self._server else self._asked_port

    def start(self) -> None:
        """Listen, and serve in threads. Raises ConfigError where the address cannot be had."""
        adjustments = Adjustments(
            host=self.host,
            port=self._asked_port,
            ident=None,
            threads=self._threads,
            # Ours are `connections`; waitress stops listening at its own limit, which silences it.
            connection_limit=1_000_000,
            channel_timeout=IDLE_S,
            max_request_header_size=MAX_HEADER,
            clear_untrusted_proxy_headers=True,
            log_socket_errors=False,
            **self._adjustments,
        )
        adjustments.body_fits = self._body_fits
        # Its own reader of this setting takes whole seconds only.
        adjustments.cleanup_interval = self._every_s
        dispatcher = Dispatcher(self._at_thread_end)
        try:
            self._server = Listener(
                self._app,
                adjustments,
                dispatcher,
                patience=self._patience,
                clock=self._clock,
                beat=self._beat,
            )
        except OSError as error:
            raise ConfigError(
                f"[{self._name}] listen: {self.host}:{self._asked_port} cannot be had: {error.strerror}"
            ) from error
        dispatcher.set_thread_count(self._threads)
        self._thread = threading.Thread(target=self._run, args=(self._server,), name=self._name, daemon=True)
        self._thread.start()

    def stop(self, within_s: float) -> None:
        """Answer what has arrived whole, take nothing new, and end; whoever is not answered by then is
        cut off, and sends again."""
        server, self._server = self._server, None
        if server is None or self._thread is None:
            return
        server.stopping = True
        server.accepting = False
        until = self._clock.monotonic() + within_s
        while any(not c.idle for c in list(server.active_channels.values())):
            if self._clock.monotonic() >= until:
                break
            self._clock.wait(0.02)
        left_s = max(0.1, until - self._clock.monotonic())
        server.task_dispatcher.shutdown(cancel_pending=True, timeout=left_s)
        self._ended.set()
        # It may have seen the sign, and closed the pipe, between these two lines.
        with contextlib.suppress(OSError):
            server.pull_trigger()
        self._thread.join(timeout=5)

    def _body_fits(self, path: str, length: int) -> bool:
        if length <= self._max_body or self._max_body_of is None:
            return length <= self._max_body
        return length <= LARGEST_BODY and length <= self._max_body_of(path)

    def _beat(self) -> None:
        if self._beats is not None:
            self._beats.beat()

    def _run(self, server: Listener) -> None:
        while not self._ended.is_set():
            try:
                wasyncore.loop(timeout=self._every_s, use_poll=True, map=server._map, count=1)
            except Exception:
                log.exception("web.loop_failed", server=self._name)
                self._clock.wait(0.1)
        wasyncore.close_all(server._map, ignore_all=True)
        if self._beats is not None:
            self._beats.rest()


class Dispatcher(ThreadedTaskDispatcher):  # type: ignore[misc]
    """waitress's pool. It warns of every task that waits, which in a burst is every one: said at debug."""

    def __init__(self, at_thread_end: Callable[[], object]) -> None:
        super().__init__()
        self._at_thread_end = at_thread_end
        self.queue_logger = logging.getLogger("waitress.queue")
        self.queue_logger.setLevel(logging.ERROR)

    def handler_thread(self, thread_no: int) -> None:
        try:
            super().handler_thread(thread_no)
        finally:
            with contextlib.suppress(Exception):
                self._at_thread_end()


class Listener(TcpWSGIServer):  # type: ignore[misc]
    """The listening socket: who may connect, and once a second who is late."""

    channel_class = Channel
    stopping = False

    def __init__(
        self,
        app: WSGI,
        adjustments: Any,
        dispatcher: Dispatcher,
        *,
        patience: Patience,
        clock: Clock,
        beat: Callable[[], None],
    ) -> None:
        self.patience = patience
        self.clock = clock
        self.beat = beat
        super().__init__(app, dispatcher=dispatcher, adj=adjustments, sockinfo=adjustments.listen[0])

    def handle_accept(self) -> None:
        try:
            accepted = self.accept()
        except OSError as error:
            # Out of file descriptors: without room the loop would spin on this very connection.
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._make_room()
            return
        if accepted is None:
            return
        conn, address = accepted
        if self._is_one_too_many(address[0]):
            _turn_away(conn)
            return
        if len(self.active_channels) >= self.patience.connections:
            self._make_room()
        with contextlib.suppress(OSError):
            self.set_socket_options(conn)
        Channel(self, conn, self.fix_addr(address), self.adj, map=self._map)

    def _is_one_too_many(self, address: str) -> bool:
        if address == self.adj.trusted_proxy:
            return False
        client = client_of(address)
        there = sum(1 for channel in self.active_channels.values() if channel.client == client)
        return there >= self.patience.per_address

    def _make_room(self) -> None:
        """Close the idle connection that is open longest."""
        idle = [channel for channel in self.active_channels.values() if channel.idle]
        if idle:
            min(idle, key=lambda channel: channel.opened_at).handle_close()

    def maintenance(self, now: float) -> None:
        """waitress calls this between two polls, at most once in `EVERY_S`."""
        self.beat()
        super().maintenance(now)
        mono = self.clock.monotonic()
        for channel in list(self.active_channels.values()):
            channel.hurry(mono)


def _turn_away(conn: socket.socket) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in TOO_MANY.headers)
    answer = f"HTTP/1.1 {TOO_MANY.status}\r\nContent-Length: 0\r\nConnection: close\r\n{head}\r\n"
    with contextlib.suppress(OSError):
        conn.setblocking(False)
        conn.send(answer.encode())
    conn.close()
