"""What this system takes and gives, as JSON or XML; it refuses what it does not know."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.etree import ElementTree as ET

from defusedxml import DefusedXmlException
from defusedxml import ElementTree as Guarded

from daemon.errors import InvalidInput
from daemon.money import Money

_REQUIRED = (
    "reference",
    "platform_reference",
    "number",
    "currency",
    "issue_date",
    "due_date",
    "customer",
    "lines",
    "subtotal",
    "tax",
    "total",
)
_OPTIONAL = ("memo",)
_CUSTOMER = ({"reference", "platform_reference", "name"}, {"email", "phone"})
_LINE = ({"description", "net", "tax", "amount"}, {"quantity", "tax_rate"})
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)


class Refused(Exception):
    """The request is refused with this status and sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


def read_event(body: bytes) -> dict[str, Any]:
    """{"type", "timestamp", "data"}; raises Refused."""
    try:
        event = json.loads(body)
    except ValueError:
        raise Refused(400, "the body is not JSON") from None
    if not isinstance(event, dict) or event.keys() != {"type", "timestamp", "data"}:
        raise Refused(422, "an event has type, timestamp and data")
    if not isinstance(event["timestamp"], str) or not _TIME.fullmatch(event["timestamp"]):
        raise Refused(422, "timestamp is not a time like 2026-11-22T12:00:00Z")
    if not isinstance(event["type"], str) or not isinstance(event["data"], dict):
        raise Refused(422, "type is a text, data an object")
    return event


def read_xml(body: bytes) -> dict[str, Any]:
    """<Invoice reference="…" number="…" currency="…"><Customer ref="…">name</Customer><Due>…</Due><Issued>…
    </Issued><Line amount="…">text</Line>…<Total>…</Total></Invoice>, as the same data; raises Refused."""
    try:
        root = Guarded.fromstring(body, forbid_dtd=True)
    except (ET.ParseError, DefusedXmlException, ValueError):
        raise Refused(400, "the body is not XML") from None
    names = {child.tag for child in root}
    if root.tag != "Invoice" or names != {"Customer", "Issued", "Due", "Line", "Total"}:
        raise Refused(422, "an Invoice has Customer, Issued, Due, Line and Total")
    lines = [
        {
            "description": line.text or "",
            "net": line.get("amount"),
            "tax": "0.00",
            "amount": line.get("amount"),
        }
        for line in root.findall("Line")
    ]
    customer = root.find("Customer")
    total = root.findtext("Total")
    return {
        "reference": root.get("reference"),
        "platform_reference": "",
        "number": root.get("number"),
        "currency": root.get("currency"),
        "issue_date": root.findtext("Issued"),
        "due_date": root.findtext("Due"),
        "customer": {
            "reference": customer.get("ref") if customer is not None else None,
            "platform_reference": "",
            "name": customer.text if customer is not None else None,
        },
        "lines": lines,
        "subtotal": total,
        "tax": "0.00",
        "total": total,
    }


def check_invoice(data: dict[str, Any]) -> tuple[str, int]:
    """Currency and total in minor units; raises Refused where anything is missing, unknown or does not add
    up."""
    _insist(data, set(_REQUIRED), set(_OPTIONAL), "data")
    _insist(data["customer"], *_CUSTOMER, "customer")
    for name in ("issue_date", "due_date"):
        if not isinstance(data[name], str) or not _DAY.fullmatch(data[name]):
            raise Refused(422, f"{name} is not a day")
    for name in ("reference", "number", "currency"):
        if not isinstance(data[name], str) or not data[name]:
            raise Refused(422, f"{name} is missing")
    currency = data["currency"]
    lines = data["lines"]
    if not isinstance(lines, list) or not lines:
        raise Refused(422, "an invoice has lines")
    reckoned = 0
    for line in lines:
        _insist(line, *_LINE, "line")
        amount = _minor(line["amount"], currency)
        if amount != _minor(line["net"], currency) + _minor(line["tax"], currency):
            raise Refused(422, "a line does not add up")
        reckoned += amount
    total = _minor(data["total"], currency)
    if total != reckoned or total != _minor(data["subtotal"], currency) + _minor(data["tax"], currency):
        raise Refused(422, "the total is not the sum of the lines")
    return currency, total


def _insist(data: Any, required: set[str], optional: set[str], where: str) -> None:
    if not isinstance(data, dict) or required - data.keys() or data.keys() - required - optional:
        raise Refused(422, f"{where} lacks a field, or has one that is not known")


def _minor(text: Any, currency: str) -> int:
    """A decimal string with exactly the currency's decimals."""
    try:
        money = Money.parse(text, currency) if isinstance(text, str) else None
    except InvalidInput:
        money = None
    if money is None or money.text != text:
        raise Refused(422, "an amount is a decimal string with the currency's decimals")
    return money.minor


def write(document: dict[str, Any], *, root: str, xml: bool) -> bytes:
    if not xml:
        return json.dumps(document).encode()
    text = ET.tostring(_element(root, document), encoding="unicode")
    return b'<?xml version="1.0" encoding="UTF-8"?>' + text.encode()


def _element(name: str, value: Any) -> ET.Element:
    element = ET.Element(name)
    if not isinstance(value, dict):
        element.text = str(value)
        return element
    for key, inner in value.items():
        for row in inner if isinstance(inner, list) else [inner]:
            element.append(_element(key, row))
    return element
