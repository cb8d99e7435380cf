"""Withdrawing an invoice, where the customer's system has an address for it: asked, sent once, read back."""

from __future__ import annotations

from datetime import datetime

from daemon.errors import Garbled, Missing, Rejected
from daemon.model import DocStatus, Document, Journal, Observation
from daemon.providers.custom_webhook import mapping
from daemon.providers.custom_webhook.answers import PARTY, refuse_page
from daemon.providers.custom_webhook.canonical import VOID
from daemon.providers.custom_webhook.client import Client
from daemon.providers.custom_webhook.push import message_id
from daemon.providers.custom_webhook.setup import Status, Void
from daemon.providers.custom_webhook.status import Reader


class Voider:
    def __init__(self, client: Client, reader: Reader, status: Status, void: Void) -> None:
        self._client, self._reader, self._status, self._void = client, reader, status, void

    def void(self, ref: str, journal: Journal, now: datetime) -> Observation:
        """Raises Rejected where something is paid, or the other side refuses. Some withdraw by deleting."""
        event = {"type": VOID, "timestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ"), "data": {"invoice": ref}}
        body = {"ref": ref, "text": mapping.dumps(event)}
        journal.once("void", body, self._send, self._is_void, lag_s=0)
        seen = self._read_or_gone(ref)
        if seen.status is not DocStatus.VOID:
            raise Garbled(f"{PARTY} took the withdrawal, and the invoice is not void", party=PARTY)
        return seen

    def _send(self, body: Document, key: str) -> Document:
        seen = self._read(body["ref"])
        if seen.status is DocStatus.VOID:
            return {}
        if seen.status is DocStatus.UNKNOWN:
            raise Garbled(f"{PARTY} does not say what state the invoice is in", party=PARTY)
        if seen.paid_total is not None and seen.paid_total.minor:
            raise Rejected(f"{seen.paid_total} is paid on it there", party=PARTY)
        message = message_id(body["ref"], "void")
        values = {self._status.ref_is: body["ref"]}
        refuse_page(self._client.post_to(self._void.url_template, values, body["text"].encode(), message))
        return {}

    def _is_void(self, body: Document) -> Document | None:
        return {} if self._read_or_gone(body["ref"]).status is DocStatus.VOID else None

    def _read_or_gone(self, ref: str) -> Observation:
        """After the withdrawal was sent: what is gone is void."""
        gone = Observation(ref, DocStatus.VOID, covers=frozenset())
        try:
            seen = self._read(ref)
        except Missing:
            return gone
        return gone if seen.status is DocStatus.MISSING else seen

    def _read(self, ref: str) -> Observation:
        reply = self._client.get(self._status.url_template, {self._status.ref_is: ref})
        if reply.status_code in (404, 410):
            raise Missing(f"{PARTY} does not know the invoice", party=PARTY, status_code=reply.status_code)
        return self._reader.observe(self._client.document(reply), ref)
