"""The seller behind a token: the connection test, and the webhook subscription."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from daemon.errors import Garbled, Missing, Unauthorised, Unsupported
from daemon.model import AccountInfo, Document, Mode, Webhook
from daemon.providers.square.api import Api, part, rows_of
from daemon.providers.square.setup import SquareSettings
from daemon.providers.square.words import API_VERSION, LISTENED, PARTY, READS, WRITES

_NAME = "wispbill: look at this invoice sooner"
_SUBSCRIPTIONS = ("v2", "webhooks", "subscriptions")
A = TypeVar("A")


def check(api: Api, mode: Mode, settings: SquareSettings) -> AccountInfo:
    """Read a little of everything; create nothing. Raises Unauthorised where the token itself is refused."""
    locations, missing = _locations(api, mode)
    told = _token(api)
    scopes = told.get("scopes")
    if isinstance(scopes, list) and scopes:
        missing += [scope for scope in (*READS, *WRITES) if scope not in scopes and scope not in missing]
    else:
        missing += list(_refused_reads(api, locations))
    chosen = next((one for one in locations if one.get("id") == settings.location_id), None)
    missing += _wrong_location(settings, locations, chosen)
    shown = [chosen] if chosen else [one for one in locations if one.get("status") == "ACTIVE"]
    first = chosen or next(iter(shown or locations), {})
    return AccountInfo(
        account_id=str(told.get("merchant_id") or first.get("merchant_id") or ""),
        name=str(first.get("business_name") or first.get("name") or ""),
        mode=mode,
        country=first.get("country"),
        currencies=tuple(dict.fromkeys(str(one["currency"]) for one in shown if one.get("currency"))),
        missing=tuple(missing),
        notes=tuple(_notes(told, locations, chosen)),
    )


def _locations(api: Api, mode: Mode) -> tuple[list[Document], list[str]]:
    """Square's own recommended test of a token."""
    try:
        return rows_of(api.get("v2", "locations"), "locations"), []
    except Unauthorised as error:
        if error.status_code == 403:
            return [], ["MERCHANT_PROFILE_READ"]
        other = "production" if mode is Mode.SANDBOX else "sandbox"
        raise Unauthorised(
            f"{error.message} (a token of Square's {other} environment is not known here)",
            party=PARTY,
            ref=error.ref,
            status_code=error.status_code,
            provider_code=error.provider_code,
        ) from error


def _token(api: Api) -> Document:
    """What the token may do. Its documentation speaks of production alone: a refusal proves nothing."""
    try:
        return api.search("oauth2", "token", "status", body={})
    except (Unauthorised, Missing):
        return {}


def _refused_reads(api: Api, locations: list[Document]) -> Iterator[str]:
    """The permissions that a little of everything shows to be missing."""
    place = str(locations[0].get("id")) if locations else ""
    order = {"location_ids": [place], "limit": 1}
    reads: dict[str, Callable[[], object]] = {
        "CUSTOMERS_READ": lambda: api.search("v2", "customers", "search", body={"limit": 1}),
        "ORDERS_READ": lambda: api.search("v2", "orders", "search", body=order),
        "INVOICES_READ": lambda: api.get("v2", "invoices", location_id=place, limit=1),
        "PAYMENTS_READ": lambda: api.get("v2", "refunds", limit=1),
        "DISPUTES_READ": lambda: api.get("v2", "disputes"),
    }
    for scope, read in reads.items() if locations else ():
        try:
            read()
        except Unauthorised as error:
            if error.status_code != 403:
                raise
            yield scope


def _wrong_location(
    settings: SquareSettings, locations: list[Document], chosen: Document | None
) -> list[str]:
    if not locations:
        return []
    if not settings.location_id:
        return ["a location, chosen in the settings"]
    if chosen is None:
        return [f"the location {settings.location_id}, which this account does not have"]
    if chosen.get("status") != "ACTIVE":
        return [f"an active location: {settings.location_id} is not"]
    return []


def _notes(token: Document, locations: list[Document], chosen: Document | None) -> Iterator[str]:
    yield "Writing was not tried: a test creates nothing."
    for one in locations:
        facts = (one.get("currency"), one.get("timezone"), str(one.get("status", "")).lower())
        told = ", ".join(str(fact) for fact in facts if fact)
        yield f"Location {one.get('id')} ({one.get('name')}): {told}."
    if chosen and "CREDIT_CARD_PROCESSING" not in (chosen.get("capabilities") or ()):
        yield "The location cannot take cards yet: finish its activation at Square."
    if isinstance(token.get("expires_at"), str) and token["expires_at"]:
        yield f"The token was obtained by OAuth and ends at {token['expires_at']}; a personal one has no end."


# --- webhooks -----------------------------------------------------------------------------------------


def register_webhook(api: Api, url: str) -> Webhook:
    """A new subscription at `url`. What an earlier registration of ours left there (its answer may have
    been lost) is removed first. Raises Unsupported for a token that was obtained by OAuth."""
    rows = [row for page in _personally(api, lambda: list(_subscriptions(api))) for row in page]
    for row in rows:
        if row.get("notification_url") == url and row.get("name") == _NAME:
            remove_webhook(api, str(row.get("id")))
    subscription = {
        "name": _NAME,
        "event_types": list(LISTENED),
        "notification_url": url,
        "api_version": API_VERSION,
    }
    answer = _personally(api, lambda: api.post(*_SUBSCRIPTIONS, body={"subscription": subscription}))
    doc = part(answer, "subscription")
    if not isinstance(doc.get("signature_key"), str) or not doc["signature_key"]:
        raise Garbled("Square registered the webhook without telling its signature key", party=PARTY)
    return Webhook(doc["id"], doc["signature_key"])


def remove_webhook(api: Api, external_id: str) -> None:
    try:
        _personally(api, lambda: api.delete(*_SUBSCRIPTIONS, external_id))
    except Missing:
        return


def test_webhook(api: Api, external_id: str) -> None:
    _personally(
        api, lambda: api.post(*_SUBSCRIPTIONS, external_id, "test", body={"event_type": "invoice.updated"})
    )


def _subscriptions(api: Api) -> Iterator[list[Document]]:
    return api.listed("subscriptions", *_SUBSCRIPTIONS, include_disabled="true")


def _personally(api: Api, call: Callable[[], A]) -> A:
    """Subscriptions belong to the application: a token of OAuth is refused there, and is no dead one."""
    try:
        return call()
    except Unauthorised as error:
        api.get("v2", "locations")
        raise Unsupported(
            "only the personal access token of the application may manage its webhooks; add the address in "
            "Square's Developer Console, and give its signature key here"
        ) from error
