"""From our drafts to Square's request bodies, and the check that Square reckons as we do: pure.

Each line is one unit at its net price. Square reckons a tax from its percentage, half to even; whether it
rounds on each line or once over all lines is not documented. Where both give our tax, the rate is one tax
of the order; where only the line's own rounding does, it is one tax for each line; else the invoice is
refused before anything is sent (`tax_as_line` sends ours as it is).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from daemon.errors import Garbled, InvalidInput
from daemon.model import Document, InvoiceDraft, LineDraft, PayerDraft
from daemon.model.ids import our_reference
from daemon.money import Money
from daemon.providers.square.setup import CAPABILITIES, SquareSettings
from daemon.providers.square.words import PARTY, SOURCE, refused

_PHONE = re.compile(r"\+?\d{9,16}", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_ADDRESS = {
    "line1": ("address_line_1", 500),
    "line2": ("address_line_2", 500),
    "city": ("locality", 300),
    "state": ("administrative_district_level_1", 200),
    "postal_code": ("postal_code", 12),
    "country": ("country", 2),
}
_NAME, _NOTE = 512, 2000


def accepts(draft: InvoiceDraft, settings: SquareSettings) -> None:
    """Raise Rejected, under a code of the catalogue, for what Square would refuse or reckon otherwise."""
    if not settings.location_id:
        raise refused("WB-CONFIG", "no Square location is chosen in the integration's settings")
    if settings.delivery == "EMAIL" and not draft.payer.email and not draft.payer.external_id:
        raise refused("WB-CUSTOMER-EMAIL", "Square sends invoices by e-mail, and this customer has none")
    if not draft.lines or len(draft.lines) > CAPABILITIES.max_lines:
        raise refused("WB-INPUT", f"Square takes 1 to {CAPABILITIES.max_lines} lines on an invoice")
    if not 1 <= len(draft.number) <= CAPABILITIES.max_number_length:
        raise refused(
            "WB-INPUT", f"Square takes invoice numbers of up to {CAPABILITIES.max_number_length} characters"
        )
    if draft.total <= Money(0, draft.currency):
        raise refused("WB-PUSH-CURRENCY", f"Square cannot bill {draft.total}")
    if Money.total((line.gross for line in draft.lines), draft.currency) != draft.total:
        raise refused("WB-PUSH-TOTAL", f"the lines do not add up to {draft.total}")
    _order_parts(draft, settings)


def sample() -> InvoiceDraft:
    """What a preview shows where no invoice is named."""
    net = Money(4500, "USD")
    who, what = (
        our_reference(tenant="sample", reference=name, account="sample", operation="sample")
        for name in ("C-0001", "INV-0001")
    )
    payer = PayerDraft(who, "C-0001", "Subscriber 0001", "subscriber0001@example.com")
    lines = (LineDraft("Internet", net, Money(0, "USD")),)
    day = date(2026, 3, 2)
    return InvoiceDraft(what, "INV-0001", "INV-0001", payer, "USD", net, day, day, lines)


def payer_body(payer: PayerDraft) -> Document:
    """The whole name is one field: where it would be split is a guess."""
    body: Document = {"given_name": payer.name.strip()[:300], "email_address": payer.email}
    phone = re.sub(r"[ ()./-]", "", payer.phone or "")
    if _PHONE.fullmatch(phone):
        body["phone_number"] = phone
    address = {
        name: payer.address[ours][:most] for ours, (name, most) in _ADDRESS.items() if payer.address.get(ours)
    }
    if not _COUNTRY.fullmatch(address.get("country", "")):
        address.pop("country", None)
    kept = {name: value for name, value in body.items() if value}
    if address:
        kept["address"] = address
    return {**kept, "reference_id": payer.reference}


def order_body(draft: InvoiceDraft, customer: str, settings: SquareSettings) -> Document:
    parts = _order_parts(draft, settings)
    order: Document = {
        "location_id": settings.location_id,
        "reference_id": draft.reference,
        "customer_id": customer,
        "state": "OPEN",
        "source": {"name": SOURCE},
        "line_items": parts.items,
        "metadata": {"wispbill_invoice": draft.reference},
    }
    if parts.taxes:
        order["taxes"] = parts.taxes
    if parts.discounts:
        order["discounts"] = parts.discounts
    return order


def invoice_body(draft: InvoiceDraft, customer: str, order_id: str, settings: SquareSettings) -> Document:
    body: Document = {
        "location_id": settings.location_id,
        "order_id": order_id,
        "primary_recipient": {"customer_id": customer},
        "payment_requests": [
            {
                "request_type": "BALANCE",
                "due_date": draft.due_on.isoformat(),
                "tipping_enabled": False,
                "automatic_payment_source": "NONE",
            }
        ],
        "delivery_method": settings.delivery,
        "invoice_number": draft.number,
        "title": f"Invoice {draft.number}"[:255],
        "accepted_payment_methods": {
            name: name in settings.payment_methods
            for name in ("card", "square_gift_card", "bank_account", "buy_now_pay_later", "cash_app_pay")
        },
        "sale_or_service_date": draft.issued_on.isoformat(),
    }
    if draft.memo:
        body["description"] = draft.memo[:65_536]
    return body


@dataclass(slots=True)
class _Parts:
    items: list[Document] = field(default_factory=list)
    discounts: list[Document] = field(default_factory=list)
    taxes: list[Document] = field(default_factory=list)

    def add(self, text: str, amount: Money, tax_uid: str | None = None) -> None:
        """A line, or a discount of the order where the amount is negative."""
        money = {"amount": abs(amount.minor), "currency": amount.currency}
        place = str(len(self.items) + len(self.discounts) + 1)
        if amount.minor < 0:
            discount = {"uid": f"d{place}", "name": text[:255], "type": "FIXED_AMOUNT", "scope": "ORDER"}
            self.discounts.append({**discount, "amount_money": money})
            return
        item: Document = {
            "uid": f"l{place}",
            "name": text[:_NAME],
            "quantity": "1",
            "base_price_money": money,
        }
        if len(text) > _NAME:
            item["note"] = text[_NAME : _NAME + _NOTE]
        if tax_uid:
            item["applied_taxes"] = [{"tax_uid": tax_uid}]
        self.items.append(item)


def _order_parts(draft: InvoiceDraft, settings: SquareSettings) -> _Parts:
    parts = _Parts()
    uids = {} if settings.tax_as_line else _taxes(draft, settings, parts)
    for place, line in enumerate(draft.lines):
        parts.add(_text(line), line.net, uids.get(place))
    if settings.tax_as_line:
        for name, lines in _by_rate(draft, settings).items():
            tax = Money.total((draft.lines[place].tax for place in lines), draft.currency)
            parts.add(settings.tax_rates[name].display_name, tax)
    if parts.discounts and parts.taxes:
        raise refused(
            "WB-INPUT", "a line below zero on an invoice with tax needs the setting to send tax as a line"
        )
    return parts


def _text(line: LineDraft) -> str:
    return f"{line.quantity} x {line.description}" if line.quantity else line.description


def _by_rate(draft: InvoiceDraft, settings: SquareSettings) -> dict[str, list[int]]:
    """The places of the lines with tax, by the rate's name. Raises Rejected for one that is not mapped."""
    found: dict[str, list[int]] = {}
    for place, line in enumerate(draft.lines):
        if not line.tax.minor:
            continue
        if line.tax_rate not in settings.tax_rates:
            rate = f"the tax rate {line.tax_rate!r}" if line.tax_rate else "a tax without a rate"
            raise refused("WB-INPUT", f"{rate} is not in the Square settings' tax rates")
        found.setdefault(str(line.tax_rate), []).append(place)
    return found


