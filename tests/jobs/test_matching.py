"""Matching: whom the account has already is proposed, nothing is made twice while nobody decided, and merges
are followed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from daemon.connect import accounts
from daemon.errors import InvalidInput, Rejected
from daemon.house import House
from daemon.jobs.drafts import drafts
from daemon.jobs.matching import comparing
from daemon.jobs.matching.deciding import Checked, Wish, checked, settle, shared
from daemon.jobs.matching.following import met
from daemon.jobs.visit import Visit, visit
from daemon.model import SyncState
from daemon.store import (
    audit,
    customers,
    events,
    integrations,
    links,
    matches,
    payers,
    records,
    sweeps,
    tenants,
)
from daemon.store.matches import Proposal
from tests.builders import Builders
from tests.fakes import FrozenClock, PacedAccount, Shop
from tests.jobs.running import run_pull, run_push

OURS = "subscriber0001@example.com"


@pytest.fixture
def integration(make: Builders) -> records.Integration:
    return make.an_integration()


@pytest.fixture
def account(shop: Shop, integration: records.Integration) -> PacedAccount:
    return shop.accounts[integration.id]


@pytest.fixture
def customer(make: Builders, integration: records.Integration) -> records.Customer:
    return make.a_customer(tenants.get(integration.tenant_id))


def run(house: House, integration: records.Integration, **options: Any) -> comparing.Survey:
    found: list[comparing.Survey] = []

    def work(at: Visit) -> None:
        found.append(comparing.match(at, actor="cli:office", **options))

    tally = visit(house, integration.id, "match", work)
    assert tally is not None and tally.fault is None, tally
    return found[0]


def proposal(integration: records.Integration, customer: records.Customer) -> Proposal:
    found = matches.of_customer(integration.id, customer.id)
    assert found is not None
    return found


def decide(house: House, integration: records.Integration, *wishes: Wish) -> Checked:
    given = checked(integration, wishes)
    settle(house, integration, given.decided, actor="cli:office")
    return given


def problems(given: Checked) -> list[tuple[str, str]]:
    return [(one.code, one.message) for one in given.problems]


def types_of(customer: records.Customer) -> list[str]:
    return [one.type for one in events.latest(limit=50) if one.customer_id == customer.id][::-1]


# --- who is proposed ----------------------------------------------------------------------------------


def test_somebody_alike_is_proposed_with_reasons_and_taken_by_nobody(
    house: House, integration: records.Integration, account: PacedAccount, customer: records.Customer
) -> None:
    theirs = account.enrols("Subscriber 0001", email=OURS.upper())
    account.enrols("Somebody Else", email="else@example.com")

    run(house, integration)

    row = proposal(integration, customer)
    assert (row.kind, row.external_id, row.score) == ("likely", theirs, 80)
    assert list(row.reasons) == ["same e-mail", "same name"]
    assert row.shown == {"name": "Subscriber 0001", "email": OURS.upper()}
    assert payers.at(integration.id) == {}
    begun = matches.begun(integration.id)
    assert begun is not None and (begun.payers, begun.listed_by) == (2, "cli:office")


def test_who_carries_our_reference_is_taken_at_once(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount
) -> None:
    link = make.a_link(integration)
    run_push(house, integration)
    (theirs,) = account.payers
    house.store.write("test", lambda: payers.forget(integration.id, link.customer_id))

    found = run(house, integration)

    assert [one.kind for one in found.drawn] == ["certain"]
    assert payers.at(integration.id) == {link.customer_id: theirs}
    row = matches.of_customer(integration.id, link.customer_id)
    assert row is not None and (row.decision, row.decided_by, row.score) == ("match", "cli:office", 100)


def test_whom_we_bill_there_is_compared_no_more_and_proposed_to_nobody(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount
) -> None:
    link = make.a_link(integration)
    run_push(house, integration)
    name = customers.by_ids({link.customer_id})[link.customer_id].name
    make_alike(house, integration, name)

    found = run(house, integration)

    assert (found.known, found.drawn) == (1, ())


def make_alike(house: House, integration: records.Integration, name: str) -> records.Customer:
    """Another customer of ours, of the same name."""
    store = house.store
    return store.write(
        "test",
        lambda: customers.add(
            tenant_id=integration.tenant_id,
            reference=f"like {name}",
            name=name,
            email=OURS,
            actor="test",
            now=store.clock.now(),
            entropy=store.entropy,
        ),
    )


def test_a_customer_with_an_integration_of_their_own_is_matched_there_alone(
    house: House, make: Builders, shop: Shop, integration: records.Integration, customer: records.Customer
) -> None:
    own = make.an_integration(customer=customer)
    for at in (integration, own):
        shop.accounts[at.id].enrols("Subscriber 0001", email=OURS)

    assert run(house, integration).drawn == ()
    assert [one.customer_id for one in run(house, own).drawn] == [customer.id]


def test_whose_own_integration_leaves_is_matched_at_the_default(
    house: House,
    make: Builders,
    integration: records.Integration,
    account: PacedAccount,
    customer: records.Customer,
) -> None:
    """Their next invoice goes there, and nobody is to be made there twice."""
    own = make.an_integration(customer=customer)
    house.store.write("test", lambda: integrations.update(own.id, approved=True))
    make.a_link(own, customer)
    run_push(house, own)
    accounts.remove(house, integrations.get(None, own.id), force=False, actor="cli:office")
    assert integrations.get(None, own.id).state == "draining"
    account.enrols("Subscriber 0001", email=OURS)

    assert [one.customer_id for one in run(house, integration).drawn] == [customer.id]


def test_a_telephone_number_is_read_as_the_tenants_zone_says(
    house: House, integration: records.Integration, account: PacedAccount, customer: records.Customer
) -> None:
    house.store.write(
        "test",
        lambda: customers.update(
            integration.tenant_id, customer.id, {"phone": "030 901820"}, actor="t", now=house.clock.now()
        ),
    )
    account.enrols("Nobody", phone="+49 30 901820")

    assert run(house, integration).drawn[0].reasons[0] == "same phone"


def test_a_dry_run_writes_nothing(
    house: House, integration: records.Integration, account: PacedAccount, customer: records.Customer
) -> None:
    account.enrols("Subscriber 0001", email=OURS)
    found: list[comparing.Survey] = []
    visit(house, integration.id, "match.dry", lambda at: found.append(comparing.survey(at)))

    assert [one.kind for one in found[0].drawn] == ["likely"]
    assert matches.begun(integration.id) is None
    assert matches.waiting(integration.id) == []


def test_who_is_archived_there_is_not_proposed_and_who_was_merged_leads_on(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount
) -> None:
    link = make.a_link(integration)
    run_push(house, integration)
    (old,) = account.payers
    heir = account.enrols("Household", email="household@example.com")
    account.merges(old, heir)
    house.store.write("test", lambda: payers.forget(integration.id, link.customer_id))
    account.retires(account.enrols("Subscriber 0001", email=OURS))

    found = run(house, integration)

    assert [(one.kind, one.external_id) for one in found.drawn] == [("certain", heir)]


def test_a_second_list_replaces_what_waits_and_lets_go_of_what_is_no_more(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount
) -> None:
    first, second = (make.a_customer(tenants.get(integration.tenant_id)) for _ in range(2))
    gone = account.enrols(first.name, email=first.email or "")
    account.enrols(second.name, email=second.email or "")
    run(house, integration)
    link = make.a_link(integration, first)
    run_push(house, integration)
    assert links.get(link.id).state == SyncState.PARKED
    account.retires(gone)

    run(house, integration)

    assert [row.customer_id for row in matches.waiting(integration.id)] == [second.id]
    assert links.get(link.id).state == SyncState.PENDING


# --- nothing is made while unsure ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Subscriber 0001", "Nobody Like That"])
def test_an_invoice_waits_while_its_customer_may_be_there_already(
    house: House,
    make: Builders,
    integration: records.Integration,
    account: PacedAccount,
    customer: records.Customer,
    name: str,
) -> None:
    account.enrols(name, email=OURS)
    run(house, integration)
    link = make.a_link(integration, customer)
    other = make.a_link(integration)

    run_push(house, integration)

    waits = links.get(link.id)
    assert (waits.state, waits.fault_code, waits.next_push_at) == ("parked", "WB-PAYER-UNDECIDED", None)
    assert f"wispbill customers match {integration.id}" in (waits.fault_text or "")
    assert links.get(other.id).state == SyncState.SYNCED
    assert len(account.payers) == 2  # the one that was there, and the other customer's


def test_it_goes_out_by_itself_once_a_person_said_who_it_is(
    house: House,
    make: Builders,
    integration: records.Integration,
    account: PacedAccount,
    customer: records.Customer,
) -> None:
    theirs = account.enrols("Subscriber 0001", email=OURS)
    run(house, integration)
    link = make.a_link(integration, customer)
    run_push(house, integration)

    decide(house, integration, Wish("sub-0001", "match"))
    run_push(house, integration)

    after = links.get(link.id)
    assert after.state == SyncState.SYNCED
    assert account.papers[after.external_id or ""].payer == theirs
    assert len(account.payers) == 1
    row = proposal(integration, customer)
    assert (row.decision, row.decided_payer, row.decided_by) == ("match", theirs, "cli:office")
    assert "customer.matched" in types_of(customer)
    origin = records.tables.Payer.get(records.tables.Payer.customer_id == customer.id).origin
    assert origin == matches.MATCHED


def test_to_be_made_anew_makes_one(
    house: House,
    make: Builders,
    integration: records.Integration,
    account: PacedAccount,
    customer: records.Customer,
) -> None:
    account.enrols("Subscriber 0001", email="another@example.com")
    run(house, integration)
    link = make.a_link(integration, customer)
    run_push(house, integration)

    decide(house, integration, Wish(customer.id, "create"))
    run_push(house, integration)

    assert links.get(link.id).state == SyncState.SYNCED
    assert len(account.payers) == 2
    assert run(house, integration).drawn == ()  # decided once


def test_a_preset_payer_is_an_answer_too(
    house: House,
    make: Builders,
    integration: records.Integration,
    account: PacedAccount,
    customer: records.Customer,
) -> None:
    theirs = account.enrols("Subscriber 0001", email=OURS)
    run(house, integration)
    link = make.a_link(integration, customer)
    run_push(house, integration)

    house.store.write(
        "test",
        lambda: matches.answered(
            integration.id, customer.id, theirs, actor="cli:office", now=house.clock.now()
        ),
    )

    assert matches.waiting(integration.id) == []
    assert links.get(link.id).state == SyncState.PENDING


def test_what_is_under_way_already_is_brought_to_its_end(
    house: House,
    make: Builders,
    integration: records.Integration,
    account: PacedAccount,
    customer: records.Customer,
    clock: FrozenClock,
) -> None:
    """It may have landed: to leave it there would be worse than a customer too many."""
    link = make.a_link(integration, customer)
    account.lands_but_times_out(after=1)
    run_push(house, integration)
    account.enrols("Subscriber 0001", email="another@example.com")
    house.store.write(
        "test",
        lambda: matches.propose(
            integration,
            [matches.Drawn(customer.id, "unsure", "PROOF")],
            now=house.clock.now(),
            entropy=house.entropy,
        ),
    )
    clock.move(5)

    run_push(house, integration)

    assert links.get(link.id).state == SyncState.SYNCED


# --- decisions ----------------------------------------------------------------------------------------


@pytest.fixture
def alike(integration: records.Integration, account: PacedAccount, customer: records.Customer) -> str:
    return account.enrols("Subscriber 0001", email=OURS)


@pytest.mark.parametrize(
    ("decision", "says"),
    [
        ("yes", "a decision is match, match:ID, create or skip"),
        ("create:cus_1", "a decision is match, match:ID, create or skip"),
        ("match:cus_999", "cus_999 is not among the customers that were listed there"),
    ],
)
def test_a_decision_that_cannot_be_done_says_why(
    house: House, integration: records.Integration, alike: str, decision: str, says: str
) -> None:
    run(house, integration)

    ((_code, message),) = problems(decide(house, integration, Wish("sub-0001", decision)))

    assert says in message
    assert len(matches.waiting(integration.id)) == 1


def test_who_was_not_proposed_cannot_be_decided(
    house: House, integration: records.Integration, alike: str
) -> None:
    run(house, integration)

    assert problems(decide(house, integration, Wish("sub-0099", "match")))[0][0] == "WB-NOT-FOUND"


def test_one_customer_is_decided_once(house: House, integration: records.Integration, alike: str) -> None:
    run(house, integration)

    given = decide(house, integration, Wish("sub-0001", "match"), Wish("ref:sub-0001", "create"))

    assert problems(given) == [("WB-INPUT", "sub-0001 is decided twice")]


def test_the_same_decision_again_is_harmless_and_another_is_refused(
    house: House, integration: records.Integration, alike: str
) -> None:
    run(house, integration)
    decide(house, integration, Wish("sub-0001", "match"))

    assert decide(house, integration, Wish("sub-0001", "match")).already == 1
    assert problems(decide(house, integration, Wish("sub-0001", "create")))[0][0] == "WB-MATCH-CHANGED"


def test_what_changed_since_it_was_seen_is_refused(
    house: House,
    integration: records.Integration,
    account: PacedAccount,
    customer: records.Customer,
    alike: str,
) -> None:
    run(house, integration)
    seen = proposal(integration, customer).proof
    account.payers[alike] = account.payers[alike] | {"name": "Somebody Else"}
    run(house, integration)

    given = decide(house, integration, Wish("sub-0001", "match", seen))
    assert problems(given)[0][0] == "WB-MATCH-CHANGED"

    house.store.write(
        "test",
        lambda: customers.update(
            integration.tenant_id, customer.id, {"name": "Another"}, actor="t", now=house.clock.now()
        ),
    )
    assert problems(decide(house, integration, Wish("sub-0001", "match")))[0][0] == "WB-MATCH-CHANGED"
    assert payers.at(integration.id) == {}


def test_a_household_is_decided_by_a_person_and_told_of(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount
) -> None:
    tenant = tenants.get(integration.tenant_id)
    first, second = make.a_customer(tenant, email=OURS), make.a_customer(tenant, email=OURS)
    theirs = account.enrols(first.name, email=OURS)
    run(house, integration)
    rows = {row.customer_id: row for row in matches.waiting(integration.id)}
    assert [rows[first.id].external_id, rows[second.id].external_id] == [theirs, None]

    given = checked(integration, [Wish(first.reference, "match"), Wish(second.reference, f"match:{theirs}")])

    assert shared(integration, given.decided) == {theirs: [first.reference, second.reference]}
    settle(house, integration, given.decided, actor="cli:office")
    assert payers.at(integration.id) == {first.id: theirs, second.id: theirs}


def test_a_chunk_of_decisions_is_written_whole_or_not_at_all(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount
) -> None:
    people = [make.a_customer(tenants.get(integration.tenant_id)) for _ in range(3)]
    for one in people:
        account.enrols(one.name, email=one.email or "")
    run(house, integration)
    given = checked(integration, [Wish(one.reference, "match") for one in people])
    house.store.write(
        "test",
        lambda: matches.answered(
            integration.id, people[2].id, "cus_9", actor="cli:other", now=house.clock.now()
        ),
    )

    with pytest.raises(InvalidInput, match="decided meanwhile"):
        settle(house, integration, given.decided, actor="cli:office")

    assert payers.at(integration.id) == {}
    assert [row.customer_id for row in matches.waiting(integration.id)] == [people[0].id, people[1].id]


def test_each_decision_is_in_the_audit_chain(
    house: House, integration: records.Integration, customer: records.Customer, alike: str
) -> None:
    run(house, integration)
    decide(house, integration, Wish("sub-0001", "match"))

    rows = [one for one in records.tables.Audit.select() if one.object == customer.id]
    (row,) = [one for one in rows if one.action == "customer.matched"]
    assert (row.actor, row.data["payer"], row.data["score"]) == ("cli:office", alike, 80)
    assert audit.verify()[1] == []


# --- merges -------------------------------------------------------------------------------------------


@pytest.fixture
def pushed(
    house: House,
    make: Builders,
    integration: records.Integration,
    account: PacedAccount,
    customer: records.Customer,
) -> str:
    """The customer's payer there, who was sent an invoice."""
    make.a_link(integration, customer)
    run_push(house, integration)
    return payers.at(integration.id)[customer.id]


