"""Around every application: a request id, one log line, and an answer even where the code fails."""

from __future__ import annotations

import itertools
import logging
import sys
from collections.abc import Callable, Iterable
from typing import Any

import structlog

from daemon.clock import Clock, Entropy

Environ = dict[str, Any]
WSGI = Callable[[Environ, Any], Iterable[bytes]]

REQUEST_ID = "wispbill.request_id"
"""Where an application finds the id that its own log lines carry."""

HUSHED = "wispbill.hushed"
"""Set by an application that has said already what such requests come to: the line is for debugging."""

SHOWN = 160
ROOT = logging.getLogger()
FAILED = [("Content-Length", "0"), ("X-Error-Code", "WB-INTERNAL")]

log = structlog.get_logger()


def logged(app: WSGI, *, face: str, clock: Clock, entropy: Entropy) -> WSGI:
    """One `web.request` line each, of what went well at debug level: method, path, status, milliseconds;
    no query, no body, no header. The answer carries the line's request id."""

    # Counted, not drawn: asking the kernel each time lets go of the interpreter's lock each time.
    process = entropy.bytes(4).hex()
    numbers = itertools.count()

    def serve(environ: Environ, start_response: Any) -> Iterable[bytes]:
        request_id = environ[REQUEST_ID] = f"{process}{next(numbers) & 0xFFFFFFFF:08x}"
        started = clock.monotonic()
        status = "500"

        def start(line: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            nonlocal status
            status = line[:3]
            return start_response(line, [*headers, ("X-Request-Id", request_id)], exc_info)

        try:
            answer = app(environ, start)
        except Exception:
            log.exception("web.failed", face=face, request_id=request_id)
            start("500 Internal Server Error", FAILED, sys.exc_info())
            answer = [b""]
        # A line for each delivery of a burst would take as long as all else that is done for it.
        notable = status >= "400" and not environ.get(HUSHED)
        if notable or ROOT.isEnabledFor(logging.DEBUG):
            say = log.info if notable else log.debug
            say(
                "web.request",
                face=face,
                request_id=request_id,
                method=environ["REQUEST_METHOD"][:10],
                path=environ.get("PATH_INFO", "")[:SHOWN],
                status=int(status),
                ms=round((clock.monotonic() - started) * 1000, 1),
                client=environ.get("REMOTE_ADDR", ""),
            )
        return answer

    return serve
