"""What docs/providers/custom_webhook.md shows is what works."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from daemon.clock import from_unix
from daemon.providers.custom_webhook import mapping, markup
from daemon.providers.custom_webhook.canonical import canonical, sample_draft
from daemon.providers.custom_webhook.setup import CAPABILITIES, CustomSettings
from daemon.providers.custom_webhook.words import WORDS
from tests.providers.custom_webhook_bench import CustomBench, json_settings

PAGE = (Path(__file__).parents[2] / "docs" / "providers" / "custom_webhook.md").read_text("utf-8")
BLOCKS = dict(re.findall(r"```json (\w+)\n(.*?)```", PAGE, re.DOTALL))
SAMPLE = canonical(sample_draft(), from_unix(1_795_348_800))


def shown(name: str) -> Any:
    return json.loads(BLOCKS[name].replace("\n", " ") if name == "body" else BLOCKS[name])


def test_the_settings_of_the_page_are_accepted() -> None:
    settings = CustomSettings.model_validate(shown("settings"))

    assert settings.status is not None and settings.status.word("BEZAHLT") == "paid"
    CustomSettings.model_validate(json_settings(**shown("hints")))


def test_the_body_of_the_page_is_the_one_that_is_sent() -> None:
    preview = CustomBench().adapter().preview(None)
    assert json.loads(preview["body"])["data"] == shown("body")["data"]


def test_the_mappings_of_the_page_work() -> None:
    tree = shown("mapping")
    mapping.check(tree, SAMPLE)
    made = json.loads(mapping.dumps(mapping.render(tree, SAMPLE)))
    assert (made["totalCents"], made["issued"], made["currencyCode"]) == (17850, "01.01.2026", "978")

    markup.check(shown("xml"), SAMPLE)
    assert "178.50" in markup.write(shown("xml"), SAMPLE)


@pytest.mark.parametrize("word", sorted(WORDS))
def test_every_word_of_the_table_is_on_the_page(word: str) -> None:
    assert f"`{word}`" in PAGE


def test_the_numbers_of_the_page_are_those_of_the_adapter() -> None:
    assert "20 seconds" in PAGE and CAPABILITIES.deadline_s == 20
    assert "15\nminutes" in PAGE and CAPABILITIES.min_poll_s == 900
    (limit,) = CAPABILITIES.limits
    assert "five calls a second" in PAGE and (limit.calls, limit.per_s) == (5, 1.0)
