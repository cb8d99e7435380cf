"""What is done to an invoice that stands at QuickBooks: void it, record a payment, fetch its PDF."""

from __future__ import annotations

import base64
import hashlib

from daemon.errors import Garbled, Missing, OutcomeUnknown, Rejected
from daemon.model import DocStatus, Document, Journal, Observation
from daemon.money import Money
from daemon.providers.quickbooks import read
from daemon.providers.quickbooks.api import Api, entity_in
from daemon.providers.quickbooks.numbers import insist_on_amount, money_in, refused
from daemon.providers.quickbooks.pull import Reader
from daemon.providers.quickbooks.push import void_invoice
from daemon.providers.quickbooks.sending import requestid
from daemon.providers.quickbooks.setup import QuickBooksSettings
from daemon.providers.quickbooks.shapes import value_of
from daemon.providers.quickbooks.words import PARTY, STALE

_NOTE = 1000


class Verbs:
    def __init__(self, api: Api, reader: Reader, view: read.View, settings: QuickBooksSettings) -> None:
        self._api, self._reader, self._view, self._settings = api, reader, view, settings

    # --- void -----------------------------------------------------------------------------------------

    def void(self, ref: str, journal: Journal) -> Observation:
        """QuickBooks would void a paid invoice too, and leave its money unapplied: Rejected here."""
        done = journal.once("void", {"invoice": ref}, self._void, self._is_void, lag_s=0)
        if done["status"] == "deleted":
            return Observation(ref=ref, status=DocStatus.VOID, covers=frozenset())
        return self._seen(ref)

    def _void(self, body: Document, key: str) -> Document:
        """A version that changed under us is read once more."""
        try:
            return self._voided(body, key)
        except OutcomeUnknown as error:
            if error.provider_code != STALE:
                raise
        return self._voided(body, key)

    def _voided(self, body: Document, key: str) -> Document:
        doc = self._reader.document(body["invoice"])
        if doc is None:
            return {"status": "deleted"}
        if read.is_void(doc):
            return {"status": "void"}
        currency = read.currency_of(doc, self._view)
        if doc.get("LinkedTxn") or money_in(doc, "Balance", currency) != money_in(doc, "TotalAmt", currency):
            raise Rejected("QuickBooks has money or credit on this invoice; it is not voided", party=PARTY)
        try:
            void_invoice(self._api, doc, key)
        except Missing:
            return {"status": "deleted"}
        return {"status": "void"}

    def _is_void(self, body: Document) -> Document | None:
        doc = self._reader.document(body["invoice"])
        if doc is None:
            return {"status": "deleted"}
        return {"status": "void"} if read.is_void(doc) else None

    # --- a payment made elsewhere ---------------------------------------------------------------------

    def record_payment(self, ref: str, amount: Money, note: str, journal: Journal) -> Observation:
        """It goes to Undeposited Funds unless the settings name an account; what is more than the balance
        stays as the customer's credit."""
        insist_on_amount(amount)
        mark, doc = _mark(ref, amount, note), self._existing(ref)
        done = self._recorded_on(doc, mark)
        payment = self._payment(doc, amount, note[:_NOTE], mark) if done is None else None
        body = {"invoice": ref, "mark": mark, "payment": payment}
        journal.once("record_payment", body, self._record, self._is_recorded, lag_s=0)
        return self._seen(ref)

    def _record(self, body: Document, key: str) -> Document:
        """What was read is frozen before the mark: nothing stands between the mark and the write."""
        try:
            if body["payment"] is None:
                raise Rejected("QuickBooks has nothing left to pay on this invoice", party=PARTY)
            written = self._api.write("payment", body["payment"], requestid(key))
        except Rejected:
            done = self._is_recorded(body)
            if done is None:
                raise
            return done
        return {"payment": entity_in(written, "Payment")["Id"]}

    def _payment(self, doc: Document, amount: Money, note: str, mark: str) -> Document | None:
        """None where nothing is owed: perhaps our own payment is there already."""
        currency = read.currency_of(doc, self._view)
        balance = money_in(doc, "Balance", currency)
        if amount.currency != currency:
            raise refused(
                "WB-PUSH-CURRENCY", f"QuickBooks has this invoice in {currency}, not {amount.currency}"
            )
        if balance.minor <= 0:
            return None
        link = {"TxnId": doc["Id"], "TxnType": "Invoice"}
        payment: Document = {
            "CustomerRef": {"value": value_of(doc.get("CustomerRef"))},
            "TotalAmt": amount.text,
            "PaymentRefNum": mark,
            "Line": [{"Amount": min(amount, balance).text, "LinkedTxn": [link]}],
        }
        optional = {
            "PrivateNote": note,
            "CurrencyRef": _reference(value_of(doc.get("CurrencyRef"))),
            "DepositToAccountRef": _reference(self._settings.deposit_account),
            "PaymentMethodRef": _reference(self._settings.payment_method),
        }
        return payment | {name: value for name, value in optional.items() if value}

    def _is_recorded(self, body: Document) -> Document | None:
        return self._recorded_on(self._existing(body["invoice"]), body["mark"])

    def _recorded_on(self, doc: Document, mark: str) -> Document | None:
        """Among the payments of the invoice the one with our mark."""
        for rows in self._api.by_ids("Payment", read.linked_payments(doc)):
            for row in rows:
                if row.get("PaymentRefNum") == mark:
                    return {"payment": row["Id"]}
        return None

    # --- the PDF --------------------------------------------------------------------------------------

    def document(self, ref: str) -> bytes:
        body = self._api.pdf(ref)
        if not body.startswith(b"%PDF"):
            raise Garbled("QuickBooks' PDF is not a PDF", party=PARTY)
        return body

    # --- within ---------------------------------------------------------------------------------------

    def _existing(self, ref: str) -> Document:
        """Raises Missing."""
        return self._api.entity("Invoice", ref)

    def _seen(self, ref: str) -> Observation:
        (seen,) = self._reader.observed([self._existing(ref)])
        if isinstance(seen, Garbled):
            raise seen
        return seen


def _reference(value: str | None) -> Document | None:
    return {"value": value} if value else None


def _mark(ref: str, amount: Money, note: str) -> str:
    """What the payment is found by: 19 of the 21 characters of a reference number."""
    digest = hashlib.sha256(f"{ref}|{amount.text}|{note}".encode()).digest()
    return f"WB-{base64.b32encode(digest).decode()[:16]}"
