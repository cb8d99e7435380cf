"""The Stripe account behind a key: the connection test, and the webhook endpoint."""

from __future__ import annotations

from daemon.errors import Garbled, InvalidInput, Missing, Unauthorised
from daemon.model import AccountInfo, Document, Mode, Webhook
from daemon.providers.stripe.money import PARTY
from daemon.providers.stripe.wire_client import Api, rows_of
from daemon.providers.stripe.words import API_VERSION, LISTENED

_MARK = {"wispbill": "webhook"}
_READS = {
    "customers": "Customers (read and write)",
    "invoices": "Invoices (read and write)",
    "events": "Events (read)",
    "invoice_payments": "Invoice payments (read)",
    "refunds": "Charges and refunds (read)",
    "disputes": "Disputes (read)",
    "credit_notes": "Credit notes (read)",
}


def check(api: Api, mode: Mode) -> AccountInfo:
    """Read a little of everything; create nothing. Raises Unauthorised where the key itself is refused,
    InvalidInput (WB-CREDENTIALS-MODE) where the account answers in the other mode.

    The account must be readable, since one account serves once; without it `account_id` is empty.
    """
    missing: list[str] = []
    account = _allowed(api, missing, "Account (read)", "account") or {}
    for resource, permission in _READS.items():
        page = _allowed(api, missing, permission, resource, limit=1)
        if page is not None:
            _insist_on(mode, rows_of(page))
    if _READS["invoice_payments"] not in missing:
        intents = ["data.payment.payment_intent"]
        _allowed(api, missing, "Payment intents (read)", "invoice_payments", limit=1, expand=intents)
    currency = account.get("default_currency")
    return AccountInfo(
        account_id=str(account.get("id") or ""),
        name=_name(account),
        mode=mode,
        country=account.get("country"),
        currencies=(currency.upper(),) if isinstance(currency, str) else (),
        missing=tuple(missing),
        notes=_notes(account),
    )


def register_webhook(api: Api, url: str) -> Webhook:
    """A new endpoint at `url`. The secret is told only once, so what an earlier registration of ours left
    there (its answer may have been lost) is removed first."""
    for row in list(api.all("webhook_endpoints")):
        if row.get("url") == url and (row.get("metadata") or {}).get("wispbill") == _MARK["wispbill"]:
            remove_webhook(api, row["id"])
    doc = api.post(
        "webhook_endpoints",
        key=None,
        url=url,
        enabled_events=list(LISTENED),
        api_version=API_VERSION,
        description="wispbill: look at this invoice sooner",
        metadata=_MARK,
    )
    secret = doc.get("secret")
    if not isinstance(secret, str):
        raise Garbled("Stripe registered the webhook without telling its secret", party=PARTY)
    return Webhook(doc["id"], secret)


def remove_webhook(api: Api, external_id: str) -> None:
    try:
        api.delete("webhook_endpoints", external_id)
    except Missing:
        return


def _allowed(api: Api, missing: list[str], permission: str, path: str, **params: object) -> Document | None:
    try:
        return api.get(path, **params)
    except Unauthorised as error:
        if error.status_code != 403:
            raise
        missing.append(permission)
        return None


def _insist_on(mode: Mode, rows: list[Document]) -> None:
    if any(row.get("livemode") is (mode is not Mode.LIVE) for row in rows):
        raise InvalidInput(
            "WB-CREDENTIALS-MODE", "Stripe answers in the other mode than the key's prefix says", field="mode"
        )


def _name(account: Document) -> str:
    profile = account.get("business_profile") or {}
    dashboard = (account.get("settings") or {}).get("dashboard") or {}
    names = (dashboard.get("display_name"), profile.get("name"), account.get("email"), account.get("id"))
    return next((name for name in names if isinstance(name, str) and name), "")


def _notes(account: Document) -> tuple[str, ...]:
    notes = ["Writing was not tried: a test creates nothing."]
    if account.get("charges_enabled") is False:
        notes.append("The account cannot take payments yet: finish its setup at Stripe.")
    return tuple(notes)
