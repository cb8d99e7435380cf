"""Webhooks of an app: signed, in the old form or as CloudEvents, and sent again for hours."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import datetime
from typing import Any

from daemon.sandbox.quickbooks.answers import stamp

RETRY_AFTER_S = (10.0, 20.0, 30.0, 300.0, 1200.0, 7200.0, 14400.0, 21600.0)
TOLD = {"Invoice", "Payment", "CreditMemo", "Customer"}
_WORDS = {"Create": "created", "Update": "updated", "Delete": "deleted", "Void": "void", "Emailed": "emailed"}


def sign(verifier: str, body: bytes) -> str:
    return base64.b64encode(hmac.new(verifier.encode(), body, hashlib.sha256).digest()).decode()


def cloud_events(realm: str, changes: list[tuple[str, str, str]], at: datetime, ids: list[str]) -> bytes:
    events = [
        {
            "specversion": "1.0",
            "id": event_id,
            "source": "intuit.sandbox",
            "type": f"qbo.{entity.lower()}.{_WORDS.get(operation, operation.lower())}.v1",
            "datacontenttype": "application/json",
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "intuitentityid": ref,
            "intuitaccountid": realm,
            "data": {},
        }
        for (entity, ref, operation), event_id in zip(changes, ids, strict=True)
    ]
    return json.dumps(events).encode()


def classic(realm: str, changes: list[tuple[str, str, str]], at: datetime) -> bytes:
    entities: list[dict[str, Any]] = [
        {"name": entity, "id": ref, "operation": operation, "lastUpdated": stamp(at, "milliseconds")}
        for entity, ref, operation in changes
    ]
    body = {"eventNotifications": [{"realmId": realm, "dataChangeEvent": {"entities": entities}}]}
    return json.dumps(body).encode()
