"""What comes with a request to a page, read strictly and bounded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from daemon.errors import InvalidInput
from daemon.web.access import Environ

MOST_FORM = 65_536
MOST_FIELDS = 200
MOST_QUERY = 4096
MOST_COOKIES = 8192


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of a form or a query, in the order that they came in."""

    pairs: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def get(self, name: str, default: str = "") -> str:
        """The last one of this name, stripped."""
        return next((value.strip() for key, value in reversed(self.pairs) if key == name), default)

    def raw(self, name: str) -> str:
        """The same as it was sent: for secrets, in which a space may count."""
        return next((value for key, value in reversed(self.pairs) if key == name), "")

    def all(self, name: str) -> list[str]:
        return [value.strip() for key, value in self.pairs if key == name]

    def __contains__(self, name: str) -> bool:
        return any(key == name for key, _ in self.pairs)

    def under(self, prefix: str) -> Mapping[str, str]:
        """`credentials.api_key` under `credentials.` as {"api_key": …}, as they were sent."""
        return {key.removeprefix(prefix): value for key, value in self.pairs if key.startswith(prefix)}


class FormTooLarge(InvalidInput):
    """More than any form of ours holds."""

    def __init__(self) -> None:
        super().__init__("WB-INPUT-TOO-LARGE", f"a form may have {MOST_FORM} bytes and {MOST_FIELDS} fields")


def read_form(environ: Environ) -> Fields:
    """Of a POST; raises InvalidInput."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length > MOST_FORM:
        raise FormTooLarge
    kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if length and kind != "application/x-www-form-urlencoded":
        raise InvalidInput("WB-INPUT", "a form is needed")
    raw: bytes = environ["wsgi.input"].read(length) if length else b""
    return _fields(raw.decode("ascii", "replace"))


def read_query(environ: Environ) -> Fields:
    """Raises InvalidInput."""
    query = environ.get("QUERY_STRING", "")
    if len(query) > MOST_QUERY:
        raise FormTooLarge
    return _fields(query)


def _fields(text: str) -> Fields:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except UnicodeDecodeError:
        raise InvalidInput("WB-INPUT", "it holds text that is not Unicode") from None
    except ValueError:
        raise FormTooLarge from None
    if any("\x00" in key or "\x00" in value for key, value in pairs):
        raise InvalidInput("WB-INPUT", "it holds a character that is no text")
    return Fields(tuple(pairs))


def cookies(environ: Environ) -> dict[str, str]:
    """By name; the first of each."""
    found: dict[str, str] = {}
    for part in environ.get("HTTP_COOKIE", "")[:MOST_COOKIES].split(";"):
        name, _, value = part.strip().partition("=")
        found.setdefault(name, value)
    return found
