"""Payments in cash: they count at once and never twice, go into the provider's books, and can be undone."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from daemon.errors import InvalidInput
from daemon.house import House
from daemon.jobs import exceptions, recording, wishes
from daemon.jobs import receipts as entering
from daemon.jobs.receipts import Given
from daemon.jobs.tidy import destroy_secrets
from daemon.model import FactKind, IntegrationState
from daemon.providers.memory import Memory
from daemon.store import (
    audit,
    changes,
    events,
    integrations,
    invariants,
    invoices,
    links,
    meta,
    receipts,
    records,
)
from daemon.store.receipts import Receipt
from tests.builders import Builders, eur
from tests.dunning import Wisp
from tests.fakes import Shop
from tests.jobs.running import push_all_due

ACTOR = "cli:somebody"


@pytest.fixture
def wisp(house: House, make: Builders, shop: Shop) -> Wisp:
    return Wisp(house, make, shop)


def pays(wisp: Wisp, link: records.Link, amount: str = "45.00", **more: Any) -> Receipt:
    invoice = invoices.get(None, link.invoice_id)
    return entering.enter(wisp.house, invoice, Given(amount, **more), actor=ACTOR)[0]


def stands(link: records.Link) -> tuple[str, int, int]:
    row = invoices.get(None, link.invoice_id)
    return row.payment_status, row.paid_minor, row.due_minor


def state_of(receipt: Receipt) -> str:
    return receipts.get(None, receipt.id).state


def in_the_books(wisp: Wisp, link: records.Link) -> int:
    paper = wisp.account.papers[links.get(link.id).external_id or ""]
    return sum(fact.amount.minor for fact in paper.facts if fact.kind is FactKind.PAYMENT)


def unable(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider like Square, which records no payment."""
    from dataclasses import replace

    monkeypatch.setattr(Memory, "can", replace(Memory.can, record_payment=False))


# --- at once, and once --------------------------------------------------------------------------------


def test_who_pays_at_the_counter_is_restored_in_the_same_run(wisp: Wisp) -> None:
    link = wisp.an_invoice()
    wisp.days("2026-03-10", "2026-03-30")
    assert wisp.status(link) == "suspended"
    wisp.account.is_unreachable()

    pays(wisp, link)
    wisp.goes_on()

    assert (wisp.status(link), stands(link)) == ("active", ("paid", 4500, 0))


def test_it_is_recorded_there_and_becomes_the_providers_word(wisp: Wisp) -> None:
    link = wisp.an_invoice()
    receipt = pays(wisp, link)

    push_all_due(wisp.house)

    assert state_of(receipt) == "recorded"
    assert in_the_books(wisp, link) == 4500
    assert stands(link) == ("paid", 4500, 0)
    wisp.shop.clock.move(hours=2)
    wisp.reads()
    push_all_due(wisp.house)
    assert (in_the_books(wisp, link), stands(link)) == (4500, ("paid", 4500, 0))
    assert invariants.check() == []


def test_what_the_provider_takes_back_later_is_owed_again_with_an_alert(wisp: Wisp) -> None:
    link = wisp.an_invoice()
    pays(wisp, link)
    push_all_due(wisp.house)

    wisp.account.takes_back(links.get(link.id).external_id or "")
    wisp.shop.clock.move(minutes=5)
    wisp.reads()

    assert stands(link)[0] == "open"
    assert "payment.reversed" in [row.type for row in events.of_invoice(link.invoice_id)]


@pytest.mark.parametrize("lands", [True, False])
def test_a_lost_answer_records_it_once_and_counts_it_once_meanwhile(wisp: Wisp, lands: bool) -> None:
    """A pull may see the provider's own payment before we hear that it was recorded."""
    link = wisp.an_invoice()
    receipt = pays(wisp, link, "20.00")
    (wisp.account.lands_but_times_out if lands else wisp.account.times_out)()
    push_all_due(wisp.house)
    assert state_of(receipt) == "waiting"

    wisp.shop.clock.move(minutes=5)
    wisp.reads()
    assert stands(link) == ("partially_paid", 2000, 2500)
    wisp.shop.clock.move(hours=2)
    push_all_due(wisp.house)
    wisp.reads()

    assert state_of(receipt) == "recorded"
    assert (in_the_books(wisp, link), stands(link)) == (2000, ("partially_paid", 2000, 2500))


