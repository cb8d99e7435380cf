"""Pull: what the provider knows becomes ours, and bad news is looked at twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

import pytest

from daemon.errors import CursorLost, StoreError, Throttled
from daemon.house import House
from daemon.jobs.pull import release_brake
from daemon.model import (
    Asked,
    Capabilities,
    Changes,
    DocStatus,
    Document,
    Fact,
    FactKind,
    Hint,
    Observation,
    PaymentStatus,
)
from daemon.money import Money
from daemon.providers.memory import Memory, Paper
from daemon.store import changes, events, hints, integrations, links, records, runs
from tests.builders import Builders, eur, invoice_of
from tests.fakes import FrozenClock, Lines, PacedAccount, Shop
from tests.jobs.running import run_pull, run_push


@pytest.fixture
def integration(make: Builders) -> records.Integration:
    return make.an_integration()


@pytest.fixture
def account(shop: Shop, integration: records.Integration) -> PacedAccount:
    return shop.accounts[integration.id]


@pytest.fixture
def pushed(house: House, make: Builders, integration: records.Integration) -> list[records.Link]:
    """Three invoices that are live at the provider, whose feed was read up to now."""
    return live(house, make, integration, 3)


def live(house: House, make: Builders, integration: records.Integration, count: int) -> list[records.Link]:
    found = make.links(integration, count)
    run_push(house, integration)
    run_pull(house, integration)
    later(house)
    run_pull(house, integration)
    later(house)
    return [links.get(link.id) for link in found]


def later(house: House, minutes: float = 2) -> None:
    house.clock.wait(minutes * 60)


def ref_of(link: records.Link) -> str:
    return link.external_id or ""


def status_of(house: House, link: records.Link) -> str:
    return invoice_of(house, link).payment_status


def types_of(link: records.Link) -> list[str]:
    return [event.type for event in events.of_invoice(link.invoice_id)]


def note(house: House, integration: records.Integration, *found: Hint) -> None:
    now = house.clock.now()
    house.store.write(
        "test", lambda: hints.note(integration.tenant_id, integration.id, found, source="webhook", now=now)
    )


# --- good news ----------------------------------------------------------------------------------------


def test_a_payment_there_is_a_payment_here(
    house: House,
    integration: records.Integration,
    account: PacedAccount,
    pushed: list[records.Link],
    log: Lines,
) -> None:
    account.pays(ref_of(pushed[0]), eur("45.00"))

    run_pull(house, integration)

    invoice = invoice_of(house, pushed[0])
    assert (invoice.payment_status, invoice.due_minor, invoice.payment_method) == ("paid", 0, "card")
    assert types_of(pushed[0])[-1] == "invoice.paid"
    assert [payment.amount_minor for payment in changes.payments_of(invoice.id)] == [4500]
    assert [entry["changed"] for entry in log.of("pull.finished")] == [1]


def test_a_part_a_refund_and_a_dispute_are_told_as_they_are(
    house: House, integration: records.Integration, account: PacedAccount, pushed: list[records.Link]
) -> None:
    part, refunded, disputed = pushed
    account.pays(ref_of(part), eur("20.00"))
    account.pays(ref_of(refunded))
    account.refunds(ref_of(refunded), eur("45.00"))
    account.pays(ref_of(disputed))
    account.disputes(ref_of(disputed), eur("45.00"))

    run_pull(house, integration)

    assert [status_of(house, link) for link in pushed] == ["partially_paid", "refunded", "disputed"]
    assert invoice_of(house, part).due_minor == 2500


def test_a_quiet_account_costs_one_call_and_leaves_no_row(
    house: House, integration: records.Integration, account: PacedAccount, pushed: list[records.Link]
) -> None:
    before, last = account.calls, runs.last("pull")

    run_pull(house, integration)

    assert account.calls - before == 1
    assert runs.last("pull") == last


def test_the_run_counts_its_requests(
    house: House,
    integration: records.Integration,
    account: PacedAccount,
    pushed: list[records.Link],
    log: Lines,
) -> None:
    before = account.calls
    for link in pushed:
        account.pays(ref_of(link))

    run_pull(house, integration)

    assert log.of("pull.finished")[0]["calls"] == account.calls - before == 4


def test_a_closed_invoice_is_read_no_more_until_something_points_at_it(
    house: House, integration: records.Integration, account: PacedAccount, pushed: list[records.Link]
) -> None:
    account.pays(ref_of(pushed[0]))
    run_pull(house, integration)
    assert links.get(pushed[0].id).next_pull_at is None

    account.refunds(ref_of(pushed[0]), eur("45.00"))
    later(house)
    run_pull(house, integration)

    assert status_of(house, pushed[0]) == "refunded"


def test_an_open_invoice_is_read_again_though_the_feed_is_silent(
    house: House, integration: records.Integration, account: PacedAccount, pushed: list[records.Link]
) -> None:
    account.pays(ref_of(pushed[0]))
    account.log.clear()
    account.log += [("inv_0", "open", account.now)] * cursor_of(integration)["seen"]

    later(house, minutes=60 * 24 * 10)
    run_pull(house, integration)

    assert status_of(house, pushed[0]) == "paid"


def cursor_of(integration: records.Integration) -> Document:
    return integrations.get(None, integration.id).cursor or {}


# --- the feed -----------------------------------------------------------------------------------------


def test_a_page_of_the_feed_and_its_cursor_are_kept_together_or_not_at_all(
    house: House, integration: records.Integration, account: PacedAccount, pushed: list[records.Link]
) -> None:
    account.pays(ref_of(pushed[0]))
    before = cursor_of(integration)

    def crash(point: str) -> None:
        if point == "pull.feed:before-commit":
            raise StoreError("WB-DB-FULL", "full")

    house.store.probe = crash
    run_pull(house, integration)
    assert cursor_of(integration) == before
    assert hints.count_waiting(integration.id) == 0

    house.store.probe = lambda _point: None
    later(house)
    run_pull(house, integration)
    assert cursor_of(integration) != before
    assert status_of(house, pushed[0]) == "paid"


def test_after_a_crash_behind_the_feed_the_hints_are_still_there(
    house: House, integration: records.Integration, account: PacedAccount, pushed: list[records.Link]
) -> None:
    account.pays(ref_of(pushed[0]))

    def crash(point: str) -> None:
        if point == "pull.apply:before-commit":
            raise StoreError("WB-DB-FULL", "full")

    house.store.probe = crash
    run_pull(house, integration)
    assert status_of(house, pushed[0]) == "open"

    house.store.probe = lambda _point: None
    run_pull(house, integration)
    assert status_of(house, pushed[0]) == "paid"
    assert hints.count_waiting(integration.id) == 0


def test_a_lost_cursor_reads_everything_open_and_loses_nothing(
    house: House, integration: records.Integration, account: PacedAccount, pushed: list[records.Link]
) -> None:
    account.pays(ref_of(pushed[0]))
    account.log[-1] = (account.log[-1][0], account.log[-1][1], account.now - timedelta(days=40))

    run_pull(house, integration)

    assert status_of(house, pushed[0]) == "paid"
    assert "integration.cursor_lost" in [event.type for event in events.latest(limit=10)]


def test_a_provider_that_loses_even_the_beginning_is_a_fault_and_no_loop(
    house: House, integration: records.Integration, shop: Shop
) -> None:
    class Lost(Memory):
        def changed(self, cursor: Document | None) -> Changes:
            raise CursorLost

    shop.kind = Lost

    tally = run_pull(house, integration)

    assert getattr(tally.fault, "code", "") == "WB-CURSOR-LOST"
    assert integrations.due_for_pull(house.clock.now()) == []


def test_a_page_that_tells_of_an_invoice_twice_leaves_the_last_word(
    house: House, integration: records.Integration, shop: Shop, pushed: list[records.Link]
) -> None:
    """In whichever order the page has them."""
    ref, now = ref_of(pushed[0]), house.clock.now()
    pay = Fact(FactKind.PAYMENT, "pay_x", eur("45.00"), now)
    unpaid = Observation(ref, DocStatus.OPEN, paid_total=eur("0.00"), as_of=now)
    paid = Observation(
        ref, DocStatus.PAID, paid_total=eur("45.00"), facts=(pay,), as_of=now + timedelta(seconds=1)
    )
    pages = [Changes({"seen": 1}, (paid, unpaid))]

    class Twice(Memory):
        def changed(self, cursor: Document | None) -> Changes:
            return pages.pop() if pages else Changes(cursor or {})

    shop.kind = Twice
    run_pull(house, integration)

    assert status_of(house, pushed[0]) == "paid"


class NoFeed(Memory):
    can: ClassVar[Capabilities] = replace(Memory.can, change_feed=False, min_poll_s=600)


def test_without_a_feed_open_invoices_are_read_at_the_pace(
    house: House, integration: records.Integration, account: PacedAccount, shop: Shop, make: Builders
) -> None:
    shop.kind = NoFeed
    (link,) = live(house, make, integration, 1)
    later(house, minutes=15)
    run_pull(house, integration)
    account.pays(ref_of(link))

    later(house, minutes=15)
    run_pull(house, integration)

    assert status_of(house, link) == "paid"


def test_without_a_feed_a_nudge_reads_everything_open(
    house: House, integration: records.Integration, account: PacedAccount, shop: Shop, make: Builders
) -> None:
    shop.kind = NoFeed
    (link,) = live(house, make, integration, 1)
    run_pull(house, integration)
    account.pays(ref_of(link))

    note(house, integration, Hint("evt_all", None))
    run_pull(house, integration)

    assert status_of(house, link) == "paid"
    assert hints.count_waiting(integration.id) == 0


def test_what_is_due_soon_is_read_with_what_is_due_and_nothing_before(
    house: House, integration: records.Integration, account: PacedAccount, shop: Shop, make: Builders
) -> None:
    """Where the provider lists, one list shows them all: each read alone would cost the same list again."""
    shop.kind = NoFeed
    first, soon, later_on = live(house, make, integration, 3)

    def due_in(link: records.Link, seconds: float) -> None:
        at = house.clock.now() + timedelta(seconds=seconds)
        house.store.write("test", lambda: links.postpone([link.id], at))

    for link, seconds in ((first, 10), (soon, 110), (later_on, 400)):
        due_in(link, seconds)
    assert run_pull(house, integration).counts.get("read") is None

    later(house, minutes=10 / 60)
    assert run_pull(house, integration).counts["read"] == 2
    assert links.get(later_on.id).last_pulled_at == later_on.last_pulled_at


# --- hints --------------------------------------------------------------------------------------------


def test_a_hint_makes_the_invoice_be_read_at_once(
    house: House, integration: records.Integration, account: PacedAccount, pushed: list[records.Link]
) -> None:
    run_pull(house, integration)
    account.pays(ref_of(pushed[0]))
    note(house, integration, Hint("evt_w1", ref_of(pushed[0])), Hint("evt_w2", ref_of(pushed[0])))

    assert integrations.due_for_pull(house.clock.now()) == [integration.id]
    before = account.calls
    run_pull(house, integration)

    assert status_of(house, pushed[0]) == "paid"
    assert account.calls - before == 1
    assert hints.count_waiting(integration.id) == 0


def test_a_hint_about_something_that_is_not_ours_is_done_with(
    house: House, integration: records.Integration, account: PacedAccount, pushed: list[records.Link]
) -> None:
    note(house, integration, Hint("evt_x", "inv_of_somebody_else"))
    before = account.calls

    run_pull(house, integration)

    assert hints.count_waiting(integration.id) == 0
    assert account.calls - before == 1


def test_a_hint_about_an_invoice_whose_push_is_under_way_waits_for_it(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount
) -> None:
    link = make.a_link(integration)
    account.lands_but_times_out(after=1)
    run_push(house, integration)
    ref = next(iter(account.papers))
    note(house, integration, Hint("evt_early", ref))

    run_pull(house, integration)
    assert hints.count_waiting(integration.id) == 1

    later(house)
    run_push(house, integration)
    account.pays(ref)
    run_pull(house, integration)
    assert status_of(house, link) == "paid"
    assert hints.count_waiting(integration.id) == 0


# --- bad news -----------------------------------------------------------------------------------------


class Stale(Memory):
    """Its list shows an old state once; a second look at the one invoice shows the truth."""

    old: ClassVar[dict[str, Paper]] = {}

    def pull(self, asked: Sequence[Asked]) -> Iterator[Observation]:
        for seen in super().pull(asked):
            paper = self.old.pop(seen.ref, None)
            yield seen if paper is None else self._observe(paper)


def test_a_stale_list_does_not_re_open_a_paid_invoice(
    house: House,
    integration: records.Integration,
    account: PacedAccount,
    shop: Shop,
    pushed: list[records.Link],
) -> None:
    ref = ref_of(pushed[0])
    Stale.old = {ref: account.papers[ref]}
    account.pays(ref)
    run_pull(house, integration)
    shop.kind = Stale

    note(house, integration, Hint("evt_again", ref))
    run_pull(house, integration)

    assert Stale.old == {}
    assert status_of(house, pushed[0]) == "paid"
    assert "payment.reversed" not in types_of(pushed[0])


def test_a_payment_that_is_taken_back_re_opens_the_debt_after_a_second_look(
    house: House, integration: records.Integration, account: PacedAccount, pushed: list[records.Link]
) -> None:
    account.pays(ref_of(pushed[0]))
    run_pull(house, integration)
    account.takes_back(ref_of(pushed[0]))
    later(house)
    before = account.calls

    run_pull(house, integration)

    assert account.calls - before == 3
    assert status_of(house, pushed[0]) == "open"
    assert types_of(pushed[0])[-1] == "payment.reversed"
    kinds = [payment.kind for payment in changes.payments_of(pushed[0].invoice_id)]
    assert kinds == ["payment", "reversal"]


def test_an_invoice_that_was_deleted_there_is_missing_and_stays_what_it_was(
    house: House, integration: records.Integration, account: PacedAccount, pushed: list[records.Link]
) -> None:
    account.deletes(ref_of(pushed[0]))

    run_pull(house, integration)

    assert status_of(house, pushed[0]) == "open"
    assert types_of(pushed[0])[-1] == "invoice.missing"


def test_too_much_bad_news_at_once_is_held_for_a_person(
    house: House,
    make: Builders,
    integration: records.Integration,
    account: PacedAccount,
    log: Lines,
) -> None:
    found = live(house, make, integration, 12)
    for link in found:
        account.deletes(ref_of(link))

    tally = run_pull(house, integration)

    assert getattr(tally.fault, "code", "") == "WB-BRAKE"
    assert tally.counts["held"] == 12
    assert {links.get(link.id).doc_status for link in found} == {"open"}
    assert (integrations.get(None, integration.id).brake or {})["count"] == 12
    assert [event.type for event in events.latest(types=["brake.applied"])] == ["brake.applied"]


def test_a_few_second_looks_stand_for_a_whole_account_that_is_gone(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount
) -> None:
    found = live(house, make, integration, 60)
    for link in found:
        account.deletes(ref_of(link))
    before = account.calls

    run_pull(house, integration)

    assert (integrations.get(None, integration.id).brake or {})["count"] == 60
    assert account.calls - before < 60 + 20


def test_what_is_held_is_read_again_and_said_once(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount
) -> None:
    found = live(house, make, integration, 12)
    for link in found:
        account.deletes(ref_of(link))
    run_pull(house, integration)
    later(house, minutes=90)

    run_pull(house, integration)

    assert {links.get(link.id).doc_status for link in found} == {"open"}
    assert len(events.latest(types=["brake.applied"])) == 1


def test_a_released_brake_lets_the_held_through_and_holds_again_the_next_time(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount
) -> None:
    found = live(house, make, integration, 24)
    for link in found[:12]:
        account.deletes(ref_of(link))
    run_pull(house, integration)

    assert release_brake(house, integrations.get(None, integration.id))
    run_pull(house, integration)

    assert {links.get(link.id).doc_status for link in found[:12]} == {"missing"}
    assert integrations.get(None, integration.id).brake is None

    for link in found[12:]:
        account.deletes(ref_of(link))
    later(house)
    run_pull(house, integration)
    assert {links.get(link.id).doc_status for link in found[12:]} == {"open"}


def test_a_brake_goes_away_with_its_cause(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount
) -> None:
    found = live(house, make, integration, 12)
    kept = dict(account.papers)
    for link in found:
        account.deletes(ref_of(link))
    run_pull(house, integration)

    account.papers.update(kept)
    later(house, minutes=90)
    run_pull(house, integration)

    assert integrations.get(None, integration.id).brake is None
    assert not release_brake(house, integrations.get(None, integration.id))


def test_a_few_voids_are_applied(
    house: House, integration: records.Integration, account: PacedAccount, pushed: list[records.Link]
) -> None:
    for link in pushed:
        account.voids(ref_of(link))

    run_pull(house, integration)

    assert {status_of(house, link) for link in pushed} == {PaymentStatus.VOID}


# --- trouble ------------------------------------------------------------------------------------------


def test_early_answers_count_though_later_ones_fail(
    house: House, integration: records.Integration, account: PacedAccount, pushed: list[records.Link]
) -> None:
    for link in pushed:
        account.pays(ref_of(link))
    start = account.calls

    def trouble() -> None:
        if account.calls - start == 3:
            account.throttles(60)

    account.before_each = trouble
    tally = run_pull(house, integration)

    assert isinstance(tally.fault, Throttled)
    assert sorted(status_of(house, link) for link in pushed) == ["open", "paid", "paid"]

    account.before_each = None
    account.recovers()
    later(house)
    run_pull(house, integration)
    assert {status_of(house, link) for link in pushed} == {"paid"}


def test_pull_without_pull_status_is_not_due(
    house: House, integration: records.Integration, pushed: list[records.Link]
) -> None:
    house.store.write("test", lambda: integrations.update(integration.id, pull_status=False))

    assert integrations.due_for_pull(house.clock.now()) == []


def test_money_in_another_currency_stops_nobody_else(
    house: House,
    integration: records.Integration,
    account: PacedAccount,
    pushed: list[records.Link],
    clock: FrozenClock,
) -> None:
    account.pays(ref_of(pushed[0]), Money(4500, "USD"), kind=FactKind.CREDIT)
    account.pays(ref_of(pushed[1]))

    run_pull(house, integration)

    assert status_of(house, pushed[1]) == "paid"
    assert status_of(house, pushed[0]) == "open"
