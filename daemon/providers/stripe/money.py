"""Stripe's minor units, which are ISO 4217's for most currencies and not for some.

https://docs.stripe.com/currencies : zero-decimal currencies; ISK and UGX, which have no decimals but are
sent with two (always 00); three-decimal currencies, whose last digit must be 0. HUF and TWD are charged
with two decimals, as in ISO 4217 (only payouts differ).
"""

from __future__ import annotations

from daemon.errors import Garbled, InvalidInput, Rejected
from daemon.money import Money, exponent

PARTY = "Stripe"
MAX_AMOUNT = 99_999_999
"""Eight digits, for most currencies."""

MINIMUM = {
    "AED": 200, "AUD": 50, "BGN": 100, "BRL": 50, "CAD": 50, "CHF": 50, "CZK": 1500, "DKK": 250, "EUR": 50,
    "GBP": 30, "HKD": 400, "HUF": 17500, "INR": 50, "JPY": 50, "MXN": 1000, "MYR": 200, "NOK": 300, "NZD": 50,
    "PLN": 200, "RON": 200, "SEK": 300, "SGD": 50, "THB": 1000, "USD": 50,
}  # fmt: skip
"""The smallest charge where the account settles in this currency (docs.stripe.com/currencies, "Minimum and
maximum charge amounts"). A smaller invoice is paid at once out of the customer's balance: it would look paid
without any money."""

_ZERO_DECIMAL = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
)
_ALWAYS_00 = frozenset(["ISK", "UGX"])
_LAST_DIGIT_0 = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])


def refused(code: str, message: str) -> Rejected:
    """A refusal of ours, before anything is sent, under a code of the catalogue."""
    error = Rejected(message, party=PARTY)
    error.code = code
    return error


def to_minor(money: Money) -> int:
    """The integer that Stripe wants; raises Rejected (WB-PUSH-CURRENCY) where it takes no such amount."""
    digits = _digits(money.currency)
    if digits is None:
        raise refused("WB-PUSH-CURRENCY", f"Stripe cannot bill in {money.currency}")
    shift = digits - exponent(money.currency)
    minor, rest = (money.minor * _ten(shift), 0) if shift >= 0 else divmod(money.minor, _ten(-shift))
    if rest or (money.currency in _LAST_DIGIT_0 and minor % 10):
        raise refused("WB-PUSH-CURRENCY", f"Stripe bills {money.currency} in larger steps than {money.text}")
    if abs(minor) > MAX_AMOUNT:
        raise refused("WB-PUSH-CURRENCY", f"{money} is more than Stripe bills in one invoice")
    return minor


def from_minor(amount: int, currency: str) -> Money:
    """An amount of Stripe's in its lower-case currency as ours; raises Garbled where it is not money."""
    code = currency.upper()
    try:
        digits, ours = _digits(code), exponent(code)
        shift = 0 if digits is None else ours - digits
        minor, rest = (amount * _ten(shift), 0) if shift >= 0 else divmod(amount, _ten(-shift))
        if not rest:
            return Money(minor, code)
    except InvalidInput as error:
        raise Garbled(f"Stripe tells an amount in {code[:8]!r}", party=PARTY) from error
    raise Garbled(f"Stripe tells {amount} {code}, which is not a whole amount", party=PARTY)


def _ten(power: int) -> int:
    return int("1" + "0" * power)


def _digits(currency: str) -> int | None:
    """How many decimals Stripe counts; None where its documentation does not say."""
    if currency in _ZERO_DECIMAL:
        return 0
    if currency in _LAST_DIGIT_0:
        return 3
    return 2 if currency in _ALWAYS_00 or exponent(currency) == 2 else None
