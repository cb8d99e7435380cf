"""A browser without JavaScript, over WSGI: it keeps cookies, sends the form's token, and holds every page
that it sees against what all pages promise."""

from __future__ import annotations

import html
import io
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urlsplit

from daemon.web.access import WSGI
from tests.api.asking import ADDRESS

HOST = "billing.example.com"
_TOKEN = re.compile(r'name="token" value="([^"]+)"')


@dataclass
class Seen:
    """A page, or another answer."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def html(self) -> str:
        return self.body.decode()

    @property
    def text(self) -> str:
        """What is read, without tags, spaces as one."""
        plain = re.sub(r"<(script|style)\b.*?</\1>|<[^>]+>", " ", self.html, flags=re.S)
        return re.sub(r"\s+", " ", html.unescape(plain)).strip()

    @property
    def token(self) -> str:
        found = _TOKEN.search(self.html) if self.header("Content-Type").startswith("text/html") else None
        return found[1] if found else ""

    @property
    def to(self) -> str:
        return self.header("Location")

    @property
    def hrefs(self) -> list[str]:
        return [html.unescape(one) for one in re.findall(r'(?:href|action)="([^"]*)"', self.html)]


@dataclass
class Browser:
    app: WSGI
    scheme: str = "https"
    host: str = HOST
    language: str = "en-US"
    address: str = ADDRESS
    cookies: dict[str, str] = field(default_factory=dict)
    token: str = ""
    everything: bytearray = field(default_factory=bytearray)

    def get(self, path: str, **headers: str) -> Seen:
        return self.ask("GET", path, **headers)

    def see(self, path: str, **headers: str) -> Seen:
        """A page that is there."""
        seen = self.get(path, **headers)
        assert seen.status == 200, (seen.status, seen.to, seen.text[:500])
        return seen

    def post(self, path: str, fields: dict[str, Any] | None = None, **headers: str) -> Seen:
        """As the form of the last page would send it, with its token unless `fields` has one."""
        given = {"token": self.token} | (fields or {})
        return self.ask("POST", path, urlencode(given, doseq=True).encode(), **headers)

    def send(self, path: str, fields: dict[str, Any] | None = None, **headers: str) -> Seen:
        """Post, and see the page that it leads to."""
        seen = self.post(path, fields, **headers)
        if seen.status != 303:
            return seen
        assert seen.to.startswith("/") and not seen.to.startswith("//"), seen.to
        return self.get(seen.to)

    def ask(self, method: str, path: str, raw: bytes = b"", **headers: str) -> Seen:
        parts = urlsplit(path)
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "REMOTE_ADDR": self.address,
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": self.host,
            "HTTP_ACCEPT_LANGUAGE": self.language,
            "HTTP_USER_AGENT": "Test browser",
            "HTTP_COOKIE": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            "wsgi.url_scheme": self.scheme,
            "wsgi.input": io.BytesIO(raw),
        }
        if method == "POST":
            environ |= {
                "CONTENT_LENGTH": str(len(raw)),
                "CONTENT_TYPE": "application/x-www-form-urlencoded",
                "HTTP_ORIGIN": f"{self.scheme}://{self.host}",
            }
        for name, value in headers.items():
            key = name.upper() if name in ("content_type", "content_length") else f"HTTP_{name.upper()}"
            environ[key] = value
        seen = self._answered(environ)
        check(seen)
        self.token = seen.token or self.token
        return seen

    def _answered(self, environ: dict[str, Any]) -> Seen:
        started: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
            started[:] = [int(status[:3]), headers]

        body = b"".join(self.app(environ, start))
        seen = Seen(started[0], started[1], body)
        self.everything += body + str(started[1]).encode()
        for cookie in seen.all("Set-Cookie"):
            name, _, rest = cookie.partition("=")
            value = rest.partition(";")[0]
            if value:
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        return seen


def check(seen: Seen) -> None:
    """What every page promises."""
    policy = seen.header("Content-Security-Policy")
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert seen.header("X-Content-Type-Options") == "nosniff"
    if "immutable" in seen.header("Cache-Control"):
        return
    assert "frame-ancestors 'none'" in policy and "base-uri 'none'" in policy and "form-action" in policy
    assert seen.header("Referrer-Policy") == "no-referrer"
    assert seen.header("Cache-Control") == "no-store"
    if seen.header("Content-Type").startswith("text/html") and seen.body:
        Strict().feed(seen.html)


class Strict(HTMLParser):
    """No script and no style but our own files: what the policy would stop is not even written. No id stands
    there twice."""

    def __init__(self) -> None:
        super().__init__()
        self._ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        assert given.get("id", "-") not in self._ids, f"an id twice: {given}"
        self._ids |= {given["id"]} if "id" in given else set()
        assert tag != "style" and "style" not in given, "an inline style"
        assert not [name for name in given if name.startswith("on")], f"an inline handler: {given}"
        if tag in ("script", "link", "img", "iframe", "object", "embed"):
            assert (given.get("src") or given.get("href") or "").startswith("/static/"), f"{tag}: {given}"
        if tag == "a" or tag == "form":
            address = given.get("href") or given.get("action") or ""
            assert not address.lower().lstrip().startswith(("javascript:", "data:")), address
