"""Dunning in the configuration: both ways to write it, and what is wrong said plainly."""

from __future__ import annotations

import re
import tomllib
from datetime import date, time
from decimal import Decimal
from pathlib import Path

import pytest

from daemon.errors import ConfigError
from daemon.model.dunning import DunningRules, DunningStep, ServiceStatus
from daemon.settings import Settings, load

S = ServiceStatus
OPERATING = Path(__file__).resolve().parents[2] / "docs" / "operating.md"


def loaded(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "wispbill.toml"
    path.write_text(text)
    return load(path, {})


def test_the_example_in_the_docs_means_what_it_says(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(\[dunning\].*?)```", OPERATING.read_text(), re.DOTALL)
    dunning = loaded(tmp_path, example).dunning

    assert dunning.rules_of("wisp-1") == DunningRules(
        (
            DunningStep(3, S.WARNED),
            DunningStep(14, S.SUSPENDED, time(10), Decimal("5.00")),
        ),
        holidays=frozenset({date(2030, 12, 25), date(2030, 12, 26)}),
    )
    own = dunning.rules_of("wisp-2")
    assert (own.steps, own.weekends) == ((DunningStep(5, S.WARNED),), True)
    assert own.holidays == dunning.holidays


def test_steps_on_one_line_and_in_tables_are_the_same(tmp_path: Path) -> None:
    line = loaded(tmp_path, '[dunning]\nsteps = [{ days = 4, status = "warned" }]\nholidays = [2030-01-01]\n')
    tables = loaded(
        tmp_path, '[dunning]\nholidays = ["2030-01-01"]\n[[dunning.steps]]\ndays = 4\nstatus = "warned"\n'
    )
    assert line.dunning == tables.dunning


def test_without_steps_nobody_is_dunned(tmp_path: Path) -> None:
    assert loaded(tmp_path, "[dunning]\nsteps = []\n").dunning.rules_of("x").steps == ()


WRONG = [
    ("steps = 3", "must be a list of steps"),
    ("steps = [{ days = 3 }]", "must have steps like"),
    ('steps = [{ days = 3, status = "warned", hour = 9 }]', "must have steps like"),
    ('steps = [{ days = 0, status = "warned" }]', "from 1 to 365"),
    ('steps = [{ days = true, status = "warned" }]', "from 1 to 365"),
    ('steps = [{ days = 3, status = "closed" }]', "must be one of warned, throttled, suspended"),
    ('steps = [{ days = 3, status = "warned", at = "9" }]', "in the tenant's zone"),
    ('steps = [{ days = 3, status = "warned", minimum = 5.0 }]', "an amount in quotes"),
    (
        'steps = [{ days = 9, status = "warned" }, { days = 3, status = "suspended" }]',
        "must go on by rising days",
    ),
    (
        'steps = [{ days = 3, status = "suspended" }, { days = 9, status = "warned" }]',
        "never from a worse status",
    ),
    ('steps = [{ days = 3, status = "warned", at = "16:30" }]', "leave one before they end"),
    ('hours = "17:00-09:00"', "at least one hour"),
    ('hours = "09:00-09:59"', "at least one hour"),
    ('hours = "always"', "at least one hour"),
    ('holidays = ["Christmas"]', "must be a list of dates"),
    ("holidays = [3]", "must be a list of dates"),
    ("[[dunning.tenants]]\nsteps = []", "must have the keys"),
    ('[[dunning.tenants]]\ntenant = "a"\nhours = "x"', "hours must be at least one hour"),
    ('[[dunning.tenants]]\ntenant = "a"\n[[dunning.tenants]]\ntenant = "a"', "must name each tenant once"),
    (
        '[[dunning.tenants]]\ntenant = "a"\nhours = "12:00-14:00"\n'
        'steps = [{ days = 3, status = "warned", at = "10:00" }]',
        "must lie within the hours",
    ),
]


@pytest.mark.parametrize(("text", "told"), WRONG)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, f"[dunning]\n{text}\n")
    (line,) = caught.value.message.splitlines()
    assert told in line
    assert "wispbill.toml, line " in line


def test_the_examples_of_this_page_are_toml() -> None:
    for text, _told in WRONG:
        tomllib.loads(f"[dunning]\n{text}\n")
