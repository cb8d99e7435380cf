"""The office of the API's tests with its staff, and a world of one of everything in two tenants."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.asking import Office, build_office
from tests.dashboard.staffed import World


@pytest.fixture
def office(tmp_path: Path, empty_database: Path) -> Iterator[Office]:
    # Typing a password for each of hundreds of requests would be the throttle's test.
    built = build_office(tmp_path, empty_database, dashboard__per_minute=100_000)
    yield built
    built.house.close()


@pytest.fixture
def world(office: Office) -> World:
    return World(office)
