"""Around every application: a request id, one log line, and an answer even where the code fails."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from structlog.contextvars import bound_contextvars

from daemon.clock import Clock, Entropy

Environ = dict[str, Any]
WSGI = Callable[[Environ, Any], Iterable[bytes]]

SHOWN = 160
FAILED = [("Content-Length", "0"), ("X-Error-Code", "WB-INTERNAL")]

log = structlog.get_logger()


def logged(app: WSGI, *, face: str, clock: Clock, entropy: Entropy) -> WSGI:
    """One `web.request` line each: method, path, status, milliseconds; no query, no body, no header. The
    answer carries the line's request id."""

    def serve(environ: Environ, start_response: Any) -> Iterable[bytes]:
        request_id = entropy.bytes(8).hex()
        started = clock.monotonic()
        status = "500"

        def start(line: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            nonlocal status
            status = line[:3]
            return start_response(line, [*headers, ("X-Request-Id", request_id)], exc_info)

        with bound_contextvars(request_id=request_id):
            try:
                answer = app(environ, start)
            except Exception:
                log.exception("web.failed", face=face)
                start("500 Internal Server Error", FAILED, sys.exc_info())
                answer = [b""]
            log.info(
                "web.request",
                face=face,
                method=environ["REQUEST_METHOD"][:10],
                path=environ.get("PATH_INFO", "")[:SHOWN],
                status=int(status),
                ms=round((clock.monotonic() - started) * 1000, 1),
                client=environ.get("REMOTE_ADDR", ""),
            )
        return answer

    return serve
