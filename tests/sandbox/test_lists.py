"""Lists, search, expansions: newest first, nothing skipped, nothing twice, nothing too deep."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.sandbox.faults import Fault, FaultKind
from tests.sandbox.harness import Bench, refused


def test_a_list_shows_ten_rows_newest_first() -> None:
    bench = Bench()
    made = [bench.customer() for _ in range(12)]
    listed = bench.get("/v1/customers")
    assert listed.ids == made[::-1][:10]
    assert (listed["has_more"], listed["url"]) == (True, "/v1/customers")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 1), max_size=12), st.integers(1, 5))
def test_paging_either_way_meets_every_row_once(pauses: list[int], limit: int) -> None:
    """Many rows share a second, and their order holds."""
    bench = Bench()
    made = []
    for pause in pauses:
        bench.clock.wait(pause)
        made.append(bench.customer())
    older = walk(bench, "/v1/customers", limit, "starting_after", -1)
    assert older == made[::-1]
    if made:
        newer = walk(bench, "/v1/customers", limit, "ending_before", 0, first=made[0])
        assert newer == made[1:]


def walk(bench: Bench, path: str, limit: int, by: str, edge: int, first: str | None = None) -> list[str]:
    seen: list[str] = []
    cursor = first
    while True:
        page = bench.get(path, {"limit": limit, **({by: cursor} if cursor else {})})
        seen += page.ids if edge else page.ids[::-1]
        if not page["has_more"]:
            return seen
        cursor = page.ids[edge]


def test_ending_before_gives_the_page_next_to_the_cursor() -> None:
    bench = Bench()
    made = [bench.customer() for _ in range(5)]
    page = bench.get("/v1/customers", {"ending_before": made[0], "limit": 2})
    assert (page.ids, page["has_more"]) == ([made[2], made[1]], True)


def test_two_cursors_at_once_or_an_unknown_one_are_refused() -> None:
    bench = Bench()
    one = bench.customer()
    refused(bench.get("/v1/customers", {"ending_before": one, "starting_after": one}), 400)
    unknown = bench.get("/v1/customers", {"starting_after": "cus_gone"})
    refused(unknown, 400, "resource_missing", "starting_after")


def test_invoices_are_filtered_by_customer_status_due_date_and_time() -> None:
    bench = Bench()
    first = bench.customer()
    draft = bench.draft(first)
    bench.clock.wait(100)
    late = bench.opened(customer=first, days_until_due=30)
    other = bench.opened()

    def listed(**params: Any) -> list[str]:
        return bench.get("/v1/invoices", params).ids

    assert listed(customer=first) == [late, draft]
    assert listed(customer=first, status="open") == [late]
    assert listed(status="draft") == [draft]
    assert listed(customer="cus_nobody") == []
    assert listed(**{"created[gte]": bench.now}) == [other, late]
    assert listed(**{"created[lt]": bench.now}) == [draft]
    assert listed(created=bench.now - 100) == [draft]
    assert listed(**{"due_date[gt]": bench.now + 20 * 86_400}) == [late]
    assert listed(collection_method="charge_automatically") == []


def test_customers_are_found_by_exact_email() -> None:
    bench = Bench()
    twice = [bench.customer(email="Same@example.com") for _ in range(2)]
    bench.customer(email="same@example.com")
    assert bench.get("/v1/customers", {"email": "Same@example.com"}).ids == twice[::-1]


def test_a_list_is_consistent_at_once_but_can_be_told_to_be_stale() -> None:
    bench = Bench()
    opened = bench.opened()
    draft = bench.draft()
    bench.clock.wait(10)
    bench.account.pay(opened)
    bench.delete(f"/v1/invoices/{draft}")
    new = bench.draft()
    assert bench.get("/v1/invoices").ids == [new, opened]

    bench.faults.add(Fault(FaultKind.STALE_LIST, seconds=5))
    then = bench.get("/v1/invoices")
    assert then.ids == [draft, opened]
    assert then["data"][1]["status"] == "open"
    assert bench.get("/v1/invoices").ids == [new, opened]


def test_a_stale_list_can_be_paged() -> None:
    bench = Bench()
    made = [bench.customer() for _ in range(4)]
    bench.clock.wait(10)
    bench.customer()
    bench.faults.add(Fault(FaultKind.STALE_LIST, seconds=5))
    assert bench.get("/v1/customers", {"limit": 3, "starting_after": made[2]}).ids == [made[1], made[0]]
    bench.faults.add(Fault(FaultKind.STALE_LIST, seconds=5))
    newer = bench.get("/v1/customers", {"limit": 1, "ending_before": made[1]})
    assert (newer.ids, newer["has_more"]) == ([made[2]], True)


def test_a_stale_list_keeps_its_filters() -> None:
    bench = Bench()
    invoice = bench.opened()
    bench.opened()
    bench.clock.wait(10)
    bench.faults.add(Fault(FaultKind.STALE_LIST, seconds=5))
    assert [one["invoice"] for one in bench.get("/v1/invoice_payments", {"invoice": invoice})["data"]] == [
        invoice
    ]


def test_search_sees_what_is_a_minute_old() -> None:
    bench = Bench()
    invoice = bench.draft(**{"metadata[wispbill_invoice]": "WB-1"})
    query = {"query": 'metadata["wispbill_invoice"]:"WB-1"'}
    assert bench.get("/v1/invoices/search", query).ids == []
    bench.clock.wait(61)
    found = bench.get("/v1/invoices/search", query)
    assert (found.ids, found["object"], found["next_page"]) == ([invoice], "search_result", None)


@pytest.mark.parametrize(
    ("query", "hits"),
    [
        ('status:"open"', 1),
        ('-status:"open"', 1),
        ('status:"open" OR status:"draft"', 2),
        ('status:"open" AND total>4499', 1),
        ("total>=4500 total<1", None),
        ('status:"open" AND total>1 OR total<1', None),
        ("status:open", None),
        ('colour:"red"', None),
        ("total~45", None),
        ('metadata["k"]:null', 1),
        ('-metadata["k"]:null', 1),
        ('metadata["k"]~"a\\"b"', 1),
        ('metadata["k"]~"ab"', None),
        ('customer:"cus_nobody"', 0),
        ("", None),
    ],
)
def test_the_query_language(query: str, hits: int | None) -> None:
    bench = Bench(search_lag_s=0)
    bench.opened(4500)
    bench.draft(**{"metadata[k]": 'xa"b'})
    reply = bench.get("/v1/invoices/search", {"query": query})
    if hits is None:
        assert reply.status == 400
    else:
        assert len(reply.ids) == hits


def test_search_is_paged_by_its_own_token_and_absent_in_india() -> None:
    bench = Bench(search_lag_s=0)
    made = [bench.customer() for _ in range(3)]
    query = {"query": 'email:"subscriber0001@example.com"', "limit": 2}
    first = bench.get("/v1/customers/search", query)
    rest = bench.get("/v1/customers/search", {**query, "page": first["next_page"]})
    assert first.ids + rest.ids == made[::-1]
    assert rest["has_more"] is False

    bench.double.add_account("sk_test_india0123456789", country="IN")
    refused(bench.get("/v1/customers/search", query, Authorization="Bearer sk_test_india0123456789"), 400)


def test_ids_expand_to_their_objects_down_to_the_charge() -> None:
    bench = Bench()
    invoice = bench.opened()
    bench.account.pay(invoice)
    paths = ["data.payment.payment_intent.latest_charge", "data.invoice"]
    (payment,) = bench.get("/v1/invoice_payments", {"expand[]": paths})["data"]
    intent = payment["payment"]["payment_intent"]
    assert payment["invoice"]["id"] == invoice
    assert (intent["status"], intent["latest_charge"]["payment_method_details"]["type"]) == (
        "succeeded",
        "card",
    )


def test_payments_of_an_invoice_are_shown_only_when_asked_for() -> None:
    bench = Bench()
    invoice = bench.opened()
    assert "payments" not in bench.invoice(invoice).doc
    expanded = bench.invoice(invoice, **{"expand[]": "payments.data.payment.payment_intent"})
    (payment,) = expanded["payments"]["data"]
    assert payment["payment"]["payment_intent"]["status"] == "requires_payment_method"


@pytest.mark.parametrize(
    ("path", "expand"),
    [
        ("/v1/invoices", "data.payments.data.payment.payment_intent"),
        ("/v1/invoices", "customer"),
        ("/v1/invoices", "data.total"),
        ("/v1/invoices", "data"),
        ("/v1/invoices", "data.lines"),
        ("/v1/customers", "data.cards"),
        ("/v1/events", "data.data"),
    ],
)
def test_what_cannot_be_expanded_is_refused_even_for_no_rows(path: str, expand: str) -> None:
    refused(Bench().get(path, {"expand[]": expand}), 400, param="expand[0]")


def test_a_post_expands_too() -> None:
    bench = Bench()
    customer = bench.customer()
    draft = bench.post("/v1/invoices", {"customer": customer, "expand[]": "customer"})
    assert draft["customer"]["email"] == "subscriber0001@example.com"
