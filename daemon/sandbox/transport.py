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


class SpoilingTransport(httpx.BaseTransport):
    """Spoils one request of a transport, in the words of the contract's `FAULTS`, whatever the provider."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner
        self._spoil: tuple[str, int] | None = None
        self.requests = 0

    def spoil(self, fault: str, *, after: int = 0) -> None:
        """The request after `after` more requests meets this fault."""
        self._spoil = (fault, after)

    def unspoil(self) -> None:
        self._spoil = None

    @property
    def pending(self) -> bool:
        """Whether what was ordered is still to come."""
        return self._spoil is not None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        if self._spoil is None:
            return self._inner.handle_request(request)
        fault, after = self._spoil
        self._spoil = (fault, after - 1) if after else None
        return self._inner.handle_request(request) if after else self._spoilt(fault, request)

    def _spoilt(self, fault: str, request: httpx.Request) -> httpx.Response:
        if fault in _NOT_DONE:
            return _NOT_DONE[fault](request)
        answer = self._inner.handle_request(request)
        answer.read()
        match fault:
            case "lost_answer":
                raise httpx.ReadTimeout("timed out", request=request)
            case "reset_after":
                raise httpx.ReadError("connection reset by peer", request=request)
            case "error_after":
                return httpx.Response(500, text="Internal Server Error")
            case "empty":
                return httpx.Response(answer.status_code, headers=_typed(answer))
            case "truncated":
                body = answer.content[: len(answer.content) // 2]
                return httpx.Response(answer.status_code, headers=_typed(answer), content=body)
        raise ValueError(fault)

    def close(self) -> None:
        self._inner.close()


def _typed(answer: httpx.Response) -> dict[str, str]:
    return {"content-type": answer.headers.get("content-type", "")}


def _refused(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("connection refused", request=request)


def _silent(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("timed out", request=request)


def _reset(request: httpx.Request) -> httpx.Response:
    raise httpx.RemoteProtocolError("server disconnected", request=request)


_NOT_DONE: dict[str, Callable[[httpx.Request], httpx.Response]] = {
    "refused": _refused,
    "lost_request": _silent,
    "reset_before": _reset,
    "error_before": lambda _: httpx.Response(503, text="Service Unavailable"),
    "throttled": lambda _: httpx.Response(429, headers={"retry-after": "7"}),
    "throttled_silently": lambda _: httpx.Response(429),
    "html": lambda _: httpx.Response(200, html="<!DOCTYPE html><title>Sign in</title>"),
    "redirect": lambda _: httpx.Response(302, headers={"location": "https://elsewhere.test/"}),
}
"""What happens to a request of which nothing is done."""


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
