"""What Stripe accepts as an amount in a currency (https://docs.stripe.com/currencies)."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from daemon.errors import InvalidInput
from daemon.money import exponent
from daemon.sandbox.stripe.errors import StripeError, invalid

MAX_AMOUNT = 99_999_999

_WHOLE_UNITS = frozenset({"isk", "ugx"})
_MINIMUM = {
    **dict.fromkeys(("usd", "eur", "aud", "cad", "chf", "nzd", "sgd", "brl", "inr"), 50),
    **dict.fromkeys(("ron", "pln", "myr", "aed"), 200),
    **dict.fromkeys(("nok", "sek"), 300),
    "gbp": 30,
    "jpy": 50,
    "bgn": 100,
    "dkk": 250,
    "hkd": 400,
    "mxn": 1000,
    "thb": 1000,
    "czk": 1500,
    "huf": 17_500,
}


def check_currency(currency: str, param: str = "currency") -> str:
    """A lower-case ISO code; Stripe itself would take upper case."""
    known = currency.islower()
    if known:
        try:
            exponent(currency.upper())
        except InvalidInput:
            known = False
    if not known:
        raise invalid(f"Invalid currency: {currency}", param=param)
    return currency


def check_amount(amount: int, currency: str, param: str) -> int:
    """Whole units for ISK and UGX, tens of thousandths for three-decimal currencies."""
    if abs(amount) > MAX_AMOUNT:
        raise StripeError(400, "Amount must be no more than 999,999.99", code="amount_too_large", param=param)
    step = 100 if currency in _WHOLE_UNITS else 10 if exponent(currency.upper()) == 3 else 1
    if amount % step:
        raise invalid(
            f"Amounts in {currency} must be divisible by {step}",
            code="parameter_invalid_integer",
            param=param,
        )
    return amount


def minimum(currency: str) -> int:
    """The smallest amount that can be charged; below it the amount moves to the customer's balance."""
    return _MINIMUM.get(currency, 50)


def share(amount: int, percentage: str | int) -> int:
    """A percentage of an amount, halves away from zero."""
    exact = Decimal(amount) * Decimal(percentage) / 100
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))
