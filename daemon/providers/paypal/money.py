"""PayPal's amounts: decimal text. HUF, JPY and TWD take no decimals, HUF and TWD otherwise than ISO 4217.

https://developer.paypal.com/api/rest/reference/currency-codes/
"""

from __future__ import annotations

import re

from daemon.errors import Garbled, InvalidInput, Rejected
from daemon.model import Document
from daemon.money import Money

PARTY = "PayPal"
MAX_UNITS = 1_000_000
"""Of one line, in whole units of the currency."""

CURRENCIES = frozenset(
    [
        *("AUD", "BRL", "CAD", "CNY", "CZK", "DKK", "EUR", "HKD", "HUF", "ILS", "JPY", "MYR", "MXN"),
        *("TWD", "NZD", "NOK", "PHP", "PLN", "GBP", "RUB", "SGD", "SEK", "CHF", "THB", "USD"),
    ]
)
"""BRL, CNY and MYR for accounts of that country only, which PayPal decides."""

_WHOLE = frozenset(["HUF", "JPY", "TWD"])
_VALUE = re.compile(r"-?(\d+(\.\d*)?|\.\d+)", re.ASCII)


def refused(code: str, message: str) -> Rejected:
    """A refusal of ours, before anything is sent, under a code of the catalogue."""
    error = Rejected(message, party=PARTY)
    error.code = code
    return error


def decimals(currency: str) -> int:
    return 0 if currency in _WHOLE else 2


def to_text(money: Money) -> str:
    """The value that PayPal wants; raises Rejected (WB-PUSH-CURRENCY) where it takes no such amount."""
    if money.currency not in CURRENCIES:
        raise refused("WB-PUSH-CURRENCY", f"PayPal cannot bill in {money.currency}")
    whole, _, part = money.text.partition(".")
    if decimals(money.currency) == 0:
        if part.strip("0"):
            raise refused(
                "WB-PUSH-CURRENCY", f"PayPal takes no decimals in {money.currency}, as in {money.text}"
            )
        return whole
    return money.text


def to_doc(money: Money) -> Document:
    return {"currency_code": money.currency, "value": to_text(money)}


def from_doc(doc: object, what: str) -> Money:
    """`{"currency_code": "USD", "value": "12.50"}`; raises Garbled where it is no money."""
    currency = doc.get("currency_code") if isinstance(doc, dict) else None
    value = doc.get("value") if isinstance(doc, dict) else None
    if not isinstance(currency, str) or not isinstance(value, str) or not _VALUE.fullmatch(value):
        raise Garbled(f"PayPal's {what} is no amount", party=PARTY)
    whole, point, part = value.partition(".")
    sign = "-" if whole.startswith("-") else ""
    kept = part.rstrip("0")
    text = f"{sign}{whole.removeprefix('-') or '0'}" + (f".{kept}" if point and kept else "")
    try:
        return Money.parse(text, currency)
    except InvalidInput as error:
        raise Garbled(f"PayPal's {what} is no amount: {error.message}", party=PARTY) from error
