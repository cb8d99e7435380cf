"""What is done to an invoice that stands at PayPal: withdraw it, record a payment made elsewhere."""

from __future__ import annotations

from contextlib import suppress

from daemon.errors import Missing, Rejected
from daemon.model import DocStatus, Document, Journal, Observation
from daemon.money import Money
from daemon.providers.paypal.client import Api
from daemon.providers.paypal.money import from_doc, to_doc
from daemon.providers.paypal.pull import INVOICES, Reader
from daemon.providers.paypal.read import transactions
from daemon.providers.paypal.words import CANCELLED, UNSENT

_GONE = "deleted"


class Verbs:
    def __init__(self, api: Api, reader: Reader) -> None:
        self._api, self._reader = api, reader

    def void(self, ref: str, journal: Journal) -> Observation:
        """A draft or a scheduled one is deleted there, which is void to us; a sent one is cancelled, and its
        payer told. Raises Rejected where money has come in."""
        done = journal.once("void", {"invoice": ref}, self._void, self._is_void, lag_s=0)
        if done["status"] == _GONE:
            return Observation(ref=ref, status=DocStatus.VOID, covers=frozenset())
        return self._reader.observe(self._reader.document(ref))

    def _void(self, body: Document, key: str) -> Document:
        ref = body["invoice"]
        tell = {"send_to_recipient": True, "send_to_invoicer": False}
        try:
            self._api.post(*INVOICES, ref, "cancel", body=tell, key=key)
        except Missing:
            return {"status": _GONE}
        except Rejected:
            status = self._status(ref)
            if status in UNSENT:
                return self._delete(ref, key)
            if status not in (_GONE, *CANCELLED):
                raise
            return {"status": status}
        return {"status": "CANCELLED"}

    def _delete(self, ref: str, key: str) -> Document:
        with suppress(Missing):
            self._api.delete(*INVOICES, ref, key=key)
        return {"status": _GONE}

    def _is_void(self, body: Document) -> Document | None:
        status = self._status(body["invoice"])
        return {"status": status} if status in (_GONE, *CANCELLED) else None

    def _status(self, ref: str) -> str:
        try:
            return str(self._reader.document(ref).get("status"))
        except Missing:
            return _GONE

    def record_payment(self, ref: str, amount: Money, note: str, journal: Journal) -> Observation:
        """Not idempotent at PayPal: what was recorded before is remembered, so that a new one of this amount
        is ours."""
        known = [row.get("payment_id") for row in self._recorded(ref)]
        body = {"invoice": ref, "amount": to_doc(amount), "note": note[:2000], "known": known}
        journal.once("record_payment", body, self._record, self._is_recorded, lag_s=0)
        return self._reader.observe(self._reader.document(ref))

    def _record(self, body: Document, key: str) -> Document:
        done = self._is_recorded(body)
        if done is not None:
            return done
        payment: Document = {"method": "OTHER", "amount": body["amount"]}
        if body["note"]:
            payment["note"] = body["note"]
        answer = self._api.post(*INVOICES, body["invoice"], "payments", body=payment, key=key)
        return {"payment": answer.get("payment_id")}

    def _is_recorded(self, body: Document) -> Document | None:
        wanted = from_doc(body["amount"], "amount")
        for row in self._recorded(body["invoice"]):
            if row.get("payment_id") in body["known"] or row.get("amount") is None:
                continue
            if from_doc(row["amount"], "payment") == wanted:
                return {"payment": row.get("payment_id")}
        return None

    def _recorded(self, ref: str) -> list[Document]:
        rows = transactions(self._reader.document(ref), "payments")
        return [row for row in rows if row.get("type") == "EXTERNAL"]
