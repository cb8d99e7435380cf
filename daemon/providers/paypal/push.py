"""An invoice on its way to PayPal: draft, compare, send.

No key is kept there: each step has a look of its own. What guards against a twin is the invoice's number,
which PayPal takes once for each merchant.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import NamedTuple
from zoneinfo import ZoneInfo

from daemon.errors import Garbled, Missing, OutcomeUnknown, Rejected, StepStuck
from daemon.model import Document, InvoiceDraft, Journal
from daemon.providers.paypal.client import Api
from daemon.providers.paypal.disputes import listed
from daemon.providers.paypal.drafts import dated, differences, invoice_body, payer_id
from daemon.providers.paypal.money import PARTY, to_doc
from daemon.providers.paypal.pull import INVOICES, Reader
from daemon.providers.paypal.read import day, moment, page, part, payer_of, remembered, text
from daemon.providers.paypal.searching import candidates
from daemon.providers.paypal.setup import PayPalSettings
from daemon.providers.paypal.words import CANCELLED, UNSENT

_TAKEN = re.compile(r"exist|duplicate|unique|already|in use", re.IGNORECASE)
_MAIL: Document = {"send_to_recipient": True, "send_to_invoicer": False}


class Made(NamedTuple):
    """An invoice at PayPal that is as we want it; `doc` as far as it is known."""

    ref: str
    doc: Document


class Pusher:
    def __init__(self, api: Api, reader: Reader, settings: PayPalSettings) -> None:
        self._api, self._reader, self._settings = api, reader, settings

    def invoice(self, draft: InvoiceDraft, journal: Journal) -> Document:
        """The live and sent invoice.

        A draft that PayPal reckons otherwise is withdrawn and stops the invoice; once a person says so, the
        next attempt makes another draft, with steps of its own.
        """
        attempt = 1
        while (made := self._draft(draft, journal, attempt)) is None:
            attempt += 1
        if made.doc.get("status") not in UNSENT:
            return made.doc
        sent = journal.once(
            _step("send", attempt), {"invoice": made.ref}, self._send, self._was_sent, lag_s=0
        )
        if sent.get("pay_url"):
            return _live(made.doc, sent["pay_url"])
        return sent.get("invoice") or remembered(self._reader.document(made.ref))

    def _draft(self, draft: InvoiceDraft, journal: Journal, attempt: int) -> Made | None:
        """A draft that PayPal reckons as we do; None after one that was withdrawn and given up."""
        body: Document = {
            "invoice": invoice_body(draft, self._settings),
            "payer": payer_id(draft.payer),
            "total": to_doc(draft.total),
        }
        made = journal.once(_step("create", attempt), body, self._create, self._find)
        ref = str(made["id"])
        if "invoice" not in made:  # PayPal told only where it is
            made = self._reckoned(body, self._read(ref))
        if made["differences"]:
            self._withdraw(ref, "; ".join(made["differences"]), journal, attempt)
            return None
        return Made(ref, self._dated(ref, made["invoice"], body["invoice"], journal, attempt))

    def _withdraw(self, ref: str, why: str, journal: Journal, attempt: int) -> None:
        """Delete the draft and stop; returns only once a person had the invoice tried again."""
        now: list[str] = []
        journal.once(
            _step("withdraw", attempt),
            {"invoice": ref},
            lambda step, key: _noted(now, self._delete(step, key)),
            self._is_gone,
            lag_s=0,
        )
        journal.once(_step("stop", attempt), {"why": why}, self._stop, self._go_on, lag_s=0)
        if now:  # after a restore every step looks first, and `stop` has nothing to look at
            raise StepStuck("WB-PUSH-TOTAL", why)

    def _dated(self, ref: str, doc: Document, sent: Document, journal: Journal, attempt: int) -> Document:
        """A date that is still in the future where the account is would only schedule the invoice."""
        made_at = moment(part(part(doc, "detail"), "metadata").get("create_time"))
        issued = day(part(doc, "detail").get("invoice_date"))
        if doc.get("status") != "DRAFT" or made_at is None or issued is None:
            return doc
        today = made_at.astimezone(ZoneInfo(self._settings.time_zone)).date()
        if issued <= today:
            return doc
        body = {"invoice": ref, "body": dated(sent, today)}
        journal.once(_step("date", attempt), body, self._update, self._is_dated, lag_s=0)
        return doc

    # --- create ---------------------------------------------------------------------------------------

    def _create(self, body: Document, key: str) -> Document:
        try:
            doc = self._api.post(*INVOICES, body=body["invoice"], key=key, whole=True)
        except Rejected as error:
            if _number_taken(error):
                return self._own_or_taken(body, error)
            raise
        if isinstance(doc.get("amount"), dict) and isinstance(doc.get("id"), str):
            return self._reckoned(body, doc)
        return {"id": id_in(doc)}

    def _own_or_taken(self, body: Document, error: Rejected) -> Document:
        """The number is there: ours from before, or somebody else's, or not shown by search yet."""
        found = self._find(body)
        if found is None:
            raise OutcomeUnknown(
                f"{PARTY} says that the number is used, and its search does not show by what",
                party=PARTY,
                status_code=error.status_code,
                provider_code=error.provider_code,
                ref=error.ref,
            ) from error
        return found

    def _find(self, body: Document) -> Document | None:
        """The invoice with our reference, by search; each candidate is read, since rows are partial."""
        wanted = body["invoice"]["detail"]
        taken = False
        ours: list[Document] = []
        for ref in candidates(self._api, wanted["invoice_number"], wanted["reference"]):
            with suppress(Missing):
                doc = self._reader.document(ref)
                detail = part(doc, "detail")
                if detail.get("reference") == wanted["reference"]:
                    ours.append(doc)
                elif detail.get("invoice_number") == wanted["invoice_number"]:
                    taken = True
        if ours:
            live = [doc for doc in ours if doc.get("status") not in CANCELLED]
            return self._adopted(body, (live or ours)[0])
        if taken:
            raise StepStuck(
                "WB-PUSH-NUMBER-TAKEN",
                f"the number {wanted['invoice_number']} is used by another invoice at {PARTY}",
            )
        return None

    def _adopted(self, body: Document, doc: Document) -> Document:
        """Only with our reference and payer and total."""
        if doc.get("status") in CANCELLED:
            raise _mismatch(f"the invoice was cancelled at {PARTY} before it was sent")
        if not _same_payer(body, doc):
            raise _mismatch("our reference is on an invoice of another payer")
        if part(doc, "detail").get("invoice_number") != body["invoice"]["detail"]["invoice_number"]:
            raise _mismatch("our reference is on an invoice with another number")
        found = self._reckoned(body, doc)
        if found["differences"] and doc.get("status") != "DRAFT":
            raise _mismatch("our reference is on an invoice with another total")
        return found

    def _reckoned(self, body: Document, doc: Document) -> Document:
        found: list[str] = differences(body["invoice"], body["total"], doc)[:20]
        made: Document = {"id": text(doc, "id"), "invoice": remembered(doc), "differences": found}
        return made

    # --- date, withdraw, stop -------------------------------------------------------------------------

    def _update(self, body: Document, key: str) -> Document:
        silent = {"send_to_recipient": "false", "send_to_invoicer": "false"}
        self._api.put(*INVOICES, body["invoice"], body=body["body"], key=key, **silent)
        return {"date": body["body"]["detail"]["invoice_date"]}

    def _is_dated(self, body: Document) -> Document | None:
        wanted = body["body"]["detail"]["invoice_date"]
        found = day(part(self._read(body["invoice"]), "detail").get("invoice_date"))
        return {"date": wanted} if found is not None and found.isoformat() == wanted else None

    def _delete(self, body: Document, key: str) -> Document:
        with suppress(Missing):
            self._api.delete(*INVOICES, body["invoice"], key=key)
        return {"deleted": True}

    def _is_gone(self, body: Document) -> Document | None:
        try:
            self._reader.document(body["invoice"])
        except Missing:
            return {"deleted": True}
        return None

    def _stop(self, body: Document, key: str) -> Document:
        raise StepStuck("WB-PUSH-TOTAL", body["why"])

    def _go_on(self, body: Document) -> Document | None:
        """Asked only after a person had the invoice tried again."""
        return {"again": True}

    # --- send -----------------------------------------------------------------------------------------

    def _send(self, body: Document, key: str) -> Document:
        """202 without a body: only scheduled. PayPal says both that sending again does nothing, and that it
        is refused."""
        try:
            answer = self._api.post(*INVOICES, body["invoice"], "send", body=_MAIL, key=key)
        except Missing as error:
            raise _deleted() from error
        except Rejected:
            found = self._was_sent(body)
            if found is None:
                raise
            return found
        return {"pay_url": page(answer.get("href"))}

    def _was_sent(self, body: Document) -> Document | None:
        doc = self._read(body["invoice"])
        return None if doc.get("status") == "DRAFT" else {"invoice": remembered(doc)}

    def _read(self, ref: str) -> Document:
        try:
            return self._reader.document(ref)
        except Missing as error:
            raise _deleted() from error


