"""QuickBooks' double: queries, changes, batches, repeats, limits, and the ways in."""

from __future__ import annotations

import json

import pytest

from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.quickbooks import service
from tests.sandbox.quickbooks.harness import Desk, made, refused


@pytest.fixture
def desk() -> Desk:
    return Desk()


# --- queries -------------------------------------------------------------------------------------------


def test_a_query_selects_orders_and_pages(desk: Desk) -> None:
    refs = [desk.invoice(f"A-{n}") for n in range(5)]

    found = desk.query("select Id, Balance from Invoice orderby Id startposition 2 maxresults 3")

    assert (
        found["QueryResponse"]
        == {
            "Invoice": [{"Id": ref, "Balance": 45} for ref in refs[1:4]],
            "startPosition": 2,
            "maxResults": 3,
        }
        or [row["Id"] for row in found["QueryResponse"]["Invoice"]] == refs[1:4]
    )
    assert desk.query("select count(*) from Invoice")["QueryResponse"] == {"totalCount": 5}
    assert desk.query("select * from Invoice where DocNumber = 'none'")["QueryResponse"] == {}


def test_a_page_has_a_hundred_rows_unless_more_are_asked_for(desk: Desk) -> None:
    for n in range(101):
        desk.customer(f"Subscriber {n}")

    assert len(desk.query("select * from Customer")["QueryResponse"]["Customer"]) == 100
    assert len(desk.query("select * from Customer maxresults 1000")["QueryResponse"]["Customer"]) == 101
    refused(desk.query("select * from Customer maxresults 1001"), "4000")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "4000"),
        ("select * from Nothing", "4000"),
        ("select * from Invoice where PrivateNote = 'x'", "4001"),
        ("select * from Invoice where Id = 5", "4000"),
        ("select * from Invoice where Id = '1' or Id = '2'", "4000"),
        ("select * from Customer where DisplayName = 'O'Test'", "4000"),
        ("delete from Invoice", "4000"),
    ],
)
def test_what_is_no_query_is_refused(desk: Desk, text: str, code: str) -> None:
    refused(desk.query(text), code)


def test_quotes_are_escaped_and_names_compared_without_case(desk: Desk) -> None:
    ref = desk.customer("Pat O'Test")

    for text in (
        "DisplayName = 'pat o\\'test'",
        "DisplayName in ('x', 'Pat O\\'Test')",
        "DisplayName like 'Pat%'",
    ):
        (row,) = desk.query(f"select * from Customer where {text}")["QueryResponse"]["Customer"]
        assert row["Id"] == ref


def test_a_long_query_is_posted_as_text(desk: Desk) -> None:
    ref = desk.invoice()
    text = {
        "headers": {"Content-Type": "application/text"},
        "content": f"select * from Invoice where Id = '{ref}'",
    }

    assert desk.ask("POST", f"{desk.base}/query", **text)["QueryResponse"]["Invoice"][0]["Id"] == ref


def test_times_are_compared_as_times(desk: Desk) -> None:
    desk.invoice("A-1")
    desk.clock.move(60)
    ref = desk.invoice("A-2")

    found = desk.query("select * from Invoice where MetaData.LastUpdatedTime > '2026-03-02T09:00:30Z'")

    assert [row["Id"] for row in found["QueryResponse"]["Invoice"]] == [ref]


def test_a_stale_list_shows_what_was(desk: Desk) -> None:
    desk.invoice()
    desk.double.faults.add(Fault(FaultKind.STALE_LIST, seconds=30))

    assert desk.query("select * from Invoice")["QueryResponse"] == {}


# --- changes -------------------------------------------------------------------------------------------


def changes(
    desk: Desk, since: str = "2026-03-02T09:00:00Z", entities: str = "Invoice,Payment,CreditMemo"
) -> list[dict]:  # type: ignore[type-arg]
    (response,) = desk.get("cdc", entities=entities, changedSince=since)["CDCResponse"]
    parts: list[dict] = response["QueryResponse"]  # type: ignore[type-arg]
    return parts


def test_changes_are_whole_objects_and_deleted_ones_have_only_an_id(desk: Desk) -> None:
    kept, gone = desk.invoice("A-1"), desk.invoice("A-2")
    desk.account.delete(gone)

    invoices, payments, memos = changes(desk)

    assert [(row["Id"], row.get("status")) for row in invoices["Invoice"]] == [
        (kept, None),
        (gone, "Deleted"),
    ]
    assert "Line" not in invoices["Invoice"][1] and (payments, memos) == ({}, {})


def test_changes_stop_at_a_thousand_in_all(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "CDC_MOST", 3)
    for n in range(2):
        desk.account.pay(desk.invoice(f"A-{n}"))

    invoices, payments, memos = changes(desk)

    assert (len(invoices["Invoice"]), len(payments["Payment"]), memos) == (2, 1, {})


def test_changes_reach_back_thirty_days(desk: Desk) -> None:
    reply = desk.get("cdc", entities="Invoice", changedSince="2026-01-30T09:00:00Z")

    assert "older than fixed days" in refused(reply, "4001")
    refused(desk.get("cdc", entities="TaxCode", changedSince="2026-03-02T09:00:00Z"), "2030")


