"""Money, dates and times as a reader writes them. Shown, never stored and never parsed."""

from __future__ import annotations

from datetime import date, datetime, tzinfo
from functools import cache

from babel import Locale, UnknownLocaleError, dates, negotiate_locale, numbers
from babel.localedata import locale_identifiers

from daemon.money import Money, exponent

DEFAULT = "en"
LONGEST_HEADER = 200
MOST_WISHES = 10


def money(amount: Money, locale: str = DEFAULT) -> str:
    """Like $20.00, 20,00 € or ¥1,250: the decimals are ISO 4217's. (Babel's own differ for a dozen
    currencies, the Iraqi dinar's among them.)"""
    pattern = _pattern(locale, amount.currency)
    return numbers.format_currency(amount.text, amount.currency, pattern, locale, currency_digits=False)


def number(amount: Money, locale: str = DEFAULT) -> str:
    """The same without its currency, for a column that names it: "1,250.00"."""
    pattern = Locale.parse(locale).decimal_formats[None].pattern
    return numbers.format_decimal(amount.text, pattern.replace(".###", _places(amount.currency)), locale)


def day(of: date, locale: str = DEFAULT) -> str:
    """Like 15 January 2027, in the order of the locale."""
    return dates.format_date(of, "long", locale)


def moment(at: datetime, zone: tzinfo, locale: str = DEFAULT) -> str:
    """Like 15 Jan 2027, 14:05, on the clock of the zone."""
    there = at.astimezone(zone)
    return f"{dates.format_date(there, 'medium', locale)}, {dates.format_time(there, 'short', locale=locale)}"


def wanted(header: str | None, default: str = DEFAULT) -> str:
    """The locale that an Accept-Language header asks for, as far as it is known; else `default`."""
    wishes = [_wish(part) for part in (header or "")[:LONGEST_HEADER].split(",")[:MOST_WISHES]]
    known = [name for _weight, name in sorted(wishes, key=lambda wish: -wish[0]) if name]
    return negotiate_locale(known, _names(), sep="_") or default


def _wish(part: str) -> tuple[float, str]:
    """`de-DE;q=0.8` as (0.8, "de_DE"); what is none, as ""."""
    name, _, weight = part.strip().partition(";q=")
    try:
        return float(weight or 1), str(Locale.parse(name.strip(), sep="-"))
    except (ValueError, TypeError, UnknownLocaleError):
        return 0.0, ""


@cache
def _names() -> list[str]:
    return locale_identifiers()


@cache
def _pattern(locale: str, currency: str) -> str:
    """The locale's pattern with the currency's own decimals."""
    pattern: str = Locale.parse(locale).currency_formats["standard"].pattern
    return pattern.replace(".00", _places(currency))


def _places(currency: str) -> str:
    digits = exponent(currency)
    return f".{'0' * digits}" if digits else ""
