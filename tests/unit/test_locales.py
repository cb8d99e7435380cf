"""Money and dates as a reader writes them: the decimals are ISO 4217's, whatever the locale."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon import locales
from daemon.money import Money

CURRENCIES = ("EUR", "USD", "JPY", "BHD", "IQD", "RSD", "AFN", "CLF", "MGA", "HUF", "INR")


@pytest.mark.parametrize(
    ("amount", "locale", "text"),
    [
        (Money(2000, "USD"), "en_US", "$20.00"),
        (Money(123456789, "EUR"), "de_DE", "1.234.567,89 €"),
        (Money(123456789, "INR"), "en_IN", "₹12,34,567.89"),
        (Money(1250, "JPY"), "en_US", "¥1,250"),
        (Money(1250500, "IQD"), "en_US", "IQD1,250.500"),
        (Money(5, "BHD"), "en_US", "BHD0.005"),
    ],
)
def test_money_is_written_as_the_reader_writes_it(amount: Money, locale: str, text: str) -> None:
    assert locales.money(amount, locale).replace("\xa0", " ") == text


@given(
    minor=st.integers(-(10**12), 10**12),
    currency=st.sampled_from(CURRENCIES),
    locale=st.sampled_from(("en", "de", "fr_CH", "ja", "ar_EG", "fa", "he", "hi", "pt_BR", "my")),
)
def test_no_digit_is_lost_or_added_in_any_locale(minor: int, currency: str, locale: str) -> None:
    for shown in (
        locales.money(Money(minor, currency), locale),
        locales.number(Money(minor, currency), locale),
    ):
        digits = "".join(str(unicodedata.digit(c)) for c in shown if c.isdigit())
        assert digits == Money(abs(minor), currency).text.replace(".", "")


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        (None, "en"),
        ("de-DE,de;q=0.9,en;q=0.8", "de_DE"),
        ("en-GB;q=0.2, fr", "fr"),
        ("xx, ;q=z, *", "en"),
        ("../../etc/passwd", "en"),
        ("de;q=" + "9" * 100_000, "de"),
        (",".join(["de"] * 100_000), "de"),
    ],
)
def test_the_header_of_a_browser_is_a_wish_and_never_a_danger(header: str | None, locale: str) -> None:
    assert locales.wanted(header) == locale


def test_days_and_moments_are_those_of_the_zone() -> None:
    at = datetime(2027, 1, 14, 23, 5, tzinfo=UTC)

    assert locales.day(date(2027, 1, 15), "en_GB") == "15 January 2027"
    assert locales.moment(at, ZoneInfo("Europe/Berlin"), "en_GB") == "15 Jan 2027, 00:05"
