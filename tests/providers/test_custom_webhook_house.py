"""A customer's own system in the house: which wire it gets, and the name that people say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.clock import SystemClock, SystemEntropy
from daemon.errors import AddressRefused
from daemon.house import House
from daemon.model import Mode
from daemon.providers import names, provider_class
from daemon.providers.base import Provider
from daemon.sandbox import server
from daemon.sandbox.custom_webhook import CustomDouble
from tests.providers.custom_webhook_bench import API_KEY, CURRENT, INBOUND, json_settings
from tests.web.building import build_house

GIVEN = {"api_key": API_KEY, "signing_secret": CURRENT, "inbound_secret": INBOUND}


def pointed_at(url: str) -> dict[str, Any]:
    return {
        "create": {"url": f"{url}/hooks/invoices", "response": {"external_id": "id"}},
        "status": {**json_settings()["status"], "url_template": url + "/api/invoices/{external_id}"},
    }


def an_adapter(house: House, url: str) -> Provider:
    return house.providers.build(
        "custom_webhook", GIVEN, settings=json_settings(**pointed_at(url)), mode=Mode.SANDBOX, base_url=None
    )


@pytest.fixture
def served() -> Iterator[str]:
    double = CustomDouble(SystemClock(), SystemEntropy())
    double.add_account(API_KEY, secrets=[CURRENT])
    running = server.serve(double)
    yield running.url
    running.close()


def test_the_short_name_means_the_whole_one() -> None:
    assert provider_class("custom") is provider_class("custom_webhook")
    assert provider_class("custom").name == "custom_webhook"
    assert "custom" not in names() and "custom_webhook" in names()


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1",
        "https://169.254.169.254",
        "http://127.0.0.1:80",
        "https://localhost",
        "https://[::1]",
        "https://2130706433",
    ],
)
def test_the_house_lets_no_customer_reach_its_own_network(tmp_path: Path, url: str) -> None:
    house = build_house(tmp_path)

    with pytest.raises(AddressRefused):
        an_adapter(house, url).check()
    house.close()


def test_what_listens_here_is_reached_only_where_the_operator_allows_that_pair(
    tmp_path: Path, served: str
) -> None:
    closed = build_house(tmp_path / "closed")
    with pytest.raises(AddressRefused):
        an_adapter(closed, served).check()
    closed.close()

    pair = served.removeprefix("http://")
    house = build_house(tmp_path / "open", network__allow=f'["{pair}"]')
    assert an_adapter(house, served).check().missing == ()
    house.close()


def test_the_operators_base_url_stands_in_for_every_address_and_is_trusted(
    tmp_path: Path, served: str
) -> None:
    house = build_house(tmp_path, providers__custom_webhook__base_url=served)

    found = an_adapter(house, "https://billing.example.com").check()

    assert (found.account_id, found.missing) == ("billing.example.com/hooks/invoices", ())
    house.close()
