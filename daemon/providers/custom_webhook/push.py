"""An invoice on its way to a customer's system: mapped, checked, sent once, and read back."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import datetime

from daemon.errors import NotYet, OutcomeUnknown, Rejected, StepStuck
from daemon.model import DocStatus, Document, InvoiceDraft, Journal, Observation, PayerCreated, Pushed
from daemon.money import Money
from daemon.providers.base import sent_already
from daemon.providers.custom_webhook import mapping, markup, schemas
from daemon.providers.custom_webhook.answers import CREATE_BYTES, PARTY, found, garbled, refuse_page, word
from daemon.providers.custom_webhook.canonical import canonical
from daemon.providers.custom_webhook.client import Client
from daemon.providers.custom_webhook.setup import CAPABILITIES, CustomSettings, Status
from daemon.providers.custom_webhook.status import Reader

NOT_SHOWN_YET_S = 60.0
MAX_ID = 200


def message_id(reference: str, operation: str) -> str:
    """The webhook-id of an event: `msg_` and 26 characters, computed, so that each try bears the same, also
    after a restore. https://github.com/standard-webhooks/standard-webhooks"""
    digest = hashlib.sha256(f"wb1|{operation}|{reference}".encode()).digest()
    return "msg_" + base64.b32encode(digest).decode().lower()[:26]


def body_of(draft: InvoiceDraft, settings: CustomSettings, now: datetime) -> Document:
    """The frozen step: the text that is sent, and what the answer is held against. Raises Rejected."""
    _accept(draft, settings)
    return {
        "text": _written(draft, settings, now),
        "type": settings.content_type,
        "mapping_version": settings.mapping_version,
        "reference": draft.reference,
        "number": draft.number,
        "currency": draft.currency,
        "total": draft.total.minor,
    }


def _accept(draft: InvoiceDraft, settings: CustomSettings) -> None:
    if settings.currencies and draft.currency not in settings.currencies:
        raise refused("WB-PUSH-CURRENCY", f"{draft.currency} is not among the currencies of this system")
    if not 0 < len(draft.lines) <= CAPABILITIES.max_lines:
        raise refused("WB-INPUT", f"an invoice has 1 to {CAPABILITIES.max_lines} lines")
    if not 0 < len(draft.number) <= CAPABILITIES.max_number_length:
        raise refused("WB-INPUT", f"a number has up to {CAPABILITIES.max_number_length} characters")
    if Money.total((line.gross for line in draft.lines), draft.currency) != draft.total:
        raise refused("WB-PUSH-TOTAL", f"the lines do not add up to {draft.total}")


def _written(draft: InvoiceDraft, settings: CustomSettings, now: datetime) -> str:
    invoice = canonical(draft, now)
    try:
        if settings.content_type == "application/xml":
            text = markup.write(settings.tree, invoice)
        else:
            text = mapping.dumps(mapping.render(settings.tree, invoice))
    except mapping.Misplaced as error:
        raise refused("WB-INPUT", f"the mapping, {error}") from None
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise refused("WB-INPUT", "the invoice holds text that is not Unicode") from None
    if size > mapping.MAX_OUTPUT:
        raise refused("WB-INPUT-TOO-LARGE", f"the invoice would have more than {mapping.MAX_OUTPUT} bytes")
    if settings.json_schema is not None:
        # What is checked is what is sent, read as its receiver reads it.
        problem = schemas.problem(settings.json_schema, json.loads(text))
        if problem is not None:
            raise refused("WB-INPUT", f"the customer's schema refuses it at {problem}")
    return text


def refused(code: str, message: str) -> Rejected:
    """A refusal of ours, before anything is sent, under a code of the catalogue."""
    error = Rejected(message, party=PARTY)
    error.code = code
    return error


