"""The API's handlers: one company, one request."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from daemon.clock import Clock
from daemon.sandbox.http import Answer, Request
from daemon.sandbox.quickbooks import answers, people, receipts, sales
from daemon.sandbox.quickbooks.account import QuickBooksAccount
from daemon.sandbox.quickbooks.answers import Refusal
from daemon.sandbox.quickbooks.query import parse
from daemon.sandbox.quickbooks.tables import BATCH, CDC_DAYS, CDC_ENTITIES, CDC_MOST

Row = dict[str, Any]
PDF = b"%PDF-1.4\n% an invoice\n%%EOF\n"


class Service:
    """`stale_s`: lists answer as of so many seconds ago."""

    def __init__(self, account: QuickBooksAccount, clock: Clock, stale_s: float) -> None:
        self.account, self.books, self.company = account, account.books, account.company
        self.now = clock.now()
        self.listed = self.now - timedelta(seconds=stale_s)

    # --- reading --------------------------------------------------------------------------------------

    def company_info(self, ref: str, request: Request) -> Answer:
        if ref != self.account.id:
            raise Refusal("610", "Object Not Found", f"Object Not Found : CompanyInfo {ref}")
        info = {
            "Id": "1",
            "SyncToken": "4",
            "domain": "QBO",
            "sparse": False,
            "CompanyName": self.company.name,
            "LegalName": self.company.name,
            "Country": self.company.country,
            "DefaultTimeZone": "America/Los_Angeles",
            "NameValue": [{"Name": "SubscriptionStatus", "Value": self.company.subscription}],
        }
        return self._ok({"CompanyInfo": info})

    def preferences(self, request: Request) -> Answer:
        company = self.company
        currency = {
            "MultiCurrencyEnabled": company.multicurrency,
            "HomeCurrency": {"value": company.home_currency},
        }
        forms = {"CustomTxnNumbers": company.custom_numbers, "AutoApplyCredit": company.auto_apply}
        tax = {"UsingSalesTax": company.sales_tax, "PartnerTaxEnabled": False}
        closed = {"BookCloseDate": company.closed_until} if company.closed_until else {}
        preferences = {
            "Id": "1",
            "SyncToken": "2",
            "domain": "QBO",
            "sparse": False,
            "SalesFormsPrefs": forms,
            "CurrencyPrefs": currency,
            "TaxPrefs": tax,
            "AccountingInfoPrefs": closed,
        }
        return self._ok({"Preferences": preferences})

    def query(self, request: Request) -> Answer:
        if request.method == "POST":
            if request.content_type != "application/text":
                raise Refusal("4000", "Error parsing query", "Content-Type is not application/text")
            return self._ok({"QueryResponse": self._found(request.body.decode())})
        return self._ok({"QueryResponse": self._found(request.param("query"))})

    def _found(self, text: str) -> Row:
        query = parse(text)
        among = None
        for one in query.where:
            if among is None and one.operator in ("=", "in"):
                among = self.books.ids(query.entity, one.field, one.values)
        rows = query.run(self.books.documents(query.entity, self.listed, among))
        if query.counts:
            return {"totalCount": len(rows)}
        if not rows:
            return {}
        return {query.entity: rows, "startPosition": query.start, "maxResults": len(rows)}

    def cdc(self, request: Request) -> Answer:
        """At most 1,000 objects in all, deleted ones as tombstones; the oldest changes first."""
        entities = request.param("entities").split(",")
        if not set(entities) <= CDC_ENTITIES:
            raise Refusal("2030", "Invalid ID", f"cdc does not support {entities}")
        try:
            since = datetime.fromisoformat(request.param("changedSince"))
        except ValueError as error:
            raise Refusal("2040", "Invalid date", "changedSince") from error
        if since < self.now - timedelta(days=CDC_DAYS):
            detail = (
                f"Operation cdc with changedSince date {since.isoformat()} which is older than fixed days "
                "is not supported"
            )
            raise Refusal("4001", "Unsupported Operation", detail)
        room, found = CDC_MOST, []
        for entity in entities:
            rows = self._changes(entity, since)[:room]
            room -= len(rows)
            counts = {"startPosition": 1, "maxResults": len(rows), "totalCount": len(rows)}
            found.append({entity: rows, **counts} if rows else {})
        return self._ok({"CDCResponse": [{"QueryResponse": found}]})

    def _changes(self, entity: str, since: datetime) -> list[Row]:
        records = [one for one in self.books.records[entity].values() if since <= one.updated <= self.listed]
        records.sort(key=lambda one: one.updated)
        return [one.tombstone() if one.row is None else one.document() for one in records]

    def read_invoice(self, ref: str, request: Request) -> Answer:
        document = dict(self.books.get("Invoice", ref).document())
        if "invoiceLink" in request.param("include").split(","):
            online = document.get("AllowOnlineCreditCardPayment") or document.get("AllowOnlineACHPayment")
            if self.company.pays_online and online and document.get("BillEmail"):
                document["InvoiceLink"] = f"https://connect.intuit.com/portal/app/CommerceNetwork/view/{ref}"
        return self._ok({"Invoice": document})

    def read_customer(self, ref: str, request: Request) -> Answer:
        return self._ok({"Customer": self.books.get("Customer", ref).document()})

    def read_payment(self, ref: str, request: Request) -> Answer:
        return self._ok({"Payment": self.books.get("Payment", ref).document()})

    def pdf(self, ref: str, request: Request) -> Answer:
        self.books.get("Invoice", ref)
        if request.headers.get("accept") != "application/pdf":
            raise Refusal("2010", "Unsupported", "Accept", status=406)
        return Answer(200, PDF, content_type="application/pdf")

    # --- writing --------------------------------------------------------------------------------------

    def customer(self, body: Row, request: Request) -> Answer:
        return self._ok({"Customer": people.write_customer(self.books, body).document()})

    def invoice(self, body: Row, request: Request) -> Answer:
        operation = request.param("operation", "create")
        return self._ok({"Invoice": self._invoice(body, operation)})

    def _invoice(self, body: Row, operation: str) -> Row:
        if operation in ("void", "delete"):
            record = self.books.current("Invoice", body)
            receipts.withdraw_invoice(self.books, record, delete=operation == "delete")
            if operation == "delete":
                return {"domain": "QBO", "status": "Deleted", "Id": record.id}
            return record.document()
        if operation != "create" or body.get("Id"):
            raise Refusal("2010", "Unsupported", "only creating is known here")
        record = sales.create_invoice(self.books, body)
        if self.company.auto_apply:
            self._apply_credit(record.id)
        return record.document()

    def _apply_credit(self, ref: str) -> None:
        """What the customer has left over settles a fresh invoice at once."""
        for record, row in list(self.books.live("Payment")):
            invoice = self.books.get("Invoice", ref).row or {}
            value = min(row["UnappliedAmt"], invoice["Balance"])
            if row["CustomerRef"] == invoice["CustomerRef"] and value:
                line = {"Amount": value, "LinkedTxn": [{"TxnId": ref, "TxnType": "Invoice"}]}
                kept = {**row, "Line": [*row["Line"], line], "UnappliedAmt": row["UnappliedAmt"] - value}
                receipts.rewrite(self.books, record, kept, "Update")

    def send(self, ref: str, body: Request, request: Request) -> Answer:
        if body.content_type != "application/octet-stream" or body.body:
            raise Refusal("2010", "Unsupported media type", "an empty application/octet-stream is needed")
        return self._ok({"Invoice": sales.send_invoice(self.books, ref, request.param("sendTo")).document()})

    def payment(self, body: Row, request: Request) -> Answer:
        if body.get("Id"):
            raise Refusal("2010", "Unsupported", "only creating is known here")
        return self._ok({"Payment": receipts.create_payment(self.books, body).document()})

    def batch(self, body: Row, request: Request) -> Answer:
        """Each item by itself, answered in another order: only the bId counts."""
        items = body.get("BatchItemRequest")
        if not isinstance(items, list) or not 0 < len(items) <= BATCH or body.keys() - {"BatchItemRequest"}:
            raise Refusal("1040", "Batch item limit", f"1 to {BATCH} items are allowed in a batch")
        if len({item.get("bId") for item in items}) < len(items):
            raise Refusal("1030", "Duplicate bId", "each item has a bId of its own")
        answered = [self._batch_item(item) for item in items]
        return self._ok({"BatchItemResponse": answered[::-1]})

    def _batch_item(self, item: Row) -> Row:
        makers: dict[str, Callable[[Row], Row]] = {
            "Customer": lambda body: people.write_customer(self.books, body).document(),
            "Invoice": lambda body: self._invoice(body, "create"),
            "Payment": lambda body: receipts.create_payment(self.books, body).document(),
        }
        try:
            if "Query" in item:
                return {"bId": item["bId"], "QueryResponse": self._found(item["Query"])}
            (entity,) = item.keys() - {"bId", "operation"}
            if entity not in makers or item.get("operation") != "create":
                raise Refusal("2010", "Unsupported operation in a batch")
            return {"bId": item["bId"], entity: makers[entity](item[entity])}
        except Refusal as refusal:
            return {"bId": item["bId"], "Fault": refusal.fault}

    def _ok(self, document: Row) -> Answer:
        return answers.ok(document, self.now)
