"""PayPal's amounts: decimal text; HUF, JPY and TWD without decimals. Minor units here are PayPal's own
steps turned into ISO 4217's, as the rest of the sandbox counts."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from daemon.money import exponent

CURRENCIES = frozenset(
    [
        *("AUD", "BRL", "CAD", "CNY", "CZK", "DKK", "EUR", "HKD", "HUF", "ILS", "JPY", "MYR", "MXN"),
        *("TWD", "NZD", "NOK", "PHP", "PLN", "GBP", "RUB", "SGD", "SEK", "CHF", "THB", "USD"),
    ]
)
_WHOLE = frozenset(["HUF", "JPY", "TWD"])


def decimals(currency: str) -> int:
    return 0 if currency in _WHOLE else 2


def rounded(amount: Decimal, currency: str) -> Decimal:
    """To the currency's smallest step, half away from zero."""
    return amount.quantize(Decimal(1).scaleb(-decimals(currency)), ROUND_HALF_UP)


def shown(amount: Decimal, currency: str) -> dict[str, Any]:
    return {"currency_code": currency, "value": str(rounded(amount, currency))}


def minor(amount: Decimal, currency: str) -> int:
    """In the minor units of ISO 4217."""
    return int(amount.scaleb(exponent(currency)).to_integral_value(ROUND_HALF_UP))


def major(amount: int, currency: str) -> Decimal:
    """From the minor units of ISO 4217; raises ValueError where PayPal has no such step."""
    value = Decimal(amount).scaleb(-exponent(currency))
    if value != rounded(value, currency):
        raise ValueError(f"PayPal takes no decimals in {currency}")
    return value
