"""Square: an invoice on its way, whatever stands there, whatever is lost."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from daemon.errors import OutcomeUnknown, Rejected, StepStuck
from daemon.model import DocStatus
from daemon.model.ids import our_reference
from daemon.money import Money
from daemon.providers.contract import PlainJournal, PlainJournals
from daemon.sandbox.faults import FaultKind
from tests.providers.square_bench import REFERENCE, SquareBench, a_draft, a_line, a_payer

RATES = {"local": {"percentage": "8.25", "display_name": "Sales tax"}}


def bodies(bench: SquareBench, line: str) -> list[dict[str, Any]]:
    return [
        json.loads(request.content)
        for request in bench.network.requests
        if f"{request.method} {request.url.path}" == line
    ]


# --- what is sent -------------------------------------------------------------------------------------


def test_an_invoice_to_a_new_customer_costs_five_calls_and_to_a_known_one_four() -> None:
    bench = SquareBench()
    pushed = bench.adapter().push_one(a_draft(), PlainJournal())
    first = len(bench.network.seen)
    known = a_payer(external_id=pushed.payer.external_id)

    draft = a_draft(number="A-2", reference="WB-ABCDEFGHIJKLMNO2", payer=known)
    bench.adapter().push_one(draft, PlainJournal())

    assert (first, len(bench.network.seen) - first) == (5, 4)


def test_every_write_bears_a_key_and_its_own() -> None:
    bench = SquareBench()
    bench.adapter().push_one(a_draft(), PlainJournal())

    writes = [request for request in bench.network.requests if request.content]
    keys = [key for one in writes if (key := json.loads(one.content).get("idempotency_key"))]

    assert len(keys) == len(set(keys)) == 4
    assert all(len(key) <= 45 for key in keys)


def test_the_journal_is_enough_to_tell_what_was_pushed() -> None:
    bench, journal = SquareBench(), PlainJournal()
    first = bench.adapter().push_one(a_draft(), journal)
    calls = len(bench.network.seen)

    again = bench.adapter().push_one(a_draft(), journal)

    assert (again, len(bench.network.seen)) == (first, calls)
    assert again.observation.links.pay_url


def test_a_long_description_is_cut_into_name_and_note() -> None:
    bench = SquareBench()
    line = replace(a_line("45.00"), description="x" * 3000)

    pushed = bench.adapter().push_one(a_draft(line), PlainJournal())

    (sent,) = bodies(bench, "POST /v2/orders")
    (item,) = sent["order"]["line_items"]
    assert (len(item["name"]), len(item["note"])) == (512, 2000)
    assert pushed.observation.total == Money(4500, "USD")


def test_a_phone_number_and_a_country_that_square_would_refuse_are_left_out() -> None:
    bench = SquareBench()
    payer = a_payer(phone="call me", address={"line1": "1 Main St", "country": "Elsewhere"})

    bench.adapter().push_one(a_draft(payer=payer), PlainJournal())

    (sent,) = bodies(bench, "POST /v2/customers")
    assert "phone_number" not in sent and sent["address"] == {"address_line_1": "1 Main St"}


def test_a_phone_number_as_people_write_it_is_sent_as_square_takes_it() -> None:
    bench = SquareBench()

    bench.adapter().push_one(a_draft(payer=a_payer(phone="+1 (303) 555-0100")), PlainJournal())

    assert bodies(bench, "POST /v2/customers")[0]["phone_number"] == "+13035550100"


def test_what_is_shared_by_hand_needs_no_email() -> None:
    bench = SquareBench()

    pushed = bench.adapter(delivery="SHARE_MANUALLY").push_one(
        a_draft(payer=a_payer(email=None)), PlainJournal()
    )

    assert pushed.observation.status is DocStatus.OPEN and pushed.observation.links.pay_url


def test_a_preview_shows_what_would_be_sent_and_sends_nothing() -> None:
    bench = SquareBench()
    shown = bench.adapter().preview(a_draft())
    assert bench.network.seen == []
    bench.adapter().push_one(a_draft(), PlainJournal())

    (order,), (invoice,) = bodies(bench, "POST /v2/orders"), bodies(bench, "POST /v2/invoices")
    assert shown["order"] == {**order["order"], "customer_id": "(the customer's id)"}
    assert shown["invoice"]["payment_requests"] == invoice["invoice"]["payment_requests"]
    assert shown["customer"]["reference_id"] == a_payer().reference
    assert bench.adapter().preview(None)["invoice"]["invoice_number"] == "INV-0001"


# --- payers -------------------------------------------------------------------------------------------


def test_three_homes_with_one_email_are_three_customers() -> None:
    bench = SquareBench()
    for home in "123":
        who = our_reference(tenant="t", reference=home, account="a", operation="payer")
        ours = our_reference(tenant="t", reference=home, account="a", operation="create")
        draft = a_draft(number=f"H-{home}", reference=ours, payer=a_payer(reference=who))
        bench.adapter().push_one(draft, PlainJournal())

    assert bench.payers() == 3


def test_a_customer_with_our_reference_in_part_is_not_ours() -> None:
    bench = SquareBench()
    world = bench.account.world
    stranger = {"id": "CUstranger", "reference_id": f"{REFERENCE}-old", "email_address": "a@example.com"}
    world.keep(world.customers, stranger)

    assert bench.adapter().push_one(a_draft(), PlainJournal()).payer.origin == "created"


def test_a_customer_that_was_merged_at_square_is_found_again_by_our_reference() -> None:
    bench = SquareBench()
    first = bench.adapter().push_one(a_draft(), PlainJournal()).payer
    world = bench.account.world
    (old,) = world.customers.all()
    world.customers.drop(old["id"], world.moment)
    merged = {name: one for name, one in old.items() if name != "version"} | {"id": "CUmerged"}
    world.keep(world.customers, merged)

    known = a_payer(external_id=first.external_id)
    draft = a_draft(number="A-2", reference="WB-ABCDEFGHIJKLMNO2", payer=known)
    second = bench.adapter().push_one(draft, PlainJournal())

    assert (second.payer.external_id, second.payer.origin) == ("CUmerged", "found")


def test_a_preset_customer_that_is_gone_or_has_no_email_stops_before_anything_is_made() -> None:
    bench = SquareBench()
    world = bench.account.world
    world.keep(world.customers, {"id": "CUmute", "given_name": "Subscriber 0002"})

    for ref, code in (("CUgone", "WB-PUSH-MISMATCH"), ("CUmute", "WB-CUSTOMER-EMAIL")):
        with pytest.raises(StepStuck) as caught:
            bench.adapter().push_one(a_draft(payer=a_payer(external_id=ref)), PlainJournal())
        assert caught.value.code == code
    assert world.orders.all() == []


# --- tax, discounts, totals ---------------------------------------------------------------------------


@pytest.mark.parametrize("per_line", [True, False])
def test_tax_adds_up_however_square_rounds_it(per_line: bool) -> None:
    bench = SquareBench()
    bench.account.switches.tax_per_line = per_line
    lines = [a_line("10.01", "0.83", tax_rate="local"), a_line("3.33", "0.27", tax_rate="local")]
    odd = [a_line("0.42", "0.03", tax_rate="local") for _ in range(3)]

    for number, chosen in (("T-1", lines), ("T-2", odd)):
        ours = our_reference(tenant="t", reference=number, account="a", operation="create")
        draft = a_draft(*chosen, number=number, reference=ours)
        pushed = bench.adapter(tax_rates=RATES).push_one(draft, PlainJournal())
        assert pushed.observation.total == draft.total

    plain, split = (one["order"]["taxes"] for one in bodies(bench, "POST /v2/orders"))
    assert (len(plain), len(split)) == (1, 3)


def test_a_tax_that_the_rate_does_not_make_is_refused_line_by_line_before_anything_is_sent() -> None:
    bench = SquareBench()
    draft = a_draft(a_line("10.00", "0.83", tax_rate="local"), a_line("5.00", "1.00", tax_rate="local"))

    with pytest.raises(
        Rejected, match=r"line 2 has tax of 1\.00 USD here, and 0\.41 USD by its rate"
    ) as caught:
        bench.adapter(tax_rates=RATES).push_one(draft, PlainJournal())

    assert caught.value.code == "WB-PUSH-TOTAL"
    assert bench.network.seen == []


def test_tax_as_a_line_is_always_exact() -> None:
    bench = SquareBench()
    draft = a_draft(a_line("10.00", "0.84", tax_rate="local"), a_line("-2.00"), a_line("5.00"))

    pushed = bench.adapter(tax_rates=RATES, tax_as_line=True).push_one(draft, PlainJournal())

    (sent,) = bodies(bench, "POST /v2/orders")
    assert [line["name"] for line in sent["order"]["line_items"]] == ["Internet", "Internet", "Sales tax"]
    assert pushed.observation.total == draft.total == Money(1384, "USD")


def test_a_line_below_zero_is_a_discount_of_the_order() -> None:
    bench = SquareBench()
    draft = a_draft(a_line("45.00"), a_line("-5.00"))

    assert bench.adapter().push_one(draft, PlainJournal()).observation.total == Money(4000, "USD")


def test_an_order_that_square_reckons_otherwise_is_withdrawn_and_tried_anew_once_a_person_says_so() -> None:
    bench, journal = SquareBench(), PlainJournal()
    _spoil_totals(bench, by=1)

    with pytest.raises(StepStuck, match=r"the total is 45\.00 USD here and 45\.01 USD at Square") as caught:
        bench.adapter().push_one(a_draft(), journal)
    assert caught.value.code == "WB-PUSH-TOTAL"
    assert bench.live(REFERENCE) == 0
    assert [order["state"] for order in bench.account.world.orders.all()] == ["CANCELED"]

    journal.keys_expired = True
    pushed = bench.adapter().push_one(a_draft(), journal)
    assert pushed.observation.total == Money(4500, "USD")
    assert bench.live(REFERENCE) == 1


def test_a_draft_with_another_total_is_deleted_before_it_goes_live() -> None:
    bench = SquareBench()
    _spoil_totals(bench, by=7, table="invoices")

    with pytest.raises(StepStuck, match="on Square's draft"):
        bench.adapter().push_one(a_draft(), PlainJournal())

    assert [one.status for one in bench.account.standing()] == [DocStatus.MISSING]


@pytest.mark.parametrize("lost", ["lose_answer", "lose_request"])
@pytest.mark.parametrize("table, write", [("orders", 2), ("invoices", 3)])
def test_a_withdrawal_whose_answer_was_lost_is_made_and_the_invoice_stops(
    table: str, write: int, lost: str
) -> None:
    bench, journal = SquareBench(), PlainJournal()
    _spoil_totals(bench, by=1, table=table)
    getattr(bench, lost)(after=write)
    with pytest.raises(OutcomeUnknown):
        bench.adapter().push_one(a_draft(), journal)

    with pytest.raises(StepStuck) as caught:
        bench.adapter().push_one(a_draft(), replace(journal, keys_expired=True))

    assert caught.value.code == "WB-PUSH-TOTAL"
    assert bench.live(REFERENCE) == 0
    assert [order["state"] for order in bench.account.world.orders.all()] == ["CANCELED"]


def _spoil_totals(bench: SquareBench, *, by: int, table: str = "orders") -> None:
    """The first document of this kind is reckoned otherwise by Square."""
    world = bench.account.world
    kind, keep = getattr(world, table), world.keep
    spoilt: list[str] = []

    def kept(into: Any, doc: dict[str, Any]) -> dict[str, Any]:
        if into is kind and not spoilt:
            spoilt.append(doc["id"])
            money = (
                doc["total_money"]
                if table == "orders"
                else doc["payment_requests"][0]["computed_amount_money"]
            )
            money["amount"] += by
        return keep(into, doc)

    world.keep = kept  # type: ignore[method-assign]


# --- what stands there already ------------------------------------------------------------------------


def test_an_invoice_of_the_merchants_own_with_our_number_and_amount_is_not_adopted() -> None:
    bench = SquareBench()
    theirs = bench.account.strangers("A-1", 4500)

    with pytest.raises(Rejected) as caught:
        bench.adapter().push_one(a_draft(), PlainJournal())

    assert caught.value.code == "WB-PUSH-NUMBER-TAKEN"
    assert [one.ref for one in bench.account.standing()] == [theirs]


def test_a_lost_journal_finishes_the_draft_that_it_left() -> None:
    bench = SquareBench()
    bench.lose_request(after=3)
    with pytest.raises(OutcomeUnknown):
        bench.adapter().push_one(a_draft(), PlainJournal())
    assert [one.status for one in bench.account.standing()] == [DocStatus.DRAFT]

    journal = PlainJournal(keys_expired=True)
    _all_in_doubt(bench, journal)
    pushed = bench.adapter().push_one(a_draft(), journal)

    assert (bench.live(REFERENCE), bench.sent(pushed.ref)) == (1, 1)


def test_an_invoice_that_was_paid_before_its_answer_came_back_is_ours() -> None:
    bench, journal = SquareBench(), PlainJournal()
    bench.lose_answer(after=3)
    with pytest.raises(OutcomeUnknown):
        bench.adapter().push_one(a_draft(), journal)
    bench.account.pay(bench.account.standing()[0].ref)

    pushed = bench.adapter().push_one(a_draft(), replace(journal, keys_expired=True))

    assert pushed.observation.status is DocStatus.PAID


@pytest.mark.parametrize("act", ["delete", "void"])
def test_what_the_office_took_away_before_it_was_sent_stops_for_a_person(act: str) -> None:
    bench, journal = SquareBench(), PlainJournal()
    (bench.lose_request if act == "delete" else bench.lose_answer)(after=3)
    with pytest.raises(OutcomeUnknown):
        bench.adapter().push_one(a_draft(), journal)
    getattr(bench.account, act)(bench.account.standing()[0].ref)

    with pytest.raises(StepStuck) as caught:
        bench.adapter().push_one(a_draft(), replace(journal, keys_expired=True))

    assert caught.value.code == "WB-PUSH-MISMATCH"


def test_a_draft_that_the_office_touched_is_published_with_its_new_version() -> None:
    bench, journal = SquareBench(), PlainJournal()
    bench.lose_request(after=3)
    with pytest.raises(OutcomeUnknown):
        bench.adapter().push_one(a_draft(), journal)
    bench.account.touch(bench.account.standing()[0].ref, title="Another title")

    pushed = bench.adapter().push_one(a_draft(), replace(journal, keys_expired=True))

    assert bench.sent(pushed.ref) == 1


def test_a_draft_that_the_office_made_dearer_is_not_sent() -> None:
    bench, journal = SquareBench(), PlainJournal()
    bench.lose_request(after=3)
    with pytest.raises(OutcomeUnknown):
        bench.adapter().push_one(a_draft(), journal)
    ref = bench.account.standing()[0].ref
    bench.account.edit(ref, 9900)
    bench.account.touch(ref, status="DRAFT")

    with pytest.raises(StepStuck, match="another total"):
        bench.adapter().push_one(a_draft(), replace(journal, keys_expired=True))
    assert bench.sent(ref) == 0


def test_an_order_made_twice_leads_to_the_one_invoice_with_our_number() -> None:
    bench = SquareBench()
    ref = bench.adapter().push_one(a_draft(), PlainJournal()).ref
    world = bench.account.world
    (order,) = world.orders.all()
    world.orders.put("OR0", {**order, "id": "OR0", "created_at": "2020-01-01T00:00:00.000Z"}, world.moment)
    journal = PlainJournal(keys_expired=True)
    _all_in_doubt(bench, journal)

    again = bench.adapter().push_one(a_draft(), journal)

    assert (again.ref, bench.live(REFERENCE), bench.sent(ref)) == (ref, 1, 1)


def test_a_key_that_was_used_with_other_content_is_a_doubt_and_no_refusal() -> None:
    bench = SquareBench()
    bench.adapter().push_one(a_draft(), PlainJournal(reference="same"))

    with pytest.raises(OutcomeUnknown) as caught:
        draft = a_draft(number="A-9", due_on=date(2026, 4, 1))
        bench.adapter().push_one(draft, PlainJournal(reference="same"))

    assert caught.value.replayed


def test_a_search_that_lags_makes_no_second_invoice() -> None:
    bench, journals = SquareBench(lag_s=60), PlainJournals(keys_expired=True)
    for write in range(4):
        bench.network.lose = (write, True)
        list(bench.adapter().push([a_draft()], journals))
    bench.pass_time(600)

    for _ in range(4):
        (result,) = bench.adapter().push([a_draft()], journals)

    assert result.pushed is not None
    assert (bench.live(REFERENCE), bench.sent(result.pushed.ref)) == (1, 1)


def _all_in_doubt(bench: SquareBench, journal: PlainJournal) -> None:
    """As after a restore: each step looks before it sends."""
    once = journal.once

    def look_first(step: str, body: Any, send: Any, look: Any, **more: Any) -> Any:
        return once(step, body, send, look, **{**more, "look_first": True})

    journal.once = look_first  # type: ignore[method-assign]


# --- due dates ----------------------------------------------------------------------------------------


def test_a_due_day_that_has_ended_at_the_location_is_the_next_that_square_takes() -> None:
    bench = SquareBench(timezone="Pacific/Kiritimati")
    bench.clock.move(hours=5)  # the 2nd of March here, the 3rd there

    pushed = bench.adapter().push_one(a_draft(due_on=date(2026, 3, 2)), PlainJournal())

    assert pushed.observation.due_on == date(2026, 3, 3)


def test_a_draft_whose_due_day_ended_before_it_could_go_live_is_due_tomorrow() -> None:
    bench, journal = SquareBench(), PlainJournal()
    bench.lose_request(after=3)
    with pytest.raises(OutcomeUnknown):
        bench.adapter().push_one(a_draft(due_on=date(2026, 3, 2)), journal)
    bench.clock.move(days=3)

    pushed = bench.adapter().push_one(a_draft(due_on=date(2026, 3, 2)), replace(journal, keys_expired=True))

    assert pushed.observation.due_on == date(2026, 3, 6)
    assert bench.sent(pushed.ref) == 1


@pytest.mark.parametrize("kind", [FaultKind.EMPTY, FaultKind.GARBLED, FaultKind.ERROR_AFTER])
@pytest.mark.parametrize(
    "write", ["/v2/customers", "/v2/orders", "/v2/invoices", "/v2/invoices/{id}/publish"]
)
def test_an_answer_that_cannot_be_read_is_looked_for_and_nothing_is_made_twice(
    kind: FaultKind, write: str
) -> None:
    bench, journals = SquareBench(), PlainJournals(keys_expired=True)
    bench.network.inner = bench.network.inner._inner  # type: ignore[attr-defined]  # the spec reads answers
    bench.fault(kind, f"POST {write}")

    list(bench.adapter().push([a_draft()], journals))
    (result,) = bench.adapter().push([a_draft()], journals)

    assert result.pushed is not None
    assert (bench.live(REFERENCE), bench.sent(result.pushed.ref), bench.payers()) == (1, 1, 1)