@pytest.mark.parametrize("told", ["by the customer", "by its invoice"])
def test_a_payer_that_was_merged_is_followed(
    house: House,
    make: Builders,
    integration: records.Integration,
    account: PacedAccount,
    customer: records.Customer,
    pushed: str,
    told: str,
) -> None:
    heir = account.enrols("Household", email="household@example.com")
    account.merges(pushed, heir)
    if told == "by its invoice":
        del account.merged[pushed]
        account.retires(pushed)
    link = make.a_link(integration, customer)

    assert run_push(house, integration).counts.get("followed") == 1

    after = links.get(link.id)
    assert after.state == SyncState.SYNCED
    assert account.papers[after.external_id or ""].payer == heir
    assert payers.at(integration.id) == {customer.id: heir}
    assert "customer.payer_moved" in types_of(customer)


def test_a_read_that_bills_another_follows_a_merge_and_no_move_by_hand(
    house: House,
    integration: records.Integration,
    account: PacedAccount,
    customer: records.Customer,
    pushed: str,
) -> None:
    (ref,) = account.papers
    other = account.enrols("Household", email="household@example.com")
    account.papers[ref] = replace(account.papers[ref], payer=other)
    account.pays(ref)
    hint(house, integration, ref)
    run_pull(house, integration)
    assert payers.at(integration.id) == {customer.id: pushed}

    account.retires(pushed)
    hint(house, integration, ref)
    assert run_pull(house, integration).counts["followed"] == 1

    assert payers.at(integration.id) == {customer.id: other}
    assert sweeps.synced_payer(links.by_refs(integration.id, [ref])[ref].invoice_id) == other
    hint(house, integration, ref)
    assert "followed" not in run_pull(house, integration).counts


