"""WSGI in, WSGI out: reading a request and writing an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from daemon.clock import Clock
from daemon.sandbox.stripe.errors import StripeError, invalid
from daemon.sandbox.stripe.forms import decode

Environ = dict[str, Any]
StartResponse = Callable[..., object]

MAX_BODY = 1024 * 1024
_FORM = "application/x-www-form-urlencoded"
_DRIP_BYTES = 16


@dataclass(frozen=True, slots=True)
class Request:
    """`pairs` are the parameters in order, from the query of a GET or DELETE or the form of a POST."""

    method: str
    path: str
    query: str
    body: bytes
    authorization: str
    version: str
    key: str
    account: str
    content_type: str

    def pairs(self) -> list[tuple[str, str]]:
        """Raises StripeError where parameters stand in the wrong place or encoding."""
        if self.method != "POST":
            if self.body:
                raise invalid(f"{self.method} requests take their parameters in the query, not in a body.")
            return decode(self.query)
        if self.query:
            raise invalid("POST requests take their parameters in the body, not in the query.")
        if self.body and self.content_type.partition(";")[0].strip().lower() != _FORM:
            raise invalid(
                "Invalid request (check that your POST content type is application/x-www-form-urlencoded)."
            )
        try:
            return decode(self.body.decode("ascii"))
        except UnicodeDecodeError:
            raise invalid("Form bodies are percent-encoded ASCII.") from None


def read(environ: Environ) -> Request:
    """Raises StripeError where the body is too large or of no stated length."""
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > MAX_BODY:
        raise StripeError(413, "Request body is too large.")
    return Request(
        environ["REQUEST_METHOD"],
        environ.get("PATH_INFO", ""),
        environ.get("QUERY_STRING", ""),
        environ["wsgi.input"].read(int(length)) if length != "0" else b"",
        environ.get("HTTP_AUTHORIZATION", ""),
        environ.get("HTTP_STRIPE_VERSION", ""),
        environ.get("HTTP_IDEMPOTENCY_KEY", ""),
        environ.get("HTTP_STRIPE_ACCOUNT", ""),
        environ.get("CONTENT_TYPE", ""),
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


_REASONS = {status.value: status.phrase for status in HTTPStatus}