def test_two_of_one_amount_on_one_invoice_are_two(wisp: Wisp) -> None:
    link = wisp.an_invoice()
    both = [pays(wisp, link, "20.00"), pays(wisp, link, "20.00")]
    assert stands(link) == ("partially_paid", 4000, 500)

    push_all_due(wisp.house)

    assert [state_of(x) for x in both] == ["recorded", "recorded"]
    assert (in_the_books(wisp, link), stands(link)) == (4000, ("partially_paid", 4000, 500))


def test_a_second_one_counts_on_while_only_the_first_is_in_the_books(wisp: Wisp) -> None:
    """As where the day's calls are used up between the two."""
    link = wisp.an_invoice()
    both = [pays(wisp, link, "25.00"), pays(wisp, link, "15.00")]
    wisp.account.pays(links.get(link.id).external_id or "", eur("25.00"))  # as the first was recorded
    wisp.shop.clock.move(minutes=5)
    wisp.reads()
    assert stands(link) == ("partially_paid", 4000, 500)

    push_all_due(wisp.house)

    assert [state_of(x) for x in both] == ["here", "recorded"]
    assert (in_the_books(wisp, link), stands(link)) == (4000, ("partially_paid", 4000, 500))
    assert invariants.check() == []


def test_beside_a_card_payment_each_counts_once(wisp: Wisp) -> None:
    link = wisp.an_invoice()
    wisp.account.pays(links.get(link.id).external_id or "", eur("25.00"))
    wisp.shop.clock.move(minutes=5)
    wisp.reads()
    pays(wisp, link, "20.00")
    assert stands(link) == ("paid", 4500, 0)

    push_all_due(wisp.house)

    assert (in_the_books(wisp, link), stands(link)) == (4500, ("paid", 4500, 0))


def test_before_the_invoice_is_sent_it_waits_for_that(house: House, make: Builders, shop: Shop) -> None:
    wisp = Wisp(house, make, shop)
    link = make.a_link(wisp.integration)

    receipt = pays(wisp, link)
    push_all_due(house)
    assert stands(link) == ("paid", 4500, 0)
    push_all_due(house)

    assert (state_of(receipt), in_the_books(wisp, link)) == ("recorded", 4500)


def test_the_same_reference_again_is_the_same_payment(wisp: Wisp) -> None:
    link = wisp.an_invoice()
    one = pays(wisp, link, "20.00", reference="T-1")
    assert pays(wisp, link, "20.00", reference="T-1").id == one.id
    assert stands(link) == ("partially_paid", 2000, 2500)
    with pytest.raises(InvalidInput, match="another payment"):
        pays(wisp, link, "25.00", reference="T-1")


# --- what the provider cannot -------------------------------------------------------------------------


