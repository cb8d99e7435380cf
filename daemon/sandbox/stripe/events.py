"""Events are listed for 30 days; webhook endpoints are where they are delivered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

from daemon.sandbox.stripe.call import Call
from daemon.sandbox.stripe.errors import invalid, no_such
from daemon.sandbox.stripe.forms import merge_metadata
from daemon.sandbox.stripe.ledger import EVENTS_KEPT_S
from daemon.sandbox.stripe.listing import Page, page
from daemon.sandbox.stripe.records import Endpoint, Event

MAX_ENDPOINTS = 16
"""In test mode (https://docs.stripe.com/webhooks)."""


def retrieve(call: Call) -> Event:
    event = call.found(call.ledger.events)
    if event.created < call.ledger.now - EVENTS_KEPT_S:
        raise no_such("event", event.id)
    return event


def list_(call: Call) -> Page:
    given = call.params
    if "type" in given and "types" in given:
        raise invalid("You may pass either `type` or `types`, but not both.", param="types")
    fits = _fits(call)
    wanted = given.get("delivery_success")
    undelivered = call.ledger.undelivered

    def keep(event: Event) -> bool:
        return fits(event.type) and (wanted is None or wanted != bool(undelivered.get(event.id)))

    for name in ("starting_after", "ending_before"):
        _check_cursor(call, name)
    oldest = call.ledger.now - EVENTS_KEPT_S
    created = dict(given.get("created", {}))
    created["gte"] = max(oldest, created.get("gte", 0))
    return page(call.ledger.events, {**given, "created": created}, keep=keep, ago_s=call.stale_s)


def _check_cursor(call: Call, name: str) -> None:
    """An event that is no longer kept is no cursor either."""
    event_id = call.params.get(name)
    event = call.ledger.events.get(event_id) if event_id else None
    if event is not None and event.created < call.ledger.now - EVENTS_KEPT_S:
        raise no_such("event", event.id, param=name, status=400)


def _fits(call: Call) -> Callable[[str], bool]:
    if "types" in call.params:
        names = frozenset(call.params["types"])
        return lambda name: name in names
    wanted = call.params.get("type", "*")
    if wanted.endswith("*"):
        return lambda name: name.startswith(wanted[:-1])
    return lambda name: name == wanted


def endpoint_create(call: Call) -> Endpoint:
    ledger, given = call.ledger, call.params
    if len(ledger.endpoints) >= MAX_ENDPOINTS:
        raise invalid(f"You have reached the maximum of {MAX_ENDPOINTS} webhook endpoints.")
    return ledger.endpoints.put(
        Endpoint(
            ledger.new_id("we_"),
            ledger.next_seq(),
            ledger.now,
            _url(given["url"], livemode=ledger.livemode),
            _names(given["enabled_events"]),
            "whsec_" + ledger.secret(),
            given.get("api_version"),
            given.get("description"),
            merge_metadata({}, given.get("metadata")),
        )
    )


def endpoint_update(call: Call) -> Endpoint:
    ledger, given = call.ledger, call.params
    endpoint = call.found(ledger.endpoints, "webhook_endpoint")
    changed = replace(endpoint, metadata=merge_metadata(endpoint.metadata, given.get("metadata")))
    if "url" in given:
        changed = replace(changed, url=_url(given["url"], livemode=ledger.livemode))
    if "enabled_events" in given:
        changed = replace(changed, enabled_events=_names(given["enabled_events"]))
    if "description" in given:
        changed = replace(changed, description=given["description"])
    if "disabled" in given:
        changed = replace(changed, status="disabled" if given["disabled"] else "enabled")
    return ledger.endpoints.put(changed)


def endpoint(call: Call) -> Endpoint:
    return call.found(call.ledger.endpoints, "webhook_endpoint")


def endpoint_delete(call: Call) -> Endpoint:
    gone = call.found(call.ledger.endpoints, "webhook_endpoint")
    call.ledger.endpoints.remove(gone.id)
    return gone


def endpoint_list(call: Call) -> Page:
    return page(call.ledger.endpoints, call.params, ago_s=call.stale_s)


def _url(url: str, *, livemode: bool) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username:
        raise invalid("Invalid URL: must be an absolute http(s) URL", code="url_invalid", param="url")
    if livemode and parts.scheme != "https":
        raise invalid("Live webhook endpoints must use https.", code="url_invalid", param="url")
    return url


def _names(given: list[str]) -> tuple[str, ...]:
    if not given:
        raise invalid("At least one event is needed.", param="enabled_events")
    for position, name in enumerate(given):
        if name not in KNOWN and name != "*":
            raise invalid(f"Unknown event: {name}", param=f"enabled_events[{position}]")
    return tuple(dict.fromkeys(given))


KNOWN = frozenset(
    f"{kind}.{verb}"
    for kind, verbs in {
        "charge": "captured expired failed pending refunded succeeded updated refund.updated dispute.closed "
        "dispute.created dispute.funds_reinstated dispute.funds_withdrawn dispute.updated",
        "credit_note": "created updated voided",
        "customer": "created deleted updated",
        "invoice": "created deleted finalization_failed finalized marked_uncollectible overdue overpaid paid "
        "payment_action_required payment_attempt_required payment_failed payment_succeeded sent upcoming "
        "updated voided will_be_due",
        "invoice_payment": "paid",
        "invoiceitem": "created deleted",
        "payment_intent": "canceled created payment_failed processing requires_action succeeded",
        "refund": "created failed updated",
    }.items()
    for verb in verbs.split()
)
"""The events about billing; Stripe knows more."""
