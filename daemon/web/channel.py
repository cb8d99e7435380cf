"""Our side of waitress's connections: what a request may cost before any application sees it.

Measured with waitress 3.0.2: it spools a chunked body to a temporary file up to its limit before it asks
the application (300 MB of an unfinished chunk); `Expect: 100-continue` invites a body that its length has
refused already; its one time limit is renewed by every byte, so that a client that drips holds a
connection for ever. And who closes with unread data resets the connection, which can take the answer away
from the client (RFC 9112, section 9.6).
"""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import structlog
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.task import ErrorTask

from daemon.web.limits import (
    BAD_REQUEST,
    HEADER_TOO_LARGE,
    TOO_LARGE,
    TOO_SLOW,
    Refusal,
    client_of,
    judge_body,
)

LINGER_S = 2.0
LINGER_BYTES = 4 << 20
"""How long, and how much, is read and thrown away after a refusal, so that the client sees the answer."""

_OURS = {413: TOO_LARGE, 431: HEADER_TOO_LARGE}

log = structlog.get_logger()


class Parser(HTTPRequestParser):  # type: ignore[misc]
    """Judges the body by the header block alone, and swallows what comes after a refusal."""

    error: Any
    _judged = False

    def received(self, data: bytes) -> int:
        consumed: int = super().received(data)
        if self.headers_finished and self.error is None and not self.empty and not self._judged:
            self._judged = True
            self.error = judge_body(self.command, self._headers(), self._fits)
        if self.error is None:
            return consumed
        if not isinstance(self.error, Refusal):
            self.error = _OURS.get(self.error.code, BAD_REQUEST)
        self.completed = True
        self.expect_continue = False
        return len(data)

    def _fits(self, length: int) -> bool:
        return bool(self.adj.body_fits(self.path, length))

    def _headers(self) -> dict[str, str]:
        """With the Transfer-Encoding that waitress takes away from HTTP/1.1 requests."""
        headers: dict[str, str] = self.headers
        return headers | {"TRANSFER_ENCODING": "chunked"} if self.chunked else headers


class Refused(ErrorTask):  # type: ignore[misc]
    """Answers a request that the server itself refused."""

    def execute(self) -> None:
        self.channel.lingers = True
        refusal = self.request.error
        log.info(
            "web.refused", status=int(refusal.status[:3]), code=refusal.code, client=self.channel.addr[0]
        )
        super().execute()


class Channel(HTTPChannel):  # type: ignore[misc]
    """One connection. All of this runs in the server's own thread, except the tasks."""

    parser_class = Parser
    error_task_class = Refused
    lingers = False
    request: Any
    close_when_flushed: bool

    def __init__(self, server: Any, sock: socket.socket, addr: Any, adj: Any, map: Any = None) -> None:  # noqa: A002
        self.client = client_of(addr[0])
        self.opened_at: float = server.clock.monotonic()
        self._due_at: float | None = self.opened_at + server.patience.header_timeout_s
        self._body_begun = False
        self._lingers_until: float | None = None
        self._thrown_away = 0
        super().__init__(server, sock, addr, adj, map=map)

    @property
    def idle(self) -> bool:
        """Nothing of it is being answered: closing it costs its client a repeat at most."""
        return not self.requests and not self.total_outbufs_len

    def readable(self) -> bool:
        if self._lingers_until is not None:
            return not self.will_close
        return not self.server.stopping and bool(super().readable())

    def handle_read(self) -> None:
        if self._lingers_until is None:
            super().handle_read()
            return
        try:
            self._thrown_away += len(self.recv(65_536))
        except OSError:
            self.handle_close()
        if self._thrown_away > LINGER_BYTES:
            self.handle_close()

    def received(self, data: bytes) -> bool:
        answer = bool(super().received(data))
        self._plan()
        return answer

    def _plan(self) -> None:
        """When what is awaited must be here: a header in all, then a body in all."""
        request = self.request
        if request is None:
            self._due_at, self._body_begun = None, False
        elif request.headers_finished and not self._body_begun:
            self._due_at = self.server.clock.monotonic() + self.server.patience.body_timeout_s
            self._body_begun = True
        elif self._due_at is None:
            self._due_at = self.server.clock.monotonic() + self.server.patience.header_timeout_s

    def hurry(self, now: float) -> None:
        """Called every second: cut what is late. A will to close alone waits for a socket that can be
        written, which a client that reads nothing never grants."""
        if self.will_close or (self._lingers_until is not None and now >= self._lingers_until):
            self.handle_close()
        elif self._due_at is not None and now >= self._due_at and not self.requests:
            self._cut()

    def _cut(self) -> None:
        self._due_at = None
        with self.requests_lock:
            request, self.request = self.request, None
            if request is not None:
                request.error, request.completed = TOO_SLOW, True
                self.requests.append(request)
        if request is None:
            self.handle_close()
        else:
            self.server.add_task(self)

    def handle_write(self) -> None:
        if not self.lingers:
            super().handle_write()
            return
        if self.total_outbufs_len:
            # The task that writes the refusal may be flushing too.
            self._flush_exception(self._flush_some_if_lockable)
        if self.close_when_flushed and not self.total_outbufs_len:
            self.close_when_flushed = False
            self._lingers_until = self.server.clock.monotonic() + LINGER_S
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
        if self.will_close:
            self.handle_close()
