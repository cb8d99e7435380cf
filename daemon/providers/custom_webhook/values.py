"""Amounts and times as a customer's system writes them. Never a float, never a guess."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from daemon.clock import from_unix
from daemon.errors import InvalidInput
from daemon.model.days import bare
from daemon.money import Money, exponent
from daemon.providers.custom_webhook.answers import garbled
from daemon.providers.custom_webhook.setup import CustomSettings

_AMOUNT = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,12})?", re.ASCII)
_WHOLE = re.compile(r"-?[0-9]{1,15}", re.ASCII)
_TIME_OF_DAY = re.compile("%[-]?[HIcXTs]")


@dataclass(frozen=True, slots=True)
class Values:
    """Reads values by the settings; raises Garbled for what is not in the form that they say."""

    settings: CustomSettings

    def money(self, value: Any, currency: str) -> Money | None:
        """None where there is none."""
        if value is None:
            return None
        text = self._text(value)
        try:
            if self.settings.amount_format == "minor_units":
                if not _WHOLE.fullmatch(text):
                    raise garbled("an amount is not a whole number of minor units")
                return Money(int(text), currency)
            return Money.parse(_trimmed(text, exponent(currency)), currency)
        except InvalidInput as error:
            raise garbled(f"an amount cannot be read: {error.message}") from error

    def _text(self, value: Any) -> str:
        if isinstance(value, dict) and "#text" in value:
            value = value["#text"]
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            raise garbled("an amount is not a number")
        if isinstance(value, Decimal):
            return f"{value:f}"
        text = str(value).strip()
        if self.settings.decimal_separator == "," and isinstance(value, str):
            if "." in text:
                raise garbled("an amount has a point, and the settings say a comma")
            text = text.replace(",", ".")
        return text

    def currency(self, word: str | None) -> str:
        """The currency that is told, or the only one of this system."""
        known = self.settings.currencies
        code = (word or "").strip().upper() or (known[0] if len(known) == 1 else "")
        try:
            exponent(code)
        except InvalidInput:
            raise garbled(f"{code[:8]!r} is not a currency") from None
        return code

    def moment(self, value: Any) -> datetime | None:
        """A time in UTC; one without a zone is meant in UTC, a day is its midnight."""
        if value is None:
            return None
        text = str(value).strip() if isinstance(value, str | int | Decimal) else ""
        try:
            found = self._read_moment(text)
        except (ValueError, OverflowError):
            raise garbled("a time cannot be read as the settings say") from None
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)

    def happened(self, value: Any) -> datetime | None:
        """When money moved: a day without a time stands for itself, in whatever zone it is read."""
        at = self.moment(value)
        return bare(at.date()) if at is not None and self._is_day(str(value).strip()) else at

    def _is_day(self, text: str) -> bool:
        kind = self.settings.date_format
        if kind == "iso":
            return len(text) <= len("2026-03-31")
        return "%" in kind and not _TIME_OF_DAY.search(kind)

    def _read_moment(self, text: str) -> datetime:
        kind = self.settings.date_format
        if kind in ("epoch_s", "epoch_ms"):
            if not _WHOLE.fullmatch(text):
                raise ValueError
            return from_unix(int(text) // (1000 if kind == "epoch_ms" else 1))
        if kind == "iso":
            return datetime.fromisoformat(text) if len(text) > 10 else _midnight(date.fromisoformat(text))
        return datetime.strptime(text, kind)  # noqa: DTZ007 - the zone is put in by the caller

    def day(self, value: Any) -> date | None:
        """A due day stands for itself, in whatever zone it was written."""
        if value is None:
            return None
        if isinstance(value, str) and self.settings.date_format == "iso":
            try:
                return date.fromisoformat(value.strip()[:10])
            except ValueError:
                raise garbled("a day cannot be read") from None
        moment = self.moment(value)
        return moment.date() if moment else None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _trimmed(text: str, digits: int) -> str:
    """Without the zeros beyond the currency's decimals; what is not an amount is left as it is."""
    if not _AMOUNT.fullmatch(text) or "." not in text:
        return text
    whole, _, part = text.partition(".")
    kept = part[:digits] + part[digits:].rstrip("0")
    return f"{whole}.{kept}" if kept else whole
