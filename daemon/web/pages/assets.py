"""Our static files, each under an address that holds the hash of its content, so that it may be kept for a
year and is never an old one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

from daemon.web.access import Environ

ROOT = "/static/"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
KEPT = "public, max-age=31536000, immutable"
_HASH = 12


def address(name: str) -> str:
    """`/static/wispbill.0123456789ab.css`; raises KeyError where there is no such file."""
    return _addresses()[name]


def serve(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """A WSGI application for what stands under `ROOT`."""
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        return _nothing(start_response, "405 Method Not Allowed", [("Allow", "GET, HEAD")])
    found = _served().get(environ.get("PATH_INFO", ""))
    if found is None:
        return _nothing(start_response, "404 Not Found", [("X-Error-Code", "WB-NOT-FOUND")])
    kind, body = found
    start_response(
        "200 OK",
        [
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Cache-Control", KEPT),
            ("X-Content-Type-Options", "nosniff"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Content-Security-Policy", "default-src 'none'"),
        ],
    )
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]


def _nothing(start_response: Any, status: str, more: list[tuple[str, str]]) -> Iterable[bytes]:
    start_response(status, [("Content-Length", "0"), *more])
    return [b""]


@cache
def _contents() -> dict[str, bytes]:
    folder = files("daemon.web") / "static"
    there = (one for one in folder.iterdir() if one.is_file() and _ending(one.name) in TYPES)
    return {one.name: one.read_bytes() for one in there}


@cache
def _addresses() -> dict[str, str]:
    return {name: _hashed(name, body) for name, body in _contents().items()}


@cache
def _served() -> dict[str, tuple[str, bytes]]:
    return {_addresses()[name]: (TYPES[_ending(name)], body) for name, body in _contents().items()}


def _hashed(name: str, body: bytes) -> str:
    stem, dot, ending = name.rpartition(".")
    return f"{ROOT}{stem}.{hashlib.sha256(body).hexdigest()[:_HASH]}{dot}{ending}"


def _ending(name: str) -> str:
    return f".{name.rpartition('.')[2]}"
