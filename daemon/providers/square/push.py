"""An invoice on its way to Square: order, compare, draft on the order, compare, publish (which sends).

Each step is durable and has a look of its own. Keys are sent, and what they are worth is not published, so
that no step leans on them alone: an order is on one invoice at most, and a number is used once.
"""

from __future__ import annotations

import base64
import hashlib
import re
from contextlib import suppress
from datetime import date, timedelta
from typing import TypeVar

from daemon.errors import Missing, OutcomeUnknown, Rejected, StepStuck
from daemon.model import Document, InvoiceDraft, Journal
from daemon.money import Money
from daemon.providers.square.api import Api, part, rows_of
from daemon.providers.square.drafts import differences, invoice_body, order_body
from daemon.providers.square.pull import search_body
from daemon.providers.square.read import recipient, requests_of, scrubbed, total_of, whole
from daemon.providers.square.setup import SquareSettings
from daemon.providers.square.words import OVER, PARTY

_TAKEN = re.compile(r"already|taken|in use|duplicate|unique|exists", re.IGNORECASE)
_ON_ANOTHER = re.compile(r"another invoice|already|associated|in use", re.IGNORECASE)
A = TypeVar("A", Document, Document | None)


class Pusher:
    def __init__(self, api: Api, settings: SquareSettings) -> None:
        self._api, self._settings = api, settings

    # --- the invoice ----------------------------------------------------------------------------------

    def invoice(self, draft: InvoiceDraft, customer: str, journal: Journal) -> Document:
        """The live and sent invoice, as remembered by the last step.

        An order that Square reckons otherwise is withdrawn and stops the invoice; once a person says so,
        the next attempt makes another, with steps of its own.
        """
        attempt = 1
        while (made := self._draft(draft, customer, journal, attempt)) is None:
            attempt += 1
        body = {"invoice": made["id"], "version": made["version"], "total": _doc(draft.total)}
        return journal.once(_step("publish", attempt), body, self._publish, self._is_live, lag_s=0)

    def _draft(self, draft: InvoiceDraft, customer: str, journal: Journal, attempt: int) -> Document | None:
        """The draft invoice on an order that Square reckons as we do; None after one that was withdrawn
        and given up."""
        now: list[Document] = []
        order = {"order": order_body(draft, customer, self._settings), "total": _doc(draft.total)}
        made = journal.once(
            _step("order", attempt),
            order,
            lambda body, key: _noted(now, self._create_order(body, key)),
            lambda body: _noted(now, self._find_order(body)),
        )
        if made["differences"]:
            self._withdraw(journal, attempt, made, None, now)
            return None
        invoice = invoice_body(draft, customer, made["id"], self._settings)
        body = {"invoice": invoice, "total": _doc(draft.total), "reference": draft.reference}
        found = journal.once(
            _step("invoice", attempt),
            body,
            lambda body, key: _noted(now, self._create(body, key)),
            lambda body: _noted(now, self._find(body)),
        )
        if found["differences"]:
            self._withdraw(journal, attempt, found, found["id"], now)
            return None
        return found

    def _withdraw(
        self, journal: Journal, attempt: int, made: Document, invoice: str | None, now: list[Document]
    ) -> None:
        why = "; ".join(made["differences"])
        body = {"invoice": invoice, "order": None if invoice else made["id"], "version": made["version"]}
        journal.once(_step("withdraw", attempt), body, self._take_back, self._is_gone, lag_s=0)
        journal.once(_step("stop", attempt), {"why": why}, self._stop, self._go_on, lag_s=0)
        if now:  # after a restore every step looks first, and `stop` has nothing to look at
            raise StepStuck("WB-PUSH-TOTAL", why)

    def _stop(self, body: Document, key: str) -> Document:
        raise StepStuck("WB-PUSH-TOTAL", body["why"])

    def _go_on(self, body: Document) -> Document | None:
        """Asked only after a person had the invoice tried again."""
        return {"again": True}

    # --- the order ------------------------------------------------------------------------------------

    def _create_order(self, body: Document, key: str) -> Document:
        answer = self._api.post("v2", "orders", body={"order": body["order"], "idempotency_key": key})
        return _reckoned(body, part(answer, "order"))

    def _find_order(self, body: Document) -> Document | None:
        """Among the customer's orders the one with our reference: orders are not searched by it. One that
        is cancelled was withdrawn, or its draft was deleted."""
        sent = body["order"]
        query = {
            "location_ids": [sent["location_id"]],
            "query": {
                "filter": {"customer_filter": {"customer_ids": [sent["customer_id"]]}},
                "sort": {"sort_field": "CREATED_AT", "sort_order": "ASC"},
            },
            "limit": 500,
        }
        for page in self._api.searched("orders", "v2", "orders", "search", body=query):
            for row in page:
                if row.get("reference_id") == sent["reference_id"] and row.get("state") != "CANCELED":
                    _insist_on(row.get("customer_id") == sent["customer_id"], "an order of another customer")
                    found = _reckoned(body, row)
                    if found["differences"]:
                        self._insist_on_no_invoice(sent, row)
                    return found
        return None

    def _insist_on_no_invoice(self, sent: Document, order: Document) -> None:
        """What Square reckons otherwise is withdrawn: never an order that an invoice is on, which somebody
        may have changed since."""
        query = search_body(sent["location_id"], sent["customer_id"])
        for page in self._api.searched("invoices", "v2", "invoices", "search", body=query):
            for row in page:
                on_it = row.get("order_id") == order["id"] and row.get("status") not in OVER
                _insist_on(not on_it, "an invoice with another total")

    def _take_back(self, body: Document, key: str) -> Document:
        """A draft's deletion cancels its order too. An order that Square does not let go has no invoice
        and asks nobody for money."""
        if body["invoice"]:
            with suppress(Missing):
                self._api.delete("v2", "invoices", body["invoice"])
            return {"gone": True}
        place = {"location_id": self._settings.location_id, "version": body["version"], "state": "CANCELED"}
        with suppress(Rejected):
            self._api.put("v2", "orders", body["order"], body={"order": place, "idempotency_key": key})
        return {"gone": True}

    def _is_gone(self, body: Document) -> Document | None:
        try:
            if body["invoice"]:
                self._api.get("v2", "invoices", body["invoice"])
                return None
            doc = part(self._api.get("v2", "orders", body["order"]), "order")
        except Missing:
            return {"gone": True}
        return {"gone": True} if doc.get("state") == "CANCELED" else None

    # --- the draft ------------------------------------------------------------------------------------

    def _create(self, body: Document, key: str) -> Document:
        try:
            return _made(body, self._post_draft(body["invoice"], key))
        except Rejected as error:
            number = "invoice_number" in (error.param or "") or "invoice number" in error.message.lower()
            if number and (_TAKEN.search(error.message) or error.provider_code == "CONFLICT"):
                return self._own_or_taken(body, error)
            if "order_id" in (error.param or "") and _ON_ANOTHER.search(error.message):
                return self._own_or_unseen(body, error)
            raise

    def _post_draft(self, invoice: Document, key: str) -> Document:
        """Where the due day has ended at the location, the invoice is due as soon as Square allows."""
        try:
            answer = self._api.post("v2", "invoices", body={"invoice": invoice, "idempotency_key": key})
        except Rejected as error:
            if "due_date" not in (error.param or ""):
                raise
            request = {**invoice["payment_requests"][0], "due_date": self._next_day(invoice)}
            late = {**invoice, "payment_requests": [request]}
            answer = self._api.post(
                "v2", "invoices", body={"invoice": late, "idempotency_key": _key_of(key, "late")}
            )
        return part(answer, "invoice")

    def _next_day(self, invoice: Document) -> str:
        """Tomorrow as Square's clock tells, which is no past day in any zone."""
        told = self._api.told_at
        asked = date.fromisoformat(invoice["payment_requests"][0]["due_date"])
        last = max(told.date(), asked) if told else asked
        return (last + timedelta(days=1)).isoformat()

    def _own_or_taken(self, body: Document, error: Rejected) -> Document:
        """A refusal, not a stop: where an earlier send is in doubt, the journal looks again once a search
        must show it."""
        found = self._find(body)
        if found is None:
            number = body["invoice"]["invoice_number"]
            error.code = "WB-PUSH-NUMBER-TAKEN"
            error.message = f"the number {number} is used by another invoice at Square: {error.message}"
            raise error
        return found

    def _own_or_unseen(self, body: Document, error: Rejected) -> Document:
        """Nobody else knows the order: the invoice that it is on is ours, and the search is late."""
        found = self._find(body)
        if found is None:
            late = f"the draft stands at Square, which does not show it yet: {error.message}"
            raise OutcomeUnknown(late, party=PARTY, status_code=error.status_code) from error
        return found

    def _find(self, body: Document) -> Document | None:
        """Among the customer's invoices the one on our order; or the one with our number, where its order
        bears our reference (an order that was made twice)."""
        sent = body["invoice"]
        query = search_body(sent["location_id"], sent["primary_recipient"]["customer_id"])
        rows = [
            row
            for page in self._api.searched("invoices", "v2", "invoices", "search", body=query)
            for row in page
        ]
        same = [row for row in rows if row.get("order_id") == sent["order_id"]]
        if not same:
            numbered = [row for row in rows if row.get("invoice_number") == sent["invoice_number"]]
            same = [row for row in numbered if self._bears(row, body["reference"])]
        if not same:
            return None
        doc = same[0]
        _insist_on(doc.get("status") not in OVER, "an invoice that was cancelled before it was sent")
        payer = sent["primary_recipient"]["customer_id"]
        _insist_on(recipient(doc) == payer, "an invoice of another customer")
        if doc.get("status") != "DRAFT":
            _insist_on(_doc(total_of(doc)) == body["total"], "an invoice with another total")
        return _made(body, doc)

    def _bears(self, invoice: Document, reference: str) -> bool:
        body = {"location_id": self._settings.location_id, "order_ids": [invoice.get("order_id")]}
        rows = rows_of(self._api.search("v2", "orders", "batch-retrieve", body=body), "orders")
        return any(row.get("reference_id") == reference for row in rows)

    # --- live -----------------------------------------------------------------------------------------

    def _publish(self, body: Document, key: str) -> Document:
        """With the version as it was made; where that is refused, with the one that it has by now."""
        try:
            return remembered(self._post_publish(body["invoice"], body["version"], key))
        except Rejected as error:
            doc = self._invoice(body["invoice"])
            if doc.get("status") != "DRAFT":
                return self._live(body, doc)
            if "due_date" in (error.param or ""):
                doc = self._due_later(doc, _key_of(key, "due"))
            elif whole(doc, "version") == body["version"]:
                if "email" in (error.param or "") or error.provider_code == "CUSTOMER_MISSING_EMAIL":
                    error.code = "WB-CUSTOMER-EMAIL"
                raise
            _insist_on(_doc(total_of(doc)) == body["total"], "a draft with another total")
        return remembered(self._post_publish(doc["id"], whole(doc, "version"), _key_of(key, "again")))

    def _post_publish(self, ref: str, version: int, key: str) -> Document:
        body = {"version": version, "idempotency_key": key}
        return part(self._api.post("v2", "invoices", ref, "publish", body=body), "invoice")

    def _due_later(self, doc: Document, key: str) -> Document:
        """A draft whose due day ended before it could go live."""
        request = {"uid": requests_of(doc)[0].get("uid"), "due_date": self._next_day(doc)}
        changed = {"version": whole(doc, "version"), "payment_requests": [request]}
        body = {"invoice": changed, "idempotency_key": key}
        return part(self._api.put("v2", "invoices", doc["id"], body=body), "invoice")

    def _is_live(self, body: Document) -> Document | None:
        doc = self._invoice(body["invoice"])
        return None if doc.get("status") == "DRAFT" else self._live(body, doc)

    def _live(self, body: Document, doc: Document) -> Document:
        _insist_on(doc.get("status") not in OVER, "an invoice that was cancelled before it was sent")
        return remembered(doc)

    def _invoice(self, ref: str) -> Document:
        try:
            return part(self._api.get("v2", "invoices", ref), "invoice")
        except Missing as error:
            raise StepStuck(
                "WB-PUSH-MISMATCH", "the draft was deleted at Square before it was sent"
            ) from error


