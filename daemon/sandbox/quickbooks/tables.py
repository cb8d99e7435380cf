"""What QuickBooks' entities take and can be asked by. From the schemas of the official .NET SDK (minor
version 75) and the published entity pages; a field not listed is refused."""

from __future__ import annotations

LINE = {
    *("Id", "LineNum", "Description", "Amount", "DetailType", "SalesItemLineDetail", "LinkedTxn"),
    *("DescriptionLineDetail", "SubTotalLineDetail"),
}
SALES_ITEM = {"ItemRef", "Qty", "UnitPrice", "TaxCodeRef", "ServiceDate", "ClassRef", "TaxInclusiveAmt"}
ADDRESS = {
    *("Line1", "Line2", "Line3", "Line4", "Line5", "City", "Country", "CountrySubDivisionCode", "PostalCode"),
}
_TXN = {"Id", "SyncToken", "sparse", "CustomerRef", "CurrencyRef", "ExchangeRate", "TxnDate", "PrivateNote"}

FIELDS: dict[str, set[str]] = {
    "Customer": {
        *("Id", "SyncToken", "sparse", "Active", "DisplayName", "CompanyName", "GivenName", "FamilyName"),
        *("PrimaryEmailAddr", "PrimaryPhone", "BillAddr", "CurrencyRef", "Notes", "PrintOnCheckName"),
    },
    "Invoice": _TXN
    | {
        *("DocNumber", "DueDate", "GlobalTaxCalculation", "CustomerMemo", "BillEmail", "EmailStatus", "Line"),
        *("AllowOnlineCreditCardPayment", "AllowOnlineACHPayment", "SalesTermRef", "TxnTaxDetail"),
        *("BillAddr", "ClassRef", "DepartmentRef"),
    },
    "Payment": _TXN
    | {"TotalAmt", "PaymentRefNum", "PaymentMethodRef", "DepositToAccountRef", "Line", "ProcessPayment"},
}

_TIMES = {"MetaData.CreateTime", "MetaData.LastUpdatedTime"}
_NAMED = {"Id", "Name", "Active", "Type"} | _TIMES
FILTERS: dict[str, set[str]] = {
    "Invoice": {"Id", "DocNumber", "TxnDate", "DueDate", "Balance", "CustomerRef"} | _TIMES,
    "Payment": {"Id", "TxnDate", "CustomerRef"} | _TIMES,
    "CreditMemo": {"Id", "DocNumber", "TxnDate", "CustomerRef", "Balance"} | _TIMES,
    "Customer": {"Id", "DisplayName", "GivenName", "FamilyName", "Active"} | _TIMES,
    "Item": _NAMED,
    "TaxCode": {"Id", "Name", "Active"},
    "Term": {"Id", "Name", "Active"},
    "CompanyCurrency": {"Id", "Code", "Active"},
    "Account": {"Id", "Name", "AccountType", "Active"},
    "PaymentMethod": {"Id", "Name", "Active"},
}
LISTS = {"Customer", "Vendor", "Item", "TaxCode", "Term", "CompanyCurrency", "Account", "PaymentMethod"}
"""Kept for ever, only made inactive; a query shows active ones unless it asks for others."""

LENGTHS = {
    *(("Invoice", "DocNumber", 21), ("Invoice", "PrivateNote", 4000), ("Payment", "PaymentRefNum", 21)),
    *(("Payment", "PrivateNote", 4000), ("Customer", "DisplayName", 500), ("Customer", "Notes", 2000)),
}
CDC_ENTITIES = {"Invoice", "Payment", "CreditMemo", "Customer", "Item"}
CDC_MOST = 1000
CDC_DAYS = 30
PAGE = 100
MOST_ROWS = 1000
BATCH = 30
