"""Square's own library gets along with the double, and sends what our adapter sends."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import square
from square.core.api_error import ApiError

from daemon.model import Asked
from daemon.providers.contract import PlainJournal
from daemon.providers.square.words import API_VERSION
from daemon.sandbox.transport import SandboxTransport
from tests.providers.square_bench import HOOK, SquareBench, a_draft, a_line
from tests.sandbox.square.harness import TOKEN, Bench


def sdk(transport: httpx.BaseTransport) -> square.Square:
    client = httpx.Client(transport=transport)
    return square.Square(token=TOKEN, base_url="https://sandbox.test", httpx_client=client)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def library(bench: Bench) -> square.Square:
    return sdk(SandboxTransport(bench.double))


def test_the_library_walks_from_customer_to_refund(bench: Bench, library: square.Square) -> None:
    who = library.customers.create(given_name="A", email_address="subscriber0001@example.com").customer
    assert who is not None and who.id is not None
    price = {"amount": 4500, "currency": "USD"}
    lines = [{"quantity": "1", "base_price_money": price}]
    order = library.orders.create(order={"location_id": bench.place, "line_items": lines}).order  # type: ignore[arg-type, list-item, typeddict-item]
    assert order is not None and order.id is not None
    request = {"request_type": "BALANCE", "due_date": "2026-03-16"}
    body: Any = {
        "location_id": bench.place,
        "order_id": order.id,
        "primary_recipient": {"customer_id": who.id},
        "payment_requests": [request],
        "delivery_method": "EMAIL",
        "accepted_payment_methods": {"card": True},
    }
    draft = library.invoices.create(invoice=body).invoice
    assert draft is not None and draft.id is not None
    live = library.invoices.publish(draft.id, version=draft.version or 0).invoice
    assert live is not None and live.status == "UNPAID"
    bench.account.pay(draft.id)
    bench.account.refund(draft.id, 500)
    bench.account.dispute(draft.id)

    seen = library.invoices.get(draft.id).invoice
    assert seen is not None and seen.status == "PARTIALLY_REFUNDED"
    assert [one.amount_money.amount for one in library.refunds.list()] == [500]
    assert [one.state for one in library.disputes.list()] == ["EVIDENCE_REQUIRED"]
    found = library.orders.batch_get(order_ids=[order.id]).orders
    assert found and found[0].tenders and found[0].tenders[0].type == "CARD"


def test_the_library_walks_the_pages(bench: Bench, library: square.Square) -> None:
    made = {bench.draft()["id"] for _ in range(5)}

    assert {one.id for one in library.invoices.list(location_id=bench.place, limit=2)} == made


def test_the_library_reads_a_refusal(bench: Bench, library: square.Square) -> None:
    with pytest.raises(ApiError) as caught:
        library.invoices.get("inv:0-none")

    assert caught.value.status_code == 404
    assert [one.code for one in caught.value.errors] == ["NOT_FOUND"]


def test_the_library_speaks_the_version_that_we_pin(bench: Bench) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    sdk(httpx.MockTransport(answer)).locations.list()

    assert seen[0].headers["square-version"] == API_VERSION


def test_each_request_of_ours_is_what_the_library_sends_for_the_same_call() -> None:
    bench = SquareBench()
    rates = {"local": {"percentage": "8.25", "display_name": "Sales tax"}}
    adapter = bench.adapter(tax_rates=rates)
    line = a_line("10.00", "0.82", tax_rate="local")
    cursor = adapter.changed(None).cursor
    ref = adapter.push_one(a_draft(line), PlainJournal()).ref
    bench.account.pay(ref)
    list(adapter.pull([Asked(ref), *[Asked(f"inv:0-{n}") for n in range(6)]]))
    adapter.changed(cursor)
    adapter.register_webhook(HOOK)

    compared = [one for request in bench.network.requests if (one := _by_the_library(request)) is not None]
    assert len({(one.method, one.url.path) for one in compared}) == 12
    for request in bench.network.requests:
        theirs = _by_the_library(request)
        if theirs is not None:
            assert (theirs.method, theirs.url.path) == (request.method, request.url.path)
            assert json.loads(theirs.content or b"null") == json.loads(request.content or b"null")
            assert dict(theirs.url.params) == dict(request.url.params)


def _by_the_library(request: httpx.Request) -> httpx.Request | None:
    """What the official library sends when it is asked for the same."""
    seen: list[httpx.Request] = []

    def answer(theirs: httpx.Request) -> httpx.Response:
        seen.append(theirs)
        return httpx.Response(200, json={})

    library = sdk(httpx.MockTransport(answer))
    body = json.loads(request.content or b"{}")
    query: dict[str, Any] = dict(request.url.params)
    if "limit" in query:
        query["limit"] = int(query["limit"])
    calls: dict[str, Any] = {
        "POST /v2/customers": lambda: library.customers.create(**body),
        "POST /v2/customers/search": lambda: library.customers.search(**body),
        "POST /v2/orders": lambda: library.orders.create(**body),
        "POST /v2/orders/search": lambda: library.orders.search(**body),
        "POST /v2/orders/batch-retrieve": lambda: library.orders.batch_get(**body),
        "POST /v2/invoices": lambda: library.invoices.create(**body),
        "POST /v2/invoices/search": lambda: library.invoices.search(**body),
        "GET /v2/payments": lambda: library.payments.list(**query),
        "GET /v2/refunds": lambda: library.refunds.list(**query),
        "GET /v2/disputes": lambda: library.disputes.list(**query),
        "POST /v2/webhooks/subscriptions": lambda: library.webhooks.subscriptions.create(**body),
    }
    line = f"{request.method} {request.url.path}"
    if line.endswith("/publish"):
        library.invoices.publish(request.url.path.split("/")[3], **body)
    elif line in calls:
        calls[line]()
    return seen[0] if seen else None
