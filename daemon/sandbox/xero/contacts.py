"""Contacts: made by PUT, read by number or by filter."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from daemon.sandbox.http import Request
from daemon.sandbox.xero import fields, render
from daemon.sandbox.xero.errors import Invalid, bad_request, not_found
from daemon.sandbox.xero.records import Books, Contact, Doc
from daemon.sandbox.xero.where import where

_COLUMNS = {
    "ContactNumber": lambda row: row.number or "",
    "Name": lambda row: row.name,
    "EmailAddress": lambda row: row.email,
    "ContactStatus": lambda row: row.status,
}


def create(books: Books, given: Doc, new_id: str, now: datetime) -> Contact:
    """Raises Invalid; nothing is there then."""
    fields.known(given, fields.CONTACT, "Contact")
    name, number = fields.text(given, "Name", 255), fields.text(given, "ContactNumber", 50)
    email = fields.text(given, "EmailAddress", 255)
    faults = []
    if not name or name != " ".join(name.split()) or "<" in name or ">" in name:
        faults.append("The contact name is not valid.")
    if email and ("@" not in email or email != email.strip()):
        faults.append("A valid email address is required.")
    there = books.contacts.values()
    if any(one.name.casefold() == name.casefold() and one.status == "ACTIVE" for one in there):
        faults.append(
            f"The contact name {name} is already assigned to another contact. "
            "The contact name must be unique across all active contacts."
        )
    if number and any(one.number == number for one in there):
        faults.append("The contact number is already assigned to another contact.")
    if faults:
        raise Invalid(*faults)
    contact = Contact(new_id, name, now, number or None, email)
    contact.addresses = [_part(one, fields.ADDRESS, "Address") for one in given.get("Addresses", [])]
    contact.phones = [_part(one, fields.PHONE, "Phone") for one in given.get("Phones", [])]
    books.contacts[contact.id] = contact
    return contact


def _part(given: Doc, names: frozenset[str], what: str) -> Doc:
    fields.known(given, names, what)
    return dict(given)


def failed(given: Doc, fault: Invalid) -> Doc:
    return {
        **{name: given[name] for name in ("Name", "ContactNumber", "EmailAddress") if name in given},
        "ContactID": render.NOBODY,
        "HasValidationErrors": True,
        "StatusAttributeString": "ERROR",
        "ValidationErrors": [{"Message": message} for message in fault.messages],
    }


def one(books: Books, name: str) -> Contact:
    """By id or by ContactNumber; raises Refused (404)."""
    for contact in books.contacts.values():
        if name == contact.id or (contact.number and name == contact.number):
            return contact
    raise not_found()


def listed(books: Books, request: Request) -> list[Contact]:
    fields.only(request, ["where", "order", "IDs", "page", "pageSize", "includeArchived", "summaryOnly"])
    fits = where(request.param("where"), _COLUMNS, ors=books.or_filters)
    ids = fields.guids(request, "IDs")
    archived = fields.flag(request, "includeArchived")
    rows = _ordered(books.contacts.values(), request.param("order"))
    return [
        row
        for row in rows
        if fits(row) and (ids is None or row.id in ids) and (archived or row.status == "ACTIVE")
    ]


def _ordered(rows: Iterable[Contact], order: str) -> list[Contact]:
    if order and order != "Name ASC":
        raise bad_request("Order is not supported")
    return sorted(rows, key=lambda row: (row.name.casefold(), row.id)) if order else list(rows)
