"""An invoice on its way to Stripe: payer, draft, lines, compare, finalise, send.

Each step is durable and has a look of its own, so that a half-made invoice is finished and never taken
for a sent one. `send` on a draft would finalise it too; the two are kept apart so that the step that may
be in doubt stays small.
"""

from __future__ import annotations

import base64
import hashlib
import re
from contextlib import suppress
from typing import TypeVar

from daemon.errors import Missing, OutcomeUnknown, Rejected, StepStuck, Throttled, Unreachable
from daemon.model import Document, InvoiceDraft, Journal, PayerCreated, PayerDraft
from daemon.providers.stripe.drafts import differences, invoice_body, lines_body, payer_body
from daemon.providers.stripe.feed import OVERLAP_S, invoice_of
from daemon.providers.stripe.money import PARTY, to_minor
from daemon.providers.stripe.read import id_of, integer, scrubbed
from daemon.providers.stripe.setup import StripeSettings
from daemon.providers.stripe.wire_client import Api
from daemon.providers.stripe.words import CUSTOMER_KEY, INVOICE_KEY, LINE_KEY

SEARCH_LAG_S = 3600.0
"""Searchable within a minute as a rule, up to an hour in outages (https://docs.stripe.com/search)."""
WITH_PAYMENTS = ["payments"]
_TAKEN = re.compile(r"already|taken|in use|duplicate|unique|exists", re.IGNORECASE)
A = TypeVar("A", Document, Document | None)
_LINKS = ("hosted_invoice_url", "invoice_pdf")


