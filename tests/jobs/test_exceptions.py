"""Exceptions: whatever needs a person is gathered from everywhere, the most money first."""

from __future__ import annotations

import pytest

from daemon.house import House
from daemon.jobs.exceptions import Group, Matter, gather
from daemon.jobs.pull import release_brake
from daemon.model import IntegrationState
from daemon.store import integrations, invoices, links, matches, records, service, tenants
from daemon.store.tables import Link, Secret, Step, Subscription, database
from tests.builders import Builders, invoice_of
from tests.fakes import FrozenClock, Shop
from tests.jobs.running import run_pull, run_push


@pytest.fixture
def integration(make: Builders) -> records.Integration:
    return make.an_integration()


def one(group: Group) -> Matter:
    (found,) = gather(None)
    assert found.group is group
    return found


def test_where_all_is_well_there_are_none(
    house: House, make: Builders, integration: records.Integration
) -> None:
    make.links(integration, 2)
    run_push(house, integration)

    assert gather(None) == []


def test_a_refused_invoice_comes_with_its_reason_and_the_way_to_try_again(
    house: House, make: Builders, integration: records.Integration, shop: Shop
) -> None:
    link = make.a_link(integration, total="12.00 EUR")
    shop.accounts[integration.id].refuses("the number is taken")
    run_push(house, integration)

    found = one(Group.REFUSED)

    assert found.command == f"wispbill invoices sync {link.invoice_id}"
    assert (str(found.amount), found.deadline) == ("12.00 EUR", invoice_of(house, link).due_on)
    assert "the number is taken" in found.sentence


def test_an_integration_that_stands_still_has_the_money_that_waits_for_it(
    house: House, make: Builders, integration: records.Integration, shop: Shop
) -> None:
    make.links(integration, 3)
    shop.accounts[integration.id].revokes_access()
    run_push(house, integration)

    found = one(Group.INTEGRATION)

    assert (str(found.amount), found.count) == ("135.00 EUR", 3)
    assert found.command == f"wispbill integrations rotate {integration.id}"
    assert found.actor == "account owner"


def test_the_brake_is_one_until_it_is_released(
    house: House, make: Builders, integration: records.Integration, shop: Shop, clock: FrozenClock
) -> None:
    made = make.links(integration, 20)
    run_push(house, integration)
    for link in made:
        shop.accounts[integration.id].voids(str(links.get(link.id).external_id))
    clock.move(days=8)
    run_pull(house, integration)

    found = one(Group.BRAKE)
    assert found.command == f"wispbill pull --integration {integration.id} --release-brake"

    release_brake(house, integrations.get(None, integration.id))
    assert gather(None) == []


def test_a_dispute_is_the_account_owner_s_to_answer(
    house: House, make: Builders, integration: records.Integration, shop: Shop, clock: FrozenClock
) -> None:
    link = make.a_link(integration)
    run_push(house, integration)
    account, ref = shop.accounts[integration.id], str(links.get(link.id).external_id)
    account.pays(ref)
    account.disputes(ref, account.papers[ref].total)
    clock.move(days=8)
    run_pull(house, integration)

    found = one(Group.DISPUTE)

    assert (found.actor, str(found.amount)) == ("account owner", "45.00 EUR")


def test_a_void_that_was_refused_is_one(
    house: House, make: Builders, integration: records.Integration, shop: Shop, clock: FrozenClock
) -> None:
    link = make.a_link(integration)
    run_push(house, integration)
    shop.accounts[integration.id].refuses("it was paid")
    house.store.write("test", lambda: links.request_void(links.get(link.id), now=clock.now()))
    run_push(house, integration)

    assert "could not be voided" in one(Group.STUCK).sentence


def test_a_stuck_step_of_an_invoice_that_does_not_say_so_itself_is_one(
    house: House, make: Builders, integration: records.Integration
) -> None:
    make.a_link(integration)
    run_push(house, integration)
    stuck = Step.update(state="stuck", fault_code="WB-PUSH-STUCK").where(Step.subject == "invoice:1001")
    house.store.write("test", stuck.execute)

    assert "1001" in one(Group.STUCK).sentence


def test_invoices_that_nobody_takes_are_one_for_each_tenant(make: Builders) -> None:
    customer = make.a_customer()
    make.an_invoice(customer)
    make.an_invoice(customer)

    found = one(Group.UNASSIGNED)

    assert (found.count, str(found.amount)) == (2, "90.00 EUR")


