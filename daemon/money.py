"""Money: integer minor units with the currency's ISO 4217 exponent; decimal strings at the edges."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from iso4217 import Currency

from daemon.errors import InvalidInput

_AMOUNT = re.compile(r"(?P<sign>-?)(?P<whole>\d{1,15})(?:\.(?P<part>\d{1,6}))?", re.ASCII)

MAX_MINOR = 10**15
"""Far above any invoice, and safely inside a 64-bit column even when summed."""


@cache
def exponent(currency: str) -> int:
    """How many decimals the currency has; raises InvalidInput where ISO 4217 does not know it."""
    try:
        digits = Currency(currency).exponent
    except ValueError:
        digits = None
    if digits is None or currency in _NOT_MONEY:
        raise InvalidInput(
            "WB-MONEY-CURRENCY", f"{currency[:8]!r} is not a currency of ISO 4217, like USD or EUR"
        )
    return int(digits)


_NOT_MONEY = {"XAU", "XAG", "XPD", "XPT", "XTS", "XXX", "XDR", "XSU", "XUA", "XBA", "XBB", "XBC", "XBD"}


@dataclass(frozen=True, slots=True)
class Money:
    """`Money(1250, "EUR").text` is "12.50"; `Money(1250, "JPY").text` is "1250"."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        exponent(self.currency)
        if abs(self.minor) > MAX_MINOR:
            raise InvalidInput("WB-MONEY-AMOUNT", "the amount is larger than any invoice can be")

    @classmethod
    def parse(cls, text: str, currency: str) -> Money:
        """From a decimal string; raises InvalidInput on more decimals than the currency has."""
        match = _AMOUNT.fullmatch(text.strip())
        if not match:
            raise InvalidInput("WB-MONEY-AMOUNT", f"{text[:24]!r} is not an amount like 12.50")
        digits = exponent(currency)
        part = match["part"] or ""
        if len(part) > digits:
            raise InvalidInput(
                "WB-MONEY-DECIMALS", f"{text[:24]!r} has more decimals than {currency} allows ({digits})"
            )
        minor = int(match["whole"] + part.ljust(digits, "0"))
        return cls(-minor if match["sign"] else minor, currency)

    @classmethod
    def total(cls, amounts: Iterable[Money], currency: str) -> Money:
        result = cls(0, currency)
        for amount in amounts:
            result += amount
        return result

    @property
    def text(self) -> str:
        digits = exponent(self.currency)
        sign, body = ("-" if self.minor < 0 else ""), str(abs(self.minor)).rjust(digits + 1, "0")
        return sign + (body if digits == 0 else f"{body[:-digits]}.{body[-digits:]}")

    def __str__(self) -> str:
        return f"{self.text} {self.currency}"

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other).minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other).minor, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other).minor

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other).minor

    def _same(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise ValueError(f"cannot mix {self.currency} and {other.currency}")
        return other
