"""Who is billed at Square: a Customer, found by our reference or made. It is searched some time after it was
made, and two may bear one reference."""

from __future__ import annotations

from daemon.errors import Missing, Rejected, StepStuck
from daemon.model import Document, Journal, PayerCreated, PayerDraft
from daemon.providers.square.api import Api, part
from daemon.providers.square.drafts import payer_body
from daemon.providers.square.setup import SquareSettings


class Payers:
    def __init__(self, api: Api, settings: SquareSettings) -> None:
        self._api, self._settings = api, settings

    def payer(self, payer: PayerDraft, journal: Journal) -> PayerCreated:
        """The preset customer, checked; else the one with our reference; else a new one. Never one that
        merely has the same e-mail or name."""
        if payer.external_id:
            return self._preset(payer.external_id, payer.reference)
        done = journal.once("payer", payer_body(payer), self._create_payer, self._find_payer, look_first=True)
        return PayerCreated(done["id"], done["origin"])

    def _preset(self, ref: str, reference: str) -> PayerCreated:
        """A customer that was merged with another at Square has a new id there, and our reference still."""
        try:
            doc = part(self._api.get("v2", "customers", ref), "customer")
        except Missing as error:
            found = self._find_payer({"reference_id": reference})
            if found is not None:
                return PayerCreated(found["id"], found["origin"])
            raise StepStuck("WB-PUSH-MISMATCH", f"the customer {ref} no longer exists at Square") from error
        if self._settings.delivery == "EMAIL" and not doc.get("email_address"):
            raise StepStuck("WB-CUSTOMER-EMAIL", f"the customer {ref} has no e-mail address at Square")
        return PayerCreated(ref, "preset")

    def _create_payer(self, body: Document, key: str) -> Document:
        try:
            answer = self._api.post("v2", "customers", body={**body, "idempotency_key": key})
        except Rejected as error:
            if error.param == "email_address" or error.provider_code == "INVALID_EMAIL_ADDRESS":
                error.code = "WB-CUSTOMER-EMAIL"
            raise
        return {"id": part(answer, "customer")["id"], "origin": "created"}

    def _find_payer(self, body: Document) -> Document | None:
        wanted = body["reference_id"]
        query = {"query": {"filter": {"reference_id": {"exact": wanted}}}, "limit": 100}
        for page in self._api.searched("customers", "v2", "customers", "search", body=query):
            same = [row for row in page if row.get("reference_id") == wanted and row.get("id")]
            if same:
                return {"id": min(str(row["id"]) for row in same), "origin": "found"}
        return None
