"""Money at QuickBooks: JSON numbers with a decimal point, read and written as Decimal, never as float."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any

from daemon.errors import Garbled, InvalidInput, Rejected
from daemon.model import Document
from daemon.money import Money, exponent
from daemon.providers.quickbooks.words import PARTY

_AMOUNTS = frozenset(["Amount", "UnitPrice", "TotalAmt"])
MAX = Decimal(10) ** 10
"""Amounts have ten digits before the point."""
_ABSURD = Decimal(10) ** 15


def refused(code: str, message: str) -> Rejected:
    """A refusal of ours, before anything is sent, under a code of the catalogue."""
    error = Rejected(message, party=PARTY)
    error.code = code
    return error


def insist_on_amount(money: Money) -> None:
    """Raise Rejected (WB-PUSH-CURRENCY) for what cannot be written with two decimals and ten digits."""
    if exponent(money.currency) > 2:
        raise refused("WB-PUSH-CURRENCY", f"QuickBooks counts two decimals, {money.currency} has three")
    if abs(Decimal(money.text)) >= MAX:
        raise refused("WB-PUSH-CURRENCY", f"{money} is more than QuickBooks can bill")


def loads(body: bytes) -> Any:
    """Raises Garbled."""
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Garbled("QuickBooks' answer is not JSON", party=PARTY) from error


def dumps(value: Any, name: str = "") -> str:
    """JSON of a frozen body: its amounts, kept as text, become numbers."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{dumps(one, key)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(dumps(one) for one in value) + "]"
    if name in _AMOUNTS and isinstance(value, str):
        return format(Decimal(value), "f")
    return json.dumps(value)


def plain(value: Any) -> Any:
    """The document with its decimals as text, as journals and evidence keep it."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return format(value, "f") if isinstance(value, Decimal) else value


def decimal_in(document: Document, name: str) -> Decimal:
    """An amount as read, or as we kept it; what is absent counts as 0. Raises Garbled."""
    value = document.get(name)
    if value is None:
        return Decimal(0)
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise Garbled(f"QuickBooks' {name} is not a number", party=PARTY)
    try:
        number = Decimal(value)
    except InvalidOperation as error:
        raise Garbled(f"QuickBooks' {name} is not a number", party=PARTY) from error
    if not number.is_finite() or abs(number) >= _ABSURD:
        raise Garbled(f"QuickBooks' {name} is larger than any amount", party=PARTY)
    return number


def money_in(document: Document, name: str, currency: str) -> Money:
    """Raises Garbled where it is no whole amount of this currency."""
    return as_money(decimal_in(document, name), currency)


def as_money(value: Decimal, currency: str) -> Money:
    try:
        minor = value.scaleb(exponent(currency))
        if minor != minor.to_integral_value():
            raise Garbled(f"QuickBooks tells {value} {currency}, which is not a whole amount", party=PARTY)
        return Money(int(minor), currency)
    except (InvalidInput, InvalidOperation) as error:
        raise Garbled("QuickBooks tells an amount that is none", party=PARTY) from error


def smallest(currency: str) -> Decimal:
    """The smallest amount of this currency, in its main unit."""
    try:
        return Decimal(1).scaleb(-exponent(currency))
    except InvalidInput as error:
        raise Garbled("QuickBooks tells an amount in no currency", party=PARTY) from error


def _refuse(text: str) -> Any:
    raise ValueError(text)
