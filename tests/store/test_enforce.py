"""The road down and back, on both databases."""

from __future__ import annotations

import pytest

from daemon import providers
from daemon.store import service
from daemon.store.database import Store
from tests.builders import Builders
from tests.dunning import Wisp
from tests.fakes import FrozenClock, SeededEntropy, Shop
from tests.recurring import a_house


@pytest.fixture
def wisp(store: Store, clock: FrozenClock, entropy: SeededEntropy, monkeypatch: pytest.MonkeyPatch) -> Wisp:
    monkeypatch.setitem(providers._BUILT_IN, "memory", ("daemon.providers.memory", "Memory"))
    providers.provider_class.cache_clear()
    house = a_house(store, clock, entropy)
    assert isinstance(house.providers, Shop)
    return Wisp(house, Builders(store, house.providers), house.providers)


def test_who_does_not_pay_is_suspended_and_who_pays_is_restored(wisp: Wisp) -> None:
    link, other = wisp.an_invoice(), wisp.an_invoice()
    wisp.days("2026-03-10", "2026-03-30")
    assert [wisp.status(link), wisp.status(other)] == ["suspended", "suspended"]

    wisp.at("2026-03-30 20:00")
    wisp.account.pays(link.external_id or "")
    wisp.reads()
    wisp.goes_on()

    assert [wisp.status(link), wisp.status(other)] == ["active", "suspended"]
    assert [row.became for row in service.moves_of(link.customer_id)] == [
        "active",
        "suspended",
        "throttled",
        "warned",
    ]
    assert service.waiting(wisp.house.clock.now(), 10) == []
