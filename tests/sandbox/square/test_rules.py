"""Square's double keeps the rules that Square documents; every answer is checked against its API document."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.sandbox.square.world import READS, SCOPES
from tests.sandbox.square.harness import HOOK, TOKEN, Bench

# --- who may ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["", "Bearer nobody", f"Basic {TOKEN}", TOKEN])
def test_without_a_known_bearer_token_nothing_is_answered(header: str) -> None:
    bench = Bench()
    bench.headers["authorization"] = header

    assert bench.refusal("GET", "/v2/locations")[:2] == (401, "UNAUTHORIZED")


def test_a_revoked_token_says_so() -> None:
    bench = Bench()
    bench.account.revoke(TOKEN)

    assert bench.refusal("GET", "/v2/locations")[:2] == (401, "ACCESS_TOKEN_REVOKED")


@pytest.mark.parametrize(
    "version, code", [("", "API_VERSION_INCOMPATIBLE"), ("v2", "INVALID_SQUARE_VERSION_FORMAT")]
)
def test_the_version_must_be_told(version: str, code: str) -> None:
    bench = Bench()
    bench.headers["square-version"] = version

    assert bench.refusal("GET", "/v2/locations")[1] == code


@pytest.mark.parametrize(
    "scope, method, path",
    [
        ("MERCHANT_PROFILE_READ", "GET", "/v2/locations"),
        ("INVOICES_READ", "GET", "/v2/invoices/inv:0-1"),
        ("ORDERS_READ", "GET", "/v2/orders/1"),
        ("CUSTOMERS_READ", "GET", "/v2/customers/1"),
        ("PAYMENTS_READ", "GET", "/v2/refunds"),
        ("DISPUTES_READ", "GET", "/v2/disputes"),
        ("CUSTOMERS_WRITE", "POST", "/v2/customers"),
        ("ORDERS_WRITE", "POST", "/v2/orders"),
        ("INVOICES_WRITE", "POST", "/v2/invoices"),
    ],
)
def test_each_operation_needs_its_scope(scope: str, method: str, path: str) -> None:
    bench = Bench()
    bench.account.add_token("granted", SCOPES - {scope})
    bench.headers["authorization"] = "Bearer granted"

    assert bench.refusal(method, path, {} if method == "POST" else None)[:2] == (403, "INSUFFICIENT_SCOPES")


def test_webhooks_belong_to_the_application_s_own_token() -> None:
    bench = Bench()
    bench.account.add_token("granted", SCOPES)
    bench.headers["authorization"] = "Bearer granted"

    assert bench.refusal("GET", "/v2/webhooks/subscriptions")[:2] == (401, "UNAUTHORIZED")


def test_a_token_tells_what_it_may_and_when_it_ends() -> None:
    bench = Bench()
    personal = bench.post("/oauth2/token/status")
    bench.account.add_token("granted", frozenset(READS))
    bench.headers["authorization"] = "Bearer granted"
    granted = bench.post("/oauth2/token/status")

    assert "expires_at" not in personal and granted["expires_at"]
    assert (personal["merchant_id"], sorted(granted["scopes"])) == (bench.account.id, sorted(READS))


def test_sellers_see_nothing_of_each_other() -> None:
    bench = Bench()
    ref = bench.published()["id"]
    bench.double.add_account("other")
    bench.headers["authorization"] = "Bearer other"

    assert bench.refusal("GET", f"/v2/invoices/{ref}")[1] == "NOT_FOUND"


def test_eleven_calls_in_a_second_are_one_too_many() -> None:
    bench = Bench(rates=True)
    statuses = [bench.ask("GET", "/v2/locations").status_code for _ in range(11)]
    bench.clock.move(1.1)

    assert statuses == [200] * 10 + [429]
    assert bench.ask("GET", "/v2/locations").status_code == 200


# --- bodies -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change, code, field",
    [
        ({"nonsense": 1}, "UNKNOWN_BODY_PARAMETER", "order.nonsense"),
        ({"reference_id": "x" * 41}, "VALUE_TOO_LONG", "order.reference_id"),
        ({"reference_id": 7}, "EXPECTED_STRING", "order.reference_id"),
        ({"state": "PAID"}, "INVALID_ENUM_VALUE", "order.state"),
        ({"location_id": "LNONE"}, "NOT_FOUND", None),
        ({"customer_id": "CUNONE"}, "INVALID_VALUE", "order.customer_id"),
        ({"metadata": {"a b": "c"}}, "VALUE_REGEX_MISMATCH", "order.metadata"),
        ({"line_items": {}}, "EXPECTED_ARRAY", "order.line_items"),
        ({"line_items": [{"name": "x"}]}, "MISSING_REQUIRED_PARAMETER", "order.line_items[0].quantity"),
        (
            {"line_items": [{"quantity": "1", "base_price_money": {"amount": 1.5, "currency": "USD"}}]},
            "EXPECTED_INTEGER",
            "order.line_items[0].base_price_money.amount",
        ),
        (
            {"line_items": [{"quantity": "1", "base_price_money": {"amount": 1, "currency": "EUR"}}]},
            "CURRENCY_MISMATCH",
            "order.line_items.base_price_money.currency",
        ),
    ],
)
def test_an_order_that_is_not_one_is_refused_at_the_field(change: Any, code: str, field: str | None) -> None:
    bench = Bench()

    refusal = bench.refusal("POST", "/v2/orders", {"order": {"location_id": bench.place, **change}})

    assert refusal[1:] == (code, field)


@pytest.mark.parametrize(
    "body, code",
    [
        ({}, "BAD_REQUEST"),
        ({"reference_id": "C-1"}, "BAD_REQUEST"),
        ({"email_address": "nobody"}, "INVALID_EMAIL_ADDRESS"),
        ({"given_name": "A", "phone_number": "12"}, "INVALID_PHONE_NUMBER"),
        ({"given_name": "A" * 301}, "VALUE_TOO_LONG"),
        ({"given_name": "A", "reference_id": "x" * 101}, "VALUE_TOO_LONG"),
        ({"given_name": "A", "address": {"country": "Elsewhere"}}, "VALUE_TOO_LONG"),
    ],
)
def test_a_customer_needs_a_name_or_an_address(body: Any, code: str) -> None:
    assert Bench().refusal("POST", "/v2/customers", body)[1] == code


def test_what_is_no_json_is_refused() -> None:
    bench = Bench()
    headers = {**bench.headers, "content-type": "application/json"}

    reply = bench.client.post("/v2/customers", headers=headers, content=b"{")

    assert reply.json()["errors"][0]["code"] == "EXPECTED_JSON_BODY"


def test_two_customers_may_have_one_reference_and_are_found_by_it_exactly() -> None:
    bench = Bench()
    made = {bench.customer(reference_id="WB-1") for _ in range(2)}
    bench.customer(reference_id="WB-10")

    query = {"query": {"filter": {"reference_id": {"exact": "WB-1"}}}}
    assert {row["id"] for row in bench.post("/v2/customers/search", query)["customers"]} == made


# --- orders -------------------------------------------------------------------------------------------


def test_a_tax_is_reckoned_on_its_lines_half_to_even() -> None:
    bench = Bench()
    price = {"amount": 150, "currency": "USD"}
    lines = [{"quantity": "1", "base_price_money": price, "applied_taxes": [{"tax_uid": "t"}]}] * 3
    taxes = [{"uid": "t", "percentage": "3", "scope": "LINE_ITEM"}]
    order = {"line_items": [*lines, {"quantity": "1", "base_price_money": price}], "taxes": taxes}

    each = bench.order(**order)
    bench.account.switches.tax_per_line = False
    once = bench.order(**order)

    assert (each["total_tax_money"]["amount"], once["total_tax_money"]["amount"]) == (12, 14)
    assert each["total_money"]["amount"] == 600 + 12


def test_a_batch_of_orders_leaves_out_what_is_not_there() -> None:
    bench = Bench()
    order = bench.order()

    found = bench.post(
        "/v2/orders/batch-retrieve", {"location_id": bench.place, "order_ids": [order["id"], "x"]}
    )
    assert [one["id"] for one in found["orders"]] == [order["id"]]
    assert bench.post("/v2/orders/batch-retrieve", {"location_id": "LX", "order_ids": [order["id"]]}) == {}
    assert (
        bench.refusal("POST", "/v2/orders/batch-retrieve", {"order_ids": ["x"] * 101})[1]
        == "ARRAY_LENGTH_TOO_LONG"
    )


def test_orders_are_searched_by_time_only_in_the_order_of_that_time() -> None:
    bench = Bench()
    body = {
        "location_ids": [bench.place],
        "query": {
            "filter": {"date_time_filter": {"updated_at": {"start_at": "2026-03-02T09:00:00Z"}}},
            "sort": {"sort_field": "CREATED_AT"},
        },
    }
    assert bench.refusal("POST", "/v2/orders/search", body)[1] == "CONFLICTING_PARAMETERS"


def test_orders_are_found_by_source_customer_and_time_and_told_short_or_whole() -> None:
    bench = Bench()
    who = bench.customer()
    bench.order(source={"name": "else"})
    mine = bench.order(source={"name": "wispbill"}, customer_id=who)
    sort = {"sort_field": "UPDATED_AT", "sort_order": "ASC"}
    filters = {"source_filter": {"source_names": ["wispbill"]}, "customer_filter": {"customer_ids": [who]}}
    body = {"location_ids": [bench.place], "query": {"filter": filters, "sort": sort}}

    entries = bench.post("/v2/orders/search", {**body, "return_entries": True})["order_entries"]
    assert entries == [{"order_id": mine["id"], "version": 1, "location_id": bench.place}]
    assert bench.post("/v2/orders/search", body)["orders"][0]["id"] == mine["id"]


def test_an_order_without_a_key_is_answered_and_not_changed() -> None:
    bench = Bench()
    order = bench.order()
    change = {"order": {"version": 1, "state": "CANCELED"}}

    def update(body: Any) -> str:
        return str(bench.ask("PUT", f"/v2/orders/{order['id']}", body).json()["order"]["state"])

    assert update(change) == "OPEN"
    assert update({**change, "idempotency_key": "k"}) == "CANCELED"


# --- invoices -----------------------------------------------------------------------------------------


def test_a_draft_has_no_pay_page_and_a_published_one_has() -> None:
    bench = Bench()
    draft = bench.draft()
    done = bench.post(f"/v2/invoices/{draft['id']}/publish", {"version": 0})["invoice"]

    assert (draft["status"], draft["version"], "public_url" in draft) == ("DRAFT", 0, False)
    assert (done["status"], done["version"]) == ("UNPAID", 1)
    assert done["public_url"].startswith("https://")


def test_a_number_is_used_once_at_a_location() -> None:
    bench = Bench()
    bench.draft(invoice_number="7")
    body = {"invoice": bench.invoice_body(invoice_number="7")}

    assert bench.refusal("POST", "/v2/invoices", body)[2] == "invoice.invoice_number"


def test_an_order_is_on_one_invoice_and_must_be_open() -> None:
    bench = Bench()
    used = bench.draft()["order_id"]
    free = bench.order(0)["id"]

    for order in (used, free, "ORNONE"):
        status, _code, _field = bench.refusal(
            "POST", "/v2/invoices", {"invoice": bench.invoice_body(order_id=order)}
        )
        assert status in (400, 404)


@pytest.mark.parametrize(
    "change, field",
    [
        ({"accepted_payment_methods": {"card": False}}, "invoice.accepted_payment_methods"),
        ({"accepted_payment_methods": {}}, "invoice.accepted_payment_methods"),
        (
            {"payment_requests": [{"request_type": "BALANCE", "due_date": "2026-03-01"}]},
            "invoice.payment_requests[0].due_date",
        ),
        ({"payment_requests": []}, "invoice.payment_requests"),
        ({"payment_requests": [{"request_type": "BALANCE"}]}, "invoice.payment_requests[0].due_date"),
        ({"delivery_method": "SMS"}, "invoice.delivery_method"),
        ({"invoice_number": "9" * 192}, "invoice.invoice_number"),
        ({"title": ""}, "invoice.title"),
        ({"primary_recipient": {"customer_id": "CUNONE"}}, "invoice.primary_recipient"),
    ],
)
def test_an_invoice_that_is_not_one_is_refused_at_the_field(change: Any, field: str) -> None:
    bench = Bench()

    assert bench.refusal("POST", "/v2/invoices", {"invoice": bench.invoice_body(**change)})[2] == field


def test_a_bank_debit_is_offered_in_the_us_alone() -> None:
    bench = Bench(country="GB")
    body = {"invoice": bench.invoice_body(accepted_payment_methods={"bank_account": True})}

    assert bench.refusal("POST", "/v2/invoices", body)[2] == "invoice.accepted_payment_methods"


def test_a_draft_for_a_customer_without_email_is_made_and_not_published() -> None:
    bench = Bench()
    who = str(bench.post("/v2/customers", {"given_name": "A"})["customer"]["id"])
    draft = bench.draft(primary_recipient={"customer_id": who})

    refusal = bench.refusal("POST", f"/v2/invoices/{draft['id']}/publish", {"version": 0})
    assert refusal[2] == "primary_recipient.email_address"


@pytest.mark.parametrize("verb", ["publish", "cancel"])
def test_a_version_that_is_not_the_current_one_is_a_conflict(verb: str) -> None:
    bench = Bench()
    ref = (bench.draft() if verb == "publish" else bench.published())["id"]

    assert bench.refusal("POST", f"/v2/invoices/{ref}/{verb}", {"version": 9})[:2] == (409, "CONFLICT")


def test_a_draft_is_deleted_and_a_published_one_cancelled_and_both_take_their_order_along() -> None:
    bench = Bench()
    draft, live = bench.draft(), bench.published()

    assert bench.refusal("POST", f"/v2/invoices/{draft['id']}/cancel", {"version": 0})[0] == 400
    assert bench.refusal("DELETE", f"/v2/invoices/{live['id']}")[0] == 400
    assert bench.ask("DELETE", f"/v2/invoices/{draft['id']}", version=0).json() == {}
    bench.post(f"/v2/invoices/{live['id']}/cancel", {"version": 1})

    orders = [bench.get(f"/v2/orders/{one['order_id']}")["order"]["state"] for one in (draft, live)]
    assert orders == ["CANCELED", "CANCELED"]
    assert bench.refusal("GET", f"/v2/invoices/{draft['id']}")[1] == "NOT_FOUND"


@pytest.mark.parametrize("state", ["paid", "pending", "refunded", "cancelled"])
def test_what_is_closed_or_waits_for_a_bank_is_not_cancelled(state: str) -> None:
    bench = Bench()
    ref = bench.published()["id"]
    match state:
        case "pending":
            bench.account.take(ref, "BANK_ACCOUNT", 4500, status="PENDING")
        case "cancelled":
            bench.account.void(ref)
        case _:
            bench.account.pay(ref)
    if state == "refunded":
        bench.account.refund(ref)
    version = bench.invoice(ref)["version"]

    assert bench.refusal("POST", f"/v2/invoices/{ref}/cancel", {"version": version})[0] == 400


def test_invoices_are_searched_by_one_location_and_one_customer_newest_first() -> None:
    bench = Bench()
    who = bench.customer()
    refs = []
    for number in range(3):
        bench.clock.move(60)
        refs.append(bench.published(primary_recipient={"customer_id": who}, invoice_number=str(number))["id"])
    bench.published()

    def search(**filters: Any) -> list[str]:
        found = bench.post("/v2/invoices/search", {"query": {"filter": filters}})
        return [one["id"] for one in found["invoices"]]

    assert search(location_ids=[bench.place], customer_ids=[who]) == refs[::-1]
    two = {"query": {"filter": {"location_ids": [bench.place, "L2"]}}}
    assert bench.refusal("POST", "/v2/invoices/search", two)[1] == "ARRAY_LENGTH_TOO_LONG"
    wrong = {"query": {"filter": {"location_ids": [bench.place], "invoice_number": ["1"]}}}
    assert bench.refusal("POST", "/v2/invoices/search", wrong)[1] == "UNKNOWN_BODY_PARAMETER"


def test_a_cursor_is_for_one_query_and_five_minutes() -> None:
    bench = Bench()
    for _ in range(3):
        bench.draft()
    first = bench.get("/v2/invoices", location_id=bench.place, limit=2)
    cursor = first["cursor"]

    second = bench.get("/v2/invoices", location_id=bench.place, limit=2, cursor=cursor)
    assert (len(first["invoices"]), len(second["invoices"]), "cursor" in second) == (2, 1, False)
    wrong = {"location_id": bench.place, "limit": 1, "cursor": cursor}
    assert bench.refusal("GET", "/v2/invoices", **wrong)[1] == "INVALID_CURSOR"
    bench.clock.move(301)
    assert bench.refusal("GET", "/v2/invoices", **{**wrong, "limit": 2})[1] == "INVALID_CURSOR"


def test_lists_and_searches_lag_and_reading_by_id_does_not() -> None:
    bench = Bench(lag_s=20)
    ref = bench.published()["id"]

    assert bench.get("/v2/invoices", location_id=bench.place) == {}
    assert bench.invoice(ref)["status"] == "UNPAID"
    bench.clock.move(21)
    assert [one["id"] for one in bench.get("/v2/invoices", location_id=bench.place)["invoices"]] == [ref]


# --- keys ---------------------------------------------------------------------------------------------


def test_the_same_key_and_content_is_answered_with_the_first_success() -> None:
    bench = Bench()
    body = {"given_name": "A", "idempotency_key": "k"}

    first, second = bench.post("/v2/customers", body), bench.post("/v2/customers", body)

    assert first == second and bench.account.payers() == 1


def test_the_same_key_with_other_content_is_refused() -> None:
    bench = Bench()
    bench.post("/v2/customers", {"given_name": "A", "idempotency_key": "k"})

    refusal = bench.refusal("POST", "/v2/customers", {"given_name": "B", "idempotency_key": "k"})
    assert refusal[1] == "IDEMPOTENCY_KEY_REUSED"


def test_a_refusal_is_not_kept_under_its_key() -> None:
    bench = Bench()
    draft = bench.draft()
    path, body = f"/v2/invoices/{draft['id']}/publish", {"version": 1, "idempotency_key": "k"}
    assert bench.refusal("POST", path, body)[0] == 409
    bench.account.touch(draft["id"], title="Other")

    assert bench.post(path, body)["invoice"]["status"] == "UNPAID"


def test_without_a_key_or_a_day_later_each_request_is_its_own() -> None:
    bench = Bench()
    for _ in range(2):
        bench.post("/v2/customers", {"given_name": "A"})
        bench.post("/v2/customers", {"given_name": "B", "idempotency_key": "k"})
        bench.clock.move(86_401)

    assert bench.account.payers() == 4


# --- money --------------------------------------------------------------------------------------------


def test_a_payment_is_a_tender_of_the_order_with_its_tip() -> None:
    bench = Bench()
    invoice = bench.published()
    payment = bench.account.take(invoice["id"], "CARD", 4500, tip=500)

    order = bench.get(f"/v2/orders/{invoice['order_id']}")["order"]
    (tender,) = order["tenders"]
    assert (tender["payment_id"], tender["amount_money"]["amount"], tender["tip_money"]["amount"]) == (
        payment,
        5000,
        500,
    )
    assert (order["state"], bench.invoice(invoice["id"])["status"]) == ("COMPLETED", "PAID")
    assert bench.get(f"/v2/payments/{payment}")["payment"]["amount_money"]["amount"] == 4500


def test_a_refund_is_told_by_payment_and_refund_and_leaves_the_sale_s_order_alone() -> None:
    bench = Bench()
    invoice = bench.published()
    payment = bench.account.pay(invoice["id"])
    before = bench.get(f"/v2/orders/{invoice['order_id']}")["order"]["updated_at"]
    bench.clock.move(60)
    bench.account.refund(invoice["id"], 1000)

    (refund,) = bench.get("/v2/refunds")["refunds"]
    assert bench.get(f"/v2/refunds/{refund['id']}")["refund"] == refund
    assert bench.get(f"/v2/payments/{payment}")["payment"]["refund_ids"] == [refund["id"]]
    assert "refunds" not in bench.get(f"/v2/orders/{invoice['order_id']}")["order"]
    assert bench.invoice(invoice["id"])["status"] == "PARTIALLY_REFUNDED"
    assert before


def test_payments_and_refunds_are_listed_by_the_time_of_their_change() -> None:
    bench = Bench()
    ref = bench.published()["id"]
    bench.account.take(ref, "CASH", 100)
    bench.clock.move(3600)
    late = bench.account.take(ref, "CASH", 200)

    rows = bench.get("/v2/payments", updated_at_begin_time="2026-03-02T09:30:00Z", sort_field="UPDATED_AT")[
        "payments"
    ]
    assert [row["id"] for row in rows] == [late]
    assert bench.refusal("GET", "/v2/payments", order_id="x")[1] == "UNKNOWN_QUERY_PARAMETER"


def test_what_is_older_than_a_year_is_listed_only_from_a_beginning_that_is_given() -> None:
    bench = Bench()
    bench.account.pay(bench.published()["id"])
    bench.clock.move(days=400)

    assert bench.get("/v2/payments") == {}
    assert len(bench.get("/v2/payments", begin_time="2026-01-01T00:00:00Z")["payments"]) == 1


def test_disputes_are_listed_by_state() -> None:
    bench = Bench()
    ref = bench.published()["id"]
    bench.account.pay(ref)
    bench.account.dispute(ref)
    bench.account.close_dispute(ref, won=True)

    assert len(bench.get("/v2/disputes", states="WON")["disputes"]) == 1
    assert bench.get("/v2/disputes", states="LOST") == {}
    assert bench.refusal("GET", "/v2/disputes", states="OPEN")[1] == "INVALID_ENUM_VALUE"


def test_what_is_cancelled_stays_so_whatever_becomes_of_its_money() -> None:
    bench = Bench()
    ref = bench.published()["id"]
    bench.account.take(ref, "CASH", 1000)
    bench.account.void(ref)
    bench.account.refund(ref, 500)
    bench.account.reverse(ref)

    invoice = bench.invoice(ref)
    assert (invoice["status"], invoice["next_payment_amount_money"]["amount"]) == ("CANCELED", 0)
    assert bench.get(f"/v2/orders/{invoice['order_id']}")["order"]["state"] == "CANCELED"


def test_nobody_pays_more_than_is_due_or_what_is_closed() -> None:
    bench = Bench()
    ref = bench.published()["id"]
    with pytest.raises(ValueError, match="cannot be paid"):
        bench.account.pay(ref, 4501)
    bench.account.pay(ref)
    with pytest.raises(ValueError, match="cannot be paid"):
        bench.account.pay(ref, 1)


# --- webhooks -----------------------------------------------------------------------------------------


def hook(bench: Bench, *kinds: str) -> dict[str, Any]:
    body = {"subscription": {"name": "n", "event_types": list(kinds), "notification_url": HOOK}}
    found: dict[str, Any] = bench.post("/v2/webhooks/subscriptions", body)["subscription"]
    return found


def test_a_subscription_tells_its_key_once_and_hears_its_kinds_alone() -> None:
    bench = Bench()
    made = hook(bench, "invoice.published")
    bench.account.pay(bench.published()["id"])

    (listed,) = bench.get("/v2/webhooks/subscriptions")["subscriptions"]
    assert made["signature_key"] and "signature_key" not in listed
    (posted,) = bench.double.deliveries()
    assert b'"type":"invoice.published"' in posted.body and b'"_' not in posted.body


def test_a_delivery_that_failed_comes_back_the_same_for_a_day() -> None:
    bench = Bench()
    hook(bench, "invoice.published")
    bench.published()
    bodies = set()
    for _ in range(29):
        delivery = bench.double.next_delivery()
        assert delivery is not None
        bodies.add((delivery.body, delivery.headers["x-square-hmacsha256-signature"]))
        bench.double.failed(delivery)
        bench.clock.move(3600)
    for _ in range(3):
        if (last := bench.double.next_delivery()) is not None:
            bench.double.failed(last)
        bench.clock.move(3600)

    assert len(bodies) == 1 and bench.double.next_delivery() is None


def test_a_deleted_subscription_hears_nothing_more() -> None:
    bench = Bench()
    made = hook(bench, "invoice.published")
    bench.published()
    assert bench.ask("DELETE", f"/v2/webhooks/subscriptions/{made['id']}").json() == {}

    assert list(bench.double.deliveries()) == []


# --- determinism --------------------------------------------------------------------------------------


def story() -> list[Any]:
    bench = Bench()
    hook(bench, "invoice.payment_made")
    ref = bench.published()["id"]
    bench.account.pay(ref)
    seen: list[Any] = [bench.invoice(ref), bench.get("/v2/payments")]
    return seen + [(one.headers, one.body) for one in bench.double.deliveries()]


def test_the_same_story_is_told_in_the_same_bytes() -> None:
    assert story() == story()
