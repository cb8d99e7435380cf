"""Carrying requests: to a double in this process as an httpx transport, and its webhooks out of it.

Beside `daemon.wire` the one module that imports httpx.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpx

from daemon.clock import Clock
from daemon.sandbox.faults import FaultKind, LostAnswer

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class SandboxTransport(httpx.BaseTransport):
    """Runs a WSGI double in this process. A lost answer becomes what httpx says of it: ConnectError
    (nothing was sent), ReadTimeout (silence), ReadError or RemoteProtocolError (the connection broke).

    With a `clock`, silence lasts as long as the request's read timeout."""

    def __init__(self, app: Wsgi, clock: Clock | None = None) -> None:
        self._app = app
        self._clock = clock

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        started: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
            started["status"], started["headers"] = int(status.split(" ", 1)[0]), headers

        try:
            body = self._app(_environ(request), start_response)
        except LostAnswer as lost:
            raise self._as_error(lost, request) from lost
        if isinstance(body, list):
            return httpx.Response(started["status"], headers=started["headers"], content=b"".join(body))
        return httpx.Response(started["status"], headers=started["headers"], stream=_Stream(body))

    def _as_error(self, lost: LostAnswer, request: httpx.Request) -> httpx.TransportError:
        if lost.fault.kind is FaultKind.REFUSED:
            return httpx.ConnectError("connection refused", request=request)
        if lost.silent:
            if self._clock is not None:
                self._clock.wait(request.extensions.get("timeout", {}).get("read") or 0.0)
            return httpx.ReadTimeout("timed out", request=request)
        if lost.after_commit:
            return httpx.ReadError("connection reset by peer", request=request)
        return httpx.RemoteProtocolError("server disconnected without sending a response", request=request)


class _Stream(httpx.SyncByteStream):
    def __init__(self, body: Iterable[bytes]) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        yield from self._body


def _environ(request: httpx.Request) -> dict[str, Any]:
    body = request.read()
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": request.url.path,
        "QUERY_STRING": request.url.query.decode("ascii"),
        "SERVER_NAME": request.url.host,
        "SERVER_PORT": str(request.url.port or 443),
        "wsgi.input": io.BytesIO(body),
        "wsgi.url_scheme": request.url.scheme,
        "CONTENT_LENGTH": str(len(body)),
    }
    for name, value in request.headers.items():
        key = name.upper().replace("-", "_")
        environ["CONTENT_TYPE" if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    return environ


class Poster:
    """Posts webhooks over the network; called with (url, headers, body), it tells whether the answer was
    2xx. A redirect counts as failure."""

    def __init__(self, timeout_s: float = 10.0) -> None:
        self._client = httpx.Client(timeout=timeout_s, trust_env=False, follow_redirects=False)

    def __call__(self, url: str, headers: dict[str, str], body: bytes) -> bool:
        try:
            return self._client.post(url, headers=headers, content=body).is_success
        except httpx.HTTPError:
            return False

    def close(self) -> None:
        self._client.close()
