"""Push: an invoice lands once, whatever the wire does."""

from __future__ import annotations

import threading
from datetime import date, timedelta

import pytest

from daemon.beats import Beats
from daemon.errors import OutcomeUnknown, StoreError, Unauthorised, VaultError
from daemon.house import House
from daemon.jobs import push as push_module
from daemon.jobs.push import TURN_S, plan
from daemon.jobs.visit import visit
from daemon.model import DocStatus, IntegrationState, Limit, PaymentStatus, StepState, SyncState
from daemon.providers.memory import Memory
from daemon.store import events, integrations, invoices, links, payers, records, steps, tenants
from daemon.store.tables import Link
from tests.builders import Builders, invoice_of
from tests.fakes import FrozenClock, Lines, PacedAccount, Shop
from tests.jobs.running import push_all_due, run_push, state_of


@pytest.fixture
def integration(make: Builders) -> records.Integration:
    return make.an_integration()


@pytest.fixture
def account(shop: Shop, integration: records.Integration) -> PacedAccount:
    return shop.accounts[integration.id]


def types_of(link: records.Link) -> list[str]:
    return [event.type for event in events.of_invoice(link.invoice_id)]


def ask_void(house: House, link: records.Link) -> None:
    house.store.write("test", lambda: links.request_void(links.get(link.id), now=house.clock.now()))


def ask_again(house: House, link: records.Link) -> None:
    reference = invoice_of(house, link).reference
    house.store.write("test", lambda: links.ask_again(links.get(link.id), reference, now=house.clock.now()))


def test_what_is_pending_is_at_the_provider_after_one_run(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount, log: Lines
) -> None:
    link = make.a_link(integration, total="45.00 EUR")

    run_push(house, integration)

    after = links.get(link.id)
    paper = account.papers[after.external_id or ""]
    assert (after.state, after.doc_status, after.next_push_at) == (SyncState.SYNCED, "open", None)
    assert (paper.total.text, paper.sent) == ("45.00", 1)
    assert types_of(link) == ["invoice.added", "invoice.synced", "invoice.observed"]
    assert log.of("push.finished")[0]["pushed"] == 1


def test_the_invoices_of_one_subscriber_share_one_payer(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount
) -> None:
    """Pushed side by side."""
    customer = make.a_customer(tenants.get(integration.tenant_id))
    for _ in range(6):
        make.a_link(integration, customer)

    run_push(house, integration)

    assert len(account.payers) == 1
    assert len(account.papers) == 6
    assert payers.known(integration.id, {customer.id}) == {customer.id: next(iter(account.payers))}


def test_a_timeout_after_sending_is_unconfirmed_not_failed(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount, log: Lines
) -> None:
    link = make.a_link(integration)
    account.lands_but_times_out(after=1)  # the payer gets through, the invoice's answer is lost

    run_push(house, integration)

    assert links.get(link.id).state == SyncState.UNCONFIRMED
    assert log.events == ["push.unconfirmed", "push.finished"]


@pytest.mark.parametrize("step", [0, 1, 2])
@pytest.mark.parametrize("wait", [timedelta(seconds=5), timedelta(hours=20)])
def test_a_lost_answer_heals_to_one_document(
    house: House,
    make: Builders,
    integration: records.Integration,
    account: PacedAccount,
    clock: FrozenClock,
    step: int,
    wait: timedelta,
) -> None:
    """Of the payer, the invoice, its sending; soon (the same key) or after the key's time (a look)."""
    link = make.a_link(integration)
    account.lands_but_times_out(after=step)
    run_push(house, integration)

    clock.move(wait.total_seconds())
    run_push(house, integration)

    assert links.get(link.id).state == SyncState.SYNCED
    assert len(account.payers) == 1
    assert [paper.sent for paper in account.papers.values()] == [1]


def test_what_never_arrived_is_sent_anew_only_once_a_look_would_show_it(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount, clock: FrozenClock
) -> None:
    link = make.a_link(integration)
    account.times_out(after=1)
    run_push(house, integration)
    clock.move(hours=20)
    account.times_out()  # sent anew, and lost again
    run_push(house, integration)
    assert account.papers == {}

    clock.move(hours=2)
    run_push(house, integration)

    assert links.get(link.id).state == SyncState.SYNCED
    assert len(account.papers) == 1


