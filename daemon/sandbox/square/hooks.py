"""Webhook subscriptions: they belong to the application, so that only its personal token manages them."""

from __future__ import annotations

from daemon.sandbox.square.call import Call, limit_of
from daemon.sandbox.square.errors import not_found
from daemon.sandbox.square.tables import Doc
from daemon.sandbox.square.world import told


def create(call: Call) -> Doc:
    world, given = call.world, call.body["subscription"]
    doc = {
        "enabled": True,
        **given,
        "id": world.new_id("wbhk_"),
        "signature_key": world.new_id(),
        "created_at": world.stamp(),
    }
    return {"subscription": told(world.keep(world.subscriptions, doc))}


def list_all(call: Call) -> Doc:
    """Without their signature keys, and without the disabled ones unless asked for."""
    query = call.known_query("cursor", "limit", "include_disabled", "sort_order")
    rows = [
        one
        for one in call.world.subscriptions.all()
        if one["enabled"] or query.get("include_disabled") == "true"
    ]
    size = limit_of(query.get("limit", "100"), 100)
    return call.page("subscriptions", rows, size=size, cursor=query.get("cursor"), shown=_without_key)


def delete(call: Call) -> Doc:
    hook = _hook(call)
    call.world.subscriptions.drop(hook["id"], call.world.moment)
    return {}


def test(call: Call) -> Doc:
    """Posts an event of the kind that is asked for; what came of it is told later, if at all."""
    world, hook = call.world, _hook(call)
    kind = call.body.get("event_type") or hook["event_types"][0]
    event = {
        "merchant_id": world.id,
        "type": kind,
        "event_id": world.new_id("ev-"),
        "created_at": world.stamp(),
        "data": {"type": kind.partition(".")[0], "id": "inv:0-Chtest", "object": {}},
    }
    world.post(hook, event)
    result = {"id": world.new_id("wbtest_"), "status_code": 200, "created_at": world.stamp()}
    return {"subscription_test_result": result}


def _hook(call: Call) -> Doc:
    found = call.world.subscriptions.get(call.args[0])
    if found is None:
        raise not_found("The subscription")
    return found


def _without_key(hook: Doc) -> Doc:
    return {name: one for name, one in told(hook).items() if name != "signature_key"}