class Pusher:
    def __init__(self, client: Client, settings: CustomSettings) -> None:
        self._client, self._settings = client, settings
        self._status = settings.status

    def push(self, draft: InvoiceDraft, body: Document, journal: Journal) -> Pushed:
        made = journal.once("create", body, self._create, self._find)
        payer = draft.payer.external_id or draft.payer.reference
        origin = "preset" if draft.payer.external_id else "found"
        return Pushed(made["id"], PayerCreated(payer, origin), self._seen(made["id"], draft))

    def _create(self, body: Document, key: str) -> Document:
        """The id under which the invoice is read. `key` is not sent: what the receiver knows a repeat by is
        the same for every try."""
        message = message_id(body["reference"], "create")
        reply = self._client.post(body["text"].encode(), message, body["type"], body["reference"])
        if reply.status_code == 409:
            return self._own_or_taken(body)
        answer = self._settings.create.response
        document = None
        if answer.external_id or answer.success:
            document = self._client.document(reply, at_most=CREATE_BYTES)
        else:
            refuse_page(reply)
        if answer.success and found(document, answer.success) is not True:
            self._refuse(document)
        return {"id": self._ref(body, document)}

    def _refuse(self, document: object) -> None:
        if document is None:
            raise garbled("the answer to a new invoice is empty")
        raise Rejected(f"{PARTY} answered the invoice with something that is no success", party=PARTY)

    def _ref(self, body: Document, document: object) -> str:
        kind = self._status.ref_is if self._status else "external_id"
        if kind != "external_id":
            return str(body[kind])
        path = self._settings.create.response.external_id
        if path is None:
            return str(body["reference"])
        told = word(document, path) if document is not None else None
        if told is not None:
            return _an_id(told)
        with sent_already(PARTY):
            seen = self._find(body)
        if seen is None:
            raise OutcomeUnknown(f"{PARTY} accepted the invoice without telling its id", party=PARTY)
        return str(seen["id"])

    def _own_or_taken(self, body: Document) -> Document:
        seen = self._find(body)
        if seen is None:
            raise StepStuck(
                "WB-PUSH-NUMBER-TAKEN", f"{body['number']} exists there already (409), without our reference"
            )
        return seen

    def _find(self, body: Document) -> Document | None:
        """By our reference, where there is an address for that. What is found must be this invoice."""
        status = self._status
        if status is None or status.lookup is None:
            return None
        values = {"reference": body["reference"], "number": body["number"]}
        reply = self._client.get(status.lookup, values)
        if reply.status_code in (404, 410):
            return None
        document = self._client.document(reply)
        if document is None:
            raise garbled("the look-up is empty")
        ref = Reader(self._settings, status).name(document)
        if ref is None and status.ref_is == "external_id":
            raise garbled("the look-up does not tell the id of the invoice", reply)
        ref = str(body[status.ref_is]) if ref is None else ref
        seen = Reader(self._settings, status).observe(document, ref)
        self._insist_on_ours(body, seen, status)
        return {"id": _an_id(ref)}

    def _insist_on_ours(self, body: Document, seen: Observation, status: Status) -> None:
        by_number = "{number}" in (status.lookup or "")
        if seen.our_reference not in (None, body["reference"]):
            code = "WB-PUSH-NUMBER-TAKEN" if by_number else "WB-PUSH-MISMATCH"
            raise StepStuck(code, f"the invoice {body['number']} that is there has another reference")
        if seen.our_reference is None and by_number:
            raise StepStuck("WB-PUSH-NUMBER-TAKEN", f"{body['number']} is there, and nothing says it is ours")
        if seen.total is not None and seen.total != Money(body["total"], body["currency"]):
            raise StepStuck("WB-PUSH-MISMATCH", f"our reference is there on an invoice over {seen.total}")
        if seen.status in (DocStatus.VOID, DocStatus.MISSING):
            raise StepStuck("WB-PUSH-MISMATCH", "the invoice was withdrawn there before we read it")

    def _seen(self, ref: str, draft: InvoiceDraft) -> Observation:
        """Read back, and held against what was sent. Raises NotYet where it is not shown yet, StepStuck
        (WB-PUSH-TOTAL) where the other side reckoned otherwise."""
        status = self._status
        if status is None:
            return Observation(ref, DocStatus.OPEN, covers=frozenset(), number=draft.number)
        reply = self._client.get(status.url_template, {status.ref_is: ref})
        if reply.status_code in (404, 410):
            raise NotYet(NOT_SHOWN_YET_S, "the invoice was accepted, and its status is not shown yet")
        seen = Reader(self._settings, status).observe(self._client.document(reply), ref)
        if seen.total is not None and seen.total != draft.total:
            raise StepStuck("WB-PUSH-TOTAL", f"the total is {draft.total} here and {seen.total} there")
        if seen.our_reference not in (None, draft.reference):
            raise StepStuck("WB-PUSH-MISMATCH", "the invoice that was made there has another reference")
        return seen


def _an_id(text: str) -> str:
    """An id as it is told: printable, short, and no path of its own."""
    if len(text) > MAX_ID or not text.isprintable() or set(text) <= {"."}:
        raise garbled("the id of an invoice is none")
    return text


def preview(draft: InvoiceDraft, settings: CustomSettings, url: str, now: datetime) -> Document:
    """Exactly what would be sent, but for the signature."""
    body = body_of(draft, settings, now)
    return {
        "method": settings.create.method,
        "url": url,
        "content_type": body["type"],
        "webhook_id": message_id(draft.reference, "create"),
        "mapping_version": body["mapping_version"],
        "bytes": len(body["text"].encode()),
        "body": body["text"],
    }
