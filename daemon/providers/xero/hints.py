"""Xero's webhooks: `x-xero-signature` is the base64 of HMAC-SHA256 over the raw body, with the webhook key
as it is written (not decoded). One address serves every organisation of an app.

When an address is set up Xero posts deliveries without events, some of them signed wrongly, and wants 200
and 401 for them: hints are then none, or the delivery is rejected.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable
from datetime import UTC, datetime

from daemon.errors import HintRejected
from daemon.model import Delivery, Document, Hint
from daemon.providers.xero.words import is_guid

MANY = 10
"""From so many events of one organisation on, the change feed is cheaper than reading each."""
_MONEY = frozenset(["CREDITNOTE", "PREPAYMENT", "OVERPAYMENT"])


def read_app_hints(delivery: Delivery) -> list[Hint]:
    """Raises HintRejected. Neither type nor status is told, so that our own pushes show up, too; an invoice
    that was only just created is never news to us."""
    verify(delivery.body, delivery.headers.get("x-xero-signature", ""), delivery.secrets)
    found: dict[str, dict[str, Hint]] = {}
    for event in _events(delivery.body):
        hint = _hint(event)
        if hint is not None:
            found.setdefault(hint.account or "", {})[hint.event_id] = hint
    return [hint for hints in found.values() for hint in _few(list(hints.values()))]


def verify(body: bytes, signature: str, secrets: Iterable[str]) -> None:
    """Raises HintRejected unless one of the secrets fits; no early end tells which."""
    fits = False
    for secret in secrets:
        expected = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest())
        fits |= hmac.compare_digest(expected, signature.strip().encode())
    if not fits:
        raise HintRejected


def _events(body: bytes) -> list[Document]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HintRejected("the delivery is not JSON") from error
    events = document.get("events") if isinstance(document, dict) else None
    if not isinstance(events, list):
        raise HintRejected("the delivery holds no events")
    return [event for event in events if isinstance(event, dict)]


def _hint(event: Document) -> Hint | None:
    """The address in an event is never used: only ids are, once they look like ids."""
    tenant, ref = str(event.get("tenantId")).lower(), str(event.get("resourceId")).lower()
    category, kind = str(event.get("eventCategory")), str(event.get("eventType"))
    if not is_guid(tenant) or not is_guid(ref) or (category, kind) == ("INVOICE", "CREATE"):
        return None
    if category != "INVOICE" and category not in _MONEY:
        return None
    text = str(event.get("eventDateUtc"))
    event_id = hashlib.sha256("|".join((tenant, ref, category, kind, text)).encode()).hexdigest()[:40]
    return Hint(event_id, ref if category == "INVOICE" else None, _time(text), category.lower(), tenant)


def _time(text: str) -> datetime | None:
    """UTC without a zone mark."""
    try:
        return datetime.fromisoformat(text[:23]).replace(tzinfo=UTC)
    except ValueError:
        return None


def _few(hints: list[Hint]) -> list[Hint]:
    """Of many, one that means: whatever changed."""
    if len(hints) <= MANY:
        return hints
    first = hints[0]
    return [Hint(f"{first.event_id}:all", None, first.at, "many", first.account)]