def hint(house: House, integration: records.Integration, ref: str) -> None:
    """Somebody looks at the invoice."""
    link = links.by_refs(integration.id, [ref])[ref]
    house.store.write("test", lambda: links.postpone([link.id], house.clock.now()))


def test_a_payer_that_is_gone_waits_for_a_person_and_is_then_made_anew(
    house: House,
    make: Builders,
    integration: records.Integration,
    account: PacedAccount,
    customer: records.Customer,
    pushed: str,
) -> None:
    account.retires(pushed)
    first, second = make.a_link(integration, customer), make.a_link(integration, customer)

    run_push(house, integration)

    for link in (first, second):
        waits = links.get(link.id)
        assert (waits.state, waits.fault_code) == ("parked", "WB-PAYER-GONE")
    assert "customer.payer_lost" in types_of(customer)
    assert payers.at(integration.id) == {}

    account.payers[pushed]["reference"] = ""  # else ours is found, and archived
    decide(house, integration, Wish("sub-0001", "create"))
    run_push(house, integration)

    assert {links.get(one.id).state for one in (first, second)} == {SyncState.SYNCED}
    assert payers.at(integration.id)[customer.id] != pushed


def test_several_invoices_of_one_who_is_gone_ask_once(
    house: House,
    make: Builders,
    integration: records.Integration,
    account: PacedAccount,
    customer: records.Customer,
    pushed: str,
) -> None:
    account.retires(pushed)
    waiting = [make.a_link(integration, customer) for _ in range(4)]

    run_push(house, integration)

    assert {links.get(one.id).fault_code for one in waiting} == {"WB-PAYER-GONE"}
    assert types_of(customer).count("customer.payer_lost") == 1


