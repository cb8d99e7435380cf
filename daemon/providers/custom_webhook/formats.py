"""How a value of the canonical invoice is written (`$fmt`): amounts without float noise, dates in any shape.

text (or none) as it is; number:N a JSON number and decimal:N a string, with N decimals; minor the amount in
minor units; date:PATTERN with %Y %y %m %d %j %H %M %S; epoch_s and epoch_ms at midnight UTC of a date.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from daemon.clock import to_unix
from daemon.money import Money

_FORMAT = re.compile(r"text|minor|epoch_s|epoch_ms|(number|decimal):[0-9]|date:.{1,40}", re.ASCII)
_DIRECTIVES = re.compile(r"%(?![YymdjHMS%])")
_DECIMAL = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Number:
    """A JSON number as its text."""

    text: str


def check(name: object) -> None:
    """Raises ValueError."""
    if not isinstance(name, str) or not _FORMAT.fullmatch(name):
        raise ValueError("a format is text, minor, number:2, decimal:2, date:%d.%m.%Y, epoch_s or epoch_ms")
    if name.startswith("date:") and _DIRECTIVES.search(name):
        raise ValueError("a date is written with %Y %y %m %d %j %H %M %S")


def write(value: Any, name: str) -> Any:
    """The value as JSON (str, bool, None, Number); raises ValueError where it has no such form."""
    if value is None:
        return None
    kind, _, rest = name.partition(":")
    if kind == "minor":
        return Number(str(_money(value).minor))
    if kind in ("number", "decimal"):
        text = _with_decimals(value, int(rest))
        return Number(text) if kind == "number" else text
    if kind == "date":
        return _moment(value).strftime(rest)
    if kind in ("epoch_s", "epoch_ms"):
        seconds = to_unix(_moment(value))
        return Number(f"{seconds}000" if kind == "epoch_ms" else str(seconds))
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Money):
        return value.text
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int) and not isinstance(value, bool):
        return Number(str(value))
    return value


def _money(value: Any) -> Money:
    if not isinstance(value, Money):
        raise ValueError("minor is for amounts")
    return value


def _with_decimals(value: Any, decimals: int) -> str:
    text = value.text if isinstance(value, Money) else str(value)
    if not _DECIMAL.fullmatch(text):
        raise ValueError("it is not a number")
    try:
        number = Decimal(text)
        exact = number.quantize(Decimal(1).scaleb(-decimals))
    except InvalidOperation:
        raise ValueError("it is not a number") from None
    if exact != number:
        raise ValueError(f"{text} cannot be written with {decimals} decimals")
    return f"{exact:f}"


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    raise ValueError("it is not a date")
