"""How values are written in the configuration: lengths of time, sizes, addresses, times of day.

Each reader takes what TOML or the environment gave and returns the value; it raises ValueError with what
would be right, never with what was given, since that may be a secret in the wrong place.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Callable
from datetime import time
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, SecretStr

SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
MOST_FILES = 8
BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}

_QUANTITY = re.compile(r"(\d{1,9}) ?([A-Za-z]{1,3})", re.ASCII)
_ADDRESS = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]{1,253})):(\d{1,5})", re.ASCII)
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)


class EnvironmentText(str):
    """A value from the environment, which knows text alone: where the key is a number, a switch or a
    list, it is read as TOML would be."""

    __slots__ = ()


class Address(NamedTuple):
    """A host (a name or an IP address without brackets) and a TCP port; 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def seconds(value: object) -> float:
    """`"30s"` is 30.0; raises ValueError."""
    return _quantity(value, SECONDS, 'a length of time with its unit (ms, s, min, h or d), like "30s"')


def size(value: object) -> int:
    """`"256KiB"` is 262144; raises ValueError."""
    return int(_quantity(value, BYTES, 'a size with its unit (B, KiB, MiB or GiB), like "256KiB"'))


def _quantity(value: object, units: dict[str, Any], right: str) -> float:
    match = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    if not match or match[2] not in units:
        raise ValueError(f"must be {right}")
    return float(int(match[1]) * units[match[2]])


def address(value: object) -> Address:
    """`"127.0.0.1:8470"` or `"[::1]:8470"`; raises ValueError."""
    match = _ADDRESS.fullmatch(value) if isinstance(value, str) else None
    if not match or int(match[3]) > 65535 or (match[1] and not _is_ip(match[1])):
        raise ValueError('must be a host and a port, like "127.0.0.1:8470" or "[::1]:8470"')
    return Address(match[1] or match[2], int(match[3]))


def addresses(value: object) -> tuple[Address, ...]:
    """A list of exact `host:port` pairs; raises ValueError."""
    value = as_written(value)
    right = 'must be a list of exact host:port pairs, like ["10.0.0.5:8443"]'
    if not isinstance(value, list | tuple):
        raise ValueError(right)
    try:
        pairs = tuple(address(item) for item in value)
    except ValueError:
        raise ValueError(right) from None
    if any(pair.port == 0 for pair in pairs):
        raise ValueError(right)
    return pairs


def time_of_day(value: object) -> time:
    """`"03:15"`, on a clock of 24 hours in UTC; raises ValueError."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise ValueError('must be a time of day in UTC, like "03:15"')
    return time(int(match[1]), int(match[2]))


def zone_name(value: object) -> str:
    """An IANA time zone; raises ValueError."""
    try:
        return ZoneInfo(value).key if isinstance(value, str) and value else _refuse_zone()
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return _refuse_zone()


def _refuse_zone() -> str:
    raise ValueError('must be an IANA time zone, like "Europe/Berlin"')


def absolute(value: object) -> Path | None:
    """An absolute path; None for the empty text. Raises ValueError."""
    if value == "":
        return None
    if not isinstance(value, str) or not value.startswith("/") or "\0" in value:
        raise ValueError("must be a path that begins with /")
    return Path(value)


def several_files(value: object) -> tuple[Path, ...]:
    """A list of absolute paths, eight at most; raises ValueError."""
    value = as_written(value)
    if not isinstance(value, list | tuple) or len(value) > MOST_FILES:
        raise ValueError(f'must be a list of at most {MOST_FILES} paths, like ["/usr/share/fonts/one.ttf"]')
    found = [absolute(str(one)) for one in value]
    return tuple(path for path in found if path is not None)


def folder(value: object) -> Path:
    """An absolute path that must be given; raises ValueError."""
    path = absolute(value)
    if path is None:
        raise ValueError("must be a path that begins with /")
    return path


def address_without_port(value: object) -> str:
    """An IP address, or the empty text; raises ValueError."""
    if not isinstance(value, str) or (value and not _is_ip(value)):
        raise ValueError('must be an IP address, like "127.0.0.1", or ""')
    return str(value)


def public_url(value: object) -> str:
    """Where providers reach us, without a trailing slash: https, or http on this very machine."""
    parts = _http_parts(value)
    local = parts is not None and parts.hostname in ("127.0.0.1", "::1", "localhost")
    if value != "" and (parts is None or parts.path.strip("/") or not (parts.scheme == "https" or local)):
        raise ValueError('must be an https address without a path, like "https://billing.example.com", or ""')
    return str(value).rstrip("/")


def base_url(value: object) -> str:
    """A provider's address in place of its own, trusted as written; raises ValueError."""
    if value != "" and _http_parts(value) is None:
        raise ValueError(
            'must be an address without user, password or query, like "http://127.0.0.1:12111", or ""'
        )
    return str(value).rstrip("/")


def _http_parts(value: object) -> Any:
    """The parts of a plain http(s) address, or None."""
    if not isinstance(value, str) or re.search(r"[\s\x00-\x1f]", value):
        return None
    try:
        parts = urlsplit(value)
        plain = "@" not in parts.netloc and not parts.query and not parts.fragment
        known = (
            parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        return None
    return parts if plain and known else None


def database_url(value: object) -> SecretStr:
    """A secret as a whole, since it may hold a password; raises ValueError."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    right = 'must be "" or begin with sqlite:///absolute/path or postgresql://'
    if not isinstance(text, str) or not (text == "" or text.startswith(("sqlite:///", "postgresql://"))):
        raise ValueError(right)
    try:
        urlsplit(text)
    except ValueError:
        raise ValueError(right) from None
    return SecretStr(str(text))


def as_written(value: object) -> object:
    """What a text of the environment means where the key is not text; raises ValueError."""
    if not isinstance(value, EnvironmentText):
        return value
    try:
        return tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return str(value)


def at_least(text: str, reader: Callable[[object], float] = seconds) -> AfterValidator:
    """A lower bound, written as the value itself would be."""
    bound = reader(text)

    def check(value: float) -> float:
        if value < bound:
            raise ValueError(f'must be at least "{text}"')
        return value

    return AfterValidator(check)


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


Duration = Annotated[float, BeforeValidator(seconds)]
Size = Annotated[int, BeforeValidator(size)]
Whole = Annotated[int, BeforeValidator(as_written)]
Number = Annotated[float, BeforeValidator(as_written)]
Switch = Annotated[bool, BeforeValidator(as_written)]
Listen = Annotated[Address, BeforeValidator(address)]
Addresses = Annotated[tuple[Address, ...], BeforeValidator(addresses)]
ZoneName = Annotated[str, BeforeValidator(zone_name)]
TimeOfDay = Annotated[time, BeforeValidator(time_of_day)]
Folder = Annotated[Path, BeforeValidator(folder)]
OptionalPath = Annotated[Path | None, BeforeValidator(absolute)]
Files = Annotated[tuple[Path, ...], BeforeValidator(several_files)]
IpOrNothing = Annotated[str, BeforeValidator(address_without_port)]
PublicUrl = Annotated[str, BeforeValidator(public_url)]
BaseUrl = Annotated[str, BeforeValidator(base_url)]
DatabaseUrl = Annotated[SecretStr, BeforeValidator(database_url)]