def id_in(doc: Document) -> str:
    """The id in an answer to a create: of the object, or the last part of its link, at the top or among
    `links`. The host of a link is never looked at."""
    for one in (doc, *listed(doc.get("links"))):
        if isinstance(one.get("id"), str) and one["id"]:
            return str(one["id"])
        href = one.get("href")
        if isinstance(href, str) and one.get("rel", "self") == "self":
            ref = href.partition("?")[0].rstrip("/").rpartition("/")[2]
            if re.fullmatch(r"[A-Za-z0-9-]{4,30}", ref):
                return ref
    raise Garbled("PayPal created an invoice without telling which", party=PARTY)


def _live(doc: Document, pay_url: str) -> Document:
    """A draft that was just sent, as it stands now: PayPal answers 200 where it is live."""
    detail = part(doc, "detail")
    metadata = {**part(detail, "metadata"), "recipient_view_url": pay_url}
    return {**doc, "status": "SENT", "detail": {**detail, "metadata": metadata}}


def _same_payer(body: Document, doc: Document) -> bool:
    """By our mark in the memo; where that is not shown, by the address that the invoice goes to."""
    marked = payer_of(part(doc, "detail").get("memo"))
    if marked is not None:
        return bool(marked == body["payer"])
    return _email(doc) == _email(body["invoice"])


def _email(doc: Document) -> str:
    billing = [row.get("billing_info") for row in listed(doc.get("primary_recipients"))[:1]]
    return str(listed(billing)[0].get("email_address", "")).lower() if listed(billing) else ""


def _noted(fresh: list[str], answer: Document) -> Document:
    """The answer, noted as one of this run's own."""
    fresh.append("withdrawn")
    return answer


def _step(name: str, attempt: int) -> str:
    return name if attempt == 1 else f"{name}-{attempt}"


def _number_taken(error: Rejected) -> bool:
    """The issue's name is not documented: any refusal that speaks of the number and of its being there."""
    said = f"{error.provider_code} {error.param} {error.message}".replace("_", " ").lower()
    return "invoice" in said and "number" in said and bool(_TAKEN.search(said))


def _mismatch(why: str) -> StepStuck:
    return StepStuck("WB-PUSH-MISMATCH", why)


def _deleted() -> StepStuck:
    return _mismatch(f"the invoice was deleted at {PARTY} before it was sent")
