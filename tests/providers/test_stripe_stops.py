"""Stripe, pushing: what is not as it should be stops before it goes live."""

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
    SEND,
    a_draft,
    a_line,
    a_list,
    a_refusal,
    a_script,
    a_stripe,
    an_invoice,
    paid,
)


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


def test_a_second_form_that_was_not_sent_does_not_make_the_first_unsent() -> None:
    script = a_script()
    script.routes[CREATE] = [a_refusal(400, "in the past", param="due_date"), a_refusal(429, "slower")]

    with pytest.raises(OutcomeUnknown):
        a_stripe(script).push_one(a_draft(), PlainJournal())


def test_a_draft_whose_due_day_ended_before_it_went_live_is_due_now() -> None:
    script = a_script(**{"POST invoices/in_1": DRAFT})
    script.routes[FINALIZE] = [a_refusal(400, "in the past", param="due_date"), an_invoice()]

    a_stripe(script).push_one(a_draft(), PlainJournal())

    assert script.sent("POST invoices/in_1").params == {"days_until_due": "0"}
    assert script.lines.count(FINALIZE) == 2


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