def test_a_refusal_fails_the_invoice_with_its_reason_and_stops_no_other(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount
) -> None:
    found = make.links(integration, 3)
    account.refuses("the address is not complete", after=1)

    run_push(house, integration)

    after = [links.get(link.id) for link in found]
    assert sorted(link.state for link in after) == [SyncState.FAILED, SyncState.SYNCED, SyncState.SYNCED]
    refused = next(link for link in after if link.state == SyncState.FAILED)
    assert refused.next_push_at is None
    assert "not complete" in (refused.fault_text or "")


def test_a_refused_invoice_goes_out_when_a_person_asks_again(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount
) -> None:
    link = make.a_link(integration)
    account.refuses(after=1)
    run_push(house, integration)

    ask_again(house, link)
    run_push(house, integration)

    assert links.get(link.id).state == SyncState.SYNCED
    assert len(account.papers) == 1


def test_an_invoice_that_the_provider_cannot_take_fails_before_anything_is_sent(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount
) -> None:
    link = make.a_link(integration, make.a_customer(None, email=None))
    house.store.write("test", lambda: links_to(integration, link))

    run_push(house, integration)

    assert links.get(link.id).fault_code == "WB-CUSTOMER-EMAIL"
    assert account.calls == 0


def links_to(integration: records.Integration, link: records.Link) -> None:
    Link.update(integration_id=integration.id).where(Link.id == link.id).execute()


def test_a_total_that_the_provider_reckons_otherwise_never_goes_live(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount
) -> None:
    link = make.a_link(integration, total="45.00 EUR")
    account.reckons_more = 1

    run_push(house, integration)

    after = links.get(link.id)
    assert (after.state, after.fault_code) == (SyncState.FAILED, "WB-PUSH-TOTAL")
    assert "45.00 EUR here and 45.01 EUR there" in (after.fault_text or "")
    assert [(paper.status, paper.sent) for paper in account.papers.values()] == [(DocStatus.VOID, 0)]


def test_a_due_date_that_has_passed_is_sent_as_today_and_ours_stays(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount, clock: FrozenClock
) -> None:
    link = make.a_link(integration, due_on=date(2026, 3, 10))
    clock.move(days=30, hours=14.5)  # 23:30 UTC on April 1st is April 2nd in Berlin

    run_push(house, integration)

    assert [paper.due_on for paper in account.papers.values()] == ["2026-04-02"]
    assert invoice_of(house, link).due_on == date(2026, 3, 10)


def test_tries_are_counted_and_given_up_after_the_last(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount, clock: FrozenClock
) -> None:
    link = make.a_link(integration)
    tries = house.settings.push.max_tries
    for _ in range(tries + 1):
        account.times_out()
        run_push(house, integration)
        account.recovers()
        clock.move(hours=3)

    after = links.get(link.id)
    assert (after.state, after.fault_code) == (SyncState.FAILED, "WB-PUSH-EXHAUSTED")
    assert after.attempts == tries + 1


def test_the_plan_says_what_would_be_sent_and_sends_nothing(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount
) -> None:
    make.links(integration, 2)

    drafts = plan(house, integration)

    assert sorted(draft.number for draft in drafts) == ["1001", "1002"]
    assert account.calls == 0


# --- the account as a whole ---------------------------------------------------------------------------


def test_a_dead_credential_parks_the_queue_and_reconnecting_drains_it(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount
) -> None:
    found = make.links(integration, 3)
    account.revokes_access()

    run_push(house, integration)

    assert state_of(integration) == IntegrationState.NEEDS_RECONNECT
    assert {links.get(link.id).state for link in found} == {SyncState.PARKED}
    assert push_all_due(house) == []

    account.recovers()
    reconnect(house, integration)
    push_all_due(house)

    assert {links.get(link.id).state for link in found} == {SyncState.SYNCED}
    assert len(account.papers) == 3


