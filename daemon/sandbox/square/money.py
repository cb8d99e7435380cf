"""Payments, refunds and disputes, as they are listed and read."""

from __future__ import annotations

from datetime import timedelta

from daemon.sandbox.square.call import Call, limit_of
from daemon.sandbox.square.errors import Refusal, not_found
from daemon.sandbox.square.orders import inside
from daemon.sandbox.square.tables import Doc, Table
from daemon.sandbox.square.world import stamped, told

_RANGE = ("begin_time", "end_time", "updated_at_begin_time", "updated_at_end_time")
_LISTED = ("sort_order", "sort_field", "cursor", "location_id", "limit", *_RANGE)
_DISPUTES_A_PAGE = 50
STATES = frozenset(
    [
        *("INQUIRY_EVIDENCE_REQUIRED", "INQUIRY_PROCESSING", "INQUIRY_CLOSED", "EVIDENCE_REQUIRED"),
        *("PROCESSING", "WON", "LOST", "ACCEPTED"),
    ]
)


def get_payment(call: Call) -> Doc:
    found = call.world.payments.get(call.args[0])
    if found is None:
        raise not_found("The payment")
    return {"payment": told(found)}


def get_refund(call: Call) -> Doc:
    found = call.world.refunds.get(call.args[0])
    if found is None:
        raise not_found("The refund")
    return {"refund": told(found)}


def list_payments(call: Call) -> Doc:
    """Without a location: those of the main one only."""
    query = call.known_query(*_LISTED)
    place = query.get("location_id") or call.world.locations[0]["id"]
    return _listed(call, "payments", call.world.payments, query, place)


def list_refunds(call: Call) -> Doc:
    query = call.known_query(*_LISTED)
    return _listed(call, "refunds", call.world.refunds, query, query.get("location_id"))


def list_disputes(call: Call) -> Doc:
    query = call.known_query("states", "location_id", "cursor")
    if "states" in query and query["states"] not in STATES:
        raise Refusal("INVALID_ENUM_VALUE", "There is no such state.", field="states")
    rows = [
        one
        for one in call.seen(call.world.disputes)
        if query.get("states") in (None, one["state"])
        and query.get("location_id") in (None, one["location_id"])
    ]
    rows.reverse()
    return call.page("disputes", rows, size=_DISPUTES_A_PAGE, cursor=query.get("cursor"))


def _listed(call: Call, name: str, table: Table, query: dict[str, str], place: str | None) -> Doc:
    """Newest first unless asked otherwise, and of the last year unless a beginning is given."""
    field = query.get("sort_field", "CREATED_AT").lower()
    if field not in ("created_at", "updated_at"):
        raise Refusal("INVALID_ENUM_VALUE", "There is no such sort field.", field="sort_field")
    year = stamped(call.world.clock.now() - timedelta(days=365))
    created = {"start_at": query.get("begin_time", year)} | _named("end_at", query.get("end_time"))
    updated = _named("start_at", query.get("updated_at_begin_time"))
    updated |= _named("end_at", query.get("updated_at_end_time"))
    rows = [
        one
        for one in call.seen(table)
        if place in (None, one["location_id"])
        and inside(one["created_at"], created)
        and inside(one["updated_at"], updated)
    ]
    rows.sort(key=lambda one: (one[field], one["id"]), reverse=query.get("sort_order", "DESC") == "DESC")
    return call.page(name, rows, size=limit_of(query.get("limit", "100"), 100), cursor=query.get("cursor"))


def _named(name: str, value: str | None) -> dict[str, str]:
    return {} if value is None else {name: value}