def test_where_it_cannot_be_recorded_it_stays_here(
    wisp: Wisp, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = wisp.an_invoice()
    unable(shop, monkeypatch)

    receipt = pays(wisp, link)
    push_all_due(wisp.house)
    wisp.shop.clock.move(hours=1)
    wisp.reads()

    assert (state_of(receipt), stands(link)) == ("here", ("paid", 4500, 0))
    assert [row.id for row in receipts.for_a_person(None)] == [receipt.id]


def test_recorded_there_by_hand_it_counts_once(
    wisp: Wisp, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = wisp.an_invoice()
    unable(shop, monkeypatch)
    pays(wisp, link)

    wisp.account.pays(links.get(link.id).external_id or "")
    wisp.shop.clock.move(hours=1)
    wisp.reads()

    assert stands(link) == ("paid", 4500, 0)


def test_voided_there_it_stays_paid(wisp: Wisp, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    link = wisp.an_invoice()
    unable(shop, monkeypatch)
    pays(wisp, link)

    wisp.account.voids(links.get(link.id).external_id or "")
    wisp.shop.clock.move(hours=1)
    wisp.reads()

    assert stands(link) == ("paid", 4500, 0)


def test_refused_there_it_stays_here_and_says_why(wisp: Wisp) -> None:
    link = wisp.an_invoice()
    receipt = pays(wisp, link)
    wisp.account.refuses("the period is closed")

    push_all_due(wisp.house)

    row = receipts.get(None, receipt.id)
    assert (row.state, row.fault_text) == ("here", "the period is closed")
    assert stands(link) == ("paid", 4500, 0)
    assert "payment.not_recorded" in [x.type for x in events.of_invoice(link.invoice_id)]


def test_while_a_part_is_not_settled_with_the_provider_nobody_is_cut_off(
    wisp: Wisp, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is paid there since may be the same money, or not: a person says so."""
    link = wisp.an_invoice()
    unable(shop, monkeypatch)
    receipt = pays(wisp, link, "20.00")

    wisp.days("2026-03-10", "2026-04-10")
    assert (wisp.status(link), wisp.held()) == ("warned", ["payment"])

    wisp.write(lambda: receipts.settle(receipt, note="closed there", actor=ACTOR, now=wisp.house.clock.now()))
    wisp.days("2026-04-13", "2026-04-30")
    assert wisp.status(link) == "suspended"


def test_what_came_in_there_before_it_was_recorded_is_not_recorded_besides(wisp: Wisp) -> None:
    """By card, or by somebody's hand: a person looks."""
    link = wisp.an_invoice()
    receipt = pays(wisp, link)
    wisp.account.pays(links.get(link.id).external_id or "")
    wisp.shop.clock.move(minutes=5)
    wisp.reads()

    push_all_due(wisp.house)

    assert (state_of(receipt), in_the_books(wisp, link)) == ("here", 4500)
    assert stands(link) == ("paid", 4500, 0)
    [matter] = exceptions.gather(None)
    assert "if both were paid, refund one of them" in matter.sentence


def test_after_a_restore_nothing_is_recorded_before_it_was_looked_at(wisp: Wisp) -> None:
    link = wisp.an_invoice()
    receipt = pays(wisp, link)
    wisp.write(lambda: meta.put(meta.RECOVERY, "2026-03-01"))

    push_all_due(wisp.house)
    assert (state_of(receipt), in_the_books(wisp, link)) == ("waiting", 0)
    wisp.write(lambda: meta.drop(meta.RECOVERY))
    push_all_due(wisp.house)

    assert (state_of(receipt), in_the_books(wisp, link)) == ("recorded", 4500)


# --- what is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "more", "word"),
    [
        ("45.01", {}, "more than the 45.00 EUR"),
        ("0", {}, "more than nothing"),
        ("-5.00", {}, "more than nothing"),
        ("5.001", {}, "decimals"),
        ("5.00", {"currency": "USD"}, "in EUR, not in USD"),
        ("5.00", {"paid_on": date(2026, 3, 3)}, "still to come"),
        ("5.00", {"method": "shells"}, "one of cash"),
        ("5.00", {"note": "n" * 201}, "200 characters"),
    ],
)
def test_what_cannot_be_is_refused_in_plain_words(
    wisp: Wisp, amount: str, more: dict[str, Any], word: str
) -> None:
    link = wisp.an_invoice()
    with pytest.raises(InvalidInput) as caught:
        pays(wisp, link, amount, **more)
    assert word in caught.value.message
    assert stands(link) == ("open", 0, 4500)


def test_a_void_invoice_takes_no_payment(wisp: Wisp) -> None:
    link = wisp.an_invoice()
    row = invoices.get(None, link.invoice_id)
    wisp.write(lambda: wishes.void(row, actor=ACTOR, now=wisp.house.clock.now()))
    with pytest.raises(InvalidInput, match="void"):
        pays(wisp, link)


def test_what_is_paid_takes_no_more(wisp: Wisp) -> None:
    link = wisp.an_invoice()
    pays(wisp, link)
    with pytest.raises(InvalidInput, match=r"0\.00 EUR"):
        pays(wisp, link, "0.01")


def test_an_invoice_that_was_given_up_may_be_paid_after_all(wisp: Wisp) -> None:
    link = wisp.an_invoice()
    wisp.account.writes_off(links.get(link.id).external_id or "")
    wisp.shop.clock.move(minutes=5)
    wisp.reads()
    assert stands(link)[0] == "uncollectible"

    pays(wisp, link)

    assert stands(link) == ("paid", 4500, 0)


def test_without_an_integration_there_is_nobody_to_settle_with(house: House, make: Builders) -> None:
    invoice = make.an_invoice()
    with pytest.raises(InvalidInput, match="no integration"):
        entering.enter(house, invoice, Given("5.00"), actor=ACTOR)


# --- taken back ---------------------------------------------------------------------------------------


def test_a_mistake_is_taken_back_and_the_debt_is_open_again_with_an_alert(
    wisp: Wisp, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = wisp.an_invoice()
    unable(shop, monkeypatch)
    receipt = pays(wisp, link)

    entering.take_back(wisp.house, receipt, actor=ACTOR)

    assert (state_of(receipt), stands(link)) == ("taken_back", ("open", 0, 4500))
    assert events.of_invoice(link.invoice_id)[-1].type == "payment.reversed"
    assert {"payment.entered", "payment.taken_back"} <= {row.action for row in audit.latest(limit=20)}
    assert len(changes.payments_of(link.invoice_id)) == 2  # nothing is deleted
    with pytest.raises(InvalidInput, match="already"):
        entering.take_back(wisp.house, receipt, actor=ACTOR)
    assert invariants.check() == []


def test_before_anything_was_sent_too(wisp: Wisp) -> None:
    link = wisp.an_invoice()
    receipt = pays(wisp, link)
    entering.take_back(wisp.house, receipt, actor=ACTOR)

    push_all_due(wisp.house)

    assert (in_the_books(wisp, link), stands(link)) == (0, ("open", 0, 4500))


@pytest.mark.parametrize("late", [False, True])
def test_taken_back_while_it_was_about_to_be_recorded_it_is_not(
    wisp: Wisp, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    """`late`: after the last look at what counts, before the mark."""
    link = wisp.an_invoice()
    receipt = pays(wisp, link)
    place, name = (recording, "_words") if late else (receipts, "due")
    real = getattr(place, name)

    def taken_back_meanwhile(*given: Any, **more: Any) -> Any:
        found = real(*given, **more)
        if found and state_of(receipt) == "waiting":
            entering.take_back(wisp.house, receipt, actor=ACTOR)
        return found

    monkeypatch.setattr(place, name, taken_back_meanwhile)
    push_all_due(wisp.house)

    assert state_of(receipt) == "taken_back"
    assert (in_the_books(wisp, link), stands(link)) == (0, ("open", 0, 4500))


@pytest.mark.parametrize("lost", [False, True])
def test_what_may_be_in_the_providers_books_is_taken_back_there(wisp: Wisp, lost: bool) -> None:
    link = wisp.an_invoice()
    receipt = pays(wisp, link)
    if lost:
        wisp.account.times_out()
    push_all_due(wisp.house)

    with pytest.raises(InvalidInput, match="take it back there"):
        entering.take_back(wisp.house, receipt, actor=ACTOR)


# --- the rest of the house ----------------------------------------------------------------------------


def test_an_integration_that_leaves_waits_for_what_may_have_landed_though_it_is_paid(
    house: House, make: Builders, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    wisp = Wisp(house, make, shop)
    unable(shop, monkeypatch)
    link = make.a_link(wisp.integration)
    wisp.account.lands_but_times_out()
    push_all_due(house)
    pays(wisp, link)
    assert stands(link)[0] == "paid"
    row = integrations.get(None, wisp.integration.id)
    now = house.clock.now()
    wisp.write(lambda: integrations.set_state(row, IntegrationState.DRAINING, now=now))

    destroy_secrets(house, now)
    assert integrations.get(None, row.id).state == "draining"
    shop.clock.move(hours=2)
    push_all_due(house)
    assert links.get(link.id).external_id is not None
    destroy_secrets(house, house.clock.now())

    assert integrations.get(None, row.id).state == "removed"


def test_an_integration_that_leaves_waits_until_it_is_recorded(wisp: Wisp) -> None:
    link = wisp.an_invoice()
    pays(wisp, link)
    row = integrations.get(None, wisp.integration.id)
    now = wisp.house.clock.now()
    wisp.write(lambda: integrations.set_state(row, IntegrationState.DRAINING, now=now))

    destroy_secrets(wisp.house, now)
    assert integrations.get(None, row.id).state == "draining"
    push_all_due(wisp.house)
    destroy_secrets(wisp.house, now + timedelta(days=1))

    assert integrations.get(None, row.id).state == "removed"
    assert in_the_books(wisp, link) == 4500
