"""What is done to an invoice that stands at Square: withdraw it."""

from __future__ import annotations

from daemon.errors import Missing, Rejected
from daemon.model import DocStatus, Document, Journal, Observation
from daemon.providers.square.api import Api, part
from daemon.providers.square.pull import Reader
from daemon.providers.square.read import completed, text, whole
from daemon.providers.square.words import OVER, PARTY


class Verbs:
    def __init__(self, api: Api, reader: Reader) -> None:
        self._api, self._reader = api, reader

    def void(self, ref: str, journal: Journal) -> Observation:
        """A draft is deleted there, which is void to us. Raises Rejected where money has come in, or is on
        its way: Square itself would cancel an invoice that is paid in part."""
        done = journal.once("void", {"invoice": ref}, self._void, self._is_void, lag_s=0)
        if done["status"] == "deleted":
            return Observation(ref=ref, status=DocStatus.VOID, covers=frozenset())
        return self._reader.observe(self._reader.document(ref))

    def _void(self, body: Document, key: str) -> Document:
        """`cancel` knows no key, and wants the version that the invoice has now."""
        done = self._is_void(body)
        if done is not None:
            return done
        doc = self._reader.document(body["invoice"])
        if doc.get("status") == "DRAFT":
            self._api.delete("v2", "invoices", doc["id"], version=whole(doc, "version"))
            return {"status": "deleted"}
        self._insist_on_unpaid(doc)
        try:
            return self._cancel(doc)
        except Rejected:
            again = self._reader.document(doc["id"])
            if again.get("version") == doc.get("version"):
                raise
            self._insist_on_unpaid(again)
            return self._cancel(again)

    def _cancel(self, doc: Document) -> Document:
        body = {"version": whole(doc, "version")}
        answer = part(self._api.post("v2", "invoices", doc["id"], "cancel", body=body), "invoice")
        return {"status": text(answer, "status")}

    def _insist_on_unpaid(self, doc: Document) -> None:
        if doc.get("status") not in ("UNPAID", "SCHEDULED", *OVER) or completed(doc).minor:
            raise Rejected(
                f"the invoice is {doc.get('status')} at Square: money has come in, or is on its way",
                party=PARTY,
                provider_code=str(doc.get("status")),
            )

    def _is_void(self, body: Document) -> Document | None:
        try:
            doc = self._reader.document(body["invoice"])
        except Missing:
            return {"status": "deleted"}
        return {"status": text(doc, "status")} if doc.get("status") in OVER else None
