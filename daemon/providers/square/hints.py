"""Square's webhooks: `x-square-hmacsha256-signature` is base64 of HMAC-SHA256 over the registered URL and
the raw body, with the signature key as it is written. Nothing in it is a time: a replay is told by the
event's id. https://developer.squareup.com/docs/webhooks/step3validate"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable
from datetime import datetime

from daemon.errors import Garbled, HintRejected
from daemon.model import Delivery, Document, Hint
from daemon.providers.square.read import moment
from daemon.providers.square.words import INVOICE_EVENTS, LISTENED

_HEADER = "x-square-hmacsha256-signature"


def read_hints(delivery: Delivery) -> list[Hint]:
    """What a delivery points at; nothing for our own echo. A hint without a ref (a payment, a refund, a
    dispute) means: read the change feed. Raises HintRejected."""
    verify(delivery.body, delivery.url, delivery.headers.get(_HEADER, ""), delivery.secrets)
    event = _event(delivery.body)
    kind = str(event.get("type"))
    if kind not in LISTENED:
        return []
    ref = _invoice(event) if kind in INVOICE_EVENTS else None
    account = event.get("merchant_id")
    return [
        Hint(str(event["event_id"]), ref, _time(event), kind, account if isinstance(account, str) else None)
    ]


def verify(body: bytes, url: str, given: str, secrets: Iterable[str]) -> None:
    """Raises HintRejected unless the signature fits one of the secrets; no early end tells which. An empty
    body is never signed."""
    fits = False
    for secret in secrets:
        digest = hmac.new(secret.encode(), url.encode() + body, hashlib.sha256).digest()
        fits |= hmac.compare_digest(base64.b64encode(digest), given.encode())
    if not fits or not body or not given:
        raise HintRejected


def _event(body: bytes) -> Document:
    try:
        event = json.loads(body)
    except ValueError as error:
        raise HintRejected("the delivery is not JSON") from error
    if not isinstance(event, dict) or not isinstance(event.get("event_id"), str) or not event["event_id"]:
        raise HintRejected("the delivery is not an event")
    return event


def _invoice(event: Document) -> str | None:
    data = event.get("data")
    ref = data.get("id") if isinstance(data, dict) else None
    return ref if isinstance(ref, str) and ref else None


def _time(event: Document) -> datetime | None:
    try:
        return moment(event.get("created_at"))
    except Garbled:
        return None