def test_a_secret_that_does_not_open_is_one(
    house: House, make: Builders, integration: records.Integration, clock: FrozenClock
) -> None:
    house.safe.put(integration, "credentials", {"key": "value"})
    house.store.write("test", Secret.update(quarantined_at=clock.now()).execute)

    assert one(Group.LOST).command == f"wispbill integrations rotate {integration.id}"


def test_a_subscription_that_is_held_is_one(
    house: House, make: Builders, integration: records.Integration, clock: FrozenClock
) -> None:
    customer = make.a_customer(tenants.get(integration.tenant_id))
    database.execute_sql("PRAGMA foreign_keys = 0")
    Subscription.insert(
        id="wbs_1",
        tenant_id=customer.tenant_id,
        customer_id=customer.id,
        plan_id="wbf_1",
        reference="S-1",
        start_on="2026-03-01",
        anchored_on="2026-03-01",
        anchor_day=1,
        quantity=1,
        next_on="2026-03-01",
        fault_code="WB-BILL-LATE",
        fault_text="too long ago",
        fault_at=clock.now(),
        created_at=clock.now(),
    ).execute()
    database.execute_sql("PRAGMA foreign_keys = 1")

    found = one(Group.BILLING)

    assert (found.customer_id, "too long ago" in found.sentence) == (customer.id, True)


@pytest.mark.parametrize("code", ["read", "hint"])
def test_a_cut_off_that_merely_waits_to_be_read_is_none(
    house: House, make: Builders, integration: records.Integration, code: str
) -> None:
    link = make.a_link(integration)
    run_push(house, integration)
    row = service.Held(
        link.customer_id, link.tenant_id, link.invoice_id, "suspended", code, "it is asked", house.clock.now()
    )
    house.store.write("test", lambda: service.hold_cutoff(link.tenant_id, row))

    assert gather(None) == []


def test_a_cut_off_that_is_held_is_one(
    house: House, make: Builders, integration: records.Integration
) -> None:
    link = make.a_link(integration)
    run_push(house, integration)
    database.execute_sql(
        "INSERT INTO held_cutoff (customer_id, tenant_id, invoice_id, status, code, reason, since) "
        "VALUES (?, ?, ?, 'suspended', 'unread', 'it was not read for two days', 0)",
        (link.customer_id, link.tenant_id, link.invoice_id),
    )

    found = one(Group.CUTOFF)

    assert "not read for two days" in found.sentence and str(found.amount) == "45.00 EUR"


def test_customers_who_may_be_there_already_are_one_with_what_waits_for_them(
    house: House, make: Builders, integration: records.Integration
) -> None:
    customer = make.a_customer(tenants.get(integration.tenant_id))
    drawn = [matches.Drawn(customer.id, "likely", "PROOF", "cus_1", 80)]
    house.store.write(
        "test",
        lambda: matches.propose(integration, drawn, now=house.clock.now(), entropy=house.entropy),
    )
    make.a_link(integration, customer)
    run_push(house, integration)

    found = one(Group.MATCHING)

    assert found.sentence == (
        "1 customer waits for you to say who they are at memory; invoices of theirs that are not sent: 1."
    )
    assert (found.command, str(found.amount), found.count) == (
        f"wispbill customers match {integration.id}",
        "45.00 EUR",
        1,
    )


def test_the_most_money_comes_first_and_a_tenant_sees_its_own(house: House, make: Builders) -> None:
    first, second = make.an_integration(), make.an_integration()
    for integration, total in ((first, "10.00 EUR"), (second, "500.00 EUR"), (first, "70.00 EUR")):
        make.a_link(integration, total=total)
    house.store.write("test", Link.update(state="failed", fault_code="WB-PUSH-EXHAUSTED").execute)

    assert [str(x.amount) for x in gather(None)] == ["500.00 EUR", "70.00 EUR", "10.00 EUR"]
    assert [str(x.amount) for x in gather(first.tenant_id)] == ["70.00 EUR", "10.00 EUR"]
    assert len(invoices.listing(second.tenant_id, limit=5)) == 1
    assert integrations.get(None, first.id).state == IntegrationState.ACTIVE
