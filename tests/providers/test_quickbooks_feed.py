"""QuickBooks' change feed: one call tells all, and what it cannot tell is read otherwise."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daemon.errors import CursorLost
from daemon.model import Changes, DocStatus, Document
from daemon.providers.quickbooks import feed
from daemon.sandbox.quickbooks import service
from daemon.sandbox.quickbooks.books import Company
from tests.providers.quickbooks_bench import QuickBooksBench


@pytest.fixture
def bench() -> QuickBooksBench:
    return QuickBooksBench()


def walk(bench: QuickBooksBench, cursor: Document) -> tuple[list[Changes], Document]:
    pages: list[Changes] = []
    for _ in range(200):
        page = bench.adapter().changed(json.loads(json.dumps(cursor)))
        pages.append(page)
        cursor = page.cursor
        if not page.more:
            return pages, cursor
    raise AssertionError("the feed does not end")


def refs(pages: list[Changes]) -> set[str | None]:
    observed = {one.ref for page in pages for one in page.observations}
    return observed | {hint.ref for page in pages for hint in page.hints}


def start(bench: QuickBooksBench) -> Document:
    """From now on; what was done before lies behind the overlap."""
    bench.pass_time(600)
    cursor = bench.adapter().changed(None).cursor
    bench.pass_time(60)
    return cursor


def test_a_payment_is_told_as_the_truth_in_one_call(bench: QuickBooksBench) -> None:
    ref = bench.pushed()
    cursor = start(bench)
    payment = bench.account.pay(ref)
    bench.network.requests.clear()

    ((page,), _) = walk(bench, cursor)

    (seen,) = page.observations
    assert (seen.ref, seen.status, seen.facts[0].external_id) == (ref, DocStatus.PAID, payment)
    assert (page.hints, page.payments) == ((), ())
    assert len(bench.network.requests) == 1


def test_an_invoice_that_its_payment_does_not_touch_is_hinted() -> None:
    bench = QuickBooksBench(Company(bumps_paid=False))
    ref = bench.pushed()
    cursor = start(bench)
    bench.account.pay(ref)

    ((page,), _) = walk(bench, cursor)

    assert [hint.ref for hint in page.hints] == [ref] and page.observations == ()


@pytest.mark.parametrize("act", ["reverse", "void_payment", "unapply"])
def test_a_payment_that_is_taken_back_names_itself_where_its_invoices_are_not_told(act: str) -> None:
    bench = QuickBooksBench(Company(bumps_paid=False))
    ref = bench.pushed()
    payment = bench.account.pay(ref)
    cursor = start(bench)
    getattr(bench.account, act)(ref)

    ((page,), _) = walk(bench, cursor)

    assert page.payments == (payment,)


def test_a_deleted_invoice_is_told_as_missing(bench: QuickBooksBench) -> None:
    ref = bench.pushed()
    cursor = start(bench)
    bench.account.delete(ref)

    ((page,), _) = walk(bench, cursor)

    assert [(one.ref, one.status) for one in page.observations] == [(ref, DocStatus.MISSING)]


def test_a_payment_read_before_is_fetched_for_the_truth(bench: QuickBooksBench) -> None:
    """A second payment: the first is not in the feed any more."""
    ref = bench.pushed()
    first = bench.account.pay(ref, 1000)
    cursor = start(bench)
    second = bench.account.pay(ref)

    ((page,), _) = walk(bench, cursor)

    (seen,) = page.observations
    assert [fact.external_id for fact in seen.facts] == [first, second]


def test_the_merchants_own_invoices_cost_no_reads(bench: QuickBooksBench) -> None:
    cursor = start(bench)
    for n in range(5):
        bench.account.pay(bench.account.strangers(f"S-{n}", 1000))
    bench.network.requests.clear()

    ((page,), _) = walk(bench, cursor)

    assert len(bench.network.requests) == 1
    assert page.observations == () and len(page.hints) == 5


def test_an_idle_poll_is_one_read_and_starts_at_quickbooks_own_clock(bench: QuickBooksBench) -> None:
    cursor = start(bench)
    bench.network.requests.clear()

    _, after = walk(bench, cursor)

    assert len(bench.network.requests) == 1
    assert bench.network.requests[0].url.params["changedSince"] == "2026-03-02T09:05:00.000Z"
    assert after == {"since": "2026-03-02T09:11:00.000Z"}


@pytest.mark.parametrize("days", [31, 90])
def test_a_cursor_of_another_month_is_lost(bench: QuickBooksBench, days: int) -> None:
    cursor = start(bench)
    bench.clock.move(days=days)

    with pytest.raises(CursorLost):
        bench.adapter().changed(cursor)


@pytest.mark.parametrize(
    "cursor",
    [{}, {"since": 5}, {"since": "yesterday"}, {"since": "2026-03-02T09:00:00Z", "left": ["Invoice"]}],
)
def test_a_cursor_that_is_none_is_lost(bench: QuickBooksBench, cursor: Any) -> None:
    with pytest.raises(CursorLost):
        bench.adapter().changed(cursor)


# --- more than an answer holds -------------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """Answers hold ten objects, pages four."""
    monkeypatch.setattr(service, "CDC_MOST", 10)
    monkeypatch.setattr(feed, "ROWS", 10)
    monkeypatch.setattr(feed, "PAGE", 4)
    return 10


def test_what_is_too_much_together_is_asked_for_by_each_entity(bench: QuickBooksBench, small: int) -> None:
    cursor = start(bench)
    paid = [bench.pushed(f"A-{n}") for n in range(6)]
    for ref in paid:
        bench.account.pay(ref)

    pages, after = walk(bench, cursor)

    assert len(pages) == 1 and refs(pages) == set(paid)
    assert after.keys() == {"since"}


def test_invoices_that_do_not_fit_are_read_by_pages_and_payments_are_told_whole(
    bench: QuickBooksBench, small: int
) -> None:
    """Our own bulk push must not make everything be read again."""
    cursor = start(bench)
    pushed = [bench.pushed(f"A-{n}") for n in range(25)]
    bench.account.pay(pushed[3])
    gone = bench.account.pay(pushed[4])
    bench.account.reverse(pushed[4])

    pages, after = walk(bench, cursor)

    assert refs(pages) == set(pushed)
    assert gone in pages[0].payments
    assert after.keys() == {"since"}


def test_pages_of_one_second_and_of_many_leave_nothing_out(bench: QuickBooksBench, small: int) -> None:
    cursor = start(bench)
    pushed = []
    for n in range(30):
        pushed.append(bench.pushed(f"A-{n}"))
        if n > 11:
            bench.pass_time(1)

    pages, _ = walk(bench, cursor)

    assert refs(pages) == set(pushed)


def test_payments_that_do_not_fit_are_told_and_then_everything_open_is_read_again(
    bench: QuickBooksBench, small: int
) -> None:
    invoices = [bench.pushed(f"A-{n}") for n in range(12)]
    bench.pass_time(3600)
    cursor = start(bench)
    for ref in invoices:
        bench.account.pay(ref)
    pages: list[Changes] = []

    with pytest.raises(CursorLost, match="read again"):
        for _ in range(50):
            page = bench.adapter().changed(cursor)
            pages.append(page)
            assert page.more
            cursor = json.loads(json.dumps(page.cursor))

    assert refs(pages) == set(invoices)
    assert bench.adapter().changed(None).cursor["since"]


def test_an_answer_that_is_too_large_to_take_in_is_read_by_pages(bench: QuickBooksBench) -> None:
    cursor = start(bench)
    pushed = [bench.pushed(f"A-{n}") for n in range(3)]
    adapter = bench.adapter()
    adapter.wire._max_bytes = 2500  # type: ignore[attr-defined]
    pages: list[Changes] = []
    feed_page, feed.PAGE = feed.PAGE, 1
    try:
        while not pages or pages[-1].more:
            pages.append(adapter.changed(cursor))
            cursor = pages[-1].cursor
    finally:
        feed.PAGE = feed_page

    assert refs(pages) == set(pushed)
