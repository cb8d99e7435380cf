"""Records as Xero's JSON. Dates come as /Date(ms)/ in UTC; amounts as numbers with two decimals."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from daemon.clock import to_micros
from daemon.sandbox.xero.records import (
    Account,
    Applied,
    Books,
    Contact,
    CreditNote,
    Doc,
    Invoice,
    Line,
    Payment,
)

NOBODY = "00000000-0000-0000-0000-000000000000"


def number(amount: int) -> float:
    return float(Decimal(amount) / 100)


def moment(at: datetime) -> str:
    return f"/Date({to_micros(at) // 1000}+0000)/"


def day(value: date) -> str:
    return moment(datetime(value.year, value.month, value.day, tzinfo=UTC))


def updated(at: datetime) -> Doc:
    return {"UpdatedDateUTC": moment(at), "UpdatedDateUTCString": at.strftime("%Y-%m-%dT%H:%M:%S+00:00")}


def invoice(record: Invoice, *, lines: bool = True, payments: bool = True) -> Doc:
    doc: Doc = {
        "Type": record.type,
        "InvoiceID": record.id,
        "InvoiceNumber": record.number,
        "Reference": record.reference,
        "AmountDue": number(record.owed),
        "AmountPaid": number(record.paid),
        "AmountCredited": number(record.credited),
        "SentToContact": record.sent_to_contact,
        "CurrencyRate": 1.0,
        "CurrencyCode": record.currency,
        "HasErrors": False,
        "IsDiscounted": False,
        "Contact": contact(record.contact) if lines else _named(record.contact),
        "Status": record.status,
        "LineAmountTypes": record.line_amounts,
        "SubTotal": number(record.subtotal),
        "TotalTax": number(record.tax),
        "Total": number(record.total),
        **_times(record),
    }
    if record.theme:
        doc["BrandingThemeID"] = record.theme
    if record.url:
        doc["Url"] = record.url
    if payments:
        doc |= _settled(record)
    if lines:
        doc["LineItems"] = [_line(one) for one in record.lines]
    return doc


def _times(record: Invoice) -> Doc:
    doc = {"DateString": f"{record.day.isoformat()}T00:00:00", "Date": day(record.day)}
    if record.due:
        doc |= {"DueDateString": f"{record.due.isoformat()}T00:00:00", "DueDate": day(record.due)}
    if record.fully_paid_on:
        doc["FullyPaidOnDate"] = day(record.fully_paid_on)
    return doc | updated(record.updated)


def _settled(record: Invoice) -> Doc:
    return {
        "Payments": [_inline(row) for row in record.payments if row.status == "AUTHORISED"],
        "CreditNotes": [_applied(row) for row in record.applied if row.kind == "CreditNote"],
        "Prepayments": [_applied(row) for row in record.applied if row.kind == "Prepayment"],
        "Overpayments": [_applied(row) for row in record.applied if row.kind == "Overpayment"],
    }


def _applied(row: Applied) -> Doc:
    return {
        f"{row.kind}ID": row.id,
        "Date": day(row.day),
        "Total": number(row.amount),
        "AppliedAmount": number(row.amount),
    }


def _inline(row: Payment) -> Doc:
    return {
        "PaymentID": row.id,
        "Date": day(row.day),
        "Amount": number(row.amount),
        "Reference": row.reference,
        "CurrencyRate": 1.0,
        "HasAccount": True,
        "HasValidationErrors": False,
    }


def _line(line: Line) -> Doc:
    doc: Doc = {
        "LineItemID": line.id,
        "Description": line.description,
        "Quantity": float(line.quantity),
        "UnitAmount": float(line.unit_amount),
        "LineAmount": number(line.net),
        "TaxAmount": number(line.tax),
        "Tracking": [],
    }
    if line.tax_type:
        doc["TaxType"] = line.tax_type
    if line.account_code:
        doc["AccountCode"] = line.account_code
    return doc


def _named(record: Contact) -> Doc:
    return {"ContactID": record.id, "Name": record.name, "HasValidationErrors": False}


def contact(record: Contact) -> Doc:
    doc: Doc = {
        "ContactID": record.id,
        "ContactStatus": record.status,
        "Name": record.name,
        "EmailAddress": record.email,
        "Addresses": record.addresses,
        "Phones": record.phones,
        "UpdatedDateUTC": moment(record.updated),
        "IsSupplier": False,
        "IsCustomer": True,
        "HasValidationErrors": False,
    }
    if record.number:
        doc["ContactNumber"] = record.number
    if record.account_number:
        doc["AccountNumber"] = record.account_number
    if record.merged_to:
        doc["MergedToContactID"] = record.merged_to
    return doc


def payment(record: Payment, of: Invoice) -> Doc:
    doc: Doc = {
        "PaymentID": record.id,
        "Date": day(record.day),
        "BankAmount": number(record.amount),
        "Amount": number(record.amount),
        "Reference": record.reference,
        "CurrencyRate": 1.0,
        "PaymentType": "ACCRECPAYMENT",
        "Status": record.status,
        "IsReconciled": False,
        "HasAccount": True,
        "HasValidationErrors": False,
        "Account": {"Code": record.account_code},
        "Invoice": {"Type": of.type, "InvoiceID": of.id, "InvoiceNumber": of.number},
        **updated(record.updated),
    }
    if record.batch_id:
        doc["BatchPaymentID"] = record.batch_id
    return doc


def credit_note(record: CreditNote) -> Doc:
    used = sum(amount for _ref, amount in record.allocations)
    return {
        "CreditNoteID": record.id,
        "CreditNoteNumber": record.number,
        "Type": "ACCRECCREDIT",
        "Status": "PAID" if used >= record.total else "AUTHORISED",
        "Contact": _named(record.contact),
        "CurrencyCode": record.currency,
        "Date": day(record.day),
        "Total": number(record.total),
        "RemainingCredit": number(record.total - used),
        "Allocations": [
            {"Amount": number(amount), "Date": day(record.day), "Invoice": {"InvoiceID": ref}}
            for ref, amount in record.allocations
        ],
        **updated(record.updated),
    }


def account(record: Account) -> Doc:
    return {
        "AccountID": record.id,
        "Code": record.code,
        "Name": record.name,
        "Status": record.status,
        "Type": record.type,
        "Class": record.account_class,
        "TaxType": record.tax_type,
        "EnablePaymentsToAccount": record.takes_payments,
        "HasAttachments": False,
    }


def organisation(books: Books) -> Doc:
    doc: Doc = {
        "OrganisationID": books.id,
        "Name": books.name,
        "LegalName": books.name,
        "PaysTax": True,
        "Version": "GLOBAL",
        "OrganisationType": "COMPANY",
        "BaseCurrency": books.currency,
        "CountryCode": "US",
        "IsDemoCompany": books.demo,
        "OrganisationStatus": "ACTIVE",
        "SalesTaxBasis": "ACCRUALS",
        "ShortCode": "!23eYt",
        "Class": "DEMO" if books.demo else "PREMIUM",
        "Edition": "BUSINESS",
    }
    if books.lock_date:
        doc["PeriodLockDate"] = day(books.lock_date)
    return doc


def tax_rates(books: Books) -> list[Doc]:
    return [
        {
            "Name": rate.name,
            "TaxType": rate.type,
            "Status": rate.status,
            "CanApplyToRevenue": rate.on_revenue,
            "EffectiveRate": float(rate.rate),
        }
        for rate in books.tax_rates.values()
    ]
