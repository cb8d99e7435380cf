"""A company at QuickBooks as the world outside acts on it."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from daemon.clock import Clock
from daemon.model import DocStatus
from daemon.money import Money
from daemon.sandbox.double import Hands, Standing
from daemon.sandbox.quickbooks import people, receipts, sales
from daemon.sandbox.quickbooks.answers import Refusal
from daemon.sandbox.quickbooks.books import Books, Company, Record, Row

_ZERO = sales.ZERO
_REFERENCE = re.compile(r"WB-[A-Z2-7]{16}")
"""In a private note, where more may stand beside it."""


class QuickBooksAccount(Hands):
    """`id` is the realm. Has a service item, its account, and a term from the start."""

    def __init__(self, realm: str, clock: Clock, company: Company) -> None:
        self.id = realm
        self.company = company
        self.books = Books(clock, company)
        income = self.books.add("Account", _named("Services income", AccountType="Income")).id
        self.item = self.books.add(
            "Item", _named("Internet access", Type="Service", IncomeAccountRef={"value": income})
        ).id
        self.term = self.books.add("Term", _named("Net 14", DueDays=14)).id
        self.bank = self.books.add("Account", _named("Checking", AccountType="Bank")).id
        self.answers: dict[str, tuple[float, Any]] = {}
        self.books.changed.clear()

    # --- what stands there ----------------------------------------------------------------------------

    def standing(self) -> list[Standing]:
        return [self._standing(record) for record in self.books.records["Invoice"].values()]

    def _standing(self, record: Record) -> Standing:
        row = record.row or next(v.row for v in reversed(record.versions) if v.row is not None)
        currency = (row.get("CurrencyRef") or {}).get("value", self.company.home_currency)
        sent = sum(ref == record.id for ref, _to in self.books.mails)
        paid = _ZERO if record.row is None else row["TotalAmt"] - row["Balance"] + self._left_over(record.id)
        return Standing(
            ref=record.id,
            number=row.get("DocNumber") or "",
            reference=_reference_in(row.get("PrivateNote") or ""),
            payer=row["CustomerRef"]["value"],
            currency=currency,
            total=_minor(row["TotalAmt"], currency),
            paid=_minor(paid, currency),
            refunded=0,
            status=self._status(record, row),
            sent=sent,
        )

    def _left_over(self, ref: str) -> Decimal:
        """What payments of this invoice alone brought beyond it: paid too much, or freed where another
        invoice that they settled was voided."""
        rows = [one.row for one in self.books.paying(ref) if one.row is not None]
        return sum((row["UnappliedAmt"] for row in rows if set(receipts.invoices_of(row)) == {ref}), _ZERO)

    def _status(self, record: Record, row: Row) -> DocStatus:
        if record.row is None:
            return DocStatus.MISSING
        if str(row.get("PrivateNote", "")).startswith("Voided"):
            return DocStatus.VOID
        return DocStatus.OPEN if row["Balance"] else DocStatus.PAID

    def payers(self) -> int:
        return sum(1 for _ in self.books.live("Customer"))

    # --- money ----------------------------------------------------------------------------------------

    def pay(self, ref: str, amount: int | None = None) -> str:
        balance = self._row(ref)["Balance"]
        return self.pay_several({ref: _minor(balance, self._currency(ref)) if amount is None else amount})

    def pay_several(self, amounts: dict[str, int]) -> str:
        parts = {ref: self._decimal(ref, amount) for ref, amount in amounts.items()}
        return self._payment(parts, sum(parts.values(), _ZERO))

    def overpay(self, ref: str, amount: int) -> str:
        rest = self._row(ref)["Balance"]
        return self._payment({ref: rest}, rest + self._decimal(ref, amount))

    def reverse(self, ref: str) -> None:
        """The office deletes the newest payment."""
        receipts.rewrite(self.books, self._newest(ref), None, "Delete")

    def void_payment(self, ref: str) -> None:
        """Its amount becomes zero, its lines go."""
        record = self._newest(ref)
        empty = {"TotalAmt": _ZERO, "UnappliedAmt": _ZERO, "Line": [], "PrivateNote": "Voided"}
        receipts.rewrite(self.books, record, {**(record.row or {}), **empty}, "Void")

    def unapply(self, ref: str) -> None:
        """The newest payment stays, but no longer on this invoice."""
        record = self._newest(ref)
        row = record.row or {}
        lines = [line for line in row["Line"] if ref not in receipts.invoices_of({"Line": [line]})]
        kept = sum((line["Amount"] for line in lines), _ZERO)
        row = {**row, "Line": lines, "UnappliedAmt": row["TotalAmt"] - kept}
        receipts.rewrite(self.books, record, row, "Update")

    def credit(self, ref: str, amount: int) -> None:
        self.credit_and_pay(ref, amount, 0)

    def credit_and_pay(self, ref: str, credit: int, cash: int) -> str:
        """A credit memo, applied by a payment that may bring money besides."""
        value, money = self._decimal(ref, credit), self._decimal(ref, cash)
        self._insist_on(ref, value + money)
        customer = self._row(ref)["CustomerRef"]
        memo = self.books.add(
            "CreditMemo",
            {"CustomerRef": customer, "TotalAmt": value, "Balance": _ZERO, "RemainingCredit": _ZERO},
        )
        lines = [_line(value + money, ref, "Invoice"), _line(value, memo.id, "CreditMemo")]
        row = {
            "CustomerRef": customer,
            "TxnDate": self._today(),
            "TotalAmt": money,
            "UnappliedAmt": _ZERO,
            "Line": lines,
            "PrivateNote": receipts.LINKS_CREDITS,
        }
        return receipts.keep(self.books, row).id

    def _payment(self, parts: dict[str, Decimal], total: Decimal) -> str:
        customers = set()
        for ref, part in parts.items():
            self._insist_on(ref, part)
            customers.add(self._row(ref)["CustomerRef"]["value"])
        if len(customers) != 1:
            raise ValueError("one payment is one customer's")
        lines = [_line(part, ref, "Invoice") for ref, part in parts.items()]
        row = {
            "CustomerRef": {"value": customers.pop()},
            "TxnDate": self._today(),
            "PaymentMethodRef": {"value": "1", "name": "Check"},
            "TotalAmt": total,
            "UnappliedAmt": total - sum(parts.values(), _ZERO),
            "Line": lines,
        }
        return receipts.keep(self.books, row).id

    # --- the office -----------------------------------------------------------------------------------

    def void(self, ref: str) -> None:
        if self._standing(self._record(ref)).status is DocStatus.VOID:
            raise ValueError("it is void already")
        receipts.withdraw_invoice(self.books, self._record(ref), delete=False)

    def delete(self, ref: str) -> None:
        try:
            receipts.withdraw_invoice(self.books, self._record(ref), delete=True)
        except Refusal as error:
            raise ValueError(error.message) from error

    def edit(self, ref: str, total: int) -> None:
        record, row = self._record(ref), self._row(ref)
        value = self._decimal(ref, total)
        if value < row["TotalAmt"] - row["Balance"] or self._status(record, row) is DocStatus.VOID:
            raise ValueError("it is void, or less than was paid")
        first, *others = row["Line"]
        lines = [{**first, "Amount": value}, *(line for line in others if "SalesItemLineDetail" not in line)]
        self.books.put(record, {**row, "Line": lines, "TotalAmt": value})
        receipts.settle(self.books, {ref})

    def annotate(self, ref: str, note: str) -> None:
        """Somebody writes over the private note."""
        self.books.put(self._record(ref), {**self._row(ref), "PrivateNote": note})

    def strangers(self, number: str, total: int) -> str:
        name = {"DisplayName": f"Stranger {number}", "CurrencyRef": {"value": self.company.home_currency}}
        customer = self.books.add("Customer", {**name, "Active": True}).id
        value = Decimal(Money(total, self.company.home_currency).text)
        detail = {"ItemRef": {"value": self.item}, "Qty": 1, "UnitPrice": value}
        if self.company.tax_codes:
            detail["TaxCodeRef"] = {"value": next(iter(self.company.tax_codes))}
        line = {"Amount": value, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}
        body = {"CustomerRef": {"value": customer}, "DocNumber": number, "Line": [line]}
        if self.company.multicurrency:
            body["CurrencyRef"] = {"value": self.company.home_currency}
        try:
            return sales.create_invoice(self.books, body).id
        except Refusal as error:
            raise ValueError(error.message) from error

    def vendor(self, name: str) -> str:
        return self.books.add("Vendor", {"DisplayName": name, "Active": True}).id

    def archive_item(self) -> None:
        record = self.books.get("Item", self.item)
        row = record.row or {}
        self.books.put(record, {**row, "Active": False, "Name": f"{row['Name']} (deleted)"})

    def enrol(self, name: str, *, email: str = "", phone: str = "", reference: str = "") -> str:
        row: Row = {"DisplayName": name, "FullyQualifiedName": name, "Active": True}
        row |= {"PrimaryEmailAddr": {"Address": email}} if email else {}
        row |= {"PrimaryPhone": {"FreeFormNumber": phone}} if phone else {}
        row |= {"Notes": reference} if reference else {}
        currency = {"CurrencyRef": {"value": self.company.home_currency}}
        return self.books.add("Customer", row | currency).id

    def retire(self, payer: str) -> None:
        self.deactivate(payer)

    def merge(self, payer: str, into: str) -> None:
        """What stood on one stands on the other, and the one is inactive: no field of it says which."""
        for entity in ("Invoice", "Payment"):
            for record in self.books.records[entity].values():
                if record.row is not None and record.row["CustomerRef"]["value"] == payer:
                    self.books.put(record, {**record.row, "CustomerRef": {"value": into}})
        self.deactivate(payer)

    def deactivate(self, customer: str) -> None:
        people.deactivate(self.books, self.books.get("Customer", customer))

    def add_tax_code(self, name: str, percent: str) -> str:
        """Outside the US: a code with its rate."""
        self.company.sales_tax = True
        code = self.books.add("TaxCode", _named(name, Taxable=True)).id
        self.company.tax_codes[code] = Decimal(percent)
        return code

    # --- within ---------------------------------------------------------------------------------------

    def _record(self, ref: str) -> Record:
        record = self.books.records["Invoice"][ref]
        if record.row is None:
            raise KeyError(ref)
        return record

    def _row(self, ref: str) -> Row:
        return self._record(ref).row or {}

    def _newest(self, ref: str) -> Record:
        paid = receipts.applied_to(self.books, ref)
        if not paid:
            raise ValueError("nobody has paid it")
        return self.books.records["Payment"][max((name for name, _part in paid), key=int)]

    def _insist_on(self, ref: str, value: Decimal) -> None:
        if not _ZERO < value <= self._row(ref)["Balance"]:
            raise ValueError("more than is owed, or nothing")

    def _currency(self, ref: str) -> str:
        code: str = (self._row(ref).get("CurrencyRef") or {}).get("value", self.company.home_currency)
        return code

    def _decimal(self, ref: str, minor: int) -> Decimal:
        return Decimal(Money(minor, self._currency(ref)).text)

    def _today(self) -> str:
        return self.books.clock.now().date().isoformat()


def _reference_in(note: str) -> str:
    found = _REFERENCE.search(note)
    return found[0] if found else note


def _named(name: str, **more: Any) -> Row:
    return {"Name": name, "FullyQualifiedName": name, "Active": True, **more}


def _line(value: Decimal, ref: str, kind: str) -> Row:
    return {"Amount": value, "LinkedTxn": [{"TxnId": ref, "TxnType": kind}]}


def _minor(value: Decimal, currency: str) -> int:
    return Money.parse(format(value.quantize(Decimal(1).scaleb(-_digits(currency))), "f"), currency).minor


def _digits(currency: str) -> int:
    return len(Money(0, currency).text.partition(".")[2])
