"""Stripe, pushing: an invoice lands once, whatever the wire does."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.errors import (
    OutcomeUnknown,
    StepStuck,
)
from daemon.model import DocStatus, FactKind
from daemon.model.ids import is_our_key
from daemon.money import Money
from daemon.providers.contract import PlainJournal
from tests.providers.stripe_script import (
    ADD,
    CREATE,
    DRAFT,
    FINALIZE,
    GONE,
    KEY,
    PAYER,
    REFERENCE,
    SEND,
    T0,
    a_draft,
    a_list,
    a_payer,
    a_payment,
    a_refusal,
    a_script,
    a_stripe,
    an_event,
    an_invoice,
    paid,
)


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
