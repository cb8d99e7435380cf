"""How large a delivery may be is known from its address, before the body is touched."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.house import House
from daemon.providers import provider_class
from daemon.web.sizes import BodySizes
from tests.web.building import a_tenant, an_integration

MIB = 1 << 20


def test_an_address_takes_what_its_provider_is_known_to_send(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    stripe = provider_class("stripe")
    monkeypatch.setattr(stripe, "can", replace(stripe.can, webhook_bytes=2 * MIB))
    integration = an_integration(house, a_tenant(house))
    sizes = BodySizes(house)

    root = "/api/webhooks/billing"
    paths = {
        f"{root}/apps/stripe/app-1": 2 * MIB,
        f"{root}/wbc_1/stripe": 2 * MIB,
        f"{root}/integrations/{integration.id}": 2 * MIB,
        f"{root}/integrations/wbn_none": 0,
        f"{root}/apps/nobody/app-1": 0,
        "/elsewhere": 0,
    }
    assert {path: sizes.of(path) for path in paths} == paths


def test_behind_an_integration_s_address_it_is_looked_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    integration = an_integration(house, a_tenant(house))
    sizes = BodySizes(house)
    path = f"/api/webhooks/billing/integrations/{integration.id}"
    first = sizes.of(path)

    monkeypatch.setattr("daemon.store.integrations.get", None)

    assert sizes.of(path) == first == 256 * 1024
