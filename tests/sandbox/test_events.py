"""Events and webhooks: everything that happened, by whom, for thirty days; signed when it is delivered."""

from __future__ import annotations

import json
from typing import Any

import pytest
import stripe

from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.stripe import VERSION, Delivery, sign
from tests.sandbox.harness import DAY, Bench, made, refused


def latest(bench: Bench, **params: Any) -> dict[str, Any]:
    event: dict[str, Any] = bench.get("/v1/events", {"limit": 1, **params})["data"][0]
    return event


def hook(bench: Bench, *names: str, url: str = "https://wispbill.example.com/hook") -> tuple[str, str]:
    reply = bench.post("/v1/webhook_endpoints", {"url": url, "enabled_events[]": list(names or ("*",))})
    return made(reply), reply["secret"]


def test_an_event_names_the_request_and_key_that_caused_it() -> None:
    bench = Bench()
    reply = bench.post("/v1/customers", {"name": "Subscriber 0001"}, key="k1")
    event = latest(bench)
    assert event["request"] == {"id": reply.headers["request-id"], "idempotency_key": "k1"}
    assert (event["type"], event["api_version"], event["created"]) == ("customer.created", VERSION, bench.now)
    assert event["data"]["object"] == reply.doc


def test_what_the_world_outside_does_names_no_request() -> None:
    bench = Bench()
    bench.account.pay(bench.opened())
    assert latest(bench)["request"] == {"id": None, "idempotency_key": None}


def test_an_event_shows_the_object_as_it_was_then() -> None:
    bench = Bench()
    invoice = bench.opened()
    bench.account.pay(invoice)
    bench.account.refund(invoice)
    finalized = latest(bench, type="invoice.finalized")
    assert finalized["data"]["object"]["status"] == "open"
    updated = latest(bench, type="invoice.updated")
    assert updated["data"]["object"]["status"] == "paid"
    assert updated["data"]["previous_attributes"]["status"] == "open"


def test_events_are_filtered_by_type_types_and_time() -> None:
    bench = Bench()
    invoice = bench.opened()
    bench.clock.wait(10)
    bench.account.pay(invoice)
    paid = bench.get("/v1/events", {"types[]": ["invoice.paid", "refund.failed"], "limit": 100})
    assert [event["type"] for event in paid["data"]] == ["invoice.paid"]
    stars = bench.get("/v1/events", {"type": "invoice.*", "limit": 100})["data"]
    assert {event["type"].split(".")[0] for event in stars} == {"invoice"}
    recent = bench.get("/v1/events", {"created[gte]": bench.now, "limit": 100})["data"]
    assert all(event["created"] == bench.now for event in recent)
    refused(bench.get("/v1/events", {"type": "a", "types[]": ["b"]}), 400)
    refused(bench.get("/v1/events", {"types[]": ["a.b"] * 21}), 400, param="types")


def test_events_are_kept_for_thirty_days() -> None:
    bench = Bench()
    bench.customer()
    old = latest(bench)["id"]
    bench.clock.wait(30 * DAY)
    assert bench.get(f"/v1/events/{old}").status == 200
    bench.clock.wait(1)
    refused(bench.get(f"/v1/events/{old}"), 404, "resource_missing")
    assert bench.get("/v1/events").ids == []
    bench.customer()
    cursor = bench.get("/v1/events", {"ending_before": old})
    refused(cursor, 400, "resource_missing", "ending_before")


def test_event_ids_do_not_sort_by_time() -> None:
    bench = Bench()
    for _ in range(20):
        bench.customer()
    ids = bench.get("/v1/events", {"limit": 100}).ids
    assert ids != sorted(ids)
    assert ids != sorted(ids, reverse=True)


def test_a_delivery_is_signed_as_stripes_own_library_expects() -> None:
    bench = Bench()
    _, secret = hook(bench, "customer.created")
    bench.customer()
    (delivery,) = bench.double.deliveries()
    stamp, signature = delivery.headers["Stripe-Signature"].split(",")
    assert stamp == f"t={bench.now}"
    payload = f"{bench.now}.{delivery.body.decode()}"
    assert stripe.WebhookSignature._compute_signature(payload, secret) == signature.removeprefix("v1=")
    assert json.loads(delivery.body)["type"] == "customer.created"
    assert delivery.headers["Stripe-Signature"] == sign(secret, delivery.body, bench.now)


