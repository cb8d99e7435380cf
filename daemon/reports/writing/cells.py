"""A cell as text: for people, and for programs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

from daemon.money import Money
from daemon.reports.shape import Cell


def shown(value: Cell) -> str:
    """For people: 12.50, 97.5 %, 3 min 20 s."""
    match value:
        case None | "":
            return "-"
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        case Fraction():
            return f"{_thousandths(value) // 10}.{_thousandths(value) % 10} %"
        case timedelta():
            return _span(value)
        case _:
            return plain(value)


def plain(value: Cell) -> str:
    """For programs: decimal strings, ISO dates, RFC 3339 moments in UTC, a share as 0.975, whole seconds."""
    match value:
        case None:
            text = ""
        case Money():
            text = value.text
        case datetime():
            text = value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date():
            text = value.isoformat()
        case Fraction():
            text = f"{_thousandths(value) // 1000}.{_thousandths(value) % 1000:03}"
        case timedelta():
            text = str(seconds(value))
        case _:
            text = str(value)
    return text


def seconds(value: timedelta) -> int:
    return value // timedelta(seconds=1)


def _thousandths(share: Fraction) -> int:
    """Rounded down: what is not all of it never reads as all of it."""
    return share.numerator * 1000 // share.denominator


_UNITS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def _span(value: timedelta) -> str:
    """The two largest units."""
    left = seconds(value)
    parts: list[str] = []
    for unit, length in _UNITS:
        count, left = divmod(left, length)
        if count or parts:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
