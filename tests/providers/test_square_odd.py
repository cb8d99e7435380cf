"""Square says something odd about one thing: the others are read, and a part is not taken for all."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from daemon.errors import Garbled, StepStuck
from daemon.model import Asked
from daemon.providers.contract import PlainJournal
from tests.providers.square_bench import SquareBench, a_draft
from tests.providers.test_square_feed import follow, refs
from tests.providers.test_square_reading import push


class Changing(httpx.BaseTransport):
    """Answers to this path are changed on their way."""

    def __init__(self, inner: httpx.BaseTransport, path: str, change: Any) -> None:
        self.inner, self.path, self.change = inner, path, change

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        reply = self.inner.handle_request(_without_cursor(request))
        if not request.url.path.endswith(self.path):
            return reply
        document = json.loads(reply.read())
        self.change(document)
        return httpx.Response(reply.status_code, json=document, headers={"date": reply.headers["date"]})


def _without_cursor(request: httpx.Request) -> httpx.Request:
    """A cursor of ours is none that the double knows."""
    url = request.url.copy_remove_param("cursor")
    body = json.loads(request.content) if request.content else None
    if body is not None:
        body.pop("cursor", None)
    content = None if body is None else json.dumps(body).encode()
    headers = {name: value for name, value in request.headers.items() if name != "content-length"}
    return httpx.Request(request.method, url, headers=headers, content=content)


def change(bench: SquareBench, path: str, how: Any) -> None:
    bench.network.inner = Changing(bench.network.inner, path, how)


@pytest.mark.parametrize("count", [3, 8])
def test_one_invoice_that_is_nonsense_keeps_no_other_from_being_told(count: int) -> None:
    bench = SquareBench()
    made = [push(bench, f"F-{n}") for n in range(count)]

    def spoil(document: dict[str, Any]) -> None:
        for one in [document.get("invoice"), *document.get("invoices", [])]:
            if one and one["id"] == made[1]:
                one["payment_requests"] = []

    change(bench, "/search", spoil)
    change(bench, made[1], spoil)
    told = []

    with pytest.raises(Garbled):
        for seen in bench.adapter().pull([Asked(ref) for ref in made]):
            told.append(seen.ref)

    assert sorted(told) == sorted({*made} - {made[1]})


def test_a_list_of_disputes_without_an_end_takes_no_dispute_away() -> None:
    bench = SquareBench()
    ref = push(bench)
    bench.account.pay(ref)
    change(bench, "/v2/disputes", lambda document: document.update(cursor="again"))

    with pytest.raises(Garbled, match="no end"):
        list(bench.adapter().pull([Asked(ref)]))


def test_a_look_in_a_list_without_an_end_is_no_proof_that_nothing_is_there() -> None:
    bench = SquareBench()
    journal = PlainJournal(keys_expired=True)
    bench.lose_request(after=1)  # the customer is made, the order is not
    with pytest.raises(Exception, match="no whole answer"):
        bench.adapter().push_one(a_draft(), journal)
    change(bench, "/v2/orders/search", lambda document: document.update(cursor="again"))

    with pytest.raises(Garbled, match="no end"):
        bench.adapter().push_one(a_draft(), journal)


def test_a_change_whose_invoice_is_searchable_only_later_is_not_missed() -> None:
    bench = SquareBench()
    bench.pass_time(3600)
    cursor = bench.adapter().changed(None).cursor
    ref = push(bench, "A-1")
    bench.account.pay(ref)
    hidden = [True]
    change(bench, "/v2/invoices/search", lambda document: hidden and document.pop("invoices", None))
    pages, cursor = follow(bench, cursor)
    assert refs(pages) == set()

    hidden.clear()
    bench.pass_time(60)
    pages, _ = follow(bench, cursor)

    assert refs(pages) == {ref}


def test_a_paid_order_is_ours_whatever_was_given_on_top() -> None:
    bench = SquareBench()
    journal = PlainJournal()
    ref = bench.adapter().push_one(a_draft(), journal).ref
    body = next(step.body for (_subject, name), step in journal.steps.items() if name == "order")
    bench.account.take(ref, "CARD", 4500, tip=900)

    def tipped(document: dict[str, Any]) -> None:
        for order in document["orders"]:
            order["total_tip_money"] = {"amount": 900, "currency": "USD"}
            order["total_money"]["amount"] += 900

    change(bench, "/v2/orders/search", tipped)

    found = bench.adapter()._pusher._find_order(body)

    assert found is not None and found["differences"] == []


def test_an_invoice_that_the_office_changed_is_not_withdrawn_by_a_look_for_its_order() -> None:
    bench = SquareBench()
    journal = PlainJournal()
    ref = bench.adapter().push_one(a_draft(), journal).ref
    body = next(step.body for (_subject, name), step in journal.steps.items() if name == "order")
    bench.account.edit(ref, 5000)

    with pytest.raises(StepStuck, match="another total"):
        bench.adapter()._pusher._find_order(body)


@pytest.mark.parametrize("status", [401, 403])
def test_a_proxys_page_does_not_take_the_account_for_lost(status: int) -> None:
    bench = SquareBench()
    bench.network.always = httpx.Response(status, html="<html>blocked</html>")

    with pytest.raises(Garbled):
        bench.adapter().changed(None)
