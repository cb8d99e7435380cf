"""Matches: proposals and decisions, on both databases."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from daemon.model import SyncState
from daemon.store import audit, links, matches, payers, records, tenants
from daemon.store.database import Store
from daemon.store.matches import Drawn
from daemon.store.tables import Link
from tests.builders import Builders


@pytest.fixture
def integration(make: Builders) -> records.Integration:
    return make.an_integration()


@pytest.fixture
def customer(make: Builders, integration: records.Integration) -> records.Customer:
    return make.a_customer(tenants.get(integration.tenant_id))


def drawn(customer: records.Customer, payer: str | None = "cus_1", **more: object) -> Drawn:
    told = {
        "kind": "likely",
        "proof": "PROOF",
        "score": 80,
        "reasons": ["same name"],
        "shown": {"name": "Ann"},
    }
    return Drawn(customer.id, external_id=payer, **(told | more))  # type: ignore[arg-type]


def propose(store: Store, integration: records.Integration, *rows: Drawn) -> None:
    store.write(
        "test", lambda: matches.propose(integration, rows, now=store.clock.now(), entropy=store.entropy)
    )


def decide(store: Store, integration: records.Integration, row: Drawn, payer: str | None) -> None:
    store.write(
        "test",
        lambda: matches.decide(
            integration,
            row,
            matches.MATCH if payer else matches.CREATE,
            payer,
            actor="cli:office",
            now=store.clock.now(),
            entropy=store.entropy,
        ),
    )


def park(store: Store, link: records.Link, code: str) -> None:
    values = {"state": SyncState.PARKED.value, "fault_code": code, "next_push_at": None}
    store.write("test", Link.update(values).where(Link.id == link.id).execute)


def test_a_proposal_is_kept_as_it_was_drawn(
    store: Store, integration: records.Integration, customer: records.Customer
) -> None:
    others = [{"payer": "cus_2", "score": 40, "reasons": ["same phone"], "shown": {"name": "Bob"}}]
    propose(store, integration, drawn(customer, others=others))

    (row,) = matches.waiting(integration.id)

    assert (row.external_id, row.score, row.proof, row.decided_at) == ("cus_1", 80, "PROOF", None)
    assert row.candidates == {"cus_1": {"name": "Ann"}, "cus_2": {"name": "Bob"}}
    assert matches.undecided(integration.id, [customer.id]) == {customer.id}
    assert matches.counts(None) == {integration.id: 1}
    assert matches.counts("wbt_other") == {}


def test_a_later_list_replaces_what_waits_and_nothing_that_is_decided(
    store: Store, make: Builders, integration: records.Integration, customer: records.Customer
) -> None:
    other = make.a_customer(tenants.get(integration.tenant_id))
    propose(store, integration, drawn(customer), drawn(other, "cus_2"))
    decide(store, integration, drawn(other, "cus_2"), "cus_2")

    propose(store, integration, drawn(customer, "cus_3", proof="NEW"), drawn(other, "cus_4"))

    found = matches.of_customers(integration.id, [customer.id, other.id])
    assert (found[customer.id].external_id, found[customer.id].proof) == ("cus_3", "NEW")
    assert (found[other.id].external_id, found[other.id].decided_payer) == ("cus_2", "cus_2")
    assert (found[other.id].shown, found[other.id].others) == ({}, [])  # names nobody any more
    assert matches.settled(integration.id) == {other.id}


@pytest.mark.parametrize("code", matches.WAITS)
def test_a_decision_lets_go_of_what_waited_for_it_and_of_nothing_else(
    store: Store, make: Builders, integration: records.Integration, customer: records.Customer, code: str
) -> None:
    waits, down = make.a_link(integration, customer), make.a_link(integration, customer)
    other = make.a_link(integration)
    for link, why in ((waits, code), (down, "WB-REMOTE-UNAUTHORISED"), (other, code)):
        park(store, link, why)
    propose(store, integration, drawn(customer))

    decide(store, integration, drawn(customer), None)

    after = links.get(waits.id)
    assert (after.state, after.fault_code, after.next_push_at) == ("pending", None, store.clock.now())
    assert {links.get(link.id).state for link in (down, other)} == {"parked"}
    assert payers.at(integration.id) == {}
    assert audit.verify()[1] == []


def test_who_is_proposed_no_more_is_let_go(
    store: Store, make: Builders, integration: records.Integration, customer: records.Customer
) -> None:
    link = make.a_link(integration, customer)
    propose(store, integration, drawn(customer))
    park(store, link, "WB-PAYER-UNDECIDED")

    store.write("test", lambda: matches.withdraw(integration, [customer.id], now=store.clock.now()))

    assert matches.waiting(integration.id) == []
    assert links.get(link.id).state == "pending"


def test_a_payer_that_is_lost_is_forgotten_and_asked_for(
    store: Store, integration: records.Integration, customer: records.Customer
) -> None:
    propose(store, integration, drawn(customer))
    decide(store, integration, drawn(customer), "cus_1")

    store.write(
        "test",
        lambda: matches.lost(
            integration,
            customer,
            "cus_1",
            proof="P",
            why="It is no more",
            now=store.clock.now(),
            entropy=store.entropy,
        ),
    )

    (row,) = matches.waiting(integration.id)
    assert (row.kind, list(row.reasons)) == (matches.GONE, ["It is no more"])
    assert payers.at(integration.id) == {}


def test_a_payer_keeps_the_origin_of_its_first_note_while_it_is_the_same(
    store: Store, integration: records.Integration, customer: records.Customer
) -> None:
    def note(payer: str, origin: str) -> str:
        store.write(
            "test",
            lambda: payers.note(
                tenant_id=integration.tenant_id,
                integration_id=integration.id,
                customer_id=customer.id,
                external_id=payer,
                origin=origin,
                now=store.clock.now(),
                entropy=store.entropy,
            ),
        )
        row = records.tables.Payer.get(records.tables.Payer.customer_id == customer.id)
        return f"{row.external_id} {row.origin}"

    assert note("cus_1", matches.MATCHED) == "cus_1 matched"
    assert note("cus_1", "preset") == "cus_1 matched"
    assert note("cus_2", "found") == "cus_2 found"


def test_proposals_are_walked_in_pages(
    store: Store, make: Builders, integration: records.Integration
) -> None:
    people = [make.a_customer(tenants.get(integration.tenant_id)) for _ in range(5)]
    propose(store, integration, *(drawn(one, f"cus_{n}") for n, one in enumerate(people)))

    seen, after = [], ""
    while rows := matches.listing(integration.id, limit=2, after=after):
        seen += [row.customer_id for row in rows]
        after = rows[-1].id

    assert sorted(seen) == sorted(one.id for one in people)


def test_of_two_who_decide_at_once_the_second_sees_what_the_first_did(
    store: Store, integration: records.Integration, customer: records.Customer
) -> None:
    propose(store, integration, drawn(customer))
    both, seen = threading.Barrier(2), []

    def person(payer: str) -> None:
        def work() -> None:
            if matches.hold(integration.id, customer.id).decided_at is None:
                matches.decide(
                    integration,
                    drawn(customer),
                    matches.MATCH,
                    payer,
                    actor=payer,
                    now=store.clock.now() + timedelta(seconds=1),
                    entropy=store.entropy,
                )
                seen.append(payer)

        with store.session():
            both.wait()
            store.write("test", work)
        store.db.close()

    threads = [threading.Thread(target=person, args=(f"cus_{n}",)) for n in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    row = matches.of_customer(integration.id, customer.id)
    assert len(seen) == 1
    assert row is not None and row.decided_payer == seen[0] == payers.at(integration.id)[customer.id]
