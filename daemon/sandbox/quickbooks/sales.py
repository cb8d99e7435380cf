"""Invoices: live at once, totalled and taxed by QuickBooks, numbered by us or by it."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from daemon.sandbox.quickbooks.answers import Refusal, stamp
from daemon.sandbox.quickbooks.books import Books, Record, Row, amount, check_fields, required
from daemon.sandbox.quickbooks.tables import LINE, SALES_ITEM

CENT = Decimal("0.01")
ZERO = Decimal("0.00")


def create_invoice(books: Books, body: Row) -> Record:
    """Raises Refusal; nothing is made then."""
    check_fields("Invoice", body)
    required(body, "CustomerRef", "Line")
    customer = books.value(body["CustomerRef"], "Customer")
    currency = _currency(books, body, customer)
    closed = books.company.closed_until
    if closed and body.get("TxnDate", "9999") <= closed:
        raise Refusal("6210", "Account Period Closed", "The account period has closed")
    if body.get("SalesTermRef"):
        books.value(body["SalesTermRef"], "Term")
    row = {**body, "DocNumber": _number(books, body), "CurrencyRef": {"value": currency}}
    row |= totals(books, body)
    row |= {"EmailStatus": body.get("EmailStatus", "NotSet"), "LinkedTxn": []}
    if not books.company.shows_currency:
        del row["CurrencyRef"]
    return books.add("Invoice", {name: value for name, value in row.items() if value is not None})


def totals(books: Books, body: Row) -> Row:
    """Lines as they are kept, tax, TotalAmt and Balance."""
    lines = [_line(books, line, place) for place, line in enumerate(body["Line"], 1)]
    net = sum((line["Amount"] for line in lines), ZERO)
    tax, details = _tax(books, body, lines)
    lines.append({"Amount": net, "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}})
    total = net + tax
    if total < 0:
        raise Refusal("6000", "A business validation error", "Transaction amount must be 0 or greater")
    return {
        "Line": lines,
        "TxnTaxDetail": {"TotalTax": tax, "TaxLine": details},
        "TotalAmt": total,
        "Balance": total,
    }


def _line(books: Books, line: Row, place: int) -> Row:
    for name in line.keys() - LINE:
        raise Refusal("2010", "Request has invalid or unsupported property", f"Property Name: Line.{name}")
    if line.get("DetailType") != "SalesItemLineDetail":
        raise Refusal("2020", "Required param missing", "DetailType", element="Line.DetailType")
    if len(str(line.get("Description", ""))) > 4000:
        raise Refusal("2050", "Invalid String length", "Description max:4000")
    detail = line.get("SalesItemLineDetail") or {}
    for name in detail.keys() - SALES_ITEM:
        raise Refusal("2010", "Request has invalid or unsupported property", f"Property Name: {name}")
    given = amount(line.get("Amount"), "Line.Amount")
    if "ItemRef" not in detail:  # only text: its amount is not counted
        return {**line, "Id": str(place), "Amount": ZERO}
    books.value(detail["ItemRef"], "Item")
    quantity, price = amount(detail.get("Qty", 1), "Qty"), amount(detail.get("UnitPrice", given), "UnitPrice")
    if (quantity * price).quantize(CENT, ROUND_HALF_UP) != given.quantize(CENT, ROUND_HALF_UP):
        raise Refusal("6070", "Amount calculation incorrect", "Amount is not equal to UnitPrice * Qty")
    return {**line, "Id": str(place), "LineNum": place, "Amount": given.quantize(CENT, ROUND_HALF_UP)}


def _tax(books: Books, body: Row, lines: list[Row]) -> tuple[Decimal, list[Row]]:
    company = books.company
    if company.country == "US" and body.get("GlobalTaxCalculation"):
        raise Refusal("2010", "Unsupported property", "GlobalTaxCalculation is not for US companies")
    if not company.sales_tax:
        return ZERO, []
    if body.get("GlobalTaxCalculation", "TaxExcluded") not in ("TaxExcluded", "NotApplicable"):
        raise Refusal("2010", "Unsupported value", "GlobalTaxCalculation")
    by_rate: dict[Decimal, Decimal] = {}
    for line in lines:
        percent = _percent(books, line["SalesItemLineDetail"].get("TaxCodeRef"))
        by_rate[percent] = by_rate.get(percent, ZERO) + line["Amount"]
    taxes = [(rate, net, (net * rate / 100).quantize(CENT, ROUND_HALF_UP)) for rate, net in by_rate.items()]
    details = [_tax_line(rate, net, tax) for rate, net, tax in taxes if rate]
    return sum((tax for _rate, _net, tax in taxes), ZERO), details


def _percent(books: Books, ref: Any) -> Decimal:
    code = ref.get("value") if isinstance(ref, dict) else None
    if books.company.country == "US":
        if code not in ("TAX", "NON", None):
            raise Refusal("2500", "Invalid Reference Id", f"TaxCode {code} not found")
        return books.company.tax_percent if code == "TAX" else Decimal(0)
    if code is None:
        raise Refusal(
            "6000",
            "A business validation error has occurred while processing your request",
            "Make sure all your transactions have a tax rate before you save.",
        )
    books.value(ref, "TaxCode")
    return books.company.tax_codes[code]


def _tax_line(rate: Decimal, net: Decimal, tax: Decimal) -> Row:
    detail = {"TaxPercent": rate, "PercentBased": True, "NetAmountTaxable": net}
    return {"Amount": tax, "DetailType": "TaxLineDetail", "TaxLineDetail": detail}


def _currency(books: Books, body: Row, customer: Row) -> str:
    company = books.company
    given = (body.get("CurrencyRef") or {}).get("value")
    if company.multicurrency and given is None:
        raise Refusal("2020", "Required param missing", "CurrencyRef", element="CurrencyRef")
    if given is not None and given != customer["CurrencyRef"]["value"]:
        raise Refusal("6000", "A business validation error", "The currency is not the customer's")
    return given or company.home_currency


def _number(books: Books, body: Row) -> str | None:
    if not books.company.custom_numbers:
        return str(1000 + len(books.records["Invoice"]) + 1)
    number: str | None = body.get("DocNumber")
    if number and books.company.guards_numbers:
        for record in books.named("Invoice", number):
            raise Refusal(
                "6140",
                "Duplicate Document Number Error",
                "Duplicate Document Number Error : You must specify a different number. This number has "
                f"already been used. DocNumber={number} is assigned to Invoice with TxnId={record.id}",
            )
    return number


# --- what is done to one ------------------------------------------------------------------------------


def send_invoice(books: Books, ref: str, to: str) -> Record:
    """A mail leaves each time; `to` overwrites the invoice's own address."""
    record = books.get("Invoice", ref)
    row = dict(record.row or {})
    address = to or (row.get("BillEmail") or {}).get("Address")
    if not address:
        raise Refusal("6000", "A business validation error", "BillEmail is needed to send an invoice")
    delivered = {"DeliveryType": "Email", "DeliveryTime": stamp(books.clock.now())}
    row |= {"BillEmail": {"Address": address}, "EmailStatus": "EmailSent", "DeliveryInfo": delivered}
    books.mails.append((ref, address))
    return books.put(record, row, "Emailed")


def voided(row: Row) -> Row:
    """All amounts and quantities zero, a word before the note; number, lines and id stay."""
    lines = []
    for line in row["Line"]:
        kept = {**line, "Amount": ZERO}
        if "ItemRef" in (line.get("SalesItemLineDetail") or {}):
            detail = {**line["SalesItemLineDetail"], "Qty": 0}
            detail.pop("UnitPrice", None)
            kept["SalesItemLineDetail"] = detail
        lines.append(kept)
    note = row.get("PrivateNote")
    return {
        **row,
        "Line": lines,
        "TotalAmt": ZERO,
        "Balance": ZERO,
        "Deposit": ZERO,
        "TxnTaxDetail": {"TotalTax": ZERO},
        "LinkedTxn": [],
        "PrivateNote": f"Voided - {note}" if note else "Voided",
    }