def reconnect(house: House, integration: records.Integration) -> None:
    current = integrations.get(None, integration.id)
    now = house.clock.now()
    house.store.write("test", lambda: integrations.set_state(current, IntegrationState.ACTIVE, now=now))
    house.store.write("test", lambda: integrations.update(integration.id, resume_at=None))


def test_a_throttled_account_pauses_and_delays_no_other(house: House, make: Builders, shop: Shop) -> None:
    slow, quick = make.an_integration(), make.an_integration()
    waits, goes = make.a_link(slow), make.a_link(quick)
    shop.accounts[slow.id].throttles(600)

    push_all_due(house)

    assert links.get(waits.id).state == SyncState.PENDING
    assert links.get(goes.id).state == SyncState.SYNCED
    assert integrations.get(None, slow.id).resume_at is not None
    assert push_all_due(house) == []


def test_an_unreachable_provider_leaves_the_invoices_pending(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount, clock: FrozenClock
) -> None:
    link = make.a_link(integration)
    account.is_unreachable()

    tally = run_push(house, integration)

    assert links.get(link.id).state == SyncState.PENDING
    assert tally.trouble is not None
    assert integrations.get(None, integration.id).fault_code == "WB-REMOTE-UNREACHABLE"

    account.recovers()
    clock.move(minutes=5)
    run_push(house, integration)
    assert links.get(link.id).state == SyncState.SYNCED
    assert integrations.get(None, integration.id).fault_code is None


def test_what_was_in_doubt_stays_in_doubt_while_the_provider_is_away(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount, clock: FrozenClock
) -> None:
    link = make.a_link(integration)
    account.lands_but_times_out(after=1)
    run_push(house, integration)

    account.is_unreachable()
    clock.move(minutes=5)
    run_push(house, integration)

    assert links.get(link.id).state == SyncState.UNCONFIRMED


def test_the_breaker_ends_the_run(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount, clock: FrozenClock
) -> None:
    make.links(integration, 30)
    account.is_unreachable()

    run_push(house, integration)

    assert account.calls < 20
    resume_at = integrations.get(None, integration.id).resume_at
    assert resume_at is not None
    assert resume_at - clock.now() >= timedelta(seconds=60)


def test_the_budget_of_the_account_paces_the_run(
    house: House, make: Builders, shop: Shop, clock: FrozenClock
) -> None:
    shop.limits = (Limit("", 2, 1),)
    integration = make.an_integration()
    make.links(integration, 5)

    run_push(house, integration)

    assert len(shop.accounts[integration.id].papers) == 5
    assert clock.monotonic() >= (shop.accounts[integration.id].calls - 2) / 2 - 0.1


def test_a_long_queue_goes_out_in_turns_so_that_reads_have_theirs(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount, clock: FrozenClock
) -> None:
    make.links(integration, 30)
    account.before_each = lambda: _ignore(clock.move(1))
    woken: list[str] = []
    house.wake = woken.append

    run_push(house, integration)

    assert 0 < len(account.papers) < 30
    assert clock.monotonic() < 3 * TURN_S
    assert woken == ["push"], "the rest must not wait for the schedule"

    while push_all_due(house):
        pass
    assert sorted(paper.sent for paper in account.papers.values()) == [1] * 30


