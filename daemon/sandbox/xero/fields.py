"""What a request may hold: names that the specification knows, types, lengths."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from daemon.sandbox.http import Request
from daemon.sandbox.xero.errors import Invalid, Refused, bad_request
from daemon.sandbox.xero.records import Doc

MAX_BODY = 3_500_000
MOST_ELEMENTS = 50
GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)

INVOICE = frozenset(
    [
        "Type",
        "Contact",
        "LineItems",
        "Date",
        "DueDate",
        "LineAmountTypes",
        "InvoiceNumber",
        "Reference",
        "BrandingThemeID",
        "Url",
        "CurrencyCode",
        "CurrencyRate",
        "Status",
        "SentToContact",
        "ExpectedPaymentDate",
        "InvoiceID",
    ]
)
LINE = frozenset(
    [
        "LineItemID",
        "Description",
        "Quantity",
        "UnitAmount",
        "ItemCode",
        "AccountCode",
        "AccountID",
        "TaxType",
        "TaxAmount",
        "LineAmount",
        "Tracking",
        "DiscountRate",
        "DiscountAmount",
    ]
)
CONTACT = frozenset(
    [
        "ContactID",
        "ContactNumber",
        "AccountNumber",
        "ContactStatus",
        "Name",
        "FirstName",
        "LastName",
        "EmailAddress",
        "Addresses",
        "Phones",
        "TaxNumber",
        "DefaultCurrency",
    ]
)
ADDRESS = frozenset(
    [
        "AddressType",
        "AddressLine1",
        "AddressLine2",
        "AddressLine3",
        "AddressLine4",
        "City",
        "Region",
        "PostalCode",
        "Country",
    ]
)
PHONE = frozenset(["PhoneType", "PhoneNumber", "PhoneAreaCode", "PhoneCountryCode"])
PAYMENT = frozenset(
    [
        "Invoice",
        "Account",
        "Code",
        "Date",
        "CurrencyRate",
        "Amount",
        "Reference",
        "IsReconciled",
        "Status",
        "PaymentID",
    ]
)


def elements(request: Request, name: str) -> list[Doc]:
    """The elements of `{"Invoices": [...]}`; raises Refused."""
    document = body(request)
    if set(document) != {name} or not isinstance(document[name], list):
        raise bad_request("The request body is not as expected", 14, "PostDataInvalidException")
    rows: list[Doc] = document[name]
    if not rows or len(rows) > MOST_ELEMENTS or not all(isinstance(row, dict) for row in rows):
        raise bad_request(f"1 to {MOST_ELEMENTS} elements are taken", 14, "PostDataInvalidException")
    return rows


def body(request: Request) -> Doc:
    if request.content_type != "application/json":
        raise bad_request("Unsupported content type", 14, "PostDataInvalidException")
    if len(request.body) > MAX_BODY:
        raise bad_request("The request is too large", 14, "PostDataInvalidException")
    try:
        document = json.loads(request.body, parse_float=Decimal)
    except ValueError as error:
        raise bad_request("The request body is not JSON", 14, "PostDataInvalidException") from error
    if not isinstance(document, dict):
        raise bad_request("The request body is not an object", 14, "PostDataInvalidException")
    return document


def known(given: Doc, names: frozenset[str], what: str) -> None:
    """Stricter than Xero, which drops what it does not know; raises Refused."""
    strange = set(given) - names
    if strange:
        raise bad_request(f"{what} has no {', '.join(sorted(strange))}", 14, "PostDataInvalidException")


def text(given: Doc, name: str, most: int) -> str:
    value = given.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Invalid(f"{name} must be text")
    if len(value) > most:
        raise Invalid(f"{name} must not be more than {most} characters long")
    return value


def number(given: Doc, name: str) -> Decimal | None:
    """Amounts are JSON numbers; text is refused."""
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Invalid(f"{name} must be a number")
    try:
        return Decimal(value)
    except InvalidOperation as error:
        raise Invalid(f"{name} must be a number") from error


def day(given: Doc, name: str) -> date | None:
    value = given.get(name)
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise Invalid(f"{name} is not a date") from error


def guids(request: Request, name: str) -> set[str] | None:
    """A comma-separated list of ids in the query; raises Refused on more than fit into an address."""
    given = request.param(name)
    if not given:
        return None
    ids = given.split(",")
    if len(ids) > MOST_ELEMENTS or not all(GUID.fullmatch(one) for one in ids):
        raise bad_request(f"{name} is not a list of up to {MOST_ELEMENTS} ids")
    return set(ids)


def only(request: Request, names: Iterable[str]) -> None:
    """No query parameter beside these; raises Refused."""
    strange = {name for name, _value in request.query} - set(names)
    if strange:
        raise bad_request(f"there is no parameter {', '.join(sorted(strange))}")


def flag(request: Request, name: str, default: Any = None) -> bool:
    return request.param(name, str(default)).lower() == "true"


__all__ = ["CONTACT", "INVOICE", "LINE", "PAYMENT", "Refused"]
