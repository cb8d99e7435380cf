"""What a request body may hold: every field known, its type, length and words; all else is refused.

Stricter than PayPal, which ignores what it does not know.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from daemon.sandbox.http import Request
from daemon.sandbox.paypal.errors import PayPalError, invalid
from daemon.sandbox.paypal.money import CURRENCIES, decimals

Check = Callable[[Any, str], None]
_MONEY = re.compile(r"-?(\d+|\d*\.\d+)", re.ASCII)


def body_of(request: Request, check: Check) -> dict[str, Any]:
    """The JSON object of a request, checked. Raises PayPalError."""
    if request.content_type != "application/json":
        raise PayPalError(415)
    try:
        body = json.loads(request.body, parse_float=Decimal)
    except ValueError as error:
        raise PayPalError(400, "MALFORMED_REQUEST_JSON", "The request JSON is not well formed.") from error
    check(body, "")
    given: dict[str, Any] = body
    return given


def text(most: int, least: int = 0, pattern: str = "") -> Check:
    def check(value: Any, at: str) -> None:
        if not isinstance(value, str):
            raise invalid(at, "INVALID_PARAMETER_SYNTAX")
        if not least <= len(value) <= most:
            raise invalid(at, "INVALID_STRING_MAX_LENGTH" if len(value) > most else "INVALID_STRING_LENGTH")
        if pattern and not re.fullmatch(pattern, value):
            raise invalid(at, "INVALID_PARAMETER_SYNTAX")

    return check


def word(*words: str) -> Check:
    def check(value: Any, at: str) -> None:
        if value not in words:
            raise invalid(at, "INVALID_PARAMETER_VALUE")

    return check


def flag(value: Any, at: str) -> None:
    if not isinstance(value, bool):
        raise invalid(at, "INVALID_PARAMETER_SYNTAX")


def day(value: Any, at: str) -> None:
    text(10, 10)(value, at)
    try:
        date.fromisoformat(value)
    except ValueError as error:
        raise invalid(at, "INVALID_PARAMETER_SYNTAX") from error


def moment(value: Any, at: str) -> None:
    text(64, 20)(value, at)
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError as error:
        raise invalid(at, "INVALID_PARAMETER_SYNTAX") from error
    if parsed.tzinfo is None:
        raise invalid(at, "INVALID_PARAMETER_SYNTAX")


def currency(value: Any, at: str) -> None:
    if value not in CURRENCIES:
        raise invalid(at, "INVALID_CURRENCY_CODE", "Currency code is not supported.")


def number(low: int, high: int, places: int) -> Check:
    """A decimal number written as text."""

    def check(value: Any, at: str) -> None:
        text(14, 1)(value, at)
        try:
            amount = Decimal(value)
        except InvalidOperation as error:
            raise invalid(at, "INVALID_PARAMETER_SYNTAX") from error
        if not low <= amount <= high or _places(value) > places:
            raise invalid(at, "INVALID_PARAMETER_VALUE")

    return check


def money(low: int = 0, high: int = 1_000_000) -> Check:
    shape = obj(("currency_code", "value"), currency_code=currency, value=text(32, 1))

    def check(value: Any, at: str) -> None:
        shape(value, at)
        if not _MONEY.fullmatch(value["value"]):
            raise invalid(f"{at}/value", "INVALID_PARAMETER_SYNTAX")
        if _places(value["value"]) > decimals(value["currency_code"]):
            raise invalid(f"{at}/value", "INVALID_CURRENCY_FRACTION", "The currency allows fewer decimals.")
        if not low <= Decimal(value["value"]) <= high:
            raise invalid(f"{at}/value", "INVALID_PARAMETER_VALUE")

    return check


def many(inner: Check, most: int, least: int = 0) -> Check:
    def check(value: Any, at: str) -> None:
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise invalid(at, "INVALID_ARRAY_LENGTH")
        for place, one in enumerate(value):
            inner(one, f"{at}/{place}")

    return check


def obj(required: Sequence[str] = (), **fields: Check) -> Check:
    def check(value: Any, at: str) -> None:
        if not isinstance(value, dict):
            raise invalid(at, "INVALID_PARAMETER_SYNTAX")
        for name in required:
            if name not in value:
                raise invalid(f"{at}/{name}", "MISSING_REQUIRED_PARAMETER")
        for name, one in value.items():
            if name not in fields:
                raise invalid(f"{at}/{name}", "UNKNOWN_PARAMETER", "This double knows no such field.")
            fields[name](one, f"{at}/{name}")

    return check


def query(request: Request, **ranges: tuple[int, int, int] | None) -> dict[str, int]:
    """Whole numbers of the query by name, within (least, most, default); None: any text."""
    found = {name: span[2] for name, span in ranges.items() if span is not None}
    for name, value in request.query:
        if name not in ranges:
            raise PayPalError(400, "UNKNOWN_PARAMETER", "No such parameter.", field=name, location="query")
        span = ranges[name]
        if span is None:
            continue
        if not (value.isascii() and value.isdigit() and span[0] <= int(value) <= span[1]):
            raise PayPalError(400, "INVALID_PARAMETER_VALUE", "Out of range.", field=name, location="query")
        found[name] = int(value)
    return found


def _places(value: str) -> int:
    return len(value.partition(".")[2])


# --- the bodies ---------------------------------------------------------------------------------------

STATUSES = (
    *("DRAFT", "SENT", "SCHEDULED", "PAID", "MARKED_AS_PAID", "CANCELLED", "REFUNDED"),
    *("PARTIALLY_PAID", "PARTIALLY_REFUNDED", "MARKED_AS_REFUNDED", "UNPAID", "PAYMENT_PENDING"),
)
TERMS = (
    *("DUE_ON_RECEIPT", "DUE_ON_DATE_SPECIFIED", "NET_10", "NET_15", "NET_30", "NET_45", "NET_60"),
    *("NET_90", "NO_DUE_DATE"),
)
METHODS = (
    *("BANK_TRANSFER", "CASH", "CHECK", "CREDIT_CARD", "DEBIT_CARD", "PAYPAL", "WIRE_TRANSFER", "OTHER"),
)
EMAIL = text(254, 3, r"[^@\s]+@[^@\s\"-][^@\s]*")
_NAME = obj(given_name=text(140), surname=text(140), full_name=text(300))
_ADDRESS = obj(
    ("country_code",),
    address_line_1=text(300),
    address_line_2=text(300),
    admin_area_1=text(300),
    admin_area_2=text(120),
    postal_code=text(60),
    country_code=text(2, 2, "[A-Z]{2}|C2"),
)
_BILLING = obj(
    business_name=text(300),
    name=_NAME,
    address=_ADDRESS,
    email_address=EMAIL,
    additional_info=text(40),
    language=text(10, 2),
)
_ITEM = obj(
    ("name", "quantity", "unit_amount"),
    name=text(200, 1),
    description=text(1000),
    quantity=number(-1_000_000, 1_000_000, 5),
    unit_amount=money(-1_000_000),
    tax=obj(("name", "percent"), name=text(100, 1), percent=number(0, 100, 5)),
    unit_of_measure=word("QUANTITY", "HOURS", "AMOUNT"),
)
INVOICE = obj(
    ("detail", "items"),
    detail=obj(
        ("currency_code",),
        invoice_number=text(25, 1),
        reference=text(120),
        invoice_date=day,
        currency_code=currency,
        note=text(4000),
        terms_and_conditions=text(4000),
        memo=text(500),
        payment_term=obj(term_type=word(*TERMS), due_date=day),
    ),
    invoicer=obj(email_address=EMAIL, business_name=text(300), additional_notes=text(400)),
    primary_recipients=many(obj(billing_info=_BILLING), 100),
    items=many(_ITEM, 100, 1),
    configuration=obj(
        partial_payment=obj(allow_partial_payment=flag, minimum_amount_due=money()),
        tax_calculated_after_discount=flag,
        tax_inclusive=flag,
        allow_tip=flag,
    ),
)
NOTIFICATION = obj(
    subject=text(4000),
    note=text(4000),
    send_to_invoicer=flag,
    send_to_recipient=flag,
    additional_recipients=many(EMAIL, 100),
)
PAYMENT = obj(
    ("method",), method=word(*METHODS), payment_date=day, amount=money(0, 9_999_999), note=text(2000)
)
_MOMENTS = obj(("start", "end"), start=moment, end=moment)
_DAYS = obj(("start", "end"), start=day, end=day)
SEARCH = obj(
    recipient_email=text(254),
    invoice_number=text(25),
    status=many(word(*STATUSES), 5),
    reference=text(120),
    currency_code=currency,
    memo=text(500),
    invoice_date_range=_DAYS,
    due_date_range=_DAYS,
    payment_date_range=_MOMENTS,
    creation_date_range=_MOMENTS,
    archived=flag,
    fields=many(word("items", "payments", "refunds", "additional_recipients_info", "attachments"), 5),
)
WEBHOOK = obj(
    ("url", "event_types"),
    url=text(2048, 1),
    event_types=many(obj(("name",), name=text(100, 1)), 500, 1),
)
