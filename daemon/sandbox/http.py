"""WSGI in, WSGI out: a bounded request, and an answer that can be spoilt on its way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from daemon.clock import Clock

Environ = dict[str, Any]
StartResponse = Callable[..., object]

MAX_BODY = 4 * 1024 * 1024
_DRIP_BYTES = 16
_REASONS = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True, slots=True)
class Request:
    """`headers` by lower-case name; `query` in the order given, values percent-decoded."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes

    def param(self, name: str, default: str = "") -> str:
        """The last value of this name in the query."""
        return next((value for key, value in reversed(self.query) if key == name), default)

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class TooLarge(Exception):
    """The body is larger than the limit, or of no stated length."""


def read(environ: Environ) -> Request:
    """Raises TooLarge."""
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > MAX_BODY:
        raise TooLarge
    headers = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") and isinstance(value, str)
    }
    headers["content-type"] = environ.get("CONTENT_TYPE") or ""
    return Request(
        environ["REQUEST_METHOD"],
        environ.get("PATH_INFO", ""),
        tuple(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)),
        headers,
        environ["wsgi.input"].read(int(length)) if length != "0" else b"",
    )


@dataclass(slots=True)
class Answer:
    status: int
    body: bytes
    headers: list[tuple[str, str]] = field(default_factory=list)
    content_type: str = "application/json"

    def send(self, start_response: StartResponse) -> Iterable[bytes]:
        self.start(start_response)
        return [self.body]

    def drip(self, start_response: StartResponse, clock: Clock, pause_s: float) -> Iterable[bytes]:
        """The same bytes a few at a time: no read ever times out, the whole takes for ever."""
        self.start(start_response)
        return _dripping(self.body, clock, pause_s)

    def start(self, start_response: StartResponse) -> None:
        start_response(
            f"{self.status} {_REASONS.get(self.status, 'Unknown')}",
            [
                ("Content-Type", self.content_type),
                ("Content-Length", str(len(self.body))),
                ("Cache-Control", "no-cache, no-store"),
                *self.headers,
            ],
        )


def _dripping(body: bytes, clock: Clock, pause_s: float) -> Iterator[bytes]:
    for start in range(0, len(body), _DRIP_BYTES):
        clock.wait(pause_s)
        yield body[start : start + _DRIP_BYTES]
