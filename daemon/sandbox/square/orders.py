"""Orders: created open, read in batches, searched by place, time, source and customer; never by reference."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from daemon.sandbox.square.call import Call
from daemon.sandbox.square.errors import Refusal, conflict, not_found
from daemon.sandbox.square.reckoning import reckon
from daemon.sandbox.square.tables import Doc
from daemon.sandbox.square.world import told

_TIMES = {"CREATED_AT": "created_at", "UPDATED_AT": "updated_at", "CLOSED_AT": "closed_at"}


def create_order(call: Call) -> Doc:
    world, given = call.world, call.body["order"]
    location = world.location(given["location_id"])
    if location is None:
        raise not_found("The location")
    if location["status"] != "ACTIVE":
        raise Refusal("BAD_REQUEST", "The location is inactive.", field="order.location_id")
    if "customer_id" in given and world.customer(given["customer_id"]) is None:
        raise Refusal("INVALID_VALUE", "There is no such customer.", field="order.customer_id")
    bare = {"state": "OPEN", **given, "id": world.new_id("OR"), "created_at": world.stamp()}
    for place, line in enumerate(bare.get("line_items", ()), 1):
        line.setdefault("uid", f"line-{place}")
    order = reckon(bare, location["currency"], per_line=world.switches.tax_per_line)
    return {"order": told(world.keep(world.orders, order))}


def update_order(call: Call) -> Doc:
    """Only to cancel one; not what an invoice stands on."""
    world, given = call.world, call.body["order"]
    order = world.orders.get(call.args[0])
    if order is None:
        raise not_found("The order")
    if "idempotency_key" not in call.body:
        return {"order": told(order)}  # answered, and nothing changed: seen by others in 2026
    if given["version"] != order["version"]:
        raise conflict("The order has another version.")
    if world.invoice_of(order["id"]) is not None:
        raise Refusal("BAD_REQUEST", "The order is on an invoice.", field="order")
    return {"order": told(world.keep(world.orders, {**order, "state": given.get("state", order["state"])}))}


def get_order(call: Call) -> Doc:
    order = call.world.orders.get(call.args[0])
    if order is None:
        raise not_found("The order")
    return {"order": told(order)}


def batch_retrieve(call: Call) -> Doc:
    """What does not exist, or is of another location, is left out without a word."""
    wanted = call.body.get("location_id")
    found = [call.world.orders.get(one) for one in dict.fromkeys(call.body["order_ids"])]
    rows = [one for one in found if one is not None and wanted in (None, one["location_id"])]
    return {"orders": [told(one) for one in rows]} if rows else {}


def search_orders(call: Call) -> Doc:
    body = call.body
    query = body.get("query", {})
    sort = query.get("sort", {"sort_field": "CREATED_AT"})
    field = _TIMES[sort["sort_field"]]
    _insist_on_one_time(query.get("filter", {}).get("date_time_filter"), field)
    rows = [one for one in call.seen(call.world.orders) if one["location_id"] in body["location_ids"]]
    for name, given in query.get("filter", {}).items():
        rows = [one for one in rows if _fits(one, name, given, field)]
    rows.sort(
        key=lambda one: (one.get(field, ""), one["id"]), reverse=sort.get("sort_order", "DESC") == "DESC"
    )
    size, cursor = min(body.get("limit", 500), 1000), body.get("cursor")
    if body.get("return_entries"):
        return call.page("order_entries", rows, size=size, cursor=cursor, shown=_entry)
    return call.page("orders", rows, size=size, cursor=cursor)


def _fits(order: Doc, name: str, given: Doc, sorted_by: str) -> bool:
    if name == "state_filter":
        return order["state"] in given["states"]
    if name == "source_filter":
        return order.get("source", {}).get("name") in given["source_names"]
    if name == "customer_filter":
        return order.get("customer_id") in given["customer_ids"]
    return inside(order.get(sorted_by), given[sorted_by])


def _insist_on_one_time(given: Doc | None, sorted_by: str) -> None:
    if given is None:
        return
    if len(given) != 1 or sorted_by not in given:
        raise Refusal(
            "CONFLICTING_PARAMETERS", "sort_field must be the field that is filtered.", field="query.sort"
        )
    for text in given[sorted_by].values():
        moment(text)


def inside(stamp: str | None, span: dict[str, Any]) -> bool:
    """Whether a time is in the range; its start belongs to it, its end does not."""
    if stamp is None:
        return False
    at = moment(stamp)
    after = "start_at" not in span or moment(span["start_at"]) <= at
    return after and ("end_at" not in span or at < moment(span["end_at"]))


def moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refusal("INVALID_TIME", f"`{text[:40]}` is not a time of RFC 3339.") from error
    if found.tzinfo is None:
        raise Refusal("INVALID_TIME", f"`{text[:40]}` has no time zone.")
    return found


def _entry(order: Doc) -> Doc:
    return {"order_id": order["id"], "version": order["version"], "location_id": order["location_id"]}
