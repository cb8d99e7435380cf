"""Xero: no change is missed, none costs more than it must, and an idle poll costs next to nothing."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from daemon.clock import SystemClock
from daemon.errors import CursorLost, Garbled
from daemon.model import Changes, DocStatus, Document, Hint, Mode, Observation
from daemon.providers.base import Context
from daemon.providers.contract import PlainJournals
from daemon.providers.xero import Xero
from daemon.providers.xero.pull import PAGE
from daemon.providers.xero.setup import XeroCredentials, XeroSettings
from daemon.wire import HttpWire
from tests.providers.xero_bench import URL, XeroBench, a_draft

QUIET = 3600


def start(bench: XeroBench, count: int = 1) -> tuple[list[str], Document]:
    """Invoices that were told long ago, and a cursor behind them."""
    drafts = [a_draft(n) for n in range(1, count + 1)]
    refs: list[str] = []
    for n in range(0, count, 50):
        results = list(bench.adapter(send_email=False).push(drafts[n : n + 50], PlainJournals()))
        refs += [result.pushed.ref for result in results if result.pushed]
        bench.pass_time(1)
    bench.pass_time(QUIET)
    cursor = bench.adapter().changed(None).cursor
    bench.pass_time(QUIET)
    bench.network.requests.clear()
    return refs, cursor


def follow(adapter: Xero, cursor: Document) -> tuple[list[Observation], list[Hint], Document]:
    seen: list[Observation] = []
    hints: list[Hint] = []
    for _ in range(100):
        page: Changes = adapter.changed(cursor)
        seen += page.observations
        hints += page.hints
        cursor = page.cursor
        if not page.more:
            return seen, hints, cursor
    raise AssertionError("the feed does not end")


def test_an_idle_poll_takes_two_calls_and_every_fourth_three() -> None:
    bench = XeroBench()
    _, cursor = start(bench)
    calls = []
    for _ in range(4):
        seen, hints, cursor = follow(bench.adapter(), cursor)
        bench.pass_time(900)
        assert (seen, hints) == ([], [])
        calls.append(sum(one.method == "GET" for one in bench.network.requests))

    assert calls == [3, 5, 7, 9]


@pytest.mark.parametrize("touched", [False, True])
def test_a_payment_is_told_whether_or_not_it_moves_the_invoices_time(touched: bool) -> None:
    bench = XeroBench(touched_by_payments=touched)
    (ref, _other), cursor = start(bench, 2)
    bench.account.pay(ref)

    seen, hints, _ = follow(bench.adapter(), cursor)

    if touched:
        assert [(one.ref, one.status) for one in seen] == [(ref, DocStatus.PAID)]
        assert hints == []
    else:
        assert [hint.ref for hint in hints] == [ref]


@pytest.mark.parametrize("touched", [False, True])
def test_a_deleted_payment_is_told(touched: bool) -> None:
    bench = XeroBench(touched_by_payments=touched)
    (ref,), cursor = start(bench)
    bench.account.pay(ref)
    bench.pass_time(QUIET)
    _, _, cursor = follow(bench.adapter(), cursor)
    bench.pass_time(QUIET)
    bench.account.reverse(ref)

    seen, hints, _ = follow(bench.adapter(), cursor)

    assert ref in {*(one.ref for one in seen), *(hint.ref for hint in hints)}


def test_a_payment_that_no_longer_names_its_invoice_is_told_by_its_own_id() -> None:
    bench = XeroBench()
    (ref,), cursor = start(bench)
    payment = bench.account.pay(ref)
    inner = bench.network.inner.handle_request

    def nameless(request: httpx.Request) -> httpx.Response:
        answer = inner(request)
        if request.url.path.endswith("/Payments"):
            answer.read()
            return httpx.Response(200, text=answer.text.replace(ref, "gone"))
        return answer

    bench.network.inner.handle_request = nameless  # type: ignore[method-assign]
    adapter, payments = bench.adapter(), []
    while True:
        page = adapter.changed(cursor)
        payments += page.payments
        cursor = page.cursor
        if not page.more:
            break

    assert payments == [payment]


@pytest.mark.parametrize("polls_before", range(5))
def test_a_credit_note_is_told_within_four_polls(polls_before: int) -> None:
    bench = XeroBench()
    (ref,), cursor = start(bench)
    for _ in range(polls_before):
        _, _, cursor = follow(bench.adapter(), cursor)
        bench.pass_time(900)
    bench.account.credit(ref, 500)
    hints: list[Hint] = []
    for _ in range(4):
        _, more, cursor = follow(bench.adapter(), cursor)
        hints += more
        bench.pass_time(900)

    assert {hint.ref for hint in hints} == {ref}


def test_voided_and_deleted_invoices_are_told() -> None:
    bench = XeroBench()
    (one, two), cursor = start(bench, 2)
    bench.account.void(one)
    bench.account.submit(two, "DELETED")

    seen, _, _ = follow(bench.adapter(), cursor)

    assert {(x.ref, x.status) for x in seen} == {(one, DocStatus.VOID), (two, DocStatus.MISSING)}


def test_the_cursor_follows_xeros_clock_and_goes_back_ten_minutes() -> None:
    bench = XeroBench()
    (ref,), cursor = start(bench)
    bench.account.edit(ref, 4600)
    late = bench.account.invoice(ref).updated
    _, _, cursor = follow(bench.adapter(), cursor)
    bench.account.invoice(ref).updated = late

    again, _, cursor = follow(bench.adapter(), cursor)
    bench.pass_time(QUIET)
    _, _, cursor = follow(bench.adapter(), cursor)
    gone, _, _ = follow(bench.adapter(), cursor)

    assert [one.ref for one in again] == [ref] and gone == []


def test_rows_that_move_while_pages_are_read_are_not_skipped() -> None:
    """A page counted by number would shift: what is edited moves to the end, and what stood behind it moves
    up to a page that was read already."""
    bench = XeroBench()
    refs, _ = start(bench, PAGE + 200)
    adapter = bench.adapter()
    cursor: Document = {"since": 0, "run": 1}
    first = adapter.changed(cursor)
    bench.pass_time(1)
    for ref in refs[:100]:
        bench.account.edit(ref, 4600)

    seen, _, _ = follow(adapter, first.cursor)

    assert {one.ref for one in (*first.observations, *seen)} == set(refs)


def test_more_rows_of_one_second_than_a_page_holds_are_all_told() -> None:
    bench = XeroBench()
    refs, _ = start(bench, PAGE + 100)
    for invoice in bench.account.books.invoices.values():
        invoice.updated = bench.clock.now()

    seen, _, _ = follow(bench.adapter(), {"since": 0, "run": 1})

    assert {one.ref for one in seen} == set(refs)


def test_pages_too_large_for_the_wire_are_asked_for_in_smaller_ones() -> None:
    bench = XeroBench()
    refs, _ = start(bench, 300)
    wire = HttpWire("Xero", gate=bench.gate, clock=SystemClock(), transport=bench.network, max_bytes=150_000)
    given = XeroSettings(account_code="200")
    credentials = XeroCredentials(tenant_id=bench.account.id)
    adapter = Xero(Context(credentials, given, wire, Mode.LIVE, URL, bench.keeper, bench.clock))

    seen, _, cursor = follow(adapter, {"since": 0, "run": 1})

    assert {one.ref for one in seen} == set(refs)
    assert cursor.keys() == {"since", "credits", "run"}


def test_a_poll_of_invoices_of_other_apps_tells_nothing() -> None:
    bench = XeroBench()
    _, cursor = start(bench)
    bench.account.strangers("OWN-1", 900)

    assert follow(bench.adapter(), cursor)[0] == []


@pytest.mark.parametrize(
    "cursor", [{}, {"since": "x"}, {"since": 1, "stage": "moon"}, {"since": 1, "told": []}, {"since": -1}]
)
def test_a_cursor_that_is_not_ours_is_lost(cursor: dict[str, Any]) -> None:
    with pytest.raises(CursorLost):
        XeroBench().adapter().changed(cursor)


def test_a_page_that_cannot_be_read_moves_nothing() -> None:
    bench = XeroBench()
    (ref,), cursor = start(bench)
    bench.account.edit(ref, 4600)
    bench.spoil("truncated", after=0)

    with pytest.raises(Garbled):
        bench.adapter().changed(cursor)

    assert [one.ref for one in follow(bench.adapter(), cursor)[0]] == [ref]
