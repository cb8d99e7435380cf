"""A key runs once: it is replayed for a day, guards its parameters, and keeps even a 500."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.sandbox.faults import Fault, FaultKind, Faults
from tests.sandbox.harness import DAY, Bench, refused

WHO = {"email": "subscriber0001@example.com"}


def test_the_same_key_gives_the_same_bytes_and_runs_once() -> None:
    bench = Bench()
    first = bench.post("/v1/customers", WHO, key="k1")
    again = bench.post("/v1/customers", WHO, key="k1")

    assert again.raw == first.raw
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["original-request"] == first.headers["request-id"]
    assert "idempotent-replayed" not in first.headers
    assert len(bench.get("/v1/customers").ids) == 1


def test_the_replay_shows_the_object_as_it_was() -> None:
    bench = Bench()
    invoice = bench.draft(key="k1", customer=(customer := bench.customer()))
    bench.post(f"/v1/invoices/{invoice}", {"description": "changed"})
    again = {
        "customer": customer,
        "collection_method": "send_invoice",
        "days_until_due": 14,
        "auto_advance": "false",
    }
    assert bench.post("/v1/invoices", again, key="k1")["description"] is None


def test_the_order_of_parameters_does_not_matter() -> None:
    bench = Bench()
    first = bench.post("/v1/customers", {"email": "a@example.com", "name": "A"}, key="k")
    assert bench.post("/v1/customers", {"name": "A", "email": "a@example.com"}, key="k").raw == first.raw


@pytest.mark.parametrize(
    ("path", "params"), [("/v1/customers", {"email": "b@example.com"}), ("/v1/webhook_endpoints", WHO)]
)
def test_a_key_with_other_parameters_or_for_another_endpoint_is_refused(path: str, params: Any) -> None:
    bench = Bench()
    bench.post("/v1/customers", WHO, key="k1")
    reply = bench.post(path, params, key="k1")
    assert reply.status == 400
    if path == "/v1/customers":
        assert reply.error["type"] == "idempotency_error"
    assert len(bench.get("/v1/customers").ids) == 1


def test_a_key_is_forgotten_after_a_day_and_then_runs_anew() -> None:
    bench = Bench()
    first = bench.post("/v1/customers", WHO, key="k1")
    bench.clock.wait(DAY - 1)
    assert bench.post("/v1/customers", WHO, key="k1")["id"] == first["id"]
    bench.clock.wait(1)
    assert bench.post("/v1/customers", WHO, key="k1")["id"] != first["id"]


def test_what_is_refused_before_execution_leaves_the_key_free() -> None:
    bench = Bench()
    refused(bench.post("/v1/customers", {"emial": "x"}, key="k1"), 400, "parameter_unknown")
    assert bench.post("/v1/customers", WHO, key="k1").status == 200


def test_what_is_refused_in_execution_is_replayed() -> None:
    bench = Bench()
    fields = {"customer": "cus_nobody", "collection_method": "send_invoice", "days_until_due": 1}
    refused(bench.post("/v1/invoices", fields, key="k1"), 400, "resource_missing")
    again = bench.post("/v1/invoices", fields, key="k1")
    refused(again, 400, "resource_missing")
    assert again.headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize(
    ("kind", "there", "replayed"),
    [
        (FaultKind.ERROR_BEFORE, 0, False),
        (FaultKind.ERROR_STORED, 0, True),
        (FaultKind.ERROR_AFTER, 1, True),
    ],
)
def test_a_500_after_execution_began_is_stored(kind: FaultKind, there: int, replayed: bool) -> None:
    bench = Bench(faults=Faults([Fault(kind)]))
    assert bench.post("/v1/customers", WHO, key="k1").status == 500
    assert len(bench.get("/v1/customers").ids) == there

    again = bench.post("/v1/customers", WHO, key="k1")
    assert again.status == (500 if replayed else 200)
    assert ("idempotent-replayed" in again.headers) is replayed


def test_a_key_of_more_than_255_characters_is_refused() -> None:
    bench = Bench()
    refused(bench.post("/v1/customers", WHO, key="k" * 256), 400)
    assert bench.post("/v1/customers", WHO, key="k" * 255).status == 200


def test_keys_are_ignored_where_nothing_is_posted() -> None:
    bench = Bench()
    first, second = bench.draft(), bench.draft()
    assert bench.delete(f"/v1/invoices/{first}", Idempotency_Key="k").status == 200
    assert bench.delete(f"/v1/invoices/{second}", Idempotency_Key="k").status == 200
    assert "idempotency-key" not in bench.get("/v1/account", Idempotency_Key="k").headers


def test_accounts_do_not_share_keys() -> None:
    bench = Bench()
    bench.double.add_account("sk_test_other0123456789")
    bench.post("/v1/customers", WHO, key="k1")
    other = bench.post(
        "/v1/customers", {"email": "z@example.com"}, key="k1", Authorization="Bearer sk_test_other0123456789"
    )
    assert other.status == 200


def test_a_key_that_still_runs_is_in_use() -> None:
    """Latency holds the first request between its acceptance and its execution."""
    bench = Bench()
    held, go = threading.Event(), threading.Event()
    bench.faults.latency_s = 1.0

    def wait(seconds: float, stop: threading.Event | None = None) -> bool:
        bench.faults.latency_s = 0.0
        held.set()
        return go.wait(10)

    bench.clock.wait = wait  # type: ignore[method-assign]
    replies: list[int] = []
    first = threading.Thread(target=lambda: replies.append(bench.post("/v1/customers", WHO, key="k").status))
    first.start()
    assert held.wait(10)
    refused(bench.post("/v1/customers", WHO, key="k"), 409, "idempotency_key_in_use")
    assert bench.post("/v1/customers", WHO, key="other").status == 200, "others are not held up"
    go.set()
    first.join(10)
    assert replies == [200]
    assert bench.post("/v1/customers", WHO, key="k").headers["idempotent-replayed"] == "true"


def test_a_request_that_dies_on_the_way_frees_its_key() -> None:
    bench = Bench(faults=Faults(latency_s=1))

    class Died(Exception):
        pass

    def die(seconds: float, stop: threading.Event | None = None) -> bool:
        raise Died

    waits, bench.clock.wait = bench.clock.wait, die  # type: ignore[method-assign]
    with pytest.raises(Died):
        bench.post("/v1/customers", WHO, key="k")
    bench.clock.wait = waits  # type: ignore[method-assign]
    assert bench.post("/v1/customers", WHO, key="k").status == 200


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["Subscriber 0001", "Subscriber 0002"]),
        st.sampled_from([None, FaultKind.ERROR_BEFORE, FaultKind.ERROR_AFTER, FaultKind.ERROR_STORED]),
        st.sampled_from([0, 3600, 13 * 3600]),
    ),
    max_size=14,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_whatever_is_sent_in_whatever_order_a_key_lands_once_a_day(steps: list[Any]) -> None:
    """A model of the rule: within a day of its first use a key lands at most once, answers its own
    parameters with what it first answered, and refuses others."""
    bench = Bench()
    known: dict[str, tuple[int, str, int, bytes]] = {}
    landed = 0
    for key, name, fault, later in steps:
        bench.clock.wait(later)
        known = {k: kept for k, kept in known.items() if bench.now - kept[0] < DAY}
        if fault is not None:
            bench.faults.add(Fault(fault))
        reply = bench.post("/v1/customers", {"name": name}, key=key)
        bench.faults.clear()
        if fault is FaultKind.ERROR_BEFORE:
            assert reply.status == 500
        elif key not in known:
            assert reply.status == (200 if fault is None else 500)
            landed += fault is not FaultKind.ERROR_STORED
            known[key] = (bench.now, name, reply.status, reply.raw)
        elif known[key][1] != name:
            assert reply.error["type"] == "idempotency_error"
        else:
            assert (reply.status, reply.raw) == known[key][2:]
    assert len(list(bench.account.customers())) == landed
