"""The PayPal account behind an app: the connection test, and the webhook."""

from __future__ import annotations

from collections.abc import Sequence

from daemon.errors import Garbled, Missing, Unauthorised
from daemon.model import AccountInfo, Document, Mode, Webhook
from daemon.providers.paypal.client import Api
from daemon.providers.paypal.disputes import PATH as DISPUTES
from daemon.providers.paypal.money import PARTY
from daemon.providers.paypal.pull import INVOICES
from daemon.providers.paypal.read import part
from daemon.providers.paypal.words import LISTENED

_HOOKS = ("v1", "notifications", "webhooks")
_TYPES = ("v1", "notifications", "webhooks-event-types")


def check(api: Api, client_id: str, mode: Mode, *, disputes: bool) -> AccountInfo:
    """Read a little of everything; create nothing. PayPal's documents name no way to learn the merchant's
    id from a token, so that the app's client id stands for the account. Raises Unauthorised where the app
    itself is refused."""
    missing: list[str] = []
    asked = {"page": "1", "page_size": "1", "total_required": "true", "fields": "none"}
    page = _allowed(api, missing, "Invoicing", INVOICES, asked) or {}
    if disputes:
        _allowed(api, missing, "Disputes", DISPUTES, {"page_size": "1"})
    lacks: list[str] = []
    _allowed(api, lacks, "Webhooks", _HOOKS, {})
    notes = ["Writing was not tried: a test creates nothing."]
    if lacks:
        notes.append("The app may not register webhooks: wispbill asks for news by itself.")
    return AccountInfo(
        account_id=client_id,
        name=_name(page) or f"PayPal app {client_id[:8]}…",
        mode=mode,
        missing=tuple(missing),
        notes=tuple(notes),
    )


def register_webhook(api: Api, url: str) -> Webhook:
    """A webhook at `url`; its id is what its signatures are checked with. PayPal takes an address once, so
    that one which an earlier registration left there is used again, or replaced where it hears too little."""
    known = _names(api.get(*_TYPES), "event_types")
    wanted = [name for name in LISTENED if name in known]
    for row in _rows(api.get(*_HOOKS), "webhooks"):
        if row.get("url") == url and isinstance(row.get("id"), str):
            if {*wanted} <= _names(row, "event_types"):
                return Webhook(row["id"], row["id"])
            remove_webhook(api, row["id"])
    body = {"url": url, "event_types": [{"name": name} for name in wanted]}
    made = api.post(*_HOOKS, body=body).get("id")
    if not isinstance(made, str) or not made:
        raise Garbled("PayPal registered the webhook without telling its id", party=PARTY)
    return Webhook(made, made)


def remove_webhook(api: Api, external_id: str) -> None:
    try:
        api.delete(*_HOOKS, external_id)
    except Missing:
        return


def _allowed(
    api: Api, missing: list[str], feature: str, path: Sequence[str], params: dict[str, str]
) -> Document | None:
    try:
        return api.get(*path, **params)
    except Unauthorised as error:
        if error.status_code != 403:
            raise
        missing.append(feature)
        return None


def _name(page: Document) -> str:
    """As the newest invoice calls the merchant; empty where there is none yet."""
    for row in _rows(page, "items")[:1]:
        invoicer = part(row, "invoicer")
        names = (invoicer.get("business_name"), invoicer.get("email_address"))
        return next((name for name in names if isinstance(name, str) and name), "")
    return ""


def _rows(document: Document, name: str) -> list[Document]:
    rows = document.get(name) or []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Garbled(f"PayPal's {name} are not a list", party=PARTY)
    return rows


def _names(document: Document, name: str) -> set[str]:
    return {row["name"] for row in _rows(document, name) if isinstance(row.get("name"), str)}
