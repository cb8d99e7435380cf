"""Pull: what answers nonsense about one thing keeps nothing else from being read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

import pytest

from daemon.errors import Garbled, OutcomeUnknown, RemoteError
from daemon.house import House
from daemon.model import Asked, Capabilities, Changes, Document, Hint, Observation
from daemon.providers.memory import Memory
from daemon.store import hints, integrations, links, records
from tests.builders import Builders
from tests.fakes import PacedAccount, Shop
from tests.jobs.running import run_pull, run_push
from tests.jobs.test_pull import later, ref_of, status_of


class Odd(Memory):
    """Answers nonsense about some invoices, or where it is asked for changes."""

    can: ClassVar[Capabilities] = replace(Memory.can, pull_batch=1)
    nonsense: ClassVar[set[str]] = set()
    lists: ClassVar[RemoteError | None] = None

    def changed(self, cursor: Document | None) -> Changes:
        if self.lists is not None:
            raise self.lists
        return super().changed(cursor)

    def pull(self, asked: Sequence[Asked]) -> Iterator[Observation]:
        yield from super().pull([one for one in asked if one.ref not in self.nonsense])
        if any(one.ref in self.nonsense for one in asked):
            raise Garbled("no amount is told")


@pytest.fixture
def integration(make: Builders, shop: Shop) -> records.Integration:
    Odd.nonsense, Odd.lists, shop.kind = set(), None, Odd
    return make.an_integration()


@pytest.fixture
def account(shop: Shop, integration: records.Integration) -> PacedAccount:
    return shop.accounts[integration.id]


@pytest.fixture
def pushed(house: House, make: Builders, integration: records.Integration) -> list[records.Link]:
    found = make.links(integration, 2)
    run_push(house, integration)
    run_pull(house, integration)
    later(house)
    run_pull(house, integration)
    later(house)
    return [links.get(link.id) for link in found]


def test_what_is_due_is_read_though_what_is_hinted_at_answers_nonsense(
    house: House, integration: records.Integration, account: PacedAccount, pushed: list[records.Link]
) -> None:
    now = house.clock.now()
    hint = Hint("evt_odd", ref_of(pushed[0]))
    account.pays(ref_of(pushed[1]))
    account.log.clear()

    def prepare() -> None:
        integrations.update(integration.id, cursor={"seen": 0})
        hints.note(integration.tenant_id, integration.id, [hint], source="webhook", now=now)
        links.postpone([pushed[1].id], now)

    house.store.write("test", prepare)
    Odd.nonsense = {ref_of(pushed[0])}

    tally = run_pull(house, integration)

    assert isinstance(tally.fault, Garbled)
    assert status_of(house, pushed[1]) == "paid"
    assert hints.count_waiting(integration.id) == 0
    assert links.get(pushed[0].id).next_pull_at == now + timedelta(seconds=Odd.can.min_poll_s)


@pytest.mark.parametrize("trouble", [Garbled("a login page"), OutcomeUnknown("no answer")])
def test_what_is_due_or_hinted_at_is_read_though_the_list_of_changes_is_nonsense(
    house: House,
    integration: records.Integration,
    account: PacedAccount,
    pushed: list[records.Link],
    trouble: RemoteError,
) -> None:
    polled_at = integrations.get(None, integration.id).polled_at
    Odd.lists = trouble
    for link in pushed:
        account.pays(ref_of(link))
    now = house.clock.now()
    hint = Hint("evt_paid", ref_of(pushed[0]))

    def prepare() -> None:
        hints.note(integration.tenant_id, integration.id, [hint], source="webhook", now=now)
        links.postpone([pushed[1].id], now)

    house.store.write("test", prepare)

    tally = run_pull(house, integration)

    assert tally.fault is trouble
    assert {status_of(house, link) for link in pushed} == {"paid"}
    assert integrations.get(None, integration.id).polled_at == polled_at


def test_hints_about_others_do_not_crowd_out_ours_while_a_push_is_in_doubt(
    house: House, make: Builders, integration: records.Integration, account: PacedAccount
) -> None:
    make.a_link(integration)
    account.lands_but_times_out(after=1)
    run_push(house, integration)
    found = [Hint(f"evt_{n}", f"inv_of_somebody_else_{n}") for n in range(3)]
    now = house.clock.now()
    house.store.write(
        "test",
        lambda: hints.note(integration.tenant_id, integration.id, found, source="webhook", now=now),
    )
    run_pull(house, integration)
    assert hints.count_waiting(integration.id) == 3

    later(house, minutes=61)
    run_pull(house, integration)

    assert hints.count_waiting(integration.id) == 0
