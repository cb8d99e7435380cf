"""Customers: names are unique among customers and vendors, and nobody is ever deleted."""

from __future__ import annotations

import re

from daemon.sandbox.quickbooks.answers import Refusal
from daemon.sandbox.quickbooks.books import Books, Record, Row, check_fields, required
from daemon.sandbox.quickbooks.tables import ADDRESS

_EMAIL = re.compile(r"[^@\s,]+@[^@\s,]+\.[^@\s,]+")


def write_customer(books: Books, body: Row) -> Record:
    """Create, or update where an Id is given (sparse only). Raises Refusal."""
    check_fields("Customer", body)
    if body.get("Id"):
        record = books.current("Customer", body)
        if body.get("sparse") is not True:
            raise Refusal("2010", "Unsupported", "only sparse updates are known here")
        kept = {name: value for name, value in body.items() if name not in ("Id", "SyncToken", "sparse")}
        return books.put(record, {**(record.row or {}), **kept})
    required(body, "DisplayName")
    _insist_on_name(books, body["DisplayName"])
    _insist_on_contact(body)
    currency = (body.get("CurrencyRef") or {}).get("value", books.company.home_currency)
    _insist_on_currency(books, currency)
    row = {
        **body,
        "Active": True,
        "CurrencyRef": {"value": currency},
        "FullyQualifiedName": body["DisplayName"],
    }
    return books.add("Customer", row)


def deactivate(books: Books, record: Record) -> None:
    """QuickBooks marks the name of what is inactive."""
    row = record.row or {}
    books.put(record, {**row, "Active": False, "DisplayName": f"{row['DisplayName']} (deleted)"})


def _insist_on_name(books: Books, name: str) -> None:
    if re.search(r"[:\t\n\r]", name) or name != name.strip():
        raise Refusal("2040", "Invalid String", "DisplayName has a colon, a tab or a line break")
    for entity in ("Customer", "Vendor"):
        for record in books.named(entity, name):
            raise Refusal(
                "6240", "Duplicate Name Exists Error", f"The name supplied already exists. : Id={record.id}"
            )


def _insist_on_contact(body: Row) -> None:
    email = (body.get("PrimaryEmailAddr") or {}).get("Address")
    if email is not None and not _EMAIL.fullmatch(email):
        raise Refusal("2210", "Invalid Email Address format", f"The email address {email} is not valid")
    for name in (body.get("BillAddr") or {}).keys() - ADDRESS:
        raise Refusal(
            "2010", "Request has invalid or unsupported property", f"Property Name: BillAddr.{name}"
        )


def _insist_on_currency(books: Books, currency: str) -> None:
    company = books.company
    known = {company.home_currency, *(company.currencies if company.multicurrency else ())}
    if currency not in known:
        raise Refusal("6000", "A business validation error", f"Currency {currency} is not active")
