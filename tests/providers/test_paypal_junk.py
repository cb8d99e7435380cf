"""PayPal: whatever stands in any place of an answer, it is understood or Garbled, and never a crash."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from daemon.errors import CursorLost, WispbillError
from daemon.model import Asked
from daemon.providers.contract import PlainJournal
from daemon.providers.paypal.read import Losses, observe, remembered, sources
from tests.providers.paypal_bench import PayPalBench, a_draft

JUNK: tuple[Any, ...] = (None, True, -1, "", "x", [], ["x"], [None], {}, {"x": 1}, [{}], "2026-13-45", 10**30)

FEW: tuple[Any, ...] = (None, "x", [None], {"x": 1})
"""Where each costs a request or more."""


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if at:
        yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield from places(inner, (*at, name))


def spoilt(document: Any, kinds: tuple[Any, ...] = JUNK) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """The document with each kind of junk in each place, and without each place."""
    for place in places(document):
        for junk in (*kinds, "gone"):
            changed = copy.deepcopy(document)
            holder = changed
            for name in place[:-1]:
                holder = holder[name]
            if junk == "gone" and isinstance(holder, dict):
                del holder[place[-1]]
            else:
                holder[place[-1]] = junk
            yield place, changed


@pytest.fixture(scope="module")
def bench() -> PayPalBench:
    bench = PayPalBench(judged=False)
    bench.settings = {}
    return bench


@pytest.fixture(scope="module")
def disputed(bench: PayPalBench) -> str:
    """An invoice with payment, refund and dispute."""
    ref = bench.adapter().push_one(a_draft(), PlainJournal()).ref
    bench.account.pay(ref)
    bench.account.refund(ref, 1000)
    bench.account.dispute(ref)
    bench.account.close_dispute(ref, won=False)
    bench.pass_time(60)
    return ref


def ask(bench: PayPalBench, path: str, method: str = "GET", body: Any = None) -> Any:
    headers = {"authorization": f"Bearer {bench.keeper.access().get_secret_value()}"}
    with httpx.Client(transport=bench.network) as client:
        return client.request(method, f"https://sandbox.test{path}", headers=headers, json=body).json()


def test_an_invoice_with_junk_anywhere(bench: PayPalBench, disputed: str) -> None:
    doc = ask(bench, f"/v2/invoicing/invoices/{disputed}")

    for place, changed in spoilt(doc):
        with suppress(WispbillError):
            json.dumps(observe(changed, Losses()).raw)
            json.dumps(remembered(changed))
            assert all(isinstance(one, str) for one in sources(changed)), place


def test_a_dispute_with_junk_anywhere(bench: PayPalBench, disputed: str) -> None:
    doc = ask(bench, f"/v2/invoicing/invoices/{disputed}")
    (source,) = sources(doc)
    (row,) = ask(bench, "/v1/customer/disputes")["items"]
    dispute = ask(bench, f"/v1/customer/disputes/{row['dispute_id']}")

    for _, changed in spoilt(dispute):
        with suppress(WispbillError):
            observe(doc, Losses({source: (changed,)}, frozenset({source})))


def answered(bench: PayPalBench, path: str, document: Any) -> None:
    """From now on this is what comes from addresses that end so."""

    def changed(request: httpx.Request, reply: httpx.Response) -> httpx.Response:
        if not request.url.path.endswith(path):
            return reply
        return httpx.Response(reply.status_code, json=document, headers={"date": reply.headers["date"]})

    bench.network.changed = changed


def test_a_list_of_disputes_with_junk_anywhere(bench: PayPalBench, disputed: str) -> None:
    document = ask(bench, "/v1/customer/disputes")
    cursor = bench.adapter().changed(None).cursor | {"at": "disputes", "until": "2026-03-02T09:30:00Z"}

    for _, changed in spoilt(document):
        answered(bench, "/v1/customer/disputes", changed)
        for call in (
            lambda: list(bench.adapter().pull([Asked(disputed)])),
            lambda: bench.adapter().changed(cursor),
        ):
            with suppress(WispbillError):
                call()
    bench.network.changed = lambda _, reply: reply


def test_a_page_of_search_with_junk_anywhere(bench: PayPalBench, disputed: str) -> None:
    refs = [disputed, *(f"INV2-NOWHERE-{n}" for n in range(11))]
    body = {"fields": ["payments", "refunds"]}
    query = "?page=1&page_size=100&total_required=true"
    document = ask(bench, f"/v2/invoicing/search-invoices{query}", "POST", body)
    cursor = bench.adapter().changed(None).cursor

    for _, changed in spoilt(document, FEW):
        answered(bench, "search-invoices", changed)
        for call in (
            lambda: list(bench.adapter().pull([Asked(ref) for ref in refs])),
            lambda: bench.adapter().changed(cursor),
        ):
            with suppress(WispbillError):
                call()
    bench.network.changed = lambda _, reply: reply


def test_an_answer_to_create_and_send_with_junk_anywhere() -> None:
    bench = PayPalBench(judged=False)
    made = ask(bench, "/v2/invoicing/invoices/" + bench.account.strangers("S-1", 4500))
    sent = {"rel": "payer-view", "href": "https://www.paypal.com/invoice/p/#AAAA", "method": "GET"}

    for path, document in (("/v2/invoicing/invoices", made), ("/send", sent)):
        for number, (_, changed) in enumerate(spoilt(document, FEW)):
            answered(bench, path, changed)
            draft = a_draft(name=f"{path[-4:]}-{number}")
            with suppress(WispbillError):
                bench.adapter().push_one(draft, PlainJournal())


def test_a_cursor_with_junk_anywhere_is_lost_or_works(bench: PayPalBench) -> None:
    cursor = bench.adapter().changed(None).cursor
    cursor |= {"at": "refunds", "page": 2, "token": "", "until": "2026-03-02T09:30:00Z", "fresh": []}

    for _, changed in spoilt(cursor):
        with suppress(CursorLost):
            bench.adapter().changed(changed)


def test_junk_in_what_is_looked_for_stops_and_never_adopts(bench: PayPalBench, disputed: str) -> None:
    """The invoice that a lost answer left, read with junk in it: whatever is adopted is ours."""
    doc = ask(bench, f"/v2/invoicing/invoices/{disputed}")
    ours = {name: doc[name] for name in ("id", "detail", "primary_recipients")}
    for place, changed in spoilt(ours, FEW):
        answered(bench, disputed, doc | changed)
        with suppress(WispbillError):
            pushed = bench.adapter().push_one(a_draft(), PlainJournal())
            assert pushed.observation.our_reference == a_draft().reference, place
    bench.network.changed = lambda _, reply: reply
