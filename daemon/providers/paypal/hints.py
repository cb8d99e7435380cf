"""PayPal's webhooks: signed with a certificate of PayPal's, over the transmission's id and time, the id of
our webhook and the CRC-32 of the raw body. https://developer.paypal.com/api/rest/webhooks/rest/

There is no shared secret: what stands among the delivery's secrets is the webhook's id. No tolerance of
time is prescribed, and a retry may bear the time of the first try, so that repeats are told by the event's
id alone.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from daemon.errors import HintNotReady, HintRejected
from daemon.model import Delivery, Document, Hint, Mode
from daemon.providers.paypal.certificates import Expired, insist_on_origin, public_key
from daemon.providers.paypal.read import moment
from daemon.providers.paypal.words import ECHOES, INVOICE_EVENT, LISTENED

_ALGORITHM = "SHA256WITHRSA"


def read_hints(delivery: Delivery, mode: Mode, own_base: str | None) -> list[Hint]:
    """What a delivery points at; nothing for the echo of our own pushes. A hint without a ref (a dispute, a
    capture) means: read the change feed. Raises HintRejected, or HintNotReady where the certificate has
    not been fetched yet."""
    verify(delivery, mode, own_base)
    event = _event(delivery.body)
    kind = str(event.get("event_type"))
    if kind in ECHOES or not (kind in LISTENED or kind.startswith(INVOICE_EVENT)):
        return []
    ref = _invoice(event) if kind.startswith(INVOICE_EVENT) else None
    return [Hint(event["id"], ref, moment(event.get("create_time")), kind)]


def verify(delivery: Delivery, mode: Mode, own_base: str | None) -> None:
    """Raises HintRejected, or HintNotReady naming the certificate that is wanted."""
    headers = delivery.headers
    signature = _signature(headers)
    url = headers.get("paypal-cert-url", "")
    host = insist_on_origin(url, mode, own_base)
    pem = delivery.certificates.get(url)
    if pem is None:
        raise HintNotReady("PayPal's certificate has not been fetched yet", wants=url)
    try:
        key = public_key(pem, host, delivery.received_at)
    except Expired as error:
        raise HintNotReady(error.message, wants=url) from error
    before = f"{headers.get('paypal-transmission-id', '')}|{headers.get('paypal-transmission-time', '')}"
    after = str(zlib.crc32(delivery.body))
    signed = [f"{before}|{webhook_id}|{after}".encode() for webhook_id in delivery.secrets]
    if not any(_fits(key, signature, message) for message in signed):
        raise HintRejected


def _signature(headers: Mapping[str, str]) -> bytes:
    if headers.get("paypal-auth-algo", "").upper() != _ALGORITHM:
        raise HintRejected("the delivery is not signed as PayPal signs")
    if not headers.get("paypal-transmission-id") or not headers.get("paypal-transmission-time"):
        raise HintRejected("the delivery names no transmission")
    try:
        return base64.b64decode(headers.get("paypal-transmission-sig", ""), validate=True)
    except (binascii.Error, ValueError) as error:
        raise HintRejected from error


def _fits(key: RSAPublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def _event(body: bytes) -> Document:
    try:
        event = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HintRejected("the delivery is not JSON") from error
    if not isinstance(event, dict) or not isinstance(event.get("id"), str) or not event["id"]:
        raise HintRejected("the delivery is not an event")
    return event


def _invoice(event: Document) -> str | None:
    """Nested as a rule, flat in one page of the documentation."""
    resource = event.get("resource")
    if not isinstance(resource, dict):
        return None
    inner = resource.get("invoice")
    found = inner.get("id") if isinstance(inner, dict) else resource.get("id")
    return found if isinstance(found, str) and found else None
