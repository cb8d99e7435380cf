"""The lines of a draft: add, change, remove."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from daemon.sandbox.stripe.amounts import check_amount, check_currency
from daemon.sandbox.stripe.call import Call
from daemon.sandbox.stripe.drafts import changed_by, known_rates
from daemon.sandbox.stripe.errors import StripeError, invalid, missing_parameter, no_such
from daemon.sandbox.stripe.forms import merge_metadata
from daemon.sandbox.stripe.ledger import Ledger
from daemon.sandbox.stripe.listing import Page, slice_of
from daemon.sandbox.stripe.records import NOTHING, Invoice, Line, Tax
from daemon.sandbox.stripe.totals import retotal

MAX_LINES = 250


def add(call: Call) -> Invoice:
    draft = _draft(call)
    given = call.params["lines"]
    if len(draft.lines) + len(given) > MAX_LINES:
        raise invalid(f"An invoice can have at most {MAX_LINES} invoice items.", param="lines")
    added = tuple(
        _new_line(call.ledger, draft, fields, f"lines[{position}]") for position, fields in enumerate(given)
    )
    return _stored(call, draft, (*draft.lines, *added))


def update(call: Call) -> Invoice:
    draft = _draft(call)
    lines = {line.id: line for line in draft.lines}
    for position, fields in enumerate(call.params["lines"]):
        line = _known(lines, fields["id"], f"lines[{position}][id]")
        lines[line.id] = _changed(call.ledger, draft, line, fields, f"lines[{position}]")
    return _stored(call, draft, tuple(lines.values()))


def update_one(call: Call) -> tuple[Invoice, Line]:
    draft = _draft(call)
    lines = {line.id: line for line in draft.lines}
    if call.args[1] not in lines:
        raise no_such("line item", call.args[1], param="line_item_id")
    line_id = call.args[1]
    lines[line_id] = _changed(call.ledger, draft, lines[line_id], call.params, "")
    changed = _stored(call, draft, tuple(lines.values()))
    return changed, next(line for line in changed.lines if line.id == line_id)


def remove(call: Call) -> Invoice:
    draft = _draft(call)
    lines = {line.id: line for line in draft.lines}
    for position, fields in enumerate(call.params["lines"]):
        if fields["behavior"] == "unassign":
            raise invalid("This double keeps no pending invoice items.", param=f"lines[{position}][behavior]")
        del lines[_known(lines, fields["id"], f"lines[{position}][id]").id]
    return _stored(call, draft, tuple(lines.values()))


def list_(call: Call) -> Page:
    invoice = call.found(call.ledger.invoices, "invoice")
    found = slice_of(invoice.lines, call.params, lambda line: line.id)
    return Page([(invoice, line) for line in found.records], found.has_more)


def _draft(call: Call) -> Invoice:
    invoice = call.found(call.ledger.invoices, "invoice")
    if invoice.status != "draft":
        raise StripeError(400, "Finalized invoices can't be updated in this way", code="invoice_not_editable")
    return invoice


def _stored(call: Call, draft: Invoice, lines: tuple[Line, ...]) -> Invoice:
    metadata = merge_metadata(draft.metadata, call.params.get("invoice_metadata"))
    changed = retotal(call.ledger, replace(draft, lines=lines, metadata=metadata))
    return changed_by(call.ledger, draft, changed)


def _known(lines: Mapping[str, Line], line_id: str, param: str) -> Line:
    if line_id not in lines:
        raise no_such("line item", line_id, param=param, status=400)
    return lines[line_id]


def _new_line(ledger: Ledger, draft: Invoice, fields: Mapping[str, Any], param: str) -> Line:
    if "amount" not in fields and "price_data" not in fields:
        raise missing_parameter(f"{param}[amount]")
    blank = Line(
        ledger.new_id("il_"),
        ledger.new_id("ii_"),
        0,
        None,
        draft.created,
        draft.created,
        rates=None,
    )
    return _changed(ledger, draft, blank, fields, param)


def _changed(ledger: Ledger, draft: Invoice, line: Line, fields: Mapping[str, Any], param: str) -> Line:
    def name(part: str) -> str:
        return f"{param}[{part}]" if param else part

    changes = _priced(draft, line, fields, name("price_data"))
    check_amount(changes.get("amount", line.amount), draft.currency, name("amount"))
    changes |= {key: fields[key] for key in ("description", "discountable") if key in fields}
    if "metadata" in fields:
        changes["metadata"] = merge_metadata(line.metadata, fields["metadata"]) or NOTHING
    if "period" in fields:
        if fields["period"]["end"] < fields["period"]["start"]:
            raise invalid("A period cannot end before it starts.", param=name("period"))
        changes |= {"start": fields["period"]["start"], "end": fields["period"]["end"]}
    if fields.get("tax_rates") and fields.get("tax_amounts"):
        raise invalid("You may only specify one of tax_rates and tax_amounts.", param=name("tax_rates"))
    if "tax_rates" in fields:
        changes["rates"] = known_rates(ledger, fields["tax_rates"], name("tax_rates"))
    if "tax_amounts" in fields:
        changes |= {"taxes": tuple(_tax(ledger, entry) for entry in fields["tax_amounts"]), "rates": ()}
    return replace(line, **changes)


def _priced(draft: Invoice, line: Line, fields: Mapping[str, Any], param: str) -> dict[str, Any]:
    """`amount` is a total for the line, so it goes with no quantity; a price is for each."""
    if "amount" in fields:
        if "price_data" in fields or "quantity" in fields:
            raise invalid(
                "You may only specify one of amount and price_data (with quantity).", param="amount"
            )
        return {"amount": fields["amount"], "quantity": 1, "unit": None}
    if "price_data" not in fields:
        return {"quantity": fields["quantity"]} if "quantity" in fields and line.unit is not None else {}
    price = fields["price_data"]
    if check_currency(price["currency"], f"{param}[currency]") != draft.currency:
        raise invalid(f"The price must be in the invoice's currency ({draft.currency}).", param=param)
    if ("unit_amount" in price) == ("unit_amount_decimal" in price):
        raise invalid("Give one of unit_amount and unit_amount_decimal.", param=param)
    if ("product" in price) == ("product_data" in price):
        raise invalid("Give one of product and product_data.", param=param)
    if "product" in price:
        raise no_such("product", price["product"], param=f"{param}[product]", status=400)
    unit = str(price.get("unit_amount_decimal", price.get("unit_amount")))
    quantity = fields.get("quantity", line.quantity)
    amount = int((Decimal(unit) * quantity).quantize(Decimal(1), ROUND_HALF_UP))
    described = fields.get("description") or price["product_data"]["name"]
    return {"amount": amount, "quantity": quantity, "unit": unit, "description": described}


def _tax(ledger: Ledger, entry: Mapping[str, Any]) -> Tax:
    return Tax(
        entry["amount"],
        entry["taxable_amount"],
        entry["tax_rate_data"]["inclusive"],
        ledger.new_id("txr_"),
        entry.get("taxability_reason", "standard_rated"),
    )
