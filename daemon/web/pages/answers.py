"""What a page's handler answers with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from string import punctuation
from typing import Any
from urllib.parse import quote, urlsplit

from daemon.web.files import disposition


@dataclass(frozen=True, slots=True)
class View:
    """A template of daemon/web/views and what it shows. `part`: the block that alone is sent to htmx."""

    template: str
    shown: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    part: str | None = None


@dataclass(frozen=True, slots=True)
class Go:
    """303 to a path of our own; every other address becomes `/`. `away`: to the address of a provider that
    the code itself got from an adapter, never to one that was sent to us."""

    to: str
    away: bool = False

    @property
    def location(self) -> str:
        if self.away:
            return foreign_address(self.to)
        return own_path(self.to)


@dataclass(frozen=True, slots=True)
class File:
    """A download. `inline`: shown by the browser, where it can."""

    body: bytes
    content_type: str
    name: str
    inline: bool = False

    @property
    def disposition(self) -> str:
        return disposition(self.name, inline=self.inline)


Answer = View | Go | File


def own_path(text: str, default: str = "/") -> str:
    """The path, where it is one of ours without doubt: what a browser could read as another host's address
    (`//host`, `/\\host`, a scheme, control characters) is not."""
    parts = urlsplit(text) if text.startswith("/") and text.isprintable() and text.isascii() else None
    if parts is None or parts.scheme or parts.netloc or text.startswith("//") or "\\" in text or " " in text:
        return default
    return text


def foreign_address(text: str, default: str = "/") -> str:
    """A web address as a header can hold it: letters beyond ASCII are percent-encoded, which browsers take
    in the host's name, too; what holds spaces or control characters is none."""
    is_one = text.startswith(("https://", "http://")) and text.isprintable() and " " not in text
    return quote(text, safe=punctuation) if is_one else default
