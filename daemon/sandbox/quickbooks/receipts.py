"""Payments and credit memos, and what they leave of an invoice's balance."""

from __future__ import annotations

from decimal import Decimal

from daemon.sandbox.quickbooks.answers import Refusal
from daemon.sandbox.quickbooks.books import Books, Record, Row, amount, check_fields, required
from daemon.sandbox.quickbooks.sales import ZERO, voided

LINKS_CREDITS = "Created by QB Online to link credits to charges."


def create_payment(books: Books, body: Row) -> Record:
    """As the API takes it. Raises Refusal."""
    check_fields("Payment", body)
    required(body, "CustomerRef", "TotalAmt")
    customer = books.value(body["CustomerRef"], "Customer")
    currency = (body.get("CurrencyRef") or customer["CurrencyRef"])["value"]
    if currency != customer["CurrencyRef"]["value"]:
        raise Refusal("6000", "A business validation error", "The currency is not the customer's")
    for name in ("DepositToAccountRef", "PaymentMethodRef"):
        if body.get(name):
            books.value(body[name], name.removesuffix("Ref").replace("DepositTo", ""))
    total = amount(body["TotalAmt"], "TotalAmt")
    lines = body.get("Line", [])
    for line in lines:
        _insist_on_line(books, body, line)
    applied = sum((line["Amount"] for line in lines), ZERO)
    if applied > total:
        raise Refusal("6000", "A business validation error", "The amounts applied exceed the payment")
    today = books.clock.now().date().isoformat()
    row = {
        "TxnDate": today,
        **body,
        "CurrencyRef": {"value": currency},
        "TotalAmt": total,
        "UnappliedAmt": total - applied,
    }
    return keep(books, row)


def _insist_on_line(books: Books, body: Row, line: Row) -> None:
    for name in line.keys() - {"Amount", "LinkedTxn"}:
        raise Refusal("2010", "Request has invalid or unsupported property", f"Property Name: Line.{name}")
    line["Amount"] = amount(line.get("Amount"), "Line.Amount")
    (link,) = line.get("LinkedTxn") or [{}]
    if link.get("TxnType") != "Invoice":
        raise Refusal("2020", "Required param missing", "LinkedTxn")
    invoice = books.get("Invoice", str(link.get("TxnId"))).row or {}
    if invoice["CustomerRef"]["value"] != body["CustomerRef"]["value"]:
        raise Refusal("6000", "A business validation error", "The invoice is another customer's")
    if line["Amount"] > invoice["Balance"]:
        raise Refusal("6000", "A business validation error", "The amount exceeds the invoice's balance")


def keep(books: Books, row: Row) -> Record:
    """A payment as it is, with what it does to its invoices."""
    record = books.add("Payment", row)
    settle(books, invoices_of(row))
    return record


def rewrite(books: Books, record: Record, row: Row | None, operation: str) -> None:
    """The office edits, voids or deletes a payment."""
    touched = invoices_of(record.row or {}) | invoices_of(row or {})
    books.put(record, row, operation)
    settle(books, touched)


def invoices_of(payment: Row) -> set[str]:
    return {
        link["TxnId"]
        for line in payment.get("Line", ())
        for link in line.get("LinkedTxn", ())
        if link["TxnType"] == "Invoice"
    }


def applied_to(books: Books, ref: str) -> list[tuple[str, Decimal]]:
    """(payment id, amount) of all that settles this invoice."""
    return [
        (record.id, line["Amount"])
        for record in books.paying(ref)
        for line in (record.row or {}).get("Line", ())
        if any(link["TxnType"] == "Invoice" and link["TxnId"] == ref for link in line["LinkedTxn"])
    ]


def settle(books: Books, refs: set[str]) -> None:
    """Reckon balance and links of these invoices anew."""
    for ref in sorted(refs):
        record = books.records["Invoice"][ref]
        if record.row is None:
            continue
        parts = applied_to(books, ref)
        links = [{"TxnId": payment, "TxnType": "Payment"} for payment in dict(parts)]
        paid = sum((part for _payment, part in parts), ZERO)
        balance = record.row["TotalAmt"] - record.row.get("Deposit", ZERO) - paid
        row = {**record.row, "Balance": balance, "LinkedTxn": links}
        if books.company.bumps_paid:
            books.put(record, row)
        else:
            books.quietly(record, row)


def withdraw_invoice(books: Books, record: Record, *, delete: bool) -> None:
    """Void or delete an invoice; what paid it becomes unapplied."""
    row = record.row or {}
    for payment in books.paying(record.id):
        paid = payment.row or {}
        if record.id in invoices_of(paid):
            if delete:
                raise Refusal("6000", "A business validation error", "Linked transactions must be unlinked")
            lines = [line for line in paid["Line"] if record.id not in invoices_of({"Line": [line]})]
            freed = sum((line["Amount"] for line in paid["Line"]), ZERO) - sum(
                (line["Amount"] for line in lines), ZERO
            )
            unapplied = paid["UnappliedAmt"] + freed
            books.put(payment, {**paid, "Line": lines, "UnappliedAmt": unapplied})
    books.put(record, None if delete else voided(row), "Delete" if delete else "Void")
