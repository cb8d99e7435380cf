"""Stripe: the account, and what is done to an invoice that stands there."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from daemon.errors import (
    Garbled,
    InvalidInput,
    OutcomeUnknown,
    Rejected,
    Unauthorised,
    Unsupported,
)
from daemon.model import DocStatus, Mode
from daemon.money import Money
from daemon.providers.contract import PlainJournal
from daemon.providers.stripe import Stripe
from tests.providers.stripe_script import (
    DRAFT,
    GONE,
    Script,
    a_list,
    a_refusal,
    a_stripe,
    an_invoice,
    paid,
)

READS = ("customers", "invoices", "events", "invoice_payments", "refunds", "disputes", "credit_notes")
ACCOUNT = {
    "id": "acct_1",
    "country": "US",
    "default_currency": "usd",
    "charges_enabled": True,
    "settings": {"dashboard": {"display_name": "Example WISP"}},
}


def an_account(**changed: Any) -> Script:
    return Script({"GET account": ACCOUNT} | {f"GET {name}": a_list() for name in READS} | changed)


def test_the_connection_test_names_the_account_and_writes_nothing() -> None:
    script = an_account()

    info = a_stripe(script).check()

    assert (info.account_id, info.name, info.country, info.currencies) == (
        "acct_1",
        "Example WISP",
        "US",
        ("USD",),
    )
    assert (info.mode, info.missing) == (Mode.SANDBOX, ())
    assert {call.method for call in script.calls} == {"GET"}


def test_each_missing_permission_is_named() -> None:
    script = an_account(**{"GET account": a_refusal(403), "GET disputes": a_refusal(403)})

    info = a_stripe(script).check()

    assert info.account_id == ""
    assert info.missing == ("Account (read)", "Disputes (read)")


def test_a_dead_key_fails_the_connection_test() -> None:
    with pytest.raises(Unauthorised):
        a_stripe(an_account(**{"GET account": a_refusal(401)})).check()


def test_an_account_that_answers_in_the_other_mode_is_refused() -> None:
    script = an_account(**{"GET invoices": a_list(an_invoice(livemode=True))})

    with pytest.raises(InvalidInput) as caught:
        a_stripe(script).check()

    assert caught.value.code == "WB-CREDENTIALS-MODE"


def test_registering_a_webhook_replaces_what_a_lost_answer_left() -> None:
    url = "https://wisp.example/hook"
    lost = {"id": "we_1", "url": url, "metadata": {"wispbill": "webhook"}}
    foreign = {"id": "we_2", "url": url, "metadata": {}}
    script = Script(
        {
            "GET webhook_endpoints": a_list(lost, foreign),
            "DELETE webhook_endpoints/we_1": {"id": "we_1", "deleted": True},
            "POST webhook_endpoints": {"id": "we_3", "secret": "whsec_1"},
        }
    )

    hook = a_stripe(script).register_webhook(url)

    assert (hook.external_id, hook.secret) == ("we_3", "whsec_1")
    sent = script.sent("POST webhook_endpoints")
    assert sent.params["api_version"] == "2026-10-28.endive"
    assert "idempotency-key" not in sent.headers
    assert "DELETE webhook_endpoints/we_2" not in script.lines


def test_a_webhook_that_is_gone_is_removed_already() -> None:
    a_stripe(Script({"DELETE webhook_endpoints/we_1": a_refusal(404)})).remove_webhook("we_1")


def test_an_open_invoice_is_voided() -> None:
    script = Script(
        {
            "GET invoices/in_1": [an_invoice(), an_invoice(), an_invoice(status="void")],
            "POST invoices/in_1/void": an_invoice(status="void"),
        }
    )

    assert a_stripe(script).void("in_1", PlainJournal()).status is DocStatus.VOID


def test_a_draft_is_deleted() -> None:
    script = Script({"GET invoices/in_1": DRAFT, "DELETE invoices/in_1": {"id": "in_1", "deleted": True}})

    assert a_stripe(script).void("in_1", PlainJournal()).status is DocStatus.VOID


def test_voiding_twice_asks_once() -> None:
    script = Script({"GET invoices/in_1": an_invoice(status="void")})

    assert a_stripe(script).void("in_1", PlainJournal()).status is DocStatus.VOID
    assert "POST invoices/in_1/void" not in script.lines


def test_money_that_came_in_keeps_an_invoice_from_being_voided() -> None:
    refusal = a_refusal(400, "has payments", code="invoice_not_editable")
    script = Script({"GET invoices/in_1": an_invoice(), "POST invoices/in_1/void": refusal})

    with pytest.raises(Rejected):
        a_stripe(script).void("in_1", PlainJournal())


@pytest.mark.parametrize("amount_paid", [0, 4500])
def test_the_whole_remainder_can_be_marked_as_paid_elsewhere(amount_paid: int) -> None:
    done = an_invoice(
        status="paid", amount_paid=amount_paid, amount_remaining=0, amount_paid_off_stripe=4500 - amount_paid
    )
    script = Script(
        {"GET invoices/in_1": [an_invoice(), done], "POST invoices/in_1/pay": done | {"payments": None}}
    )

    seen = a_stripe(script).record_payment("in_1", Money(4500, "USD"), "cash", PlainJournal())

    assert seen.paid_total == Money(4500, "USD")
    assert script.sent("POST invoices/in_1/pay").params == {"paid_out_of_band": "true"}


def test_a_part_paid_elsewhere_is_beyond_stripe() -> None:
    script = Script({"GET invoices/in_1": an_invoice()})

    with pytest.raises(Unsupported, match="whole remainder"):
        a_stripe(script).record_payment("in_1", Money(1000, "USD"), "cash", PlainJournal())


def test_a_payment_by_card_is_not_taken_for_the_one_made_elsewhere() -> None:
    script, journal = (
        Script({"GET invoices/in_1": an_invoice(), "POST invoices/in_1/pay": GONE}),
        PlainJournal(),
    )
    with pytest.raises(OutcomeUnknown):
        a_stripe(script).record_payment("in_1", Money(4500, "USD"), "cash", journal)
    journal.keys_expired = True
    script.routes |= {
        "GET invoices/in_1": paid(an_invoice()),
        "POST invoices/in_1/pay": a_refusal(400, "already paid"),
    }

    with pytest.raises(Rejected):
        a_stripe(script).record_payment("in_1", Money(4500, "USD"), "cash", journal)


def a_pdf(target: str, answers: dict[str, httpx.Response]) -> tuple[Stripe, list[httpx.Request]]:
    seen: list[httpx.Request] = []

    def serve(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if request.url.host == "api.stripe.com":
            return httpx.Response(200, json=an_invoice(invoice_pdf=target))
        return answers[str(request.url)]

    return a_stripe(serve), seen


def test_the_pdf_is_fetched_without_our_key() -> None:
    first, second = "https://pay.stripe.com/a", "https://files.stripe.com/b"
    answers = {
        first: httpx.Response(302, headers={"location": second}),
        second: httpx.Response(200, content=b"%PDF-1.7"),
    }
    stripe, seen = a_pdf(first, answers)

    assert stripe.document("in_1") == b"%PDF-1.7"
    assert all("authorization" not in request.headers for request in seen[1:])


@pytest.mark.parametrize(
    "target", ["http://pay.stripe.com/a", "https://stripe.com.evil.example/a", "https://127.0.0.1/a"]
)
def test_a_pdf_on_another_host_is_not_fetched(target: str) -> None:
    stripe, seen = a_pdf(target, {})

    with pytest.raises(Garbled):
        stripe.document("in_1")
    assert len(seen) == 1


def test_a_pdf_that_is_a_page_is_garbled() -> None:
    url = "https://pay.stripe.com/a"
    stripe, _ = a_pdf(url, {url: httpx.Response(200, text="<html>")})

    with pytest.raises(Garbled):
        stripe.document("in_1")


def test_a_draft_has_no_pdf() -> None:
    with pytest.raises(Unsupported):
        a_stripe(Script({"GET invoices/in_1": an_invoice(invoice_pdf=None)})).document("in_1")
