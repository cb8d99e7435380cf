"""How an order adds up: lines, order discounts of a fixed amount, additive taxes.

Square rounds half to even. Whether it rounds a tax on each line or once over its lines is not documented;
`per_line` chooses, and an adapter must be right under both.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from daemon.sandbox.square.errors import Refusal

Doc = dict[str, Any]


def reckon(order: Doc, currency: str, *, per_line: bool) -> Doc:
    """The order with every total that Square tells. Raises Refusal."""
    lines = [dict(line) for line in order.get("line_items", ())]
    taxes = {tax["uid"]: {"type": "ADDITIVE", "scope": "ORDER", **tax} for tax in order.get("taxes", ())}
    for line in lines:
        _insist_on_currency(line["base_price_money"], currency)
        _insist_on_taxes(line, taxes)
    for tax in taxes.values():
        tax["applied_money"] = _money(_tax_on(tax, lines, per_line=per_line), currency)
    tax_total = sum(tax["applied_money"]["amount"] for tax in taxes.values())
    discounts = [{**one, "applied_money": one["amount_money"]} for one in order.get("discounts", ())]
    off = sum(one["amount_money"]["amount"] for one in discounts)
    net = sum(_net(line) for line in lines)
    if discounts and taxes:
        raise Refusal(
            "BAD_REQUEST", "This double reckons no discounts beside taxes.", field="order.discounts"
        )
    if off > net:
        raise Refusal("VALUE_TOO_HIGH", "Discounts exceed the order's total.", field="order.discounts")
    total = net - off + tax_total
    for line in lines:
        _total_line(line, taxes, currency)
    return {
        **order,
        "line_items": lines,
        **({"taxes": list(taxes.values())} if taxes else {}),
        **({"discounts": discounts} if discounts else {}),
        "total_money": _money(total, currency),
        "total_tax_money": _money(tax_total, currency),
        "total_discount_money": _money(off, currency),
        "total_tip_money": _money(0, currency),
        "net_amount_due_money": _money(total, currency),
    }


def _total_line(line: Doc, taxes: dict[str, Doc], currency: str) -> None:
    on_line = sum(_share(_net(line), one) for one in taxes.values() if _hits(line, one))
    line["total_tax_money"] = _money(on_line, currency)
    line["total_money"] = _money(_net(line) + on_line, currency)


def _insist_on_taxes(line: Doc, taxes: dict[str, Doc]) -> None:
    for applied in line.get("applied_taxes", ()):
        if applied["tax_uid"] not in taxes:
            raise Refusal("INVALID_VALUE", "There is no such tax.", field="order.line_items.applied_taxes")


def _tax_on(tax: Doc, lines: list[Doc], *, per_line: bool) -> int:
    if tax["type"] == "INCLUSIVE":
        return 0
    hit = [_net(line) for line in lines if _hits(line, tax)]
    return sum(_share(net, tax) for net in hit) if per_line else _share(sum(hit), tax)


def _hits(line: Doc, tax: Doc) -> bool:
    applied = line.get("applied_taxes", ())
    return bool(tax["scope"] == "ORDER" or any(one["tax_uid"] == tax["uid"] for one in applied))


def _share(net: int, tax: Doc) -> int:
    exact = Decimal(net) * Decimal(tax["percentage"]) / 100
    return int(exact.quantize(Decimal(1), ROUND_HALF_EVEN))


def _net(line: Doc) -> int:
    amount: int = line["base_price_money"]["amount"]
    return amount * int(line["quantity"])


def _insist_on_currency(money: Doc, currency: str) -> None:
    if money["currency"] != currency:
        raise Refusal(
            "CURRENCY_MISMATCH",
            f"The currency must be {currency}, the location's.",
            field="order.line_items.base_price_money.currency",
        )


def _money(amount: int, currency: str) -> Doc:
    return {"amount": amount, "currency": currency}
