"""What a provider can do and asks for, told as plain values: whole, and true."""

from __future__ import annotations

import json
from dataclasses import fields as columns
from typing import Any

import pytest

from daemon.model import Capabilities, Limit
from daemon.providers import names, provider_class
from daemon.providers.described import calls_per_day, described, limits

BUILT_IN = ("stripe", "paypal", "square", "quickbooks", "xero", "custom_webhook")


def told(name: str) -> dict[str, Any]:
    return described(provider_class(name))


@pytest.mark.parametrize("name", BUILT_IN)
def test_it_is_whole_and_can_be_written_as_json(name: str) -> None:
    assert name in names()
    one = json.loads(json.dumps(told(name)))
    assert {column.name for column in columns(Capabilities)} <= one.keys()
    kind = provider_class(name)
    for given, model in ((one["credentials"], kind.credentials), (one["settings"], kind.settings)):
        assert [field["name"] for field in given] == list(model.model_fields)
        assert all(field["title"] for field in given)
    assert all(field["help"] for field in one["credentials"])


@pytest.mark.parametrize("name", BUILT_IN)
def test_what_settings_decide_are_capabilities_and_settings_that_there_are(name: str) -> None:
    one = told(name)
    for given in one["by_settings"]:
        assert given["name"] in {column.name for column in columns(Capabilities)}
        level = one["settings"]
        for part in given["setting"].split("."):
            found = [field for field in level if field["name"] == part]
            assert found, given
            level = found[0].get("fields", [])


def test_secrets_are_marked_and_nothing_else_is() -> None:
    secret = {
        f"{name}.{field['name']}"
        for name in BUILT_IN
        for kind in ("credentials", "settings")
        for field in told(name)[kind]
        if field["secret"]
    }
    assert secret == {
        "stripe.secret_key",
        "paypal.client_secret",
        "square.access_token",
        "xero.client_secret",
        "custom_webhook.api_key",
        "custom_webhook.signing_secret",
        "custom_webhook.previous_signing_secret",
        "custom_webhook.inbound_secret",
    }


def test_a_limit_tells_its_day_and_its_reserve() -> None:
    (day,) = (limit for limit in told("xero")["limits"] if limit["name"] == "day")
    assert (day["calls_per_day"], day["reserved"], day["spares"]) == (5000, 200, ("read",))
    assert told("xero")["calls_per_day"] == 5000
    assert told("quickbooks")["app_limits"][0]["scope"] == "read"
    assert limits([Limit("", 600, 60.0)])[0]["calls_per_day"] == 864_000


def test_the_smallest_limit_on_all_calls_makes_the_day() -> None:
    assert calls_per_day([Limit("", 10, 1.0), Limit("read", 5, 60.0), Limit("", 60, 60.0)]) == 86_400
    assert calls_per_day([Limit("read", 5, 60.0)]) is None


def test_where_webhooks_are_entered_and_how_one_signs_in() -> None:
    assert {name: (told(name)["webhook_registration"], told(name)["signs_in"]) for name in BUILT_IN} == {
        "stripe": ("api", "credentials"),
        "paypal": ("api", "minted"),
        "square": ("api", "credentials"),
        "quickbooks": ("app", "consent"),
        "xero": ("app", "consent"),
        "custom_webhook": ("api", "credentials"),
    }
    assert "offline_access" in told("xero")["consent"]["scopes"]
    assert told("stripe")["consent"] is None


def test_parts_of_a_setting_are_told_with_it() -> None:
    status = next(field for field in told("custom_webhook")["settings"] if field["name"] == "status")
    paths = next(field for field in status["fields"] if field["name"] == "paths")
    assert "amount_paid" in [field["name"] for field in paths["fields"]]
    rates = next(field for field in told("square")["settings"] if field["name"] == "tax_rates")
    assert [field["name"] for field in rates["fields"]] == ["percentage", "display_name"]
