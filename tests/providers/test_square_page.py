"""Square's page says what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

from daemon.providers.square.setup import CAPABILITIES, SquareSettings
from daemon.providers.square.words import API_VERSION, LIMITS, READS, WRITES

PAGE = (Path(__file__).parents[2] / "docs" / "providers" / "square.md").read_text()


def test_the_settings_on_the_page_can_be_given() -> None:
    (given,) = re.findall(r"--settings '(\{.*?\})'", PAGE, re.DOTALL)

    settings = SquareSettings.model_validate_json(given)

    assert settings.tax_rates["county"].display_name == "Sales tax"
    assert json.loads(given)["location_id"] == settings.location_id


def test_the_page_names_every_setting_permission_and_limit() -> None:
    for name in (*SquareSettings.model_fields, *READS, *WRITES):
        assert f"`{name}`" in PAGE, name
    assert API_VERSION in PAGE
    assert f"at most {CAPABILITIES.max_number_length} characters" in PAGE
    assert f"at most {CAPABILITIES.max_lines} lines" in PAGE
    assert (LIMITS[0].calls, CAPABILITIES.lookup_lag_s + CAPABILITIES.settle_s) == (5, 300)
    assert "five calls a second" in PAGE and "after about five minutes" in PAGE