def test_the_secret_is_shown_once() -> None:
    bench = Bench()
    endpoint, secret = hook(bench)
    assert secret.startswith("whsec_")
    assert "secret" not in bench.get(f"/v1/webhook_endpoints/{endpoint}").doc
    assert "secret" not in bench.get("/v1/webhook_endpoints")["data"][0]
    assert "secret" not in bench.post(f"/v1/webhook_endpoints/{endpoint}", {"description": "x"}).doc


def test_only_what_an_endpoint_asked_for_is_delivered() -> None:
    bench = Bench()
    endpoint, _ = hook(bench, "invoice.paid")
    invoice = bench.opened()
    assert list(bench.double.deliveries()) == []
    bench.account.pay(invoice)
    assert [json.loads(one.body)["type"] for one in bench.double.deliveries()] == ["invoice.paid"]

    bench.post(f"/v1/webhook_endpoints/{endpoint}", {"disabled": "true"})
    bench.account.pay(bench.opened())
    assert list(bench.double.deliveries()) == []
    bench.delete(f"/v1/webhook_endpoints/{endpoint}")
    assert bench.get("/v1/webhook_endpoints").ids == []


def test_an_event_counts_its_pending_deliveries() -> None:
    bench = Bench()
    hook(bench)
    hook(bench, url="https://other.example.com/hook")
    bench.customer()
    assert latest(bench)["pending_webhooks"] == 2
    assert bench.get("/v1/events", {"delivery_success": "true"}).ids == []
    assert len(list(bench.double.deliveries())) == 2
    assert latest(bench)["pending_webhooks"] == 0
    assert len(bench.get("/v1/events", {"delivery_success": "true"}).ids) == 1


def test_a_failed_delivery_comes_back_later_with_a_new_signature_and_then_no_more() -> None:
    bench = Bench()
    hook(bench)
    bench.customer()
    tries: list[Delivery] = []
    while (delivery := bench.double.next_delivery()) is not None:
        bench.double.failed(delivery)
        tries.append(delivery)
        assert bench.double.next_delivery() is None
        bench.clock.wait(3 * 3600)
    assert [one.attempt for one in tries] == [1, 2, 3, 4]
    assert len({one.headers["Stripe-Signature"] for one in tries}) == 4
    assert len({one.body for one in tries}) == 1


@pytest.mark.parametrize("given", [{"url": "ftp://x"}, {"enabled_events[]": ["invoice.payed"]}])
def test_an_endpoint_needs_an_address_and_events_that_exist(given: dict[str, Any]) -> None:
    whole = {"url": "https://wispbill.example.com/hook", "enabled_events[]": ["*"], **given}
    refused(Bench().post("/v1/webhook_endpoints", whole), 400)


def types(bench: Bench) -> list[str]:
    return [json.loads(one.body)["type"] for one in bench.double.deliveries()]


def test_deliveries_can_be_dropped_doubled_reordered_and_late() -> None:
    bench = Bench()
    hook(bench)
    bench.faults.add(
        Fault(FaultKind.HOOK_DROPPED, on="invoice.created"),
        Fault(FaultKind.HOOK_DUPLICATED, on="invoice.finalized"),
        Fault(FaultKind.HOOK_DELAYED, on="invoice.updated", seconds=60),
        Fault(FaultKind.HOOK_REORDERED, on="payment_intent.created"),
    )
    bench.opened()
    assert types(bench) == [
        "payment_intent.created",
        "customer.created",
        "invoice.finalized",
        "invoice.finalized",
        "invoice.updated",
    ]
    bench.clock.wait(60)
    assert types(bench) == ["invoice.updated"]


def test_a_late_delivery_arrives_when_it_is_due() -> None:
    bench = Bench()
    hook(bench)
    bench.faults.add(Fault(FaultKind.HOOK_DELAYED, seconds=60))
    bench.customer()
    assert types(bench) == []
    bench.clock.wait(60)
    assert types(bench) == ["customer.created"]


def test_a_forged_delivery_does_not_verify() -> None:
    bench = Bench()
    _, secret = hook(bench)
    bench.faults.add(Fault(FaultKind.HOOK_FORGED))
    bench.customer()
    (forged,) = bench.double.deliveries()
    assert forged.headers["Stripe-Signature"] != sign(secret, forged.body, bench.now)
