"""What every page says about itself to the browser, and where a request may come from."""

from __future__ import annotations

from urllib.parse import urlsplit

from daemon.web.access import Environ

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""`data:` for images is what the vendored stylesheet draws its arrows and ticks with."""

ALWAYS = (
    ("Content-Security-Policy", POLICY),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=()"),
    ("Cache-Control", "no-store"),
)
HSTS = ("Strict-Transport-Security", "max-age=31536000")
LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}


def of_page(environ: Environ) -> list[tuple[str, str]]:
    return [*ALWAYS, HSTS] if is_encrypted(environ) else list(ALWAYS)


def is_encrypted(environ: Environ) -> bool:
    """Whether the reader's side speaks TLS, as the trusted proxy says."""
    return environ.get("wsgi.url_scheme") == "https"


def is_secure(environ: Environ) -> bool:
    """Whether cookies carry Secure: always, but for a browser on this very machine."""
    if is_encrypted(environ):
        return True
    host = environ.get("HTTP_HOST", "")
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    return name.lower() not in LOOPBACK


def is_from_here(environ: Environ) -> bool:
    """Whether a form was sent from a page of ours, as far as the browser says. Sec-Fetch-Site decides where
    it is given; a form of a page with `Referrer-Policy: no-referrer` says `Origin: null`
    (https://fetch.spec.whatwg.org/#append-a-request-origin-header), which proves nothing either way."""
    site = environ.get("HTTP_SEC_FETCH_SITE")
    if site is not None:
        return bool(site == "same-origin")
    origin = environ.get("HTTP_ORIGIN")
    if origin is None or origin == "null":
        return True
    return bool(urlsplit(origin).netloc.lower() == environ.get("HTTP_HOST", "").lower())
