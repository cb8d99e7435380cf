"""Drafts: making and editing invoices, and which terms go together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from heapq import heappush
from typing import Any

from daemon.sandbox.stripe.amounts import check_currency
from daemon.sandbox.stripe.call import Call, named
from daemon.sandbox.stripe.errors import StripeError, invalid, no_such
from daemon.sandbox.stripe.forms import merge_metadata
from daemon.sandbox.stripe.ledger import Ledger
from daemon.sandbox.stripe.records import Invoice
from daemon.sandbox.stripe.totals import retotal

_FINAL_FIELDS = frozenset({"metadata", "auto_advance", "expand"})
_PLAIN = (
    "description",
    "footer",
    "statement_descriptor",
    "collection_method",
    "auto_advance",
    "effective_at",
)
_AUTO_FINALIZE_S = 3600


def create(call: Call) -> Invoice:
    ledger, given = call.ledger, call.params
    if given.get("pending_invoice_items_behavior") == "include":
        raise StripeError(
            400,
            "Nothing to invoice for customer: this account has no pending invoice items.",
            code="invoice_no_customer_line_items",
            param="customer",
        )
    customer = named(ledger.customers, given["customer"], "customer")
    currency = check_currency(given.get("currency") or customer.currency or ledger.default_currency)
    draft = Invoice(
        ledger.new_id("in_"),
        ledger.next_seq(),
        ledger.now,
        customer.id,
        currency,
        given.get("collection_method", "charge_automatically"),
        customer,
        percent_off=0 if "discounts" in given else customer.percent_off,
        starting_balance=0,
        secret=ledger.secret(16),
    )
    draft = _revising(ledger, draft, given)
    draft = retotal(ledger, _edited(ledger, draft, given))
    _check_collection(draft)
    if customer.currency is None:
        ledger.customers.put(replace(customer, currency=currency))
    ledger.invoices.put(draft)
    _set_timer(ledger, draft)
    ledger.emit("invoice.created", "invoice", draft)
    return draft


def _set_timer(ledger: Ledger, draft: Invoice) -> None:
    if draft.finalizes_at is not None:
        heappush(ledger.timers, (draft.finalizes_at, draft.id))


def _revising(ledger: Ledger, draft: Invoice, given: Mapping[str, Any]) -> Invoice:
    """A revision starts with the lines of the invoice that it replaces, which is voided by its finalising."""
    if "from_invoice" not in given:
        return draft
    old = named(ledger.invoices, given["from_invoice"]["invoice"], "from_invoice[invoice]")
    if old.status not in ("open", "uncollectible") or old.customer != draft.customer:
        raise invalid(
            "Only an open invoice of the same customer can be revised.", param="from_invoice[invoice]"
        )
    return replace(draft, revises=old.id, lines=old.lines, currency=old.currency)


def update(call: Call) -> Invoice:
    ledger, given = call.ledger, call.params
    invoice = call.found(ledger.invoices, "invoice")
    if invoice.status != "draft" and not given.keys() <= _FINAL_FIELDS:
        fields = ", ".join(sorted(given.keys() - _FINAL_FIELDS))
        raise StripeError(
            400,
            f"Finalized invoices can't be updated in this way ({fields})",
            code="invoice_not_editable",
        )
    changed = _edited(ledger, invoice, given)
    if invoice.status == "draft":
        changed = retotal(ledger, changed)
        _check_collection(changed)
        _set_timer(ledger, changed)
    return changed_by(ledger, invoice, changed)


def changed_by(ledger: Ledger, before: Invoice, after: Invoice) -> Invoice:
    """Store an edited invoice, with the event that says what was edited."""
    if before == after:
        return before
    names = ("metadata", "description", "due_date", "total", "amount_due", "number", "auto_advance", "footer")
    old = {name: value for name in names if (value := getattr(before, name)) != getattr(after, name)}
    ledger.invoices.put(after)
    ledger.emit("invoice.updated", "invoice", after, old)
    return after


def _edited(ledger: Ledger, invoice: Invoice, given: Mapping[str, Any]) -> Invoice:
    plain = (
        "description",
        "footer",
        "statement_descriptor",
        "collection_method",
        "auto_advance",
        "effective_at",
    )
    changes: dict[str, Any] = {name: given[name] for name in plain if name in given}
    changes["metadata"] = merge_metadata(invoice.metadata, given.get("metadata"))
    if "custom_fields" in given:
        changes["custom_fields"] = tuple((entry["name"], entry["value"]) for entry in given["custom_fields"])
    if "payment_settings" in given:
        changes["method_types"] = tuple(given["payment_settings"].get("payment_method_types", ())) or None
    if "default_tax_rates" in given:
        changes["default_rates"] = known_rates(ledger, given["default_tax_rates"], "default_tax_rates")
    if given.get("discounts"):
        raise invalid("No such coupon or discount on this account.", param="discounts")
    if "discounts" in given:
        changes["percent_off"] = 0
        changes["lines"] = tuple(replace(line, discount=0) for line in invoice.lines)
    if given.get("automatic_tax", {}).get("enabled"):
        raise StripeError(
            400,
            "Automatic tax needs a head office address, which this account has not set.",
            code="customer_tax_location_invalid",
            param="automatic_tax[enabled]",
        )
    changes |= _dates(ledger, invoice, given)
    if "number" in given:
        changes["number"] = _claim_number(ledger, invoice, given["number"])
    return replace(invoice, **changes)


def known_rates(ledger: Ledger, rates: list[str], param: str) -> tuple[str, ...]:
    for rate in rates:
        if rate not in ledger.tax_rates:
            raise no_such("tax rate", rate, param=param, status=400)
    return tuple(rates)


def _claim_number(ledger: Ledger, invoice: Invoice, number: str) -> str:
    if ledger.numbers.setdefault(number, invoice.id) != invoice.id:
        raise invalid(f"The invoice number {number} is already used on this account.", param="number")
    if invoice.number not in (None, number):
        ledger.numbers.pop(str(invoice.number), None)
    return number


def _dates(ledger: Ledger, invoice: Invoice, given: Mapping[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if "due_date" in given and "days_until_due" in given:
        raise invalid("You cannot specify both `due_date` and `days_until_due`.", param="due_date")
    if "due_date" in given:
        if given["due_date"] < ledger.now:
            raise invalid("The due date must be in the future.", param="due_date")
        changes |= {"due_date": given["due_date"], "days_until_due": None}
    if "days_until_due" in given:
        days = given["days_until_due"]
        changes |= {"due_date": invoice.created + days * 86_400, "days_until_due": days}
    auto = given.get("auto_advance", invoice.auto_advance)
    if "automatically_finalizes_at" in given:
        if not auto:
            raise invalid("Needs auto_advance=true.", param="automatically_finalizes_at")
        changes["finalizes_at"] = given["automatically_finalizes_at"]
    elif "auto_advance" in given and invoice.status == "draft":
        changes["finalizes_at"] = invoice.created + _AUTO_FINALIZE_S if auto else None
    return changes


def _check_collection(invoice: Invoice) -> None:
    sends = invoice.collection_method == "send_invoice"
    if not sends and invoice.due_date is not None:
        raise invalid(
            "You can only specify a due date if collection_method is send_invoice.", param="due_date"
        )
    if sends and invoice.due_date is None:
        raise invalid(
            "If collection_method is send_invoice, you must pass due_date or days_until_due.",
            code="parameter_missing",
            param="days_until_due",
        )
    if sends and not invoice.who.email:
        raise invalid(
            "Missing email. In order to create invoices that are sent to the customer, the customer must "
            "have a valid email.",
            param="customer",
        )
