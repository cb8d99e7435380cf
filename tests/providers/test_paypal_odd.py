"""PayPal says something odd about one thing, or something late: the rest goes on, and nothing is undone."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from daemon.errors import Garbled
from daemon.model import Asked, Changes, Document, FactKind
from tests.providers.paypal_bench import PayPalBench
from tests.providers.test_paypal_reading import pushed


@pytest.fixture
def bench() -> PayPalBench:
    return PayPalBench()


def follow(bench: PayPalBench, cursor: Document) -> list[Changes]:
    pages = []
    while True:
        pages.append(bench.adapter().changed(cursor))
        cursor = pages[-1].cursor
        if not pages[-1].more:
            return pages


@pytest.mark.parametrize(
    ("status", "name"), [(404, "RESOURCE_NOT_FOUND"), (403, "NOT_AUTHORIZED"), (422, "UNPROCESSABLE_ENTITY")]
)
def test_a_dispute_that_cannot_be_read_does_not_stop_the_feed(
    bench: PayPalBench, status: int, name: str
) -> None:
    ref = pushed(bench)
    bench.account.pay(ref)
    cursor = bench.adapter().changed(None).cursor
    bench.clock.wait(3600)
    bench.account.dispute(ref)

    def refuse(request: httpx.Request) -> httpx.Response | None:
        one = request.url.path.startswith("/v1/customer/disputes/")
        return httpx.Response(status, json={"name": name, "message": "no"}) if one else None

    bench.network.instead = refuse

    pages = follow(bench, cursor)

    assert "until" not in pages[-1].cursor


def test_a_row_that_may_be_late_takes_no_refund_away(bench: PayPalBench) -> None:
    refs = [pushed(bench, f"A-{n}") for n in range(12)]
    for ref in refs:
        bench.account.pay(ref)

    def undated(request: httpx.Request, reply: httpx.Response) -> httpx.Response:
        if not request.url.path.endswith("/search-invoices"):
            return reply
        document: dict[str, Any] = json.loads(reply.read())
        for row in document.get("items", []):
            row["detail"].get("metadata", {}).pop("last_update_time", None)
        return httpx.Response(200, json=document, headers={"date": reply.headers["date"]})

    bench.network.changed = undated
    bench.clock.wait(3600)  # search shows it by now
    before = bench.network.seen["GET /v2/invoicing/invoices/{id}"]
    seen = list(bench.adapter().pull([Asked(ref, bench.clock.now()) for ref in refs]))

    assert sorted(one.ref for one in seen) == sorted(refs)
    assert bench.network.seen["GET /v2/invoicing/invoices/{id}"] == before
    assert all(FactKind.PAYMENT in one.covers and FactKind.REFUND not in one.covers for one in seen)


def test_an_invoice_that_comes_back_to_a_state_is_news_again(bench: PayPalBench) -> None:
    ref = pushed(bench)
    bench.clock.wait(60)
    cursor = bench.adapter().changed(None).cursor
    told = []
    for deed in (bench.account.record, bench.account.reverse, bench.account.record):
        deed(ref)
        bench.clock.wait(900)
        pages = follow(bench, cursor)
        cursor = pages[-1].cursor
        told += [hint.event_id for page in pages for hint in page.hints]

    assert len(told) == len(set(told)) == 2


@pytest.mark.parametrize("status", [401, 403])
def test_a_proxys_page_does_not_take_the_account_for_lost(bench: PayPalBench, status: int) -> None:
    bench.adapter().changed(None)  # there is a token
    bench.network.instead = lambda request: (
        None if "token" in request.url.path else httpx.Response(status, html="<html>blocked</html>")
    )

    with pytest.raises(Garbled):
        bench.adapter().changed(None)
