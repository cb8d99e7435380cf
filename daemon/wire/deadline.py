"""A transport that keeps a deadline for the whole call.

httpx times each read by itself, so a server that drips one byte at a time outlives any timeout, in the
head of an answer as well as in its body. Here every socket operation gets the smaller of its own timeout
and what is left of the call.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterable
from typing import Any

import httpcore
import httpx


class Deadline(threading.local):
    """When the call that this thread is in must end, in monotonic seconds; None outside a call."""

    ends_at: float | None = None


class DeadlineTransport(httpx.HTTPTransport):
    """httpx's transport over sockets that keep `deadline`."""

    def __init__(self, deadline: Deadline, monotonic: Callable[[], float], limits: httpx.Limits) -> None:
        super().__init__(trust_env=False)
        self._pool.close()
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False),
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=DeadlineBackend(deadline, monotonic),
        )


class _Left:
    def __init__(self, deadline: Deadline, monotonic: Callable[[], float]) -> None:
        self._deadline, self._monotonic = deadline, monotonic

    def of(self, timeout: float | None, expired: type[Exception]) -> float | None:
        """The seconds that this operation may take; raises `expired` when there are none."""
        if self._deadline.ends_at is None:
            return timeout
        left = self._deadline.ends_at - self._monotonic()
        if left <= 0:
            raise expired("the call's deadline has passed")
        return left if timeout is None else min(timeout, left)


class DeadlineBackend(httpcore.NetworkBackend):
    """Sockets whose every operation ends with the call."""

    def __init__(self, deadline: Deadline, monotonic: Callable[[], float]) -> None:
        self._inner = httpcore.SyncBackend()
        self._left = _Left(deadline, monotonic)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        timeout = self._left.of(timeout, httpcore.ConnectTimeout)
        return _Stream(
            self._inner.connect_tcp(host, port, timeout, local_address, socket_options), self._left
        )


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, left: _Left) -> None:
        self._inner, self._left = inner, left

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._left.of(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._left.of(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        timeout = self._left.of(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, timeout), self._left)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
