"""Switching the provider: what was begun stays, all else goes along, and nothing is lost or doubled."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from daemon.connect import accounts, switching
from daemon.errors import InvalidInput
from daemon.house import House
from daemon.jobs.tidy import destroy_secrets
from daemon.model import AccountInfo, Hint, IntegrationState, Mode, PaymentStatus, SyncState
from daemon.model.states import Duty
from daemon.store import (
    events,
    hints,
    integrations,
    invariants,
    invoices,
    links,
    meta,
    records,
    tenants,
)
from daemon.store.switching import Lot
from daemon.store.tables import Audit
from tests.builders import Builders
from tests.fakes import PacedAccount, Shop
from tests.jobs.running import push_all_due, run_pull, run_push, state_of

S = IntegrationState
ACTOR = "cli:somebody"


@dataclass
class Desk:
    """A tenant with an integration that serves and one that stands by."""

    house: House
    make: Builders
    shop: Shop
    old: records.Integration
    new: records.Integration

    def again(self) -> None:
        self.old, self.new = (integrations.get(None, row.id) for row in (self.old, self.new))

    def switch(self) -> switching.Plan:
        self.again()
        return switching.switch(self.house, self.old, self.new, actor=ACTOR)

    def undo(self) -> int:
        self.again()
        return switching.undo(self.house, self.old, actor=ACTOR)[2]

    def books(self, row: records.Integration) -> PacedAccount:
        return self.shop.accounts[row.id]

    def at(self, link: records.Link) -> str:
        return {self.old.id: "old", self.new.id: "new"}[links.get(link.id).integration_id or ""]


def stand_by(
    house: House, make: Builders, beside: records.Integration, name: str = "mem_2"
) -> records.Integration:
    account = AccountInfo(name, f"Account {name}", Mode.SANDBOX)
    row = house.store.write(
        "test",
        lambda: integrations.add(
            tenant_id=beside.tenant_id,
            customer_id=beside.customer_id,
            provider="memory",
            mode="sandbox",
            label="",
            settings={},
            account=account,
            base_url=None,
            pace="realtime",
            actor=ACTOR,
            now=house.clock.now(),
            entropy=house.entropy,
            beside=beside,
        ),
    )
    assert make.shop is not None
    make.shop.accounts[row.id] = PacedAccount(account_id=name, clock=make.shop.clock)
    return row


@pytest.fixture
def desk(house: House, make: Builders, shop: Shop) -> Desk:
    old = make.an_integration(make.a_tenant())
    return Desk(house, make, shop, old, stand_by(house, make, old))


def test_one_that_stands_by_takes_nothing(desk: Desk) -> None:
    link = desk.make.a_link(desk.old)

    push_all_due(desk.house)

    assert (desk.new.state, desk.new.duty) == (S.PAUSED, Duty.STANDS_BY)
    assert desk.at(link) == "old"
    assert desk.books(desk.new).calls == 0


def test_what_was_not_sent_moves_and_what_was_sent_drains(desk: Desk) -> None:
    sent = desk.make.a_link(desk.old)
    run_push(desk.house, desk.old)
    waiting = desk.make.a_link(desk.old)

    done = desk.switch()
    push_all_due(desk.house)

    assert [desk.at(one) for one in (sent, waiting)] == ["old", "new"]
    assert [done.pile(lot).count for lot in (Lot.MOVES, Lot.DRAINS)] == [1, 1]
    assert (state_of(desk.old), state_of(desk.new)) == (S.DRAINING, S.ACTIVE)
    later = desk.make.a_link(desk.new)
    push_all_due(desk.house)
    assert links.get(later.id).state == SyncState.SYNCED
    assert (len(desk.books(desk.old).papers), len(desk.books(desk.new).papers)) == (1, 2)


def test_the_payer_is_found_or_made_anew_at_the_new_one(desk: Desk) -> None:
    person = desk.make.a_customer(tenants.get(desk.old.tenant_id))
    desk.make.a_link(desk.old, person)
    run_push(desk.house, desk.old)
    desk.switch()

    desk.make.a_link(desk.new, person)
    push_all_due(desk.house)

    assert len(desk.books(desk.new).payers) == 1


def test_what_may_have_landed_stays_and_is_finished_there(desk: Desk) -> None:
    link = desk.make.a_link(desk.old)
    desk.books(desk.old).lands_but_times_out(after=1)
    run_push(desk.house, desk.old)
    assert links.get(link.id).state == SyncState.UNCONFIRMED

    done = desk.switch()
    desk.shop.clock.move(hours=2)
    push_all_due(desk.house)

    assert done.pile(Lot.STAYS).count == 1
    assert (desk.at(link), links.get(link.id).state) == ("old", SyncState.SYNCED)
    assert desk.books(desk.new).papers == {}


def test_what_waits_parked_for_a_dead_account_goes_along_unless_it_was_begun(desk: Desk) -> None:
    begun = desk.make.a_link(desk.old)
    desk.books(desk.old).lands_but_times_out(after=1)
    run_push(desk.house, desk.old)
    fresh = desk.make.a_link(desk.old)
    desk.books(desk.old).revokes_access()
    desk.shop.clock.move(hours=2)
    run_push(desk.house, desk.old)
    assert state_of(desk.old) == S.NEEDS_RECONNECT

    done = desk.switch()
    push_all_due(desk.house)

    assert [done.pile(lot).count for lot in (Lot.MOVES, Lot.PARKED)] == [1, 1]
    assert [desk.at(one) for one in (begun, fresh)] == ["old", "new"]
    assert integrations.get(None, desk.old.id).duty == Duty.LEAVES


def test_a_dead_account_that_left_and_works_again_drains_and_serves_nobody(desk: Desk) -> None:
    link = desk.make.a_link(desk.old)
    run_push(desk.house, desk.old)
    desk.books(desk.old).revokes_access()
    run_pull(desk.house, desk.old)
    desk.switch()
    assert state_of(desk.old) == S.NEEDS_RECONNECT

    desk.books(desk.old).recovers()
    account = AccountInfo(desk.old.account_id or "", "Account 1", Mode.SANDBOX)
    desk.again()
    accounts.tested(desk.house, desk.old, account, actor=ACTOR)
    desk.make.a_link(desk.new)
    push_all_due(desk.house)

    assert state_of(desk.old) == S.DRAINING
    assert len(desk.books(desk.old).papers) == 1
    desk.books(desk.old).pays(links.get(link.id).external_id or "")
    desk.shop.clock.move(minutes=5)
    run_pull(desk.house, desk.old)
    assert invoices.get(None, link.invoice_id).payment_status == PaymentStatus.PAID


def test_removed_at_once_what_was_not_begun_goes_to_who_serves_next(
    house: House, make: Builders, shop: Shop
) -> None:
    old = make.an_integration()
    begun = make.a_link(old)
    shop.accounts[old.id].times_out()
    run_push(house, old)
    waiting = make.a_link(old)

    accounts.remove(house, integrations.get(None, old.id), force=True, actor=ACTOR)

    at = [links.get(one.id).integration_id for one in (begun, waiting)]
    assert at == [old.id, None]
    serving = make.an_integration(tenants.get(old.tenant_id))
    house.store.write("test", lambda: links.assign(house.clock.now()))
    push_all_due(house)
    assert (links.get(waiting.id).state, links.get(waiting.id).integration_id) == ("synced", serving.id)
    assert len(shop.accounts[serving.id].papers) == 1
    assert invariants.check() == []


def test_a_late_event_of_the_old_one_counts_for_its_own_invoices_alone(desk: Desk) -> None:
    link = desk.make.a_link(desk.old)
    desk.switch()
    push_all_due(desk.house)
    there = links.get(link.id).external_id or ""
    run_pull(desk.house, desk.new)
    hint = desk.house.store.write(
        "test",
        lambda: hints.note(
            desk.old.tenant_id,
            desk.old.id,
            [Hint("evt_late", there, desk.house.clock.now())],
            source="webhook",
            now=desk.house.clock.now(),
        ),
    )
    assert hint == 1

    before = links.get(link.id)
    run_pull(desk.house, desk.old)

    assert links.get(link.id) == before


def test_it_can_be_undone_until_something_was_sent(desk: Desk) -> None:
    link = desk.make.a_link(desk.old)
    desk.switch()
    assert desk.at(link) == "new"

    assert desk.undo() == 1

    assert desk.at(link) == "old"
    assert (state_of(desk.old), state_of(desk.new)) == (S.ACTIVE, S.PAUSED)
    push_all_due(desk.house)
    assert (len(desk.books(desk.old).papers), desk.books(desk.new).papers) == (1, {})
    actions = {row.action for row in Audit.select()}
    assert {"integration.switched", "integration.switch_undone"} <= actions


def test_once_something_was_sent_the_way_back_is_another_switch(desk: Desk) -> None:
    first = desk.make.a_link(desk.old)
    run_push(desk.house, desk.old)
    second = desk.make.a_link(desk.old)
    desk.switch()
    push_all_due(desk.house)

    with pytest.raises(InvalidInput) as caught:
        desk.undo()
    assert caught.value.code == "WB-SWITCH"
    assert f"wispbill integrations switch {desk.new.id} --to {desk.old.id}" in caught.value.message

    desk.again()
    switching.switch(desk.house, desk.new, desk.old, actor=ACTOR)
    third = desk.make.a_link(desk.old)
    push_all_due(desk.house)
    assert [desk.at(one) for one in (first, second, third)] == ["old", "new", "old"]
    assert (state_of(desk.old), state_of(desk.new)) == (S.ACTIVE, S.DRAINING)


def test_while_it_can_be_undone_the_old_secrets_stay_and_then_they_go(desk: Desk) -> None:
    desk.switch()
    destroy_secrets(desk.house, desk.house.clock.now())
    assert state_of(desk.old) == S.DRAINING

    desk.make.a_link(desk.new)
    push_all_due(desk.house)
    destroy_secrets(desk.house, desk.house.clock.now())

    assert state_of(desk.old) == S.REMOVED
    with pytest.raises(InvalidInput, match="removed"):
        desk.undo()


def test_it_ends_when_its_last_invoice_closes_and_not_before(desk: Desk) -> None:
    link = desk.make.a_link(desk.old)
    run_push(desk.house, desk.old)
    desk.switch()
    desk.make.a_link(desk.new)
    push_all_due(desk.house)
    destroy_secrets(desk.house, desk.house.clock.now())
    assert state_of(desk.old) == S.DRAINING

    desk.books(desk.old).pays(links.get(link.id).external_id or "")
    desk.shop.clock.move(minutes=5)
    run_pull(desk.house, desk.old)
    destroy_secrets(desk.house, desk.house.clock.now())

    assert state_of(desk.old) == S.REMOVED


def test_a_plan_says_what_would_be_and_changes_nothing(desk: Desk) -> None:
    desk.make.a_link(desk.old, total="45.00 EUR")
    run_push(desk.house, desk.old)
    desk.make.a_link(desk.old, total="20.00 EUR")
    nowhere = desk.make.a_customer(tenants.get(desk.old.tenant_id), email=None)
    desk.make.an_invoice(nowhere, number="2001", total="10.00 EUR")
    desk.house.store.write("test", lambda: links.assign(desk.house.clock.now()))
    before = [integrations.get(None, row.id) for row in (desk.old, desk.new)]

    planned = switching.plan(desk.house, *before)

    assert [(pile.lot, pile.count, [str(x) for x in pile.due]) for pile in planned.piles if pile.count] == [
        (Lot.MOVES, 2, ["30.00 EUR"]),
        (Lot.DRAINS, 1, ["45.00 EUR"]),
    ]
    assert [(one.number, one.code) for one in planned.refused] == [("2001", "WB-CUSTOMER-EMAIL")]
    assert [integrations.get(None, row.id) for row in (desk.old, desk.new)] == before


def test_where_the_new_one_does_not_create_automatically_what_moves_waits(desk: Desk) -> None:
    link = desk.make.a_link(desk.old)
    accounts.change(desk.house, desk.new, {"create_automatically": False}, actor=ACTOR)

    assert desk.switch().waits
    push_all_due(desk.house)

    assert (desk.at(link), links.get(link.id).state) == ("new", SyncState.PENDING)


def test_one_that_stands_by_has_the_sync_settings_of_the_one_that_serves(
    house: House, make: Builders
) -> None:
    changes = {"create_automatically": False, "pull_status": False, "pace": "daily"}
    old = accounts.change(house, make.an_integration(), changes, actor=ACTOR)
    new = stand_by(house, make, old)
    assert (new.create_automatically, new.pull_status, new.pace) == (False, False, "daily")


def test_an_invoice_that_is_to_be_voided_is_withdrawn_all_the_same(desk: Desk) -> None:
    link = desk.make.a_link(desk.old)
    desk.house.store.write("test", lambda: links.request_void(link, now=desk.house.clock.now()))

    desk.switch()
    push_all_due(desk.house)

    assert invoices.get(None, link.invoice_id).payment_status == PaymentStatus.VOID
    assert desk.books(desk.old).papers == desk.books(desk.new).papers == {}


def test_a_push_under_way_sends_nothing_of_what_moved_meanwhile(desk: Desk) -> None:
    """The switch comes between the choice of what is due and the mark of its first step."""
    link = desk.make.a_link(desk.old)
    books = desk.books(desk.old)

    def switch_once() -> None:
        books.before_each = None
        desk.switch()

    books.before_each = switch_once
    tally = run_push(desk.house, desk.old)
    push_all_due(desk.house)

    assert tally.fault is not None
    assert books.papers == {}
    assert (desk.at(link), links.get(link.id).state) == ("new", SyncState.SYNCED)


def test_it_is_told_to_the_platform_and_in_each_invoice(desk: Desk) -> None:
    link = desk.make.a_link(desk.old)
    desk.switch()

    types = [row.type for row in events.of_invoice(link.invoice_id)]
    assert types[-1] == "invoice.moved"
    assert "integration.switched" in {row.type for row in events.latest()}


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        ("same", "rotate"),
        ("serves", "serves already"),
        ("untested", "test"),
        ("dead", "rotate"),
        ("leaving", "on its way out"),
        ("other", "same customer"),
        ("sandbox", "billed to nobody"),
    ],
)
def test_what_cannot_be_switched_is_refused_with_what_to_do(desk: Desk, spoil: str, word: str) -> None:
    house, old, new = desk.house, desk.old, desk.new

    def change(row: records.Integration, **values: object) -> records.Integration:
        house.store.write("test", lambda: integrations.update(row.id, **values))
        return integrations.get(None, row.id)

    match spoil:
        case "same":
            new = old
        case "serves":
            new = change(new, duty="serves", state="active")
        case "untested":
            new = change(new, state="testing")
        case "dead":
            new = change(new, state="needs_reconnect")
        case "leaving":
            old = change(old, duty="leaves", state="draining")
        case "other":
            person = desk.make.a_customer(tenants.get(old.tenant_id))
            new = change(new, customer_id=person.id)
        case "sandbox":
            old = change(old, mode="live")
    with pytest.raises(InvalidInput) as caught:
        switching.switch(house, old, new, actor=ACTOR)
    assert (caught.value.code, word in caught.value.message) == ("WB-SWITCH", True)
    assert spoil == "serves" or invariants.check() == []


def test_after_a_restore_nothing_is_switched_before_it_was_looked_at(desk: Desk) -> None:
    """What nothing was sent of, by these rows, may be at the old one all the same."""
    desk.switch()
    desk.house.store.write("test", lambda: meta.put(meta.RECOVERY, {"since": 1}))
    for act in (desk.undo, lambda: switching.switch(desk.house, desk.new, desk.old, actor=ACTOR)):
        desk.again()
        with pytest.raises(InvalidInput, match="restored"):
            act()


def test_a_customers_own_is_switched_likewise_once_it_is_approved(
    house: House, make: Builders, shop: Shop
) -> None:
    tenant = make.a_tenant()
    person, neighbour = make.a_customer(tenant), make.a_customer(tenant)
    default = make.an_integration(tenant)
    own = make.an_integration(customer=person)
    house.store.write("test", lambda: integrations.update(own.id, approved=True))
    own = integrations.get(None, own.id)
    new = stand_by(house, make, own, "mem_9")
    mine, theirs = make.a_link(own, person), make.a_link(default, neighbour)

    with pytest.raises(InvalidInput, match="approve"):
        switching.switch(house, own, new, actor=ACTOR)
    house.store.write("test", lambda: integrations.update(new.id, approved=True))
    switching.switch(house, own, integrations.get(None, new.id), actor=ACTOR)

    assert [links.get(x.id).integration_id for x in (mine, theirs)] == [new.id, default.id]
