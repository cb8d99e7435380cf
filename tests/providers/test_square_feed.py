"""Square: what changed, found through orders, payments, refunds and disputes."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from daemon.errors import CursorLost
from daemon.model import Changes, Document
from daemon.model.ids import our_reference
from daemon.providers.contract import PlainJournal
from tests.providers.square_bench import SquareBench, a_draft, a_payer


def push(bench: SquareBench, number: str, payer: str = "1") -> str:
    ours = our_reference(tenant="t", reference=number, account="a", operation="create")
    who = our_reference(tenant="t", reference=payer, account="a", operation="payer")
    draft = a_draft(number=number, reference=ours, payer=a_payer(reference=who))
    return bench.adapter().push_one(draft, PlainJournal()).ref


def follow(bench: SquareBench, cursor: Document) -> tuple[list[Changes], Document]:
    pages = []
    while True:
        page = bench.adapter().changed(json.loads(json.dumps(cursor)))
        pages.append(page)
        cursor = page.cursor
        if not page.more:
            return pages, cursor


def refs(pages: list[Changes]) -> set[str | None]:
    return {hint.ref for page in pages for hint in page.hints}


def payments(pages: list[Changes]) -> set[str]:
    return {one for page in pages for one in page.payments}


def test_an_idle_poll_costs_four_requests_and_our_own_pushes_none_more() -> None:
    bench = SquareBench()
    cursor = bench.adapter().changed(None).cursor
    push(bench, "A-1")
    before = len(bench.network.seen)

    pages, _ = follow(bench, cursor)

    assert (refs(pages), payments(pages)) == (set(), set())
    assert len(bench.network.seen) - before == 4


def test_what_was_told_is_not_looked_up_again() -> None:
    bench = SquareBench()
    cursor = bench.adapter().changed(None).cursor
    ref = push(bench, "A-1")
    bench.account.pay(ref)
    pages, cursor = follow(bench, cursor)
    before = len(bench.network.seen)

    again, _ = follow(bench, cursor)

    assert (refs(pages), refs(again)) == ({ref}, set())
    assert len(bench.network.seen) - before == 4


def test_each_further_change_is_told() -> None:
    bench = SquareBench()
    ref = push(bench, "A-1")
    cursor = bench.adapter().changed(None).cursor
    for amount in (100, 200, 300):
        bench.account.take(ref, "CASH", amount)
        bench.pass_time(20)
        pages, cursor = follow(bench, cursor)
        assert refs(pages) == {ref}


def test_a_cancellation_and_a_payment_that_was_taken_back_are_told() -> None:
    bench = SquareBench()
    void, unpaid = push(bench, "A-1"), push(bench, "A-2")
    bench.account.take(unpaid, "CASH", 4500)
    bench.pass_time(3600)
    cursor = bench.adapter().changed(None).cursor
    bench.account.void(void)
    bench.account.reverse(unpaid)

    pages, _ = follow(bench, cursor)

    assert refs(pages) == {void, unpaid}


def test_refunds_disputes_and_failed_debits_are_told_by_their_payments() -> None:
    bench = SquareBench()
    made = [push(bench, f"A-{n}") for n in range(3)]
    paid = [bench.account.take(ref, "BANK_ACCOUNT", 4500) for ref in made]
    bench.pass_time(3600)
    cursor = bench.adapter().changed(None).cursor
    bench.account.refund(made[0], 100)
    bench.account.dispute(made[1])
    bench.account.reverse(made[2])

    pages, cursor = follow(bench, cursor)
    again, _ = follow(bench, cursor)

    assert payments(pages) == set(paid)
    assert payments(again) == set()


def test_a_dispute_that_moves_on_much_later_is_told_again() -> None:
    bench = SquareBench()
    ref = push(bench, "A-1")
    payment = bench.account.pay(ref)
    bench.account.dispute(ref)
    cursor = bench.adapter().changed(None).cursor
    _, cursor = follow(bench, cursor)
    bench.pass_time(40 * 86_400)
    _, cursor = follow(bench, cursor)
    bench.account.close_dispute(ref, won=False)

    pages, _ = follow(bench, cursor)

    assert payments(pages) == {payment}


def test_a_change_that_is_searchable_only_later_is_not_missed() -> None:
    bench = SquareBench(lag_s=0)
    ref = push(bench, "A-1")
    bench.double.lag_s = 120
    bench.pass_time(3600)
    cursor = bench.adapter().changed(None).cursor
    bench.account.pay(ref)
    pages, cursor = follow(bench, cursor)
    assert refs(pages) == set()

    bench.pass_time(130)
    pages, _ = follow(bench, cursor)

    assert refs(pages) == {ref}


def test_many_changes_are_resolved_by_listing() -> None:
    bench = SquareBench()
    made = [push(bench, f"A-{n}", payer=str(n)) for n in range(30)]
    cursor = bench.adapter().changed(None).cursor
    for ref in made:
        bench.account.pay(ref)
    before = len(bench.network.seen)

    pages, _ = follow(bench, cursor)

    assert refs(pages) == set(made)
    assert len(bench.network.seen) - before == 5


def test_the_merchant_s_own_sales_are_not_looked_up() -> None:
    bench = SquareBench()
    cursor = bench.adapter().changed(None).cursor
    ref = bench.account.strangers("0000001", 100)
    bench.account.pay(ref)
    before = len(bench.network.seen)

    pages, _ = follow(bench, cursor)

    assert refs(pages) == set()
    assert len(bench.network.seen) - before == 4


def test_pages_go_on_where_the_last_one_ended_and_a_dead_cursor_starts_the_run_anew() -> None:
    bench = SquareBench()
    made = [push(bench, f"A-{n}", payer=str(n)) for n in range(4)]
    cursor = bench.adapter().changed(None).cursor
    for ref in made:
        bench.account.pay(ref)
    _small_pages(bench)

    first = bench.adapter().changed(cursor)
    assert first.more and len(first.hints) < 4
    bench.pass_time(1200)
    rest, _ = follow(bench, first.cursor)

    assert refs([first, *rest]) == set(made)


@pytest.mark.parametrize("cursor", [{}, {"since": 7}, {"since": "soon"}, {"since": None, "told": 3}])
def test_what_is_no_cursor_is_lost(cursor: Document) -> None:
    with pytest.raises(CursorLost):
        SquareBench().adapter().changed(cursor)


def test_without_a_clock_of_square_s_the_mark_stays_and_nothing_is_missed() -> None:
    bench = SquareBench()
    ref = push(bench, "A-1")
    inner = bench.network.inner

    class Undated(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            response = inner.handle_request(request)
            del response.headers["date"]
            return response

    bench.network.inner = Undated()
    cursor = bench.adapter().changed(None).cursor
    bench.account.pay(ref)
    bench.pass_time(86_400)
    pages, _ = follow(bench, cursor)

    assert refs(pages) == {ref}


def _small_pages(bench: SquareBench) -> None:
    """Square answers two orders a page, whatever is asked."""
    inner = bench.network.inner

    class Small(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if not request.url.path.endswith("/orders/search"):
                return inner.handle_request(request)
            body: dict[str, Any] = {**json.loads(request.read()), "limit": 2}
            plain = {name: one for name, one in request.headers.items() if name != "content-length"}
            return inner.handle_request(httpx.Request("POST", request.url, headers=plain, json=body))

    bench.network.inner = Small()