def remembered(doc: Document) -> Document:
    """What the journal keeps of a live invoice: enough to observe it."""
    kept = scrubbed(doc)
    return {**kept, "public_url": doc["public_url"]} if doc.get("public_url") else kept


def _reckoned(body: Document, order: Document) -> Document:
    total = Money(body["total"]["amount"], body["total"]["currency"])
    return {
        "id": order["id"],
        "version": order.get("version"),
        "differences": differences(body["order"], total, order)[:20],
    }


def _made(body: Document, doc: Document) -> Document:
    """A draft's own total is compared too: it is what the subscriber is asked for."""
    theirs, ours = total_of(doc), Money(body["total"]["amount"], body["total"]["currency"])
    why = [] if theirs == ours else [f"the total is {ours} here and {theirs} on Square's draft"]

    return {
        "id": doc["id"],
        "version": whole(doc, "version"),
        "differences": why,
    }


def _insist_on(fits: bool, what: str) -> None:
    if not fits:
        raise StepStuck("WB-PUSH-MISMATCH", f"our reference is at Square on {what}")


def _doc(total: Money) -> Document:
    return {"amount": total.minor, "currency": total.currency}


def _noted(fresh: list[Document], answer: A) -> A:
    """The answer, noted as one of this run's own."""
    if answer is not None:
        fresh.append(answer)
    return answer


def _step(name: str, attempt: int) -> str:
    return name if attempt == 1 else f"{name}-{attempt}"


def _key_of(key: str, what: str) -> str:
    """A key of its own for the second form of a request, computed from the first's."""
    digest = hashlib.sha256(f"{key}|{what}".encode()).digest()
    return base64.b32encode(digest).decode()[:32]
