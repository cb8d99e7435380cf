"""Customers. E-mail addresses are not unique here, as they are not at Stripe."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from daemon.sandbox.stripe.call import Call
from daemon.sandbox.stripe.errors import invalid, no_such
from daemon.sandbox.stripe.forms import merge_metadata
from daemon.sandbox.stripe.ledger import Ledger
from daemon.sandbox.stripe.listing import Page, page
from daemon.sandbox.stripe.records import Customer

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_PREFIX = re.compile(r"[A-Z0-9]{3,12}")
_PLAIN = ("email", "name", "phone", "description", "balance", "preferred_locales")


def create(call: Call) -> Customer:
    return enrolled(call.ledger, call.params)


def enrolled(ledger: Ledger, given: Mapping[str, Any]) -> Customer:
    blank = Customer(ledger.new_id("cus_"), ledger.next_seq(), ledger.now, ledger.secret(8).upper())
    customer = ledger.customers.put(_edited(blank, given))
    ledger.emit("customer.created", "customer", customer)
    return customer


def update(call: Call) -> Customer:
    ledger = call.ledger
    before = _alive(call)
    after = _edited(before, call.params)
    if after != before:
        old = {
            name: value
            for name in (*_PLAIN, "metadata", "address")
            if (value := getattr(before, name)) != getattr(after, name)
        }
        ledger.customers.put(after)
        ledger.emit("customer.updated", "customer", after, old)
    return after


def retrieve(call: Call) -> Customer | str:
    """The customer, or its id where it was deleted: then a stub is shown, with 200."""
    if call.args[0] in call.ledger.deleted_customers:
        return call.args[0]
    return call.found(call.ledger.customers, "customer")


def delete(call: Call) -> Customer:
    return deleted(call.ledger, _alive(call))


def deleted(ledger: Ledger, customer: Customer) -> Customer:
    ledger.customers.remove(customer.id)
    ledger.deleted_customers.add(customer.id)
    ledger.emit("customer.deleted", "customer", customer)
    return customer


def list_(call: Call) -> Page:
    email = call.params.get("email")
    return page(
        call.ledger.customers,
        call.params,
        keep=lambda customer: email is None or customer.email == email,
        ago_s=call.stale_s,
    )


def _alive(call: Call) -> Customer:
    if call.args[0] in call.ledger.deleted_customers:
        raise no_such("customer", call.args[0], param="customer")
    return call.found(call.ledger.customers, "customer")


def _edited(customer: Customer, given: Mapping[str, Any]) -> Customer:
    if given.get("email") and not _EMAIL.fullmatch(given["email"]):
        raise invalid(f"Invalid email address: {given['email']}", code="email_invalid", param="email")
    changes: dict[str, Any] = {name: given[name] for name in _PLAIN if name in given}
    if "preferred_locales" in changes:
        changes["preferred_locales"] = tuple(changes["preferred_locales"])
    changes["metadata"] = merge_metadata(customer.metadata, given.get("metadata"))
    if "address" in given:
        changes["address"] = {key: value for key, value in given["address"].items() if value} or None
    if "invoice_prefix" in given:
        if not _PREFIX.fullmatch(given["invoice_prefix"]):
            raise invalid("An invoice prefix has 3 to 12 capitals or digits.", param="invoice_prefix")
        changes["prefix"] = given["invoice_prefix"]
    if "next_invoice_sequence" in given:
        changes["next_sequence"] = given["next_invoice_sequence"]
    return replace(customer, **changes)