class Pusher:
    def __init__(self, api: Api, settings: StripeSettings) -> None:
        self._api, self._settings = api, settings

    # --- the payer ------------------------------------------------------------------------------------

    def payer(self, payer: PayerDraft, journal: Journal) -> PayerCreated:
        """The preset customer, checked; else the one with our reference; else a new one. Never one that
        merely has the same e-mail or name."""
        if payer.external_id:
            return self._preset(payer.external_id)
        done = journal.once(
            "payer",
            payer_body(payer),
            self._create_payer,
            self._find_payer,
            lag_s=0 if payer.email else SEARCH_LAG_S,
            look_first=True,
        )
        return PayerCreated(done["id"], done["origin"])

    def _preset(self, external_id: str) -> PayerCreated:
        try:
            doc = self._api.get("customers", external_id)
        except Missing:
            doc = {"deleted": True}
        if doc.get("deleted"):
            raise StepStuck("WB-PUSH-MISMATCH", f"the customer {external_id} no longer exists at Stripe")
        if not doc.get("email"):
            raise StepStuck(
                "WB-CUSTOMER-EMAIL", f"the customer {external_id} has no e-mail address at Stripe"
            )
        return PayerCreated(external_id, "preset")

    def _create_payer(self, body: Document, key: str) -> Document:
        return {"id": self._api.post("customers", key=key, **body)["id"], "origin": "created"}

    def _find_payer(self, body: Document) -> Document | None:
        """By e-mail in a list, which shows at once; by search only where there is none."""
        reference = body["metadata"][CUSTOMER_KEY]
        if body.get("email"):
            rows = self._api.all("customers", email=body["email"])
        else:
            query = f'metadata["{CUSTOMER_KEY}"]:"{reference}"'
            rows = iter(self._api.get("customers", "search", query=query, limit=100).get("data") or ())
        for row in rows:
            if (row.get("metadata") or {}).get(CUSTOMER_KEY) == reference and not row.get("deleted"):
                return {"id": row["id"], "origin": "found"}
        return None

    # --- the invoice ----------------------------------------------------------------------------------

    def invoice(self, draft: InvoiceDraft, customer: str, journal: Journal) -> Document:
        """The live and sent invoice, as remembered by the last step.

        A draft that Stripe reckons otherwise is withdrawn and stops the invoice; once a person says so, the
        next attempt makes another draft, with steps of its own.
        """
        attempt = 1
        while (ref := self._draft(draft, customer, journal, attempt)) is None:
            attempt += 1
        finalize = _step("finalize", attempt)
        live = journal.once(finalize, {"invoice": ref}, self._finalize, self._is_live, lag_s=0)
        if live.get("status") != "open":
            return live
        sent = {"invoice": ref, "since": integer(live, "created") - 60}
        return journal.once(_step("send", attempt), sent, self._send, self._was_sent, lag_s=OVERLAP_S)

    def _draft(self, draft: InvoiceDraft, customer: str, journal: Journal, attempt: int) -> str | None:
        """The id of a draft that Stripe reckons as we do; None after one that was withdrawn and given up."""
        total = to_minor(draft.total)
        body = {**invoice_body(draft, customer, self._settings), "total": total}
        made = journal.once(_step("create", attempt), body, self._create, self._find, lag_s=0)
        ref = str(made["id"])
        lines = {"invoice": ref, "total": total, "lines": lines_body(draft, self._settings)}
        now: list[Document] = []
        reckoned = journal.once(
            _step("lines", attempt),
            lines,
            lambda body, key: _noted(now, self._add_lines(body, key)),
            lambda body: _noted(now, self._lines_there(body)),
            lag_s=0,
        )
        if not reckoned["differences"]:
            return ref
        why = "; ".join(reckoned["differences"])
        journal.once(_step("withdraw", attempt), {"invoice": ref}, self._delete, self._is_gone, lag_s=0)
        journal.once(_step("stop", attempt), {"why": why}, self._stop, self._go_on, lag_s=0)
        if now:  # after a restore every step looks first, and `stop` has nothing to look at
            raise StepStuck("WB-PUSH-TOTAL", why)
        return None

    def _stop(self, body: Document, key: str) -> Document:
        raise StepStuck("WB-PUSH-TOTAL", body["why"])

    def _go_on(self, body: Document) -> Document | None:
        """Asked only after a person had the invoice tried again."""
        return {"again": True}

    def _create(self, body: Document, key: str) -> Document:
        params = {name: value for name, value in body.items() if name != "total"}
        try:
            return _made(self._post_draft(params, key))
        except Rejected as error:
            if _number_taken(error):
                return self._own_or_taken(body, error)
            raise

    def _post_draft(self, params: Document, key: str) -> Document:
        """Where the due day has ended as Stripe counts, an invoice that is due today is due at once."""
        try:
            return self._api.post("invoices", key=key, **params)
        except Rejected as error:
            if error.param != "due_date":
                raise
        late = {name: value for name, value in params.items() if name != "due_date"}
        try:
            return self._api.post("invoices", key=_key_of(key, "due now"), **late, days_until_due=0)
        except (Throttled, Unreachable) as error:
            # Not "nothing was sent": the refusal is stored under the key, which bears no other body now.
            raise OutcomeUnknown(error.message, party=PARTY, retry_after=error.retry_after) from error

    def _own_or_taken(self, body: Document, error: Rejected) -> Document:
        found = self._find(body)
        if found is None:
            raise _taken(str(body["number"])) from error
        return found

    def _find(self, body: Document) -> Document | None:
        """Among the customer's invoices the one with our reference: lists show at once, search lags. Not
        bounded by time: our clock and the issue date prove nothing about when Stripe created it."""
        reference = body["metadata"][INVOICE_KEY]
        same = [
            doc
            for doc in self._api.all("invoices", customer=body["customer"])
            if (doc.get("metadata") or {}).get(INVOICE_KEY) == reference
        ]
        if not same:
            return None
        doc = max(same, key=lambda one: one.get("status") in ("open", "paid"))
        if doc.get("status") == "void":
            raise StepStuck("WB-PUSH-MISMATCH", "the invoice was voided at Stripe before it was sent")
        if id_of(doc.get("customer")) != body["customer"]:
            raise StepStuck("WB-PUSH-MISMATCH", "our reference is on an invoice of another customer")
        if doc.get("status") != "draft" and integer(doc, "total") != body["total"]:
            raise StepStuck("WB-PUSH-MISMATCH", "our reference is on an invoice with another total")
        return _made(doc)

    def _add_lines(self, body: Document, key: str) -> Document:
        doc = self._api.post("invoices", body["invoice"], "add_lines", key=key, lines=body["lines"])
        return self._reckoned(body, doc, self._lines(doc))

    def _lines_there(self, body: Document) -> Document | None:
        doc = self._invoice(body["invoice"])
        lines = self._lines(doc)
        if any((line.get("metadata") or {}).get(LINE_KEY) for line in lines):
            return self._reckoned(body, doc, lines)
        if doc.get("status") != "draft":
            raise StepStuck("WB-PUSH-MISMATCH", "the invoice is live at Stripe, but without our lines")
        return None

    def _lines(self, doc: Document) -> list[Document]:
        inline = doc.get("lines")
        if isinstance(inline, dict) and not inline.get("has_more"):
            return list(inline.get("data") or ())
        return list(self._api.all("invoices", doc["id"], "lines"))

    def _reckoned(self, body: Document, doc: Document, lines: list[Document]) -> Document:
        return {
            "total": integer(doc, "total"),
            "count": len(lines),
            "differences": differences(body["lines"], body["total"], doc, lines)[:20],
        }

    def _finalize(self, body: Document, key: str) -> Document:
        try:
            return remembered(self._post_finalize(body["invoice"], key))
        except Rejected as error:
            if _number_taken(error):
                raise _taken(error.message) from error
            raise

    def _post_finalize(self, ref: str, key: str) -> Document:
        """A draft whose due day ended before it could go live is due at once, as one made that late is."""
        params = {"auto_advance": False, "expand": WITH_PAYMENTS}
        try:
            return self._api.post("invoices", ref, "finalize", key=key, **params)
        except Rejected as error:
            if error.param != "due_date":
                raise
        self._api.post("invoices", ref, key=_key_of(key, "due now"), days_until_due=0)
        return self._api.post("invoices", ref, "finalize", key=_key_of(key, "late"), **params)

    def _is_live(self, body: Document) -> Document | None:
        doc = self._invoice(body["invoice"])
        return None if doc.get("status") == "draft" else remembered(doc)

    def _send(self, body: Document, key: str) -> Document:
        try:
            doc = self._api.post("invoices", body["invoice"], "send", key=key, expand=WITH_PAYMENTS)
        except Rejected:
            # Paid or voided between the two steps: there is nothing left to send.
            doc = self._invoice(body["invoice"])
            if doc.get("status") in ("open", "draft"):
                raise
        return remembered(doc)

    def _was_sent(self, body: Document) -> Document | None:
        """An invoice does not say that it was sent; the event does (for 30 days)."""
        events = self._api.all("events", type="invoice.sent", created={"gte": body["since"]})
        if any(invoice_of(event) == body["invoice"] for event in events):
            return remembered(self._invoice(body["invoice"]))
        return None

    def _delete(self, body: Document, key: str) -> Document:
        with suppress(Missing):
            self._api.delete("invoices", body["invoice"])
        return {"deleted": True}

    def _is_gone(self, body: Document) -> Document | None:
        try:
            doc = self._api.get("invoices", body["invoice"])
        except Missing:
            return {"deleted": True}
        return {"deleted": True} if doc.get("deleted") else None

    def _invoice(self, ref: str) -> Document:
        try:
            return self._api.get("invoices", ref, expand=WITH_PAYMENTS)
        except Missing as error:
            deleted = "the invoice was deleted at Stripe before it was sent"
            raise StepStuck("WB-PUSH-MISMATCH", deleted) from error


def remembered(doc: Document) -> Document:
    """What the journal keeps of a live invoice: enough to observe it."""
    return {**scrubbed(doc), **{name: doc[name] for name in _LINKS if doc.get(name)}}


def _noted(fresh: list[Document], answer: A) -> A:
    """The answer, noted as one of this run's own."""
    if answer is not None:
        fresh.append(answer)
    return answer


def _made(doc: Document) -> Document:
    return {"id": doc["id"]}


def _step(name: str, attempt: int) -> str:
    return name if attempt == 1 else f"{name}-{attempt}"


def _number_taken(error: Rejected) -> bool:
    return error.param == "number" and bool(_TAKEN.search(error.message))


def _taken(what: str) -> StepStuck:
    return StepStuck("WB-PUSH-NUMBER-TAKEN", f"the number is used by another invoice at Stripe: {what}")


def _key_of(key: str, what: str) -> str:
    """A key of its own for the second form of a request, computed from the first's."""
    digest = hashlib.sha256(f"{key}|{what}".encode()).digest()
    return base64.b32encode(digest).decode()[:32]
