"""Money: whole minor units, exact through every edge, never mixed."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from daemon.errors import CATALOGUE, InvalidInput
from daemon.money import MAX_MINOR, Money, exponent

CURRENCIES = {"USD": 2, "EUR": 2, "JPY": 0, "KWD": 3, "CLF": 4, "HUF": 2, "TWD": 2}

currencies = st.sampled_from(sorted(CURRENCIES))
small = st.integers(-(10**12), 10**12)


@st.composite
def moneys(draw, minors=small):
    return Money(draw(minors), draw(currencies))


@given(money=moneys(st.integers(-MAX_MINOR, MAX_MINOR)))
def test_text_parses_back_to_the_same_money(money):
    # 15 digits stand before the point at most, so the largest amounts have no text of their own to read.
    assume(len(money.text.lstrip("-").split(".")[0]) <= 15)
    assert Money.parse(money.text, money.currency) == money


@given(money=moneys())
def test_text_says_the_decimal_value_with_exactly_the_currencys_decimals(money):
    digits = CURRENCIES[money.currency]

    assert Decimal(money.text) == Decimal(money.minor).scaleb(-digits)
    assert re.fullmatch(r"-?(0|[1-9]\d*)" + (rf"\.\d{{{digits}}}" if digits else ""), money.text)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("12.50", "EUR", 1250),
        ("12.5", "EUR", 1250),
        ("12", "EUR", 1200),
        (" 12.50 ", "EUR", 1250),
        ("-0.05", "USD", -5),
        ("007", "USD", 700),
        ("1250", "JPY", 1250),
        ("1.234", "KWD", 1234),
    ],
)
def test_decimal_strings_become_minor_units(text, currency, minor):
    assert Money.parse(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("text", "currency"), [("12.505", "EUR"), ("12.5", "JPY"), ("1.0", "JPY"), ("1.2345", "KWD")]
)
def test_more_decimals_than_the_currency_has_are_refused_never_rounded(text, currency):
    with pytest.raises(InvalidInput, match="has more decimals") as caught:
        Money.parse(text, currency)
    assert caught.value.code == "WB-MONEY-DECIMALS"


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "1.",
        ".5",
        "1,5",
        "1_0",
        "+1",
        "--1",
        "1e3",
        "NaN",
        "inf",
        "0x1",
        "1 0",
        "١٢",
        "1\n2",
        "9" * 16,
    ],
)
def test_what_is_not_a_plain_decimal_is_refused(text):
    with pytest.raises(InvalidInput, match="is not an amount like") as caught:
        Money.parse(text, "EUR")
    assert caught.value.code == "WB-MONEY-AMOUNT"


@given(text=st.text(max_size=40) | st.from_regex(r"-?\d{1,17}(\.\d{0,5})?\s?"), currency=currencies)
def test_any_text_is_either_money_or_a_refusal_of_the_catalogue(text, currency):
    try:
        money = Money.parse(text, currency)
    except InvalidInput as error:
        assert error.code in CATALOGUE
    else:
        assert Decimal(money.text) == Decimal(text.strip())


@pytest.mark.parametrize("currency", ["", "eur", "EURO", "XXX", "XAU", "XTS", "ZZZ", "€"])
def test_what_is_not_a_currency_is_refused(currency):
    for make in (lambda: Money(1, currency), lambda: Money.parse("1", currency), lambda: exponent(currency)):
        with pytest.raises(InvalidInput) as caught:
            make()
        assert caught.value.code == "WB-MONEY-CURRENCY"


@pytest.mark.parametrize(("currency", "digits"), CURRENCIES.items())
def test_decimals_are_those_of_iso_4217(currency, digits):
    assert exponent(currency) == digits


@given(minor=st.integers(min_value=MAX_MINOR + 1), sign=st.sampled_from([1, -1]))
def test_more_than_any_invoice_can_be_is_refused(minor, sign):
    with pytest.raises(InvalidInput) as caught:
        Money(sign * minor, "EUR")
    assert caught.value.code == "WB-MONEY-AMOUNT"


@given(minors=st.lists(small, max_size=20), currency=currencies)
def test_a_total_is_the_sum_in_whole_minor_units_in_any_order(minors, currency):
    amounts = [Money(minor, currency) for minor in minors]

    assert Money.total(amounts, currency) == Money(sum(minors), currency)
    assert Money.total(reversed(amounts), currency) == Money(sum(minors), currency)


@given(a=small, b=small, currency=currencies)
def test_sums_differences_and_order_are_those_of_integers(a, b, currency):
    one, other = Money(a, currency), Money(b, currency)

    assert (one + other) - other == one
    assert (one < other, one <= other, one == other) == (a < b, a <= b, a == b)
    assert (one > other, one >= other) == (a > b, a >= b)


@given(one=moneys(), other=moneys())
def test_currencies_never_mix(one, other):
    assume(one.currency != other.currency)
    for mix in (
        lambda: one + other,
        lambda: one - other,
        lambda: one < other,
        lambda: one <= other,
        lambda: Money.total([other], one.currency),
    ):
        with pytest.raises(ValueError, match="cannot mix"):
            mix()
    assert one != other


def test_money_cannot_be_changed_and_reads_as_text():
    money = Money(1250, "EUR")
    with pytest.raises(AttributeError):
        money.minor = 1  # type: ignore[misc]

    assert (str(money), str(Money(1250, "JPY")), str(Money(-5, "USD"))) == (
        "12.50 EUR",
        "1250 JPY",
        "-0.05 USD",
    )