def test_what_a_person_said_meanwhile_is_not_undone_by_a_refusal_of_before(
    house: House,
    make: Builders,
    integration: records.Integration,
    account: PacedAccount,
    customer: records.Customer,
    pushed: str,
) -> None:
    account.retires(pushed)
    heir = account.enrols("Subscriber 0001", email=OURS)
    link = make.a_link(integration, customer)

    def work(at: Visit) -> None:
        (item,) = drafts(integration, [links.get(link.id)], at.now)
        journal = at.book().invoice(item[1].reference, customer.reference, lambda: None)
        house.store.write(
            "test",
            lambda: payers.note(
                tenant_id=integration.tenant_id,
                integration_id=integration.id,
                customer_id=customer.id,
                external_id=heir,
                origin="preset",
                now=at.now,
                entropy=house.entropy,
            ),
        )
        assert met(at, links.get(link.id), item[1], item[2], journal, Rejected("no", party="Memory")) is None

    tally = visit(house, integration.id, "push", work)
    assert tally is not None and tally.fault is None, tally
    assert payers.at(integration.id) == {customer.id: heir}
    assert matches.waiting(integration.id) == []


def test_somebody_who_became_known_meanwhile_is_asked_for_no_more(
    house: House, integration: records.Integration, account: PacedAccount, customer: records.Customer
) -> None:
    theirs = account.enrols("Subscriber 0001", email=OURS)
    run(house, integration)
    house.store.write(
        "test",
        lambda: payers.note(
            tenant_id=integration.tenant_id,
            integration_id=integration.id,
            customer_id=customer.id,
            external_id=theirs,
            origin="found",
            now=house.clock.now(),
            entropy=house.entropy,
        ),
    )

    run(house, integration)

    assert matches.waiting(integration.id) == []


