"""Amounts and dates of Xero's JSON: numbers are decimal, never floats; dates come as /Date(ms)/."""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from daemon.clock import from_micros
from daemon.errors import Garbled, InvalidInput
from daemon.model import Document
from daemon.money import Money, exponent
from daemon.providers.xero.words import PARTY, refused

MAX_LINE = Decimal("9999999999.99")
_ABSURD = Decimal(10) ** 15
_DATE = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/", re.ASCII)
_QUOTED = re.compile(r'"(UnitAmount|TaxAmount|Quantity|Amount)": "(-?\d{1,12}(?:\.\d{1,4})?)"', re.ASCII)


def encoded(document: Document) -> bytes:
    """A request's JSON: amounts stand in bodies as text, and leave as numbers. Inside a text, quotation
    marks are escaped, so that no description can look like an amount."""
    return _QUOTED.sub(r'"\1": \2', json.dumps(document)).encode()


def decoded(body: bytes) -> Any:
    """Raises Garbled."""
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Garbled("Xero's answer is not JSON", party=PARTY) from error


def _no_number(name: str) -> Any:
    raise ValueError(name)


def to_text(money: Money) -> str:
    """Two decimals, which is what Xero's totals have in every currency; raises Rejected
    (WB-PUSH-CURRENCY) for an amount that has more, or is too large."""
    amount = Decimal(money.minor).scaleb(-exponent(money.currency))
    if amount != round(amount, 2):
        raise refused("WB-PUSH-CURRENCY", f"Xero bills {money.currency} with two decimals, not {money.text}")
    if abs(amount) > MAX_LINE:
        raise refused("WB-PUSH-CURRENCY", f"{money} is more than Xero takes")
    return f"{amount:.2f}"


def amount(doc: Document, name: str) -> Decimal:
    """What is absent or null counts as 0; raises Garbled where it is no number, or larger than any amount."""
    value = doc.get(name)
    if value is None:
        return Decimal(0)
    try:
        if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
            raise InvalidOperation
        number = Decimal(value)
        if not number.is_finite() or abs(number) >= _ABSURD:
            raise InvalidOperation
    except InvalidOperation as error:
        raise Garbled(f"Xero's {name} is not a number", party=PARTY) from error
    return number


def money(value: Decimal, currency: str) -> Money:
    """Raises Garbled where that is no amount of this currency."""
    try:
        minor = value.scaleb(exponent(currency))
        if minor == minor.to_integral_value():
            return Money(int(minor), currency)
    except (InvalidInput, InvalidOperation) as error:
        raise Garbled(f"Xero tells an amount in {currency[:8]!r}", party=PARTY) from error
    raise Garbled(f"Xero tells {value} {currency}, which is not a whole amount", party=PARTY)


def moment(doc: Document, name: str) -> datetime | None:
    """`/Date(1583945852373+0000)/`: milliseconds since 1970 in UTC, whatever zone stands behind them."""
    value = doc.get(name)
    match = _DATE.fullmatch(value) if isinstance(value, str) else None
    try:
        return from_micros(int(match[1]) * 1000) if match else None
    except OverflowError:
        return None


def day(doc: Document, name: str) -> date | None:
    """A date of the organisation's calendar: the ISO text beside it, else midnight of that date in UTC."""
    text = doc.get(f"{name}String")
    if isinstance(text, str):
        try:
            return date.fromisoformat(text[:10])
        except ValueError:
            pass
    at = moment(doc, name)
    return at.date() if at else None


def plain(value: Any) -> Any:
    """As JSON can hold it: decimals as text."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    return str(value) if isinstance(value, Decimal) else value
