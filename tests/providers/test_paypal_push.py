"""PayPal: a pushed invoice lands once although no key is kept there, as we reckon it, and is sent today."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from pydantic import SecretStr

from daemon.errors import (
    Garbled,
    OutcomeUnknown,
    Rejected,
    RemoteError,
    StepStuck,
    Throttled,
    Unauthorised,
    Unreachable,
)
from daemon.model import Asked, DocStatus
from daemon.money import Money
from daemon.providers.contract import PlainJournal
from daemon.providers.paypal import PayPal
from daemon.wire import HttpWire
from daemon.wire.departure import leaving_by
from tests.providers.paypal_bench import OpenGate, PayPalBench, a_draft, a_line, a_payer

RATE = {"county": {"percentage": "8.25", "display_name": "Sales tax"}}
CREATE, SEND = "POST /v2/invoicing/invoices", "POST /v2/invoicing/invoices/{id}/send"
SEARCH, READ = "POST /v2/invoicing/search-invoices", "GET /v2/invoicing/invoices/{id}"


@pytest.fixture
def bench() -> PayPalBench:
    return PayPalBench()


def created(bench: PayPalBench) -> dict[str, Any]:
    """The body of the one invoice that was created."""
    (body,) = [one for method, path, one in bench.network.requests if f"{method} {path}" == CREATE]
    return dict(body)


# --- what is sent ---------------------------------------------------------------------------------------


def test_a_push_is_two_requests(bench: PayPalBench) -> None:
    before = bench.network.total

    pushed = bench.adapter().push_one(a_draft(), PlainJournal())

    assert bench.network.total == before + 2
    assert pushed.observation.links.pay_url == f"https://sandbox.test/invoice/p/{_code(bench, pushed.ref)}"


@pytest.mark.parametrize("representation", [True, False])
def test_a_create_answered_by_a_mere_link_is_read(bench: PayPalBench, representation: bool) -> None:
    bench.account.ledger.representation = representation

    pushed = bench.adapter().push_one(a_draft(), PlainJournal())

    assert (pushed.observation.status, pushed.observation.total) == (DocStatus.OPEN, Money(4500, "USD"))


@pytest.mark.parametrize(
    "answer",
    [
        {"id": "REF"},
        {"rel": "self", "href": "https://api.paypal.com/v2/invoicing/invoices/REF", "method": "GET"},
        {"links": [{"rel": "self", "href": "https://api.paypal.com/v2/invoicing/invoices/REF"}]},
    ],
)
def test_the_id_is_found_in_each_shape_of_answer_and_no_link_is_followed(
    bench: PayPalBench, answer: dict[str, Any]
) -> None:
    def instead(request: httpx.Request, reply: httpx.Response) -> httpx.Response:
        if f"{request.method} {request.url.path}" != CREATE:
            return reply
        text = httpx.Response(200, json=answer).text.replace("REF", reply.json()["id"])
        return httpx.Response(201, text=text, headers={"content-type": "multipart/mixed"})

    bench.network.changed = instead

    pushed = bench.adapter().push_one(a_draft(), PlainJournal())

    assert pushed.observation.status is DocStatus.OPEN


def test_a_create_answered_without_any_id_is_garbled_and_then_found(bench: PayPalBench) -> None:
    def instead(request: httpx.Request, reply: httpx.Response) -> httpx.Response:
        is_create = f"{request.method} {request.url.path}" == CREATE
        return httpx.Response(201, json={"ok": True}) if is_create else reply

    bench.network.changed = instead
    journal = PlainJournal()
    with pytest.raises(Garbled):
        bench.adapter().push_one(a_draft(), journal)
    bench.pass_time(60)
    journal.keys_expired = True

    bench.adapter().push_one(a_draft(), journal)

    assert bench.live(a_draft().reference) == 1
    assert bench.network.seen[CREATE] == 1


def test_three_homes_with_one_e_mail_stay_three_payers(bench: PayPalBench) -> None:
    found = set()
    for name in ("1", "2", "3"):
        payer = replace(
            a_payer(name), email="office@example.com", name='Müller & "Söhne" O\'Brien (recipient_email)'
        )
        draft = a_draft(name=f"H-{name}", payer=name)
        pushed = bench.adapter().push_one(replace(draft, payer=payer), PlainJournal())
        found.add((pushed.payer.external_id, pushed.observation.payer_ref))

    assert found == {(a_payer(name).reference, a_payer(name).reference) for name in ("1", "2", "3")}


def test_a_name_of_one_word_and_an_address_without_a_country_are_taken(bench: PayPalBench) -> None:
    payer = replace(a_payer(), name="Subscriber", address={"line1": "1 High St", "city": "Town"})

    bench.adapter().push_one(replace(a_draft(), payer=payer), PlainJournal())

    billing = created(bench)["primary_recipients"][0]["billing_info"]
    assert billing["name"] == {"surname": "Subscriber"} and "address" not in billing


def test_an_address_with_a_country_goes_along(bench: PayPalBench) -> None:
    address = {"line1": "1 High St", "city": "Town", "state": "CA", "postal_code": "98765", "country": "us"}

    bench.adapter().push_one(replace(a_draft(), payer=a_payer(address=address)), PlainJournal())

    assert created(bench)["primary_recipients"][0]["billing_info"]["address"] == {
        "address_line_1": "1 High St",
        "admin_area_2": "Town",
        "admin_area_1": "CA",
        "postal_code": "98765",
        "country_code": "US",
    }


def test_a_long_description_is_kept_beside_a_shortened_name(bench: PayPalBench) -> None:
    line = replace(a_line("45.00"), description="Internet " + "x" * 400, quantity="2")

    bench.adapter().push_one(a_draft(line), PlainJournal())

    (item,) = created(bench)["items"]
    assert len(item["name"]) == 200 and item["description"].startswith("2 x Internet xxx")


@pytest.mark.parametrize(("currency", "net", "sent"), [("JPY", "4500", "4500"), ("HUF", "4500.00", "4500")])
def test_currencies_without_decimals_at_paypal_are_sent_whole(
    bench: PayPalBench, currency: str, net: str, sent: str
) -> None:
    draft = a_draft(a_line(net, currency=currency), currency=currency)

    pushed = bench.adapter().push_one(draft, PlainJournal())

    assert created(bench)["items"][0]["unit_amount"]["value"] == sent
    assert pushed.observation.total == draft.total


# --- taxes ----------------------------------------------------------------------------------------------


def test_a_tax_that_paypal_reckons_as_we_do_goes_as_a_percentage(bench: PayPalBench) -> None:
    draft = a_draft(a_line("10.01", "0.83", tax_rate="county"), a_line("-3.33", "-0.27", tax_rate="county"))

    pushed = bench.adapter(tax_rates=RATE).push_one(draft, PlainJournal())

    assert pushed.observation.total == draft.total == Money(724, "USD")


def test_a_tax_that_paypal_would_reckon_otherwise_is_refused_before_anything_is_sent(
    bench: PayPalBench,
) -> None:
    draft = a_draft(a_line("10.01", "0.82", tax_rate="county"))
    before = bench.network.total

    with pytest.raises(Rejected, match=r"line 1 has 0\.82 USD of tax here, and 0\.83 at PayPal") as caught:
        bench.adapter(tax_rates=RATE).push_one(draft, PlainJournal())

    assert caught.value.code == "WB-PUSH-TOTAL"
    assert bench.network.total == before


def test_taxes_as_lines_always_add_up(bench: PayPalBench) -> None:
    draft = a_draft(a_line("10.01", "0.82", tax_rate="county"), a_line("3.33", "0.30", tax_rate="county"))

    pushed = bench.adapter(tax_rates=RATE, tax_lines=True).push_one(draft, PlainJournal())

    assert pushed.observation.total == draft.total
    assert [item["name"] for item in created(bench)["items"]] == ["Internet", "Internet", "Sales tax"]
    assert created(bench)["items"][2]["unit_amount"]["value"] == "1.12"


def test_a_total_that_differs_is_withdrawn_before_it_is_sent_and_goes_on_when_a_person_says_so(
    bench: PayPalBench,
) -> None:
    def dearer(request: httpx.Request, reply: httpx.Response) -> httpx.Response:
        if f"{request.method} {request.url.path}" != CREATE:
            return reply
        body = reply.json()
        body["amount"]["value"] = str(Decimal(body["amount"]["value"]) + 1)
        body["items"][0]["unit_amount"]["value"] = "46.00"
        return httpx.Response(201, json=body)

    bench.network.changed = dearer
    journal = PlainJournal()
    with pytest.raises(
        StepStuck, match=r"45.00 USD here and 46.00 USD at PayPal; line 1 \(Internet\)"
    ) as caught:
        bench.adapter().push_one(a_draft(), journal)
    assert caught.value.code == "WB-PUSH-TOTAL"
    assert [one.status for one in bench.account.standing()] == [DocStatus.MISSING]

    bench.network.changed = lambda _, reply: reply
    journal.keys_expired = True  # as after `invoices sync`: what was stuck is looked at
    pushed = bench.adapter().push_one(a_draft(), journal)

    assert (bench.live(a_draft().reference), bench.sent(pushed.ref)) == (1, 1)


# --- refused before anything is sent --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("draft", "code"),
    [
        (a_draft(payer="1", number="N" * 26), "WB-INPUT"),
        (replace(a_draft(), payer=a_payer(email=None)), "WB-CUSTOMER-EMAIL"),
        (replace(a_draft(), payer=a_payer(email="nobody")), "WB-INPUT"),
        (replace(a_draft(), payer=a_payer(external_id="two words")), "WB-INPUT"),
        (a_draft(a_line("45.00", currency="AED"), currency="AED"), "WB-PUSH-CURRENCY"),
        (a_draft(a_line("45.50", currency="HUF"), currency="HUF"), "WB-PUSH-CURRENCY"),
        (a_draft(a_line("1000000.01")), "WB-PUSH-CURRENCY"),
        (a_draft(a_line("0")), "WB-PUSH-CURRENCY"),
        (a_draft(a_line("-1.00")), "WB-PUSH-CURRENCY"),
        (a_draft(total=Money(1, "USD")), "WB-PUSH-TOTAL"),
        (a_draft(a_line("1.00", "0.10", tax_rate="unknown")), "WB-INPUT"),
        (a_draft(*[a_line("1.00")] * 101), "WB-INPUT"),
    ],
)
def test_what_paypal_would_refuse_is_refused_here(bench: PayPalBench, draft: Any, code: str) -> None:
    before = bench.network.total

    with pytest.raises(Rejected) as caught:
        bench.adapter().push_one(draft, PlainJournal())

    assert caught.value.code == code
    assert bench.network.total == before


def test_a_refusal_of_paypals_is_told_in_its_words(bench: PayPalBench) -> None:
    adapter = bench.adapter(invoicer_email="placeholder@example.com")

    with pytest.raises(Rejected, match="USER_NOT_FOUND") as caught:
        adapter.push_one(a_draft(), PlainJournal())

    assert caught.value.provider_code == "USER_NOT_FOUND"
    assert caught.value.ref


# --- numbers, references, search that lags --------------------------------------------------------------


def test_a_number_of_the_merchants_own_invoice_is_taken(bench: PayPalBench) -> None:
    bench.account.strangers("A-1", 4500)
    bench.pass_time(60)

    with pytest.raises(StepStuck) as caught:
        bench.adapter().push_one(a_draft(), PlainJournal())

    assert caught.value.code == "WB-PUSH-NUMBER-TAKEN"
    assert bench.live(a_draft().reference) == 0


def test_a_number_that_merely_contains_ours_is_another(bench: PayPalBench) -> None:
    bench.account.strangers("A-11", 4500)
    journal = PlainJournal()
    bench.lose_request(after=0)
    with pytest.raises(OutcomeUnknown):
        bench.adapter().push_one(a_draft(), journal)
    bench.pass_time(60)
    journal.keys_expired = True

    pushed = bench.adapter().push_one(a_draft(), journal)

    assert pushed.observation.number == "A-1"
    assert bench.network.seen[READ] == 0


def test_while_search_lags_a_taken_number_is_in_doubt_and_never_a_twin() -> None:
    bench = PayPalBench(search_lag_s=600)
    journal = PlainJournal()
    bench.lose_answer(after=0)
    with pytest.raises(OutcomeUnknown):
        bench.adapter().push_one(a_draft(), journal)
    for _ in range(3):
        with pytest.raises(OutcomeUnknown, match="its search does not show"):
            bench.adapter().push_one(a_draft(), journal)
    bench.pass_time(600)

    pushed = bench.adapter().push_one(a_draft(), journal)

    assert (bench.live(a_draft().reference), bench.sent(pushed.ref)) == (1, 1)


@pytest.mark.parametrize("issue", ["DUPLICATE_INVOICE_NUMBER", "INVALID_PARAMETER_VALUE"])
@pytest.mark.parametrize("status", [400, 422])
def test_however_a_taken_number_is_said_it_is_looked_for(bench: PayPalBench, status: int, issue: str) -> None:
    """The issue's name is in none of PayPal's documents."""
    bench.account.strangers("A-1", 4500)
    bench.pass_time(60)
    detail = {"issue": issue, "description": "The invoice number already exists for the merchant."}
    body = {"name": "INVALID_REQUEST", "message": "no", "details": [detail], "links": []}

    def instead(request: httpx.Request) -> httpx.Response | None:
        is_create = f"{request.method} {request.url.path}" == CREATE
        return httpx.Response(status, json=body) if is_create else None

    bench.network.instead = instead

    with pytest.raises(StepStuck) as caught:
        bench.adapter().push_one(a_draft(), PlainJournal())
    assert caught.value.code == "WB-PUSH-NUMBER-TAKEN"


def test_our_reference_on_another_payers_or_total_stops(bench: PayPalBench) -> None:
    journal = PlainJournal()
    bench.lose_answer(after=0)
    with pytest.raises(OutcomeUnknown):
        bench.adapter().push_one(a_draft(), journal)
    (made,) = bench.account.ledger.invoices.values()
    made.given["detail"]["memo"] = "wispbill-payer:WB-SOMEBODYELSE2345"
    bench.account.edit(made.id, 4500)
    bench.pass_time(60)
    journal.keys_expired = True

    with pytest.raises(StepStuck, match="another payer") as caught:
        bench.adapter().push_one(a_draft(), journal)
    assert caught.value.code == "WB-PUSH-MISMATCH"


def test_an_invoice_deleted_there_before_it_was_sent_stops(bench: PayPalBench) -> None:
    journal = PlainJournal()
    bench.lose_request(after=1)
    with pytest.raises(OutcomeUnknown):
        bench.adapter().push_one(a_draft(), journal)
    bench.account.delete(bench.account.standing()[0].ref)

    with pytest.raises(StepStuck, match="deleted at PayPal before it was sent"):
        bench.adapter().push_one(a_draft(), journal)


def test_an_invoice_cancelled_there_before_it_was_recorded_stops(bench: PayPalBench) -> None:
    first = bench.adapter().push_one(a_draft(), PlainJournal())
    bench.account.void(first.ref)
    bench.pass_time(60)

    with pytest.raises(StepStuck, match="cancelled at PayPal before it was sent"):
        bench.adapter().push_one(a_draft(), PlainJournal())


# --- send -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("refused", [True, False])
def test_whether_sending_again_is_refused_or_does_nothing_it_was_sent_once(
    bench: PayPalBench, refused: bool
) -> None:
    bench.account.ledger.resend_refused = refused
    journal = PlainJournal()
    bench.lose_answer(after=1)
    with pytest.raises(OutcomeUnknown):
        bench.adapter().push_one(a_draft(), journal)

    pushed = bench.adapter().push_one(a_draft(), journal)

    assert (pushed.observation.status, bench.sent(pushed.ref)) == (DocStatus.OPEN, 1)


def test_an_invoice_date_still_in_the_future_there_is_moved_to_today_and_sent() -> None:
    bench = PayPalBench()
    bench.account.ledger.zone = ZoneInfo("America/Denver")
    bench.clock.at = bench.clock.at.replace(hour=3)  # 2026-03-01 20:00 in Denver

    pushed = bench.adapter(time_zone="America/Denver").push_one(a_draft(), PlainJournal())

    (made,) = bench.account.ledger.invoices.values()
    assert (made.day, bench.sent(pushed.ref)) == (date(2026, 3, 1), 1)
    assert pushed.observation.due_on == date(2026, 3, 16)


def test_where_the_zone_is_set_wrong_it_is_scheduled_and_told_as_not_sent_yet() -> None:
    bench = PayPalBench()
    bench.account.ledger.zone = ZoneInfo("America/Denver")
    bench.clock.at = bench.clock.at.replace(hour=3)

    pushed = bench.adapter().push_one(a_draft(), PlainJournal())

    assert (pushed.observation.status, bench.sent(pushed.ref)) == (DocStatus.DRAFT, 0)
    bench.pass_time(12 * 3600)
    (seen,) = bench.adapter().pull([Asked(pushed.ref)])
    assert (seen.status, bench.sent(pushed.ref)) == (DocStatus.OPEN, 1)


def test_an_invoice_is_never_due_before_its_date(bench: PayPalBench) -> None:
    pushed = bench.adapter().push_one(a_draft(issued_on=date(2026, 3, 20)), PlainJournal())

    assert created(bench)["detail"]["invoice_date"] == "2026-03-16"
    assert (pushed.observation.status, bench.sent(pushed.ref)) == (DocStatus.OPEN, 1)


def test_an_address_of_the_api_is_no_pay_page(bench: PayPalBench) -> None:
    def instead(request: httpx.Request, reply: httpx.Response) -> httpx.Response:
        if not request.url.path.endswith("/send"):
            return reply
        href = f"https://api.paypal.com{request.url.path.removesuffix('/send')}"
        return httpx.Response(200, json={"rel": "self", "href": href})

    bench.network.changed = instead

    pushed = bench.adapter().push_one(a_draft(), PlainJournal())

    assert (pushed.observation.links.pay_url or "").startswith("https://sandbox.test/invoice/p/")


# --- tokens and refusals --------------------------------------------------------------------------------


def test_a_token_that_ended_is_renewed_once_and_the_call_made_again(bench: PayPalBench) -> None:
    bench.account.expire_token()

    bench.adapter().push_one(a_draft(), PlainJournal())

    assert bench.keeper.minted == 2
    assert bench.live(a_draft().reference) == 1


def test_a_write_whose_token_took_too_long_to_renew_is_not_repeated_under_its_old_mark(
    bench: PayPalBench,
) -> None:
    """How long it may still land is counted from the mark."""

    class Slow:
        def access(self) -> SecretStr:
            return SecretStr("stale")

        def renewed(self, refused: SecretStr) -> SecretStr:
            bench.clock.wait(60)
            return bench.keeper.access()

    wire = HttpWire("PayPal", gate=OpenGate(), clock=bench.clock, transport=bench.network)
    adapter = PayPal(replace(bench.context(), wire=wire, tokens=Slow()))

    with leaving_by(bench.clock.monotonic() + 30), pytest.raises(Throttled):
        adapter.push_one(a_draft(), PlainJournal())
    assert bench.live(a_draft().reference) == 0

    adapter.push_one(a_draft(), PlainJournal())
    assert bench.live(a_draft().reference) == 1


def test_a_thousand_invoices_ask_for_one_token_and_two_requests_each(bench: PayPalBench) -> None:
    adapter = bench.adapter()
    before = bench.network.total

    for number in range(1000):
        adapter.push_one(a_draft(name=f"M-{number}", payer=str(number)), PlainJournal())

    assert bench.network.total - before == 2000
    assert bench.network.seen["POST /v1/oauth2/token"] == 1


def test_a_wrong_secret_is_unauthorised_and_speaks_of_the_mode(bench: PayPalBench) -> None:
    bench.account.rotate_secret("another")

    with pytest.raises(Unauthorised, match="live and sandbox apps look alike"):
        PayPal.mint(bench.context())


def test_silence_at_the_token_is_nothing_sent(bench: PayPalBench) -> None:
    bench.account.expire_token()
    bench.network.instead = lambda request: (
        httpx.Response(503) if request.url.path == "/v1/oauth2/token" else None
    )

    with pytest.raises(Unreachable):
        bench.adapter().push_one(a_draft(), PlainJournal())
    assert bench.live(a_draft().reference) == 0


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"access_token": 1, "expires_in": 5},
        {"access_token": "A21AA", "expires_in": "soon"},
        {"access_token": "A B", "expires_in": 5},
        [],
    ],
)
def test_a_token_that_is_none_is_garbled(bench: PayPalBench, body: Any) -> None:
    bench.network.instead = lambda _: httpx.Response(200, json=body)

    with pytest.raises(Garbled):
        PayPal.mint(bench.context())


def test_an_account_that_paypal_restricts_is_unauthorised(bench: PayPalBench) -> None:
    bench.account.restrict()

    with pytest.raises(Unauthorised) as caught:
        bench.adapter().push_one(a_draft(), PlainJournal())
    assert caught.value.status_code == 403


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422])
def test_a_page_of_something_in_between_refuses_nothing(bench: PayPalBench, status: int) -> None:
    bench.network.instead = lambda _: httpx.Response(status, text="<html>Access Denied</html>")

    with pytest.raises(Garbled):
        bench.adapter().push_one(a_draft(), PlainJournal())


@pytest.mark.parametrize(("headers", "pause_s"), [({}, 30.0), ({"retry-after": "7"}, 7.0)])
def test_a_pause_that_paypal_does_not_name_is_half_a_minute(
    bench: PayPalBench, headers: dict[str, str], pause_s: float
) -> None:
    bench.network.instead = lambda _: httpx.Response(
        429, json={"name": "RATE_LIMIT_REACHED"}, headers=headers
    )

    with pytest.raises(Throttled) as caught:
        bench.adapter().push_one(a_draft(), PlainJournal())
    assert caught.value.retry_after == pause_s


def test_a_conflict_is_tried_again(bench: PayPalBench) -> None:
    body = {"name": "RESOURCE_CONFLICT", "message": "conflict", "links": []}
    bench.network.instead = lambda _: httpx.Response(409, json=body)

    with pytest.raises(Throttled):
        bench.adapter().push_one(a_draft(), PlainJournal())


def _code(bench: PayPalBench, ref: str) -> str:
    return bench.account.ledger.invoices[ref].code


# --- a bad day, while something is looked for -----------------------------------------------------------


@pytest.mark.parametrize(
    "fault", ["lost_request", "html", "throttled", "truncated", "error_before", "refused"]
)
@pytest.mark.parametrize("after", range(6))
@pytest.mark.parametrize("lost", [0, 1])
def test_a_look_that_fails_is_looked_again_and_the_invoice_lands_once(
    bench: PayPalBench, lost: int, after: int, fault: str
) -> None:
    journal = PlainJournal()
    bench.lose_answer(after=lost)
    with pytest.raises(OutcomeUnknown):
        bench.adapter().push_one(a_draft(), journal)
    journal.keys_expired = True
    bench.pass_time(60)
    bench.spoil(fault, after=after)
    with suppress(RemoteError):
        bench.adapter().push_one(a_draft(), journal)
    bench.unspoil()
    bench.pass_time(600)

    pushed = bench.adapter().push_one(a_draft(), journal)

    assert (bench.live(a_draft().reference), bench.sent(pushed.ref)) == (1, 1)
    assert bench.network.seen[CREATE] == 1