def test_what_is_to_be_voided_does_not_wait_behind_a_long_queue(
    house: House,
    make: Builders,
    integration: records.Integration,
    account: PacedAccount,
    clock: FrozenClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(push_module, "BATCH", 5)
    unwanted = make.a_link(integration)
    run_push(house, integration)
    waiting = make.links(integration, 30)
    clock.move(minutes=1)
    ask_void(house, unwanted)
    account.before_each = lambda: _ignore(clock.move(1))

    run_push(house, integration)

    assert links.get(unwanted.id).doc_status == DocStatus.VOID
    assert any(links.get(link.id).state == SyncState.PENDING for link in waiting), "the queue was too short"


def _ignore(_value: object) -> None:
    pass


def test_credentials_that_do_not_open_stop_the_integration(
    house: House, make: Builders, integration: records.Integration, shop: Shop
) -> None:
    link = make.a_link(integration)
    shop.fault = VaultError()

    run_push(house, integration)

    assert state_of(integration) == IntegrationState.ERROR
    assert links.get(link.id).state == SyncState.PARKED


def test_a_fault_of_ours_is_shown_and_does_not_come_back_at_every_tick(
    house: House, make: Builders, integration: records.Integration
) -> None:
    make.a_link(integration)

    def breaks(_visit: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        visit(house, integration.id, "push", breaks)

    after = integrations.get(None, integration.id)
    assert after.fault_code == "WB-INTERNAL"
    assert after.lease_owner is None
    assert push_all_due(house) == []


def test_who_removed_the_integration_meanwhile_has_the_last_word(
    house: House, make: Builders, integration: records.Integration
) -> None:
    def removed_on_the_way(_visit: object) -> None:
        current = integrations.get(None, integration.id)
        house.store.write(
            "test",
            lambda: integrations.set_state(current, IntegrationState.REMOVED, now=house.clock.now()),
        )
        raise Unauthorised

    visit(house, integration.id, "push", removed_on_the_way)

    assert state_of(integration) == IntegrationState.REMOVED
    assert visit(house, integration.id, "push", removed_on_the_way) is None


def test_a_database_that_cannot_be_written_fails_no_invoice(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount, clock: FrozenClock
) -> None:
    link = make.a_link(integration)

    def full(point: str) -> None:
        if point.startswith("push.mark"):
            raise StoreError("WB-DB-FULL", "the disk that holds the database is full")

    house.store.probe = full
    run_push(house, integration)
    assert links.get(link.id).state == SyncState.PENDING

    house.store.probe = lambda _point: None
    clock.move(minutes=2)
    push_all_due(house)

    assert links.get(link.id).state == SyncState.SYNCED
    assert len(account.papers) == 1


def test_another_worker_who_took_over_stops_the_marks_of_the_first(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount, clock: FrozenClock
) -> None:
    link = make.a_link(integration)

    def overtaken() -> None:
        account.before_each = None
        house.store.write(
            "test", lambda: integrations.update(integration.id, fence=99, lease_owner="other:2")
        )

    account.before_each = overtaken
    tally = run_push(house, integration)

    assert getattr(tally.fault, "code", "") == "WB-LEASE-LOST"
    assert account.papers == {}
    assert links.get(link.id).state == SyncState.PENDING
    assert integrations.get(None, integration.id).lease_owner == "other:2"


def test_a_stop_finishes_the_calls_in_flight_and_leaves_no_link_lost(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount
) -> None:
    found = make.links(integration, 20)
    under_way = threading.Event()

    def stop_at_the_first_invoice() -> None:
        if account.papers and not under_way.is_set():
            under_way.set()
            house.stop.set()

    account.before_each = stop_at_the_first_invoice
    run_push(house, integration)

    states = [links.get(link.id).state for link in found]
    assert set(states) <= {SyncState.SYNCED, SyncState.SENDING, SyncState.PENDING, SyncState.UNCONFIRMED}
    assert SyncState.PENDING in states

    account.before_each = None
    house.stop.clear()
    push_all_due(house)
    assert {links.get(link.id).state for link in found} == {SyncState.SYNCED}
    assert sorted(paper.number for paper in account.papers.values()) == [str(1001 + n) for n in range(20)]


def test_threads_that_pushed_promise_no_further_beat(
    house: House, make: Builders, integration: records.Integration, clock: FrozenClock
) -> None:
    beats = Beats(clock)
    house.beat = beats.keep
    make.links(integration, 10)

    beats.beat()
    run_push(house, integration)
    beats.rest()
    clock.move(days=1)

    assert beats.late() == []


# --- withdrawing --------------------------------------------------------------------------------------


def test_an_invoice_voided_before_its_first_send_never_leaves(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount
) -> None:
    link = make.a_link(integration)
    ask_void(house, link)

    run_push(house, integration)

    assert account.calls == 0
    assert invoice_of(house, link).payment_status == PaymentStatus.VOID
    assert links.get(link.id).next_push_at is None


def test_an_invoice_voided_later_is_withdrawn_at_the_provider(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount
) -> None:
    link = make.a_link(integration)
    run_push(house, integration)
    ask_void(house, link)

    run_push(house, integration)

    assert [paper.status for paper in account.papers.values()] == [DocStatus.VOID]
    assert invoice_of(house, link).payment_status == PaymentStatus.VOID
    assert types_of(link)[-1] == "invoice.void"


def test_an_invoice_voided_while_in_doubt_is_finished_first_and_then_withdrawn(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount, clock: FrozenClock
) -> None:
    link = make.a_link(integration)
    account.lands_but_times_out(after=1)
    run_push(house, integration)
    ask_void(house, link)

    clock.move(minutes=5)
    run_push(house, integration)

    assert [paper.status for paper in account.papers.values()] == [DocStatus.VOID]
    assert invoice_of(house, link).payment_status == PaymentStatus.VOID


def test_a_wish_to_void_that_comes_while_the_push_is_under_way_is_not_forgotten(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount
) -> None:
    link = make.a_link(integration)

    def asked_meanwhile() -> None:
        account.before_each = None
        ask_void(house, link)

    account.before_each = asked_meanwhile
    run_push(house, integration)

    assert [paper.status for paper in account.papers.values()] == [DocStatus.VOID]


def test_a_refused_invoice_that_is_voided_is_void_here(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount
) -> None:
    link = make.a_link(integration)
    account.refuses(after=1)
    run_push(house, integration)
    ask_void(house, link)

    run_push(house, integration)

    assert invoice_of(house, link).payment_status == PaymentStatus.VOID
    assert account.papers == {}


def test_an_invoice_that_is_paid_is_not_voided_and_the_timeline_says_so(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount
) -> None:
    link = make.a_link(integration)
    run_push(house, integration)
    account.pays(links.get(link.id).external_id or "")
    ask_void(house, link)

    run_push(house, integration)

    after = links.get(link.id)
    assert (after.void_requested_at, after.next_push_at) == (None, None)
    assert types_of(link)[-1] == "invoice.void_refused"


def test_what_needs_a_person_is_not_voided_blindly(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount, clock: FrozenClock
) -> None:
    link = make.a_link(integration)
    account.lands_but_times_out(after=1)
    run_push(house, integration)
    paper = next(iter(account.papers.values()))
    other = type(paper)(paper.ref, paper.reference, "cus_else", paper.number, paper.total, paper.due_on)
    account.papers[paper.ref] = other  # our reference, on somebody else's invoice
    ask_void(house, link)

    clock.move(hours=20)
    run_push(house, integration)

    after = links.get(link.id)
    assert (after.state, after.fault_code) == (SyncState.FAILED, "WB-PUSH-MISMATCH")
    assert after.void_requested_at is None
    assert {"invoice.sync_failed", "invoice.void_refused"} <= set(types_of(link))


def test_a_void_whose_answer_is_lost_is_tried_again(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount, clock: FrozenClock
) -> None:
    link = make.a_link(integration)
    run_push(house, integration)
    account.lands_but_times_out()
    ask_void(house, link)

    run_push(house, integration)
    clock.move(minutes=5)
    run_push(house, integration)

    assert invoice_of(house, link).payment_status == PaymentStatus.VOID
    walked = steps.of_invoice(integration.id, invoice_of(house, link).reference)
    assert [step.state for step in walked if step.operation == "void"] == [StepState.DONE]


# --- adapters that misbehave --------------------------------------------------------------------------


def test_an_adapter_that_breaks_leaves_the_invoice_in_doubt(
    house: House, make: Builders, integration: records.Integration, shop: Shop
) -> None:
    class Breaks(Memory):
        def push_one(self, draft: object, journal: object) -> object:  # type: ignore[override]
            raise KeyError("id")

    link = make.a_link(integration)
    shop.kind = Breaks

    with pytest.raises(KeyError):
        run_push(house, integration)

    after = links.get(link.id)
    assert (after.state, after.fault_code) == (SyncState.UNCONFIRMED, OutcomeUnknown.code)
    assert invoices.get(None, link.invoice_id).payment_status == PaymentStatus.OPEN