def _taxes(draft: InvoiceDraft, settings: SquareSettings, parts: _Parts) -> dict[int, str]:
    """The tax of each line by its place, after adding it to the order."""
    uids: dict[int, str] = {}
    for name, places in _by_rate(draft, settings).items():
        rate = settings.tax_rates[name]
        nets = [draft.lines[place].net.minor for place in places]
        ours = [draft.lines[place].tax.minor for place in places]
        each = [reckoned(net, rate.percentage) for net in nets]
        if sum(ours) == sum(each) == reckoned(sum(nets), rate.percentage):
            groups = [places]
        elif ours == each:
            groups = [[place] for place in places]
        else:
            raise refused("WB-PUSH-TOTAL", _otherwise(draft, places, each))
        for group in groups:
            uid = f"t{len(parts.taxes) + 1}"
            parts.taxes.append(
                {
                    "uid": uid,
                    "name": rate.display_name,
                    "percentage": f"{rate.percentage.normalize():f}",
                    "type": "ADDITIVE",
                    "scope": "LINE_ITEM",
                }
            )
            uids.update(dict.fromkeys(group, uid))
    return uids


def reckoned(net: int, percentage: Decimal) -> int:
    return int((Decimal(net) * percentage / 100).quantize(Decimal(1), ROUND_HALF_EVEN))


def _otherwise(draft: InvoiceDraft, places: Sequence[int], each: Sequence[int]) -> str:
    wrong = [
        f"line {place + 1} has tax of {draft.lines[place].tax} here, "
        f"and {Money(tax, draft.currency)} by its rate at Square"
        for place, tax in zip(places, each, strict=True)
        if draft.lines[place].tax.minor != tax
    ]
    why = wrong or ["the tax is rounded line by line at Square"]
    return "; ".join([*why, "the setting to send tax as a line makes it exact"])


def differences(sent: Document, total: Money, order: Document) -> list[str]:
    """Where Square's order is not what was sent, in sentences; empty where it is, whether or not the total
    includes what a payer gave on top."""
    theirs = money(order.get("total_money"), "the order's total")
    tip = order.get("total_tip_money")
    if total in (theirs, theirs - money(tip, "a tip") if tip else theirs):
        return []
    found = [f"the total is {total} here and {theirs} at Square"]
    lines = {one.get("uid"): one for one in order.get("line_items") or () if isinstance(one, dict)}
    for place, line in enumerate(sent["line_items"], 1):
        price, there = line["base_price_money"], lines.pop(line["uid"], None)
        if there is None:
            found.append(f"line {place} is missing at Square")
        elif there.get("base_price_money") != price:
            told = money(there.get("base_price_money"), "a line's price")
            found.append(f"line {place} is {money(price, 'a line')} here and {told} at Square")
    found += [f"Square added a line of {_or_nothing(one)} that we did not send" for one in lines.values()]
    for name in ("tax", "discount", "service_charge"):
        amount = order.get(f"total_{name}_money")
        if isinstance(amount, dict) and amount.get("amount"):
            found.append(f"Square reckons {name.replace('_', ' ')} of {money(amount, name)}")
    return found


def money(value: Any, what: str) -> Money:
    """Square's `{"amount": 12345, "currency": "USD"}`; raises Garbled where it is none."""
    if isinstance(value, dict):
        amount, currency = value.get("amount", 0), value.get("currency")
        if isinstance(amount, int) and not isinstance(amount, bool) and isinstance(currency, str):
            try:
                return Money(amount, currency)
            except InvalidInput as error:
                raise Garbled(f"Square tells {what} in {currency[:8]!r}", party=PARTY) from error
    raise Garbled(f"Square does not tell {what} as money", party=PARTY)


def _or_nothing(line: Document) -> str:
    return str(money(line.get("total_money") or line.get("base_price_money"), "a line"))
