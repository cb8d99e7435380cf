"""PayPal's credentials and settings: what is wrong is said before PayPal is asked, and no secret with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from daemon.providers.paypal import PayPal
from daemon.providers.paypal.setup import CAPABILITIES, PayPalCredentials, PayPalSettings
from tests.providers.paypal_bench import CLIENT_ID, SECRET

PAGE = Path(__file__).parents[2] / "docs" / "providers" / "paypal.md"


def given(**changed: str) -> dict[str, str]:
    return {"client_id": CLIENT_ID, "client_secret": SECRET, **changed}


def test_credentials_do_not_tell_the_mode_and_show_no_secret() -> None:
    credentials = PayPalCredentials.model_validate(given(client_secret=f" {SECRET}\n"))

    assert credentials.mode is None
    assert credentials.client_secret.get_secret_value() == SECRET
    assert SECRET not in repr(credentials)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"client_id": "merchant@example.com"}, "e-mail address"),
        ({"client_id": "short"}, "50 characters"),
        ({"client_id": "with space " * 6}, "50 characters"),
        ({"client_id": f"{CLIENT_ID}:{SECRET}"}, "50 characters"),
        ({"client_secret": "short"}, "50 characters"),
        ({"client_secret": "A21AA" + "x" * 60}, "access token"),
        ({"client_secrets": SECRET}, "Extra inputs"),
    ],
)
def test_what_is_no_pair_is_told_in_plain_words(changed: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError, match=said) as caught:
        PayPalCredentials.model_validate(given(**changed))

    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"time_zone": "Mars/Olympus"},
        {"tax_rates": {"a": {"percentage": "101", "display_name": "VAT"}}},
        {
            "tax_rates": {
                "a": {"percentage": "10", "display_name": "VAT"},
                "b": {"percentage": "20", "display_name": "VAT"},
            }
        },
        {"nonsense": True},
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PayPalSettings.model_validate(settings)


def test_two_rates_of_one_name_and_percentage_are_one_at_paypal() -> None:
    rate = {"percentage": "10", "display_name": "VAT"}

    assert len(PayPalSettings.model_validate({"tax_rates": {"a": rate, "b": rate}}).tax_rates) == 2


def test_the_page_about_paypal_gives_settings_and_limits_as_they_are() -> None:
    text = PAGE.read_text()
    start = text.index("--settings '") + len("--settings '")
    example = json.loads(text[start : text.index("'", start)])

    assert PayPalSettings.model_validate(example).tax_rates["county"].display_name == "Sales tax"
    assert [name for name in PayPalSettings.model_fields if f"`{name}`" not in text] == []
    assert f"at most {CAPABILITIES.max_number_length} characters" in text
    assert f"at most {CAPABILITIES.max_lines} lines" in text
    assert f"After {CAPABILITIES.feed_reach_days} days" in text
    assert f"{CAPABILITIES.limits[0].calls} requests a minute" in text
    assert f"every {CAPABILITIES.min_poll_s / 60:.0f} minutes" in text


def test_live_and_sandbox_are_other_hosts() -> None:
    assert PayPal.live_url == "https://api-m.paypal.com"
    assert PayPal.sandbox_url == "https://api-m.sandbox.paypal.com"
