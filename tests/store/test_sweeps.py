"""What a sweep keeps, on both databases: each difference once, and a database that is sound."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daemon.money import Money
from daemon.store import attention, differences, integrations, invariants, links, records, sweeps
from daemon.store.database import Store
from daemon.store.differences import Found
from tests.builders import Builders


@pytest.fixture
def integration(make: Builders) -> records.Integration:
    return make.an_integration()


def found(link: records.Link, fingerprint: str = "one", *, repaired: bool = False) -> Found:
    return Found(
        kind="amount_edited",
        ref="inv_1",
        sentence="It was edited there.",
        fingerprint=fingerprint,
        command="wispbill exceptions settle {id}",
        repaired=repaired,
        link_id=link.id,
        invoice_id=link.invoice_id,
        customer_id=link.customer_id,
        amount=Money(500, "EUR"),
    )


def noted(store: Store, integration: records.Integration, *what: Found) -> int:
    now = store.clock.now()
    return len(
        store.write("test", lambda: differences.note(integration, what, now=now, entropy=store.entropy))
    )


def test_a_difference_is_new_once_and_again_when_it_is_another(
    store: Store, make: Builders, integration: records.Integration
) -> None:
    link = make.a_link(integration)

    assert noted(store, integration, found(link)) == 1
    assert noted(store, integration, found(link)) == 0
    assert noted(store, integration, found(link, "another")) == 1

    (row,) = differences.waiting(integration.tenant_id)
    assert (row.times, row.amount, row.fingerprint) == (2, Money(500, "EUR"), "another")
    assert differences.count_waiting([integration.id]) == {integration.id: 1}
    assert differences.totals() == {"amount_edited": (2, 1)}


def test_what_was_settled_comes_back_only_as_another(
    store: Store, make: Builders, integration: records.Integration
) -> None:
    link = make.a_link(integration)
    noted(store, integration, found(link))
    (row,) = differences.waiting()
    now = store.clock.now()
    store.write("test", lambda: differences.settle(row, note="known", actor="test", now=now))

    assert (noted(store, integration, found(link)), differences.waiting()) == (0, [])
    assert noted(store, integration, found(link, "another")) == 1
    assert len(differences.waiting()) == 1


def test_what_is_gone_is_settled(store: Store, make: Builders, integration: records.Integration) -> None:
    link = make.a_link(integration)
    noted(store, integration, found(link))
    now = store.clock.now()

    def gone(still: set[tuple[str, str]]) -> int:
        return store.write(
            "test",
            lambda: differences.settle_gone(integration.id, [link.id], ["amount_edited"], still, now=now),
        )

    assert gone({("amount_edited", "inv_1")}) == 0
    assert gone(set()) == 1
    assert differences.waiting() == []


def test_links_are_left_until_they_were_compared(
    store: Store, make: Builders, integration: records.Integration
) -> None:
    now = store.clock.now()
    made = [make.a_link(integration) for _ in range(3)]

    def sent() -> None:
        for link in made:
            links.synced(
                link.id, reference="WB", external_id=link.id, number=None, now=now, next_pull_at=None
            )
        sweeps.begin(integration, period="2026-03-02", now=now)
        sweeps.compared([made[0].id], now)
        sweeps.compared([made[0].id, made[1].id], now)

    store.write("test", sent)
    ago = now - timedelta(days=180)

    left = sweeps.left_to_compare(integration.id, since=now, closed_after=ago, limit=10)
    later = sweeps.left_to_compare(
        integration.id, since=now + timedelta(seconds=1), closed_after=ago, limit=10
    )

    assert [link.id for link in left] == [made[2].id]
    assert len(later) == 3
    assert [row.id for row in sweeps.free_ones(now)] == [integration.id]


def test_the_questions_about_attention_and_soundness_are_understood(
    store: Store, make: Builders, integration: records.Integration
) -> None:
    """Every statement runs on both databases."""
    link = make.a_link(integration)
    make.an_invoice(make.a_customer())

    assert invariants.check() == []
    assert attention.waiting_at(integration.id).minor == 4500
    assert [owner for owner, _waiting in attention.stranded(None)] != [integration.tenant_id]
    assert list(attention.refused(None)) == list(attention.not_voided(None)) == []
    assert attention.disputed(None) == attention.unbilled(None) == attention.quarantined() == []
    assert attention.stuck_steps(None, attention.StepState.STUCK) == []
    assert sweeps.by_numbers(integration.id, ["1001"]) == {}
    assert sweeps.by_references(integration.id, ["WB"]) == {}
    assert [pair[0].id for pair in sweeps.unsent(integration.id)] == [link.id]
    assert sweeps.synced_payer(link.invoice_id) is None
    assert integrations.get(None, integration.id).brake is None
