"""Stripe's webhooks: `Stripe-Signature: t=UNIX,v1=HEX[,v1=HEX]`, HMAC-SHA256 over `t.body` with the
endpoint's secret used as it is written. https://docs.stripe.com/webhooks#verify-manually"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterable
from datetime import datetime

from daemon.clock import to_unix
from daemon.errors import HintRejected
from daemon.model import Delivery, Document, Hint
from daemon.providers.stripe.feed import hint, invoice_of
from daemon.providers.stripe.words import LISTENED, is_echo

TOLERANCE_S = 300
_TIME = re.compile(r"\d{1,12}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


def read_hints(delivery: Delivery) -> list[Hint]:
    """What a delivery points at; nothing for our own echo and for what changes no debt. A hint without a
    ref (a charge, a dispute, a thin event) means: read the change feed. Raises HintRejected."""
    verify(
        delivery.body, delivery.headers.get("stripe-signature", ""), delivery.secrets, delivery.received_at
    )
    event = _event(delivery.body)
    kind = str(event.get("type"))
    if event.get("object") == "v2.core.event":
        return [Hint(event["id"], None, kind=kind)]
    if is_echo(event) or not (kind in LISTENED or kind.startswith("invoice.")):
        return []
    return [hint(event, invoice_of(event))]


def verify(body: bytes, header: str, secrets: Iterable[str], received_at: datetime) -> None:
    """Raises HintRejected unless a `v1` signature fits one of the secrets and the time is within five
    minutes of ours, before or after. Other schemes are ignored; no early end tells which fitted."""
    pairs = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    if len(times) != 1 or not _TIME.fullmatch(times[0]):
        raise HintRejected
    if abs(to_unix(received_at) - int(times[0])) > TOLERANCE_S:
        raise HintRejected("the delivery's time is off by more than 5 minutes")
    signed = times[0].encode() + b"." + body
    given = [value for name, _, value in pairs if name == "v1" and _DIGEST.fullmatch(value)]
    fits = False
    for secret in secrets:
        expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        for value in given:
            fits |= hmac.compare_digest(expected, value)
    if not fits:
        raise HintRejected


def _event(body: bytes) -> Document:
    try:
        event = json.loads(body)
    except ValueError as error:
        raise HintRejected("the delivery is not JSON") from error
    if not isinstance(event, dict) or not isinstance(event.get("id"), str):
        raise HintRejected("the delivery is not an event")
    if event.get("object") != "v2.core.event" and not isinstance(event.get("created"), int):
        raise HintRejected("the delivery is not an event")
    return event
