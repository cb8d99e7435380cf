"""QuickBooks' webhooks: `intuit-signature` is base64 of HMAC-SHA256 over the raw body, keyed by the app's
verifier token as it is written. Two forms: CloudEvents (an array that may mix companies), and the older one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator

from daemon.errors import HintRejected
from daemon.model import Delivery, Document, Hint
from daemon.providers.quickbooks.read import moment
from daemon.providers.quickbooks.words import ECHOES, EVENTS


def read_hints(delivery: Delivery) -> list[Hint]:
    """What a delivery points at, each with its company; nothing for what moves no money or is the echo of
    our own push. A hint without a ref (a payment, a credit memo) means: read the change feed. Raises
    HintRejected."""
    verify(delivery.body, delivery.headers.get("intuit-signature", ""), delivery.secrets)
    try:
        document = json.loads(delivery.body)
    except (ValueError, RecursionError) as error:
        raise HintRejected("the delivery is not JSON") from error
    found = _cloud_events(document) if isinstance(document, list) else _classic(document)
    return list({hint.event_id: hint for hint in found}.values())


def verify(body: bytes, signature: str, secrets: Iterable[str]) -> None:
    """Raises HintRejected unless the signature fits one of the secrets; no early end tells which."""
    given = signature.strip().encode()
    fits = False
    for secret in secrets:
        digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
        fits |= hmac.compare_digest(base64.b64encode(digest), given)
    if not fits:
        raise HintRejected


def _cloud_events(events: list[object]) -> Iterator[Hint]:
    """One that cannot be used keeps no other from being told: what is refused comes again, and holds up
    the stream."""
    usable = [event for event in events if isinstance(event, dict) and isinstance(event.get("id"), str)]
    if events and not usable:
        raise HintRejected("the delivery is not a list of events")
    for event in usable:
        words = str(event.get("type")).split(".")
        entity, operation = (words[1], words[2]) if len(words) >= 3 else ("", "")
        realm = event.get("intuitaccountid")
        hint = _hint(event["id"], realm, entity, operation, event.get("intuitentityid"), event.get("time"))
        if hint is not None:
            yield hint


def _classic(document: object) -> Iterator[Hint]:
    notices = document.get("eventNotifications") if isinstance(document, dict) else None
    if not isinstance(notices, list):
        raise HintRejected("the delivery is not a notification")
    for notice in notices:
        realm = notice.get("realmId") if isinstance(notice, dict) else None
        for entity in _entities(notice):
            words = [str(entity.get(name)) for name in ("name", "id", "operation", "lastUpdated")]
            hint = _hint(
                ":".join([str(realm), *words]),
                realm,
                words[0].lower(),
                words[2].lower(),
                entity.get("id"),
                entity.get("lastUpdated"),
            )
            if hint is not None:
                yield hint


def _entities(notice: object) -> list[Document]:
    change = notice.get("dataChangeEvent") if isinstance(notice, dict) else None
    rows = change.get("entities") if isinstance(change, dict) else None
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _hint(event_id: str, realm: object, entity: str, operation: str, ref: object, at: object) -> Hint | None:
    if entity not in EVENTS or not isinstance(realm, str):
        return None
    if entity == "invoice" and operation in ECHOES:
        return None
    about = ref if entity == "invoice" and isinstance(ref, str) else None
    return Hint(event_id, about, moment(at), f"{entity}.{operation}", account=realm)
