"""Sweep: whatever differs between the provider's books and ours is found within a night, once."""

from __future__ import annotations

import pytest

from daemon.house import House
from daemon.jobs.sweep import sweep
from daemon.jobs.visit import Tally, visit
from daemon.model import PaymentStatus
from daemon.store import differences, events, links, records, sweeps
from tests.builders import Builders, invoice_of
from tests.fakes import FrozenClock, Shop
from tests.jobs.running import run_push


@pytest.fixture
def integration(make: Builders) -> records.Integration:
    return make.an_integration()


def pushed(make: Builders, house: House, integration: records.Integration, count: int) -> list[records.Link]:
    made = make.links(integration, count)
    run_push(house, integration)
    return [links.get(link.id) for link in made]


def swept(house: House, integration: records.Integration) -> Tally:
    """Another pass, later."""
    house.clock.move(hours=1)  # type: ignore[attr-defined]
    house.store.write("test", lambda: sweeps.ask(integration, house.clock.now()))
    tally = visit(house, integration.id, "sweep", sweep)
    assert tally is not None
    return tally


def told(link: records.Link) -> list[tuple[str, bool]]:
    return [
        (row.data["difference"], row.data["repaired"])
        for row in events.of_invoice(link.invoice_id)
        if row.type == "invoice.difference"
    ]


def test_books_that_agree_are_proven_equal(
    house: House, make: Builders, integration: records.Integration, clock: FrozenClock
) -> None:
    pushed(make, house, integration, 3)

    tally = swept(house, integration)

    assert tally.counts == {"read": 3, "passes": 1}
    state = sweeps.of(integration.id)
    assert state is not None and state.proven_at == clock.now()


def test_what_was_paid_there_without_a_word_is_repaired(
    house: House, make: Builders, integration: records.Integration, shop: Shop
) -> None:
    link, other = pushed(make, house, integration, 2)
    shop.accounts[integration.id].pays(str(link.external_id))

    swept(house, integration)

    assert invoice_of(house, link).payment_status == PaymentStatus.PAID
    assert (told(link), told(other)) == ([("paid_there", True)], [])
    assert differences.waiting() == []
