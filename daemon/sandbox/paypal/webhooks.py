"""Webhooks: registered per app, told of what happened, signed as PayPal signs.

The signature is over transmission id, time, the webhook's id and the CRC-32 of the body. A retry bears the
id and the time of the first try.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable
from urllib.parse import urlsplit

from daemon.sandbox.outbox import Outbox, Posting, Write
from daemon.sandbox.paypal.certificate import Signer
from daemon.sandbox.paypal.errors import PayPalError
from daemon.sandbox.paypal.ledger import Doc, Hook, Ledger, stamp

EVENT_TYPES = (
    "CUSTOMER.DISPUTE.CREATED",
    "CUSTOMER.DISPUTE.RESOLVED",
    "CUSTOMER.DISPUTE.UPDATED",
    "INVOICING.INVOICE.CANCELLED",
    "INVOICING.INVOICE.CREATED",
    "INVOICING.INVOICE.PAID",
    "INVOICING.INVOICE.REFUNDED",
    "INVOICING.INVOICE.SCHEDULED",
    "INVOICING.INVOICE.UPDATED",
    "PAYMENT.CAPTURE.REFUNDED",
    "PAYMENT.CAPTURE.REVERSED",
)
MOST = 10
RETRIES_S = (60.0, 300.0, 1800.0, *[11_680.0] * 22)
"""25 over three days; how they are spread is not documented."""
CERTS = "/v1/notifications/certs"


def register(ledger: Ledger, given: Doc) -> Doc:
    url = given["url"]
    if urlsplit(url).scheme != "https" or urlsplit(url).port not in (None, 443):
        raise _refused("VALIDATION_ERROR", "Not a valid webhook URL")
    if any(hook.url == url for hook in ledger.hooks.values()):
        raise _refused("WEBHOOK_URL_ALREADY_EXISTS", "Webhook URL already exists")
    if len(ledger.hooks) >= MOST:
        raise _refused("WEBHOOK_NUMBER_LIMIT_EXCEEDED", "Limit of 10 webhooks reached")
    types = tuple(one["name"] for one in given["event_types"])
    if not set(types) <= {*EVENT_TYPES, "*"}:
        raise _refused("VALIDATION_ERROR", "Invalid event type")
    hook = Hook(ledger.token(17), url, types)
    ledger.hooks[hook.id] = hook
    return shown(ledger, hook)


def shown(ledger: Ledger, hook: Hook) -> Doc:
    here = f"{ledger.public_url}/v1/notifications/webhooks/{hook.id}"
    return {
        "id": hook.id,
        "url": hook.url,
        "event_types": [{"name": name, "description": name.title()} for name in hook.types],
        "links": [{"rel": "self", "href": here, "method": "GET"}],
    }


def remove(ledger: Ledger, hook_id: str) -> None:
    if ledger.hooks.pop(hook_id, None) is None:
        raise PayPalError(404, name="INVALID_RESOURCE_ID")


def post(ledger: Ledger, outbox: Outbox, signer: Callable[[bool], Signer]) -> None:
    """Queue what happened since the last time, for every webhook that listens."""
    happened, ledger.events = ledger.events, []
    for kind, resource_type, resource in happened:
        event = {
            "id": f"WH-{ledger.token(17)}-{ledger.token(17)}",
            "event_version": "1.0",
            "create_time": stamp(ledger.now),
            "resource_type": resource_type,
            "resource_version": "2.0",
            "event_type": kind,
            "summary": kind.replace(".", " ").capitalize(),
            "resource": resource,
            "links": [],
        }
        for hook in ledger.hooks.values():
            if kind in hook.types or "*" in hook.types:
                transmission = ledger.token(26)
                outbox.put(transmission, kind, _writer(ledger, hook, event, transmission, signer))


def _writer(
    ledger: Ledger, hook: Hook, event: Doc, transmission: str, signer: Callable[[bool], Signer]
) -> Write:
    body = json.dumps(event).encode()
    sent_at = stamp(ledger.now)

    def write(forged: bool) -> Posting | None:
        if hook.id not in ledger.hooks:
            return None
        by = signer(forged)
        message = f"{transmission}|{sent_at}|{hook.id}|{zlib.crc32(body)}".encode()
        headers = {
            "Content-Type": "application/json",
            "PAYPAL-TRANSMISSION-ID": transmission,
            "PAYPAL-TRANSMISSION-TIME": sent_at,
            "PAYPAL-TRANSMISSION-SIG": base64.b64encode(by.sign(message)).decode(),
            "PAYPAL-CERT-URL": f"{ledger.public_url}{CERTS}/{signer(False).name}",
            "PAYPAL-AUTH-ALGO": "SHA256withRSA",
            "PAYPAL-AUTH-VERSION": "v2",
        }
        return Posting(hook.url, headers, body, transmission)

    return write


def _refused(name: str, description: str) -> PayPalError:
    return PayPalError(400, name, description, name=name)