def test_a_list_keeps_asking_for_who_was_lost(
    house: House,
    make: Builders,
    integration: records.Integration,
    account: PacedAccount,
    customer: records.Customer,
    pushed: str,
) -> None:
    account.retires(pushed)
    link = make.a_link(integration, customer)
    run_push(house, integration)

    run(house, integration)

    assert [row.kind for row in matches.waiting(integration.id)] == ["gone"]
    assert links.get(link.id).state == SyncState.PARKED

    theirs = account.enrols("Subscriber 0001", email=OURS)
    run(house, integration)
    assert proposal(integration, customer).external_id == theirs


def test_a_refusal_that_is_not_the_payers_stays_one(
    house: House,
    make: Builders,
    integration: records.Integration,
    account: PacedAccount,
    customer: records.Customer,
    pushed: str,
) -> None:
    link = make.a_link(integration, customer)
    account.refuses("we do not like it")

    run_push(house, integration)

    assert links.get(link.id).state == SyncState.FAILED
    assert payers.at(integration.id) == {customer.id: pushed}


def test_where_an_earlier_invoice_was_moved_by_hand_nothing_is_followed(
    house: House,
    make: Builders,
    integration: records.Integration,
    account: PacedAccount,
    customer: records.Customer,
    pushed: str,
) -> None:
    """Two invoices that bill two people tell of no merge."""
    make.a_link(integration, customer)
    run_push(house, integration)
    other = account.enrols("Somebody Else")
    moved = sorted(account.papers)[0]
    account.papers[moved] = replace(account.papers[moved], payer=other)
    account.retires(pushed)
    link = make.a_link(integration, customer)

    run_push(house, integration)

    assert links.get(link.id).fault_code == "WB-PAYER-GONE"
