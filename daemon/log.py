"""Logs: one JSON object a line on standard error, facts as keys, no secret in any of them.

Every line, ours or a library's, goes through one filter: what stands under a telling name (`token`,
`api_key`, `signature`, `body` …) is hidden, and what has the shape of a secret is hidden wherever it
stands. Tracebacks carry no local variables.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, Mapping
from datetime import date, time
from enum import Enum
from typing import Any, TextIO

import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor, WrappedLogger

HIDDEN = "[hidden]"

QUIET = ("httpx", "httpcore", "stripe", "urllib3", "apscheduler", "waitress", "peewee")
"""Libraries that log whole URLs, or a line for every tick, below WARNING."""

_TELLING = (
    "authorization",
    "cookie",
    "token",
    "secret",
    "key",
    "signature",
    "password",
    "passwd",
    "credential",
)
_TELLING_WHOLE = frozenset({"body", "query", "raw", "passphrase", "pwd"})
_HARMLESS = frozenset({"key_id", "key_ids", "active_key_id", "token_id"})

_SHAPES = re.compile(
    r"""
      -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----.*?(?:-----END\ [A-Z ]*PRIVATE\ KEY-----|\Z)
    | (?<![A-Za-z0-9])(?:sk|rk|whsec)_[A-Za-z0-9+/=_-]{8,}        # Stripe, Standard Webhooks
    | (?<![A-Za-z0-9])sq0[a-z]{3}-[A-Za-z0-9_-]{8,} | (?<![A-Za-z0-9_-])EAAA[A-Za-z0-9_-]{16,}    # Square
    | (?<![A-Za-z0-9_-])A21A[A-Za-z0-9_-]{16,}                      # PayPal access tokens
    | (?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)+   # JWT and JWE: Xero, QuickBooks
    | (?<![A-Za-z0-9])wb_[A-Za-z0-9]{8}_[A-Za-z0-9_-]{8,}         # our API tokens
    | (?<=://)[^/\s"']+(?=@)                           # user and password of a URL
    | (?<=Bearer\ )[A-Za-z0-9._~+/=-]{6,} | (?<=bearer\ )[A-Za-z0-9._~+/=-]{6,}
    | (?<=Basic\ )[A-Za-z0-9+/=_-]{16,}
    """,
    re.VERBOSE | re.DOTALL,
)
_QUERY = re.compile(r"(?<=\w)\?[^\s\"'<>)?=]{1,100}=[^\s\"'<>)]*")
_PAIR = re.compile(
    r"""
    (?P<name>
      (?:secret|token|passw(?:or)?d|api[_-]?key|private[_-]?key|authorization|cookie|signature)[\w-]{0,40}
    )
    (?P<sep>b?\\*["']?\s*[=:]\s*)
    (?:(?:Bearer|Basic)\ )?
    (?:
      b?\\*"(?:\\+.|[^"\\])*(?:"|\Z) | b?\\*'(?:\\+.|[^'\\])*(?:'|\Z)
      | \{[^{}]*\}? | \[[^\[\]]*\]? | \([^()]*\)? | [^\s"',;&)}\]]+
    )
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_READ, _SHOWN = 8000, 2000
"""Characters of a text that are looked at, and that are shown."""
_DEPTH = 6


def configure(level: str = "info", format: str = "auto", stream: TextIO | None = None) -> None:  # noqa: A002
    """Send every log line of the process to `stream` (standard error). `format` is `json`, `console` or
    `auto` (console on a terminal). Called again, it replaces what it set."""
    stream = stream or sys.stderr
    console = format == "console" or (format == "auto" and stream.isatty())
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.add_log_level,
        _traceback_for(console),
        redact,
    ]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    _route_standard_logging(stream, threshold, _formatter(console, stream, shared))


def scrub(text: str) -> str:
    """The text with everything hidden that looks like a secret, control characters escaped, and cut."""
    text = _SHAPES.sub(HIDDEN, text[:_READ])
    text = _QUERY.sub(f"?{HIDDEN}", text)
    text = _PAIR.sub(lambda match: f"{match['name']}{match['sep']}{HIDDEN}", text)
    text = _CONTROL.sub(_escaped, text)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def is_telling(name: str) -> bool:
    """Whether a value under this name is taken for a secret, whatever it looks like."""
    lowered = name.lower().replace("-", "_")
    if lowered in _HARMLESS:
        return False
    return lowered in _TELLING_WHOLE or any(word in lowered for word in _TELLING)


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The one filter, as a structlog processor."""
    return {scrub(name): _fact(name, value) for name, value in event.items()}


def _fact(name: str, value: Any) -> Any:
    if name in ("_record", "_from_structlog"):  # structlog's own, taken out before anything is written
        return value
    if name == "exception" and isinstance(value, str):
        return _lines(value)
    return _safe(name, value, _DEPTH)


def _safe(name: str, value: Any, depth: int) -> Any:
    """A value as it may be shown under this name."""
    if value is None or isinstance(value, bool):
        return value
    if is_telling(name):
        return HIDDEN
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return _inside(value, depth - 1) if depth else "…"
    if isinstance(value, int | float) and not isinstance(value, Enum):
        return value
    return _described(value)


def _inside(values: Mapping[Any, Any] | Iterable[Any], depth: int) -> Any:
    if isinstance(values, Mapping):
        return {scrub(str(key)): _safe(str(key), value, depth) for key, value in values.items()}
    return [_safe("", value, depth) for value in values]


def _described(value: Any) -> str:
    """Text, and anything else as text; bytes by their length alone."""
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    try:
        return scrub(_text(value))
    except Exception:  # noqa: BLE001  a strange object must not stop the line that mentions it
        return f"<{type(value).__name__}>"


def _text(value: Any) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    return str(value)


def _lines(traceback: str) -> str:
    """A traceback for a terminal: indented, so that no line of it passes for a log line. What runs over
    several lines is hidden before they are taken apart."""
    return "\n".join(f"    {scrub(line)}" for line in _SHAPES.sub(HIDDEN, traceback).splitlines())


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


def _traceback_for(console: bool) -> Processor:
    if console:
        return structlog.processors.format_exc_info
    return structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False, max_frames=20))


def _formatter(console: bool, stream: TextIO, shared: Iterable[Processor]) -> logging.Formatter:
    renderer: Processor = structlog.processors.JSONRenderer()
    if console:
        renderer = structlog.dev.ConsoleRenderer(colors=stream.isatty())
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[_named, *shared],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )


def _named(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A library's line: its logger's dotted name is the event, its sentence a fact."""
    record: logging.LogRecord = event["_record"]
    return {**event, "event": record.name, "message": event["event"]}


class _Handler(logging.StreamHandler[TextIO]):
    """Ours, told apart from handlers that others put on the root logger."""


def _route_standard_logging(stream: TextIO, threshold: int, formatter: logging.Formatter) -> None:
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _Handler)]:
        root.removeHandler(handler)
    handler = _Handler(stream)
    handler.setFormatter(formatter)
    root.addHandler(handler)
    root.setLevel(threshold)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))
    logging.captureWarnings(True)
    # What logging prints about its own failures shows the line's arguments, unfiltered.
    logging.raiseExceptions = False
