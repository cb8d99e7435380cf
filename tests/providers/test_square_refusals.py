"""Square: what is refused, by us before anything is sent, or by Square; and what each refusal is called."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from daemon.errors import CATALOGUE, Garbled, OutcomeUnknown, Rejected, StepStuck, Throttled, Unauthorised
from daemon.model import Asked
from daemon.money import Money
from daemon.providers.contract import PlainJournal
from daemon.providers.square.setup import SquareCredentials, SquareSettings
from tests.providers.square_bench import TOKEN, SquareBench, a_draft, a_line, a_payer

RATES = {"local": {"percentage": "8.25", "display_name": "Sales tax"}}


@pytest.mark.parametrize(
    "draft, code",
    [
        (a_draft(payer=a_payer(email=None)), "WB-CUSTOMER-EMAIL"),
        (a_draft(number="9" * 192), "WB-INPUT"),
        (a_draft(*[a_line("1.00")] * 101), "WB-INPUT"),
        (replace(a_draft(), lines=()), "WB-INPUT"),
        (a_draft(a_line("0.00")), "WB-PUSH-CURRENCY"),
        (a_draft(a_line("-1.00")), "WB-PUSH-CURRENCY"),
        (replace(a_draft(), total=Money(4501, "USD")), "WB-PUSH-TOTAL"),
        (a_draft(a_line("45.00", "3.71", tax_rate="elsewhere")), "WB-INPUT"),
        (a_draft(a_line("45.00", "3.71")), "WB-INPUT"),
        (a_draft(a_line("45.00", "3.71", tax_rate="local"), a_line("-5.00")), "WB-INPUT"),
    ],
)
def test_what_square_would_refuse_is_refused_before_anything_is_sent(draft: Any, code: str) -> None:
    bench = SquareBench()

    with pytest.raises(Rejected) as caught:
        bench.adapter(tax_rates=RATES).push_one(draft, PlainJournal())

    assert caught.value.code == code and code in CATALOGUE
    assert bench.network.seen == []


def test_without_a_location_nothing_is_sent() -> None:
    bench = SquareBench()

    with pytest.raises(Rejected, match="no Square location") as caught:
        bench.adapter(location_id="").push_one(a_draft(), PlainJournal())

    assert caught.value.code == "WB-CONFIG"
    assert bench.network.seen == []


def test_a_currency_that_is_not_the_location_s_makes_no_invoice() -> None:
    bench = SquareBench()

    with pytest.raises(Rejected) as caught:
        bench.adapter().push_one(a_draft(currency="EUR"), PlainJournal())

    assert caught.value.code == "WB-PUSH-CURRENCY"
    assert bench.account.standing() == []


def test_a_number_as_long_as_square_takes_is_taken() -> None:
    bench = SquareBench()

    assert bench.adapter().push_one(a_draft(number="9" * 191), PlainJournal()).observation.number == "9" * 191


def test_an_email_that_square_refuses_is_told_as_one() -> None:
    bench = SquareBench()

    with pytest.raises(Rejected) as caught:
        bench.adapter().push_one(a_draft(payer=a_payer(email="subscriber 0001")), PlainJournal())

    assert caught.value.code == "WB-CUSTOMER-EMAIL"


def test_a_payer_whose_email_was_taken_away_meanwhile_is_told_as_one() -> None:
    bench, journal = SquareBench(), PlainJournal()
    bench.lose_request(after=3)
    with pytest.raises(OutcomeUnknown):
        bench.adapter().push_one(a_draft(), journal)
    world = bench.account.world
    (customer,) = world.customers.all()
    world.keep(world.customers, {name: one for name, one in customer.items() if name != "email_address"})

    with pytest.raises(Rejected) as caught:
        bench.adapter().push_one(a_draft(), journal)

    assert caught.value.code == "WB-CUSTOMER-EMAIL"


def test_an_inactive_location_is_told_in_square_s_words() -> None:
    bench = SquareBench()
    bench.account.world.locations[0]["status"] = "INACTIVE"

    with pytest.raises(Rejected, match="inactive"):
        bench.adapter().push_one(a_draft(), PlainJournal())


# --- answers ------------------------------------------------------------------------------------------


def error(code: str, category: str = "INVALID_REQUEST_ERROR", **more: str) -> dict[str, Any]:
    return {"errors": [{"category": category, "code": code, "detail": f"about {TOKEN}", **more}]}


AUTH = "AUTHENTICATION_ERROR"
ANSWERS = [
    (httpx.Response(401, json=error("UNAUTHORIZED", AUTH)), Unauthorised),
    (httpx.Response(401, json=error("ACCESS_TOKEN_REVOKED", AUTH)), Unauthorised),
    (httpx.Response(401, text=""), Unauthorised),
    (httpx.Response(401, text="<html>"), Garbled),
    (httpx.Response(403, text="<html>"), Garbled),
    (httpx.Response(403, json=error("INSUFFICIENT_SCOPES", AUTH)), Unauthorised),
    (httpx.Response(400, json=error("APPLICATION_DISABLED")), Unauthorised),
    (httpx.Response(429, json=error("RATE_LIMITED", "RATE_LIMIT_ERROR")), Throttled),
    (httpx.Response(429, text=""), Throttled),
    (httpx.Response(400, json=error("RATE_LIMITED", "RATE_LIMIT_ERROR")), Throttled),
    (httpx.Response(408, json=error("REQUEST_TIMEOUT")), OutcomeUnknown),
    (httpx.Response(503, text="<html>"), OutcomeUnknown),
    (httpx.Response(500, json=error("INTERNAL_SERVER_ERROR", "API_ERROR")), OutcomeUnknown),
    (httpx.Response(400, json=error("TEMPORARY_ERROR", "PAYMENT_METHOD_ERROR")), OutcomeUnknown),
    (httpx.Response(400, text="<html>"), Garbled),
    (httpx.Response(404, text="<html>"), Garbled),
    (httpx.Response(302, headers={"location": "https://elsewhere.test/"}), Garbled),
    (httpx.Response(200, text=""), Garbled),
    (httpx.Response(200, text="<html>"), Garbled),
    (httpx.Response(200, text='{"invoice": {"id": "inv'), Garbled),
    (httpx.Response(200, content=b'\xff{"a": 1}'), Garbled),
    (httpx.Response(200, json=[]), Garbled),
    (httpx.Response(200, json={}), Garbled),
    (httpx.Response(200, json={"invoice": {"id": 7}}), Garbled),
]


@pytest.mark.parametrize("answer, kind", ANSWERS, ids=range(len(ANSWERS)))
def test_each_answer_says_what_to_do_next_and_no_secret(
    answer: httpx.Response, kind: type[Exception]
) -> None:
    bench = SquareBench()
    bench.network.always = answer

    with pytest.raises(kind) as caught:
        list(bench.adapter().pull([Asked("inv:0-1")]))

    assert type(caught.value) is kind
    assert TOKEN not in str(caught.value) + repr(caught.value)


def test_square_says_how_long_to_wait_or_does_not() -> None:
    bench = SquareBench()
    for headers, seconds in (({"retry-after": "7"}, 7.0), ({}, None)):
        body = error("RATE_LIMITED", "RATE_LIMIT_ERROR")
        bench.network.always = httpx.Response(429, json=body, headers=headers)
        with pytest.raises(Throttled) as caught:
            list(bench.adapter().pull([Asked("inv:0-1")]))
        assert caught.value.retry_after == seconds


def test_a_paid_feature_that_is_missing_is_told_in_square_s_words() -> None:
    bench = SquareBench()
    body = error("MERCHANT_SUBSCRIPTION_NOT_FOUND", "MERCHANT_SUBSCRIPTION_ERROR", field="invoice")
    bench.network.always = httpx.Response(400, json=body)

    with pytest.raises(Rejected) as caught:
        list(bench.adapter().pull([Asked("inv:0-1")]))

    assert (caught.value.provider_code, caught.value.param) == ("MERCHANT_SUBSCRIPTION_NOT_FOUND", "invoice")


# --- void ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["part", "pending", "refunded"])
def test_an_invoice_with_money_on_it_is_not_voided(state: str) -> None:
    bench = SquareBench()
    ref = bench.adapter().push_one(a_draft(), PlainJournal()).ref
    if state == "part":
        bench.account.take(ref, "CASH", 100)
    elif state == "pending":
        bench.account.take(ref, "BANK_ACCOUNT", 4500, status="PENDING")
    else:
        bench.account.pay(ref)
        bench.account.refund(ref)

    with pytest.raises(Rejected, match="money has come in"):
        bench.adapter().void(ref, PlainJournal())


def test_a_draft_is_voided_by_deleting_it() -> None:
    bench, journal = SquareBench(), PlainJournal()
    bench.lose_request(after=3)
    with pytest.raises(OutcomeUnknown):
        bench.adapter().push_one(a_draft(), journal)
    ref = bench.account.standing()[0].ref

    for _ in range(2):
        assert bench.adapter().void(ref, PlainJournal()).status == "void"
    assert [one.status for one in bench.account.standing()] == ["missing"]


def test_a_payment_between_the_look_and_the_cancellation_wins() -> None:
    bench = SquareBench()
    ref = bench.adapter().push_one(a_draft(), PlainJournal()).ref
    inner = bench.network.inner

    class PaidMeanwhile(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("/cancel"):
                bench.account.pay(ref)
            return inner.handle_request(request)

    bench.network.inner = PaidMeanwhile()

    with pytest.raises(Rejected):
        bench.adapter().void(ref, PlainJournal())
    assert bench.account.standing()[0].status == "paid"


def test_a_version_that_moved_on_does_not_stop_a_cancellation() -> None:
    bench = SquareBench()
    ref = bench.adapter().push_one(a_draft(), PlainJournal()).ref
    inner, touched = bench.network.inner, []

    class Touched(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("/cancel") and not touched:
                touched.append(1)
                bench.account.touch(ref, title="Reminded")
            return inner.handle_request(request)

    bench.network.inner = Touched()

    assert bench.adapter().void(ref, PlainJournal()).status == "void"


# --- what a person types ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, why",
    [
        ("sq0idp-" + "x" * 40, "application's id"),
        ("sandbox-sq0idb-" + "x" * 40, "application's id"),
        ("sq0csp-" + "x" * 40, "application's secret"),
        ("EAAAtooshort", "copied whole"),
        (TOKEN + " ", "copied whole"),
        (TOKEN + "\n", "copied whole"),
    ],
)
def test_what_is_no_token_is_refused_and_not_shown(text: str, why: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SquareCredentials(access_token=text)

    assert why in str(caught.value) and text.strip() not in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        {"location_id": "L1/../x"},
        {"delivery": "SMS"},
        {"payment_methods": ["paypal"]},
        {"payment_methods": []},
        {"tax_rates": {"a": {"percentage": "101", "display_name": "Tax"}}},
        {"locations": "L1"},
    ],
)
def test_settings_that_square_could_not_use_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SquareSettings.model_validate(given)


def test_a_step_that_stops_names_a_code_of_the_catalogue() -> None:
    bench = SquareBench()

    with pytest.raises(StepStuck) as caught:
        bench.adapter().push_one(a_draft(payer=a_payer(external_id="CUgone")), PlainJournal())

    assert caught.value.code in CATALOGUE
