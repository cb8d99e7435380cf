"""What is done to an invoice that stands at Xero: void it, record a payment on it, fetch its PDF."""

from __future__ import annotations

from decimal import Decimal

from daemon.clock import Clock
from daemon.errors import Garbled, Missing, Rejected, Unsupported
from daemon.model import DocStatus, Document, Journal, Observation
from daemon.money import Money
from daemon.providers.xero.api import Api, faults_of, is_refused, rejected, rows
from daemon.providers.xero.documents import Documents
from daemon.providers.xero.numbers import amount, to_text
from daemon.providers.xero.pull import Reader
from daemon.providers.xero.read import observe
from daemon.providers.xero.setup import XeroSettings
from daemon.providers.xero.words import PARTY, is_guid

_OVER = ("VOIDED", "DELETED")


class Verbs:
    def __init__(self, api: Api, reader: Reader, settings: XeroSettings, clock: Clock) -> None:
        self._api, self._reader, self._settings, self._clock = api, reader, settings, clock
        self._documents = Documents(api)

    # --- void -----------------------------------------------------------------------------------------

    def void(self, ref: str, journal: Journal) -> Observation:
        """A draft is deleted there, which is void to us. Raises Rejected where money or credit is on it."""
        done = journal.once("void", {"invoice": _id(ref)}, self._void, self._is_void, lag_s=0)
        if done["status"] == "DELETED":
            return Observation(ref=ref, status=DocStatus.VOID, covers=frozenset())
        return observe(self._document(ref), self._settings.short_code)

    def _void(self, body: Document, key: str) -> Document:
        ref = body["invoice"]
        doc = self._documents.read([ref]).get(ref)
        if doc is None or doc.get("Status") in _OVER:
            return _over(doc)
        if amount(doc, "AmountPaid") or amount(doc, "AmountCredited"):
            raise Rejected("Xero voids no invoice that has payments or credits on it", party=PARTY)
        status = "DELETED" if doc.get("Status") in ("DRAFT", "SUBMITTED") else "VOIDED"
        change = {"InvoiceID": ref, "Status": status}
        answer = self._api.write("POST", "Invoices", ref, body={"Invoices": [change]}, key=key)
        if not any(row.get("Status") == status for row in rows(answer, "Invoices")):
            raise Garbled("Xero's invoice is not voided", party=PARTY)
        return {"status": status}

    def _is_void(self, body: Document) -> Document | None:
        row = self._documents.read([body["invoice"]]).get(body["invoice"])
        return _over(row) if row is None or row.get("Status") in _OVER else None

    # --- record a payment -----------------------------------------------------------------------------

    def record_payment(self, ref: str, money: Money, note: str, journal: Journal) -> Observation:
        """Raises Unsupported where the settings name no account to book it on. The note is what tells two
        payments of one amount on one invoice apart."""
        code = self._settings.payment_account
        if not code:
            raise Unsupported("the Xero settings name no payment account, on which it would be booked")
        body = {
            "Invoice": {"InvoiceID": _id(ref)},
            "Account": {"Code": code},
            "Date": self._clock.now().date().isoformat(),
            "Amount": to_text(money),
            "Reference": " ".join(f"wispbill {ref[:8]} {note[:40]}".split()),
        }
        journal.once("record_payment", body, self._pay, self._is_paid, lag_s=0)
        return observe(self._document(ref), self._settings.short_code)

    def _pay(self, body: Document, key: str) -> Document:
        done = self._is_paid(body)
        if done is not None:
            return done
        answer = self._api.write(
            "PUT", "Payments", body={"Payments": [body]}, key=key, summarizeErrors="false"
        )
        for row in rows(answer, "Payments"):
            if is_refused(row):
                raise rejected(faults_of(row))
            if isinstance(row.get("PaymentID"), str):
                return {"id": row["PaymentID"]}
        raise Garbled("Xero's payment has no id", party=PARTY)

    def _is_paid(self, body: Document) -> Document | None:
        """A payment with our reference and amount on the invoice; its list may leave references out."""
        doc = self._document(body["Invoice"]["InvoiceID"])
        listed = doc.get("Payments")
        for row in listed if isinstance(listed, list) else []:
            if amount(row, "Amount") == Decimal(body["Amount"]) and self._is_ours(row, body["Reference"]):
                return {"id": str(row.get("PaymentID"))}
        return None

    def _is_ours(self, row: Document, reference: str) -> bool:
        if not row.get("Reference"):
            found = self._api.get("Payments", str(row.get("PaymentID")))
            row = next(iter(rows(found, "Payments")), {})
        return row.get("Reference") == reference and row.get("Status") != "DELETED"

    # --- read -----------------------------------------------------------------------------------------

    def document(self, ref: str) -> bytes:
        return self._api.pdf("Invoices", _id(ref))

    def _document(self, ref: str) -> Document:
        row = self._documents.read([_id(ref)]).get(_id(ref))
        if row is None:
            raise Missing("Xero does not know this invoice", party=PARTY)
        return row


def _over(row: Document | None) -> Document:
    return {"status": "DELETED" if row is None else str(row["Status"])}


def _id(ref: str) -> str:
    if not is_guid(ref):
        raise Missing("this is not an id of Xero's", party=PARTY)
    return ref.lower()