# --- batches and repeats -------------------------------------------------------------------------------


def test_a_batch_does_each_item_by_itself(desk: Desk) -> None:
    items = [{"bId": str(n), "operation": "create", "Customer": {"DisplayName": "x"}} for n in range(2)]
    items.append({"bId": "q", "Query": "select count(*) from Customer"})

    rows = {row["bId"]: row for row in desk.post("batch", {"BatchItemRequest": items})["BatchItemResponse"]}

    assert rows["0"]["Customer"]["DisplayName"] == "x"
    assert rows["1"]["Fault"]["Error"][0]["code"] == "6240"
    assert rows["q"]["QueryResponse"] == {"totalCount": 1}


def test_a_batch_has_thirty_items_with_ids_of_their_own(desk: Desk) -> None:
    many = [{"bId": str(n), "Query": "select count(*) from Customer"} for n in range(31)]

    refused(desk.post("batch", {"BatchItemRequest": many}), "1040")
    refused(desk.post("batch", {"BatchItemRequest": [many[0], many[0]]}), "1030")


def test_a_repeat_is_answered_from_memory_for_a_few_minutes_refusals_too(desk: Desk) -> None:
    first = desk.post("customer", {"DisplayName": "a"}, requestid="k1")
    again = desk.post("customer", {"DisplayName": "b"}, requestid="k1")
    refused(desk.post("customer", {"DisplayName": "a"}, requestid="k2"), "6240")
    refused(desk.post("customer", {"DisplayName": "c"}, requestid="k2"), "6240")
    desk.clock.move(600)

    assert first.raw == again.raw
    assert made(desk.post("customer", {"DisplayName": "c"}, requestid="k2"), "Customer")


# --- the ways in ---------------------------------------------------------------------------------------


def test_a_stranger_is_told_so_in_lower_case_with_the_token(desk: Desk) -> None:
    desk.token = "eyJ-stranger"

    reply = desk.get("preferences")

    assert (reply.status, reply["fault"]["error"][0]["code"]) == (401, "3200")
    assert "eyJ-stranger" in reply["fault"]["error"][0]["detail"]
    assert reply.headers["www-authenticate"].startswith("Bearer")


def test_a_token_ends_after_an_hour(desk: Desk) -> None:
    desk.clock.move(3600)

    assert desk.get("preferences").status == 401


def test_another_company_is_forbidden_in_xml(desk: Desk) -> None:
    other = desk.double.add_account()

    reply = desk.ask("GET", f"/v3/company/{other.id}/preferences")

    assert reply.status == 403 and b"ApplicationAuthorizationFailed" in reply.raw


def test_who_does_not_ask_for_json_gets_xml(desk: Desk) -> None:
    reply = desk.ask("GET", f"{desk.base}/preferences", headers={"Accept": "*/*"})

    assert reply.headers["content-type"] == "application/xml"
    assert reply.headers["intuit_tid"]


def test_five_hundred_a_minute_ten_a_second_and_no_retry_after() -> None:
    desk = Desk(rates=True)
    statuses = []
    for n in range(520):
        if n % 10 == 0:
            desk.clock.move(1)
        statuses.append(desk.get("preferences").status)

    assert statuses == [200] * 500 + [429] * 20
    desk.clock.move(60)
    quick = [desk.get("preferences") for _ in range(11)]
    assert quick[-1].status == 429 and "retry-after" not in quick[-1].headers
    assert quick[-1].code == "3001"


def test_forty_batches_a_minute() -> None:
    desk = Desk(rates=True)
    body = {"BatchItemRequest": [{"bId": "1", "Query": "select count(*) from Customer"}]}
    statuses = []
    for _ in range(41):
        desk.clock.move(1)
        statuses.append(desk.post("batch", body).status)

    assert statuses == [200] * 40 + [429]


def test_the_same_seed_makes_the_same_world() -> None:
    def world(seed: int) -> str:
        desk = Desk(seed=seed)
        desk.account.pay(desk.invoice())
        return desk.token + json.dumps(changes(desk), default=str)

    assert world(1) == world(1) != world(2)


def test_a_pdf_is_asked_for_as_one(desk: Desk) -> None:
    path = f"{desk.base}/invoice/{desk.invoice()}/pdf"

    assert desk.ask("GET", path, headers={"Accept": "application/pdf"}).raw.startswith(b"%PDF")
    assert desk.ask("GET", path).status == 406


def test_the_pay_link_needs_payments_an_address_and_the_invoices_leave(desk: Desk) -> None:
    address = {"BillEmail": {"Address": "subscriber0001@example.com"}}
    closed = desk.invoice("A-1", **address)
    ref = desk.invoice("A-2", AllowOnlineCreditCardPayment=True, **address)

    def link(name: str) -> str | None:
        return desk.get(f"invoice/{name}", include="invoiceLink")["Invoice"].get("InvoiceLink")

    assert link(ref) is None
    desk.account.company.pays_online = True
    assert link(ref) is not None and link(closed) is None
