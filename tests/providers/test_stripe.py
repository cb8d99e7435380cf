"""Stripe, pushing: an invoice lands once, with our total, whatever the wire does."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from daemon.errors import (
    CATALOGUE,
    Garbled,
    InvalidInput,
    Missing,
    OutcomeUnknown,
    Rejected,
    RemoteError,
    StepStuck,
    Throttled,
    Unauthorised,
    Unsupported,
)
from daemon.model import DocStatus, FactKind, Mode
from daemon.model.ids import is_our_key
from daemon.money import Money
from daemon.providers.contract import PlainJournal
from daemon.providers.stripe import Stripe
from daemon.providers.stripe.money import from_minor, to_minor
from daemon.providers.stripe.setup import StripeCredentials
from tests.providers.stripe_script import (
    KEY,
    PAYER,
    REFERENCE,
    T0,
    Script,
    a_draft,
    a_line,
    a_list,
    a_payer,
    a_payment,
    a_refusal,
    a_stripe,
    an_event,
    an_invoice,
    paid,
)

DRAFT = an_invoice(status="draft", number=None)
CREATE, ADD, FINALIZE, SEND = (
    "POST invoices",
    "POST invoices/in_1/add_lines",
    "POST invoices/in_1/finalize",
    "POST invoices/in_1/send",
)
GONE = httpx.ReadTimeout("slow")


def a_script(**changed: Any) -> Script:
    """A Stripe at which everything goes well."""
    script = Script(
        {
            "GET customers": a_list(),
            "POST customers": {"id": "cus_1", "object": "customer"},
            CREATE: DRAFT,
            ADD: DRAFT,
            FINALIZE: an_invoice(),
            SEND: an_invoice(),
        }
    )
    script.routes |= changed
    return script


def test_a_new_invoice_is_created_filled_finalised_and_sent() -> None:
    script = a_script()

    pushed = a_stripe(script).push_one(a_draft(memo="March"), PlainJournal())

    assert script.lines == ["GET customers", "POST customers", CREATE, ADD, FINALIZE, SEND]
    assert (pushed.ref, pushed.payer.external_id, pushed.payer.origin) == ("in_1", "cus_1", "created")
    assert pushed.observation.status is DocStatus.OPEN
    assert pushed.observation.total == Money(4500, "USD")
    assert pushed.observation.our_reference == REFERENCE
    assert pushed.observation.links.pay_url == "https://invoice.stripe.com/i/acct_1/in_1"
    assert script.sent(CREATE).params == {
        "customer": "cus_1",
        "number": "A-1",
        "currency": "usd",
        "collection_method": "send_invoice",
        "due_date": "1773705599",
        "auto_advance": "false",
        "automatic_tax": {"enabled": "false"},
        "pending_invoice_items_behavior": "exclude",
        "discounts": "",
        "metadata": {"wispbill_invoice": REFERENCE},
        "description": "March",
    }


def test_every_request_is_pinned_and_every_key_is_ours() -> None:
    script = a_script()
    a_stripe(script).push_one(a_draft(), PlainJournal())

    for call in script.calls:
        assert call.headers["stripe-version"] == "2026-10-28.endive"
        assert call.headers["authorization"] == f"Bearer {KEY}"
        assert "x-stripe-client-telemetry" not in call.headers
        if call.method == "POST":
            assert is_our_key(call.headers["idempotency-key"])
        else:
            assert "idempotency-key" not in call.headers
    keys = [call.headers["idempotency-key"] for call in script.calls if call.method == "POST"]
    assert len(set(keys)) == len(keys)


def test_a_customer_is_adopted_only_with_our_reference() -> None:
    stranger = {"id": "cus_9", "metadata": {}}
    ours = {"id": "cus_1", "metadata": {"wispbill_customer": PAYER}}
    script = a_script(**{"GET customers": a_list(stranger, ours)})

    pushed = a_stripe(script).push_one(a_draft(), PlainJournal())

    assert (pushed.payer.external_id, pushed.payer.origin) == ("cus_1", "found")
    assert "POST customers" not in script.lines


def test_a_customer_with_the_same_e_mail_alone_is_left_alone() -> None:
    script = a_script(**{"GET customers": a_list({"id": "cus_9", "metadata": {}})})

    pushed = a_stripe(script).push_one(a_draft(), PlainJournal())

    assert pushed.payer.origin == "created"


@pytest.mark.parametrize(
    ("there", "code"),
    [
        ({"id": "cus_7", "deleted": True}, "WB-PUSH-MISMATCH"),
        (a_refusal(404, code="resource_missing"), "WB-PUSH-MISMATCH"),
        ({"id": "cus_7", "email": None}, "WB-CUSTOMER-EMAIL"),
    ],
)
def test_a_preset_customer_that_cannot_be_billed_stops_the_invoice(there: Any, code: str) -> None:
    script = a_script(**{"GET customers/cus_7": there})

    with pytest.raises(StepStuck) as caught:
        a_stripe(script).push_one(a_draft(payer=a_payer(external_id="cus_7")), PlainJournal())

    assert caught.value.code == code
    assert CREATE not in script.lines


def test_a_preset_customer_is_used_as_it_is() -> None:
    script = a_script(**{"GET customers/cus_7": {"id": "cus_7", "email": "a@example.com"}})

    pushed = a_stripe(script).push_one(a_draft(payer=a_payer(external_id="cus_7")), PlainJournal())

    assert pushed.payer.origin == "preset"
    assert script.sent(CREATE).params["customer"] == "cus_7"


@pytest.mark.parametrize("step", [CREATE, ADD, FINALIZE, SEND])
def test_a_lost_answer_is_repeated_under_the_same_key(step: str) -> None:
    script, journal = a_script(), PlainJournal()
    script.routes[step] = [GONE, script.routes[step]]

    with pytest.raises(OutcomeUnknown):
        a_stripe(script).push_one(a_draft(), journal)
    a_stripe(script).push_one(a_draft(), journal)

    tries = [call for call in script.calls if call.line == step]
    assert len(tries) == 2
    assert tries[0].headers["idempotency-key"] == tries[1].headers["idempotency-key"]
    assert tries[0].params == tries[1].params
    assert all(script.lines.count(other) == 1 for other in {CREATE, ADD, FINALIZE, SEND} - {step})


@pytest.mark.parametrize(
    ("step", "look"),
    [
        (CREATE, {"GET invoices": a_list(DRAFT)}),
        (ADD, {"GET invoices/in_1": DRAFT}),
        (FINALIZE, {"GET invoices/in_1": an_invoice()}),
        (
            SEND,
            {
                "GET events": a_list(an_event("evt_1", "invoice.sent", {"id": "in_1", "object": "invoice"})),
                "GET invoices/in_1": an_invoice(),
            },
        ),
    ],
)
def test_when_the_key_is_too_old_the_step_looks_and_does_not_send_again(
    step: str, look: dict[str, Any]
) -> None:
    script, journal = a_script(**look), PlainJournal()
    script.routes[step] = GONE
    with pytest.raises(OutcomeUnknown):
        a_stripe(script).push_one(a_draft(), journal)
    journal.keys_expired = True

    pushed = a_stripe(script).push_one(a_draft(), journal)

    assert pushed.ref == "in_1"
    assert script.lines.count(step) == 1


@pytest.mark.parametrize(
    ("step", "look"),
    [
        (CREATE, {"GET invoices": a_list(an_invoice("in_9", metadata={}))}),
        (ADD, {"GET invoices/in_1": an_invoice(status="draft", lines=a_list())}),
        (FINALIZE, {"GET invoices/in_1": DRAFT}),
        (
            SEND,
            {"GET events": a_list(an_event("evt_1", "invoice.sent", {"id": "in_9", "object": "invoice"}))},
        ),
    ],
)
def test_what_a_look_does_not_find_is_sent_anew_under_another_key(step: str, look: dict[str, Any]) -> None:
    script, journal = a_script(**look), PlainJournal()
    script.routes[step] = [GONE, script.routes[step]]
    with pytest.raises(OutcomeUnknown):
        a_stripe(script).push_one(a_draft(), journal)
    journal.keys_expired = True

    a_stripe(script).push_one(a_draft(), journal)

    tries = [call for call in script.calls if call.line == step]
    assert len({call.headers["idempotency-key"] for call in tries}) == 2


def test_a_half_made_draft_is_finished_and_never_taken_for_a_sent_invoice() -> None:
    script, journal = a_script(**{"GET invoices": a_list(DRAFT)}), PlainJournal()
    script.routes[CREATE] = GONE
    with pytest.raises(OutcomeUnknown):
        a_stripe(script).push_one(a_draft(), journal)
    journal.keys_expired = True

    a_stripe(script).push_one(a_draft(), journal)

    assert script.lines[-3:] == [ADD, FINALIZE, SEND]


@pytest.mark.parametrize(
    "there", [an_invoice(total=9900), an_invoice(status="void"), an_invoice(customer="cus_9")]
)
def test_our_reference_on_another_invoice_needs_a_person(there: dict[str, Any]) -> None:
    script, journal = a_script(**{"GET invoices": a_list(there)}), PlainJournal()
    script.routes[CREATE] = GONE
    with pytest.raises(OutcomeUnknown):
        a_stripe(script).push_one(a_draft(), journal)
    journal.keys_expired = True

    with pytest.raises(StepStuck) as caught:
        a_stripe(script).push_one(a_draft(), journal)

    assert caught.value.code == "WB-PUSH-MISMATCH"


def test_a_total_that_differs_is_withdrawn_before_it_goes_live() -> None:
    line = {
        "id": "il_1",
        "amount": 4500,
        "metadata": {"wispbill_line": "1"},
        "taxes": [{"amount": 360, "tax_behavior": "exclusive"}],
    }
    taxed = an_invoice(status="draft", total=4860, lines=a_list(line))
    script = a_script(**{ADD: taxed, "DELETE invoices/in_1": {"id": "in_1", "deleted": True}})
    journal = PlainJournal()

    for _ in range(2):
        with pytest.raises(StepStuck) as caught:
            a_stripe(script).push_one(a_draft(), journal)

    assert caught.value.code == "WB-PUSH-TOTAL"
    assert "the total is 45.00 USD here and 48.60 USD at Stripe" in caught.value.message
    assert "line 1 (Internet) is 45.00 USD here and 48.60 USD at Stripe (tax 3.60 USD" in caught.value.message
    assert FINALIZE not in script.lines
    assert script.lines.count("DELETE invoices/in_1") == 1


def test_a_person_may_have_a_withdrawn_invoice_tried_again() -> None:
    taxed = an_invoice(status="draft", total=4860)
    second = an_invoice("in_2")
    script = a_script(**{ADD: taxed, "DELETE invoices/in_1": {"id": "in_1", "deleted": True}})
    journal = PlainJournal()
    with pytest.raises(StepStuck):
        a_stripe(script).push_one(a_draft(), journal)
    script.routes |= {
        CREATE: second | {"status": "draft"},
        "POST invoices/in_2/add_lines": second | {"status": "draft"},
        "POST invoices/in_2/finalize": second,
        "POST invoices/in_2/send": second,
    }
    journal.keys_expired = True

    pushed = a_stripe(script).push_one(a_draft(), journal)

    assert pushed.ref == "in_2"


class LooksFirst(PlainJournal):
    """A journal after a restore: it looks before every first send."""

    def once(self, step: str, body: Any, send: Any, look: Any, **rules: Any) -> Any:
        return super().once(step, body, send, look, **{**rules, "look_first": True})


def test_after_a_restore_a_withdrawn_invoice_is_not_tried_again_by_itself() -> None:
    taxed = an_invoice(status="draft", total=4860)
    script = a_script(
        **{
            "GET invoices": a_list(),
            "GET invoices/in_1": [DRAFT | {"lines": a_list()}, DRAFT],
            ADD: taxed,
            "DELETE invoices/in_1": {"id": "in_1", "deleted": True},
        }
    )

    with pytest.raises(StepStuck) as caught:
        a_stripe(script).push_one(a_draft(), LooksFirst())

    assert caught.value.code == "WB-PUSH-TOTAL"
    assert script.lines.count(CREATE) == 1


def test_all_lines_are_counted_when_the_first_page_does_not_hold_them() -> None:
    lines = [a_line("1.00") for _ in range(12)]
    rows = [{"id": f"il_{i}", "amount": 100, "metadata": {"wispbill_line": str(i)}} for i in range(1, 13)]
    filled = an_invoice(status="draft", total=1200, lines=a_list(*rows[:10], more=True))
    script = a_script(**{ADD: filled, "GET invoices/in_1/lines": a_list(*rows)})

    assert a_stripe(script).push_one(a_draft(*lines), PlainJournal()).ref == "in_1"


def test_tax_is_sent_as_our_own_amount_under_the_mapped_rate() -> None:
    line = {
        "id": "il_1",
        "amount": 1000,
        "metadata": {"wispbill_line": "1"},
        "taxes": [{"amount": 83, "tax_behavior": "exclusive"}],
    }
    script = a_script(**{ADD: an_invoice(status="draft", total=1083, lines=a_list(line))})
    stripe = a_stripe(script, tax_rates={"local": {"percentage": "8.25", "display_name": "Sales tax"}})

    stripe.push_one(a_draft(a_line("10.00", "0.83", tax_rate="local", quantity="2")), PlainJournal())

    (sent,) = script.sent(ADD).params["lines"].values()
    assert (sent["amount"], sent["description"]) == ("1000", "2 x Internet")
    assert sent["tax_amounts"]["0"] == {
        "amount": "83",
        "taxable_amount": "1000",
        "tax_rate_data": {"display_name": "Sales tax", "inclusive": "false", "percentage": "8.25"},
    }


def test_an_invoice_that_a_credit_balance_covers_is_not_sent() -> None:
    covered = an_invoice(
        status="paid", amount_due=0, amount_remaining=0, starting_balance=-4500, ending_balance=0
    )
    script = a_script(**{FINALIZE: covered})

    pushed = a_stripe(script).push_one(a_draft(), PlainJournal())

    assert SEND not in script.lines
    assert pushed.observation.status is DocStatus.PAID
    (credit,) = pushed.observation.facts
    assert (credit.kind, credit.amount) == (FactKind.CREDIT, Money(4500, "USD"))


def test_an_invoice_paid_before_it_was_sent_needs_no_sending() -> None:
    script = a_script(**{SEND: a_refusal(400, "already paid"), "GET invoices/in_1": paid(an_invoice())})

    pushed = a_stripe(script).push_one(a_draft(), PlainJournal())

    assert pushed.observation.status is DocStatus.PAID
    assert pushed.observation.paid_total == Money(4500, "USD")


def test_a_due_day_that_has_ended_at_stripe_is_due_now() -> None:
    script = a_script()
    script.routes[CREATE] = [a_refusal(400, "due_date must be in the future", param="due_date"), DRAFT]

    a_stripe(script).push_one(a_draft(), PlainJournal())

    first, second = (call for call in script.calls if call.line == CREATE)
    assert "due_date" not in second.params and second.params["days_until_due"] == "0"
    keys = {first.headers["idempotency-key"], second.headers["idempotency-key"]}
    assert len(keys) == 2 and all(is_our_key(key) for key in keys)


def test_the_due_day_ends_in_the_accounts_own_zone() -> None:
    script = a_script()
    a_stripe(script, time_zone="America/Denver").push_one(a_draft(), PlainJournal())

    assert script.sent(CREATE).params["due_date"] == str(1773705599 + 6 * 3600)


@pytest.mark.parametrize("step", [CREATE, FINALIZE])
def test_a_number_that_somebody_elses_invoice_has_needs_a_person(step: str) -> None:
    taken = a_refusal(400, "An invoice with this number already exists", param="number")
    script = a_script(**{step: taken, "GET invoices": a_list()})

    with pytest.raises(StepStuck) as caught:
        a_stripe(script).push_one(a_draft(), PlainJournal())

    assert caught.value.code == "WB-PUSH-NUMBER-TAKEN"
    assert SEND not in script.lines


def test_a_number_that_our_own_draft_has_is_that_draft() -> None:
    taken = a_refusal(400, "number already in use", param="number")
    script = a_script(**{CREATE: taken, "GET invoices": a_list(DRAFT)})

    assert a_stripe(script).push_one(a_draft(), PlainJournal()).ref == "in_1"


def test_a_draft_deleted_at_stripe_needs_a_person() -> None:
    script, journal = (
        a_script(**{"GET invoices/in_1": a_refusal(404, code="resource_missing")}),
        PlainJournal(),
    )
    script.routes[FINALIZE] = GONE
    with pytest.raises(OutcomeUnknown):
        a_stripe(script).push_one(a_draft(), journal)
    journal.keys_expired = True

    with pytest.raises(StepStuck) as caught:
        a_stripe(script).push_one(a_draft(), journal)

    assert caught.value.code == "WB-PUSH-MISMATCH"


# --- what is refused before anything is sent ----------------------------------------------------------


@pytest.mark.parametrize(
    ("draft", "code"),
    [
        (a_draft(payer=a_payer(email=None)), "WB-CUSTOMER-EMAIL"),
        (a_draft(a_line("1000000.00")), "WB-PUSH-CURRENCY"),
        (a_draft(a_line("1.000", currency="IQD"), currency="IQD"), "WB-PUSH-CURRENCY"),
        (a_draft(a_line("1.001", currency="KWD"), currency="KWD"), "WB-PUSH-CURRENCY"),
        (a_draft(a_line("1.50", currency="MGA"), currency="MGA"), "WB-PUSH-CURRENCY"),
        (a_draft(a_line("-1.00")), "WB-PUSH-CURRENCY"),
        (a_draft(a_line("1.00", "0.10", tax_rate="odd")), "WB-INPUT"),
        (a_draft(*[a_line("1.00")] * 251), "WB-INPUT"),
        (a_draft(number="A" * 27), "WB-INPUT"),
        (a_draft(total=Money(1, "USD")), "WB-PUSH-TOTAL"),
    ],
)
def test_what_stripe_would_refuse_is_refused_before_anything_is_sent(draft: Any, code: str) -> None:
    script = Script()

    with pytest.raises(Rejected) as caught:
        a_stripe(script).push_one(draft, PlainJournal())

    assert caught.value.code == code and code in CATALOGUE
    assert script.calls == []


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("12.50", "USD", 1250),
        ("500", "JPY", 500),
        ("500", "ISK", 50000),
        ("500", "UGX", 50000),
        ("12.00", "MGA", 12),
        ("1.230", "KWD", 1230),
        ("10.55", "HUF", 1055),
        ("10.55", "TWD", 1055),
    ],
)
def test_money_is_counted_as_stripe_counts_it(text: str, currency: str, minor: int) -> None:
    money = Money.parse(text, currency)

    assert to_minor(money) == minor
    assert from_minor(minor, currency.lower()) == money


@pytest.mark.parametrize(("amount", "currency"), [(1, "isk"), (150, "ugx"), (1, "nonsense")])
def test_an_amount_that_is_not_money_is_garbled(amount: int, currency: str) -> None:
    with pytest.raises(Garbled):
        from_minor(amount, currency)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("pk_live_abcdefghijkl", "publishable"),
        ("sk_org_live_abcdefghijkl", "organisation"),
        ("whsec_abcdefghijkl", "signing secret"),
        ("acct_1abcdefghijkl", "account's id"),
        ("sk_live_short", "looks like"),
        ("sk_test_abcdefghijk ", "looks like"),
    ],
)
def test_what_is_not_a_key_is_refused_in_words_and_not_repeated(key: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words) as caught:
        StripeCredentials(secret_key=key)
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "mode"),
    [
        ("sk_live_abcdefghijk", Mode.LIVE),
        ("rk_live_abcdefghijk", Mode.LIVE),
        ("sk_test_abcdefghijk", Mode.SANDBOX),
        ("rk_test_abcdefghijk", Mode.SANDBOX),
    ],
)
def test_the_key_tells_the_mode(key: str, mode: Mode) -> None:
    credentials = StripeCredentials(secret_key=key)

    assert credentials.mode is mode
    assert key not in repr(credentials)


# --- errors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (a_refusal(429), Throttled),
        (a_refusal(400, code="rate_limit"), Throttled),
        (a_refusal(409, code="idempotency_key_in_use", type="idempotency_error"), Throttled),
        (a_refusal(429, code="lock_timeout"), Throttled),
        (a_refusal(401), Unauthorised),
        (a_refusal(400, code="api_key_expired"), Unauthorised),
        (a_refusal(403), Unauthorised),
        (a_refusal(404, code="resource_missing"), Missing),
        (a_refusal(400, code="parameter_unknown"), Rejected),
        (a_refusal(402, type="card_error"), Rejected),
        (a_refusal(424), OutcomeUnknown),
        (a_refusal(500), OutcomeUnknown),
        (httpx.Response(502, text="<html>"), OutcomeUnknown),
        (httpx.Response(200, text="<html>"), Garbled),
        (httpx.Response(200, text="[]"), Garbled),
        (httpx.Response(302), Garbled),
    ],
)
def test_an_answer_says_what_may_be_done_next(answer: httpx.Response, kind: type[RemoteError]) -> None:
    script = a_script(**{"POST customers": answer})

    with pytest.raises(RemoteError) as caught:
        a_stripe(script).push_one(a_draft(), PlainJournal())

    assert type(caught.value) is kind
    assert caught.value.party == "Stripe"


def test_an_error_names_stripes_code_request_and_parameter() -> None:
    script = a_script(**{CREATE: a_refusal(400, "Unknown parameter", code="parameter_unknown", param="x")})

    with pytest.raises(Rejected) as caught:
        a_stripe(script).push_one(a_draft(), PlainJournal())

    error = caught.value
    assert (error.provider_code, error.ref, error.param, error.status_code) == (
        "parameter_unknown",
        "req_9",
        "x",
        400,
    )


def test_a_key_in_stripes_words_is_not_repeated() -> None:
    script = a_script(**{CREATE: a_refusal(403, "The key rk_live_****abcd lacks rak_invoice_write")})

    with pytest.raises(Unauthorised) as caught:
        a_stripe(script).push_one(a_draft(), PlainJournal())

    assert "abcd" not in str(caught.value) and "rak_invoice_write" in str(caught.value)


def test_a_key_that_stripe_saw_with_other_content_needs_a_person() -> None:
    script = a_script(**{CREATE: a_refusal(400, type="idempotency_error")})

    with pytest.raises(StepStuck) as caught:
        a_stripe(script).push_one(a_draft(), PlainJournal())

    assert caught.value.code == "WB-PUSH-MISMATCH"


def test_a_replayed_failure_is_recognised_by_its_header() -> None:
    script = a_script(**{CREATE: a_refusal(500, headers={"idempotent-replayed": "true"})})

    with pytest.raises(OutcomeUnknown) as caught:
        a_stripe(script).push_one(a_draft(), PlainJournal())

    assert caught.value.replayed


def test_a_replayed_failure_is_recognised_by_coming_twice() -> None:
    stripe, journal = a_stripe(a_script(**{CREATE: lambda call: a_refusal(500)})), PlainJournal()
    seen = []
    for _ in range(2):
        with pytest.raises(OutcomeUnknown) as caught:
            stripe.push_one(a_draft(), journal)
        seen.append(caught.value.replayed)

    assert seen == [False, True]


# --- the account --------------------------------------------------------------------------------------

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


# --- void, payments made elsewhere, the PDF -----------------------------------------------------------


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


def test_a_push_leaves_no_person_and_no_secret_in_the_journal() -> None:
    journal = PlainJournal()
    a_stripe(a_script()).push_one(a_draft(), journal)

    results = str([entry.result for (subject, _), entry in journal.steps.items() if subject == "invoice"])
    assert "subscriber0001@example.com" not in results


def test_a_payment_at_once_is_in_the_push() -> None:
    script = a_script(**{SEND: paid(an_invoice(), a_payment())})

    pushed = a_stripe(script).push_one(a_draft(), PlainJournal())

    assert [fact.kind for fact in pushed.observation.facts] == [FactKind.PAYMENT]
    assert pushed.observation.facts[0].transaction_id == "pi_1"
    assert pushed.observation.facts[0].at is not None
    assert pushed.observation.facts[0].at.timestamp() == T0 + 90
